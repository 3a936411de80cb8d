//! What happened, in the order of time, and what comes next.

use policykit_core::{
    Timestamp,
    action::{Action, Origin},
    call::CallState,
    descriptor::FieldKind,
    policy::PolicyKind,
    proposal::Status,
};
use policykit_store::{CallRow, NamedBallot, ProposalSheet};

use super::{Known, is_pending};
use crate::http::pages::{
    line::{said, says_something, voters},
    words::{self, Moment, count, decision, moment},
};

/// How much of what was said is told, in letters.
const QUOTED: usize = 300;

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct StepView {
    pub(crate) icon: &'static str,
    pub(crate) text: String,
    pub(crate) at: Option<Moment>,
    pub(crate) quote: Option<Quote>,
    pub(crate) ahead: bool,
}

/// What somebody or a rule said.
#[derive(Debug, Clone)]
pub(crate) struct Quote {
    pub(crate) text: String,
    /// What sort of value it is.
    pub(crate) kind: FieldKind,
}

/// Up to so many ballots are told one by one; of more the last is told with how many there are.
const TOLD: usize = 6;

pub(super) fn steps(sheet: &ProposalSheet, known: Known<'_>, initiator: Option<&str>) -> Vec<StepView> {
    let label = known.label;
    let (proposal, action) = (&sheet.proposal, &sheet.action);
    let mut dated: Vec<(Timestamp, StepView)> = Vec::new();
    let mut add = |at: Timestamp, icon: &'static str, text: String, quote: Option<Quote>| {
        dated.push((at, StepView { icon, text, at: Some(moment(at)), quote, ahead: false }));
    };
    let who = initiator.unwrap_or("Somebody");
    let began = match action.origin {
        Origin::Platform => format!("{who}: {label}."),
        Origin::PolicyKit => format!("{who} proposed to {label}."),
    };
    add(action.occurred_at, "pen", began, said_in(action, known));
    for row in sheet.calls.iter().filter(|c| c.state == CallState::Sent) {
        match row.purpose.as_str() {
            "revert" => add(row.updated_at, "undo", "It was undone on the platform.".to_owned(), None),
            "execute" => add(row.updated_at, "redo", "It was carried out on the platform.".to_owned(), None),
            "close" => add(row.updated_at, "dot", "The vote was closed.".to_owned(), None),
            "redraw" | "reply" => {}
            block => {
                let quote = words_of(row);
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
    let all = voters(&sheet.tally);
    if all <= TOLD {
        for ballot in sheet.ballots.iter().filter(|ballot| says_something(&ballot.value)) {
            add(ballot.cast_at, "ballot", voted(ballot, ""), None);
        }
    } else if let Some(last) = sheet.ballots.first() {
        add(last.cast_at, "ballot", format!("{all} people have voted, {} last.", last.voter), None);
    }
    match sheet.earlier.as_slice() {
        few if few.len() <= TOLD => {
            for ballot in few {
                add(ballot.cast_at, "ballot", voted(ballot, " in an earlier vote"), None);
            }
        }
        many => {
            if let Some(last) = many.first() {
                add(last.cast_at, "ballot", format!("Many voted in an earlier vote, {} last.", last.voter), None);
            }
        }
    }
    if let Some(at) = proposal.decided_at {
        let mark = decision(proposal.status);
        add(at, mark.icon, format!("{} under “{}”.", mark.word, sheet.policy.draft.name), None);
    }
    // Stable: what happened in the same moment stays in the order above.
    dated.sort_by_key(|(at, _)| *at);
    let mut steps: Vec<StepView> = dated.into_iter().map(|(_, step)| step).collect();
    steps.extend(ahead(sheet));
    steps
}

fn voted(ballot: &NamedBallot, which: &str) -> String {
    let place = match ballot.carried_by.as_deref() {
        Some("policykit.vote") => ", here",
        _ => "",
    };
    format!("{} voted {}{which}{place}.", ballot.voter, said(&ballot.value))
}

/// The words of an action, where it has any.
fn said_in(action: &Action, known: Known<'_>) -> Option<Quote> {
    let kind = words::excerpt_kind(&action.fields, known.fields);
    words::excerpt(action.kind, &action.fields, QUOTED).map(|text| Quote { text, kind })
}

/// The words that a call carries, where it carries any: what is posted may be marked up.
fn words_of(row: &CallRow) -> Option<Quote> {
    let text =
        words::excerpt(PolicyKind::Platform, &row.call.args, QUOTED).filter(|_| row.call.args.contains_key("text"))?;
    Some(Quote { text, kind: FieldKind::Markup })
}

/// What comes next, if anything does.
fn ahead(sheet: &ProposalSheet) -> Option<StepView> {
    let proposal = &sheet.proposal;
    let step = |text: String, at: Option<Moment>| StepView { icon: "clock", text, at, quote: None, ahead: true };
    if let Some(awaited) = sheet.shown.iter().find_map(|look| look.awaited.as_ref()) {
        let text = format!("{}. The rule waits for that, and asks again at about this time.", awaited.reason);
        return Some(step(text, Some(moment(awaited.until))));
    }
    let waiting =
        sheet.calls.iter().filter(|c| matches!(c.state, CallState::Planned | CallState::Sending | CallState::Retry));
    let waiting = waiting.count();
    if waiting > 0 {
        return Some(step(
            format!("{} still to be answered by the platform.", count(waiting, "call is", "calls are")),
            None,
        ));
    }
    if is_pending(proposal.effect) && proposal.status != Status::Proposed {
        return Some(step("What was decided is still to be done on the platform.".to_owned(), None));
    }
    if proposal.status != Status::Proposed {
        return None;
    }
    let next = super::next_look(sheet);
    let text = match (proposal.poll_open, &next) {
        (true, Some(_)) => "The rule looks again with every vote, and then by itself.",
        (true, None) => "The rule looks again with every vote.",
        (false, Some(_)) => "The rule looks again by itself.",
        (false, None) => "The rule looks again when something it read changes.",
    };
    Some(step(text.to_owned(), next))
}
