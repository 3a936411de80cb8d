//! Looking after a worker that is waited for.
//!
//! Nothing waits without end, and load decides nothing: a worker that computes is given up for the processor time it has
//! had, as the system counts it, and never for time that only passed. One that stands still is given up after a while.

use std::{os::fd::AsFd, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    time::{ClockId, clock_gettime},
};

use super::{ending::Ending, process::Lost};

/// How long passes between two looks at a worker.
const GLANCE: Duration = Duration::from_millis(250);

/// How many times its time a worker may compute before it is given up.
const TIMES: u32 = 10;

/// How many times its time a worker is waited for where the system says nothing of it.
const TIMES_UNSEEN: u32 = 50;

/// Looks after a worker from a question to its whole answer.
pub(super) struct Watch {
    worker: u32,
    /// How long it may stand still, all in all.
    patience: Duration,
    /// How long it may compute, less what it may take in the end.
    time: Duration,
    /// When it is looked at next.
    next: Duration,
    /// How long it was seen standing still.
    still: Duration,
    /// What it had computed when it was first looked at.
    before: Option<Duration>,
    /// It has begun to answer: then it has computed, and what passes from now on is not for that.
    answers: bool,
}

impl Watch {
    pub(super) fn new(worker: u32, patience: Duration, time: Duration) -> Self {
        Self { worker, patience, time, next: now() + GLANCE, still: Duration::ZERO, before: None, answers: false }
    }

    /// The first of its answer is here. All of it was ready before, so it may take no longer for the rest than it may stand
    /// still, however busy it is with handing it over bit by bit.
    pub(super) const fn answers(&mut self) {
        self.answers = true;
    }

    /// Waits until the pipe is ready, or for a glance.
    ///
    /// # Errors
    /// When the worker is to be given up.
    pub(super) fn wait(&mut self, pipe: &impl AsFd, ready: PollFlags) -> Result<(), Lost> {
        let glance = Timespec { tv_sec: 0, tv_nsec: GLANCE.subsec_nanos().into() };
        match poll(&mut [PollFd::new(pipe, ready)], Some(&glance)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Err(Lost::Gone(Ending::Unknown)),
        }
        // Also when there was something: an answer may come byte by byte, and no look is to be had by that.
        let now = now();
        if now < self.next {
            return Ok(());
        }
        self.next = now + GLANCE;
        self.seen(Look::at(self.worker))
    }

    /// One glance's worth of waiting, whatever has passed meanwhile: this process may have been frozen.
    fn seen(&mut self, look: Option<Look>) -> Result<(), Lost> {
        let Some(look) = look else {
            self.still += GLANCE;
            let most = self.patience.max(self.time.saturating_mul(TIMES_UNSEEN));
            return if self.still < most { Ok(()) } else { Err(Lost::Still) };
        };
        let before = *self.before.get_or_insert(look.computed);
        if look.computed.saturating_sub(before) >= self.time.saturating_mul(TIMES) {
            return Err(Lost::Overdue);
        }
        if !look.wants_to || self.answers {
            self.still += GLANCE;
            if self.still >= self.patience {
                return Err(Lost::Still);
            }
        }
        Ok(())
    }
}

/// Time that passes, from some moment on.
pub(super) fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// What the system says of a process.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// One of its threads computes, or would if it had its turn.
    wants_to: bool,
    /// What all its threads have computed.
    computed: Duration,
}

impl Look {
    /// `None` where the system says nothing.
    fn at(process: u32) -> Option<Self> {
        let (leader_wants_to, computed) = stat(&format!("/proc/{process}/stat"))?;
        // The compiler has a thread of its own, for which the first one waits.
        let threads = || std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let wants_to = leader_wants_to
            || threads().any(|thread| {
                let path = thread.path().join("stat");
                path.to_str().and_then(stat).is_some_and(|(wants_to, _)| wants_to)
            });
        Some(Self { wants_to, computed })
    }
}

/// Whether what this file is about wants to compute, and how much it has.
fn stat(path: &str) -> Option<(bool, Duration)> {
    let text = std::fs::read_to_string(path).ok()?;
    // The name in front may hold anything, even parentheses.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let mut ticks = fields.skip(10).map(str::parse::<u64>);
    let ticks = ticks.next()?.ok()? + ticks.next()?.ok()?;
    // A hundred a second, wherever Linux runs.
    Some((matches!(state, "R" | "D"), Duration::from_millis(ticks.saturating_mul(10))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_millis(200);
    const PATIENCE: Duration = Duration::from_secs(10);

    /// After how many looks, each of them `computed` further, it is given up, and why.
    fn given_up(wants_to: bool, computed: Duration) -> Option<(u32, Lost)> {
        let mut watch = Watch::new(0, PATIENCE, TIME);
        let look = |n: u32| Look { wants_to, computed: computed * n };
        (0..10_000).find_map(|n| watch.seen(Some(look(n))).err().map(|why| (n, why)))
    }

    #[test]
    fn a_worker_that_computes_is_given_up_for_what_it_has_computed_and_nothing_else() {
        assert_eq!(given_up(true, GLANCE), Some((8, Lost::Overdue)), "two seconds of its own");
        // On a busy machine it has its turn now and then.
        assert_eq!(given_up(true, GLANCE / 50), Some((400, Lost::Overdue)));
        assert_eq!(given_up(true, Duration::ZERO), None, "it never has its turn");
    }

    #[test]
    fn a_worker_that_stands_still_is_given_up_even_if_it_moves_now_and_then() {
        assert_eq!(given_up(false, Duration::ZERO), Some((39, Lost::Still)));
        let mut watch = Watch::new(0, PATIENCE, TIME);
        let looks =
            (0..10_000u32).find(|n| watch.seen(Some(Look { wants_to: n % 2 == 0, computed: Duration::ZERO })).is_err());
        assert_eq!(looks, Some(79));
    }

    #[test]
    fn a_worker_that_hands_its_answer_over_bit_by_bit_is_given_up_however_busy_it_is() {
        let mut watch = Watch::new(0, PATIENCE, TIME);
        watch.answers();
        let busy = Look { wants_to: true, computed: Duration::ZERO };
        let looks = (0..10_000u32).find_map(|n| watch.seen(Some(busy)).err().map(|why| (n, why)));
        assert_eq!(looks, Some((39, Lost::Still)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_whose_other_threads_compute_does_not_stand_still() {
        let before = Look::at(std::process::id()).unwrap().computed;
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            // Neither of these is the first thread of this process.
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
            let mut look = Look::at(std::process::id()).unwrap();
            while look.computed < before + Duration::from_millis(50) {
                assert!(look.wants_to);
                look = Look::at(std::process::id()).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert!(Look::at(u32::MAX).is_none());
    }
}
