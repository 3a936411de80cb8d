//! Each step that led to a decision: the rules that were tried, each look of the one that decided, what was asked and
//! what was sent, and everything once more as data.

use policykit_core::{
    JsonMap,
    call::{CallOutcome, CallState},
    policy::Verdict,
    proposal::Status,
};
use policykit_platforms::Registry;
use policykit_store::{CallRow, EvaluationState, LogLine, Look, ProposalSheet};
use serde_json::{Value as Json, json};

use crate::http::pages::words::{Mark, Moment, call_state, decision, moment, purpose};

/// Of so many rules the ones that were tried are named; of more only the first and the last ones.
const NAMED: usize = 30;

/// A rule that was tried, or why rules were tried at all.
#[derive(Debug, Clone)]
pub(crate) struct RuleView {
    pub(crate) name: String,
    pub(crate) words: String,
    pub(crate) icon: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) note: Option<String>,
}

/// One look of the rule.
#[derive(Debug, Clone)]
pub(crate) struct RunView {
    pub(crate) mark: Mark,
    pub(crate) words: String,
    pub(crate) at: Moment,
    pub(crate) reads: Vec<(String, String)>,
}

/// A call.
#[derive(Debug, Clone)]
pub(crate) struct CallView {
    pub(crate) what: String,
    pub(crate) operation: String,
    pub(crate) mark: Mark,
    pub(crate) attempts: i64,
    pub(crate) note: Option<String>,
    pub(crate) at: Moment,
}

/// A line of the log.
#[derive(Debug, Clone)]
pub(crate) struct LogView {
    pub(crate) icon: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) message: String,
    pub(crate) at: Moment,
}

/// The rules that were tried, and how many of them are left out.
pub(super) fn considered(sheet: &ProposalSheet) -> (Vec<RuleView>, usize) {
    let Some(Json::Array(all)) = sheet.shown.first().and_then(|look| look.considered.as_ref()) else {
        return (Vec::new(), 0);
    };
    let left_out = all.len().saturating_sub(NAMED);
    let half = NAMED / 2;
    let shown = all.iter().enumerate().filter(|(at, _)| left_out == 0 || *at < half || at + half >= all.len());
    let shown: Vec<RuleView> = shown.map(|(_, entry)| rule(entry)).collect();
    let left_out = all.len() - shown.len();
    (shown, left_out)
}

fn rule(entry: &Json) -> RuleView {
    let text = |key: &str| entry.get(key).and_then(Json::as_str).map(str::to_owned);
    let roles = || {
        let names = entry.get("roles").and_then(Json::as_array).into_iter().flatten();
        names.filter_map(Json::as_str).collect::<Vec<_>>().join(", ")
    };
    let (words, icon, tone) = match text("result").as_deref() {
        Some("matched") => (" applies".to_owned(), "tick", "good"),
        Some("no_match") => (" does not apply: its filter did not say yes to this".to_owned(), "dash", "quiet"),
        Some("asked") => (
            format!(" may propose this (as {}), but not do it without asking: the rules are asked", roles()),
            "person",
            "quiet",
        ),
        Some("error") => (" could not be tried: its filter raised an error".to_owned(), "warn", "bad"),
        _ => (" was tried".to_owned(), "dash", "quiet"),
    };
    RuleView { name: text("name").unwrap_or_default(), words, icon, tone, note: text("note") }
}

pub(super) fn run(look: &Look) -> RunView {
    let why = match look.cause.as_str() {
        "first" | "filter" => "when it began".to_owned(),
        "vote" => "after a vote".to_owned(),
        "timer" => "when the time came".to_owned(),
        other => format!("because of `{other}`"),
    };
    let (mark, found) = match (look.state, look.verdict) {
        (EvaluationState::Running, _) => {
            let why = look.awaited.as_ref().map(|awaited| format!(": {}; it goes on later", awaited.reason));
            (call_state(CallState::Sending), format!("still running{}", why.unwrap_or_default()))
        }
        (EvaluationState::Error, _) => {
            (decision(Status::Held), format!("an error: {}", look.error.as_deref().unwrap_or("not recorded")))
        }
        (EvaluationState::Settled, Some(Verdict::Passed)) => (decision(Status::Passed), "passed".to_owned()),
        (EvaluationState::Settled, Some(Verdict::Failed)) => (decision(Status::Failed), "refused".to_owned()),
        (EvaluationState::Settled, _) => (decision(Status::Proposed), "still open".to_owned()),
    };
    RunView {
        mark,
        words: format!("Look {}, {why}: {found}.", look.seq),
        at: moment(look.started_at),
        reads: look.reads.iter().map(|(question, answer)| (question.clone(), shown(answer))).collect(),
    }
}

