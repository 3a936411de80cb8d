//! Votes: one voter, one ballot, counted the same way whatever platform carried it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, ids::InstallationId, snapshot::BallotView};

/// What a ballot says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum BallotValue {
    /// Yes or no.
    Boolean(bool),
    /// One of the options.
    Choice(String),
}

/// What a voter says, before it is known whether it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cast {
    /// This option.
    For(String),
    /// The earlier ballot is taken back.
    Retract,
}

/// What can be voted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PollKind {
    /// Yes or no.
    Boolean,
    /// One of several options.
    Choice,
}

impl PollKind {
    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Choice => "choice",
        }
    }

    /// The kind with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Boolean, Self::Choice].into_iter().find(|k| k.as_str() == text)
    }
}

/// A vote that has been started for a proposal. One proposal has at most one; starting another replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// What is asked.
    pub kind: PollKind,
    /// The text above the options.
    pub text: String,
    /// The options as shown; `yes` and `no` for a boolean poll.
    pub options: Vec<String>,
    /// The installation it was posted through.
    pub installation: InstallationId,
    /// Account ids of those who may vote, fixed at the start; `None` means everybody.
    pub electorate: Option<Vec<String>>,
    /// The place it was posted in.
    pub channel: String,
    /// The post that carries it.
    pub post_id: String,
    /// Where it can be seen.
    pub url: Option<String>,
}

/// Why a ballot does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No such vote, or it belongs to somebody else.
    Unknown,
    /// The vote is over.
    Closed,
    /// The voter is not in the electorate.
    NotEligible,
    /// There is no such option.
    NoSuchOption,
}

impl Refusal {
    /// What the person is told.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Unknown => "This vote is not known here.",
            Self::Closed => "This vote is closed, so your choice was not counted.",
            Self::NotEligible => "You are not among the people who may vote here, so your choice was not counted.",
            Self::NoSuchOption => "This vote has no such option.",
        }
    }
}

impl Poll {
    /// Reads what a voter said as a ballot, or says why it does not count. `open` is whether the vote still runs; `None`
    /// is a ballot taken back.
    ///
    /// # Errors
    /// A [`Refusal`] to be shown to the voter.
    pub fn accept(&self, voter: &str, cast: &Cast, open: bool) -> Result<Option<BallotValue>, Refusal> {
        if !open {
            return Err(Refusal::Closed);
        }
        if self.electorate.as_ref().is_some_and(|people| !people.iter().any(|p| p == voter)) {
            return Err(Refusal::NotEligible);
        }
        let option = match cast {
            Cast::For(option) => option.as_str(),
            Cast::Retract => return Ok(None),
        };
        match (self.kind, option) {
            (PollKind::Boolean, "yes") => Ok(Some(BallotValue::Boolean(true))),
            (PollKind::Boolean, "no") => Ok(Some(BallotValue::Boolean(false))),
            (PollKind::Choice, option) if self.options.iter().any(|o| o == option) => {
                Ok(Some(BallotValue::Choice(option.to_owned())))
            }
            _ => Err(Refusal::NoSuchOption),
        }
    }

    /// Who chose what, in the order of the options; voters in the order they voted.
    pub fn tally(&self, ballots: &[BallotView]) -> Vec<TallyRow> {
        let mut by_option: BTreeMap<&str, Vec<(Timestamp, String)>> = BTreeMap::new();
        for ballot in ballots {
            let option = match &ballot.value {
                BallotValue::Boolean(true) => "yes",
                BallotValue::Boolean(false) => "no",
                BallotValue::Choice(option) => option,
            };
            by_option.entry(option).or_default().push((ballot.cast_at, ballot.voter.external_id.clone()));
        }
        self.options
            .iter()
            .map(|option| {
                let mut voters = by_option.remove(option.as_str()).unwrap_or_default();
                voters.sort();
                TallyRow { option: option.clone(), voters: voters.into_iter().map(|(_, voter)| voter).collect() }
            })
            .collect()
    }
}

/// One line of a tally.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyRow {
    /// The option.
    pub option: String,
    /// Account ids of those who chose it.
    pub voters: Vec<String>,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn poll(kind: PollKind, electorate: Option<&[&str]>) -> Poll {
        Poll {
            kind,
            text: "Tea?".to_owned(),
            options: vec!["yes".to_owned(), "no".to_owned()],
            installation: InstallationId::from_uuid(Uuid::nil()),
            electorate: electorate.map(|people| people.iter().map(|p| (*p).to_owned()).collect()),
            channel: "C1".to_owned(),
            post_id: "1.1".to_owned(),
            url: None,
        }
    }

    fn to(option: &str) -> Cast {
        Cast::For(option.to_owned())
    }

    #[test]
    fn only_those_who_may_vote_are_counted() {
        let some = poll(PollKind::Boolean, Some(&["U1", "U2"]));
        assert_eq!(some.accept("U2", &to("yes"), true), Ok(Some(BallotValue::Boolean(true))));
        assert_eq!(some.accept("U3", &to("yes"), true), Err(Refusal::NotEligible));
        assert_eq!(poll(PollKind::Boolean, Some(&[])).accept("U1", &to("yes"), true), Err(Refusal::NotEligible));
        assert_eq!(poll(PollKind::Boolean, None).accept("U3", &to("no"), true), Ok(Some(BallotValue::Boolean(false))));
    }

    #[test]
    fn nobody_votes_after_the_end() {
        assert_eq!(poll(PollKind::Boolean, None).accept("U1", &to("yes"), false), Err(Refusal::Closed));
        assert_eq!(poll(PollKind::Choice, Some(&["U1"])).accept("U1", &to("no"), false), Err(Refusal::Closed));
    }

    #[test]
    fn a_ballot_is_taken_back_only_by_those_who_may_vote_and_while_the_vote_runs() {
        let some = poll(PollKind::Boolean, Some(&["U1"]));
        assert_eq!(some.accept("U1", &Cast::Retract, true), Ok(None));
        assert_eq!(some.accept("U2", &Cast::Retract, true), Err(Refusal::NotEligible));
        assert_eq!(some.accept("U1", &Cast::Retract, false), Err(Refusal::Closed));
    }

    #[test]
    fn what_is_no_option_is_no_ballot() {
        assert_eq!(poll(PollKind::Boolean, None).accept("U1", &to("maybe"), true), Err(Refusal::NoSuchOption));
        assert_eq!(poll(PollKind::Choice, None).accept("U1", &to("maybe"), true), Err(Refusal::NoSuchOption));
        assert_eq!(
            poll(PollKind::Choice, None).accept("U1", &to("no"), true),
            Ok(Some(BallotValue::Choice("no".to_owned())))
        );
    }
}
