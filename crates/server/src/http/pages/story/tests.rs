//! What people read on the page of a proposal, and that nothing of it can act as anything but text.

use policykit_core::{
    JsonMap, Timestamp, Value,
    action::{Action, Standing},
    ballot::{BallotValue, Pick, Poll, PollKind},
    call::{CallOutcome, OperationClass, PlannedCall},
    community::User,
    descriptor::Field,
    ids::{
        ActionId, CallId, CommunityId, EvaluationId, InboxId, InstallationId, PolicyId, PolicyVersionId, ProposalId,
        UserId,
    },
    policy::{Blocks, OnError, Policy, PolicyDraft, PolicyKind, Verdict},
    proposal::Proposal,
};
use policykit_store::{Counted, EvaluationState, LogLine, Look, NamedBallot, Own};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::*;

#[path = "tests/ballot.rs"]
mod ballot;

const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&";

const FIELDS: [Field; 3] = [
    Field::used("name", "the new name"),
    Field::told("previous_name", "the name before"),
    Field::used("thread_ts", "id of the message it answers"),
];
const KNOWN: Known<'static> = Known { label: "rename a channel", fields: &FIELDS };

fn id<T>(make: fn(Uuid) -> T, n: u128) -> T {
    make(Uuid::from_u128(n))
}

fn community() -> CommunityId {
    id(CommunityId::from_uuid, 1)
}

fn action() -> Action {
    Action {
        id: ActionId::derive(InboxId::derive("p", "T", "1"), 0),
        community: community(),
        installation: Some(id(InstallationId::from_uuid, 2)),
        inbox: None,
        kind: PolicyKind::Platform,
        action_type: "renamechannel".into(),
        initiator: Some(id(UserId::from_uuid, 3)),
        origin: Origin::Platform,
        fields: [("name".to_owned(), Json::from(HOSTILE))].into_iter().collect(),
        about: None,
        is_private: false,
        reverted: true,
        standing: Standing::Contested,
        occurred_at: Timestamp::from_secs(100),
    }
}

fn policy() -> Policy {
    Policy {
        id: id(PolicyId::from_uuid, 4),
        version_id: id(PolicyVersionId::from_uuid, 5),
        version: 3,
        position: 0,
        draft: PolicyDraft {
            kind: PolicyKind::Platform,
            name: format!("Vote {HOSTILE}"),
            description: String::new(),
            action_types: Vec::new(),
            blocks: Blocks::default(),
            on_error: OnError::Hold,
        },
    }
}

fn call(state: CallState, purpose: &str, outcome: Option<CallOutcome>) -> CallRow {
    let planned = PlannedCall { operation: "chat.rename".into(), args: JsonMap::new() };
    CallRow {
        id: id(CallId::from_uuid, 77),
        community: community(),
        installation: id(InstallationId::from_uuid, 2),
        proposal: Some(id(ProposalId::from_uuid, 6)),
        evaluation: None,
        action: None,
        purpose: purpose.into(),
        idx: 0,
        args_hash: planned.args_hash(),
        call: planned,
        class: OperationClass::State,
        state,
        attempt: 2,
        fence: 1,
        due_at: Timestamp::from_secs(100),
        outcome,
        note: None,
        created_at: Timestamp::from_secs(100),
        updated_at: Timestamp::from_secs(102),
    }
}

fn look() -> Look {
    Look {
        id: EvaluationId::derive(id(ProposalId::from_uuid, 6), 1),
        seq: 1,
        cause: "first".into(),
        runtime: "test".into(),
        state: EvaluationState::Settled,
        verdict: Some(Verdict::Proposed),
        error: None,
        started_at: Timestamp::from_secs(100),
        considered: Some(json!([
            { "name": "Fen Li", "result": "asked", "permission": "add_renamechannel", "roles": ["Base Role"] },
            { "name": "No links", "result": "no_match", "note": null },
            { "name": "Broken", "result": "error", "note": format!("line 1: {HOSTILE}") },
            { "name": "Vote", "result": "matched", "note": null },
        ])),
        reads: vec![("p.get_users({})".into(), json!({ "t": "str", "v": HOSTILE }).to_string())],
        awaited: None,
    }
}

