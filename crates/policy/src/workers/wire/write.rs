//! Writing messages, no longer than their reader takes.

use policykit_core::{ObjectKind, ObjectRef, Value, policy::Block};

use super::{LIMITS, MOST_VALUES, number_of};
use crate::{
    error::{Failure, FailureKind},
    sandbox::{Budget, Raised, Request, Scope},
};

/// A message that is longer, or holds more values, than its reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workers) struct TooLarge;

/// Writes a message, as long as it is one that its reader takes. What goes beyond that is left out, so that whatever is to
/// be written costs no more memory than a message may.
#[derive(Debug)]
pub(in crate::workers) struct Writer {
    out: Vec<u8>,
    /// How long it may become.
    most: usize,
    /// How many values may still come.
    values: usize,
    full: bool,
}

impl Writer {
    /// A writer that goes on behind these bytes, by `most` bytes.
    pub(in crate::workers) fn new(out: Vec<u8>, most: usize) -> Self {
        let most = out.len().saturating_add(most);
        Self { out, most, values: MOST_VALUES, full: false }
    }

    /// What was written, and whether that is all.
    pub(in crate::workers) fn end(self) -> (Vec<u8>, Result<(), TooLarge>) {
        (self.out, if self.full { Err(TooLarge) } else { Ok(()) })
    }

    fn put(&mut self, bytes: &[u8]) {
        self.full |= self.out.len().saturating_add(bytes.len()) > self.most;
        if !self.full {
            self.out.extend_from_slice(bytes);
        }
    }

    pub(in crate::workers) fn u8(&mut self, number: u8) {
        self.put(&[number]);
    }

    pub(in crate::workers) fn u64(&mut self, number: u64) {
        self.put(&number.to_le_bytes());
    }

    pub(in crate::workers) fn i64(&mut self, number: i64) {
        self.put(&number.to_le_bytes());
    }

    /// A length. One that does not fit is written as the largest, which no reader believes.
    pub(in crate::workers) fn size(&mut self, size: usize) {
        self.put(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
    }

    pub(in crate::workers) fn bytes(&mut self, bytes: &[u8]) {
        self.size(bytes.len());
        self.put(bytes);
    }

    pub(in crate::workers) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(in crate::workers) fn list<T>(&mut self, items: &[T], mut one: impl FnMut(&mut Self, &T)) {
        self.size(items.len());
        for item in items {
            if self.full {
                return;
            }
            one(self, item);
        }
    }

    pub(in crate::workers) fn option<T>(&mut self, item: Option<T>, one: impl FnOnce(&mut Self, T)) {
        match item {
            None => self.u8(0),
            Some(item) => {
                self.u8(1);
                one(self, item);
            }
        }
    }

    pub(in crate::workers) fn value(&mut self, value: &Value) {
        let Some(left) = self.values.checked_sub(1) else {
            self.full = true;
            return;
        };
        self.values = left;
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
        self.u8(number_of(object.kind));
        self.text(&object.id);
        self.text(&object.label);
        self.named(&object.attrs);
    }

    /// The object that is asked. Of those that are one of a kind the host knows better what they carry, and what an action
    /// carries may be long.
    fn receiver(&mut self, object: &ObjectRef) {
        let known = matches!(
            object.kind,
            ObjectKind::Action
                | ObjectKind::Policy
                | ObjectKind::Proposal
                | ObjectKind::Data
                | ObjectKind::Variables
                | ObjectKind::Logger
                | ObjectKind::Community
        );
        self.u8(number_of(object.kind));
        self.text(&object.id);
        self.text(&object.label);
        self.named(if known { &[] } else { &object.attrs });
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

    pub(in crate::workers) fn block(&mut self, block: Block) {
        self.place(&Block::ALL, block);
    }

    pub(in crate::workers) fn scope(&mut self, scope: &Scope) {
        self.list(&scope.parameters, |w, value| w.value(value));
        self.named(&scope.names);
        self.i64(scope.now.micros());
    }

    pub(in crate::workers) fn budget(&mut self, budget: Budget) {
        self.u64(u64::try_from(budget.cpu.as_micros()).unwrap_or(u64::MAX));
        self.u64(u64::try_from(budget.host_calls).unwrap_or(u64::MAX));
    }

    pub(in crate::workers) fn answer(&mut self, answer: &Result<Option<Value>, Raised>) {
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

    pub(in crate::workers) fn request(&mut self, request: &Request) {
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

    pub(in crate::workers) fn failure(&mut self, failure: &Failure) {
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
            // No worker has ever nowhere to run; no reader takes it.
            FailureKind::Nowhere => self.u8(u8::MAX),
        }
        self.text(&failure.message);
    }
}
