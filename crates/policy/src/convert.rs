//! Between the interpreter's values and ours.

use std::collections::HashMap;

use monty_types::{
    DictPairs, MontyClassInstance, MontyClassType, MontyDateTime, MontyObject, MontyTimeDelta, MontyUuid,
};
use policykit_core::{ObjectKind, ObjectRef, Timestamp, Value, clock::civil_from_days};

/// What every object has beside its attributes, under names that no policy can use: how it is written,
const LABEL: &str = "_str_";
/// which one it is,
const ID: &str = "_id_";
/// and the names of those of its attributes that hold other values.
const HOLDS: &str = "_holds_";

const DAY: i64 = 86_400_000_000;

/// The objects that have been handed to one execution, each under the number the interpreter knows it by.
#[derive(Debug, Default, Clone)]
pub(crate) struct Objects {
    by_id: HashMap<(ObjectKind, String), usize>,
    all: Vec<ObjectRef>,
}

impl Objects {
    fn number(&mut self, object: &ObjectRef) -> usize {
        let key = (object.kind, object.id.clone());
        if let Some(known) = self.by_id.get(&key) {
            return *known;
        }
        let number = self.all.len();
        self.all.push(object.clone());
        self.by_id.insert(key, number);
        number
    }

    /// The object with this number of the interpreter's.
    pub(crate) fn get(&self, id: MontyUuid) -> Option<&ObjectRef> {
        self.all.get(usize::try_from(u128::from_be_bytes(*id.as_bytes()) & u128::from(u64::MAX)).ok()?)
    }

    /// A value for the interpreter, whose objects will be known when they come back.
    pub(crate) fn lower(&mut self, value: Value) -> MontyObject {
        lower(value, &mut |object| self.number(object))
    }

    /// A value from the interpreter. What has no counterpart here arrives as its text.
    pub(crate) fn lift(&self, object: &MontyObject) -> Value {
        match object {
            MontyObject::None | MontyObject::Ellipsis => Value::None,
            MontyObject::Bool(b) => Value::Bool(*b),
            MontyObject::Int(i) => Value::Int(*i),
            MontyObject::Float(f) => Value::Float(*f),
            MontyObject::String(s) | MontyObject::Path(s) => Value::Str(s.clone()),
            MontyObject::Bytes(bytes) => Value::Str(String::from_utf8_lossy(bytes).into_owned()),
            MontyObject::List(items) | MontyObject::Set(items) | MontyObject::FrozenSet(items) => {
                Value::List(items.iter().map(|i| self.lift(i)).collect())
            }
            MontyObject::Tuple(items) | MontyObject::NamedTuple { values: items, .. } => {
                Value::Tuple(items.iter().map(|i| self.lift(i)).collect())
            }
            MontyObject::Dict(pairs) => {
                Value::Dict(pairs.into_iter().map(|(k, v)| (self.lift(k), self.lift(v))).collect())
            }
            MontyObject::DateTime(at) => Value::DateTime(timestamp(at)),
            // A day has no counterpart here; written so it is understood everywhere.
            MontyObject::Date(day) => Value::Str(format!("{:04}-{:02}-{:02}", day.year, day.month, day.day)),
            MontyObject::TimeDelta(delta) => Value::Duration(micros(delta)),
            MontyObject::ClassInstance(instance) => match self.get(instance.instance_id) {
                Some(object) => Value::Object(ObjectRef { attrs: attributes(instance, self), ..object.clone() }),
                None => Value::Str(object.to_string()),
            },
            other => Value::Str(other.to_string()),
        }
    }
}

/// A value for the interpreter, each object under the number it is given.
pub(crate) fn lower(value: Value, number: &mut impl FnMut(&ObjectRef) -> usize) -> MontyObject {
    match value {
        Value::None => MontyObject::None,
        Value::Bool(b) => MontyObject::Bool(b),
        Value::Int(i) => MontyObject::Int(i),
        Value::Float(f) => MontyObject::Float(f),
        Value::Str(s) => MontyObject::String(s),
        Value::List(items) => MontyObject::List(items.into_iter().map(|v| lower(v, number)).collect()),
        Value::Tuple(items) => MontyObject::Tuple(items.into_iter().map(|v| lower(v, number)).collect()),
        Value::Dict(pairs) => {
            MontyObject::dict(pairs.into_iter().map(|(k, v)| (lower(k, number), lower(v, number))).collect::<Vec<_>>())
        }
        Value::DateTime(at) => MontyObject::DateTime(date_time(at, Some(0))),
        Value::Duration(micros) => MontyObject::TimeDelta(time_delta(micros)),
        Value::Object(object) => instance(object, number),
    }
}