fn sheet() -> ProposalSheet {
    let action = action();
    let ballot = |name: &str, yes, at| NamedBallot {
        voter: name.into(),
        value: BallotValue::Boolean(yes),
        cast_at: Timestamp::from_secs(at),
        carried_by: Some(if yes { "policykit.vote" } else { "click" }.into()),
    };
    let counted = |yes| Counted { value: BallotValue::Boolean(yes), count: 1 };
    ProposalSheet {
        proposal: Proposal {
            id: id(ProposalId::from_uuid, 6),
            community: community(),
            action: action.id,
            policy: policy().id,
            policy_version: policy().version_id,
            status: Status::Proposed,
            effect: EffectStatus::Done,
            effect_note: None,
            rev: 1,
            data: JsonMap::new(),
            variables: Value::None,
            poll: Some(Poll {
                kind: PollKind::Boolean,
                text: format!("Rename? {HOSTILE}"),
                options: vec!["yes".into(), "no".into()],
                candidates: Vec::new(),
                closes_at: None,
                electorate: Some(vec!["U1".into(), "U2".into(), "U3".into()]),
                installation: id(InstallationId::from_uuid, 2),
                channel: "C1".into(),
                post_id: "1.2".into(),
                url: Some("javascript:alert(3)".into()),
            }),
            poll_open: true,
            created_at: Timestamp::from_secs(100),
            decided_at: None,
            error: None,
        },
        asked: Some(3),
        initiator: Some(User {
            id: id(UserId::from_uuid, 3),
            community: community(),
            installation: id(InstallationId::from_uuid, 2),
            external_id: "U9".into(),
            name: format!("Fen {HOSTILE}"),
            is_admin: false,
            is_bot: false,
            is_gone: false,
        }),
        action,
        policy: policy(),
        tally: vec![counted(false), counted(true)],
        earlier: Vec::new(),
        ballots: vec![ballot(HOSTILE, false, 111), ballot("Ama Owusu", true, 110)],
        missing: vec!["Zoë".into()],
        own: Own { asked: true, ballot: Some((BallotValue::Boolean(true), Timestamp::from_secs(110))) },
        looks: 1,
        shown: vec![look()],
        calls: vec![call(CallState::Sent, "revert", None)],
        logs: vec![LogLine {
            level: "warning".into(),
            message: HOSTILE.into(),
            at: Timestamp::from_secs(101),
            evaluation: None,
        }],
        next_look: Some(Timestamp::from_secs(500)),
        withheld: false,
        entries: vec![(7, "action.revert.done".into(), None)],
    }
}

const VOTER: Rights = Rights { votes: true, settles_held: Settles::Nothing, settles_calls: false };
const KEEPER: Rights = Rights { votes: false, settles_held: Settles::Both, settles_calls: true };

fn seen(sheet: &ProposalSheet) -> StoryView {
    view(sheet, KNOWN, VOTER, None)
}

fn page_for(sheet: &ProposalSheet, rights: Rights) -> String {
    let page = view(sheet, KNOWN, rights, None);
    ProposalPage { chrome: Chrome::signed_in("sig".into()), page }.render().expect("it renders")
}

fn html(sheet: &ProposalSheet) -> String {
    page_for(sheet, VOTER)
}

#[test]
fn whatever_people_wrote_shows_as_text() {
    let html = html(&sheet());
    assert!(!html.contains("<script>"), "{html}");
    assert!(!html.contains("<img"), "{html}");
    assert!(!html.contains("javascript:"), "{html}");
    assert!(!html.contains("onerror=alert(2)>\""), "{html}");
    // Everywhere it was put: title, heading, rule, reason, field, quote, vote, voter, read, note, log, raw.
    let shown = html.matches("&#60;script&#62;alert(1)").count();
    assert!(shown >= 10, "{shown} times in {html}");
}

#[tokio::test]
async fn a_name_that_turns_the_reading_direction_is_spelt_out() {
    let mut story = sheet();
    story.ballots[1].voter = "\u{202e}evil".into();
    let page = ProposalPage { chrome: Chrome::default(), page: seen(&story) };
    let body = crate::http::errors::page(&page).into_body();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a page");
    let html = String::from_utf8(body.to_vec()).expect("text");
    assert!(html.contains("[U+202E]evil voted yes, here."), "{html}");
    assert!(!html.contains('\u{202e}'), "{html}");
}

#[test]
fn the_story_tells_what_a_rule_said() {
    let mut story = sheet();
    let mut told = call(CallState::Sent, "success", None);
    told.call.args.insert("text".into(), Json::from("It is called salon now."));
    let mut done = call(CallState::Sent, "success", None);
    done.call.args.insert("name".into(), Json::from("salon"));
    story.calls = vec![told, done];
    let steps = seen(&story).steps;
    let told = steps.iter().find(|s| s.text == "The outcome was told.").expect("it was told");
    assert_eq!(told.quote.as_ref().map(|quote| quote.text.as_str()), Some("It is called salon now."));
    let done = steps.iter().find(|s| s.text == "The rule had something done on the platform.").expect("it was done");
    assert!(done.quote.is_none());
}

