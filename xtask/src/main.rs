//! Developer commands: `cargo xtask ci · tidy · pg · chaos · mutants · bench`.
//!
//! What a machine needs to build, check and measure the project is written here, in one language, and nowhere else.
//! No product code lives here, and no crate of the product may be linked in: the tool has to build in seconds on a
//! machine that has built nothing else.
#![expect(clippy::print_stdout, reason = "a command-line tool for developers answers on standard output")]

mod bench;
mod chaos;
mod ci;
mod mutants;
mod postgres;
mod stage;
mod tidy;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use workspace::Workspace;

#[derive(Debug, Parser)]
#[command(name = "xtask", about = "Developer commands of this workspace", disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Everything a change has to pass: format, lints, licences, house rules, all tests on both databases, chaos
    Ci(ci::Args),
    /// The house rules that the compiler cannot check
    Tidy,
    /// Run a command with a private PostgreSQL whose address is in POLICYKIT_TEST_POSTGRES
    Pg {
        /// The command and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<String>,
    },
    /// Kill the server at random moments and look whether anything was lost
    Chaos(chaos::Args),
    /// Plant faults one by one and look whether the tests notice
    Mutants(mutants::Args),
    /// Measure the workloads
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let workspace = match Workspace::find() {
        Ok(workspace) => workspace,
        Err(error) => return failed(&error),
    };
    let done = match Cli::parse().task {
        // The runner reports by itself: its last line is the count of tests, and nothing may follow it.
        Task::Ci(args) => return ci::run(&workspace, &args),
        Task::Tidy => tidy::run(&workspace),
        Task::Pg { command } => postgres::run_with(&workspace, &command),
        Task::Chaos(args) => chaos::run(&workspace, &args),
        Task::Mutants(args) => mutants::run(&workspace, &args),
        Task::Bench(args) => bench::run(&workspace, &args),
    };
    done.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

fn failed(error: &anyhow::Error) -> ExitCode {
    println!("error: {error:#}");
    ExitCode::FAILURE
}
