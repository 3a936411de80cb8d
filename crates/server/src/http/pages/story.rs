//! A proposal as its page shows it: everything that is known, put in order and into words.

mod acts;
mod booth;
mod change;
mod steps;
mod trace;

use askama::Template;
use policykit_core::{
    JsonMap,
    action::Origin,
    call::CallState,
    constitution::{
        ACCEPTS_LOCKOUT, DOC_NAME, INTEGRATION_NAME, POLICY_NAME, PREVIOUS_NAME, ROLE_NAME, USER_NAMES, spelled_out,
    },
    descriptor::{Field, FieldKind},
    policy::PolicyKind,
    proposal::{EffectStatus, Status},
};
use policykit_store::{CallRow, ProposalSheet};

use self::{
    booth::{Booth, VoteView},
    change::ChangeView,
    steps::StepView,
    trace::{CallView, LogView, RuleView, RunView},
};
use super::{
    finding::{Facts, Sentence, finding},
    line::tally,
    mentions::{Notation, Written},
    words::{self, Mark, Moment, decision, effect, moment, purpose},
};
use crate::http::chrome::Chrome;

pub(super) use acts::{routes, said};
pub(super) use trace::level;

/// The page of one proposal.
#[derive(Debug, Template)]
#[template(path = "proposal.html")]
pub(crate) struct ProposalPage {
    /// What every page needs.
    pub(crate) chrome: Chrome,
    /// Its content.
    pub(crate) page: StoryView,
}

/// What the reader may decide in the place of a rule that broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Settles {
    /// Nothing.
    #[default]
    Nothing,
    /// Nothing, because what it is about is withheld from them: their role would let them.
    Unseen,
    /// That it is refused: it is their own change of the rules.
    Refusal,
    /// Either way.
    Both,
}

/// What the reader may do besides reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rights {
    /// Whether they are a member, so that a vote can ask them.
    pub(crate) votes: bool,
    /// Whether they decide what the rule could not.
    pub(crate) settles_held: Settles,
    /// Whether they say what became of a call that nobody can tell about.
    pub(crate) settles_calls: bool,
}

/// What has just been done, for a line above the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Class.
    pub(crate) tone: &'static str,
    /// Drawing.
    pub(crate) icon: &'static str,
    /// What happened.
    pub(crate) heading: &'static str,
    /// What it means.
    pub(crate) text: String,
}

/// The content of the page.
#[derive(Debug, Clone)]
pub(crate) struct StoryView {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) where_from: &'static str,
    pub(crate) policy: String,
    pub(crate) policy_id: String,
    pub(crate) policy_version: i64,
    pub(crate) decision: Mark,
    pub(crate) effect: Option<Mark>,
    pub(crate) finding: Sentence,
    pub(crate) notice: Option<Notice>,
    pub(crate) error: Option<String>,
    pub(crate) error_advice: &'static str,
    pub(crate) held: Option<HeldView>,
    pub(crate) uncertain: Vec<UncertainView>,
    pub(crate) settles_calls: bool,
    pub(crate) steps: Vec<StepView>,
    /// What a change of the rules would change.
    pub(crate) change: Option<ChangeView>,
    pub(crate) fields: Vec<FieldView>,
    /// What policies call the fields.
    pub(crate) field_names: Vec<String>,
    /// Why there is nothing to read in it.
    pub(crate) withheld: Option<&'static str>,
    /// The type of the action, as policies name it.
    pub(crate) action_type: String,
    pub(crate) vote: Option<VoteView>,
    pub(crate) considered: Vec<RuleView>,
    pub(crate) not_shown: usize,
    pub(crate) runs: Vec<RunView>,
    pub(crate) looks: String,
    pub(crate) calls: Vec<CallView>,
    pub(crate) logs: Vec<LogView>,
    pub(crate) entries: Vec<(i64, &'static str)>,
    pub(crate) how: String,
    pub(crate) raw: String,
}

