//! All workers: who has which place, how they are started, and what is left of those that are lost.

use std::{
    cell::Cell,
    process::Command,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use super::{
    WorkerOptions,
    containment::Containment,
    faults::Faults,
    process::{Lost, Process, WorkerTrouble},
    runs::Spot,
    seat::Seat,
    watch::now,
};

/// For how many patiences it is tried to start a worker for one run.
const PATIENCES: u32 = 6;

/// How many workers may be lost in a row before the next one is waited with.
const LOST_IN_A_ROW: u32 = 4;

/// The longest wait before a worker is started.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

thread_local! {
    /// See [`waited`].
    static WAITED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// How long this thread has waited for workers, all together.
pub(super) fn waited() -> Duration {
    WAITED.get()
}

/// Notes for how long this thread waits, until dropped.
struct Waits(Duration);

impl Waits {
    fn begin() -> Self {
        Self(now())
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        WAITED.set(WAITED.get().saturating_add(now().saturating_sub(self.0)));
    }
}

/// All workers.
pub(super) struct Pool {
    seats: Vec<Mutex<Seat>>,
    /// Which seats nobody uses at the moment.
    free: Mutex<Vec<bool>>,
    freed: Condvar,
    /// Runs that are given up, by seat, generation and run; their workers hear of it with the next message.
    given_up: Mutex<Vec<Spot>>,
    faults: Mutex<Faults>,
    starts: Mutex<mpsc::Sender<Start>>,
    next: AtomicU64,
    lost: AtomicU64,
    asked: AtomicU64,
    patience: Duration,
    /// How many were lost since one last answered.
    in_a_row: Mutex<u32>,
    /// None could be started the last time, although it was tried for long.
    hopeless: AtomicBool,
}

/// Where the answer to the wish for a worker goes.
type Start = mpsc::Sender<Result<Process, WorkerTrouble>>;

impl Pool {
    pub(super) fn new(options: WorkerOptions, build: String) -> Result<Arc<Self>, WorkerTrouble> {
        let count = options.count.max(1);
        let patience = options.patience;
        let (starts, wishes) = mpsc::channel::<Start>();
        // The kernel ends a worker together with the thread that started it, so they all come from one that stays.
        std::thread::Builder::new().name("policy-workers".to_owned()).spawn(move || {
            for wish in wishes {
                let _ = wish.send(Process::start(&mut command(&options), &build, options.patience));
            }
        })?;
        Ok(Arc::new(Self {
            seats: (0..count).map(|_| Mutex::default()).collect(),
            free: Mutex::new(vec![true; count]),
            freed: Condvar::new(),
            given_up: Mutex::default(),
            faults: Mutex::default(),
            starts: Mutex::new(starts),
            next: AtomicU64::new(1),
            lost: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            patience,
            in_a_row: Mutex::new(0),
            hopeless: AtomicBool::new(false),
        }))
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    pub(super) fn busy(&self) -> usize {
        lock(&self.free).iter().filter(|free| !**free).count()
    }

    pub(super) fn processes(&self) -> Vec<u32> {
        self.seats.iter().filter_map(|seat| lock(seat).process.as_ref().map(Process::id)).collect()
    }

    /// What is remembered of blocks.
    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    /// Starts a worker where there is none. Tried once: somebody waits for the word.
    pub(super) fn try_one(&self) -> Result<Containment, WorkerTrouble> {
        let mut taken = self.take(None);
        if taken.seat.process.is_none() {
            taken.seat.give_to(self.start()?);
        }
        let contained = taken.seat.process.as_ref().is_some_and(|process| process.contained);
        Ok(if contained { Containment::Full } else { Containment::Limits })
    }

    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes a seat that nobody uses, this one if it is free, and waits for one if need be.
    pub(super) fn take(&self, wanted: Option<usize>) -> Taken<'_> {
        let waits = Waits::begin();
        let mut free = lock(&self.free);
        let (number, seat) = loop {
            let wanted = wanted.filter(|seat| free.get(*seat).copied() == Some(true));
            let found = wanted.or_else(|| free.iter().position(|free| *free));
            if let Some(number) = found
                && let (Some(free), Some(seat)) = (free.get_mut(number), self.seats.get(number))
            {
                *free = false;
                break (number, seat);
            }
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        };
        drop(free);
        let seat = lock(seat);
        drop(waits);
        let mut taken = Taken { pool: self, number, seat };
        lock(&self.given_up).retain(|spot| {
            if spot.seat == number && spot.generation == taken.seat.generation {
                taken.seat.forget(spot.run);
            }
            spot.seat != number
        });
        taken
    }

    /// Nobody waits for this run any more.
    pub(super) fn give_up(&self, spot: Spot) {
        lock(&self.given_up).push(spot);
    }

    /// Sees to it that a worker is there.
    ///
    /// # Errors
    /// When none can be started, after it was tried for a while; after that only once each time, until one can be.
    pub(super) fn man(&self, seat: &mut Seat) -> Result<(), WorkerTrouble> {
        if seat.process.is_some() {
            return Ok(());
        }
        let _waits = Waits::begin();
        let (mut tries, mut waited) = (0_u32, Duration::ZERO);
        while seat.process.is_none() {
            let hopeless = self.hopeless.load(Ordering::Relaxed);
            let lost = *lock(&self.in_a_row);
            let wait = if hopeless { LONGEST_PAUSE } else { longer(tries.max(lost.saturating_sub(LOST_IN_A_ROW))) };
            pause(wait.min(self.patience));
            waited += wait;
            match self.start() {
                Ok(process) => {
                    self.hopeless.store(false, Ordering::Relaxed);
                    seat.give_to(process);
                }
                Err(trouble) => {
                    tries += 1;
                    tracing::error!(error = %trouble, tries, "policy.worker.start");
                    let given_up = hopeless || waited >= self.patience.saturating_mul(PATIENCES);
                    if given_up || matches!(trouble, WorkerTrouble::Version) {
                        self.hopeless.store(true, Ordering::Relaxed);
                        return Err(trouble);
                    }
                }
            }
        }
        Ok(())
    }

    fn start(&self) -> Result<Process, WorkerTrouble> {
        let (answer, started) = mpsc::channel();
        let gone = || WorkerTrouble::Silent("this program is ending");
        lock(&self.starts).send(answer).map_err(|_| gone())?;
        started.recv().map_err(|_| gone())?
    }

    /// Notes that a worker is lost, and ends what is left of it.
    pub(super) fn bury(&self, seat: &mut Seat, why: Lost) {
        seat.clear();
        let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
        *lock(&self.in_a_row) += 1;
        tracing::warn!(%why, lost, "policy.worker.lost");
    }

    /// Notes that a question was answered, one of several.
    pub(super) fn note_asked(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a worker has answered.
    pub(super) fn answered(&self, seat: &mut Seat) {
        self.note_asked();
        *lock(&self.in_a_row) = 0;
        seat.tidy();
    }
}

/// A seat that is taken, until dropped.
pub(super) struct Taken<'a> {
    pool: &'a Pool,
    pub(super) number: usize,
    pub(super) seat: MutexGuard<'a, Seat>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(free) = lock(&self.pool.free).get_mut(self.number) {
            *free = true;
        }
        self.pool.freed.notify_one();
    }
}

