//! The one run that a change has to pass.
//!
//! Every stage runs even when an earlier one failed, so that one run shows everything there is to mend. The last line
//! is the number of tests that really ran, as their runners said it; whether the run is good says the exit code.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::{
    chaos,
    postgres::Cluster,
    stage::{self, Counts, Failures, Outcome, Stopwatch},
    tidy, web,
    workspace::Workspace,
};

/// Builds on the Rust version of this workspace; raise both together.
const CARGO_DENY: &str = "0.20.2";

/// How many times the server is killed on each database. Long runs are started by hand with `cargo xtask chaos`.
const CHAOS_RUNS_SQLITE: u32 = 40;
const CHAOS_RUNS_POSTGRES: u32 = 20;
/// How many times one of two servers is frozen.
const CHAOS_FREEZES: u32 = 4;

/// Which stages to run.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Only these stages
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Stage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    Fmt,
    Clippy,
    Deny,
    Tidy,
    Postgres,
    Tests,
    Policies,
    Web,
    Browser,
    Chaos,
    ChaosPostgres,
    ChaosFrozen,
}

impl Stage {
    const fn title(self) -> &'static str {
        match self {
            Self::Fmt => "format",
            Self::Clippy => "clippy",
            Self::Deny => "deny",
            Self::Tidy => "tidy",
            Self::Postgres => "start PostgreSQL",
            Self::Tests => "tests on both databases",
            Self::Policies => "our policies and their stories",
            Self::Web => "scripts and styles",
            Self::Browser => "pages in a browser",
            Self::Chaos => "chaos on SQLite",
            Self::ChaosPostgres => "chaos on PostgreSQL",
            Self::ChaosFrozen => "two servers, one frozen",
        }
    }
}

/// What later stages need from earlier ones.
#[derive(Default)]
struct Run {
    cluster: Option<Cluster>,
    counts: Counts,
    failures: Failures,
}

/// Runs the stages and prints the closing line.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> ExitCode {
    let mut state = Run::default();
    let mut reports = Vec::new();
    for &stage in Stage::value_variants() {
        if !args.only.is_empty() && !args.only.contains(&stage) {
            continue;
        }
        println!("== {}", stage.title());
        let watch = Stopwatch::start();
        let outcome = state.stage(workspace, stage);
        let seconds = watch.elapsed().as_secs_f64();
        println!("== {}: {outcome} ({seconds:.1} s)\n", stage.title());
        reports.push((stage, outcome, seconds));
    }
    // Before the last line, so that nothing the database says while it stops can follow it.
    drop(state.cluster.take());
    print!("{}", state.failures);
    for (stage, outcome, seconds) in &reports {
        println!("{:<26} {seconds:>8.1} s  {outcome}", stage.title());
    }
    println!("{}", state.counts);
    let failed = reports.iter().any(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_)));
    if failed || state.counts.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

