//! One entry of the record: what happened, to what, and why in one sentence.

use askama::Template;
use policykit_core::{
    permission,
    proposal::{EffectStatus, Status},
};
use policykit_store::RecordLine;
use serde_json::Value as Json;

use crate::http::{
    AppState,
    pages::{
        finding::{Facts, Sentence, finding},
        line::tally,
        proposing::sentence,
        words::{self, Mark, Moment, moment},
    },
};

/// An entry as it is shown, in the page and on the stream.
#[derive(Debug, Clone, Template)]
#[template(path = "decision_entry.html")]
pub(in crate::http::pages) struct EntryView {
    pub(in crate::http::pages) seq: i64,
    pub(in crate::http::pages) at: Moment,
    pub(in crate::http::pages) mark: Mark,
    pub(in crate::http::pages) title: String,
    pub(in crate::http::pages) href: Option<String>,
    pub(in crate::http::pages) reason: Sentence,
    pub(in crate::http::pages) previous: String,
    pub(in crate::http::pages) hash: String,
}

/// What an entry of this kind says in a word or two.
pub(crate) fn kind_words(kind: &str) -> &'static str {
    mark(kind).word
}

fn mark(kind: &str) -> Mark {
    let (icon, tone, word) = match kind {
        "proposal.passed" => ("tick", "passed", "Passed"),
        "proposal.failed" => ("cross", "refused", "Refused"),
        "proposal.held" => ("warn", "bad", "Held"),
        "proposal.superseded" => ("dash", "quiet", "Handed on"),
        "proposal.settled_by_person" | "action.settled_by_person" => ("person", "quiet", "Settled by a person"),
        "action.revert.done" => ("undo", "undone", "Undone"),
        "action.execute.done" => ("redo", "good", "Done"),
        "action.revert.refused" | "action.execute.refused" => ("warn", "bad", "Problem"),
        "action.revert.uncertain" | "action.execute.uncertain" => ("question", "wait", "Uncertain"),
        "action.not_permitted" => ("cross", "refused", "Not allowed"),
        "action.refused" => ("cross", "refused", "Not allowed"),
        "action.ungoverned" => ("question", "wait", "No rule fits"),
        "amendment.done" => ("tick", "passed", "Rule changed"),
        "amendment.refused" => ("warn", "bad", "Could not be made"),
        "ballot.refused" => ("cross", "refused", "Vote not counted"),
        "policy.suspended" => ("warn", "bad", "Rule suspended"),
        "kit.installed" => ("flag", "good", "Began"),
        "integration.removed" => ("dash", "quiet", "Platform removed"),
        "call.settled" => ("person", "quiet", "Settled by a person"),
        "settlement.not_permitted" => ("cross", "refused", "Not allowed"),
        "settlement.unidentified" => ("question", "wait", "Decide again"),
        "integration.leave.done" => ("tick", "good", "Access given up"),
        "integration.leave.refused" => ("warn", "bad", "Access not given up"),
        "integration.leave.uncertain" => ("question", "wait", "Uncertain"),
        "integration.leave.dropped" => ("dash", "quiet", "Access kept"),
        "integration.renewed" => ("redo", "good", "Platform connected again"),
        "recovery.announced" => ("flag", "wait", "Recovery announced"),
        "recovery.withdrawn" => ("dash", "quiet", "Recovery withdrawn"),
        "held.overdue" => ("clock", "wait", "Waits for too long"),
        "recovery.expired" => ("clock", "quiet", "Recovery expired"),
        "recovery.done" => ("flag", "good", "Recovery made"),
        "recovery.refused" => ("warn", "bad", "Recovery not made"),
        _ => ("dot", "quiet", "Written down"),
    };
    Mark { icon, tone, word }
}

