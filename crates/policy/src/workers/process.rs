//! One worker as its server sees it: a process, a pipe to it and a pipe from it.
//!
//! INVARIANT: of a worker only the answer to the last question is taken, by its number. A question is answered before the
//! next is asked, or the worker is ended.

use std::{
    io::{self, PipeReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use rustix::{event::PollFlags, io::ioctl_fionbio};

use super::{
    ending::Ending,
    message::{MOST_TOLD, PROTOCOL, Told, UNASKED},
    watch::Watch,
};

/// How long a worker may compute before it says its first word.
const GREETING: Duration = Duration::from_millis(200);

/// Why a worker is no longer worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lost {
    /// It ended.
    #[error("{0}")]
    Gone(Ending),
    /// It computed for much longer than it may.
    #[error("it computed for much longer than it may")]
    Overdue,
    /// It stood still.
    #[error("it stood still")]
    Still,
    /// It said what no worker says, or what nobody had asked for.
    #[error("what it said is no answer to what it was asked")]
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
    /// What it says of itself when it breaks down.
    errors: PipeReader,
    /// What has been read of the next answer.
    read: Vec<u8>,
    patience: Duration,
    /// The number of the last question.
    asked: u64,
    /// Whether the kernel holds it.
    pub(super) contained: bool,
}

impl Process {
    /// Starts a worker. To be called on a thread that lives as long as the worker is to live: the kernel ends it with the
    /// thread.
    pub(super) fn start(command: &mut Command, build: &str, patience: Duration) -> Result<Self, WorkerTrouble> {
        let (errors, theirs) = io::pipe()?;
        // Neither side ever waits for the other: what does not fit is left unsaid.
        ioctl_fionbio(&errors, true).map_err(io::Error::from)?;
        ioctl_fionbio(&theirs, true).map_err(io::Error::from)?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::from(theirs)).spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(WorkerTrouble::Silent("it has no pipes"));
        };
        let mut process = Self { child, to, from, errors, read: Vec::new(), patience, asked: 0, contained: false };
        ioctl_fionbio(&process.to, true).map_err(io::Error::from)?;
        ioctl_fionbio(&process.from, true).map_err(io::Error::from)?;
        match process.hear(UNASKED, GREETING) {
            Ok(Told::Hello { protocol, build: theirs, contained }) => {
                if protocol != PROTOCOL || theirs != build {
                    return Err(WorkerTrouble::Version);
                }
                process.contained = contained;
                Ok(process)
            }
            Ok(_) | Err(Lost::Malformed) => Err(WorkerTrouble::Version),
            Err(Lost::Gone(_)) => Err(WorkerTrouble::Silent("it ended at once")),
            Err(Lost::Overdue | Lost::Still) => Err(WorkerTrouble::Silent("it was waited for in vain")),
        }
    }

    /// Its number in the system.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The number of the next question.
    pub(super) const fn next_number(&self) -> u64 {
        self.asked + 1
    }

    /// Asks the question of this number, and waits for its answer. `time` is how long the worker may compute for it. Once
    /// this has failed nothing more may be asked.
    pub(super) fn ask(&mut self, number: u64, bytes: &[u8], time: Duration) -> Result<Told, Lost> {
        self.asked = number;
        let told = self.say(bytes, time).and_then(|()| self.hear(number, time));
        told.map_err(|why| match why {
            Lost::Gone(_) => Lost::Gone(Ending::of(&mut self.child, Some(&self.errors))),
            other => other,
        })
    }

    fn say(&mut self, mut bytes: &[u8], time: Duration) -> Result<(), Lost> {
        let mut watch = Watch::new(self.child.id(), self.patience, time);
        while !bytes.is_empty() {
            match self.to.write(bytes) {
                Ok(0) => return Err(Lost::Gone(Ending::Unknown)),
                Ok(taken) => bytes = bytes.get(taken..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => watch.wait(&self.to, PollFlags::OUT)?,
                Err(_) => return Err(Lost::Gone(Ending::Unknown)),
            }
        }
        Ok(())
    }

    fn hear(&mut self, number: u64, time: Duration) -> Result<Told, Lost> {
        let mut watch = Watch::new(self.child.id(), self.patience, time);
        loop {
            if let Some((length, rest)) = self.read.split_at_checked(4) {
                let length = length.try_into().map(u32::from_le_bytes).map_err(|_| Lost::Malformed)?;
                let length = usize::try_from(length).map_err(|_| Lost::Malformed)?;
                // Nobody has asked for more than one answer.
                if length > MOST_TOLD || rest.len() > length {
                    return Err(Lost::Malformed);
                }
                if rest.len() == length {
                    let (answers, told) = Told::read(rest).map_err(|_| Lost::Malformed)?;
                    if answers != number {
                        return Err(Lost::Malformed);
                    }
                    self.read.clear();
                    self.read.shrink_to(64 * 1024);
                    return Ok(told);
                }
            }
            if !self.read.is_empty() {
                watch.answers();
            }
            let mut some = [0; 16 * 1024];
            match self.from.read(&mut some) {
                Ok(0) => return Err(Lost::Gone(Ending::Unknown)),
                Ok(count) => self.read.extend_from_slice(some.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => watch.wait(&self.from, PollFlags::IN)?,
                Err(_) => return Err(Lost::Gone(Ending::Unknown)),
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
