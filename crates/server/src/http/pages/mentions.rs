//! What people wrote as they read it where they wrote it: with names for whom and what they mention. Records stay as they
//! are; only what is shown is put this way.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{descriptor::FieldKind, ids::InstallationId};
use policykit_platforms::{
    Platform,
    platform::{Mention, Names},
};
use policykit_store::{ProposalLine, Scoped, StoreError};

use super::{line::LineView, words};
use crate::http::{AppState, auth::Viewer};

/// How many letters of what somebody wrote stand in a line.
const IN_A_LINE: usize = 80;

/// How many words of what a rule noted are looked up as what may be ids of channels.
const MOST_WORDS: usize = 200;
/// Shorter words are no ids worth a look.
const SHORTEST_ID: usize = 4;

/// A text about to be shown.
pub(crate) struct Written<'a> {
    /// Where it was written; what was written nowhere is nobody's notation.
    pub(crate) at: Option<InstallationId>,
    /// What it says, to be put as people read it.
    pub(crate) text: &'a mut String,
    /// How it was written.
    pub(crate) notation: Notation<'a>,
}

/// How a text was written.
pub(crate) enum Notation<'a> {
    /// In the platform's notation of mentions.
    Mentions,
    /// The same, with words marked up.
    Marked,
    /// It is the id of a channel. Where its name takes its place, the id goes here.
    Channel(&'a mut Option<String>),
    /// By a rule, in which ids stand among other words.
    Noted,
}

impl<'a> Written<'a> {
    /// A text in which words may be marked up.
    pub(crate) fn marked(at: Option<InstallationId>, text: &'a mut String) -> Self {
        Self { at, text, notation: Notation::Marked }
    }

    /// What somebody said in an action, in a field of this sort.
    pub(crate) fn said(at: Option<InstallationId>, text: &'a mut String, kind: FieldKind) -> Self {
        let notation = if kind == FieldKind::Markup { Notation::Marked } else { Notation::Mentions };
        Self { at, text, notation }
    }

    /// A field of an action.
    pub(crate) fn field(
        at: Option<InstallationId>,
        text: &'a mut String,
        kind: FieldKind,
        id: &'a mut Option<String>,
    ) -> Self {
        match kind {
            FieldKind::Channel => Self { at, text, notation: Notation::Channel(id) },
            _ => Self::said(at, text, kind),
        }
    }

    /// Whether anything may be mentioned in it.
    fn mentions_any(&self, platforms: &[&dyn Platform]) -> bool {
        match self.notation {
            Notation::Mentions => platforms.iter().any(|p| p.readable(self.text, &|_| None) != *self.text),
            Notation::Marked => platforms.iter().any(|p| p.plain(self.text, &|_| None) != *self.text),
            Notation::Channel(_) => !self.text.is_empty(),
            Notation::Noted => possible_ids(self.text).next().is_some(),
        }
    }

    /// What is mentioned in it.
    fn mentions(&self, platform: &dyn Platform) -> Vec<Mention> {
        match self.notation {
            Notation::Mentions | Notation::Marked => platform.mentions(self.text),
            Notation::Channel(_) => vec![Mention::Channel(self.text.clone())],
            Notation::Noted => possible_ids(self.text).map(|id| Mention::Channel(id.to_owned())).collect(),
        }
    }

    /// Puts the names in.
    fn name(&mut self, platform: &dyn Platform, names: &Names<'_>) {
        match &mut self.notation {
            Notation::Mentions => *self.text = platform.readable(self.text, names),
            Notation::Marked => *self.text = platform.plain(self.text, names),
            Notation::Channel(id) => {
                if let Some(name) = names(&Mention::Channel(self.text.clone())) {
                    **id = Some(std::mem::replace(self.text, format!("#{name}")));
                }
            }
            Notation::Noted => *self.text = noted(self.text, names),
        }
    }
}