fn instance(object: ObjectRef, number: &mut impl FnMut(&ObjectRef) -> usize) -> MontyObject {
    let instance = number(&object);
    let mut attrs = Vec::with_capacity(object.attrs.len() + 2);
    attrs.push((text(LABEL), MontyObject::String(object.label)));
    // Equality looks at the attributes carried along, so the id is one of them.
    attrs.push((text(ID), MontyObject::String(object.id)));
    // Who wants to know what an object holds cannot ask it for the names of its attributes.
    let holds = object
        .attrs
        .iter()
        .filter(|(_, value)| matches!(value, Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Object(_)));
    let holds = holds.map(|(name, _)| MontyObject::String(name.clone())).collect();
    attrs.push((text(HOLDS), MontyObject::Tuple(holds)));
    for (name, value) in object.attrs {
        attrs.push((MontyObject::String(name), lower(value, number)));
    }
    let kind = object.kind as u128 + 1;
    MontyObject::ClassInstance(Box::new(MontyClassInstance {
        class_type: MontyClassType {
            name: class_name(object.kind).into(),
            id: MontyUuid::from_u128(kind << 64 | u128::from(u64::MAX)),
            host_defined: true,
            is_dataclass: false,
            attrs: DictPairs::from(Vec::<(MontyObject, MontyObject)>::new()),
        },
        instance_id: MontyUuid::from_u128(kind << 64 | instance as u128),
        attrs: DictPairs::from(attrs),
    }))
}

fn attributes(instance: &MontyClassInstance, objects: &Objects) -> Vec<(String, Value)> {
    (&instance.attrs)
        .into_iter()
        .filter_map(|(name, value)| match name {
            MontyObject::String(name) if ![LABEL, ID, HOLDS].contains(&name.as_str()) => {
                Some((name.clone(), objects.lift(value)))
            }
            _ => None,
        })
        .collect()
}

fn text(s: &str) -> MontyObject {
    MontyObject::String(s.to_owned())
}

const fn class_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Action => "Action",
        ObjectKind::Policy => "Policy",
        ObjectKind::Proposal => "Proposal",
        ObjectKind::Data => "DataStore",
        ObjectKind::Variables => "Variables",
        ObjectKind::Logger => "Logger",
        ObjectKind::User => "User",
        ObjectKind::Role => "Role",
        ObjectKind::Vote => "Vote",
        ObjectKind::Platform => "Platform",
        ObjectKind::Community => "Community",
        ObjectKind::Process => "Process",
        ObjectKind::Document => "Document",
        ObjectKind::Failure => "Failure",
    }
}

/// A moment as the interpreter has it; without `offset` it carries no time zone.
pub(crate) fn date_time(at: Timestamp, offset: Option<i32>) -> MontyDateTime {
    let local = at.micros().saturating_add(i64::from(offset.unwrap_or(0)) * 1_000_000);
    let (year, month, day) = civil_from_days(local.div_euclid(DAY));
    let rest = local.rem_euclid(DAY);
    let seconds = rest / 1_000_000;
    MontyDateTime {
        year: i32::try_from(year).unwrap_or(9999).clamp(1, 9999),
        month: u8::try_from(month).unwrap_or(1),
        day: u8::try_from(day).unwrap_or(1),
        hour: u8::try_from(seconds / 3600).unwrap_or(0),
        minute: u8::try_from(seconds / 60 % 60).unwrap_or(0),
        second: u8::try_from(seconds % 60).unwrap_or(0),
        microsecond: u32::try_from(rest % 1_000_000).unwrap_or(0),
        offset_seconds: offset,
        timezone_name: None,
    }
}

fn timestamp(at: &MontyDateTime) -> Timestamp {
    let days = days_from_civil(i64::from(at.year), i64::from(at.month), i64::from(at.day));
    let seconds = i64::from(at.hour) * 3600 + i64::from(at.minute) * 60 + i64::from(at.second)
        - i64::from(at.offset_seconds.unwrap_or(0));
    Timestamp::from_micros(days * DAY + seconds * 1_000_000 + i64::from(at.microsecond))
}

const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn time_delta(micros: i64) -> MontyTimeDelta {
    let rest = micros.rem_euclid(DAY);
    MontyTimeDelta {
        days: i32::try_from(micros.div_euclid(DAY)).unwrap_or(i32::MAX),
        seconds: i32::try_from(rest / 1_000_000).unwrap_or(0),
        microseconds: i32::try_from(rest % 1_000_000).unwrap_or(0),
    }
}

fn micros(delta: &MontyTimeDelta) -> i64 {
    i64::from(delta.days) * DAY + i64::from(delta.seconds) * 1_000_000 + i64::from(delta.microseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_lengths_of_time_survive_the_way_there_and_back() {
        for moment in [0, 1, -1, 1_709_208_000_250_000, 253_402_300_799_999_999, -62_135_596_800_000_000] {
            assert_eq!(timestamp(&date_time(Timestamp::from_micros(moment), Some(0))).micros(), moment);
        }
        for length in [0, 1, -1, DAY, -DAY - 5] {
            assert_eq!(micros(&time_delta(length)), length);
        }
    }
}
