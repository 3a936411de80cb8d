//! Measures the workloads named by the performance page, by their ids, on both databases.

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Ids of the workloads; all without any
    #[arg(value_name = "WORKLOAD")]
    pub(crate) workloads: Vec<String>,
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Measures and prints.
pub(crate) fn run(_workspace: &Workspace, args: &Args) -> Result<()> {
    let form = if args.json { "a JSON document" } else { "a table" };
    bail!("this version of the tool measures no workload, so there is no {form} to print for {:?}", args.workloads)
}
