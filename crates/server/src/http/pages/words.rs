//! How states, moments and counts read. One place, so that the same thing is called the same everywhere.

use policykit_core::{
    JsonMap, Timestamp,
    action::Origin,
    call::CallState,
    clock::civil_from_days,
    descriptor::{Field, FieldKind},
    policy::PolicyKind,
    proposal::{EffectStatus, Status},
};

/// A state as people see it: a drawn mark and a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Name of the drawing.
    pub(crate) icon: &'static str,
    /// Class that gives the colour.
    pub(crate) tone: &'static str,
    /// The word.
    pub(crate) word: &'static str,
}

const fn mark(icon: &'static str, tone: &'static str, word: &'static str) -> Mark {
    Mark { icon, tone, word }
}

/// What has been decided.
pub(crate) const fn decision(status: Status) -> Mark {
    match status {
        Status::Proposed => mark("clock", "wait", "Open"),
        Status::Passed => mark("tick", "good", "Passed"),
        Status::Failed => mark("cross", "against", "Refused"),
        Status::Held => mark("warn", "bad", "Held"),
        Status::Superseded => mark("dash", "quiet", "Handed on"),
    }
}

/// Whether it has happened; nothing where nothing had to.
pub(crate) const fn effect(effect: EffectStatus, status: Status) -> Option<Mark> {
    // What a passed proposal wants is that something is done; any other wants it undone.
    let doing = matches!(status, Status::Passed);
    Some(match (effect, doing) {
        (EffectStatus::None, _) => return None,
        (EffectStatus::Pending, true) => mark("clock", "wait", "Execution pending"),
        (EffectStatus::Pending, false) => mark("clock", "wait", "Undoing pending"),
        (EffectStatus::Done, true) => mark("redo", "good", "Done"),
        (EffectStatus::Done, false) => mark("undo", "quiet", "Undone"),
        (EffectStatus::Refused, true) => mark("cross", "bad", "The platform refused to do it"),
        (EffectStatus::Refused, false) => mark("cross", "bad", "The platform refused to undo it"),
        (EffectStatus::Uncertain, true) => mark("question", "wait", "May or may not be done"),
        (EffectStatus::Uncertain, false) => mark("question", "wait", "May or may not be undone"),
    })
}

/// Where a call stands.
pub(crate) const fn call_state(state: CallState) -> Mark {
    match state {
        CallState::Planned => mark("clock", "wait", "To be sent"),
        CallState::Sending => mark("clock", "wait", "Being sent"),
        CallState::Sent => mark("tick", "good", "Done"),
        CallState::Retry => mark("clock", "wait", "To be sent again"),
        CallState::Failed => mark("cross", "bad", "Refused by the platform"),
        CallState::Uncertain => mark("question", "wait", "May have happened"),
        CallState::SettledByPerson => mark("tick", "quiet", "Settled by a person"),
    }
}

/// What a call is for, in words.
pub(crate) fn purpose(purpose: &str) -> String {
    match purpose {
        "revert" => "Undo the action".to_owned(),
        "execute" => "Carry out the action".to_owned(),
        "close" => "Close the vote".to_owned(),
        "redraw" => "Show the votes".to_owned(),
        "reply" => "Answer a voter".to_owned(),
        block => format!("Asked for by the rule’s “{block}” part"),
    }
}

