//! Bytes that pass between the server and its workers: plain, of known length, and read with suspicion.
//!
//! What a worker writes may have been written by whoever broke out of the interpreter in it. So nothing is believed about
//! lengths: a reader takes no more than it was given, goes only so deep, and makes only so many values.

mod write;

use policykit_core::{
    ObjectKind, ObjectRef, Timestamp, Value,
    policy::{Block, Blocks},
};

use crate::{
    error::{Failure, FailureKind, Limit},
    sandbox::{Budget, Raised, Request, Scope},
};

pub(super) use self::write::{TooLarge, Writer};

/// How many values one message may hold. Each takes some 60 bytes of memory, whatever few bytes it was written with.
pub(super) const MOST_VALUES: usize = 500_000;

/// What cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be read")]
pub(super) struct Malformed;

/// Reads a message from its beginning.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// How deep a value may be nested.
    levels: usize,
    /// How many values may still come.
    values: usize,
}

impl<'a> Reader<'a> {
    /// A reader that takes values nested up to `levels` deep.
    pub(super) const fn new(bytes: &'a [u8], levels: usize) -> Self {
        Self { rest: bytes, levels, values: MOST_VALUES }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(u8::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn size(&mut self) -> Result<usize, Malformed> {
        let size = self.array().map(u32::from_le_bytes)?;
        usize::try_from(size).map_err(|_| Malformed)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.size()?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed)
    }

    /// A list of what `one` reads. Each takes at least one byte, so a length that is made up is found out at once.
    pub(super) fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let length = self.size()?;
        if length > self.rest.len() || length > self.values {
            return Err(Malformed);
        }
        (0..length).map(|_| one(self)).collect()
    }

    /// What `one` reads, if it is there.
    pub(super) fn option<T>(
        &mut self,
        one: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        match self.u8()? {
            0 => Ok(None),
            1 => one(self).map(Some),
            _ => Err(Malformed),
        }
    }

    pub(super) fn value(&mut self) -> Result<Value, Malformed> {
        self.values = self.values.checked_sub(1).ok_or(Malformed)?;
        Ok(match self.u8()? {
            0 => Value::None,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => Value::Int(self.i64()?),
            4 => Value::Float(f64::from_bits(self.u64()?)),
            5 => Value::Str(self.text()?),
            6 => Value::List(self.deeper(|r| r.list(Self::value))?),
            7 => Value::Tuple(self.deeper(|r| r.list(Self::value))?),
            8 => Value::Dict(self.deeper(|r| r.list(|r| Ok((r.value()?, r.value()?))))?),
            9 => Value::DateTime(Timestamp::from_micros(self.i64()?)),
            10 => Value::Duration(self.i64()?),
            11 => Value::Object(self.deeper(Self::object)?),
            _ => return Err(Malformed),
        })
    }

    fn deeper<T>(&mut self, what: impl FnOnce(&mut Self) -> Result<T, Malformed>) -> Result<T, Malformed> {
        self.levels = self.levels.checked_sub(1).ok_or(Malformed)?;
        let read = what(self)?;
        self.levels += 1;
        Ok(read)
    }

    fn object(&mut self) -> Result<ObjectRef, Malformed> {
        let kind = KINDS.get(usize::from(self.u8()?)).copied().ok_or(Malformed)?;
        let (id, label) = (self.text()?, self.text()?);
        Ok(ObjectRef { kind, id, label, attrs: self.list(|r| Ok((r.text()?, r.value()?)))? })
    }

    pub(super) fn block(&mut self) -> Result<Block, Malformed> {
        Block::ALL.get(usize::from(self.u8()?)).copied().ok_or(Malformed)
    }

    pub(super) fn scope(&mut self) -> Result<Scope, Malformed> {
        let parameters = self.list(|r| r.value().map(std::sync::Arc::new))?;
        let names = self.list(|r| Ok((r.text()?, r.value()?)))?;
        Ok(Scope { parameters, names, now: Timestamp::from_micros(self.i64()?) })
    }

    pub(super) fn budget(&mut self) -> Result<Budget, Malformed> {
        let cpu = std::time::Duration::from_micros(self.u64()?);
        Ok(Budget { cpu, host_calls: usize::try_from(self.u64()?).map_err(|_| Malformed)? })
    }

    pub(super) fn answer(&mut self) -> Result<Result<Option<Value>, Raised>, Malformed> {
        Ok(match self.u8()? {
            0 => Ok(self.option(Self::value)?),
            1 => Err(Raised { class: self.text()?, message: self.text()? }),
            _ => return Err(Malformed),
        })
    }

    pub(super) fn request(&mut self) -> Result<Request, Malformed> {
        let kind = self.u8()?;
        let (object, name) = (self.object()?, self.text()?);
        match kind {
            0 => Ok(Request::Attribute(object, name)),
            1 => {
                let arguments = self.list(Self::value)?;
                Ok(Request::Call(object, name, arguments, self.list(|r| Ok((r.text()?, r.value()?)))?))
            }
            _ => Err(Malformed),
        }
    }

    pub(super) fn failure(&mut self) -> Result<Failure, Malformed> {
        let (block, line, column) = (self.block()?, self.size()?, self.size()?);
        let kind = match self.u8()? {
            0 => FailureKind::Exception(self.text()?),
            limit => FailureKind::Limit(LIMITS.get(usize::from(limit - 1)).copied().ok_or(Malformed)?),
        };
        Ok(Failure { block, line, column, kind, message: self.text()? })
    }

    /// Nothing may follow.
    pub(super) const fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// A policy of one block.
pub(super) fn only(block: Block, source: String) -> Blocks {
    let mut blocks = Blocks::default();
    *match block {
        Block::Filter => &mut blocks.filter,
        Block::Initialize => &mut blocks.initialize,
        Block::Check => &mut blocks.check,
        Block::Notify => &mut blocks.notify,
        Block::Success => &mut blocks.success,
        Block::Fail => &mut blocks.fail,
    } = source;
    blocks
}

const LIMITS: [Limit; 3] = [Limit::Cpu, Limit::Memory, Limit::HostCalls];

/// All kinds, in the order of their numbers.
const KINDS: [ObjectKind; 14] = [
    ObjectKind::Action,
    ObjectKind::Policy,
    ObjectKind::Proposal,
    ObjectKind::Data,
    ObjectKind::Variables,
    ObjectKind::Logger,
    ObjectKind::User,
    ObjectKind::Role,
    ObjectKind::Vote,
    ObjectKind::Platform,
    ObjectKind::Community,
    ObjectKind::Process,
    ObjectKind::Document,
    ObjectKind::Failure,
];

/// The number of a kind; one that is new does not compile until it has its number here.
const fn number_of(kind: ObjectKind) -> u8 {
    match kind {
        ObjectKind::Action => 0,
        ObjectKind::Policy => 1,
        ObjectKind::Proposal => 2,
        ObjectKind::Data => 3,
        ObjectKind::Variables => 4,
        ObjectKind::Logger => 5,
        ObjectKind::User => 6,
        ObjectKind::Role => 7,
        ObjectKind::Vote => 8,
        ObjectKind::Platform => 9,
        ObjectKind::Community => 10,
        ObjectKind::Process => 11,
        ObjectKind::Document => 12,
        ObjectKind::Failure => 13,
    }
}

#[cfg(test)]
mod tests;
