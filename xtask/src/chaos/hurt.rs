//! What is done to the server in the middle of its work.

use std::{fmt, time::Duration};

use anyhow::{Result, bail};

use super::{
    fake::Fake,
    node::Process,
    pace,
    program::{LEASE, Program, REQUEST},
};

/// Something that was done to the server.
#[derive(Debug, Clone)]
pub(super) struct Hurt {
    /// Time since the day began.
    pub(super) at: Duration,
    /// After which step it was ordered.
    pub(super) step: usize,
    /// And how long after it.
    pub(super) delay: Duration,
    /// What.
    pub(super) what: String,
}

impl fmt::Display for Hurt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, delay) = (self.at.as_secs_f64(), self.delay.as_millis());
        write!(f, "{at:7.3} s: {} ({delay} ms after step {})", self.what, self.step)
    }
}

/// Who hurts the server.
pub(super) trait Saboteur: Send {
    /// Does it once; the server works again when this returns, or will in a moment.
    fn hurt(&mut self, fake: &Fake) -> Result<String>;

    /// Ends the server in peace.
    fn stop(&mut self) -> Result<()>;
}

/// One server that is killed and started again at the same address.
#[derive(Debug)]
pub(super) struct Killer {
    program: Program,
    server: Process,
    kills: u32,
}

impl Killer {
    /// Starts the server.
    pub(super) fn start(program: Program) -> Result<Self> {
        let server = program.start(&["serve"], "server.log")?;
        Ok(Self { program, server, kills: 0 })
    }
}

impl Saboteur for Killer {
    fn hurt(&mut self, _fake: &Fake) -> Result<String> {
        if let Some(status) = self.server.ended()? {
            bail!("the server ended by itself with {status}");
        }
        self.server.kill()?;
        self.server = self.program.start(&["serve"], "server.log")?;
        self.kills += 1;
        Ok(format!("killed for the {}. time", self.kills))
    }

    fn stop(&mut self) -> Result<()> {
        let status = self.server.stop()?;
        if status.success() { Ok(()) } else { bail!("the server was asked to end and ended with {status}") }
    }
}

/// Two servers on one database. Each in turn is frozen until long after its lease has run out, and thawed.
#[derive(Debug)]
pub(super) struct Freezer {
    servers: Vec<(Process, String)>,
    freezes: usize,
}

impl Freezer {
    /// Starts the servers; each with the address the platform would post to.
    pub(super) fn start(programs: &[(Program, String)]) -> Result<Self> {
        let mut servers = Vec::new();
        for (index, (program, hook)) in programs.iter().enumerate() {
            let log = format!("server-{index}.log");
            servers.push((program.start(&["serve"], &log)?, hook.clone()));
        }
        Ok(Self { servers, freezes: 0 })
    }
}

impl Saboteur for Freezer {
    fn hurt(&mut self, fake: &Fake) -> Result<String> {
        for (server, _) in &mut self.servers {
            if let Some(status) = server.ended()? {
                bail!("a server ended by itself with {status}");
            }
        }
        let count = self.servers.len();
        let victim = self.freezes % count;
        let other = (self.freezes + 1) % count;
        let (Some((frozen, _)), Some((_, hook))) = (self.servers.get(victim), self.servers.get(other)) else {
            bail!("there is no server to freeze");
        };
        frozen.freeze()?;
        // What stands before the servers sees that one of them no longer answers.
        fake.deliver_to(hook)?;
        pace::pause(LEASE + REQUEST + Duration::from_secs(2));
        frozen.thaw()?;
        self.freezes += 1;
        Ok(format!("server {victim} was frozen until its lease had run out, and thawed"))
    }

    fn stop(&mut self) -> Result<()> {
        for (server, _) in &mut self.servers {
            let status = server.stop()?;
            if !status.success() {
                bail!("a server was asked to end and ended with {status}");
            }
        }
        Ok(())
    }
}
