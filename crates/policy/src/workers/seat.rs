//! The place of a worker: the process that has it now, and what that process has been told to keep.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{
    message::{Told, frame},
    process::{Lost, Process},
};
use crate::compile::Compiled;

/// How many blocks a worker keeps.
const MOST_CODES: usize = 512;

/// How many sets of joined filters a worker keeps.
const MOST_FILTERS: usize = 64;

/// How many runs wait in a worker. Those that have waited longest are begun again when their answer comes.
const MOST_RUNS: usize = 128;

/// The place of a worker.
#[derive(Default)]
pub(super) struct Seat {
    pub(super) process: Option<Process>,
    /// Which process it is, counted from the first. What an earlier one held is gone.
    pub(super) generation: u64,
    codes: Kept,
    filters: Kept,
    waiting: Kept,
    /// What is said with the next message.
    unsaid: Vec<u8>,
}

impl Seat {
    /// Gives the place to a new process.
    pub(super) fn give_to(&mut self, process: Process) {
        *self = Self { process: Some(process), generation: self.generation + 1, ..Self::default() };
    }

    /// Ends the process.
    pub(super) fn clear(&mut self) {
        *self = Self { generation: self.generation, ..Self::default() };
    }

    /// Says something, after what was left unsaid, and hears the answer.
    pub(super) fn ask(&mut self, time: Duration, write: impl FnOnce(&mut super::wire::Writer)) -> Result<Told, Lost> {
        let mut bytes = std::mem::take(&mut self.unsaid);
        frame(&mut bytes, write);
        self.process.as_mut().ok_or(Lost::Ended)?.ask(&bytes, time)
    }

    /// Sees to it that the worker has a block.
    pub(super) fn load(&mut self, code: &Compiled) {
        if self.codes.touch(code.number) {
            frame(&mut self.unsaid, |w| w.load(code.number, code.block, &code.source));
        }
    }

    /// Sees to it that the worker has these filters joined; gives what it says of their groups if it had them not.
    pub(super) fn join(
        &mut self,
        filters: u64,
        members: &[Option<Arc<Compiled>>],
        time: Duration,
    ) -> Result<Option<Vec<Option<usize>>>, Lost> {
        if !self.filters.touch(filters) {
            return Ok(None);
        }
        for code in members.iter().flatten() {
            self.load(code);
        }
        let numbers: Vec<Option<u64>> = members.iter().map(|code| code.as_ref().map(|code| code.number)).collect();
        match self.ask(time, |w| w.join(filters, &numbers))? {
            Told::Groups(groups) if groups.len() == members.len() => Ok(Some(groups)),
            _ => Err(Lost::Malformed),
        }
    }

    /// Notes that a run waits in the worker.
    pub(super) fn keep(&mut self, run: u64) {
        self.waiting.touch(run);
        while let Some(oldest) = self.waiting.oldest(MOST_RUNS) {
            frame(&mut self.unsaid, |w| w.forget(oldest));
        }
    }

    /// Takes a run that waits, if it does.
    pub(super) fn take(&mut self, run: u64) -> bool {
        self.waiting.take(run)
    }

    /// Gives up a run that waits.
    pub(super) fn forget(&mut self, run: u64) {
        if self.waiting.take(run) {
            frame(&mut self.unsaid, |w| w.forget(run));
        }
    }

    /// Lets the worker forget what has not been used for longest, beyond what it may keep. To be called after an answer, so
    /// that nothing goes that is about to be used.
    pub(super) fn tidy(&mut self) {
        while let Some(code) = self.codes.oldest(MOST_CODES) {
            frame(&mut self.unsaid, |w| w.unload(code));
        }
        while let Some(filters) = self.filters.oldest(MOST_FILTERS) {
            frame(&mut self.unsaid, |w| w.part(filters));
        }
    }
}

/// What a worker keeps, and when it was last used.
#[derive(Debug, Default)]
struct Kept {
    used: HashMap<u64, u64>,
    now: u64,
}

impl Kept {
    /// Notes that something is used; says whether it is new.
    fn touch(&mut self, what: u64) -> bool {
        self.now += 1;
        self.used.insert(what, self.now).is_none()
    }

    /// Takes something out, if it is there.
    fn take(&mut self, what: u64) -> bool {
        self.used.remove(&what).is_some()
    }

    /// Takes out what has not been used for longest, when there are more than `most`.
    fn oldest(&mut self, most: usize) -> Option<u64> {
        if self.used.len() <= most {
            return None;
        }
        let oldest = self.used.iter().min_by_key(|(_, used)| **used).map(|(what, _)| *what)?;
        self.used.remove(&oldest);
        Some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_is_kept() {
        let mut kept = Kept::default();
        assert!(kept.touch(1) && kept.touch(2) && kept.touch(3));
        assert!(!kept.touch(1), "it is there already");
        assert_eq!(kept.oldest(2), Some(2));
        assert_eq!(kept.oldest(2), None);
        assert!(kept.touch(2), "it was forgotten");
    }

    #[test]
    fn runs_that_wait_longest_are_given_up() {
        let mut seat = Seat::default();
        for run in 0..=MOST_RUNS as u64 {
            seat.keep(run);
        }
        assert!(!seat.take(0), "the first had to go");
        assert!(seat.take(1) && !seat.take(1));
        assert!(!seat.unsaid.is_empty(), "the worker is told");
    }
}
