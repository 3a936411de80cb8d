//! What the server and its workers say to each other.
//!
//! Every message is a frame: its length in four bytes, its number in eight, then what it says. A worker answers those that
//! need an answer, each under its number, and nothing else: what comes under another number is the answer to something
//! that nobody waits for any more, or was made up.

use policykit_core::{Value, policy::Block, snapshot::ActionView};

use super::wire::{Malformed, Reader, TooLarge, Writer};
use crate::{
    error::Failure,
    sandbox::{Budget, Raised, Request, Scope},
};

/// The version of everything in this file. A worker of another version is not worked with.
pub(super) const PROTOCOL: u64 = 2;

/// The longest message to a worker, in bytes.
pub(super) const MOST_ASKED: usize = 16 * 1024 * 1024;

/// The longest message of a worker, in bytes.
pub(super) const MOST_TOLD: usize = 8 * 1024 * 1024;

/// How deep values to a worker may be nested: what was stored is no deeper.
const LEVELS_ASKED: usize = 256;

/// How deep values of a worker may be nested. Two levels more than a block may hand over, for the pair with its variables
/// and for an object's attributes.
const LEVELS_TOLD: usize = crate::vm::DEEPEST + 2;

/// What is said to a worker.
pub(super) enum Ask {
    /// Compile this block and keep it. No answer.
    Load { code: u64, block: Block, source: String },
    /// Forget a block. No answer.
    Unload { code: u64 },
    /// Begin a run of a block.
    Begin { run: u64, code: u64, scope: Scope, budget: Budget },
    /// Go on with a run.
    Resume { run: u64, answer: Result<Option<Value>, Raised> },
    /// Forget a run that waits. No answer.
    Forget { run: u64 },
    /// Join these filters and keep them. No answer.
    Join { filters: u64, codes: Vec<u64> },
    /// Forget joined filters. No answer.
    Part { filters: u64 },
    /// Run joined filters on these actions, or on as many of them, from the first, as there is time for.
    Match { filters: u64, actions: Vec<ActionView> },
}

/// What a worker says.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// The first word: which protocol, what decides how code behaves, and whether the kernel holds it.
    Hello { protocol: u64, build: String, contained: bool },
    /// A run has ended.
    Done(Value, Value),
    /// A run asks for something.
    Asks(Request),
    /// A run has failed.
    Failed(Failure),
    /// For each action, the places of the filters that came to a result, and whether they match.
    Said(Vec<Vec<(usize, bool)>>),
}

/// The number of messages that nobody answers, and of the first word.
pub(super) const UNASKED: u64 = 0;

/// Puts a message in a frame behind those that are there already. One that would be longer than `most` is not put there.
pub(super) fn frame(
    out: &mut Vec<u8>,
    most: usize,
    number: u64,
    write: impl FnOnce(&mut Writer),
) -> Result<(), TooLarge> {
    let begin = out.len();
    let mut writer = Writer::new(std::mem::take(out), most.saturating_add(4));
    writer.size(0);
    writer.u64(number);
    write(&mut writer);
    let (written, whole) = writer.end();
    *out = written;
    if whole.is_err() {
        out.truncate(begin);
        return whole;
    }
    let length = u32::try_from(out.len() - begin - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(begin..begin + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

/// The messages to a worker, from what the sender has at hand.
impl Writer {
    pub(super) fn load(&mut self, code: u64, block: Block, source: &str) {
        self.u8(0);
        self.u64(code);
        self.block(block);
        self.text(source);
    }

    pub(super) fn unload(&mut self, code: u64) {
        self.u8(1);
        self.u64(code);
    }

    pub(super) fn begin(&mut self, run: u64, code: u64, scope: &Scope, budget: Budget) {
        self.u8(2);
        self.u64(run);
        self.u64(code);
        self.scope(scope);
        self.budget(budget);
    }

    pub(super) fn resume(&mut self, run: u64, answer: &Result<Option<Value>, Raised>) {
        self.u8(3);
        self.u64(run);
        self.answer(answer);
    }

    pub(super) fn forget(&mut self, run: u64) {
        self.u8(4);
        self.u64(run);
    }

    pub(super) fn join(&mut self, filters: u64, codes: &[u64]) {
        self.u8(5);
        self.u64(filters);
        self.list(codes, |w, code| w.u64(*code));
    }

    pub(super) fn part(&mut self, filters: u64) {
        self.u8(6);
        self.u64(filters);
    }

    /// Actions are written as JSON.
    pub(super) fn look(&mut self, filters: u64, actions: &[Vec<u8>]) {
        self.u8(7);
        self.u64(filters);
        self.list(actions, |w, action| w.bytes(action));
    }

    pub(super) fn told(&mut self, told: &Told) {
        match told {
            Told::Hello { protocol, build, contained } => {
                self.u8(0);
                self.u64(*protocol);
                self.text(build);
                self.u8(u8::from(*contained));
            }
            Told::Done(value, variables) => {
                self.u8(1);
                self.value(value);
                self.value(variables);
            }
            Told::Asks(request) => {
                self.u8(2);
                self.request(request);
            }
            Told::Failed(failure) => {
                self.u8(3);
                self.failure(failure);
            }
            Told::Said(said) => {
                self.u8(4);
                self.list(said, |w, of_one| {
                    w.list(of_one, |w, (place, matches)| {
                        w.size(*place);
                        w.u8(u8::from(*matches));
                    });
                });
            }
        }
    }
}

impl Ask {
    /// What is said, under which number.
    pub(super) fn read(bytes: &[u8]) -> Result<(u64, Self), Malformed> {
        let mut r = Reader::new(bytes, LEVELS_ASKED);
        let number = r.u64()?;
        let ask = match r.u8()? {
            0 => Self::Load { code: r.u64()?, block: r.block()?, source: r.text()? },
            1 => Self::Unload { code: r.u64()? },
            2 => Self::Begin { run: r.u64()?, code: r.u64()?, scope: r.scope()?, budget: r.budget()? },
            3 => Self::Resume { run: r.u64()?, answer: r.answer()? },
            4 => Self::Forget { run: r.u64()? },
            5 => Self::Join { filters: r.u64()?, codes: r.list(Reader::u64)? },
            6 => Self::Part { filters: r.u64()? },
            7 => Self::Match {
                filters: r.u64()?,
                actions: r.list(|r| serde_json::from_slice(r.bytes()?).map_err(|_| Malformed))?,
            },
            _ => return Err(Malformed),
        };
        r.end()?;
        Ok((number, ask))
    }
}

impl Told {
    /// What is said, under which number.
    pub(super) fn read(bytes: &[u8]) -> Result<(u64, Self), Malformed> {
        let mut r = Reader::new(bytes, LEVELS_TOLD);
        let number = r.u64()?;
        let told = match r.u8()? {
            0 => Self::Hello { protocol: r.u64()?, build: r.text()?, contained: r.yes()? },
            1 => Self::Done(r.value()?, r.value()?),
            2 => Self::Asks(r.request()?),
            3 => Self::Failed(r.failure()?),
            4 => Self::Said(r.list(|r| r.list(|r| Ok((r.size()?, r.yes()?))))?),
            _ => return Err(Malformed),
        };
        r.end()?;
        Ok((number, told))
    }
}

impl Reader<'_> {
    fn yes(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }
}