#[test]
fn pages_carry_no_inline_script_and_no_inline_style() {
    let html = html(&sheet());
    for forbidden in ["<style", " style=", " onclick=", "<iframe"] {
        assert!(!html.contains(forbidden), "{forbidden} in {html}");
    }
}

#[test]
fn the_reason_comes_first_and_names_rule_and_votes() {
    let view = seen(&sheet());
    assert!(view.finding.to_string().starts_with("Undone for now, because “Vote "), "{}", view.finding);
    assert!(view.finding.to_string().ends_with("so far 1 yes and 1 no."), "{}", view.finding);
    assert_eq!(view.decision.word, "Open");
}

#[test]
fn the_story_is_told_in_the_order_of_time_and_says_what_comes_next() {
    let view = seen(&sheet());
    let texts: Vec<&str> = view.steps.iter().map(|s| s.text.as_str()).collect();
    let place = |part: &str| texts.iter().position(|t| t.contains(part)).expect(part);
    assert!(place("rename a channel") < place("It was undone"));
    assert!(place("It was undone") < place("Ama Owusu voted yes"));
    assert!(view.steps.last().is_some_and(|s| s.ahead && s.text.contains("every vote")));
}

#[test]
fn rules_that_did_not_apply_say_so_and_a_broken_one_says_why() {
    let view = seen(&sheet());
    let words: Vec<String> = view.considered.iter().map(|r| format!("{}{}", r.name, r.words)).collect();
    assert_eq!(words[0], "Fen Li may propose this (as Base Role), but not do it without asking: the rules are asked");
    assert_eq!(words[1], "No links does not apply: its filter did not say yes to this");
    assert_eq!(words[2], "Broken could not be tried: its filter raised an error");
    assert!(view.considered[2].note.is_some());
    assert_eq!(words[3], "Vote applies");
}

#[test]
fn of_a_thousand_rules_that_were_tried_the_first_and_the_last_are_named() {
    let mut story = sheet();
    let all: Vec<Json> = (0..1_000).map(|n| json!({ "name": format!("Rule {n}"), "result": "no_match" })).collect();
    story.shown[0].considered = Some(Json::Array(all));
    let view = seen(&story);
    assert_eq!((view.considered.len(), view.not_shown), (30, 970));
    assert_eq!(view.considered[29].name, "Rule 999");
    assert!(html(&story).contains("970 more were tried and did not apply"));
}

#[test]
fn votes_are_counted_with_names_and_the_electorate() {
    let vote = seen(&sheet()).vote.expect("a vote");
    assert_eq!((vote.rows[0].option.as_str(), vote.rows[0].count), ("yes", 1));
    assert_eq!((vote.named[1].voter.as_str(), vote.named[1].place), ("Ama Owusu", "Here"));
    assert_eq!(vote.electorate, "3 people may vote; 2 people have voted");
    assert_eq!(vote.missing.as_deref(), Some("Zoë"));
    let chamber = vote.chamber.expect("a drawing");
    assert_eq!((chamber.seats.len(), chamber.score.as_str()), (3, "1 to 1"));
    assert_eq!(vote.url, None, "an address that is no web address is no link");
}

#[test]
fn the_ballot_shows_what_the_reader_said_and_can_be_changed_and_taken_back() {
    let html = html(&sheet());
    assert!(html.contains("value=\"yes\" checked"), "{html}");
    assert!(html.contains("Change my vote") && html.contains("Take my vote back"), "{html}");
    let mut fresh = sheet();
    fresh.own.ballot = None;
    let html = page_for(&fresh, VOTER);
    assert!(
        html.contains("Cast my vote") && !html.contains("Take my vote back") && !html.contains("checked"),
        "{html}"
    );
}

fn with_candidates(picks: &[(&str, Option<&str>)]) -> ProposalSheet {
    let mut story = sheet();
    let poll = story.proposal.poll.as_mut().expect("a vote");
    poll.kind = PollKind::Select;
    poll.candidates = vec![format!("Ada {HOSTILE}"), "Bo".into()];
    let picks = picks.iter().map(|(who, option)| {
        let who = poll.candidates.iter().find(|c| c.starts_with(who)).expect("a candidate").clone();
        (who, Pick { at: Timestamp::from_secs(110), option: option.map(str::to_owned) })
    });
    let value = BallotValue::Select(picks.collect());
    story.ballots.truncate(1);
    story.ballots[0].value = value.clone();
    story.tally = vec![Counted { value: value.clone(), count: 2 }];
    story.own.ballot = Some((value, Timestamp::from_secs(110)));
    story
}

