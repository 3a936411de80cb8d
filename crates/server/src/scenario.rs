//! Plays policies through before they govern anybody: a made-up community, a clock that is moved, answers of the world
//! that are given beforehand, and behind them the real engine on a database that vanishes.
//!
//! Nothing of the engine is imitated here. What is put in its place is only the platform's network: requests are answered
//! from the script, everything else about the platform (its descriptor, its plans, its votes) is the integration's own.
//! The format of the files is described in `docs/reference/scenarios.md`.

mod expect;
mod file;
mod names;
mod play;
mod recorded;
mod report;

pub use file::Scenario;
pub use play::play;
pub use report::{MadeCall, Played, Said, StepReport, Unmet};

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// What is wrong with a scenario, or why it cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioError {
    /// The file.
    pub file: PathBuf,
    /// Line in it, from 1; 0 when it concerns the file as a whole.
    pub line: u64,
    /// Column in characters, from 1; 0 when it concerns the file as a whole.
    pub column: u64,
    /// The key it is about; empty when it is about none.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if self.key.is_empty() {
            write!(f, ": {}", self.problem)
        } else {
            write!(f, ": `{}` {}", self.key, self.problem)
        }
    }
}

/// A place in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    line: u64,
    column: u64,
}

impl Place {
    fn error(self, file: &Path, key: &str, problem: impl Into<String>) -> ScenarioError {
        ScenarioError {
            file: file.to_owned(),
            line: self.line,
            column: self.column,
            key: key.to_owned(),
            problem: problem.into(),
        }
    }
}

#[cfg(test)]
mod tests;
