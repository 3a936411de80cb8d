//! Bytes that pass between the server and its workers: plain, of known length, and read with suspicion.
//!
//! What a worker writes may have been written by whoever broke out of the interpreter in it. So nothing is believed about
//! lengths: a reader takes no more than it was given, goes only so deep, and makes only so many values.

use policykit_core::{
    ObjectKind, ObjectRef, Timestamp, Value,
    policy::{Block, Blocks},
};

use crate::{
    error::{Failure, FailureKind, Limit},
    sandbox::{Budget, Raised, Request, Scope},
};

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

/// Writes a message.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn i64(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// A length. One that does not fit is written as the largest, which no reader believes.
    pub(super) fn size(&mut self, size: usize) {
        self.0.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.size(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn list<T>(&mut self, items: &[T], mut one: impl FnMut(&mut Self, &T)) {
        self.size(items.len());
        for item in items {
            one(self, item);
        }
    }

    pub(super) fn option<T>(&mut self, item: Option<T>, one: impl FnOnce(&mut Self, T)) {
        match item {
            None => self.u8(0),
            Some(item) => {
                self.u8(1);
                one(self, item);
            }
        }
    }

    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::None => self.u8(0),
            Value::Bool(false) => self.u8(1),
            Value::Bool(true) => self.u8(2),
            Value::Int(number) => {
                self.u8(3);
                self.i64(*number);
            }
            Value::Float(number) => {
                self.u8(4);
                self.u64(number.to_bits());
            }
            Value::Str(text) => {
                self.u8(5);
                self.text(text);
            }
            Value::List(items) => {
                self.u8(6);
                self.list(items, Self::value);
            }
            Value::Tuple(items) => {
                self.u8(7);
                self.list(items, Self::value);
            }
            Value::Dict(pairs) => {
                self.u8(8);
                self.list(pairs, |w, (key, value)| {
                    w.value(key);
                    w.value(value);
                });
            }
            Value::DateTime(at) => {
                self.u8(9);
                self.i64(at.micros());
            }
            Value::Duration(micros) => {
                self.u8(10);
                self.i64(*micros);
            }
            Value::Object(object) => {
                self.u8(11);
                self.object(object);
            }
        }
    }

    fn object(&mut self, object: &ObjectRef) {
        self.place(&KINDS, object.kind);
        self.text(&object.id);
        self.text(&object.label);
        self.named(&object.attrs);
    }

    /// The object that is asked. Of those that are one of a kind the host knows better what they carry, and what an action
    /// carries may be long.
    fn receiver(&mut self, object: &ObjectRef) {
        let carries =
            matches!(object.kind, ObjectKind::User | ObjectKind::Role | ObjectKind::Vote | ObjectKind::Platform);
        self.place(&KINDS, object.kind);
        self.text(&object.id);
        self.text(&object.label);
        self.named(if carries { &object.attrs } else { &[] });
    }

    fn named(&mut self, values: &[(String, Value)]) {
        self.list(values, |w, (name, value)| {
            w.text(name);
            w.value(value);
        });
    }

    fn place<T: PartialEq + Copy>(&mut self, all: &[T], one: T) {
        let place = all.iter().position(|item| *item == one).and_then(|place| u8::try_from(place).ok());
        self.u8(place.unwrap_or(u8::MAX));
    }

    pub(super) fn block(&mut self, block: Block) {
        self.place(&Block::ALL, block);
    }

    pub(super) fn scope(&mut self, scope: &Scope) {
        self.list(&scope.parameters, |w, value| w.value(value));
        self.named(&scope.names);
        self.i64(scope.now.micros());
    }

    pub(super) fn budget(&mut self, budget: Budget) {
        self.u64(u64::try_from(budget.cpu.as_micros()).unwrap_or(u64::MAX));
        self.u64(u64::try_from(budget.host_calls).unwrap_or(u64::MAX));
    }

    pub(super) fn answer(&mut self, answer: &Result<Option<Value>, Raised>) {
        match answer {
            Ok(value) => {
                self.u8(0);
                self.option(value.as_ref(), Self::value);
            }
            Err(Raised { class, message }) => {
                self.u8(1);
                self.text(class);
                self.text(message);
            }
        }
    }

    pub(super) fn request(&mut self, request: &Request) {
        match request {
            Request::Attribute(object, name) => {
                self.u8(0);
                self.receiver(object);
                self.text(name);
            }
            Request::Call(object, name, arguments, named) => {
                self.u8(1);
                self.receiver(object);
                self.text(name);
                self.list(arguments, Self::value);
                self.named(named);
            }
        }
    }

    pub(super) fn failure(&mut self, failure: &Failure) {
        self.block(failure.block);
        self.size(failure.line);
        self.size(failure.column);
        match &failure.kind {
            FailureKind::Exception(class) => {
                self.u8(0);
                self.text(class);
            }
            FailureKind::Limit(limit) => {
                let place = LIMITS.iter().position(|known| known == limit).and_then(|place| u8::try_from(place).ok());
                self.u8(place.map_or(u8::MAX, |place| place + 1));
            }
        }
        self.text(&failure.message);
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

const KINDS: [ObjectKind; 11] = [
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
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::None),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_filter("equal to itself", |f| !f.is_nan()).prop_map(Value::Float),
            ".*".prop_map(Value::Str),
            any::<i64>().prop_map(|micros| Value::DateTime(Timestamp::from_micros(micros))),
            any::<i64>().prop_map(Value::Duration),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Tuple),
                prop::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::Dict),
                (0..KINDS.len(), ".{0,4}", prop::collection::vec((".{0,3}", inner), 0..3)).prop_map(
                    |(kind, id, attrs)| Value::Object(ObjectRef {
                        kind: KINDS[kind],
                        id: id.clone(),
                        label: id,
                        attrs
                    })
                ),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in value()) {
            let mut writer = Writer::default();
            writer.value(&value);
            let mut reader = Reader::new(&writer.0, 32);
            prop_assert_eq!(reader.value(), Ok(value));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn a_message_that_is_cut_short_is_refused(value in value(), cut in any::<prop::sample::Index>()) {
            let mut writer = Writer::default();
            writer.value(&value);
            let kept = &writer.0[..cut.index(writer.0.len())];
            prop_assert_eq!(Reader::new(kept, 32).value(), Err(Malformed));
        }

        #[test]
        fn nothing_that_arrives_can_hurt(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reader::new(&bytes, 32).value();
            let _ = Reader::new(&bytes, 32).request();
            let _ = Reader::new(&bytes, 32).failure();
        }
    }

    #[test]
    fn lists_without_end_and_without_bottom_are_refused() {
        let deep: Vec<u8> = std::iter::repeat_n([6, 1, 0, 0, 0], 100_000).flatten().collect();
        assert_eq!(Reader::new(&deep, 32).value(), Err(Malformed));
        let mut long = vec![6];
        long.extend_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Reader::new(&long, 32).value(), Err(Malformed));
        // Many small lists side by side, each of a length that could be true.
        let mut wide = vec![6];
        wide.extend_from_slice(&600_000u32.to_le_bytes());
        wide.extend(std::iter::repeat_n(0, 600_000));
        assert_eq!(Reader::new(&wide, 32).value(), Err(Malformed));
    }
}
