//! Values that pass between policy code and the rest: what a block returns, what it asks with and what it is answered.
//!
//! They are stored with each evaluation, so that the same answers can be given again; hence serde and total equality
//! on everything but floats.

use serde::{Deserialize, Serialize};

use crate::{JsonMap, Timestamp};

/// A value of the policy language.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "t", content = "v", rename_all = "snake_case")]
pub enum Value {
    /// `None`.
    #[default]
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number; larger ones do not leave the sandbox.
    Int(i64),
    /// A floating-point number.
    Float(#[serde(with = "float")] f64),
    /// Text.
    Str(String),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A dictionary in insertion order.
    Dict(Vec<(Value, Value)>),
    /// A moment with time zone UTC.
    DateTime(Timestamp),
    /// A length of time in microseconds (`datetime.timedelta`).
    Duration(i64),
    /// An object of the host: policy code sees its attributes and may call its methods.
    Object(ObjectRef),
}

/// Whether JSON is nested at most `levels` deep, counted as [`Value::is_within`] counts.
pub fn json_is_within(json: &serde_json::Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else { return false };
    match json {
        serde_json::Value::Array(items) => items.iter().all(|item| json_is_within(item, below)),
        serde_json::Value::Object(map) => map.values().all(|value| json_is_within(value, below)),
        _ => true,
    }
}

/// What kind of thing an object of the host is; decides which attributes and methods it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// `action`.
    Action,
    /// `policy`.
    Policy,
    /// `proposal`.
    Proposal,
    /// `proposal.data`.
    Data,
    /// `variables`.
    Variables,
    /// `logger`.
    Logger,
    /// A member.
    User,
    /// A role.
    Role,
    /// One ballot.
    Vote,
    /// A community on a platform.
    Platform,
    /// The community itself.
    Community,
    /// A process of decision that a platform carries: a dictionary that has its keys as attributes as well.
    Process,
    /// A document of the community.
    Document,
    /// Something that could not be read, as it is recorded. Policy code gets an exception instead.
    Failure,
}

/// An object of the host, by reference: everything else about it is looked up by `kind` and `id` when asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectRef {
    /// What it is.
    pub kind: ObjectKind,
    /// Which one; unique among its kind.
    pub id: String,
    /// How `str(object)` reads.
    pub label: String,
    /// Attributes carried along, readable without asking the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attrs: Vec<(String, Value)>,
}

impl Value {
    /// Text.
    pub fn str(text: impl Into<String>) -> Self {
        Self::Str(text.into())
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// Whether it is nested at most `levels` deep: 1 is enough for plain values, a list takes one more than its items.
    pub fn is_within(&self, levels: usize) -> bool {
        let Some(below) = levels.checked_sub(1) else { return false };
        match self {
            Self::List(items) | Self::Tuple(items) => items.iter().all(|item| item.is_within(below)),
            Self::Dict(pairs) => pairs.iter().all(|(key, value)| key.is_within(below) && value.is_within(below)),
            Self::Object(object) => object.attrs.iter().all(|(_, value)| value.is_within(below)),
            _ => true,
        }
    }

    /// From JSON. Whole numbers beyond 64 bits become floats.
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Bool(b) => Self::Bool(*b),
            serde_json::Value::Number(n) => {
                n.as_i64().map_or_else(|| Self::Float(n.as_f64().unwrap_or(f64::NAN)), Self::Int)
            }
            serde_json::Value::String(s) => Self::Str(s.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(map) => {
                Self::Dict(map.iter().map(|(k, v)| (Self::Str(k.clone()), Self::from_json(v))).collect())
            }
        }
    }

    /// To plain JSON, as arguments of a call need it: tuples become arrays, objects their id, moments RFC 3339 text,
    /// lengths of time seconds, keys of dictionaries text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::None => serde_json::Value::Null,
            Self::Bool(b) => (*b).into(),
            Self::Int(i) => (*i).into(),
            Self::Float(f) => (*f).into(),
            Self::Str(s) => s.clone().into(),
            Self::List(items) | Self::Tuple(items) => items.iter().map(Self::to_json).collect(),
            Self::Dict(pairs) => {
                let map: JsonMap = pairs
                    .iter()
                    .map(|(k, v)| {
                        let key = match k.to_json() {
                            serde_json::Value::String(s) => s,
                            other => other.to_string(),
                        };
                        (key, v.to_json())
                    })
                    .collect();
                map.into()
            }
            Self::DateTime(at) => at.to_string().into(),
            #[expect(clippy::cast_precision_loss, reason = "microseconds of centuries fit a double's 53 bits")]
            Self::Duration(micros) => (*micros as f64 / 1e6).into(),
            Self::Object(object) => object.id.clone().into(),
        }
    }

    /// Truth as Python has it.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Float(f) => *f != 0.0,
            Self::Str(s) => !s.is_empty(),
            Self::List(items) | Self::Tuple(items) => !items.is_empty(),
            Self::Dict(pairs) => !pairs.is_empty(),
            Self::Duration(micros) => *micros != 0,
            Self::DateTime(_) | Self::Object(_) => true,
        }
    }
}

/// Numbers that JSON does not have (infinite, not a number) as text: written as `null` they could not be read again.
mod float {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Number(f64),
        Text(String),
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde takes")]
    pub(super) fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
        if number.is_finite() { number.serialize(to) } else { number.to_string().serialize(to) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        match Stored::deserialize(from)? {
            Stored::Number(number) => Ok(number),
            Stored::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn floats_are_read_back_bit_by_bit_also_those_that_json_does_not_have() {
        for number in [0.1 + 0.2, -0.0, 1e16, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            let text = serde_json::to_string(&Value::Float(number)).unwrap();
            let Value::Float(read) = serde_json::from_str(&text).unwrap() else { panic!("`{text}` is no float") };
            assert_eq!(read.to_bits(), number.to_bits(), "{text}");
        }
    }
}
