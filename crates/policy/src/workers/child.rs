//! The worker: a process that does nothing but run policy code for the server that started it.
//!
//! It has no settings, no files, no network and no clock but that of its own processor time. It keeps what it was told to
//! keep, runs one thing at a time, and ends when its requests end.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    process::ExitCode,
    sync::Arc,
};

use policykit_core::policy::Block;

use super::{
    containment::{Containment, contain},
    message::{Ask, MOST_ASKED, MOST_TOLD, PROTOCOL, Told, frame},
    wire::{MOST_VALUES, only},
};
use crate::{
    compile::{MontySandbox, Program},
    error::{Failure, FailureKind, Limit},
    sandbox::{Filters, Paused, Sandbox, Step},
};

/// Ends a worker that was told what it cannot do: its server and it no longer agree on what it holds.
const CONFUSED: u8 = 70;

/// What a worker holds.
#[derive(Default)]
struct Worker {
    codes: HashMap<u64, (Block, Program)>,
    filters: HashMap<u64, Arc<dyn Filters>>,
    waiting: HashMap<u64, Box<dyn Paused>>,
    /// Whose block it is, for the failures of runs.
    blocks: HashMap<u64, Block>,
}

/// Is a worker until the requests end: takes from itself what `memory` (in bytes) and the kernel's means allow, then reads
/// requests from the standard input and writes answers to the standard output.
pub fn sandbox_process(memory: u64) -> ExitCode {
    let Ok(containment) = contain(memory) else { return ExitCode::FAILURE };
    let hello = Told::Hello {
        protocol: PROTOCOL,
        build: MontySandbox.build().to_owned(),
        contained: containment == Containment::Full,
    };
    let mut worker = Worker::default();
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let mut told = Some(framed(&hello));
    loop {
        if let Some(told) = told.take()
            && output.write_all(&told).and_then(|()| output.flush()).is_err()
        {
            return ExitCode::FAILURE;
        }
        let Ok(request) = next(&mut input) else { return ExitCode::SUCCESS };
        let Ok(ask) = Ask::read(&request) else { return ExitCode::from(CONFUSED) };
        drop(request);
        told = match worker.follow(ask) {
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

fn framed(told: &Told) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame(&mut bytes, |w| w.told(told));
    bytes
}

/// It was asked for what it does not hold.
struct Confused;

impl Worker {
    fn follow(&mut self, ask: Ask) -> Result<Option<Vec<u8>>, Confused> {
        match ask {
            Ask::Load { code, block, source } => {
                // The server has compiled it before: what fails here is for want of memory.
                let program = MontySandbox.compile(&only(block, source)).map_err(|_| Confused)?;
                self.codes.insert(code, (block, program));
            }
            Ask::Unload { code } => {
                self.codes.remove(&code);
            }
            Ask::Begin { run, code, scope, budget } => {
                let (block, program) = self.codes.get(&code).ok_or(Confused)?;
                self.blocks.insert(run, *block);
                let step = MontySandbox.begin(program, *block, scope, budget);
                return Ok(Some(self.stands(run, step)));
            }
            Ask::Resume { run, answer } => {
                let paused = self.waiting.remove(&run).ok_or(Confused)?;
                let step = paused.resume(answer);
                return Ok(Some(self.stands(run, step)));
            }
            Ask::Forget { run } => {
                self.waiting.remove(&run);
                self.blocks.remove(&run);
            }
            Ask::Join { filters, codes } => {
                let find = |code: &Option<u64>| code.and_then(|code| self.codes.get(&code).map(|(_, program)| program));
                let programs: Vec<Option<&Program>> = codes.iter().map(find).collect();
                let joined = MontySandbox.join(&programs);
                let groups = (0..codes.len()).map(|place| joined.group_of(place)).collect();
                self.filters.insert(filters, joined);
                return Ok(Some(framed(&Told::Groups(groups))));
            }
            Ask::Part { filters } => {
                self.filters.remove(&filters);
            }
            Ask::Match { filters, group, actions } => {
                let joined = self.filters.get(&filters).ok_or(Confused)?;
                return Ok(Some(framed(&Told::Said(joined.run_all(group, &actions)))));
            }
        }
        Ok(None)
    }

    /// Keeps a run that waits, and says where it stands.
    fn stands(&mut self, run: u64, step: Step) -> Vec<u8> {
        let told = match step {
            Step::Done(value, variables) => Told::Done(value, variables),
            Step::Failed(failure) => Told::Failed(failure),
            Step::Ask(request, paused) => {
                self.waiting.insert(run, paused);
                Told::Asks(request)
            }
        };
        let mut bytes = framed(&told);
        if !fits(&bytes) {
            self.waiting.remove(&run);
            let block = self.blocks.get(&run).copied().unwrap_or(Block::Check);
            let message = format!("the block hands over more than {} MB at once", MOST_TOLD / (1024 * 1024));
            let kind = FailureKind::Limit(Limit::Memory);
            bytes = framed(&Told::Failed(Failure { block, line: 0, column: 0, kind, message }));
        }
        if !self.waiting.contains_key(&run) {
            self.blocks.remove(&run);
        }
        bytes
    }
}

/// Whether the server will take it. What is short cannot hold too many values.
fn fits(framed: &[u8]) -> bool {
    let Some(bytes) = framed.get(4..) else { return false };
    bytes.len() < MOST_VALUES || (bytes.len() <= MOST_TOLD && Told::read(bytes).is_ok())
}
