//! The place of a worker: the process that has it now, and what that process has been told to keep.

use std::{collections::HashMap, time::Duration};

use super::{
    message::{MOST_ASKED, Told, UNASKED, frame},
    process::{Lost, Process},
    remote::Member,
    wire::{TooLarge, Writer},
};
use crate::compile::Compiled;

/// How many blocks a worker keeps.
const MOST_CODES: usize = 1024;

/// How many sets of joined filters a worker keeps.
const MOST_FILTERS: usize = 256;

/// How long a worker may take to make a block ready, with room to spare.
const MAKING_READY: Duration = Duration::from_millis(20);

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
    /// How many blocks are to be made ready with the next message.
    unready: u32,
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// The worker is lost.
    Lost(Lost),
    /// It was not asked: no worker takes so much at once.
    TooLarge,
}

impl From<Lost> for Unanswered {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

impl From<TooLarge> for Unanswered {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
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

    /// Says something, after what was left unsaid, and hears the answer. `time` is how long the worker may compute for it.
    pub(super) fn ask(&mut self, time: Duration, write: impl FnOnce(&mut Writer)) -> Result<Told, Unanswered> {
        let process = self.process.as_mut().ok_or(Lost::Gone(super::ending::Ending::Unknown))?;
        let number = process.next_number();
        frame(&mut self.unsaid, MOST_ASKED, number, write)?;
        let bytes = std::mem::take(&mut self.unsaid);
        let time = time.saturating_add(MAKING_READY.saturating_mul(std::mem::take(&mut self.unready)));
        Ok(process.ask(number, &bytes, time)?)
    }

    /// Says something with the next message that has no answer and is always short.
    fn mention(&mut self, write: impl FnOnce(&mut Writer)) {
        let _ = frame(&mut self.unsaid, MOST_ASKED, UNASKED, write);
    }

    /// Sees to it that the worker has a block.
    pub(super) fn load(&mut self, code: &Compiled) {
        if self.codes.touch(code.number) {
            self.unready += 1;
            self.mention(|w| w.load(code.number, code.block, &code.source));
        }
    }

    /// Sees to it that the worker has these filters joined.
    pub(super) fn join(&mut self, filters: u64, members: &[Member]) {
        if !self.filters.touch(filters) {
            return;
        }
        for (_, code) in members {
            self.load(code);
        }
        // Joined they are made ready once more.
        self.unready += u32::try_from(members.len()).unwrap_or(u32::MAX);
        let numbers: Vec<u64> = members.iter().map(|(_, code)| code.number).collect();
        self.mention(|w| w.join(filters, &numbers));
    }

    /// Notes that a run waits in the worker.
    pub(super) fn keep(&mut self, run: u64) {
        self.waiting.touch(run);
        while let Some(oldest) = self.waiting.oldest(MOST_RUNS) {
            self.mention(|w| w.forget(oldest));
        }
    }

    /// Takes a run that waits, if it does.
    pub(super) fn take(&mut self, run: u64) -> bool {
        self.waiting.take(run)
    }

    /// Gives up a run that waits.
    pub(super) fn forget(&mut self, run: u64) {
        if self.waiting.take(run) {
            self.mention(|w| w.forget(run));
        }
    }

    /// Lets the worker forget what has not been used for longest, beyond what it may keep. To be called after an answer, so
    /// that nothing goes that is about to be used.
    pub(super) fn tidy(&mut self) {
        while let Some(code) = self.codes.oldest(MOST_CODES) {
            self.mention(|w| w.unload(code));
        }
        while let Some(filters) = self.filters.oldest(MOST_FILTERS) {
            self.mention(|w| w.part(filters));
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