/// Stands in the place of an answer that is not for everybody.
const HIDDEN: &str = "only operators see this: it may name private channels";

/// Takes out the answers that may name places which only some can see on their platform: who they are is known there alone.
pub(super) fn hide_private(registry: &Registry, sheet: &mut ProposalSheet) {
    for (question, answer) in sheet.shown.iter_mut().flat_map(|look| look.reads.iter_mut()) {
        if tells_private(registry, question) {
            HIDDEN.clone_into(answer);
        }
    }
}

/// Whether the answer to a recorded question may name such places.
fn tells_private(registry: &Registry, question: &str) -> bool {
    let asked = question.split_once('.').and_then(|(platform, rest)| {
        let (method, args) = rest.strip_suffix(')')?.split_once('(')?;
        Some((registry.get(platform)?, method, serde_json::from_str::<JsonMap>(args).ok()?))
    });
    asked.is_some_and(|(platform, method, args)| platform.tells_private(method, &args))
}

/// A recorded answer in one short line. It may be cut off, so it may not be whole JSON.
fn shown(answer: &str) -> String {
    let text = match serde_json::from_str::<Json>(answer) {
        // Of an object of ours, how it reads.
        Ok(json) => json.get("v").map_or_else(|| "None".to_owned(), |value| plain(value.get("label").unwrap_or(value))),
        Err(_) => answer.to_owned(),
    };
    let short: String = text.chars().take(200).collect();
    if short.len() < text.len() { short + "…" } else { short }
}

/// A JSON value as text: strings as they are, everything else as JSON.
pub(super) fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn call(row: &CallRow) -> CallView {
    CallView {
        what: purpose(&row.purpose),
        operation: row.call.operation.clone(),
        mark: call_state(row.state),
        attempts: row.attempt,
        note: outcome(row),
        at: moment(row.updated_at),
    }
}

/// What is known about a call beyond its state.
pub(super) fn outcome(row: &CallRow) -> Option<String> {
    let said = match &row.outcome {
        Some(CallOutcome::Refused { code, message }) => Some(format!("{message} ({code})")),
        Some(CallOutcome::Unknown { reason }) => Some(reason.clone()),
        Some(CallOutcome::Done { .. }) | None => None,
    };
    match (said, row.note.clone()) {
        (Some(said), Some(note)) if !said.contains(&note) => Some(format!("{said}; {note}")),
        (Some(said), _) => Some(said),
        (None, note) => note,
    }
}

pub(super) fn log(line: &LogLine) -> LogView {
    let (icon, tone) = level(&line.level);
    LogView { icon, tone, message: line.message.clone(), at: moment(line.at) }
}

/// How a line of a log is marked.
pub(in crate::http::pages) fn level(level: &str) -> (&'static str, &'static str) {
    match level {
        "error" | "critical" => ("warn", "bad"),
        "warning" => ("warn", "wait"),
        _ => ("dot", "quiet"),
    }
}

/// Everything once more, as data.
pub(super) fn raw(sheet: &ProposalSheet) -> String {
    let looks: Vec<Json> = sheet
        .shown
        .iter()
        .map(|look| {
            json!({
                "evaluation": look.id, "seq": look.seq, "cause": look.cause, "runtime": look.runtime,
                "verdict": look.verdict, "error": look.error, "started_at": look.started_at.to_string(),
                "reads": look.reads.iter().map(|(asked, answer)| json!({ "asked": asked, "answer": answer }))
                    .collect::<Vec<_>>(),
            })
        })
        .collect();
    let calls: Vec<Json> = sheet.calls.iter().map(raw_call).collect();
    let all = json!({
        "proposal": sheet.proposal.id, "action": sheet.action.id, "policy": sheet.policy.id,
        "policy_version": sheet.policy.version_id, "data": sheet.proposal.data, "looks": looks, "calls": calls,
    });
    serde_json::to_string_pretty(&all).unwrap_or_default()
}

fn raw_call(row: &CallRow) -> Json {
    json!({
        "call": row.id, "purpose": row.purpose, "idx": row.idx, "operation": row.call.operation, "args": row.call.args,
        "class": row.class, "state": row.state, "attempt": row.attempt, "outcome": row.outcome, "note": row.note,
        "created_at": row.created_at.to_string(), "updated_at": row.updated_at.to_string(),
    })
}
