//! Whether what came is what was expected.

use policykit_core::JsonMap;
use serde_json::Value as Json;

use super::{
    Place,
    file::{Expect, call_of, place},
    report::{StepReport, Unmet},
};

/// Everything that was expected of a step and did not come.
pub(super) fn unmet(expect: &Expect, report: &StepReport) -> Vec<Unmet> {
    let mut all = Vec::new();
    let mut note = |at: Place, key: &str, problem: String| {
        all.push(Unmet { line: at.line, column: at.column, key: key.to_owned(), problem });
    };
    for (key, want, got) in [
        ("matched", &expect.matched, report.matched),
        ("reverted", &expect.reverted, report.reverted),
        ("executed", &expect.executed, report.executed),
    ] {
        if let Some(want) = want.as_ref().filter(|want| want.value != got) {
            note(place(want), key, format!("expected {}, came {got}", want.value));
        }
    }
    for (key, want, got) in [("policy", &expect.policy, &report.policy), ("status", &expect.status, &report.status)] {
        if let Some(want) = want.as_ref().filter(|want| got.as_deref() != Some(want.value.as_str())) {
            let got = got.as_deref().unwrap_or("none");
            let why = report.error.as_deref().map(|e| format!(" ({e})")).unwrap_or_default();
            note(place(want), key, format!("expected `{}`, came `{got}`{why}", want.value));
        }
    }
    for (key, want, got) in [("data", &expect.data, &report.data), ("variables", &expect.variables, &report.variables)]
    {
        if let Some(want) = want
            && let Err(why) = all_of(&want.value, got)
        {
            note(place(want), key, why);
        }
    }
    if let Some(want) = &expect.error
        && let Err(why) = fits(&want.value, &report.error.clone().map_or(Json::Null, Json::String))
    {
        note(place(want), "error", why);
    }
    if let Some(want) = &expect.logs {
        let said: Vec<Json> = report.logs.iter().filter_map(|said| serde_json::to_value(said).ok()).collect();
        if let Err(why) = in_order(&want.value, &said, |want, said| fits(want, said).is_ok()) {
            note(place(want), "logs", why);
        }
    }
    if let Some(calls) = &expect.calls {
        let made: Vec<&super::MadeCall> = report.calls.iter().collect();
        let mut rest = made.as_slice();
        if calls.value.is_empty() && !made.is_empty() {
            note(place(calls), "calls", format!("expected no call, came {}", listed(report)));
        }
        for want in &calls.value {
            let Some((name, args)) = call_of(&want.value) else { continue };
            let none = JsonMap::new();
            let args = args.unwrap_or(&none);
            let found = rest.iter().position(|made| made.call == name && all_of(args, &made.args).is_ok());
            match found {
                Some(at) => rest = rest.get(at + 1..).unwrap_or_default(),
                None => {
                    // The nearest thing to it says more than that it is missing.
                    let near = rest.iter().find(|made| made.call == name).and_then(|m| all_of(args, &m.args).err());
                    let why = near.map_or_else(|| format!("came {}", listed(report)), |why| format!("argument {why}"));
                    note(place(want), "calls", format!("expected `{name}`, {why}"));
                }
            }
        }
    }
    all
}

fn listed(report: &StepReport) -> String {
    if report.calls.is_empty() {
        return "no call".to_owned();
    }
    let names: Vec<String> =
        report.calls.iter().map(|made| format!("{}({})", made.call, Json::Object(made.args.clone()))).collect();
    names.join(", ")
}

fn in_order(wanted: &[Json], got: &[Json], is: impl Fn(&Json, &Json) -> bool) -> Result<(), String> {
    if wanted.is_empty() && !got.is_empty() {
        return Err(format!("expected nothing, came {}", Json::Array(got.to_vec())));
    }
    let mut rest = got.iter();
    for want in wanted {
        if !rest.any(|got| is(want, got)) {
            return Err(format!("expected {want}, came {}", Json::Array(got.to_vec())));
        }
    }
    Ok(())
}

/// Whether every key of `want` is met; further keys may be there.
pub(super) fn all_of(want: &JsonMap, got: &JsonMap) -> Result<(), String> {
    for (key, want) in want {
        let none = Json::Null;
        fits(want, got.get(key).unwrap_or(&none)).map_err(|why| format!("`{key}`: {why}"))?;
    }
    Ok(())
}

/// Whether a value is as expected: equal, or as one of `contains`, `not`, `one_of` and `any` says.
pub(super) fn fits(want: &Json, got: &Json) -> Result<(), String> {
    let check = |good: bool, what: String| if good { Ok(()) } else { Err(format!("expected {what}, came {got}")) };
    if let Json::Object(map) = want {
        if let (1, Some((operator, operand))) = (map.len(), map.iter().next()) {
            match (operator.as_str(), operand) {
                ("contains", part) => return check(contains(got, part), format!("something with {part}")),
                ("not", other) => return check(fits(other, got).is_err(), format!("anything but {other}")),
                ("one_of", Json::Array(all)) => {
                    return check(all.iter().any(|one| fits(one, got).is_ok()), format!("one of {operand}"));
                }
                ("any", Json::Bool(true)) => return check(!got.is_null(), "anything".to_owned()),
                _ => {}
            }
        }
        return match got {
            Json::Object(got) => all_of(map, got),
            _ => check(false, want.to_string()),
        };
    }
    let equal = match (want, got) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| fits(a, b).is_ok()),
        (a, b) => a == b,
    };
    check(equal, want.to_string())
}

fn contains(got: &Json, part: &Json) -> bool {
    match (got, part) {
        (Json::String(text), Json::String(part)) => text.contains(part.as_str()),
        // Several parts, all of which are to be there.
        (Json::String(_), Json::Array(parts)) => parts.iter().all(|part| contains(got, part)),
        (Json::Array(items), part) => items.iter().any(|item| fits(part, item).is_ok()),
        (Json::Object(map), Json::String(key)) => map.contains_key(key),
        _ => false,
    }
}
