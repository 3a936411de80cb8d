//! What the server's database says, as the helper `books` of the testkit reads it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// The database at one moment.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Books {
    /// All deliveries.
    pub(super) inbox: Vec<Delivery>,
    /// All calls.
    pub(super) calls: Vec<Call>,
    /// All actions.
    pub(super) actions: Vec<Action>,
    /// All proposals.
    pub(super) proposals: Vec<Proposal>,
    /// How many evaluations have not ended.
    pub(super) running: usize,
    /// How many wakes are due.
    pub(super) due: usize,
    /// What is wrong with the chains of decisions.
    pub(super) broken_chains: Vec<String>,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Delivery {
    /// The workspace.
    pub(super) team: String,
    /// The platform's id of it.
    pub(super) key: String,
    /// `new`, `done`, `parked` or `dead`.
    pub(super) state: String,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Call {
    /// Its id.
    pub(super) id: String,
    /// The workspace.
    pub(super) team: String,
    /// The platform's operation.
    pub(super) operation: String,
    /// Its arguments.
    pub(super) args: Value,
    /// Where it stands.
    pub(super) state: String,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Action {
    /// Its id.
    pub(super) id: String,
    /// The workspace.
    pub(super) team: String,
    /// `platform`, `trigger`, …
    pub(super) kind: String,
    /// Its type.
    pub(super) action_type: String,
    /// Its fields.
    pub(super) fields: Value,
    /// `stands`, `undone`, `contested` or `held`.
    pub(super) standing: String,
}

/// A proposal.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Proposal {
    /// The workspace.
    pub(super) team: String,
    /// Id of its action.
    pub(super) action: String,
    /// Type of its action.
    pub(super) action_type: String,
    /// Fields of its action.
    pub(super) fields: Value,
    /// How it stands.
    pub(super) status: String,
    /// Whether what was decided has happened.
    pub(super) effect: String,
    /// What is wrong with it.
    #[serde(default)]
    pub(super) error: Option<String>,
    /// Who voted how: `yes`, `no` or the option.
    pub(super) ballots: BTreeMap<String, String>,
}

impl Books {
    /// Understands the document of the helper.
    pub(super) fn read(document: &[u8]) -> Result<Self> {
        serde_json::from_slice(document).context("understanding what was read of the database")
    }

    /// What is still to be done, in words; none when nothing is.
    pub(super) fn unfinished(&self) -> Option<String> {
        let waiting = self.inbox.iter().filter(|d| matches!(d.state.as_str(), "new" | "parked")).count();
        let open = self.calls.iter().filter(|c| matches!(c.state.as_str(), "planned" | "sending" | "retry")).count();
        (waiting + open + self.running + self.due > 0).then(|| {
            format!(
                "{waiting} deliveries, {open} calls, {} evaluations and {} wakes are waiting",
                self.running, self.due
            )
        })
    }

    /// Calls of a workspace that nobody can tell about.
    pub(super) fn uncertain<'a>(&'a self, team: &'a str) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().filter(move |call| call.team == team && call.state == "uncertain")
    }
}