/// Puts an entry into words.
pub(in crate::http::pages) fn entry(app: &AppState, line: &RecordLine) -> EntryView {
    let kind = line.entry.kind.as_str();
    let title = match (&line.proposal, &line.action) {
        (Some(p), _) => {
            words::title(&app.engine().describe(&p.action_type, &p.fields), p.initiator.as_deref(), p.origin)
        }
        (None, Some(a)) => {
            words::title(&app.engine().describe(&a.action_type, &a.fields), a.initiator.as_deref(), a.origin)
        }
        (None, None) => line.policy_name.clone().unwrap_or_else(|| mark(kind).word.to_owned()),
    };
    EntryView {
        seq: line.entry.seq,
        at: moment(line.entry.at),
        mark: mark(kind),
        title: words::heading(title, line.withheld),
        href: line.proposal.as_ref().map(|p| format!("/proposals/{}", p.id)),
        reason: reason(app, line),
        previous: line.entry.previous.chars().take(12).collect(),
        hash: line.entry.hash.clone(),
    }
}

fn reason(app: &AppState, line: &RecordLine) -> Sentence {
    let text = |key: &str| line.entry.body.get(key).and_then(Json::as_str).map(str::to_owned);
    let note = text("note").map(|n| format!(": {}", n.trim_end_matches('.'))).unwrap_or_default();
    let rule = line.proposal.as_ref().map(|p| p.policy_name.as_str()).or(line.policy_name.as_deref());
    let under = |words: &str| match rule {
        Some(rule) => Sentence::around(rule, &format!("{words}, under “{rule}”{note}.")),
        None => Sentence::plain(format!("{words}{note}.")),
    };
    let by = || line.by.as_deref().map_or_else(|| "A person".to_owned(), sentence);
    let label = line.action.as_ref().map(|a| app.engine().describe(&a.action_type, &a.fields)).unwrap_or_default();
    let who = line.action.as_ref().and_then(|a| a.initiator.as_deref()).unwrap_or("Whoever did this");
    match line.entry.kind.as_str() {
        "proposal.passed" => decided(line, Status::Passed),
        "proposal.failed" => decided(line, Status::Failed),
        "proposal.held" => decided(line, Status::Held),
        "proposal.superseded" => decided(line, Status::Superseded),
        "proposal.settled_by_person" | "action.settled_by_person" => {
            let by = by();
            let what = match text("status").or_else(|| text("verdict")).as_deref() {
                Some("passed") => "let it pass",
                Some("failed") => "refused it",
                _ => "decided",
            };
            match rule {
                Some(rule) => Sentence::around(rule, &format!("{by} {what}, because “{rule}” could not decide.")),
                None => Sentence::plain(format!("{by} {what}, because no rule decides about it.")),
            }
        }
        "call.settled" => {
            let what = if text("outcome").as_deref() == Some("happened") { "happened" } else { "did not happen" };
            Sentence::plain(format!("{} says that it {what}{note}; nobody else could tell.", by()))
        }
        "settlement.not_permitted" => {
            Sentence::plain(format!("{} decided about it and may not any more, so it waits on.", by()))
        }
        "settlement.unidentified" => Sentence::plain(
            "Somebody decided about it while this server was being updated, and nobody can tell any more who that was. It \
             waits on: whoever it was has to decide again."
                .to_owned(),
        ),
        "ballot.refused" => {
            let why = text("reason").unwrap_or_default();
            Sentence::plain(format!("{} voted here, and it was not counted: {why}", by()))
        }
        "action.revert.done" => under("It was undone on the platform"),
        "action.execute.done" => under("It was carried out on the platform"),
        "action.revert.refused" => under("The platform refused to undo it"),
        "action.execute.refused" => under("The platform refused to carry it out"),
        "action.revert.uncertain" => under("Nobody can tell whether it was undone"),
        "action.execute.uncertain" => under("Nobody can tell whether it was carried out"),
        "action.not_permitted" => {
            Sentence::plain(format!("{who} has no role that may do or propose this ({label}); it is being undone."))
        }
        "action.refused" => {
            Sentence::plain(format!("{who} has no role that may propose this ({label}); nothing was done."))
        }
        "action.ungoverned" => {
            let tried = line.entry.body.get("tried").and_then(Json::as_i64).unwrap_or(0);
            Sentence::plain(match tried {
                0 => "No rule is about this, so nothing is done until somebody decides.".to_owned(),
                1 => "One rule was tried and does not apply, so nothing is done until somebody decides.".to_owned(),
                n => format!("{n} rules were tried and none applies, so nothing is done until somebody decides."),
            })
        }
        "amendment.done" => under(match text("action_type").as_deref() {
            Some(permission::ADD_INTEGRATION_TYPE) => "The community is to be present in a further place",
            Some(permission::REMOVE_INTEGRATION_TYPE) => "The integration is removed and its sessions are ended",
            _ => "The rules are changed",
        }),
        "integration.leave.done" => under("The platform was told to forget PolicyKit, and the keys were destroyed"),
        "integration.leave.refused" => under("The platform did not take PolicyKit out; the keys here were destroyed"),
        "integration.leave.uncertain" => {
            under("Nobody can tell whether the platform took PolicyKit out; the keys here were destroyed")
        }
        "integration.leave.dropped" => {
            under("The place is not removed any more, so nothing was given up and the keys were kept")
        }
        "amendment.refused" => under("It was decided, but the change could not be made"),
        "held.overdue" => Sentence::plain(overdue(line.entry.body.get("told"))),
        "policy.suspended" => {
            let why = text("reason").unwrap_or_else(|| "its code kept failing".to_owned());
            match rule {
                Some(rule) => {
                    Sentence::around(rule, &format!("“{rule}” governs nothing until it is corrected: {why}."))
                }
                None => Sentence::plain(format!("A rule governs nothing until it is corrected: {why}.")),
            }
        }
        "integration.removed" => {
            Sentence::plain("Somebody who may do so removed the integration; its keys were destroyed.".to_owned())
        }
        "integration.renewed" => {
            let mut told =
                "Somebody who administers the place on its platform let PolicyKit in again; its keys were renewed."
                    .to_owned();
            if line.entry.body.get("became_integration_admin").and_then(serde_json::Value::as_bool) == Some(true) {
                told.push_str(" Nobody looked after the integrations any more, so they do from now on.");
            }
            Sentence::plain(told)
        }
        "kit.installed" => Sentence::plain(format!(
            "The community began with the starter kit {}.",
            text("kit").or_else(|| text("name")).unwrap_or_default()
        )),
        "recovery.announced" | "recovery.withdrawn" | "recovery.done" | "recovery.refused" | "recovery.expired" => {
            let by = by();
            let change_type = text("action_type");
            let of_type = || change_type.as_deref().map_or("change the rules", |t| app.engine().label(t)).to_owned();
            // Entries of before what is changed was named say of which type it is.
            let change = text("change").unwrap_or_else(of_type);
            Sentence::plain(match line.entry.kind.as_str() {
                "recovery.announced" => format!("{by} announced to {change} around the votes, for everybody to see."),
                "recovery.withdrawn" => format!("{by} took back what was announced ({change}). Nothing was changed."),
                "recovery.expired" => {
                    format!("What {by} announced ({change}) was not carried out within 14 days and is over.")
                }
                "recovery.done" => format!("{by} carried out what was announced: {change}."),
                _ => format!("{by} tried to carry out what was announced ({change}); it could not be made."),
            })
        }
        other => Sentence::plain(format!("An entry of the kind {other}.")),
    }
}