/// What a worker is started with: nothing of this process's surroundings.
fn command(options: &WorkerOptions) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(&options.program);
    // The name under which it is listed; the path may be one that means something else to everybody.
    command.arg0("policykit");
    // Ctrl-C in a terminal is meant for the server, which still needs them to put its work down in order.
    command.process_group(0);
    // One pool of memory instead of one for each thread: what is kept free for nobody counts against the limit.
    command.args(&options.arguments).env_clear().env("MALLOC_ARENA_MAX", "1").current_dir("/");
    command
}

/// How long is waited before something is tried once more, longer each time.
fn longer(times: u32) -> Duration {
    if times == 0 {
        Duration::ZERO
    } else {
        Duration::from_millis(10).saturating_mul(1 << times.min(10)).min(LONGEST_PAUSE)
    }
}

/// Waits.
pub(super) fn pause(wait: Duration) {
    if !wait.is_zero() {
        let (_kept, nothing) = mpsc::channel::<()>();
        let _ = nothing.recv_timeout(wait);
    }
}

pub(super) fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Budget;

    #[test]
    fn who_waits_for_a_worker_is_told_how_long() {
        let options = WorkerOptions {
            program: "/bin/true".into(),
            arguments: Vec::new(),
            count: 1,
            patience: Duration::from_millis(1),
            budget: Budget::default(),
        };
        let pool = Pool::new(options, String::new()).unwrap();
        let taken = pool.take(None);
        let (tell, told) = mpsc::channel();
        let other = Arc::clone(&pool);
        let waiting = std::thread::spawn(move || {
            let (began, before) = (now(), waited());
            tell.send(()).unwrap();
            drop(other.take(None));
            (now().saturating_sub(began), waited().saturating_sub(before))
        });
        told.recv().unwrap();
        pause(Duration::from_millis(100));
        drop(taken);
        let (took, waited) = waiting.join().unwrap();
        assert!(waited <= took && waited * 2 >= took, "{waited:?} of {took:?}");
    }
}
