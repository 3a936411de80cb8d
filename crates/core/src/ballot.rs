//! Votes: one voter, one ballot, counted the same way whatever platform carried it.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Several of the options.
    Multi(BTreeSet<String>),
    /// An option for each candidate; those without one have not been decided upon, or no longer.
    Select(BTreeMap<String, Pick>),
}

/// What a voter picked for one candidate, and when: of two the later counts, in whatever order they arrive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pick {
    /// When it was picked.
    pub at: Timestamp,
    /// The option; `None` when it was taken back.
    pub option: Option<String>,
}

impl BallotValue {
    /// What was picked for candidates, without what was taken back.
    pub fn picks(&self) -> impl Iterator<Item = (&str, &str)> {
        let picks = if let Self::Select(picks) = self { Some(picks) } else { None };
        picks.into_iter().flatten().filter_map(|(candidate, pick)| Some((candidate.as_str(), pick.option.as_deref()?)))
    }

    /// The options chosen, where there are no candidates.
    pub fn options(&self) -> Vec<&str> {
        match self {
            Self::Boolean(true) => vec!["yes"],
            Self::Boolean(false) => vec!["no"],
            Self::Choice(option) => vec![option],
            Self::Multi(options) => options.iter().map(String::as_str).collect(),
            Self::Select(_) => Vec::new(),
        }
    }

    /// In words: `yes`, `tea and cake`, `Ada: tea, Bob: cake`.
    pub fn in_words(&self) -> String {
        if matches!(self, Self::Select(_)) {
            let picks: Vec<String> = self.picks().map(|(candidate, option)| format!("{candidate}: {option}")).collect();
            return if picks.is_empty() { "nothing".to_owned() } else { picks.join(", ") };
        }
        match self.options().as_slice() {
            [] => "nothing".to_owned(),
            [one] => (*one).to_owned(),
            [most @ .., last] => format!("{} and {last}", most.join(", ")),
        }
    }
}

/// What a voter says, before it is known whether it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cast {
    /// This option.
    For(String),
    /// These options, and no others.
    Several(BTreeSet<String>),
    /// This option for one of the candidates; what was picked for the others stays.
    Pick {
        /// The candidate.
        candidate: String,
        /// The option.
        option: String,
    },
    /// These options for these candidates, `None` where it is taken back; what was picked for the others stays.
    Picks(BTreeMap<String, Option<String>>),
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
    /// Several of several options.
    Multi,
    /// One of several options for each of several candidates.
    Select,
}

impl PollKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Boolean, Self::Choice, Self::Multi, Self::Select];

    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Choice => "choice",
            Self::Multi => "multi",
            Self::Select => "select",
        }
    }

    /// The kind with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }
}

/// Which vote it is: the installation and the post that carries it. A proposal may have one vote after the other, each with
/// ballots of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VoteKey(String);

impl VoteKey {
    /// The key of the vote in this post.
    pub fn of(installation: InstallationId, post_id: &str) -> Self {
        Self(format!("{installation}:{post_id}"))
    }

    /// Takes a key read from storage or from a form.
    pub const fn from_text(text: String) -> Self {
        Self(text)
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A vote that has been started for a proposal. At any time a proposal has at most one; starting another ends it, and the
/// ballots cast in it count no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// What is asked.
    pub kind: PollKind,
    /// The text above the options.
    pub text: String,
    /// The options as shown; `yes` and `no` for a boolean poll.
    pub options: Vec<String>,
    /// What an option is picked for each of; empty unless the kind is [`PollKind::Select`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// When it is to end, as its policy says; only shown, for it is the policy that ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<Timestamp>,
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
    /// Another vote of the same proposal has begun since.
    Replaced,
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
            Self::Replaced => {
                "This vote has given way to a later one about the same matter, so your choice was not counted."
            }
            Self::Closed => "This vote is closed, so your choice was not counted.",
            Self::NotEligible => "You are not among the people who may vote here, so your choice was not counted.",
            Self::NoSuchOption => "This vote has no such option.",
        }
    }
}

/// Who chose something, and when.
type Voters<'a> = Vec<(Timestamp, &'a str)>;

