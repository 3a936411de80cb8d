//! Parameters of a call, from its query and its body, written as JSON or as a form with brackets for what is nested.

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::errors::Refusal;

/// The parameters of one call.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Params(Map<String, Value>);

impl Params {
    /// Reads the query and the body; what stands in the body goes before.
    pub(super) fn read(query: Option<&str>, content_type: &str, body: &[u8]) -> Result<Self, Refusal> {
        let mut params = Self::default();
        params.take_form(query.unwrap_or_default().as_bytes());
        let content_type = content_type.split(';').next().unwrap_or_default().trim();
        if body.is_empty() {
            return Ok(params);
        }
        if content_type.eq_ignore_ascii_case("application/json") {
            match serde_json::from_slice(body) {
                Ok(Value::Object(map)) => params.0.extend(map),
                _ => return Err(Refusal::BadBody),
            }
        } else if content_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            params.take_form(body);
        } else {
            // Whatever else a body claims to be is not looked into.
            return Ok(params);
        }
        Ok(params)
    }

    fn take_form(&mut self, form: &[u8]) {
        for (key, value) in form_urlencoded::parse(form) {
            let (name, rest) = key.split_once('[').map_or((&*key, ""), |(name, rest)| (name, rest));
            let inner: Vec<&str> =
                if rest.is_empty() { Vec::new() } else { rest.trim_end_matches(']').split("][").collect() };
            put(&mut self.0, name, &inner, Value::from(value.into_owned()));
        }
    }

    /// The whole, for the record.
    pub(super) fn shown(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// A parameter as it came.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A parameter as text. Numbers and truth values are written out, as forms write them.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        text_of(self.value(name)?)
    }

    /// A parameter that must be there and not be empty.
    pub(super) fn required(&self, name: &'static str) -> Result<String, Refusal> {
        self.text(name).filter(|text| !text.is_empty()).ok_or(Refusal::Missing(name))
    }

    /// A parameter as a whole number.
    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    /// A parameter as yes or no.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.text(name).map(|text| matches!(text.as_str(), "true" | "t" | "1" | "on" | "yes"))
    }

    /// A parameter as a list of texts; a single text is separated at commas.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        match self.value(name)? {
            Value::Array(items) => Some(items.iter().filter_map(text_of).collect()),
            Value::Object(items) => Some(items.values().filter_map(text_of).collect()),
            other => {
                let text = text_of(other)?;
                Some(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
            }
        }
    }

    /// The parameters below a name.
    pub(super) fn within(&self, name: &str) -> Option<Self> {
        match self.value(name)? {
            Value::Object(map) => Some(Self(map.clone())),
            _ => None,
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Sets what `name[inner][…]` stands for; empty brackets append.
fn put(map: &mut Map<String, Value>, name: &str, inner: &[&str], value: Value) {
    let Some((first, rest)) = inner.split_first() else {
        map.insert(name.to_owned(), value);
        return;
    };
    if first.is_empty() {
        let list = map.entry(name.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(value);
        }
        return;
    }
    let below = map.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(below) = below {
        put(below, first, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_of_a_form_nest() {
        let body = b"post_id=7&options[]=a&options[]=b&ranks[0][digest]=x&ranks[0][rank]=1&web_hook[ids][]=3";
        let params = Params::read(Some("page=2"), "application/x-www-form-urlencoded; charset=utf-8", body).ok();
        let expected = json!({
            "page": "2", "post_id": "7", "options": ["a", "b"],
            "ranks": { "0": { "digest": "x", "rank": "1" } }, "web_hook": { "ids": ["3"] },
        });
        assert_eq!(params.map(|params| params.shown()), Some(expected));
    }

    #[test]
    fn json_that_is_none_is_refused() {
        assert_eq!(Params::read(None, "application/json", b"{"), Err(Refusal::BadBody));
    }
}
