//! One worker as its server sees it: a process, a pipe to it and a pipe from it.
//!
//! Nothing here waits without end. A worker that does not answer is looked at: as long as it computes and has not had its
//! time, it is only slow, as everybody is on a busy machine. One that stands still or computes far too long is ended.

use std::{
    io::{self, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::ioctl_fionbio,
};

use super::message::{MOST_TOLD, PROTOCOL, Told};

/// How long a look at the pipes waits.
const GLANCE: Duration = Duration::from_millis(250);

/// How long a worker may compute before it says its first word.
const GREETING: Duration = Duration::from_millis(200);

/// Why a worker is no longer worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lost {
    /// It ended, or was ended by the system.
    #[error("it ended")]
    Ended,
    /// It computed, or stood still, for much longer than it may.
    #[error("it did not answer in its time")]
    Overdue,
    /// It said what no worker says.
    #[error("what it said could not be read")]
    Malformed,
}

/// Why a worker cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum WorkerTrouble {
    /// The program cannot be started, or its pipes cannot be used.
    #[error("the process that runs policies cannot be started: {0}")]
    Start(#[from] io::Error),
    /// It ended at once, or said nothing.
    #[error("the process that runs policies says nothing: {0}")]
    Silent(&'static str),
    /// It is another version of this program.
    #[error("the process that runs policies is another version of this program; restart the server")]
    Version,
}

/// A running worker.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    /// What has been read of the next answer.
    read: Vec<u8>,
    patience: Duration,
    /// Whether the kernel holds it.
    pub(super) contained: bool,
}

impl Process {
    /// Starts a worker. To be called on a thread that lives as long as the worker is to live: the kernel ends it with the
    /// thread.
    pub(super) fn start(command: &mut Command, build: &str, patience: Duration) -> Result<Self, WorkerTrouble> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(WorkerTrouble::Silent("it has no pipes"));
        };
        let mut process = Self { child, to, from, read: Vec::new(), patience, contained: false };
        ioctl_fionbio(&process.to, true).map_err(io::Error::from)?;
        ioctl_fionbio(&process.from, true).map_err(io::Error::from)?;
        match process.hear(GREETING) {
            Ok(Told::Hello { protocol, build: theirs, contained }) => {
                if protocol != PROTOCOL || theirs != build {
                    return Err(WorkerTrouble::Version);
                }
                process.contained = contained;
                Ok(process)
            }
            Ok(_) | Err(Lost::Malformed) => Err(WorkerTrouble::Version),
            Err(Lost::Ended) => Err(WorkerTrouble::Silent("it ended at once")),
            Err(Lost::Overdue) => Err(WorkerTrouble::Silent("it was waited for in vain")),
        }
    }

    /// Its number in the system.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says something that needs an answer, and waits for the answer. `time` is how long the worker may compute for it.
    pub(super) fn ask(&mut self, bytes: &[u8], time: Duration) -> Result<Told, Lost> {
        self.say(bytes, time)?;
        self.hear(time)
    }

    fn say(&mut self, mut bytes: &[u8], time: Duration) -> Result<(), Lost> {
        let mut watch = Watch::new(self.child.id(), self.patience, time);
        while !bytes.is_empty() {
            match self.to.write(bytes) {
                Ok(0) => return Err(Lost::Ended),
                Ok(taken) => bytes = bytes.get(taken..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => watch.wait(&self.to, PollFlags::OUT)?,
                Err(_) => return Err(Lost::Ended),
            }
        }
        Ok(())
    }

    fn hear(&mut self, time: Duration) -> Result<Told, Lost> {
        let mut watch = Watch::new(self.child.id(), self.patience, time);
        loop {
            if let Some((length, rest)) = self.read.split_at_checked(4) {
                let length = length.try_into().map(u32::from_le_bytes).map_err(|_| Lost::Malformed)?;
                let length = usize::try_from(length).map_err(|_| Lost::Malformed)?;
                if length > MOST_TOLD {
                    return Err(Lost::Malformed);
                }
                // Nobody has asked for more than one answer.
                if rest.len() > length {
                    return Err(Lost::Malformed);
                }
                if rest.len() == length {
                    let told = Told::read(rest).map_err(|_| Lost::Malformed);
                    self.read.clear();
                    self.read.shrink_to(64 * 1024);
                    return told;
                }
            }
            let mut some = [0; 16 * 1024];
            match self.from.read(&mut some) {
                Ok(0) => return Err(Lost::Ended),
                Ok(count) => self.read.extend_from_slice(some.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => watch.wait(&self.from, PollFlags::IN)?,
                Err(_) => return Err(Lost::Ended),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks after a worker that is waited for.
struct Watch {
    worker: u32,
    /// How long it is waited for at least.
    patience: Duration,
    /// How long it may compute.
    time: Duration,
    waited: Duration,
    /// What it had computed when the waiting began to be long.
    before: Option<Duration>,
}

impl Watch {
    const fn new(worker: u32, patience: Duration, time: Duration) -> Self {
        Self { worker, patience, time, waited: Duration::ZERO, before: None }
    }

    /// Waits until the pipe is ready, but not for much longer than the worker may take.
    fn wait(&mut self, pipe: &impl std::os::fd::AsFd, ready: PollFlags) -> Result<(), Lost> {
        let glance = Timespec { tv_sec: 0, tv_nsec: GLANCE.subsec_nanos().into() };
        match poll(&mut [PollFd::new(pipe, ready)], Some(&glance)) {
            Ok(0) => {}
            Ok(_) | Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(_) => return Err(Lost::Ended),
        }
        self.waited += GLANCE;
        let state = Look::at(self.worker);
        let computed = state.as_ref().map(|look| look.computed);
        let before = *self.before.get_or_insert(computed.unwrap_or_default());
        if self.waited < self.patience.max(self.time.saturating_mul(50)) {
            return Ok(());
        }
        match state {
            // On a busy machine it may have to wait for its turn again and again; that is nobody's fault.
            Some(look) if look.wants_to && look.computed.saturating_sub(before) < self.time.saturating_mul(10) => {
                Ok(())
            }
            _ => Err(Lost::Overdue),
        }
    }
}

/// What the system says of a process.
struct Look {
    /// It computes, or would if it had its turn.
    wants_to: bool,
    computed: Duration,
}

impl Look {
    /// `None` where the system says nothing.
    fn at(process: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name in front may hold anything, even parentheses.
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let mut ticks = fields.skip(10).map(str::parse::<u64>);
        let ticks = ticks.next()?.ok()? + ticks.next()?.ok()?;
        // A hundred a second, wherever Linux runs.
        Some(Self { wants_to: matches!(state, "R" | "D"), computed: Duration::from_millis(ticks.saturating_mul(10)) })
    }
}
