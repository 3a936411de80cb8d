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
        match key.strip_suffix("__in") {
            Some(path) => match wanted {
                Value::List(items) | Value::Tuple(items) => items.contains(&lookup(row, path)),
                _ => false,
            },
            None => lookup(row, key) == *wanted,
        }
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
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (Value::Str(a), Value::Str(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

/// `format % arguments`, called by the prelude as `policy.percent(format, arguments)`.
pub(super) fn percent(args: &[Value]) -> Result<Option<Value>, Raised> {
    let [Value::Str(format), Value::List(values)] = args else {
        return Err(type_error("not all arguments converted during string formatting"));
    };
    let mut values = values.iter();
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = String::new();
        let kind = loop {
            match chars.next() {
                Some(kind) if kind.is_ascii_alphabetic() || kind == '%' => break kind,
                Some(part) => spec.push(part),
                None => return Err(Raised { class: "ValueError".to_owned(), message: "incomplete format".to_owned() }),
            }
        };
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = values.next().ok_or_else(|| type_error("not enough arguments for format string"))?;
        out.push_str(&one(kind, &spec, value)?);
    }
    if values.next().is_some() {
        return Err(type_error("not all arguments converted during string formatting"));
    }
    Ok(Some(Value::Str(out)))
}

fn one(kind: char, spec: &str, value: &Value) -> Result<String, Raised> {
    let (width, precision) = spec.split_once('.').map_or((spec, None), |(w, p)| (w, p.parse::<usize>().ok()));
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "as Python's % operator does")]
    let text = match (kind, value) {
        ('d' | 'i', Value::Int(i)) => i.to_string(),
        ('d' | 'i', Value::Float(f)) => (f.trunc() as i64).to_string(),
        ('d' | 'i', Value::Bool(b)) => i64::from(*b).to_string(),
        ('f', Value::Float(f)) => format!("{f:.*}", precision.unwrap_or(6)),
        ('f', Value::Int(i)) => format!("{:.*}", precision.unwrap_or(6), *i as f64),
        ('d' | 'i' | 'f', _) => return Err(type_error(&format!("%{kind} format: a number is required"))),
        ('s' | 'r', value) => display(value),
        (other, _) => {
            return Err(Raised {
                class: "ValueError".to_owned(),
                message: format!("unsupported format character '{other}'"),
            });
        }
    };
    let filled = width.trim_start_matches('-');
    let zeros = filled.starts_with('0');
    let wide = filled.trim_start_matches('0').parse::<usize>().unwrap_or(0).min(10_000);
    Ok(match (width.starts_with('-'), zeros) {
        (true, _) => format!("{text:<wide$}"),
        (false, true) => match text.strip_prefix('-') {
            Some(digits) => format!("-{digits:0>w$}", w = wide.saturating_sub(1)),
            None => format!("{text:0>wide$}"),
        },
        (false, false) => format!("{text:>wide$}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn percent_of(format: &str, values: Vec<Value>) -> String {
        match percent(&[Value::str(format), Value::List(values)]) {
            Ok(Some(Value::Str(s))) => s,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn percent_formats_as_python_does() {
        assert_eq!(
            percent_of("%d of %s: %.1f%%", vec![Value::Int(3), Value::str("x"), Value::Float(12.34)]),
            "3 of x: 12.3%"
        );
        assert_eq!(
            percent_of("[%5d|%-5s|%05d]", vec![Value::Int(3), Value::str("x"), Value::Int(-42)]),
            "[    3|x    |-0042]"
        );
        assert!(percent_of("%d", vec![Value::str("x")]).contains("a number is required"));
        assert!(percent_of("%s %s", vec![Value::Int(1)]).contains("not enough arguments"));
    }
}