/// A moment as people read it, in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// For programs.
    pub(crate) iso: String,
    /// For people: `Mon 23 Nov 2026 16:15`.
    pub(crate) text: String,
}

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment as people read it.
pub(crate) fn moment(at: Timestamp) -> Moment {
    let day = at.secs().div_euclid(86_400);
    let second = at.secs().rem_euclid(86_400);
    let (year, month, date) = civil_from_days(day);
    // The first day counted, 1970-01-01, was a Thursday.
    let weekday = usize::try_from(day.rem_euclid(7)).ok().and_then(|i| DAYS.get(i)).copied().unwrap_or_default();
    let month = usize::try_from(month - 1).ok().and_then(|i| MONTHS.get(i)).copied().unwrap_or_default();
    Moment {
        iso: at.to_string(),
        text: format!(
            "{weekday} {date} {month} {year} {:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        ),
    }
}

/// A day as people read it, in UTC: `Monday 23 November 2026`.
pub(crate) fn day(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let day = at.secs().div_euclid(86_400);
    let (year, month, date) = civil_from_days(day);
    let weekday = usize::try_from(day.rem_euclid(7)).ok().and_then(|i| DAYS.get(i)).copied().unwrap_or_default();
    let month = usize::try_from(month - 1).ok().and_then(|i| MONTHS.get(i)).copied().unwrap_or_default();
    format!("{weekday} {date} {month} {year}")
}

/// A number at the beginning of a sentence: a word up to twelve.
pub(crate) fn in_words(n: usize) -> String {
    const WORDS: [&str; 13] =
        ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"];
    WORDS.get(n).map_or_else(|| n.to_string(), |word| (*word).to_owned())
}

/// `1 vote`, `2 votes`, `no votes`.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    match n {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}

/// The heading of a proposal: who did or wants what.
pub(crate) fn title(label: &str, initiator: Option<&str>, origin: Origin) -> String {
    match (initiator, origin) {
        (Some(who), Origin::Platform) => format!("{who}: {label}"),
        (Some(who), Origin::PolicyKit) => format!("{who} proposes to {label}"),
        (None, _) => {
            let mut letters = label.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    }
}

/// What is told of an action in a private conversation to those who may not read it.
pub(crate) const WITHHELD: &str = "Said in a private conversation. Whoever said it reads it here, whoever its vote asks by \
                                   name, and whoever has a role that may read private conversations.";

/// The heading of a proposal for somebody from whom what it says may be withheld.
pub(crate) fn heading(title: String, withheld: bool) -> String {
    if withheld { format!("{title}, in a private conversation") } else { title }
}

/// The words of the action itself, where it has any: a text or a name. The name that a change of the rules gives stands in its
/// heading, with what it changes.
pub(crate) fn excerpt(kind: PolicyKind, fields: &JsonMap, longest: usize) -> Option<String> {
    spoken(fields)
        .filter(|(field, _)| kind != PolicyKind::Constitution || *field == "text")
        .map(|(_, text)| cut(text, longest))
}

/// What sort of value the words of the action are.
pub(crate) fn excerpt_kind(fields: &JsonMap, described: &[Field]) -> FieldKind {
    let named = spoken(fields).and_then(|(name, _)| described.iter().find(|field| field.name == name));
    named.map_or(FieldKind::Text, |field| field.kind)
}

/// The field with the words of the action.
fn spoken(fields: &JsonMap) -> Option<(&'static str, &str)> {
    ["text", "name", "title", "topic"].into_iter().find_map(|key| {
        let text = fields.get(key).and_then(serde_json::Value::as_str).filter(|t| !t.trim().is_empty())?;
        Some((key, text))
    })
}

/// A text of so many letters at most, with a sign where it was cut.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    let mut short: String = text.chars().take(longest).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_day_and_time() {
        assert_eq!(moment(Timestamp::from_secs(0)).text, "Thu 1 Jan 1970 00:00:00");
        assert_eq!(moment(Timestamp::from_secs(1_795_450_506)).text, "Mon 23 Nov 2026 16:15:06");
        assert_eq!(moment(Timestamp::from_secs(-1)).text, "Wed 31 Dec 1969 23:59:59");
    }

    #[test]
    fn verdict_and_effect_are_separate_words() {
        let passed = effect(EffectStatus::Pending, Status::Passed).expect("a word");
        assert_eq!((decision(Status::Passed).word, passed.word), ("Passed", "Execution pending"));
        assert_eq!(effect(EffectStatus::None, Status::Passed), None);
        assert_eq!(
            effect(EffectStatus::Refused, Status::Failed).expect("a word").word,
            "The platform refused to undo it"
        );
    }

    #[test]
    fn a_title_says_who_and_what() {
        assert_eq!(title("rename a channel", Some("Fen Li"), Origin::Platform), "Fen Li: rename a channel");
        assert_eq!(title("rename a channel", Some("Fen Li"), Origin::PolicyKit), "Fen Li proposes to rename a channel");
        assert_eq!(title("rename a channel", None, Origin::Platform), "Rename a channel");
    }

    #[test]
    fn an_excerpt_is_cut_between_letters() {
        let fields: JsonMap = [("text".to_owned(), serde_json::Value::from("ääää"))].into_iter().collect();
        assert_eq!(excerpt(PolicyKind::Platform, &fields, 3).as_deref(), Some("äää…"));
        assert_eq!(excerpt(PolicyKind::Platform, &fields, 4).as_deref(), Some("ääää"));
        assert_eq!(excerpt(PolicyKind::Platform, &JsonMap::new(), 4), None);
        // What a change of the rules is called stands in its heading.
        let named: JsonMap = [("name".to_owned(), "Charter".into())].into_iter().collect();
        assert_eq!(excerpt(PolicyKind::Constitution, &named, 9), None);
    }
}
