//! Kills the server at random moments during a scripted day and asks the witness whether anything was lost.
//!
//! The same seed gives the same moments. Nothing here may reach into the server: it is a child process, and what it
//! did is judged by the fake platform's own record and by the database it left behind.

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// Whether this build can run it; the CI stage says so and skips itself otherwise.
pub(crate) const AVAILABLE: bool = false;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Seed of the first run; each further run counts up from it
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many runs
    #[arg(long, default_value_t = 40)]
    pub(crate) runs: u32,
    /// Address of a PostgreSQL on which databases may be created; without it every run has an SQLite file of its own
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
}

/// Runs them all; the first broken promise ends it.
pub(crate) fn run(_workspace: &Workspace, _args: &Args) -> Result<()> {
    bail!("this version of the tool has no chaos runs")
}