/// The sentence about what has waited too long; `told` says how many of those who may decide were told, nothing where
/// everybody may, and is missing in entries of before that was counted.
fn overdue(told: Option<&Json>) -> String {
    let then = match told {
        None => "those who may decide were told, where the platform can tell them".to_owned(),
        Some(told) => match told.as_u64() {
            None => "everybody may decide, so nobody in particular was told".to_owned(),
            Some(0) => "nobody who may decide can be reached on the platform, so nobody was told".to_owned(),
            Some(1) => "one person who may decide was told".to_owned(),
            Some(n) => format!("{n} people who may decide were told"),
        },
    };
    format!("It has waited for three days; {then}.")
}

/// The sentence of a decision: as it was decided then, with what has become of it since.
fn decided(line: &RecordLine, status: Status) -> Sentence {
    let Some(found) = &line.proposal else { return Sentence::plain("The proposal is not stored any more.") };
    let votes = found.poll.as_ref().map(|poll| tally(poll, &line.tally));
    let same = found.status == status;
    finding(&Facts {
        policy: &found.policy_name,
        origin: found.origin,
        status,
        effect: if same { found.effect } else { EffectStatus::None },
        effect_note: found.effect_note.as_deref().filter(|_| same),
        reverted: found.reverted,
        votes: votes.as_deref(),
        by: None,
    })
}
