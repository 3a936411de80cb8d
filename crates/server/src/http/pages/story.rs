//! A proposal as its page shows it: everything the engine knows, put in order and into words.

use askama::Template;
use policykit_core::{
    Timestamp,
    action::Origin,
    ballot::BallotValue,
    call::{CallOutcome, CallState},
    policy::Verdict,
    proposal::Status,
};
use policykit_engine::ProposalStory;
use policykit_store::{CallRow, EvaluationRecord, EvaluationState, LogLine};
use serde_json::{Value as Json, json};

use super::{
    finding::{Facts, finding},
    words::{self, Mark, Moment, call_state, count, decision, effect, moment, purpose},
};
use crate::http::chrome::Chrome;

/// The page of one proposal.
#[derive(Debug, Template)]
#[template(path = "proposal.html")]
pub(crate) struct ProposalPage {
    /// What every page needs.
    pub(crate) chrome: Chrome,
    /// Its content.
    pub(crate) page: StoryView,
}

/// The content of the page.
#[derive(Debug, Clone)]
pub(crate) struct StoryView {
    pub(crate) title: String,
    pub(crate) community: String,
    pub(crate) where_from: &'static str,
    pub(crate) policy: String,
    pub(crate) policy_version: i64,
    pub(crate) decision: Mark,
    pub(crate) effect: Option<Mark>,
    pub(crate) finding: String,
    pub(crate) error: Option<String>,
    pub(crate) error_advice: &'static str,
    pub(crate) uncertain: Vec<UncertainView>,
    pub(crate) steps: Vec<StepView>,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) vote: Option<VoteView>,
    pub(crate) considered: Vec<RuleView>,
    pub(crate) runs: Vec<RunView>,
    pub(crate) calls: Vec<CallView>,
    pub(crate) calls_caption: String,
    pub(crate) logs: Vec<LogView>,
    pub(crate) raw_calls: String,
}

/// A call that a person must settle.
#[derive(Debug, Clone)]
pub(crate) struct UncertainView {
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) note: String,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct StepView {
    pub(crate) icon: &'static str,
    pub(crate) text: String,
    pub(crate) at: Option<Moment>,
    pub(crate) quote: Option<String>,
    pub(crate) ahead: bool,
}

/// The vote.
#[derive(Debug, Clone)]
pub(crate) struct VoteView {
    pub(crate) question: String,
    pub(crate) state: &'static str,
    pub(crate) electorate: String,
    pub(crate) rows: Vec<VoteRow>,
    pub(crate) url: Option<String>,
}

/// One answer and who gave it.
#[derive(Debug, Clone)]
pub(crate) struct VoteRow {
    pub(crate) option: String,
    pub(crate) count: usize,
    pub(crate) who: String,
}

/// A rule that was tried.
#[derive(Debug, Clone)]
pub(crate) struct RuleView {
    pub(crate) name: String,
    pub(crate) words: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) note: Option<String>,
}

/// One look of the rule.
#[derive(Debug, Clone)]
pub(crate) struct RunView {
    pub(crate) seq: i64,
    pub(crate) mark: Mark,
    pub(crate) words: String,
    pub(crate) at: Moment,
    pub(crate) reads: Vec<(String, String)>,
    pub(crate) raw: String,
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

/// Puts a story into words.
pub(crate) fn view(story: &ProposalStory, community: &str) -> StoryView {
    let bundle = &story.bundle;
    let (proposal, action, policy) = (&bundle.proposal, &bundle.action, &bundle.policy);
    let initiator = bundle.initiator.as_ref().map(|u| u.name.as_str());
    let tally = tally(story);
    let counts: Option<Vec<(String, usize)>> =
        tally.as_ref().map(|rows| rows.iter().map(|row| (row.option.clone(), row.count)).collect());
    let calls: Vec<CallView> = story.calls.iter().map(call).collect();
    StoryView {
        title: words::title(&story.action_label, initiator, action.origin),
        community: community.to_owned(),
        where_from: match action.origin {
            Origin::Platform => "done on the platform",
            Origin::PolicyKit => "proposed here",
        },
        policy: policy.draft.name.clone(),
        policy_version: policy.version,
        decision: decision(proposal.status),
        effect: effect(proposal.effect, proposal.status),
        finding: finding(&Facts {
            policy: &policy.draft.name,
            status: proposal.status,
            effect: proposal.effect,
            effect_note: proposal.effect_note.as_deref(),
            reverted: action.reverted,
            votes: counts.as_deref(),
        }),
        error: proposal.error.clone(),
        error_advice: match proposal.status {
            Status::Held => "Nothing was decided. Correct the rule; new actions then run under the corrected version.",
            _ => "Correct the rule; new actions then run under the corrected version.",
        },
        uncertain: story.calls.iter().filter(|c| c.state == CallState::Uncertain).map(uncertain).collect(),
        steps: steps(story, initiator),
        fields: fields(story),
        vote: tally.map(|rows| vote(story, rows)).unwrap_or_default(),
        considered: story.evaluations.first().map(|e| considered(&e.evaluation.considered)).unwrap_or_default(),
        runs: story.evaluations.iter().map(run).collect(),
        calls_caption: count(calls.len(), "call", "calls") + ", in the order they were written down",
        calls,
        logs: story.logs.iter().map(log).collect(),
        raw_calls: pretty(&Json::Array(story.calls.iter().map(raw_call).collect())),
    }
}

fn fields(story: &ProposalStory) -> Vec<(String, String)> {
    let action = &story.bundle.action;
    let mut rows = vec![("type".to_owned(), action.action_type.clone())];
    rows.extend(action.fields.iter().map(|(name, value)| (name.clone(), plain(value))));
    rows
}

/// A JSON value as text: strings as they are, everything else as JSON.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn tally(story: &ProposalStory) -> Option<Vec<VoteRow>> {
    let poll = story.bundle.proposal.poll.as_ref()?;
    let ballots = &story.bundle.ballots;
    Some(
        poll.options
            .iter()
            .map(|option| {
                let who: Vec<&str> = ballots
                    .iter()
                    .filter(|ballot| match &ballot.value {
                        BallotValue::Boolean(yes) => option == if *yes { "yes" } else { "no" },
                        BallotValue::Choice(chosen) => option == chosen,
                    })
                    .map(|ballot| ballot.voter.name.as_str())
                    .collect();
                VoteRow {
                    option: option.clone(),
                    count: who.len(),
                    who: if who.is_empty() { "nobody yet".to_owned() } else { who.join(", ") },
                }
            })
            .collect(),
    )
}

