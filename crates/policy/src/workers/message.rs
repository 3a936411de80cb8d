//! What the server and its workers say to each other.
//!
//! Every message is a frame: its length in four bytes, then what it says. A worker answers those that need an answer, in
//! the order in which they came, and nothing else.

use policykit_core::{Value, policy::Block, snapshot::ActionView};

use super::wire::{Malformed, Reader, Writer};
use crate::{
    error::Failure,
    sandbox::{Budget, Raised, Request, Scope},
};

/// The version of everything in this file. A worker of another version is not worked with.
pub(super) const PROTOCOL: u64 = 1;

/// The longest message to a worker, in bytes.
pub(super) const MOST_ASKED: usize = 64 * 1024 * 1024;

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
    /// Join these filters and keep them.
    Join { filters: u64, codes: Vec<Option<u64>> },
    /// Forget joined filters. No answer.
    Part { filters: u64 },
    /// Run a group of joined filters on these actions.
    Match { filters: u64, group: usize, actions: Vec<ActionView> },
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
    /// The group of each policy's filter.
    Groups(Vec<Option<usize>>),
    /// For each action, the places of the policies whose filters came to a result, and whether they match.
    Said(Vec<Vec<(usize, bool)>>),
}

/// Puts a message in a frame behind those that are there already.
pub(super) fn frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Writer)) {
    let begin = out.len();
    let mut writer = Writer(std::mem::take(out));
    writer.size(0);
    write(&mut writer);
    let length = u32::try_from(writer.0.len() - begin - 4).unwrap_or(u32::MAX);
    if let Some(place) = writer.0.get_mut(begin..begin + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    *out = writer.0;
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

    pub(super) fn join(&mut self, filters: u64, codes: &[Option<u64>]) {
        self.u8(5);
        self.u64(filters);
        self.list(codes, |w, code| w.option(*code, Self::u64));
    }

    pub(super) fn part(&mut self, filters: u64) {
        self.u8(6);
        self.u64(filters);
    }

    /// Actions that cannot be written are left out by the caller's count: the worker then says nothing at all.
    pub(super) fn look(&mut self, filters: u64, group: usize, actions: &[ActionView]) {
        self.u8(7);
        self.u64(filters);
        self.size(group);
        self.list(actions, |w, action| w.bytes(&serde_json::to_vec(action).unwrap_or_default()));
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
            Told::Groups(groups) => {
                self.u8(4);
                self.list(groups, |w, group| w.option(*group, Self::size));
            }
            Told::Said(said) => {
                self.u8(5);
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
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes, LEVELS_ASKED);
        let ask = match r.u8()? {
            0 => Self::Load { code: r.u64()?, block: r.block()?, source: r.text()? },
            1 => Self::Unload { code: r.u64()? },
            2 => Self::Begin { run: r.u64()?, code: r.u64()?, scope: r.scope()?, budget: r.budget()? },
            3 => Self::Resume { run: r.u64()?, answer: r.answer()? },
            4 => Self::Forget { run: r.u64()? },
            5 => Self::Join { filters: r.u64()?, codes: r.list(|r| r.option(Reader::u64))? },
            6 => Self::Part { filters: r.u64()? },
            7 => Self::Match {
                filters: r.u64()?,
                group: r.size()?,
                actions: r.list(|r| serde_json::from_slice(r.bytes()?).map_err(|_| Malformed))?,
            },
            _ => return Err(Malformed),
        };
        r.end()?;
        Ok(ask)
    }
}

impl Told {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes, LEVELS_TOLD);
        let told = match r.u8()? {
            0 => Self::Hello { protocol: r.u64()?, build: r.text()?, contained: r.yes()? },
            1 => Self::Done(r.value()?, r.value()?),
            2 => Self::Asks(r.request()?),
            3 => Self::Failed(r.failure()?),
            4 => Self::Groups(r.list(|r| r.option(Reader::size))?),
            5 => Self::Said(r.list(|r| r.list(|r| Ok((r.size()?, r.yes()?))))?),
            _ => return Err(Malformed),
        };
        r.end()?;
        Ok(told)
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