impl Run {
    fn stage(&mut self, workspace: &Workspace, stage: Stage) -> Outcome {
        match stage {
            Stage::Fmt => stage::run(workspace.cargo().args(["fmt", "--all", "--", "--check"])).into(),
            Stage::Clippy => stage::run(workspace.cargo().args([
                "clippy",
                "--locked",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))
            .into(),
            Stage::Deny => deny(workspace).into(),
            Stage::Tidy => tidy::run(workspace).into(),
            Stage::Postgres => match Cluster::start(workspace) {
                Ok(cluster) => {
                    self.cluster = Some(cluster);
                    Outcome::Passed
                }
                Err(error) => Outcome::Failed(format!("{error:#}")),
            },
            Stage::Tests => self.tests(workspace).into(),
            Stage::Policies => policies(workspace).into(),
            Stage::Web => web::scripts(workspace, &mut self.counts),
            Stage::Browser => web::browser(workspace, &mut self.counts),
            Stage::Chaos => chaos_stage(workspace, &chaos::Args::kills(CHAOS_RUNS_SQLITE)),
            Stage::ChaosPostgres => self.chaos_on_postgres(workspace, &chaos::Args::kills(CHAOS_RUNS_POSTGRES)),
            Stage::ChaosFrozen => self.chaos_on_postgres(workspace, &chaos::Args::freezes(CHAOS_FREEZES)),
        }
    }

    fn chaos_on_postgres(&self, workspace: &Workspace, args: &chaos::Args) -> Outcome {
        match &self.cluster {
            Some(cluster) => {
                chaos_stage(workspace, &chaos::Args { database: Some(cluster.url().to_owned()), ..args.clone() })
            }
            None => Outcome::Skipped("there is no PostgreSQL to run on".to_owned()),
        }
    }

    fn tests(&mut self, workspace: &Workspace) -> Result<()> {
        let mut command = workspace.cargo();
        command.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
        match &self.cluster {
            Some(cluster) => {
                command.env("POLICYKIT_TEST_POSTGRES", cluster.url());
            }
            None => println!("no PostgreSQL was started: the tests run on SQLite alone"),
        }
        let mut counts = Counts::default();
        let status = stage::tee(&mut command, |line| {
            self.failures.read(line);
            if let Some(more) = Counts::from_line(line) {
                counts.add(more);
            }
        })?;
        self.counts.add(counts);
        if !status.success() {
            bail!("{counts}, and the test run ended with {status}");
        }
        if counts.passed == 0 {
            bail!("no test ran");
        }
        Ok(())
    }
}

/// Plays the scenarios of our own policies, and looks at the policies as the editor does.
fn policies(workspace: &Workspace) -> Result<()> {
    // The features are those of the chaos stages, so that it is built once for all of them.
    let build = ["build", "--locked", "--quiet", "-p", "policykit", "-p", "policykit-testkit", "--bin", "policykit"];
    stage::run(workspace.cargo().args(build))?;
    for words in [["policy", "test", "policies"], ["policy", "check", "policies/library"]] {
        let program = workspace.target.join("debug/policykit");
        stage::run(Command::new(program).args(words).current_dir(&workspace.root))?;
    }
    Ok(())
}

fn chaos_stage(workspace: &Workspace, args: &chaos::Args) -> Outcome {
    if chaos::AVAILABLE {
        chaos::run(workspace, args).into()
    } else {
        Outcome::Skipped("this version of the tool has no chaos runs".to_owned())
    }
}

/// Licences, forbidden crates and sources of everything we link; known weaknesses where their list can be had.
fn deny(workspace: &Workspace) -> Result<()> {
    install_cargo_deny(workspace)?;
    stage::run(workspace.cargo().args([
        "deny",
        "--workspace",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))?;
    // The list of weaknesses lives on a server of its own that a closed build machine does not reach. Half a minute
    // is enough to fetch it where it can be fetched.
    let fetched = Command::new("timeout")
        .args(["--kill-after=5", "30", "cargo", "deny", "--log-level", "off", "fetch", "db"])
        .current_dir(&workspace.root)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .context("starting cargo-deny")?;
    if fetched.success() {
        stage::run(workspace.cargo().args(["deny", "--workspace", "check", "--disable-fetch", "advisories"]))
    } else {
        println!("advisories: not checked, their database cannot be fetched from this machine");
        Ok(())
    }
}

fn install_cargo_deny(workspace: &Workspace) -> Result<()> {
    let installed = workspace.cargo().args(["deny", "--version"]).output().is_ok_and(|said| said.status.success());
    if installed {
        return Ok(());
    }
    println!("cargo-deny is not here: installing {CARGO_DENY}, once for this machine");
    let package = format!("cargo-deny@{CARGO_DENY}");
    stage::run(
        workspace
            .cargo()
            .args(["install", "--quiet", "--locked", &package])
            .env("CARGO_TARGET_DIR", workspace.scratch().join("tools")),
    )
    .context("installing cargo-deny")
}
