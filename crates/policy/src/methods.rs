//! Matching a call of policy code with the parameters its platform describes.

use std::collections::BTreeMap;

use policykit_core::{
    JsonMap, ObjectKind, Value,
    descriptor::{Method, Param, ParamKind},
};

use crate::sandbox::Raised;

/// What policy code may call on each platform's object, by platform id.
pub type MethodTable = BTreeMap<String, Vec<Method>>;

/// Binds arguments to parameters by position and name.
///
/// # Errors
/// A `TypeError` as Python words it, with the nearest known name where one is close.
pub(crate) fn bind(method: &Method, args: &[Value], kwargs: &[(String, Value)]) -> Result<JsonMap, Raised> {
    let rest = method.params.iter().find(|p| p.kind == ParamKind::Rest);
    let places = method.params.len() - usize::from(rest.is_some());
    if args.len() > places {
        return Err(type_error(format!("{}() takes {places} arguments but {} were given", method.name, args.len())));
    }
    let mut bound = JsonMap::new();
    let mut more = JsonMap::new();
    for (param, value) in method.params.iter().zip(args) {
        bound.insert(param.name.to_owned(), convert(method, param, value)?);
    }
    for (name, value) in kwargs {
        let Some(param) = method.params.iter().find(|p| p.name == name && p.kind != ParamKind::Rest) else {
            if rest.is_some() {
                more.insert(name.clone(), value.to_json());
                continue;
            }
            let known: Vec<&str> = method.params.iter().map(|p| p.name).collect();
            let hint = nearest(name, &known).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            return Err(type_error(format!("{}() got an unexpected keyword argument '{name}'{hint}", method.name)));
        };
        if bound.insert(param.name.to_owned(), convert(method, param, value)?).is_some() {
            return Err(type_error(format!("{}() got multiple values for argument '{name}'", method.name)));
        }
    }
    if let Some(rest) = rest.filter(|_| !more.is_empty()) {
        bound.insert(rest.name.to_owned(), more.into());
    }
    for param in &method.params {
        if !bound.contains_key(param.name) {
            let Some(default) = &param.default else {
                return Err(type_error(format!("{}() missing required argument: '{}'", method.name, param.name)));
            };
            bound.insert(param.name.to_owned(), default.clone());
        }
    }
    Ok(bound)
}

fn convert(method: &Method, param: &Param, value: &Value) -> Result<serde_json::Value, Raised> {
    if *value == Value::None {
        return Ok(serde_json::Value::Null);
    }
    let wrong = |wanted: &str| type_error(format!("{}(): `{}` must be {wanted}", method.name, param.name));
    Ok(match param.kind {
        ParamKind::Text => match value {
            Value::Str(s) => s.clone().into(),
            Value::Int(i) => i.to_string().into(),
            Value::Float(f) => f.to_string().into(),
            Value::Object(o) => o.label.clone().into(),
            _ => return Err(wrong("text")),
        },
        ParamKind::OneOf(words) => match value {
            Value::Str(word) if words.contains(&word.as_str()) => word.clone().into(),
            Value::Str(word) => {
                return Err(Raised { class: "ValueError".to_owned(), message: no_such(method, param, word, words) });
            }
            _ => return Err(wrong(&format!("one of {}", words.join(", ")))),
        },
        ParamKind::Moment => match value {
            Value::Str(moment) => moment.clone().into(),
            Value::DateTime(_) => value.to_json(),
            _ => return Err(wrong("a day or a moment, as text or as datetime")),
        },
        ParamKind::Int => match value {
            Value::Int(i) => (*i).into(),
            // A moment where seconds since 1970 are wanted.
            Value::DateTime(at) => at.secs().into(),
            _ => return Err(wrong("a whole number or a moment")),
        },
        ParamKind::Bool => value.is_truthy().into(),
        ParamKind::TextList => match value {
            Value::Str(s) => serde_json::json!([s]),
            Value::List(items) | Value::Tuple(items) => items.iter().map(Value::to_json).collect(),
            _ => return Err(wrong("a list of texts")),
        },
        ParamKind::Users => {
            let ids = users(value).ok_or_else(|| wrong("a member, an account id, or a list of them"))?;
            ids.into_iter().map(serde_json::Value::from).collect()
        }
        ParamKind::Any | ParamKind::Rest => value.to_json(),
    })
}

/// What is said about a word that is none of those a parameter takes.
pub(crate) fn no_such(method: &Method, param: &Param, word: &str, words: &[&str]) -> String {
    let hint = match nearest(word, words) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it is one of: {}", words.join(", ")),
    };
    format!("{}(): `{}` cannot be `{word}`; {hint}", method.name, param.name)
}

/// Account ids of one member or several, as objects or ids; `None` when it is neither.
pub(crate) fn users(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Str(id) => Some(vec![id.clone()]),
        Value::Object(object) if object.kind == ObjectKind::User => Some(vec![account(&object.id).to_owned()]),
        Value::List(items) | Value::Tuple(items) => {
            items.iter().map(users).collect::<Option<Vec<_>>>().map(|lists| lists.concat())
        }
        _ => None,
    }
}

/// The account id in the id of a member object (`platform:account`).
pub(crate) fn account(id: &str) -> &str {
    id.split_once(':').map_or(id, |(_, account)| account)
}

fn type_error(message: String) -> Raised {
    Raised { class: "TypeError".to_owned(), message }
}

/// The known name closest to a mistyped one, if any is close.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known.iter().map(|k| (distance(name, k), *k)).filter(|(d, k)| *d <= 1 + k.len() / 4).min().map(|(_, k)| k)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (j, y) in b.iter().enumerate() {
            let Some(above) = row.get(j + 1).copied() else { break };
            let cost = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = above;
            left = cost;
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = cost;
            }
        }
    }
    row.last().copied().unwrap_or_default()
}
