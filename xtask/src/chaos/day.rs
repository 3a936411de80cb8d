//! One day from an empty database to the verdict.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{
    Harm,
    books::Books,
    fake::Fake,
    hurt::{Freezer, Killer, Saboteur},
    judge::{Evidence, judge},
    pace,
    play::play,
    program::{Program, free_port},
    script::{self, Script, TEAMS},
    witness::{Entry, What},
};
use crate::stage::Stopwatch;

/// Within this time after the last vote everything has to be done: longer than any wait for a lease and a few retries.
const QUIET_LIMIT: Duration = Duration::from_secs(90);
/// Between two looks at the database.
const LOOK: Duration = Duration::from_millis(300);
/// Where the platform posts to.
const HOOK: &str = "/api/hooks/slack";

/// Which days leave their files behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Those on which something was broken.
    WhenBroken,
    /// All.
    Always,
}

/// A day to be played.
#[derive(Debug, Clone)]
pub(super) struct Day {
    /// Everything random follows from it.
    pub(super) seed: u64,
    /// How often the server is hurt.
    pub(super) hurts: u32,
    /// How.
    pub(super) harm: Harm,
    /// Whether the network fails as well.
    pub(super) faults: bool,
    /// Whether its files stay.
    pub(super) keep: Keep,
    /// A PostgreSQL to create the day's database on; an SQLite file without.
    pub(super) postgres: Option<String>,
    /// Where the day's files are; removed when nothing was lost, unless they are to be kept.
    pub(super) folder: PathBuf,
}

impl Day {
    /// Plays it and judges. Returns a line for people, or what was broken.
    pub(super) fn run(&self, built: &Path) -> Result<String> {
        fs::create_dir_all(self.folder.join("data")).context("creating the day's folder")?;
        let database = Database::create(self)?;
        let summary = self.play_and_judge(built, &database.url)?;
        // Kept when something was broken: it is part of the evidence.
        database.remove()?;
        if self.keep == Keep::WhenBroken {
            fs::remove_dir_all(&self.folder).context("removing the day's folder")?;
        }
        Ok(summary)
    }

    fn play_and_judge(&self, built: &Path, database: &str) -> Result<String> {
        let script = Script::of(self.seed, self.hurts);
        let (fake_port, port, other_port) = (free_port()?, free_port()?, free_port()?);
        let program = Program::new(built, self.folder.clone(), database, fake_port);
        let hook = |port: u16| format!("http://127.0.0.1:{port}{HOOK}");
        let fake = Fake::start(&program, &self.folder, self.seed, fake_port, &hook(port))?;
        install(&program, &self.folder)?;
        let mut saboteur: Box<dyn Saboteur> = match self.harm {
            Harm::Kill | Harm::None => Box::new(Killer::start(program.on_port(port))?),
            Harm::Freeze => {
                let servers = [port, other_port].map(|port| (program.on_port(port), hook(port)));
                Box::new(Freezer::start(&servers)?)
            }
        };
        if self.faults {
            fake.break_network(self.seed)?;
        }
        let played = play(&script, self.seed, &fake, saboteur.as_mut())?;
        fake.mend_network()?;
        let quiet = wait_for_quiet(&program, &fake);
        saboteur.stop()?;
        let mut story = String::from("what was done to the server:\n");
        for hurt in &played.hurts {
            let _ = writeln!(story, "{hurt}");
        }
        fs::write(self.folder.join("hurts.txt"), &story).context("writing what was done to the server")?;
        // What the judge saw, for people: a private PostgreSQL is gone with the run.
        let said = program.books_as_written()?;
        fs::write(self.folder.join("books.json"), &said).context("keeping what was read of the database")?;
        let (record, books) = (fake.record()?, Books::read(&said)?);
        let listed = listed(&program)?;
        let evidence = Evidence { script: &script, played: &played, record: &record, books: &books, listed: &listed };
        let mut broken = judge(&evidence);
        broken.extend(quiet.err().map(|error| format!("{error:#}")));
        for audit in [["replay", "--all"], ["audit", "verify"]] {
            if let Err(error) = program.run(&audit) {
                broken.push(format!("{error:#}"));
            }
        }
        if !broken.is_empty() {
            bail!("{}\n  {story}", broken.join("\n  "));
        }
        Ok(self.summary(&record, &books))
    }

