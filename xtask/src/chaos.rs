//! Hurts the server at random moments of a scripted day and asks the witness whether anything was lost.
//!
//! The same seed gives the same day and the same moments. Nothing here may reach into the server: it is a child
//! process, and what it did is judged by the fake platform's own record and by the database it left behind.

mod books;
mod day;
mod fake;
mod http;
mod hurt;
mod judge;
mod node;
mod pace;
mod play;
mod program;
mod random;
mod script;
mod witness;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use self::day::{Day, Keep};
use crate::{postgres::Cluster, stage::Stopwatch, workspace::Workspace};

/// Whether this build can run it; the CI stage says so and skips itself otherwise.
pub(crate) const AVAILABLE: bool = true;

/// A day is long enough for so many kills between which work gets done.
const KILLS_A_DAY: u32 = 5;
/// A freeze takes longer than a lease, so fewer fit.
const FREEZES_A_DAY: u32 = 2;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Seed of the first day; each further day counts up from it
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How often the server is killed (or frozen), five times on a day
    #[arg(long, default_value_t = 40)]
    pub(crate) runs: u32,
    /// Address of a PostgreSQL on which databases may be created; without it every day has an SQLite file of its own
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// What is done to the server
    #[arg(long, value_enum, default_value_t = Harm::Kill)]
    pub(crate) harm: Harm,
    /// On which days the network fails as well
    #[arg(long, value_enum, default_value_t = Faults::EverySecondDay)]
    pub(crate) faults: Faults,
    /// Folder with `policykit` and `books` to be used; without it they are built, unoptimised
    #[arg(long, value_name = "FOLDER")]
    pub(crate) built: Option<PathBuf>,
    /// Keep the files of the days that went well, too
    #[arg(long)]
    pub(crate) keep: bool,
}

impl Args {
    /// So many kills, the network broken on every second day.
    pub(crate) const fn kills(runs: u32) -> Self {
        Self {
            seed: 1,
            runs,
            database: None,
            harm: Harm::Kill,
            faults: Faults::EverySecondDay,
            built: None,
            keep: false,
        }
    }

    /// So many freezes.
    pub(crate) const fn freezes(runs: u32) -> Self {
        Self {
            seed: 1,
            runs,
            database: None,
            harm: Harm::Freeze,
            faults: Faults::EverySecondDay,
            built: None,
            keep: false,
        }
    }
}

/// What is done to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Harm {
    /// SIGKILL and start again
    Kill,
    /// One of two servers stands still until its lease has run out; needs PostgreSQL, and starts a private one unless
    /// `--database` names one
    Freeze,
    /// Nothing: `--runs` counts the days
    None,
}

impl Harm {
    /// What was done, as a word.
    const fn done(self) -> &'static str {
        match self {
            Self::Kill => "killed",
            Self::Freeze => "frozen",
            Self::None => "hurt",
        }
    }
}

/// On which days the network fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Faults {
    /// On the second, the fourth, …
    EverySecondDay,
    /// On every day
    Always,
    /// On none
    Never,
}

impl Faults {
    const fn on(self, day: u64) -> bool {
        match self {
            Self::EverySecondDay => day % 2 == 1,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Plays as many days as it takes; all of them, so that one run shows every broken promise.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let built = match &args.built {
        // The programs are started in the folders of their days.
        Some(folder) => folder.canonicalize().with_context(|| format!("finding `{}`", folder.display()))?,
        None => program::build(workspace)?,
    };
    let own =
        if args.harm == Harm::Freeze && args.database.is_none() { Some(Cluster::start(workspace)?) } else { None };
    let postgres = own.as_ref().map(|cluster| cluster.url().to_owned()).or_else(|| args.database.clone());
    let most = match args.harm {
        Harm::Kill => KILLS_A_DAY,
        Harm::Freeze => FREEZES_A_DAY,
        Harm::None => 1,
    };
    let mut left = args.runs;
    let mut broken = 0_u32;
    let mut days = 0_u64;
    while left > 0 {
        let hurts = left.min(most);
        left -= hurts;
        let seed = args.seed.wrapping_add(days);
        let day = Day {
            seed,
            hurts: if args.harm == Harm::None { 0 } else { hurts },
            harm: args.harm,
            faults: args.faults.on(days),
            keep: if args.keep { Keep::Always } else { Keep::WhenBroken },
            postgres: postgres.clone(),
            folder: workspace.scratch().join("chaos").join(format!("{}-{seed}", std::process::id())),
        };
        days += 1;
        let watch = Stopwatch::start();
        let verdict = day.run(&built);
        let seconds = watch.elapsed().as_secs_f64();
        match verdict {
            Ok(summary) => println!("seed {seed}: ok ({seconds:.1} s): {summary}"),
            Err(error) => {
                broken += 1;
                println!("seed {seed}: FAILED ({seconds:.1} s): {error:#}");
                println!("  the evidence is in {}", day.folder.display());
            }
        }
    }
    if broken > 0 {
        bail!("{broken} of {days} days broke a promise");
    }
    println!("{days} days, {} times {}, nothing lost and nothing done twice", args.runs, args.harm.done());
    Ok(())
}
