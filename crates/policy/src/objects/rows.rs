//! What the original's query sets could do, on plain lists of objects.

use std::cmp::Ordering;

use policykit_core::Value;

use crate::sandbox::Raised;

fn type_error(message: &str) -> Raised {
    Raised { class: "TypeError".to_owned(), message: message.to_owned() }
}

/// `policy.rows(operation, rows, conditions, fields)`, called by the prelude.
pub(super) fn query(args: &[Value]) -> Result<Option<Value>, Raised> {
    let [Value::Str(operation), Value::List(rows), Value::Dict(conditions), fields] = args else {
        return Err(type_error("this list has no such method"));
    };
    let fields: Vec<&str> = match fields {
        Value::List(fields) => fields.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    Ok(Some(Value::List(match operation.as_str() {
        "filter" => rows.iter().filter(|row| holds(row, conditions)).cloned().collect(),
        "exclude" => rows.iter().filter(|row| !holds(row, conditions)).cloned().collect(),
        "distinct" => {
            let mut seen: Vec<Value> = Vec::new();
            for row in rows {
                if !seen.contains(row) {
                    seen.push(row.clone());
                }
            }
            seen
        }
        "values_list" => {
            let flat = conditions.iter().any(|(k, v)| k.as_str() == Some("flat") && v.is_truthy());
            rows.iter()
                .map(|row| {
                    let mut values: Vec<Value> = fields.iter().map(|f| lookup(row, f)).collect();
                    if flat { values.drain(..).next().unwrap_or_default() } else { Value::Tuple(values) }
                })
                .collect()
        }
        "order_by" => {
            let mut sorted = rows.clone();
            for field in fields.iter().rev() {
                let (name, backwards) = field.strip_prefix('-').map_or((*field, false), |name| (name, true));
                sorted.sort_by(|a, b| {
                    let order = compare(&lookup(a, name), &lookup(b, name));
                    if backwards { order.reverse() } else { order }
                });
            }
            sorted
        }
        other => return Err(type_error(&format!("lists have no method `{other}`"))),
    })))
}

fn holds(row: &Value, conditions: &[(Value, Value)]) -> bool {
    conditions.iter().all(|(key, wanted)| {
        let Some(key) = key.as_str() else { return false };
        // The last word says how to compare, unless it is the name of something.
        let compared = key.rsplit_once("__").and_then(|(path, how)| comparison(how, &lookup(row, path), wanted));
        compared.unwrap_or_else(|| lookup(row, key) == *wanted)
    })
}

/// Whether a value is as wanted in this way; `None` when there is no such way.
fn comparison(how: &str, value: &Value, wanted: &Value) -> Option<bool> {
    let texts = |holds: fn(&str, &str) -> bool| {
        value.as_str().zip(wanted.as_str()).is_some_and(|(value, wanted)| holds(value, wanted))
    };
    let is = |orders: &[Ordering]| ordered(value, wanted).is_some_and(|order| orders.contains(&order));
    Some(match how {
        "exact" => value == wanted,
        "in" => match wanted {
            Value::List(items) | Value::Tuple(items) => items.contains(value),
            _ => false,
        },
        "gt" => is(&[Ordering::Greater]),
        "gte" => is(&[Ordering::Greater, Ordering::Equal]),
        "lt" => is(&[Ordering::Less]),
        "lte" => is(&[Ordering::Less, Ordering::Equal]),
        "contains" => match value {
            Value::List(items) => items.contains(wanted),
            _ => texts(|value, wanted| value.contains(wanted)),
        },
        "icontains" => texts(|value, wanted| value.to_lowercase().contains(&wanted.to_lowercase())),
        "startswith" => texts(|value, wanted| value.starts_with(wanted)),
        "endswith" => texts(|value, wanted| value.ends_with(wanted)),
        "iexact" => texts(|value, wanted| value.to_lowercase() == wanted.to_lowercase()),
        "isnull" => (*value == Value::None) == wanted.is_truthy(),
        _ => return None,
    })
}

/// Follows `user__username` from object to object.
fn lookup(row: &Value, path: &str) -> Value {
    let mut current = row.clone();
    for part in path.split("__") {
        current = match current {
            Value::Object(object) => match part {
                "id" | "pk" if object.attrs.iter().all(|(name, _)| name != part) => Value::Str(object.id),
                _ => object.attrs.into_iter().find(|(name, _)| name == part).map(|(_, v)| v).unwrap_or_default(),
            },
            _ => Value::None,
        };
    }
    current
}

fn compare(a: &Value, b: &Value) -> Ordering {
    ordered(a, b).unwrap_or(Ordering::Equal)
}

/// Which of two values of one sort comes first.
fn ordered(a: &Value, b: &Value) -> Option<Ordering> {
    #[expect(clippy::cast_precision_loss, reason = "as Python compares them but beyond 53 bits")]
    let number = |value: &Value| match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    };
    Some(match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Str(a), Value::Str(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
        (a, b) => number(a)?.total_cmp(&number(b)?),
    })
}

/// How a value reads as text.
pub(super) fn display(value: &Value) -> String {
    match value {
        Value::Str(s) => s.clone(),
        Value::None => "None".to_owned(),
        Value::Bool(b) => if *b { "True" } else { "False" }.to_owned(),
        Value::Object(object) => object.label.clone(),
        Value::List(items) => format!("[{}]", items.iter().map(display).collect::<Vec<_>>().join(", ")),
        Value::Tuple(items) => format!("({})", items.iter().map(display).collect::<Vec<_>>().join(", ")),
        other => other.to_json().to_string(),
    }
}