#[test]
fn where_there_are_candidates_the_ballot_asks_about_each_and_the_count_is_shown_for_each() {
    let story = with_candidates(&[("Bo", Some("yes"))]);
    let vote = seen(&story).vote.expect("a vote");
    assert_eq!(vote.picked[1], ("Bo".into(), vec![row("yes", 2), row("no", 0)]));
    assert_eq!((vote.picked[0].1.as_slice(), vote.rows.len()), (&[row("yes", 0), row("no", 0)][..], 0));
    assert_eq!(vote.named[0].says, "Bo: yes");
    assert!(seen(&story).finding.to_string().ends_with("so far 2 yes for Bo."));
    let html = html(&story);
    assert_eq!(html.matches("<select id=\"pick-").count(), 2, "{html}");
    assert_eq!(html.matches("value=\"yes\" selected").count(), 1, "{html}");
    assert!(html.contains("<label for=\"pick-2\">Bo</label>"), "{html}");
    assert!(html.contains("Change my vote") && html.contains("You said Bo: yes"), "{html}");
    assert!(!html.contains("<script>"), "{html}");
}

#[test]
fn a_ballot_of_which_everything_was_taken_back_is_none() {
    let story = with_candidates(&[("Ada", None), ("Bo", None)]);
    let vote = seen(&story).vote.expect("a vote");
    assert_eq!((vote.named.len(), vote.electorate.as_str()), (0, "3 people may vote"));
    let html = html(&story);
    assert!(html.contains("Cast my vote") && !html.contains("Take my vote back"), "{html}");
}

fn row(option: &str, count: usize) -> booth::VoteRow {
    booth::VoteRow { option: option.into(), count }
}

#[test]
fn whoever_cannot_vote_is_told_why_and_has_no_ballot() {
    let mut story = sheet();
    assert!(page_for(&story, KEEPER).contains("only members vote"));
    story.own = Own::default();
    let html = page_for(&story, VOTER);
    assert!(html.contains("This vote does not ask you.") && !html.contains("class=\"ballot\""), "{html}");
    story.proposal.poll_open = false;
    assert!(page_for(&story, VOTER).contains("The vote is closed"));
}

#[test]
fn a_call_nobody_can_tell_about_is_settled_by_a_click_of_those_who_may() {
    let mut story = sheet();
    let reason = "the answer was lost".to_owned();
    story.calls = vec![call(CallState::Uncertain, "execute", Some(CallOutcome::Unknown { reason }))];
    let html = page_for(&story, KEEPER);
    assert!(html.contains("Nobody can tell whether “Carry out the action (chat.rename)” happened"), "{html}");
    assert!(html.contains("The answer was lost."), "{html}");
    let id = id(CallId::from_uuid, 77);
    assert!(html.contains(&format!("action=\"/main/calls/{id}/settle\"")), "{html}");
    let html = page_for(&story, VOTER);
    assert!(
        !html.contains("/settle\"") && html.contains("or the operator of this server, looks at the platform"),
        "{html}"
    );
}

#[test]
fn what_is_held_is_decided_by_those_who_may_and_says_what_follows() {
    let mut story = sheet();
    story.proposal.status = Status::Held;
    let html = page_for(&story, KEEPER);
    assert!(html.contains("Let it pass") && html.contains("It is done again on the platform."), "{html}");
    assert!(html.contains("It stays undone."), "{html}");
    let html = page_for(&story, Rights { settles_held: Settles::Refusal, ..KEEPER });
    assert!(!html.contains(">Let it pass</button>") && html.contains("somebody else has to let it pass"), "{html}");
    assert!(html.contains(">Refuse it</button>"), "{html}");
    let html = page_for(&story, VOTER);
    assert!(!html.contains("Let it pass") && html.contains("Held until a person decides"), "{html}");
}

#[test]
fn a_refusal_by_the_platform_is_told_in_its_words() {
    let mut story = sheet();
    let outcome = CallOutcome::Refused { code: "restricted".into(), message: "only admins may rename".into() };
    story.calls = vec![call(CallState::Failed, "revert", Some(outcome))];
    let view = seen(&story);
    assert_eq!(view.calls[0].note.as_deref(), Some("only admins may rename (restricted)"));
    assert_eq!(view.calls[0].mark.word, "Refused by the platform");
}

#[test]
fn only_fields_that_say_something_are_listed_in_words_and_in_the_order_of_the_description() {
    let Json::Object(action) =
        json!({"thread_ts": null, "extra_thing": 3, "previous_name": "random", "name": "lounge", "note": ""})
    else {
        panic!("an object")
    };
    let listed = fields(&action, &FIELDS);
    let rows: Vec<_> = listed.iter().map(|f| (f.what.as_str(), f.name.as_str(), f.value.as_str())).collect();
    assert_eq!(
        rows,
        [
            ("the new name", "name", "lounge"),
            ("the name before", "previous_name", "random"),
            ("extra thing", "extra_thing", "3")
        ]
    );
}