impl Poll {
    /// Which vote it is.
    pub fn key(&self) -> VoteKey {
        VoteKey::of(self.installation, &self.post_id)
    }

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
        let is_option = |option: &String| self.options.contains(option);
        match (self.kind, cast) {
            (PollKind::Select, Cast::Retract) => {
                let nothing = Pick { at: Timestamp::default(), option: None };
                let none = self.candidates.iter().map(|candidate| (candidate.clone(), nothing.clone()));
                Ok(Some(BallotValue::Select(none.collect())))
            }
            (_, Cast::Retract) => Ok(None),
            (PollKind::Boolean, Cast::For(option)) if option == "yes" => Ok(Some(BallotValue::Boolean(true))),
            (PollKind::Boolean, Cast::For(option)) if option == "no" => Ok(Some(BallotValue::Boolean(false))),
            (PollKind::Choice, Cast::For(option)) if is_option(option) => Ok(Some(BallotValue::Choice(option.clone()))),
            (PollKind::Multi, Cast::For(option)) if is_option(option) => {
                Ok(Some(BallotValue::Multi(BTreeSet::from([option.clone()]))))
            }
            // Choosing nothing is taking the ballot back.
            (PollKind::Multi, Cast::Several(options)) if options.is_empty() => Ok(None),
            (PollKind::Multi, Cast::Several(options)) if options.iter().all(is_option) => {
                Ok(Some(BallotValue::Multi(options.clone())))
            }
            (PollKind::Select, Cast::Pick { candidate, option })
                if is_option(option) && self.candidates.contains(candidate) =>
            {
                let pick = Pick { at: Timestamp::default(), option: Some(option.clone()) };
                Ok(Some(BallotValue::Select(BTreeMap::from([(candidate.clone(), pick)]))))
            }
            (PollKind::Select, Cast::Picks(picks))
                if picks.iter().all(|(candidate, option)| {
                    self.candidates.contains(candidate) && option.as_ref().is_none_or(is_option)
                }) =>
            {
                let pick = |option: &Option<String>| Pick { at: Timestamp::default(), option: option.clone() };
                let picks = picks.iter().map(|(candidate, option)| (candidate.clone(), pick(option)));
                Ok(Some(BallotValue::Select(picks.collect())))
            }
            _ => Err(Refusal::NoSuchOption),
        }
    }

    /// Who chose what, in the order of the options; voters in the order they voted.
    /// With candidates: one row for each candidate and option, candidate by candidate.
    pub fn tally(&self, ballots: &[BallotView]) -> Vec<TallyRow> {
        let mut chosen: BTreeMap<(Option<String>, String), Voters<'_>> = BTreeMap::new();
        for ballot in ballots {
            let voter = (ballot.cast_at, ballot.voter.external_id.as_str());
            for option in ballot.value.options() {
                chosen.entry((None, option.to_owned())).or_default().push(voter);
            }
            for (candidate, option) in ballot.value.picks() {
                chosen.entry((Some(candidate.to_owned()), option.to_owned())).or_default().push(voter);
            }
        }
        let mut row = |candidate: Option<&String>, option: &String| {
            let mut voters = chosen.remove(&(candidate.cloned(), option.clone())).unwrap_or_default();
            voters.sort_unstable();
            TallyRow {
                candidate: candidate.cloned(),
                option: option.clone(),
                voters: voters.into_iter().map(|(_, voter)| voter.to_owned()).collect(),
            }
        };
        if self.kind == PollKind::Select {
            let pairs = self.candidates.iter().flat_map(|c| self.options.iter().map(move |o| (c, o)));
            return pairs.map(|(candidate, option)| row(Some(candidate), option)).collect();
        }
        self.options.iter().map(|option| row(None, option)).collect()
    }
}

/// What is written down when a ballot comes in, given what was known of the voter: of two words about the same thing
/// the later counts, in whatever order they arrive. `None` when it changes nothing.
pub fn count(
    said: Option<BallotValue>,
    at: Timestamp,
    known: Option<(Option<&BallotValue>, Timestamp)>,
) -> Option<(Option<BallotValue>, Timestamp)> {
    let Some(BallotValue::Select(picks)) = said else {
        return known.is_none_or(|(_, before)| before <= at).then_some((said, at));
    };
    let mut merged = match known {
        Some((Some(BallotValue::Select(before)), _)) => before.clone(),
        _ => BTreeMap::new(),
    };
    for (candidate, pick) in picks {
        let pick = Pick { at, ..pick };
        let newer = merged.get(&candidate).is_none_or(|before| *before <= pick);
        if newer {
            merged.insert(candidate, pick);
        }
    }
    let latest = known.map_or(at, |(_, before)| before.max(at));
    Some((Some(BallotValue::Select(merged)), latest))
}

/// One line of a tally.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyRow {
    /// The candidate it was picked for, where there are candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// The option.
    pub option: String,
    /// Account ids of those who chose it.
    pub voters: Vec<String>,
}

#[cfg(test)]
#[path = "ballot_tests.rs"]
mod tests;
