//! Things that have one state at a time, such as the topic of a channel, and which of the changes of it stand.
//!
//! A type of action says whose state it changes, and to what. From what is written down about all changes of the same
//! thing follows what was there before one of them: the last value that stands, never one that is undone itself.

use serde::{Deserialize, Serialize};

use crate::{
    JsonMap, Timestamp,
    action::{Action, Origin, Standing},
};

/// Of a type of action: whose state it changes, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StateOf {
    /// What state it is, the same for all types that change it, such as `topic`.
    pub what: &'static str,
    /// The fields that say whose it is.
    pub of: &'static [&'static str],
    /// What it is afterwards.
    pub value: Told,
    /// What it was before; nothing where the platform does not say so.
    pub before: Option<Told>,
}

/// Where a value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// In this field of the action.
    By(&'static str),
    /// It is the same for every action of the type.
    Always(&'static str),
}

impl Told {
    fn in_fields(self, fields: &JsonMap) -> Option<String> {
        match self {
            Self::By(name) => text(fields, name),
            Self::Always(value) => Some(value.to_owned()),
        }
    }
}

impl StateOf {
    /// The key that all changes of the same state share within one installation.
    pub fn key(&self, fields: &JsonMap) -> Option<String> {
        let of: Vec<String> = self.of.iter().map(|name| text(fields, name)).collect::<Option<_>>()?;
        Some(serde_json::json!([self.what, of]).to_string())
    }

    /// What an action with these fields changes the state to.
    pub fn value(&self, fields: &JsonMap) -> Option<String> {
        self.value.in_fields(fields)
    }

    /// One change, as it is written down; `done_at` is when it was decided to carry it out, if it was.
    pub fn change(&self, action: &Action, done_at: Option<Timestamp>) -> Option<StateChange> {
        let happened = action.origin == Origin::Platform;
        let in_force = match action.standing {
            Standing::Stands | Standing::Held => !action.reverted && (happened || done_at.is_some()),
            Standing::Undone | Standing::Contested => false,
        };
        // What was proposed and never carried out has never been the state.
        if !happened && done_at.is_none() {
            return None;
        }
        Some(StateChange {
            value: self.value(&action.fields)?,
            before: self.before.and_then(|before| before.in_fields(&action.fields)),
            fields: action.fields.clone(),
            happened_at: action.occurred_at,
            force: match (in_force, done_at) {
                (false, _) => Force::Undone,
                (true, None) => Force::Happened,
                (true, Some(at)) => Force::Done(at),
            },
        })
    }
}

fn text(fields: &JsonMap, name: &str) -> Option<String> {
    match fields.get(name)? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A change of a state that is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateChange {
    /// What it changed the state to.
    pub value: String,
    /// What the platform said was there before, if it says so.
    pub before: Option<String>,
    /// The action's fields, by which the platform may know it again.
    pub fields: JsonMap,
    /// When it happened on the platform, or was proposed.
    pub happened_at: Timestamp,
    /// Whether it stands.
    pub force: Force,
}

/// Whether a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// It stands as it happened.
    Happened,
    /// It stands because it was decided so at this time, and was carried out by us.
    Done(Timestamp),
    /// It is undone, is being undone or waits for a decision: its value must not come back by way of another.
    Undone,
}

impl StateChange {
    /// Since when it has been standing; nothing where it does not stand.
    pub const fn stands_since(&self) -> Option<Timestamp> {
        match self.force {
            Force::Happened => Some(self.happened_at),
            Force::Done(at) => Some(at),
            Force::Undone => None,
        }
    }
}

/// What is written down about a change of a state that is to be undone, and about all others of the same state.
#[derive(Debug, Clone, PartialEq)]
pub struct Undoing {
    /// The change.
    pub change: StateChange,
    /// The others, in any order.
    pub others: Vec<StateChange>,
}

impl Undoing {
    /// The change that gave the state the same value again later, and stands: what is there now is its doing. `same` says
    /// which values the platform takes for one.
    pub fn confirmed_by(&self, same: impl Fn(&str, &str) -> bool) -> Option<&StateChange> {
        let later = |other: &&StateChange| other.stands_since().is_some_and(|since| since > self.change.happened_at);
        self.others.iter().filter(later).find(|other| same(&other.value, &self.change.value))
    }

    /// What was there before, as far back as changes lead that do not stand. Nothing where the platform does not say what
    /// its changes replaced.
    pub fn before(&self) -> Option<String> {
        let mut value = self.change.before.clone()?;
        let mut until = self.change.happened_at;
        // Every step leads further back, so there are no more of them than changes.
        loop {
            let at = |other: &StateChange| other.stands_since().unwrap_or(other.happened_at);
            let earlier = || self.others.iter().filter(|other| at(other) < until);
            // What was undone before something else came to stand is not what was there after that.
            let stood = earlier().filter_map(StateChange::stands_since).max();
            let made = earlier().filter(|other| other.value == value && Some(at(other)) >= stood);
            match made.max_by_key(|other| at(other)) {
                Some(StateChange { force: Force::Undone, before: Some(before), happened_at, .. }) => {
                    (value, until) = (before.clone(), *happened_at);
                }
                _ => return Some(value),
            }
        }
    }

    /// Whether this value, which somebody else than a known change put there, is one that does not stand: that of a change
    /// that is undone and of none that was carried out.
    pub fn is_undone(&self, value: &str) -> bool {
        let of = |other: &&StateChange| other.value == value;
        !self.others.iter().filter(of).any(|other| matches!(other.force, Force::Done(_)))
            && self.others.iter().filter(of).any(|other| other.force == Force::Undone)
    }
}

/// The change that stands since the latest moment, if that is after `after`.
pub fn latest_since(others: &[StateChange], after: Timestamp) -> Option<&StateChange> {
    let since = |other: &&StateChange| other.stands_since().filter(|since| *since > after);
    others.iter().filter(|other| since(other).is_some()).max_by_key(since)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