impl StoryView {
    /// What people and rules wrote, with where they did.
    fn written(&mut self, sheet: &ProposalSheet) -> Vec<Written<'_>> {
        let at = sheet.action.installation;
        let quotes = self.steps.iter_mut().filter_map(|step| step.quote.as_mut());
        let quotes = quotes.map(|quote| Written::said(at, &mut quote.text, quote.kind));
        let fields = self.fields.iter_mut().map(|f| Written::field(at, &mut f.value, f.kind, &mut f.id));
        let asked_at = sheet.proposal.poll.as_ref().map(|poll| poll.installation);
        let asked = self.vote.iter_mut().flat_map(VoteView::written).map(|text| Written::marked(asked_at, text));
        let reads = self.runs.iter_mut().flat_map(|run| run.reads.iter_mut()).flat_map(|(asked, said)| [asked, said]);
        let notes = reads.chain(self.logs.iter_mut().map(|line| &mut line.message));
        let notes = notes.map(|text| Written { at, text, notation: Notation::Noted });
        quotes.chain(fields).chain(asked).chain(notes).collect()
    }
}

/// A proposal that a person may decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldView {
    /// Whether this reader may.
    pub(crate) may: bool,
    /// Whether this reader's role would let them, and what it is about is withheld from them.
    pub(crate) unseen: bool,
    /// Whether it is this reader's own change of the rules: then somebody else lets it pass.
    pub(crate) own: bool,
    /// What passing it does.
    pub(crate) pass: &'static str,
    /// What refusing it does.
    pub(crate) refuse: &'static str,
}

/// A field of the action that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldView {
    /// What it holds, in words.
    pub(crate) what: String,
    /// What policies call it.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) value: String,
    /// What sort of value that is.
    pub(crate) kind: FieldKind,
    /// The platform's id of what the value names, where it names something.
    pub(crate) id: Option<String>,
}

/// What is known about actions of a type: how they read in a sentence, and what their fields hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) label: &'a str,
    pub(crate) fields: &'a [Field],
}

/// A call that a person must settle.
#[derive(Debug, Clone)]
pub(crate) struct UncertainView {
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) note: String,
    /// Whether what it is about is withheld from the reader: then somebody else says what became of it.
    pub(crate) withheld: bool,
}

/// Puts a proposal into words for this reader.
pub(crate) fn view(sheet: &ProposalSheet, known: Known<'_>, rights: Rights, notice: Option<Notice>) -> StoryView {
    let label = known.label;
    let (proposal, action, policy) = (&sheet.proposal, &sheet.action, &sheet.policy);
    let initiator = sheet.initiator.as_ref().map(|u| u.name.as_str());
    let votes = proposal.poll.as_ref().map(|poll| tally(poll, &sheet.tally));
    let by = sheet.entries.iter().rev().find_map(|(_, _, by)| by.as_deref());
    let (considered, not_shown) = trace::considered(sheet);
    let is_held = proposal.status == Status::Held;
    StoryView {
        id: proposal.id.to_string(),
        title: words::heading(words::title(label, initiator, action.origin), sheet.withheld),
        where_from: match action.origin {
            Origin::Platform => "done on the platform",
            Origin::PolicyKit => "proposed here",
        },
        policy: policy.draft.name.clone(),
        policy_id: policy.id.to_string(),
        policy_version: policy.version,
        decision: decision(proposal.status),
        effect: effect(proposal.effect, proposal.status),
        finding: finding(&Facts {
            policy: &policy.draft.name,
            origin: action.origin,
            status: proposal.status,
            effect: proposal.effect,
            effect_note: proposal.effect_note.as_deref(),
            reverted: action.reverted,
            votes: votes.as_deref(),
            by,
        }),
        notice,
        error: proposal.error.clone(),
        error_advice: match proposal.status {
            Status::Held => "Nothing was decided. Correct the rule; new actions then run under the corrected version.",
            _ => "Correct the rule; new actions then run under the corrected version.",
        },
        held: is_held.then(|| held(sheet, rights)),
        uncertain: sheet.calls.iter().filter(|c| c.state == CallState::Uncertain).map(uncertain).collect(),
        settles_calls: rights.settles_calls && !sheet.withheld,
        steps: steps::steps(sheet, known, initiator),
        change: None,
        field_names: fields(&action.fields, known.fields).into_iter().map(|field| field.name).collect(),
        fields: match action.kind {
            PolicyKind::Constitution => named(fields(&action.fields, known.fields)),
            PolicyKind::Platform | PolicyKind::Trigger => fields(&action.fields, known.fields),
        },
        withheld: sheet.withheld.then_some(words::WITHHELD),
        action_type: action.action_type.clone(),
        vote: booth::view(sheet, rights),
        considered,
        not_shown,
        runs: sheet.shown.iter().map(trace::run).collect(),
        looks: match sheet.looks {
            0 => "The rule has not looked yet.".to_owned(),
            1 => "The rule has looked once.".to_owned(),
            looks => format!("The rule has looked {looks} times; the first and the latest looks are shown."),
        },
        calls: sheet.calls.iter().map(trace::call).collect(),
        logs: sheet.logs.iter().map(trace::log).collect(),
        entries: sheet.entries.iter().map(|(seq, kind, _)| (*seq, super::decisions::kind_words(kind))).collect(),
        how: policy.draft.blocks.check.clone(),
        raw: trace::raw(sheet),
    }
}

