//! Values on their way into a statement.

use policykit_core::ids::{
    ActionId, CallId, CommunityId, DocumentId, EvaluationId, InboxId, InstallationId, NodeId, PolicyId,
    PolicyVersionId, ProposalId, RoleId, UserId, WakeId,
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{StoreError, Timestamp, Uuid};

/// A value for one parameter; `None` is NULL of that type, which PostgreSQL has to know.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    Uuid(Option<Uuid>),
    Int(Option<i64>),
    Bool(Option<bool>),
    Text(Option<String>),
    Json(Option<Box<RawValue>>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! from {
    ($($type:ty, $value:ident => $arg:ident($into:expr);)*) => {$(
        impl From<$type> for Arg {
            fn from($value: $type) -> Self {
                Self::$arg(Some($into))
            }
        }
        impl From<Option<$type>> for Arg {
            fn from(value: Option<$type>) -> Self {
                Self::$arg(value.map(|$value| $into))
            }
        }
    )*};
}

from! {
    ActionId, id => Uuid(id.uuid());
    CallId, id => Uuid(id.uuid());
    CommunityId, id => Uuid(id.uuid());
    DocumentId, id => Uuid(id.uuid());
    EvaluationId, id => Uuid(id.uuid());
    InboxId, id => Uuid(id.uuid());
    InstallationId, id => Uuid(id.uuid());
    NodeId, id => Uuid(id.uuid());
    PolicyId, id => Uuid(id.uuid());
    PolicyVersionId, id => Uuid(id.uuid());
    ProposalId, id => Uuid(id.uuid());
    RoleId, id => Uuid(id.uuid());
    UserId, id => Uuid(id.uuid());
    WakeId, id => Uuid(id.uuid());
    Timestamp, at => Int(at.micros());
    i64, number => Int(number);
    u16, number => Int(i64::from(number));
    bool, flag => Bool(flag);
    &str, text => Text(clean_text(text));
    &String, text => Text(clean_text(text));
    String, text => Text(clean_text(&text));
    Vec<u8>, bytes => Bytes(bytes);
    &[u8], bytes => Bytes(bytes.to_vec());
}

impl Arg {
    /// How many rows at most.
    pub(crate) fn limit(rows: usize) -> Self {
        Self::Int(Some(i64::try_from(rows).unwrap_or(i64::MAX)))
    }
}

/// A value as JSON.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<Arg, StoreError> {
    let text = serde_json::to_string(value).map_err(StoreError::corrupt)?;
    if is_too_deep(&text) {
        return Err(StoreError::corrupt("it is nested too deeply; nest lists and dictionaries less"));
    }
    RawValue::from_string(clean_json(text)).map(|raw| Arg::Json(Some(raw))).map_err(StoreError::corrupt)
}

/// A value as JSON, or NULL.
pub(crate) fn opt_json<T: Serialize>(value: Option<&T>) -> Result<Arg, StoreError> {
    value.map_or(Ok(Arg::Json(None)), json)
}

/// PostgreSQL cannot store the character NUL; both databases get the replacement character, so that they agree.
pub(crate) fn clean_text(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.to_owned() }
}

/// The same for the escape `\u0000` within JSON text, leaving an escaped backslash before `u0000` alone.
pub(super) fn clean_json(text: String) -> String {
    if !text.contains("\\u0000") {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let len = if from.starts_with("\\u0000") { 6 } else { 2 };
        let (escape, after) = from.split_at(len.min(from.len()));
        out.push_str(if len == 6 { "\u{fffd}" } else { escape });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Whether JSON is nested more deeply than its reader allows: written, it could never be read again.
fn is_too_deep(json: &str) -> bool {
    const DEEPEST: usize = 127;
    let opens = |byte: &u8| matches!(byte, b'[' | b'{');
    // Nearly always this is enough.
    if json.bytes().filter(|byte| opens(byte)).count() <= DEEPEST {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return true;
        }
    }
    false
}