    fn summary(&self, record: &[Entry], books: &Books) -> String {
        let acked = |clicks: bool| {
            let taken = record.iter().filter(|entry| {
                matches!(&entry.what, What::Attempt { event_type, status: Some(200..=299), .. }
                    if (event_type == "block_actions") == clicks)
            });
            taken.count()
        };
        let uncertain: usize = TEAMS.iter().map(|team| books.uncertain(team).count()).sum();
        let faults = if self.faults { ", network faults" } else { "" };
        let (events, clicks) = (acked(false), acked(true));
        format!(
            "{} {} times{faults}; {events} events and {clicks} clicks taken, {} calls, {uncertain} of them uncertain",
            self.harm.done(),
            self.hurts,
            books.calls.len(),
        )
    }
}

/// Both communities with the same policies.
fn install(program: &Program, folder: &Path) -> Result<()> {
    program.run(&["migrate"])?;
    let mut files = Vec::new();
    for (number, policy) in script::policies().iter().enumerate() {
        let file = folder.join(format!("policy-{number}.json"));
        fs::write(&file, policy.to_string()).context("writing a policy")?;
        files.push(file.display().to_string());
    }
    for team in TEAMS {
        let (bot, admin) = (script::bot_token(team), script::admin_token(team));
        program.run(&["install", "slack", "--bot-token", &bot, "--admin-token", &admin])?;
        let mut words = vec!["policy", "import", "--community", team];
        words.extend(files.iter().map(String::as_str));
        program.run(&words)?;
    }
    Ok(())
}

/// Waits until the fake has nothing to deliver and the server nothing to do, twice in a row with nothing in between.
fn wait_for_quiet(program: &Program, fake: &Fake) -> Result<()> {
    let watch = Stopwatch::start();
    let mut before = None;
    loop {
        let left =
            if fake.is_quiet()? { program.books()?.unfinished() } else { Some("deliveries are underway".into()) };
        let now = fake.record()?.len();
        match left {
            None if before == Some(now) => return Ok(()),
            None => before = Some(now),
            Some(what) if watch.elapsed() > QUIET_LIMIT => {
                bail!("not quiet within {} seconds: {what}", QUIET_LIMIT.as_secs());
            }
            Some(_) => before = None,
        }
        pace::pause(LOOK);
    }
}

/// Ids of the calls that the server lists for a person to settle.
fn listed(program: &Program) -> Result<BTreeSet<String>> {
    let said = program.run(&["calls", "list", "--state", "uncertain", "--json"])?;
    let calls: Vec<Value> = serde_json::from_str(&said).context("understanding `policykit calls list`")?;
    calls
        .iter()
        .map(|call| call.get("id").and_then(Value::as_str).map(str::to_owned).context("a listed call has no id"))
        .collect()
}

/// The day's database.
struct Database {
    url: String,
    /// The server it was created on, and its name there.
    on: Option<(String, String)>,
}

impl Database {
    fn create(day: &Day) -> Result<Self> {
        let Some(server) = &day.postgres else {
            let url = format!("sqlite:{}", day.folder.join("data/policykit.db").display());
            return Ok(Self { url, on: None });
        };
        let name = format!("chaos_{}_{}", std::process::id(), day.seed);
        psql(server, &format!("CREATE DATABASE {name}"))?;
        let (before, options) = server.split_once('?').map_or((server.as_str(), ""), |(url, options)| (url, options));
        let (place, _) = before.rsplit_once('/').context("the address of the database names no database")?;
        let options = if options.is_empty() { String::new() } else { format!("?{options}") };
        Ok(Self { url: format!("{place}/{name}{options}"), on: Some((server.clone(), name)) })
    }

    fn remove(&self) -> Result<()> {
        match &self.on {
            Some((server, name)) => psql(server, &format!("DROP DATABASE {name} WITH (FORCE)")),
            None => Ok(()),
        }
    }
}

fn psql(server: &str, statement: &str) -> Result<()> {
    let said = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", server, "--command", statement])
        .output()
        .context("starting psql")?;
    if !said.status.success() {
        bail!("`{statement}`: {}", String::from_utf8_lossy(&said.stderr).trim());
    }
    Ok(())
}
