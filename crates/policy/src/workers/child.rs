//! The worker: a process that does nothing but run policy code for the server that started it.
//!
//! It has no settings, no files, no network and no clock but that of its own processor time. It keeps what it was told to
//! keep, runs one thing at a time, and ends when its requests end.

use std::{
    collections::{BTreeSet, HashMap},
    io::{self, Read as _, Write as _},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use policykit_core::{policy::Block, snapshot::ActionView};
use rustix::time::{ClockId, clock_gettime};

use super::{
    containment::{Containment, contain},
    message::{Ask, MOST_ASKED, MOST_TOLD, PROTOCOL, Told, UNASKED, frame},
    wire::{MOST_VALUES, only},
};
use crate::{
    compile::{MontySandbox, Program},
    error::{Failure, FailureKind, Limit},
    sandbox::{Filters, Paused, Sandbox, Step},
};

/// Ends a worker that was told what it cannot do: its server and it no longer agree on what it holds.
const CONFUSED: u8 = 70;

/// How long joined filters are run for one question. What is left is asked again, so that others get their turn and that it
/// is soon seen when a filter comes to no end.
const SHARE: Duration = Duration::from_millis(100);

/// What a worker holds.
#[derive(Default)]
struct Worker {
    codes: HashMap<u64, (Block, Option<Program>)>,
    filters: HashMap<u64, Together>,
    waiting: HashMap<u64, (Block, Box<dyn Paused>)>,
}

/// Filters that were joined, as far as that is possible here.
struct Together {
    joined: Arc<dyn Filters>,
    groups: BTreeSet<usize>,
}

/// Is a worker until the requests end: takes from itself what `memory` (in bytes) and the kernel's means allow, then reads
/// requests from the standard input and writes answers to the standard output.
pub fn sandbox_process(memory: u64) -> ExitCode {
    // What a panic of the interpreter says is of use to nobody, and the last words of this process are to be others.
    std::panic::set_hook(Box::new(|_| {}));
    let Ok(containment) = contain(memory) else { return ExitCode::FAILURE };
    let hello = Told::Hello {
        protocol: PROTOCOL,
        build: MontySandbox.build().to_owned(),
        contained: containment == Containment::Full,
    };
    let mut worker = Worker::default();
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let mut told = framed(UNASKED, &hello);
    loop {
        if let Some(told) = told.take()
            && output.write_all(&told).and_then(|()| output.flush()).is_err()
        {
            return ExitCode::FAILURE;
        }
        let Ok(request) = next(&mut input) else { return ExitCode::SUCCESS };
        let Ok((number, ask)) = Ask::read(&request) else { return ExitCode::from(CONFUSED) };
        drop(request);
        told = match worker.follow(number, ask) {
            Ok(told) => told,
            Err(Confused) => return ExitCode::from(CONFUSED),
        };
    }
}

fn next(input: &mut impl io::Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > MOST_ASKED {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut request = Vec::with_capacity(length);
    if input.take(length as u64).read_to_end(&mut request)? == length {
        Ok(request)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// An answer in its frame; `None` when the server would not take it.
fn framed(number: u64, told: &Told) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    frame(&mut bytes, MOST_TOLD, number, |w| w.told(told)).ok().map(|()| bytes)
}

/// The processor time of this thread.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// It was asked for what it does not hold.
struct Confused;

impl Worker {
    /// Does as it is told; gives the answer, if one is waited for.
    fn follow(&mut self, number: u64, ask: Ask) -> Result<Option<Vec<u8>>, Confused> {
        match ask {
            Ask::Load { code, block, source } => {
                // The server has compiled it before: what fails here is for want of memory.
                self.codes.insert(code, (block, MontySandbox.compile(&only(block, source)).ok()));
            }
            Ask::Unload { code } => {
                self.codes.remove(&code);
            }
            Ask::Begin { run, code, scope, budget } => {
                let (block, program) = self.codes.get(&code).ok_or(Confused)?;
                let step = match program {
                    Some(program) => MontySandbox.begin(program, *block, scope, budget),
                    None => {
                        Step::Failed(beyond(*block, "there is too little memory to make the block ready".to_owned()))
                    }
                };
                return Ok(self.stands(number, run, *block, step));
            }
            Ask::Resume { run, answer } => {
                let (block, paused) = self.waiting.remove(&run).ok_or(Confused)?;
                let step = paused.resume(answer);
                return Ok(self.stands(number, run, block, step));
            }
            Ask::Forget { run } => {
                self.waiting.remove(&run);
            }
            Ask::Join { filters, codes } => {
                let find = |code: &u64| self.codes.get(code).ok_or(Confused).map(|(_, program)| program.as_ref());
                let programs = codes.iter().map(find).collect::<Result<Vec<_>, _>>()?;
                let joined = MontySandbox.join(&programs);
                let groups = (0..programs.len()).filter_map(|place| joined.group_of(place)).collect();
                self.filters.insert(filters, Together { joined, groups });
            }
            Ask::Part { filters } => {
                self.filters.remove(&filters);
            }
            Ask::Match { filters, actions } => {
                let together = self.filters.get(&filters).ok_or(Confused)?;
                return Ok(framed(number, &Told::Said(together.look(&actions))));
            }
        }
        Ok(None)
    }

    /// Keeps a run that waits, and says where it stands.
    fn stands(&mut self, number: u64, run: u64, block: Block, step: Step) -> Option<Vec<u8>> {
        let (told, paused) = match step {
            Step::Done(value, variables) => (Told::Done(value, variables), None),
            Step::Failed(failure) => (Told::Failed(failure), None),
            Step::Ask(request, paused) => (Told::Asks(request), Some(paused)),
        };
        if let Some(bytes) = framed(number, &told) {
            if let Some(paused) = paused {
                self.waiting.insert(run, (block, paused));
            }
            return Some(bytes);
        }
        let (most, values) = (MOST_TOLD / (1024 * 1024), MOST_VALUES);
        let message = format!("the block hands over more than {most} MB at once, or more than {values} values");
        framed(number, &Told::Failed(beyond(block, message)))
    }
}

impl Together {
    /// What the filters say of these actions, or of the first of them.
    fn look(&self, actions: &[ActionView]) -> Vec<Vec<(usize, bool)>> {
        let begun = computed();
        let mut said = Vec::with_capacity(actions.len());
        for action in actions {
            said.push(self.groups.iter().flat_map(|group| self.joined.run(*group, action)).collect());
            if computed().saturating_sub(begun) > SHARE {
                break;
            }
        }
        said
    }
}

/// The failure of a block that would take more than there is.
const fn beyond(block: Block, message: String) -> Failure {
    Failure { block, line: 0, column: 0, kind: FailureKind::Limit(Limit::Memory), message }
}
