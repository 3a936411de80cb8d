//! How a worker came to its end, as far as that can be known: what a policy is told depends on it.

use std::{
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    process::{Child, ExitStatus},
    time::Duration,
};

use super::pool::pause;

/// How often it is looked whether a worker whose pipe is closed has ended.
const LOOKS: u32 = 100;

/// How much is read of what it said at last, in bytes.
const LAST_WORDS: u64 = 4096;

/// How a worker came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ending {
    /// It could not have the memory it asked for.
    #[error("it had no memory left")]
    Memory,
    /// Its stack was used up.
    #[error("its stack was used up")]
    Stack,
    /// Somebody else ended it: the system for want of memory, or a person.
    #[error("it was ended from outside")]
    Outside,
    /// It broke down in another way.
    #[error("it broke down")]
    Broken,
    /// Nothing is known.
    #[error("it ended")]
    Unknown,
}

impl Ending {
    /// Waits for the end of a worker whose pipe is closed, and says how it came.
    pub(super) fn of(child: &mut Child, errors: Option<&std::io::PipeReader>) -> Self {
        let mut said = Vec::new();
        let status = (0..LOOKS).find_map(|_| match child.try_wait() {
            Ok(None) => {
                pause(Duration::from_millis(10));
                None
            }
            ended => Some(ended.ok().flatten()),
        });
        if let Some(errors) = errors {
            // Never waited for: what is not there by now does not come.
            let _ = errors.take(LAST_WORDS).read_to_end(&mut said);
        }
        match status {
            Some(Some(status)) => Self::read(status, &String::from_utf8_lossy(&said)),
            // It has closed its pipe and goes on: no worker does.
            None => Self::Broken,
            Some(None) => Self::Unknown,
        }
    }

    /// What its status and its last words tell.
    fn read(status: ExitStatus, said: &str) -> Self {
        // The words are the standard library's, said before it ends a process.
        if said.contains("memory allocation of") {
            return Self::Memory;
        }
        if said.contains("overflowed its stack") {
            return Self::Stack;
        }
        match status.signal() {
            // HUP, INT, QUIT, KILL, TERM: no program sends them to itself.
            Some(1 | 2 | 3 | 9 | 15) => Self::Outside,
            _ => Self::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use rustix::io::ioctl_fionbio;

    use super::*;

    fn ending(script: &str) -> Ending {
        let (errors, theirs) = std::io::pipe().unwrap();
        ioctl_fionbio(&errors, true).unwrap();
        let mut child = Command::new("/bin/sh").arg("-c").arg(script).stderr(Stdio::from(theirs)).spawn().unwrap();
        Ending::of(&mut child, Some(&errors))
    }

    #[test]
    fn how_a_worker_ended_is_told_by_its_status_and_its_last_words() {
        assert_eq!(ending("kill -KILL $$"), Ending::Outside);
        assert_eq!(ending("kill -TERM $$"), Ending::Outside);
        assert_eq!(ending("echo 'memory allocation of 64 bytes failed' >&2; kill -ABRT $$"), Ending::Memory);
        assert_eq!(ending("echo 'thread main has overflowed its stack' >&2; kill -ABRT $$"), Ending::Stack);
        assert_eq!(ending("kill -ABRT $$"), Ending::Broken);
        assert_eq!(ending("kill -SEGV $$"), Ending::Broken);
        assert_eq!(ending("exit 70"), Ending::Broken);
    }
}
