//! Arguments of a call, from the query, a form or a JSON body, and the token that came with them.

use axum::http::{HeaderMap, Method as Verb, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::super::errors::Refusal;

/// Whether a method takes JSON bodies. Slack's reading methods take a query or a form only and ignore JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Style {
    Read,
    Write,
}

/// The arguments without the token.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Args(Map<String, Value>);

/// Reads token and arguments. The token is returned even when the arguments are unreadable.
pub(super) fn read(
    verb: &Verb,
    headers: &HeaderMap,
    query: Option<&str>,
    body: &[u8],
    style: Style,
) -> (Option<String>, Result<Args, Refusal>) {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")))
        .map(|token| token.trim().to_owned());
    let mut map = form(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let from_body =
        if verb == Verb::POST && !body.is_empty() { read_body(headers, body, style) } else { Ok(Map::new()) };
    let (fields, refusal) = match from_body {
        Ok(fields) => (fields, None),
        Err(refusal) => (Map::new(), Some(refusal)),
    };
    map.extend(fields);
    let field = map.remove("token").and_then(|token| token.as_str().map(str::to_owned));
    // A JSON body is no place for a token: Slack reads it from the header only.
    let token = bearer.or_else(|| if is_json(headers) { None } else { field });
    (token.filter(|token| !token.is_empty()), refusal.map_or(Ok(Args(map)), Err))
}

/// Name and password of an app that introduces itself in the header.
pub(super) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|kind| kind == "application/json")
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn read_body(headers: &HeaderMap, body: &[u8], style: Style) -> Result<Map<String, Value>, Refusal> {
    match (content_type(headers).as_deref(), style) {
        (Some("application/json"), Style::Read) => Ok(Map::new()),
        (Some("application/json"), Style::Write) => match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err(Refusal::JsonNotObject),
            Err(_) => Err(Refusal::InvalidJson),
        },
        (Some("application/x-www-form-urlencoded") | None, _) => form(body).ok_or(Refusal::InvalidFormData),
        (Some(_), _) => Err(Refusal::InvalidPostType),
    }
}

fn form(text: &[u8]) -> Option<Map<String, Value>> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(text).ok()?;
    Some(pairs.into_iter().map(|(field, value)| (field, Value::String(value))).collect())
}

impl Args {
    /// All of them, for the record.
    pub(super) fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// A text that is not empty; numbers count as their digits.
    pub(in super::super) fn text(&self, field: &str) -> Option<String> {
        match self.0.get(field)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A text that must be there.
    pub(super) fn need(&self, field: &str) -> Result<String, Refusal> {
        self.text(field).ok_or_else(|| Refusal::missing(field))
    }

    /// A whole number.
    pub(super) fn int(&self, field: &str) -> Option<i64> {
        match self.0.get(field)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Whether a switch is on: `true`, `"true"`, `1` or `"1"`.
    pub(in super::super) fn on(&self, field: &str) -> bool {
        match self.0.get(field) {
            Some(Value::Bool(on)) => *on,
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            Some(Value::String(text)) => text == "true" || text == "1",
            _ => false,
        }
    }

    /// A structure; in forms it travels as JSON text. `None` when absent or empty.
    pub(in super::super) fn json(&self, field: &str) -> Result<Option<Value>, Refusal> {
        let value = match self.0.get(field) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text)
                .map_err(|_| Refusal::InvalidArguments(vec![format!("`{field}` is not valid JSON")]))?,
            Some(value) => value.clone(),
        };
        Ok(Some(value))
    }

    /// Items separated by commas.
    pub(super) fn list(&self, field: &str) -> Vec<String> {
        match self.0.get(field) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => {
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// From the body of a post to a `response_url`.
    pub(in super::super) const fn from_map(map: Map<String, Value>) -> Self {
        Self(map)
    }
}