fn vote(story: &ProposalStory, rows: Vec<VoteRow>) -> Option<VoteView> {
    let proposal = &story.bundle.proposal;
    let poll = proposal.poll.as_ref()?;
    let voted = count(story.bundle.ballots.len(), "person has voted", "people have voted");
    Some(VoteView {
        question: poll.text.clone(),
        state: if proposal.poll_open { "Open: votes can be changed." } else { "Closed." },
        electorate: match &poll.electorate {
            None => format!("Everybody may vote; {voted}"),
            Some(people) => format!("{} may vote; {voted}", count(people.len(), "person", "people")),
        },
        rows,
        // Anything else than a web address could run as code when followed.
        url: poll.url.clone().filter(|u| u.starts_with("https://") || u.starts_with("http://")),
    })
}

fn considered(json: &Json) -> Vec<RuleView> {
    json.as_array()
        .into_iter()
        .flatten()
        .map(|entry| {
            let text = |key: &str| entry.get(key).and_then(Json::as_str).map(str::to_owned);
            let (words, icon, tone) = match text("result").as_deref() {
                Some("matched") => (" applies", "tick", "good"),
                Some("no_match") => (" does not apply", "dash", "quiet"),
                Some("asked") => (" may propose this, but not do it without asking", "tick", "quiet"),
                Some("error") => (" could not be tried: its filter raised an error", "warn", "bad"),
                _ => (" was tried", "dash", "quiet"),
            };
            RuleView { name: text("name").unwrap_or_default(), words, icon, tone, note: text("note") }
        })
        .collect()
}

fn run(record: &EvaluationRecord) -> RunView {
    let row = &record.evaluation;
    let why = match row.cause.as_str() {
        "first" => "when it began".to_owned(),
        "vote" => "after a vote".to_owned(),
        "timer" => "when the time came".to_owned(),
        other => format!("because of `{other}`"),
    };
    let (mark, found) = match (row.state, row.verdict) {
        (EvaluationState::Running, _) => (call_state(CallState::Sending), "still running".to_owned()),
        (EvaluationState::Error, _) => {
            (decision(Status::Held), format!("an error: {}", row.error.as_deref().unwrap_or("not recorded")))
        }
        (EvaluationState::Settled, Some(Verdict::Passed)) => (decision(Status::Passed), "passed".to_owned()),
        (EvaluationState::Settled, Some(Verdict::Failed)) => (decision(Status::Failed), "refused".to_owned()),
        (EvaluationState::Settled, _) => (decision(Status::Proposed), "still open".to_owned()),
    };
    let seq = row.seq;
    RunView {
        seq,
        mark,
        words: format!("Look {seq}, {why}: {found}."),
        at: moment(row.started_at),
        reads: record.reads.iter().map(|r| (r.key.clone(), shown(&r.value))).collect(),
        raw: pretty(&json!({
            "evaluation": row.id,
            "runtime": row.runtime,
            "snapshot": row.snapshot,
            "considered": row.considered,
            "reads": record.reads.iter().map(|r| json!({ "asked": r.key, "answer": r.value })).collect::<Vec<_>>(),
        })),
    }
}

/// A recorded answer in one short line.
fn shown(value: &policykit_core::Value) -> String {
    let text = serde_json::to_value(value).unwrap_or_default();
    let text = text.get("v").map_or_else(|| "None".to_owned(), plain);
    let short: String = text.chars().take(200).collect();
    if short.len() < text.len() { short + "…" } else { short }
}

