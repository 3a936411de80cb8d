//! What people read on the page of a proposal, and that nothing of it can act as anything but text.

use policykit_core::{
    JsonMap, Value,
    action::{Action, Standing},
    ballot::{Poll, PollKind},
    call::{OperationClass, PlannedCall},
    community::User,
    ids::{
        ActionId, CallId, CommunityId, EvaluationId, InboxId, InstallationId, PolicyId, PolicyVersionId, ProposalId,
        UserId,
    },
    policy::{Blocks, OnError, Policy, PolicyDraft, PolicyKind},
    proposal::{EffectStatus, Proposal},
    snapshot::{ActionView, BallotView, CommunityView, PolicyView, ProposalView, Snapshot, UserView},
};
use policykit_store::{EvaluationRow, ProposalBundle, ReadRow};
use uuid::Uuid;

use super::*;

const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&";

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

fn person(name: &str) -> UserView {
    UserView { external_id: "U1".into(), platform: "p".into(), name: name.into(), is_admin: false, roles: Vec::new() }
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

fn evaluation() -> EvaluationRecord {
    let action = action();
    let proposal = id(ProposalId::from_uuid, 6);
    let row = EvaluationRow {
        id: EvaluationId::derive(proposal, 1),
        community: community(),
        proposal,
        seq: 1,
        cause: "first".into(),
        runtime: "test".into(),
        snapshot: Snapshot {
            now: Timestamp::from_secs(100),
            seed: 1,
            community: CommunityView { id: community(), name: "Makers".into() },
            action: ActionView {
                id: action.id,
                action_type: action.action_type.clone(),
                label: "rename a channel".into(),
                kind: action.kind,
                platform: Some("p".into()),
                origin: action.origin,
                reverted: false,
                initiator: Some(person("Fen Li")),
                fields: action.fields,
            },
            policy: PolicyView {
                id: policy().id,
                version: 3,
                name: "Vote".into(),
                description: String::new(),
                kind: PolicyKind::Platform,
            },
            proposal: ProposalView {
                id: proposal,
                created_at: Timestamp::from_secs(100),
                status: Verdict::Proposed,
                vote: None,
                data: JsonMap::new(),
                variables: Value::None,
            },
            ballots: Vec::new(),
            platforms: Vec::new(),
        },
        state: EvaluationState::Settled,
        verdict: Some(Verdict::Proposed),
        error: None,
        started_at: Timestamp::from_secs(100),
        ended_at: None,
        considered: json!([
            { "name": "No links", "result": "no_match", "note": null },
            { "name": "Broken", "result": "error", "note": format!("line 1: {HOSTILE}") },
            { "name": "Vote", "result": "matched", "note": null },
        ]),
    };
    let read = ReadRow {
        community: community(),
        evaluation: row.id,
        idx: 0,
        key: "p.get_users({})".into(),
        value: Value::Str(HOSTILE.into()),
    };
    EvaluationRecord { evaluation: row, reads: vec![read], calls: Vec::new() }
}

fn story() -> ProposalStory {
    let action = action();
    let ballot = |name: &str, yes, at| BallotView {
        voter: person(name),
        value: BallotValue::Boolean(yes),
        cast_at: Timestamp::from_secs(at),
    };
    ProposalStory {
        bundle: ProposalBundle {
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
                    electorate: Some(vec!["U1".into(), "U2".into()]),
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
            ballots: vec![ballot("Ama Owusu", true, 110), ballot(HOSTILE, false, 111)],
            evaluations: 1,
        },
        action_label: "rename a channel".into(),
        evaluations: vec![evaluation()],
        calls: vec![call(CallState::Sent, "revert", None)],
        logs: vec![LogLine {
            level: "warning".into(),
            message: HOSTILE.into(),
            at: Timestamp::from_secs(101),
            evaluation: None,
        }],
    }
}

fn html(story: &ProposalStory) -> String {
    ProposalPage { chrome: Chrome::default(), page: view(story, HOSTILE) }.render().expect("it renders")
}

#[test]
fn whatever_people_wrote_shows_as_text() {
    let html = html(&story());
    assert!(!html.contains("<script"), "{html}");
    assert!(!html.contains("<img"), "{html}");
    assert!(!html.contains("javascript:"), "{html}");
    assert!(!html.contains("onerror=alert(2)>\""), "{html}");
    // Everywhere it was put: title, community, rule, field, quote, vote, voter, read, note, log, raw.
    assert!(html.matches("&#60;script&#62;alert(1)").count() >= 10, "{html}");
}

#[tokio::test]
async fn a_name_that_turns_the_reading_direction_is_spelt_out() {
    let mut story = story();
    story.bundle.ballots[0].voter.name = "\u{202e}evil".into();
    let page = ProposalPage { chrome: Chrome::default(), page: view(&story, "Makers") };
    let body = crate::http::errors::page(&page).into_body();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a page");
    let html = String::from_utf8(body.to_vec()).expect("text");
    assert!(html.contains("[U+202E]evil voted yes."), "{html}");
    assert!(!html.contains('\u{202e}'), "{html}");
}

#[test]
fn the_story_tells_what_a_rule_said() {
    let mut story = story();
    let mut told = call(CallState::Sent, "success", None);
    told.call.args.insert("text".into(), Json::from("It is called salon now."));
    let mut done = call(CallState::Sent, "success", None);
    done.call.args.insert("name".into(), Json::from("salon"));
    story.calls = vec![told, done];
    let steps = view(&story, "Makers").steps;
    let told = steps.iter().find(|s| s.text == "The outcome was told.").expect("it was told");
    assert_eq!(told.quote.as_deref(), Some("It is called salon now."));
    let done = steps.iter().find(|s| s.text == "The rule had something done on the platform.").expect("it was done");
    assert_eq!(done.quote, None);
}

#[test]
fn pages_carry_no_inline_script_and_no_inline_style() {
    let html = html(&story());
    for forbidden in ["<style", " style=", " onclick=", "<iframe"] {
        assert!(!html.contains(forbidden), "{forbidden} in {html}");
    }
}

#[test]
fn the_reason_comes_first_and_names_rule_and_votes() {
    let view = view(&story(), "Makers");
    assert!(view.finding.starts_with("Undone for now, because “Vote "), "{}", view.finding);
    assert!(view.finding.ends_with("so far 1 yes and 1 no."), "{}", view.finding);
    assert_eq!(view.decision.word, "Open");
}

#[test]
fn the_story_is_told_in_the_order_of_time_and_says_what_comes_next() {
    let view = view(&story(), "Makers");
    let texts: Vec<&str> = view.steps.iter().map(|s| s.text.as_str()).collect();
    let place = |part: &str| texts.iter().position(|t| t.contains(part)).expect(part);
    assert!(place("rename a channel") < place("It was undone"));
    assert!(place("It was undone") < place("Ama Owusu voted yes"));
    assert!(view.steps.last().is_some_and(|s| s.ahead && s.text.contains("every vote")));
}

#[test]
fn rules_that_did_not_apply_say_so_and_a_broken_one_says_why() {
    let view = view(&story(), "Makers");
    let words: Vec<String> = view.considered.iter().map(|r| format!("{}{}", r.name, r.words)).collect();
    assert_eq!(words[0], "No links does not apply");
    assert_eq!(words[1], "Broken could not be tried: its filter raised an error");
    assert!(view.considered[1].note.is_some());
    assert_eq!(words[2], "Vote applies");
}

#[test]
fn votes_are_counted_with_names_and_the_electorate() {
    let vote = view(&story(), "Makers").vote.expect("a vote");
    assert_eq!((vote.rows[0].option.as_str(), vote.rows[0].count, vote.rows[0].who.as_str()), ("yes", 1, "Ama Owusu"));
    assert_eq!(vote.electorate, "2 people may vote; 2 people have voted");
    assert_eq!(vote.url, None, "an address that is no web address is no link");
}

#[test]
fn a_call_nobody_can_tell_about_is_shown_with_the_commands_that_settle_it() {
    let mut story = story();
    let reason = "the answer was lost".to_owned();
    story.calls = vec![call(CallState::Uncertain, "execute", Some(CallOutcome::Unknown { reason }))];
    let html = html(&story);
    assert!(html.contains("Nobody can tell whether “Carry out the action (chat.rename)” happened"), "{html}");
    assert!(html.contains("The answer was lost."), "{html}");
    let id = id(CallId::from_uuid, 77);
    assert!(html.contains(&format!("policykit calls settle {id} --happened")), "{html}");
}

#[test]
fn a_refusal_by_the_platform_is_told_in_its_words() {
    let mut story = story();
    let outcome = CallOutcome::Refused { code: "restricted".into(), message: "only admins may rename".into() };
    story.calls = vec![call(CallState::Failed, "revert", Some(outcome))];
    let view = view(&story, "Makers");
    assert_eq!(view.calls[0].note.as_deref(), Some("only admins may rename (restricted)"));
    assert_eq!(view.calls[0].mark.word, "Refused by the platform");
}
