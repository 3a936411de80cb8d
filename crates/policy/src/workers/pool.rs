//! All workers, and the runs that go on in them.

use std::{
    process::Command,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use policykit_core::Value;

use super::{
    WorkerOptions,
    containment::Containment,
    message::Told,
    process::{Lost, Process, WorkerTrouble},
    seat::Seat,
};
use crate::{
    compile::Compiled,
    error::{Failure, FailureKind, Limit},
    sandbox::{Budget, Paused, Raised, Request, Scope, Step},
    vm::DEEPEST,
};

/// For how many patiences it is tried to start a worker for one run.
const PATIENCES: u32 = 6;

/// How many workers may be lost in a row before the next one is waited with.
const LOST_IN_A_ROW: u32 = 4;

/// The longest wait before a worker is started.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a run is begun with, as often as it has to be.
pub(super) struct Case {
    pub(super) code: Arc<Compiled>,
    pub(super) scope: Scope,
    pub(super) budget: Budget,
}

/// An answer that a run has had.
type Answer = Result<Option<Value>, Raised>;

/// All workers.
pub(super) struct Pool {
    seats: Vec<Mutex<Seat>>,
    /// Which seats nobody uses at the moment.
    free: Mutex<Vec<bool>>,
    freed: Condvar,
    /// Runs that are given up, by seat, generation and run; their workers hear of it with the next message.
    given_up: Mutex<Vec<Spot>>,
    starts: Mutex<mpsc::Sender<Start>>,
    next: AtomicU64,
    lost: AtomicU64,
    asked: AtomicU64,
    patience: Duration,
    /// How many were lost since one last answered.
    in_a_row: Mutex<u32>,
}

/// Where the answer to the wish for a worker goes.
type Start = mpsc::Sender<Result<Process, WorkerTrouble>>;

/// Where a run waits.
#[derive(Debug, Clone, Copy)]
struct Spot {
    seat: usize,
    generation: u64,
    run: u64,
}

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
            starts: Mutex::new(starts),
            next: AtomicU64::new(1),
            lost: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            patience,
            in_a_row: Mutex::new(0),
        }))
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    pub(super) fn processes(&self) -> Vec<u32> {
        self.seats.iter().filter_map(|seat| lock(seat).process.as_ref().map(Process::id)).collect()
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
        let mut taken = Taken { pool: self, number, seat };
        lock(&self.given_up).retain(|spot| {
            if spot.seat == number && spot.generation == taken.seat.generation {
                taken.seat.forget(spot.run);
            }
            spot.seat != number
        });
        taken
    }

    /// Sees to it that a worker is there.
    pub(super) fn man(&self, seat: &mut Seat) -> Result<(), WorkerTrouble> {
        let (mut tries, mut waited) = (0_u32, Duration::ZERO);
        while seat.process.is_none() {
            let lost = *lock(&self.in_a_row);
            waited += pause(tries.max(lost.saturating_sub(LOST_IN_A_ROW)));
            match self.start() {
                Ok(process) => seat.give_to(process),
                Err(trouble) => {
                    tries += 1;
                    tracing::error!(error = %trouble, tries, "policy.worker.start");
                    let given_up = waited >= self.patience.saturating_mul(PATIENCES);
                    if given_up || matches!(trouble, WorkerTrouble::Version) {
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

    /// Notes that a worker has answered.
    pub(super) fn answered(&self, seat: &mut Seat) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        *lock(&self.in_a_row) = 0;
        seat.tidy();
    }

    pub(super) fn begin(self: &Arc<Self>, case: Arc<Case>) -> Step {
        self.go_on(case, Vec::new(), None)
    }

    /// Goes on with a run that has had these answers, the last of which the worker does not know yet.
    fn go_on(self: &Arc<Self>, case: Arc<Case>, history: Vec<Answer>, spot: Option<Spot>) -> Step {
        let mut taken = self.take(spot.map(|spot| spot.seat));
        let waits = spot.filter(|spot| {
            let here = taken.number == spot.seat && taken.seat.generation == spot.generation;
            here && taken.seat.take(spot.run)
        });
        if waits.is_none()
            && let Some(spot) = spot
        {
            lock(&self.given_up).push(spot);
        }
        let mut told = match (waits, history.last()) {
            (Some(spot), Some(answer)) => {
                let told = taken.seat.ask(case.budget.cpu, |w| w.resume(spot.run, answer));
                Some(told.map(|told| (spot.run, told)))
            }
            _ => None,
        };
        let mut lost = 0;
        loop {
            let result = match told.take() {
                Some(told) => told,
                None => {
                    if let Err(trouble) = self.man(&mut taken.seat) {
                        return Step::Failed(failure(
                            &case,
                            Limit::Process,
                            format!("the rule could not be run: {trouble}"),
                        ));
                    }
                    self.begin_anew(&mut taken.seat, &case, &history)
                }
            };
            let understood = result.and_then(|(run, told)| self.stands(&mut taken, &case, &history, run, told));
            match understood {
                Ok(Stands::Ended(step)) => return step,
                Ok(Stands::Asks(request, spot)) => {
                    let away = Away { pool: Arc::clone(self), case, history, spot: Some(spot) };
                    return Step::Ask(request, Box::new(away));
                }
                Err(why) => {
                    self.bury(&mut taken.seat, why);
                    lost += 1;
                    // A worker that was started for this run alone is lost to it too.
                    if lost == 2 {
                        return Step::Failed(blame(&case, why));
                    }
                }
            }
        }
    }

    /// Begins a run and gives it the answers it has had. It asks the same again.
    fn begin_anew(&self, seat: &mut Seat, case: &Case, history: &[Answer]) -> Result<(u64, Told), Lost> {
        let run = self.number();
        seat.load(&case.code);
        let mut told = seat.ask(case.budget.cpu, |w| w.begin(run, case.code.number, &case.scope, case.budget))?;
        for answer in history {
            match told {
                Told::Asks(_) => {}
                // A limit may be met on the way.
                Told::Failed(_) => break,
                _ => return Err(Lost::Malformed),
            }
            self.asked.fetch_add(1, Ordering::Relaxed);
            told = seat.ask(case.budget.cpu, |w| w.resume(run, answer))?;
        }
        Ok((run, told))
    }

    /// What a worker's answer means for the run, as far as a worker may be believed.
    fn stands(
        &self,
        taken: &mut Taken<'_>,
        case: &Case,
        history: &[Answer],
        run: u64,
        told: Told,
    ) -> Result<Stands, Lost> {
        let stands = match told {
            Told::Done(value, variables) if value.is_within(DEEPEST) && variables.is_within(DEEPEST) => {
                Stands::Ended(Step::Done(value, variables))
            }
            Told::Failed(failure) if failure.block == case.code.block => Stands::Ended(Step::Failed(failure)),
            Told::Asks(request) if request.is_within(DEEPEST) && history.len() < case.budget.host_calls => {
                taken.seat.keep(run);
                let spot = Spot { seat: taken.number, generation: taken.seat.generation, run };
                Stands::Asks(request, spot)
            }
            _ => return Err(Lost::Malformed),
        };
        self.answered(&mut taken.seat);
        Ok(stands)
    }
}

/// Where a run stands.
enum Stands {
    Ended(Step),
    Asks(Request, Spot),
}

/// A seat that is taken, until dropped.
pub(super) struct Taken<'a> {
    pool: &'a Pool,
    number: usize,
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

/// A run that waits in a worker for an answer.
struct Away {
    pool: Arc<Pool>,
    case: Arc<Case>,
    history: Vec<Answer>,
    spot: Option<Spot>,
}

impl Paused for Away {
    fn resume(mut self: Box<Self>, answer: Answer) -> Step {
        self.history.push(answer);
        let history = std::mem::take(&mut self.history);
        let spot = self.spot.take();
        self.pool.go_on(Arc::clone(&self.case), history, spot)
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        if let Some(spot) = self.spot {
            lock(&self.pool.given_up).push(spot);
        }
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

/// Waits a little, longer each time.
fn pause(times: u32) -> Duration {
    if times == 0 {
        return Duration::ZERO;
    }
    let wait = Duration::from_millis(10).saturating_mul(1 << times.min(10)).min(LONGEST_PAUSE);
    let (_kept, nothing) = mpsc::channel::<()>();
    let _ = nothing.recv_timeout(wait);
    wait
}

/// What is said of a run that two workers were lost to.
fn blame(case: &Case, why: Lost) -> Failure {
    let (limit, message) = match why {
        Lost::Ended => (Limit::Memory, "the rule used more memory than it may"),
        Lost::Overdue => (Limit::Cpu, "the rule computed for much longer than it may"),
        Lost::Malformed => (Limit::Memory, "the rule ended the process it ran in"),
    };
    failure(case, limit, message.to_owned())
}

fn failure(case: &Case, limit: Limit, message: String) -> Failure {
    Failure { block: case.code.block, line: 0, column: 0, kind: FailureKind::Limit(limit), message }
}

pub(super) fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use policykit_core::policy::Block;

    use super::*;
    use crate::{
        compile::MontySandbox,
        sandbox::Sandbox as _,
        workers::{
            message::{PROTOCOL, frame},
            wire::only,
        },
    };

    /// A worker that greets as one does and then does what this script says.
    fn impostor(script: &str) -> Arc<Pool> {
        let hello = Told::Hello { protocol: PROTOCOL, build: MontySandbox.build().to_owned(), contained: true };
        let mut bytes = Vec::new();
        frame(&mut bytes, |w| w.told(&hello));
        let octal: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
        let options = WorkerOptions {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), format!("printf '{octal}'; {script}")],
            count: 1,
            patience: Duration::from_millis(500),
            budget: Budget::default(),
        };
        Pool::new(options, MontySandbox.build().to_owned()).unwrap()
    }

    fn case(source: &str) -> Arc<Case> {
        let program = MontySandbox.compile(&only(Block::Check, source.to_owned())).unwrap();
        let code = Arc::clone(program.block(Block::Check).unwrap());
        let scope = Scope { parameters: vec![Arc::default(); 5], ..Scope::default() };
        Arc::new(Case { code, scope, budget: Budget { cpu: Duration::from_millis(1), ..Budget::default() } })
    }

    fn failed(step: &Step) -> (FailureKind, String) {
        let Step::Failed(failure) = step else { panic!("it ended otherwise") };
        (failure.kind.clone(), failure.message.clone())
    }

    #[test]
    fn a_worker_that_says_what_no_worker_says_is_replaced_and_its_run_given_up_after_the_second() {
        for lie in [
            // A message longer than any, one of no kind, one with something behind it, an answer nobody asked for.
            "printf '\\377\\377\\377\\377'",
            "printf '\\001\\000\\000\\000\\143'",
            "printf '\\003\\000\\000\\000\\001\\000\\000x'",
            "printf '\\005\\000\\000\\000\\004\\000\\000\\000\\000'",
        ] {
            let pool = impostor(&format!("head -c 1 >/dev/null; {lie}; cat >/dev/null"));
            let (kind, message) = failed(&pool.begin(case("return True")));
            assert_eq!(kind, FailureKind::Limit(Limit::Memory), "{lie}");
            assert_eq!(message, "the rule ended the process it ran in", "{lie}");
            assert_eq!(pool.lost(), 2, "{lie}");
        }
    }

    #[test]
    fn a_worker_that_stands_still_is_not_waited_for_without_end() {
        let pool = impostor("cat >/dev/null");
        let (kind, _) = failed(&pool.begin(case("return True")));
        assert_eq!(kind, FailureKind::Limit(Limit::Cpu));
        assert_eq!(pool.lost(), 2);
    }

    #[test]
    fn a_worker_that_ends_at_once_is_a_rule_out_of_memory() {
        let pool = impostor("head -c 1 >/dev/null; exit 1");
        let (kind, message) = failed(&pool.begin(case("return True")));
        assert_eq!(
            (kind, message.as_str()),
            (FailureKind::Limit(Limit::Memory), "the rule used more memory than it may")
        );
    }

    #[test]
    fn a_program_that_is_no_worker_is_said_to_be_none() {
        let options = |program: &str| WorkerOptions {
            program: program.into(),
            arguments: Vec::new(),
            count: 1,
            patience: Duration::from_millis(500),
            budget: Budget::default(),
        };
        let build = || MontySandbox.build().to_owned();
        let silent = Pool::new(options("/bin/true"), build()).unwrap().try_one();
        assert!(matches!(silent, Err(WorkerTrouble::Silent(_))), "{silent:?}");
        let missing = Pool::new(options("/bin/there-is-none"), build()).unwrap();
        assert!(matches!(missing.try_one(), Err(WorkerTrouble::Start(_))));
        let (kind, message) = failed(&missing.begin(case("return True")));
        assert_eq!(kind, FailureKind::Limit(Limit::Process));
        assert!(message.contains("cannot be started"), "{message}");
        let other = Pool::new(options("/bin/ls"), build()).unwrap().try_one();
        assert!(matches!(other, Err(WorkerTrouble::Version)), "{other:?}");
    }
}
