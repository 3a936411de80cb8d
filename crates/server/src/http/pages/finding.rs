//! The reason in one sentence: which rule, which fact, and what became of the action.

use std::fmt;

use policykit_core::{
    action::Origin,
    proposal::{EffectStatus, Status},
};

use super::words::count;

/// The facts the sentence is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// Name of the rule.
    pub(crate) policy: &'a str,
    /// Whether the action had happened when the rule was asked.
    pub(crate) origin: Origin,
    /// What was decided.
    pub(crate) status: Status,
    /// Whether it has happened.
    pub(crate) effect: EffectStatus,
    /// Why not.
    pub(crate) effect_note: Option<&'a str>,
    /// Whether the action is undone at the moment.
    pub(crate) reverted: bool,
    /// Votes per answer, once a vote was started.
    pub(crate) votes: Option<&'a [(String, usize)]>,
    /// Whether a person decided in the place of a rule that could not.
    pub(crate) by: Option<&'a str>,
}

/// A sentence around the name of a rule, so that pages can set the name apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// Before the name.
    pub(crate) before: String,
    /// The name; empty in a sentence that names no rule.
    pub(crate) rule: String,
    /// After the name.
    pub(crate) after: String,
}

impl Sentence {
    /// One that names no rule.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { before: text.into(), rule: String::new(), after: String::new() }
    }

    /// One around the name of a rule, which stands in it in quotation marks.
    pub(crate) fn around(rule: &str, text: &str) -> Self {
        match text.split_once(&format!("“{rule}”")) {
            Some((before, after)) if !rule.is_empty() => {
                Self { before: before.to_owned(), rule: rule.to_owned(), after: after.to_owned() }
            }
            _ => Self::plain(text),
        }
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rule.is_empty() {
            return f.write_str(&self.before);
        }
        write!(f, "{}“{}”{}", self.before, self.rule, self.after)
    }
}

/// The sentence.
pub(crate) fn finding(facts: &Facts<'_>) -> Sentence {
    Sentence::around(facts.policy, &text(facts))
}

fn text(facts: &Facts<'_>) -> String {
    let policy = facts.policy;
    let votes = votes(facts.votes);
    let note = facts.effect_note.map(|n| format!(": {}", n.trim_end_matches('.'))).unwrap_or_default();
    match facts.status {
        Status::Proposed => {
            let now = match (facts.reverted, facts.effect) {
                (true, _) => "Undone for now",
                (false, EffectStatus::Pending) => "Open, and being undone",
                (false, _) => "Open",
            };
            match &votes {
                Some(votes) => format!("{now}, because “{policy}” asks for a vote first; so far {votes}."),
                None => format!("{now}, because “{policy}” has not decided yet."),
            }
        }
        Status::Passed => {
            let with = with(facts.by, votes);
            let then = match facts.effect {
                EffectStatus::None if facts.reverted => "it stays undone".to_owned(),
                EffectStatus::None => "nothing more had to be done".to_owned(),
                EffectStatus::Pending => "carrying it out is pending".to_owned(),
                EffectStatus::Done => format!("it was carried out{note}"),
                EffectStatus::Refused if facts.origin == Origin::PolicyKit => {
                    format!("it could not be carried out{note}")
                }
                EffectStatus::Refused => format!("the platform refused to carry it out{note}"),
                EffectStatus::Uncertain => format!("it may or may not have been carried out{note}"),
            };
            format!("Passed under “{policy}”{with}; {then}.")
        }
        Status::Failed => {
            let with = with(facts.by, votes);
            let then = match facts.effect {
                EffectStatus::None if facts.origin == Origin::PolicyKit => "it was not done".to_owned(),
                EffectStatus::None if facts.reverted => "it stays undone".to_owned(),
                EffectStatus::None => "nothing had to be undone".to_owned(),
                EffectStatus::Pending => "undoing it is pending".to_owned(),
                EffectStatus::Done => format!("it was undone{note}"),
                EffectStatus::Refused => {
                    format!("it stands all the same, because the platform refused to undo it{note}")
                }
                EffectStatus::Uncertain => format!("it may or may not have been undone{note}"),
            };
            format!("Refused under “{policy}”{with}; {then}.")
        }
        Status::Held => {
            let then = match facts.origin {
                Origin::PolicyKit => "nothing is done",
                Origin::Platform if facts.reverted => "the action stays undone",
                Origin::Platform => "the action stands",
            };
            format!(
                "Held, because the code of “{policy}” raised an error before it could decide; until a person settles it, {then}."
            )
        }
        Status::Superseded => {
            format!("Handed on to the next rule, because the code of “{policy}” raised an error.")
        }
    }
}