/// Puts names into texts, as far as this reader may know them. Nothing is asked of the database where there is nothing to
/// put.
pub(crate) async fn name_all(
    app: &AppState,
    scope: &Scoped,
    reader: &Viewer,
    mut texts: Vec<Written<'_>>,
) -> Result<(), StoreError> {
    let registry = app.engine().registry();
    let platforms: Vec<&dyn Platform> = registry.descriptors().filter_map(|d| registry.get(d.id)).collect();
    texts.retain(|text| text.at.is_some() && text.mentions_any(&platforms));
    if texts.is_empty() {
        return Ok(());
    }
    for installation in scope.installations().await? {
        let Some(platform) = registry.get(&installation.platform) else { continue };
        let mut here: Vec<&mut Written<'_>> = texts.iter_mut().filter(|t| t.at == Some(installation.id)).collect();
        let (mut accounts, mut channels, mut words) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for text in &here {
            for mention in text.mentions(platform) {
                match (mention, &text.notation) {
                    (Mention::Account(id), _) => accounts.insert(id),
                    (Mention::Channel(word), Notation::Noted) => words.len() < MOST_WORDS && words.insert(word),
                    (Mention::Channel(id), _) => channels.insert(id),
                };
            }
        }
        channels.append(&mut words);
        let (accounts, channels): (Vec<String>, Vec<String>) =
            (accounts.into_iter().collect(), channels.into_iter().collect());
        let mut names: BTreeMap<Mention, String> = BTreeMap::new();
        if !accounts.is_empty() {
            let found = scope.users_by_external(installation.id, &accounts).await?;
            names.extend(found.into_iter().map(|user| (Mention::Account(user.external_id), user.name)));
        }
        if !channels.is_empty() {
            // Who is in a private channel is known to its platform alone: its name is shown to whoever sees everything.
            let all = reader.member().is_none();
            let found = scope.channels(installation.id, &channels).await?.into_iter().filter(|c| all || !c.is_private);
            names.extend(found.map(|channel| (Mention::Channel(channel.external_id), channel.name)));
        }
        // Whoever wrote it may have been told a name that this reader is not: it stands in the text beside the id.
        let id_alone = |mention: &Mention| match mention {
            Mention::Channel(id) if reader.member().is_some() => Some(id.clone()),
            _ => None,
        };
        for text in &mut here {
            let in_text = matches!(text.notation, Notation::Mentions | Notation::Marked);
            let name =
                |mention: &Mention| names.get(mention).cloned().or_else(|| id_alone(mention).filter(|_| in_text));
            text.name(platform, &name);
        }
    }
    Ok(())
}

/// Puts names into the lines of a list, then cuts what was written: the other way about a mention would be cut apart.
pub(crate) async fn name_lines(
    app: &AppState,
    scope: &Scoped,
    reader: &Viewer,
    found: &[ProposalLine],
    lines: &mut [LineView],
) -> Result<(), StoreError> {
    let mut texts: Vec<Written<'_>> = Vec::new();
    for (found, line) in found.iter().zip(lines.iter_mut()) {
        let asked_at = found.poll.as_ref().map(|poll| poll.installation);
        texts.push(Written::marked(asked_at, &mut line.question));
        let kind = line.excerpt_kind;
        texts.extend(line.excerpt.as_mut().map(|text| Written::said(found.installation, text, kind)));
    }
    name_all(app, scope, reader, texts).await?;
    for line in lines {
        line.excerpt = line.excerpt.take().map(|excerpt| words::cut(&excerpt, IN_A_LINE));
    }
    Ok(())
}

/// Words that may be ids: those with a digit or a capital in them, of letters that ids are made of.
fn possible_ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_of_id(c))
        .filter(|word| word.len() >= SHORTEST_ID && word.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase()))
}

fn is_of_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// A text in which whole words are ids of channels: with their names, and the ids behind them.
fn noted(text: &str, names: &Names<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|c| !is_of_id(c)).unwrap_or(rest.len()));
        match names(&Mention::Channel(word.to_owned())) {
            Some(name) => out.push_str(&format!("#{name} ({word})")),
            None => out.push_str(word),
        }
        let (between, next) = after.split_at(after.find(is_of_id).unwrap_or(after.len()));
        out.push_str(between);
        rest = next;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_of_a_note_are_named_and_nothing_else_is_touched() {
        let names = |mention: &Mention| (*mention == Mention::Channel("C0TEA".into())).then(|| "tea".to_owned());
        assert_eq!(noted("in C0TEA, not C0TEAM: «C0TEA»", &names), "in #tea (C0TEA), not C0TEAM: «#tea (C0TEA)»");
        assert_eq!(noted("", &names), "");
        assert_eq!(noted("C0TEA", &names), "#tea (C0TEA)");
        assert_eq!(possible_ids("said in C0TEA by ada, at 9").collect::<Vec<_>>(), ["C0TEA"]);
    }
}
