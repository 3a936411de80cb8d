use policykit_core::{
    action::Origin,
    ballot::PollKind,
    call::LocalEffect,
    community::{Installation, InstallationStatus},
    ids::{ActionId, CommunityId, InstallationId, ProposalId},
    policy::PolicyKind,
    snapshot::ActionView,
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::discourse::actions::{FREE, FREE_READ, NEW_TOPIC};

fn step(method: &str, args: serde_json::Value, so_far: &[CallOutcome]) -> PlanStep {
    let installation = Installation {
        id: InstallationId::from_uuid(Uuid::from_u128(1)),
        community: CommunityId::from_uuid(Uuid::from_u128(2)),
        platform: ID.into(),
        external_id: "https://forum.example.org".into(),
        name: "Forum".into(),
        acts_as: vec!["root".into()],
        settings: json!({"url": "https://forum.example.org"}).as_object().unwrap().clone(),
        status: InstallationStatus::Active,
    };
    let action = ActionView {
        id: ActionId::from_uuid(Uuid::from_u128(3)),
        action_type: "discoursecreatepost".into(),
        label: String::new(),
        kind: PolicyKind::Platform,
        platform: Some(ID.into()),
        origin: Origin::Platform,
        reverted: false,
        initiator: None,
        fields: json!({"topic_id": 7}).as_object().unwrap().clone(),
    };
    let context = PlanContext {
        proposal: ProposalId::from_uuid(Uuid::from_u128(4)),
        policy_name: "Rule",
        blocks: &policykit_core::policy::Blocks::default(),
        action: &action,
        installation: &installation,
    };
    plan(method, args.as_object().unwrap(), &context, so_far)
}

fn done_with(reply: serde_json::Value) -> CallOutcome {
    CallOutcome::Done { reply }
}

fn raised(step: PlanStep) -> String {
    match step {
        PlanStep::Raise { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_written_returns_its_id_as_text() {
    let args = json!({"text": "Hello", "topic_id": 7});
    assert_eq!(step("post_message", args.clone(), &[]), PlanStep::Send(new_post(7, "Hello", None)));
    let outcome = done_with(json!({"post_id": 9, "topic_id": 7}));
    assert_eq!(step("post_message", args.clone(), &[outcome]), done(Some("9".into())));
    let unknown = CallOutcome::Unknown { reason: "gone".into() };
    assert_eq!(step("post_message", args.clone(), &[unknown]), done(None));
    let refused = CallOutcome::Refused { code: "invalid".into(), message: "too short".into() };
    assert!(raised(step("post_message", args, &[refused])).contains("too short (invalid)"));
    let opened = done_with(json!({"post_id": 9, "topic_id": 8}));
    assert_eq!(step("create_topic", json!({"title": "T", "text": "x"}), &[opened]), done(Some("8".into())));
}

#[test]
fn each_member_is_a_call_of_their_own() {
    let args = json!({"group": "g", "users": ["ada", "ben"]});
    assert_eq!(step("add_to_group", args.clone(), &[]), PlanStep::Send(member(GROUP_ADD, "g", "ada")));
    let one = [done_with(json!({}))];
    assert_eq!(step("add_to_group", args.clone(), &one), PlanStep::Send(member(GROUP_ADD, "g", "ben")));
    assert_eq!(step("add_to_group", args, &[done_with(json!({})), done_with(json!({}))]), done(None));
}

#[test]
fn a_vote_is_asked_for_where_it_happened_and_starts_with_its_post() {
    let asked = json!({"text": "Tea?", "users": ["#4", "ada"]});
    let PlanStep::Send(call) = step("initiate_vote", asked.clone(), &[]) else { panic!() };
    assert_eq!((call.operation.as_str(), &call.args["user"]), ("member.find", &json!("ada")));
    let found = done_with(json!({"account": "#17"}));
    let PlanStep::Send(call) = step("initiate_vote", asked.clone(), std::slice::from_ref(&found)) else { panic!() };
    assert_eq!((call.operation.as_str(), &call.args["topic_id"]), ("post.create", &json!(7)));
    let raw = call.args["raw"].as_str().unwrap();
    assert!(raw.starts_with("Tea?") && raw.contains("* yes\n* no"), "{raw}");
    assert_eq!(call.args["asks"], json!(["#4", "#17"]));
    let written = [found, done_with(json!({"post_id": 9, "topic_id": 7}))];
    let PlanStep::Done { effects, .. } = step("initiate_vote", asked, &written) else { panic!() };
    let [LocalEffect::VoteStarted(poll)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(poll.electorate, Some(vec!["#4".to_owned(), "#17".to_owned()]));
    let outcome = [done_with(json!({"post_id": 9, "topic_id": 7}))];
    let PlanStep::Done { effects, .. } = step("initiate_vote", json!({"text": "Tea?"}), &outcome) else { panic!() };
    let [LocalEffect::VoteStarted(poll)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((poll.kind, poll.post_id.as_str(), poll.channel.as_str()), (PollKind::Boolean, "9", "7"));
    assert_eq!(poll.url.as_deref(), Some("https://forum.example.org/p/9"));
    let elsewhere =
        json!({"title": "Shall it?", "category": 3, "options": ["a", "b"], "closes_at": "2026-01-02T03:04:05Z"});
    let PlanStep::Send(call) = step("initiate_vote", elsewhere, &[]) else { panic!() };
    assert_eq!((call.operation.as_str(), &call.args["category"]), (NEW_TOPIC, &json!(3)));
    assert!(raised(step("initiate_vote", json!({"users": []}), &[])).contains("nobody could vote"));
}

#[test]
fn a_free_request_goes_nowhere_near_what_only_administrators_may_do() {
    let sent = |url: &str, method: &str| match step("make_call", json!({"url": url, "method": method}), &[]) {
        PlanStep::Send(call) => call,
        other => panic!("{url}: {other:?}"),
    };
    let call = sent("/latest.json?order=created&page=2", "GET");
    assert_eq!((call.operation.as_str(), &call.args["path"]), (FREE_READ, &json!("latest.json")));
    assert_eq!(call.args["values"], json!({"order": "created", "page": "2"}));
    assert_eq!(sent("t/7/bookmark.json", "PUT").operation, FREE);
    for url in [
        "/admin/api/keys.json",
        "//admin/api",
        "Admin/users",
        "admin.json",
        "t/../admin/users",
        "./admin",
        "%61dmin/x",
        "https://elsewhere.example/x",
        "session/current.json",
        "user-api-key/revoke",
        "u/ada/emails.json",
        "users.json",
        "topics/private-messages/ada.json",
        "a\\b",
        "",
        "/",
        "a//b",
        "x y",
    ] {
        assert!(!raised(step("make_call", json!({"url": url}), &[])).is_empty(), "{url}");
    }
    for (method, url) in [
        ("GET", "private-posts.json"),
        ("GET", "raw/7"),
        ("GET", "t/7.rss"),
        ("GET", "search.json"),
        ("GET", "review.json"),
        ("GET", "groups/staff/messages.json"),
        ("GET", "export_csv/latest_user_archive/1.json"),
        ("PUT", "categories/4.json"),
        ("PUT", "review/1/perform/approve_post.json"),
        ("POST", "t/7/change-owner.json"),
        ("POST", "t/7/convert-topic/private.json"),
        ("POST", "export_csv/export_entity.json"),
        ("POST", "invites.json"),
        ("DELETE", "groups/7.json"),
        ("DELETE", "posts/destroy_many.json"),
    ] {
        assert!(
            raised(step("make_call", json!({"url": url, "method": method}), &[])).contains("reach topics"),
            "{url}"
        );
    }
    for (method, url) in [
        ("GET", "t/a-bench/7.json"),
        ("GET", "c/general/4/l/latest.json"),
        ("PUT", "t/-/7.json"),
        ("DELETE", "posts/9"),
    ] {
        sent(url, method);
    }
}

#[test]
fn what_is_missing_is_said() {
    assert!(raised(step("post_message", json!({"text": " ", "topic_id": 7}), &[])).contains("`text` is missing"));
    assert!(raised(step("delete_topic", json!({"topic_id": "x"}), &[])).contains("must be a number"));
    assert!(
        raised(step("send_message", json!({"text": "a", "title": "b", "users": []}), &[])).contains("names nobody")
    );
    assert!(raised(step("nothing", json!({}), &[])).contains("no method"));
}

#[test]
fn what_a_policy_quotes_calls_no_groups_and_hides_no_address_unless_the_policy_says_so() {
    let sent = |mut args: serde_json::Value| {
        args["topic_id"] = json!(7);
        match step("post_message", args, &[]) {
            PlanStep::Send(call) => call.args,
            other => panic!("{other:?}"),
        }
    };
    let quoted = sent(json!({"text": "@here [Confirm](https://evil.example) @stewards"}));
    let raw = quoted["raw"].as_str().unwrap();
    assert!(!raw.contains("@here") && raw.contains("[Confirm] (https://evil.example)"), "{raw}");
    assert_eq!(quoted["careful"], json!(true), "which names are groups is seen when it is sent");
    let meant = sent(json!({"text": "@here @stewards", "mentions_everybody": true}));
    assert_eq!((&meant["raw"], meant.get("careful")), (&json!("@here @stewards"), None));
}