fn call(row: &CallRow) -> CallView {
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
fn outcome(row: &CallRow) -> Option<String> {
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

fn uncertain(row: &CallRow) -> UncertainView {
    let note = outcome(row).unwrap_or_else(|| "It was sent, and no answer came.".to_owned());
    let mut letters = note.chars();
    let note = letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect());
    UncertainView {
        id: row.id.to_string(),
        what: format!("{} ({})", purpose(&row.purpose), row.call.operation),
        note: if note.ends_with('.') { note } else { note + "." },
    }
}

fn log(line: &LogLine) -> LogView {
    let (icon, tone) = match line.level.as_str() {
        "error" | "critical" => ("warn", "bad"),
        "warning" => ("warn", "wait"),
        _ => ("dot", "quiet"),
    };
    LogView { icon, tone, message: line.message.clone(), at: moment(line.at) }
}

fn steps(story: &ProposalStory, initiator: Option<&str>) -> Vec<StepView> {
    let (proposal, action) = (&story.bundle.proposal, &story.bundle.action);
    let mut dated: Vec<(Timestamp, StepView)> = Vec::new();
    let mut add = |at: Timestamp, icon: &'static str, text: String, quote: Option<String>| {
        dated.push((at, StepView { icon, text, at: Some(moment(at)), quote, ahead: false }));
    };
    let who = initiator.unwrap_or("Somebody");
    let began = match action.origin {
        Origin::Platform => format!("{who}: {}.", story.action_label),
        Origin::PolicyKit => format!("{who} proposed to {}.", story.action_label),
    };
    add(action.occurred_at, "pen", began, words::excerpt(&action.fields, 300));
    for row in story.calls.iter().filter(|c| c.state == CallState::Sent) {
        match row.purpose.as_str() {
            "revert" => add(row.updated_at, "undo", "It was undone on the platform.".to_owned(), None),
            "execute" => add(row.updated_at, "redo", "It was carried out on the platform.".to_owned(), None),
            "close" => add(row.updated_at, "dot", "The vote was closed.".to_owned(), None),
            "redraw" | "reply" => {}
            block => {
                let quote = said(row);
                let text = match (block, &quote) {
                    ("notify", Some(_)) => "People were told.",
                    ("success" | "fail", Some(_)) => "The outcome was told.",
                    (_, Some(_)) => "The rule said something.",
                    (_, None) => "The rule had something done on the platform.",
                };
                add(row.updated_at, if block == "notify" { "ballot" } else { "dot" }, text.to_owned(), quote);
            }
        }
    }
    for ballot in &story.bundle.ballots {
        let answer = match &ballot.value {
            BallotValue::Boolean(true) => "yes",
            BallotValue::Boolean(false) => "no",
            BallotValue::Choice(option) => option,
        };
        add(ballot.cast_at, "ballot", format!("{} voted {answer}.", ballot.voter.name), None);
    }
    if let Some(at) = proposal.decided_at {
        let mark = decision(proposal.status);
        add(at, mark.icon, format!("{} under “{}”.", mark.word, story.bundle.policy.draft.name), None);
    }
    // Stable: what happened in the same moment stays in the order above.
    dated.sort_by_key(|(at, _)| *at);
    let mut steps: Vec<StepView> = dated.into_iter().map(|(_, step)| step).collect();
    if let Some(next) = ahead(story) {
        steps.push(StepView { icon: "clock", text: next, at: None, quote: None, ahead: true });
    }
    steps
}

/// The words that a call carries, where it carries any.
fn said(row: &CallRow) -> Option<String> {
    words::excerpt(&row.call.args, 300).filter(|_| row.call.args.contains_key("text"))
}

/// What comes next, if anything does.
fn ahead(story: &ProposalStory) -> Option<String> {
    let proposal = &story.bundle.proposal;
    let waiting =
        story.calls.iter().filter(|c| matches!(c.state, CallState::Planned | CallState::Sending | CallState::Retry));
    let waiting = waiting.count();
    if waiting > 0 {
        return Some(format!("{} still to be answered by the platform.", count(waiting, "call is", "calls are")));
    }
    if proposal.status != Status::Proposed {
        return None;
    }
    Some(if proposal.poll_open {
        "The rule looks again with every vote.".to_owned()
    } else {
        "The rule looks again when something it read changes.".to_owned()
    })
}

fn raw_call(row: &CallRow) -> Json {
    json!({
        "call": row.id, "purpose": row.purpose, "idx": row.idx, "operation": row.call.operation, "args": row.call.args,
        "class": row.class, "state": row.state, "attempt": row.attempt, "outcome": row.outcome, "note": row.note,
        "created_at": row.created_at.to_string(), "updated_at": row.updated_at.to_string(),
    })
}

fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).unwrap_or_default()
}

#[cfg(test)]
#[path = "story/tests.rs"]
mod tests;
