//! Child processes: started, killed, stopped in their tracks and let go, always by their own process id.

use std::{
    process::{Child, ExitStatus},
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::pace;

/// Time to end by itself when asked to.
const PATIENCE: Duration = Duration::from_secs(20);

/// A child that does not outlive this value.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    pub(super) const fn new(child: Child) -> Self {
        Self(child)
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.0.try_wait().context("looking after a child")
    }

    /// SIGKILL, without any warning; returns when it is gone.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.0.kill().context("killing a child")?;
        self.0.wait().context("waiting for a killed child")?;
        Ok(())
    }

    /// SIGSTOP: it stands still in the middle of whatever it does.
    pub(super) fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT: it goes on as if no time had passed.
    pub(super) fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// SIGTERM: asks it to end, and waits.
    pub(super) fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        pace::until("a child that was asked to end ends", PATIENCE, || self.ended())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).context("the child has no process id")?;
        kill_process(pid, signal).with_context(|| format!("sending {signal:?} to a child"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing to be done about one that is gone already.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_killed_child_is_gone_and_one_that_is_asked_ends() {
        let sleeper = || Process::new(Command::new("sleep").arg("60").spawn().unwrap());
        let mut killed = sleeper();
        assert!(killed.ended().unwrap().is_none());
        killed.kill().unwrap();
        assert!(killed.ended().unwrap().is_some());
        assert!(!sleeper().stop().unwrap().success());
    }
}