/// What it was decided with: a person's word, or votes.
fn with(by: Option<&str>, votes: Option<String>) -> String {
    match (by, votes) {
        (Some(by), _) => format!(" by {by}, because the rule could not decide"),
        (None, Some(votes)) => format!(" with {votes}"),
        (None, None) => String::new(),
    }
}

fn votes(rows: Option<&[(String, usize)]>) -> Option<String> {
    let rows = rows?;
    let all: usize = rows.iter().map(|(_, n)| n).sum();
    if all == 0 {
        return Some("no votes".to_owned());
    }
    let parts: Vec<String> = rows.iter().filter(|(_, n)| *n > 0).map(|(option, n)| format!("{n} {option}")).collect();
    Some(match parts.split_last() {
        Some((last, [])) if all == 1 => format!("one vote, {}", last.trim_start_matches("1 ")),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => count(0, "vote", "votes"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Facts<'_> = Facts {
        policy: "Vote on renames",
        origin: Origin::Platform,
        status: Status::Proposed,
        effect: EffectStatus::None,
        effect_note: None,
        reverted: false,
        votes: None,
        by: None,
    };

    fn say(facts: &Facts<'_>) -> String {
        finding(facts).to_string()
    }

    #[test]
    fn an_open_vote_says_that_it_is_undone_for_now_and_how_it_stands() {
        let rows = [("yes".to_owned(), 2), ("no".to_owned(), 1)];
        let facts = Facts { reverted: true, effect: EffectStatus::Done, votes: Some(&rows), ..BASE };
        assert_eq!(
            say(&facts),
            "Undone for now, because “Vote on renames” asks for a vote first; so far 2 yes and 1 no."
        );
        let none = [("yes".to_owned(), 0), ("no".to_owned(), 0)];
        assert!(say(&Facts { votes: Some(&none), ..facts }).ends_with("so far no votes."));
        let one = [("yes".to_owned(), 1), ("no".to_owned(), 0)];
        assert!(say(&Facts { votes: Some(&one), ..facts }).ends_with("so far one vote, yes."));
    }

    #[test]
    fn passed_and_done_are_told_apart() {
        let facts = Facts { status: Status::Passed, effect: EffectStatus::Pending, ..BASE };
        assert_eq!(say(&facts), "Passed under “Vote on renames”; carrying it out is pending.");
        assert_eq!(
            say(&Facts { effect: EffectStatus::Done, ..facts }),
            "Passed under “Vote on renames”; it was carried out."
        );
    }

    #[test]
    fn a_platform_that_refuses_to_undo_is_named_with_its_reason() {
        let facts = Facts {
            status: Status::Failed,
            effect: EffectStatus::Refused,
            effect_note: Some("only an admin may delete this message."),
            ..BASE
        };
        assert_eq!(
            say(&facts),
            "Refused under “Vote on renames”; it stands all the same, because the platform refused to undo it: \
             only an admin may delete this message."
        );
    }

    #[test]
    fn who_decides_in_the_place_of_a_broken_rule_is_named() {
        let facts = Facts { status: Status::Passed, effect: EffectStatus::Done, by: Some("Dana"), ..BASE };
        assert_eq!(
            say(&facts),
            "Passed under “Vote on renames” by Dana, because the rule could not decide; it was carried out."
        );
    }

    #[test]
    fn an_error_is_not_called_a_decision() {
        let held = say(&Facts { status: Status::Held, ..BASE });
        assert!(held.starts_with("Held, because the code of “Vote on renames” raised an error"), "{held}");
        assert!(held.ends_with("the action stands."), "{held}");
        let proposed = Facts { origin: Origin::PolicyKit, status: Status::Held, ..BASE };
        assert!(say(&proposed).ends_with("until a person settles it, nothing is done."), "{}", say(&proposed));
        assert!(say(&Facts { status: Status::Superseded, ..BASE }).starts_with("Handed on to the next rule"));
    }
}
