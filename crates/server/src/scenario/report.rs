//! What came of playing a scenario, step by step.

use policykit_core::JsonMap;
use serde::Serialize;
use serde_json::Value as Json;

/// A scenario that was played to its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Played {
    /// Its name.
    pub name: String,
    /// What happened, step by step.
    pub steps: Vec<StepReport>,
}

impl Played {
    /// Whether everything came as expected.
    pub fn is_good(&self) -> bool {
        self.steps.iter().all(|step| step.unmet.is_empty())
    }
}

/// How matters stand after a step, and what happened in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// Number of the step, from 1.
    pub step: usize,
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The moment it ended, RFC 3339.
    pub at: String,
    /// Whether a policy governs the action.
    pub matched: bool,
    /// Name of that policy.
    pub policy: Option<String>,
    /// How the proposal stands; none when there is none.
    pub status: Option<String>,
    /// Whether the action is undone at this moment.
    pub reverted: bool,
    /// Whether the action was carried out by PolicyKit.
    pub executed: bool,
    /// What the policies called in this step.
    pub calls: Vec<MadeCall>,
    /// What the policies read outside in this step.
    pub reads: Vec<MadeCall>,
    /// What the policies logged in this step.
    pub logs: Vec<Said>,
    /// `proposal.data`.
    pub data: JsonMap,
    /// `variables`.
    pub variables: JsonMap,
    /// What went wrong in a policy's code.
    pub error: Option<String>,
    /// What was expected and did not come.
    pub unmet: Vec<Unmet>,
}

/// A call that policy code made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MadeCall {
    /// `platform.method`.
    pub call: String,
    /// Its arguments by parameter, without those that were left out.
    pub args: JsonMap,
    /// What the code got back; an exception as `{"raised": …}`.
    pub result: Json,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// `debug`, `info`, `warning` or `error`.
    pub level: String,
    /// What it says.
    pub message: String,
}

/// Something that was expected and did not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unmet {
    /// Line of the expectation in the scenario.
    pub line: u64,
    /// Column in characters.
    pub column: u64,
    /// Its key.
    pub key: String,
    /// What was expected and what came.
    pub problem: String,
}