fn held(sheet: &ProposalSheet, rights: Rights) -> HeldView {
    let undone = sheet.action.reverted;
    let reversible = sheet.action.origin == Origin::Platform;
    HeldView {
        may: matches!(rights.settles_held, Settles::Refusal | Settles::Both),
        unseen: rights.settles_held == Settles::Unseen,
        own: rights.settles_held == Settles::Refusal,
        pass: match (reversible, undone) {
            (true, false) => "It stands as it is on the platform.",
            (true, true) => "It is done again on the platform.",
            (false, _) => "It is carried out.",
        },
        refuse: match (reversible, undone) {
            (true, false) => "It is undone on the platform.",
            (true, true) => "It stays undone.",
            (false, _) => "It is not carried out.",
        },
    }
}

/// The fields that say something, in the order of the description; those it does not know follow.
fn fields(action: &JsonMap, described: &[Field]) -> Vec<FieldView> {
    let field = |name: &str| described.iter().find(|f| f.name == name);
    let known = described.iter().filter_map(|f| action.get_key_value(f.name));
    let others = action.iter().filter(|(name, _)| field(name).is_none());
    known
        .chain(others)
        .map(|(name, value)| (name, trace::plain(value)))
        .filter(|(_, value)| !["", "null", "[]", "{}"].contains(&value.trim()))
        .map(|(name, value)| FieldView {
            // What describes an id to those who write rules does not describe the name that stands there.
            what: match field(name) {
                Some(f) if f.kind != FieldKind::Channel => f.doc.to_owned(),
                _ => name.replace('_', " "),
            },
            name: name.clone(),
            value,
            kind: field(name).map_or(FieldKind::Text, |f| f.kind),
            id: None,
        })
        .collect()
}

/// Of the fields of a change of the rules those that a person reads: what it changes line by line is shown as a whole, and ids
/// say nothing.
fn named(mut all: Vec<FieldView>) -> Vec<FieldView> {
    const READ: [&str; 11] = [
        "name",
        PREVIOUS_NAME,
        POLICY_NAME,
        ROLE_NAME,
        DOC_NAME,
        INTEGRATION_NAME,
        USER_NAMES,
        ACCEPTS_LOCKOUT,
        "platform",
        "external_id",
        "version",
    ];
    all.retain(|field| READ.contains(&field.name.as_str()));
    let renames = all.iter().any(|field| field.name == PREVIOUS_NAME);
    for field in &mut all {
        if renames && field.name == "name" {
            "the name it would have".clone_into(&mut field.what);
        }
        if field.name == USER_NAMES {
            let names: Vec<String> = serde_json::from_str(&field.value).unwrap_or_default();
            field.value = names.join(", ");
        }
        if field.name == ACCEPTS_LOCKOUT {
            "made even if nobody can change the rules afterwards".clone_into(&mut field.what);
            "yes".clone_into(&mut field.value);
        }
        field.value = spelled_out(&field.value);
    }
    all
}

/// A call that nobody can tell about, in words.
pub(crate) fn uncertain(row: &CallRow) -> UncertainView {
    let note = trace::outcome(row).unwrap_or_else(|| "It was sent, and no answer came.".to_owned());
    let mut letters = note.chars();
    let note = letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect());
    UncertainView {
        id: row.id.to_string(),
        what: format!("{} ({})", purpose(&row.purpose), row.call.operation),
        note: if note.ends_with('.') { note } else { note + "." },
        withheld: false,
    }
}

/// Whether what was decided still has to happen.
fn is_pending(effect: EffectStatus) -> bool {
    effect == EffectStatus::Pending
}

/// When the rule looks again by itself, for an open proposal.
fn next_look(sheet: &ProposalSheet) -> Option<Moment> {
    sheet.next_look.filter(|_| sheet.proposal.status == Status::Proposed).map(moment)
}

#[cfg(test)]
#[path = "story/tests.rs"]
mod tests;
