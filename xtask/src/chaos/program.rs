//! The binary under test: how it is configured, and its commands.

use std::{
    collections::BTreeMap,
    env,
    fs::OpenOptions,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::{books::Books, fake::SIGNING_SECRET, node::Process};
use crate::workspace::Workspace;

/// Short, so that a restarted server soon gets what its predecessor held.
pub(super) const LEASE: Duration = Duration::from_secs(2);
/// How long a request may take.
pub(super) const REQUEST: Duration = Duration::from_millis(1_500);
/// Seals the tokens; the same for all processes of a day.
const KEY: &str = "6d3c1f0b8a9e5d7c4b2a1908f7e6d5c4b3a29180706f5e4d3c2b1a0918273645";

/// The binary with the settings of one day.
#[derive(Debug, Clone)]
pub(super) struct Program {
    binary: PathBuf,
    books: PathBuf,
    folder: PathBuf,
    settings: BTreeMap<&'static str, String>,
}

/// Builds the binary and the helper that reads its database; returns their folder.
pub(super) fn build(workspace: &Workspace) -> Result<PathBuf> {
    println!("building the server");
    let words =
        ["build", "--quiet", "-p", "policykit", "-p", "policykit-testkit", "--bin", "policykit", "--bin", "books"];
    crate::stage::run(workspace.cargo().args(words))?;
    Ok(workspace.target.join("debug"))
}

/// A port that nobody uses just now.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.port())
}

impl Program {
    /// The program in `built`, at work in `folder`, on this database, against the fake on this port.
    pub(super) fn new(built: &std::path::Path, folder: PathBuf, database: &str, fake: u16) -> Self {
        let millis = |time: Duration| time.as_millis().to_string();
        let settings = [
            ("POLICYKIT_DATABASE_URL", database.to_owned()),
            ("POLICYKIT_DATA_DIR", folder.join("data").display().to_string()),
            ("POLICYKIT_SECRET_KEY", KEY.to_owned()),
            ("POLICYKIT_ENGINE_LEASE_MS", millis(LEASE)),
            ("POLICYKIT_ENGINE_HEARTBEAT_MS", millis(LEASE / 4)),
            ("POLICYKIT_ENGINE_HTTP_TIMEOUT_MS", millis(REQUEST)),
            ("POLICYKIT_ENGINE_POLL_MS", "250".to_owned()),
            ("POLICYKIT_SLACK_API_URL", format!("http://127.0.0.1:{fake}/api/")),
            ("POLICYKIT_SLACK_SIGNING_SECRET", SIGNING_SECRET.to_owned()),
        ];
        Self { binary: built.join("policykit"), books: built.join("books"), folder, settings: settings.into() }
    }

    /// The same program, listening on this port.
    pub(super) fn on_port(&self, port: u16) -> Self {
        let mut other = self.clone();
        other.settings.insert("POLICYKIT_LISTEN", format!("127.0.0.1:{port}"));
        other
    }

    /// Starts it and lets it run; what it says goes to the end of a log in the day's folder.
    pub(super) fn start(&self, words: &[&str], log: &str) -> Result<Process> {
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join(log)).context("opening a log")?;
        let other = log.try_clone().context("opening a log")?;
        let mut command = self.command(&self.binary);
        let child = command.args(words).stdout(Stdio::from(log)).stderr(Stdio::from(other)).spawn();
        child.map(Process::new).with_context(|| format!("starting `policykit {}`", words.join(" ")))
    }

    /// Runs a command to its end and returns what it says.
    pub(super) fn run(&self, words: &[&str]) -> Result<String> {
        let said = self.command(&self.binary).args(words).output().context("starting policykit")?;
        if !said.status.success() {
            let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
            bail!("`policykit {}` ended with {}: {} {}", words.join(" "), said.status, out.trim(), err.trim());
        }
        Ok(String::from_utf8_lossy(&said.stdout).into_owned())
    }

    /// Reads the database as it stands, beside whoever is at work on it.
    pub(super) fn books(&self) -> Result<Books> {
        Books::read(&self.books_as_written()?)
    }

    /// The same as the document in which it comes.
    pub(super) fn books_as_written(&self) -> Result<Vec<u8>> {
        let said = self.command(&self.books).arg(self.database()).output().context("starting the reader")?;
        if !said.status.success() {
            bail!("the database cannot be read: {}", String::from_utf8_lossy(&said.stderr).trim());
        }
        Ok(said.stdout)
    }

    fn database(&self) -> &str {
        self.settings.get("POLICYKIT_DATABASE_URL").map_or("", String::as_str)
    }

    fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POLICYKIT_")) {
            command.env_remove(name);
        }
        command.envs(&self.settings).current_dir(&self.folder).stdin(Stdio::null());
        command
    }
}
