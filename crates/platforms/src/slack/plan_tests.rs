use policykit_core::{
    action::Origin,
    ballot::{Poll, PollKind},
    call::LocalEffect,
    community::{Installation, InstallationStatus},
    ids::{ActionId, CommunityId, InstallationId, ProposalId},
    policy::{Blocks, PolicyKind},
    snapshot::ActionView,
};
use uuid::Uuid;

use super::*;

fn installation() -> Installation {
    Installation {
        id: InstallationId::from_uuid(Uuid::from_u128(3)),
        community: CommunityId::from_uuid(Uuid::from_u128(4)),
        platform: "slack".into(),
        external_id: "T1".into(),
        name: "Team".into(),
        acts_as: vec!["UBOT".into(), "UADMIN".into()],
        settings: json!({"url": "https://team.slack.com/"}).as_object().unwrap().clone(),
        status: InstallationStatus::Active,
    }
}

fn action(platform: Option<&str>, fields: serde_json::Value) -> ActionView {
    ActionView {
        id: ActionId::from_uuid(Uuid::from_u128(1)),
        action_type: "slackpostmessage".into(),
        label: String::new(),
        kind: PolicyKind::Platform,
        platform: platform.map(str::to_owned),
        origin: Origin::Platform,
        reverted: false,
        initiator: None,
        fields: fields.as_object().unwrap().clone(),
    }
}

fn run_on(action: &ActionView, method: &str, args: serde_json::Value, so_far: &[CallOutcome]) -> PlanStep {
    let installation = installation();
    let context = PlanContext {
        proposal: ProposalId::from_uuid(Uuid::from_u128(9)),
        policy_name: "Keep it <kind>",
        blocks: &Blocks { notify: "link = '<https://rules.example/7|the rule>'".to_owned(), ..Blocks::default() },
        action,
        installation: &installation,
    };
    plan(method, args.as_object().unwrap(), &context, so_far)
}

fn run(method: &str, args: serde_json::Value, so_far: &[CallOutcome]) -> PlanStep {
    run_on(&action(Some("slack"), json!({"channel": "CACTION", "timestamp": "1.0"})), method, args, so_far)
}

fn ok(reply: serde_json::Value) -> CallOutcome {
    CallOutcome::Done { reply }
}

fn no(code: &str) -> CallOutcome {
    CallOutcome::Refused { code: code.into(), message: "in plain words".into() }
}

fn unknown() -> CallOutcome {
    CallOutcome::Unknown { reason: "lost".into() }
}

fn sends(step: &PlanStep) -> (&str, serde_json::Value) {
    match step {
        PlanStep::Send(call) => (call.operation.as_str(), call.args.clone().into()),
        other => panic!("expected a call, got {other:?}"),
    }
}

fn returns(step: PlanStep) -> Value {
    match step {
        PlanStep::Done { value, .. } => value,
        other => panic!("expected an end, got {other:?}"),
    }
}

fn raises(step: PlanStep) -> (String, String) {
    match step {
        PlanStep::Raise { class, message } => (class, message),
        other => panic!("expected an exception, got {other:?}"),
    }
}

#[test]
fn a_message_goes_to_the_channel_given_else_to_that_of_the_action() {
    let step =
        run("post_message", json!({"text": "hi", "channel": "C1", "thread_ts": "1.0", "reply_broadcast": true}), &[]);
    let expected = json!({"channel": "C1", "text": "hi", "thread_ts": "1.0", "reply_broadcast": true});
    assert_eq!(sends(&step), ("chat.postMessage", expected));
    let step = run("post_message", json!({"text": "hi", "users": null, "channel": null, "thread_ts": null}), &[]);
    assert_eq!(sends(&step), ("chat.postMessage", json!({"channel": "CACTION", "text": "hi"})));
    let trigger =
        action(Some("slack"), json!({"event_type": "slack.reaction_added", "data": {"item": {"channel": "CITEM"}}}));
    assert_eq!(sends(&run_on(&trigger, "post_message", json!({"text": "hi"}), &[])).1["channel"], "CITEM");
}

#[test]
fn a_message_without_a_channel_raises_and_names_the_remedy() {
    for elsewhere in [action(Some("opencollective"), json!({"channel": "C9"})), action(None, json!({}))] {
        let (class, message) = raises(run_on(&elsewhere, "post_message", json!({"text": "hi"}), &[]));
        assert_eq!(class, "ValueError");
        assert!(message.contains("`channel` must be given"), "{message}");
    }
}

#[test]
fn posting_returns_the_timestamp() {
    let step = run("post_message", json!({"text": "hi"}), &[ok(json!({"ts": "5.6", "channel": "CACTION"}))]);
    assert_eq!(returns(step), Value::str("5.6"));
}

#[test]
fn what_nobody_can_tell_returns_nothing_and_the_policy_goes_on() {
    assert_eq!(returns(run("post_message", json!({"text": "hi"}), &[unknown()])), Value::None);
}

#[test]
fn a_refusal_raises_with_slacks_code_and_plain_words() {
    let (class, message) = raises(run("post_message", json!({"text": "hi"}), &[no("is_archived")]));
    assert_eq!(class, "Exception");
    assert_eq!(message, "Slack refused `chat.postMessage`: in plain words (is_archived)");
}

#[test]
fn an_ephemeral_message_goes_to_each_person_in_turn() {
    let args = json!({"text": "hi", "post_type": "ephemeral", "users": ["U1", "U2"], "channel": "C1"});
    let first = run("post_message", args.clone(), &[]);
    assert_eq!(sends(&first), ("chat.postEphemeral", json!({"channel": "C1", "user": "U1", "text": "hi"})));
    let second = run("post_message", args.clone(), &[ok(json!({"message_ts": "1.1"}))]);
    assert_eq!(sends(&second).1["user"], "U2");
    let end = run("post_message", args, &[ok(json!({"message_ts": "1.1"})), unknown()]);
    assert_eq!(returns(end), Value::List(vec![Value::str("1.1"), Value::None]));
}

#[test]
fn direct_messages_are_opened_and_then_posted_for_each_person() {
    let args = json!({"text": "hi", "post_type": "im", "users": ["U1", "U2"]});
    let mut so_far = Vec::new();
    for (user, channel, ts) in [("U1", "D1", "1.1"), ("U2", "D2", "2.2")] {
        assert_eq!(sends(&run("post_message", args.clone(), &so_far)), ("conversations.open", json!({"users": user})));
        so_far.push(ok(json!({"channel": channel})));
        let post = run("post_message", args.clone(), &so_far);
        assert_eq!(sends(&post), ("chat.postMessage", json!({"channel": channel, "text": "hi"})));
        so_far.push(ok(json!({"channel": channel, "ts": ts})));
    }
    assert_eq!(returns(run("post_message", args, &so_far)), Value::List(vec![Value::str("1.1"), Value::str("2.2")]));
}

#[test]
fn a_group_message_is_opened_once_for_all() {
    let args = json!({"text": "hi", "post_type": "mpim", "users": ["U1", "U2"]});
    assert_eq!(sends(&run("post_message", args.clone(), &[])), ("conversations.open", json!({"users": "U1,U2"})));
    let opened = [ok(json!({"channel": "G1"}))];
    assert_eq!(sends(&run("post_message", args, &opened)).1["channel"], "G1");
}

#[test]
fn contradictory_arguments_raise_before_anything_is_sent() {
    for args in [
        json!({"text": ""}),
        json!({"text": "x", "post_type": "smoke"}),
        json!({"text": "x", "post_type": "im"}),
        json!({"text": "x", "post_type": "ephemeral", "users": []}),
        json!({"text": "x", "post_type": "im", "users": ["U1"], "thread_ts": "1.0"}),
    ] {
        assert_eq!(raises(run("post_message", args.clone(), &[])).0, "ValueError", "{args}");
    }
}

#[test]
fn a_vote_is_a_message_with_buttons_and_is_remembered_once_it_is_posted() {
    let args = json!({"users": ["U1", "U2"], "text": "Shall we?", "channel": "C1", "options": ["a", "b"]});
    let step = run("initiate_vote", args.clone(), &[]);
    let (operation, sent) = sends(&step);
    assert_eq!((operation, &sent["channel"], &sent["text"]), ("chat.postMessage", &json!("C1"), &json!("Shall we?")));
    let PlanStep::Done { value, effects } = run("initiate_vote", args, &[ok(json!({"ts": "1.5", "channel": "C1"}))])
    else {
        panic!("expected an end")
    };
    assert_eq!(value, Value::str("1.5"));
    let expected = Poll {
        kind: PollKind::Choice,
        text: "Shall we?".into(),
        options: vec!["a".into(), "b".into()],
        candidates: vec![],
        closes_at: None,
        installation: installation().id,
        electorate: Some(vec!["U1".into(), "U2".into()]),
        channel: "C1".into(),
        post_id: "1.5".into(),
        url: Some("https://team.slack.com/archives/C1/p15".into()),
    };
    assert_eq!(effects, [LocalEffect::VoteStarted(expected)]);
}

#[test]
fn a_vote_without_options_is_yes_or_no_and_names_the_policy() {
    let step = run("initiate_vote", json!({"users": null, "options": null}), &[]);
    let (_, sent) = sends(&step);
    assert!(sent["text"].as_str().unwrap().contains("Keep it &lt;kind&gt;"));
    assert!(sent["blocks"].to_string().contains(r#"\"o\":\"yes\""#));
    assert_eq!(sent["channel"], "CACTION");
}

#[test]
fn a_vote_in_a_group_message_opens_it_first() {
    let args = json!({"users": ["U1", "U2"], "post_type": "mpim"});
    assert_eq!(sends(&run("initiate_vote", args.clone(), &[])).0, "conversations.open");
    let opened = [ok(json!({"channel": "G1"})), ok(json!({"ts": "1.5", "channel": "G1"}))];
    assert_eq!(sends(&run("initiate_vote", args.clone(), &opened[..1])).1["channel"], "G1");
    let PlanStep::Done { effects, .. } = run("initiate_vote", args, &opened) else { panic!("expected an end") };
    assert!(matches!(&effects[..], [LocalEffect::VoteStarted(poll)] if poll.channel == "G1"));
}

#[test]
fn a_vote_that_nobody_could_see_or_cast_raises() {
    assert_eq!(raises(run("initiate_vote", json!({"users": []}), &[])).0, "ValueError");
    assert_eq!(raises(run("initiate_vote", json!({"options": ["a", "a"]}), &[])).0, "ValueError");
    assert_eq!(raises(run("initiate_vote", json!({"post_type": "ephemeral", "users": ["U1"]}), &[])).0, "ValueError");
    assert_eq!(raises(run("initiate_vote", json!({}), &[unknown()])).0, "Exception");
    assert_eq!(raises(run("initiate_vote", json!({}), &[no("channel_not_found")])).0, "Exception");
}

#[test]
fn people_are_added_one_by_one_so_that_each_can_be_confirmed() {
    let args = json!({"channel": "C1", "users": ["U1", "U2"]});
    let first = run("join_conversation", args.clone(), &[]);
    assert_eq!(sends(&first), ("conversations.invite", json!({"channel": "C1", "users": "U1"})));
    let second = run("join_conversation", args.clone(), &[ok(json!({}))]);
    assert_eq!(sends(&second).1["users"], "U2");
    assert_eq!(returns(run("join_conversation", args, &[ok(json!({})), ok(json!({}))])), Value::None);
    let kick = run("kick_conversation", json!({"channel": "C1", "user": "U1"}), &[]);
    assert_eq!(sends(&kick), ("conversations.kick", json!({"channel": "C1", "user": "U1"})));
}

#[test]
fn every_writing_method_of_the_descriptor_is_planned() {
    use policykit_core::descriptor::MethodEffect;
    let descriptor = crate::slack::descriptor::descriptor();
    for method in descriptor.methods.iter().filter(|m| m.effect == MethodEffect::Call) {
        let args = json!({
            "text": "x", "channel": "C1", "ts": "1.2", "name": "n", "users": ["U1"], "user": ["U1"], "post_at": 9,
            "candidates": ["a"], "options": ["b"], "usergroup": "S1", "scheduled_message_id": "Q1", "topic": "t",
            "method_name": "users.info", "values": {"user": "U1"},
        });
        let step = run(method.name, args.clone(), &[]);
        let (operation, _) = sends(&step);
        assert!(descriptor.operation(operation).is_some(), "`{operation}` of `{}` has no class", method.name);
        let end = run(method.name, args, &[ok(json!({"ts": "1.1", "channel": "C1"}))]);
        assert!(matches!(end, PlanStep::Done { .. }), "{} does not end: {end:?}", method.name);
    }
    assert_eq!(raises(run("make_coffee", json!({}), &[])).0, "AttributeError");
}

#[test]
fn a_free_call_is_made_as_worded_and_answered_with_what_slack_answered() {
    let args = json!({"method_name": "emoji.list", "values": {"method_name": "emoji.list", "limit": 3}});
    assert_eq!(run("make_call", args.clone(), &[]), PlanStep::Send(call("emoji.list", json!({"limit": 3}))));
    let PlanStep::Done { value, .. } = run("make_call", args.clone(), &[ok(json!({"ok": true, "emoji": {"x": "y"}}))])
    else {
        panic!("it is done");
    };
    assert_eq!(value, Value::from_json(&json!({"ok": true, "emoji": {"x": "y"}})));
    let refused = run("make_call", args, &[no("missing_scope")]);
    assert!(matches!(refused, PlanStep::Raise { message, .. } if message.contains("missing_scope")));
}

#[test]
fn free_calls_that_reach_beyond_the_community_are_refused() {
    for method in [
        "admin.users.remove",
        "auth.revoke",
        "apps.uninstall",
        "oauth.v2.access",
        "users.profile.set",
        "team.accessLogs",
        "Admin.users.remove",
        "AUTH.revoke",
        "users.Profile.set",
        "../chat.postMessage",
        "chat",
        "chat..delete",
        "chat.delete?x=1",
    ] {
        let step = run("make_call", json!({"method_name": method, "values": {}}), &[]);
        assert!(matches!(&step, PlanStep::Raise { class, .. } if class == "ValueError"), "{method}: {step:?}");
    }
    let step = run("make_call", json!({"method_name": "chat.getPermalink", "values": {"token": "xoxb-1"}}), &[]);
    assert!(matches!(&step, PlanStep::Raise { message, .. } if message.contains("token")), "{step:?}");
}

#[test]
fn an_advanced_vote_asks_for_each_candidate_and_is_started_with_its_message() {
    let args = json!({"candidates": ["J. R.", "cy"], "options": ["yes", "no"], "title": "Board", "details": "Two seats", "closes_at": 99});
    let PlanStep::Send(post) = run("initiate_advanced_vote", args.clone(), &[]) else { panic!("it is posted first") };
    assert_eq!((post.operation.as_str(), &post.args["text"]), ("chat.postMessage", &json!("*Board*\nTwo seats")));
    let PlanStep::Done { value, effects } =
        run("initiate_advanced_vote", args, &[ok(json!({"ts": "5.6", "channel": "CACTION"}))])
    else {
        panic!("it is started");
    };
    assert_eq!(value, Value::str("5.6"));
    let [LocalEffect::VoteStarted(poll)] = &effects[..] else { panic!("a vote: {effects:?}") };
    assert_eq!((poll.kind, poll.candidates.len(), poll.post_id.as_str()), (PollKind::Select, 2, "5.6"));
    assert_eq!(poll.closes_at, Some(policykit_core::Timestamp::from_secs(99)));
    let empty = run("initiate_advanced_vote", json!({"candidates": [], "options": ["yes"]}), &[]);
    assert!(matches!(&empty, PlanStep::Raise { message, .. } if message.contains("candidates")), "{empty:?}");
}

#[test]
fn voters_may_choose_several_options_where_the_policy_says_so() {
    let args = json!({"options": ["a", "b"], "multiple": true});
    let PlanStep::Done { effects, .. } = run("initiate_vote", args, &[ok(json!({"ts": "5.6", "channel": "C9"}))])
    else {
        panic!("it is started");
    };
    assert!(matches!(&effects[..], [LocalEffect::VoteStarted(poll)] if poll.kind == PollKind::Multi));
    let alone = run("initiate_vote", json!({"multiple": true}), &[]);
    assert!(matches!(&alone, PlanStep::Raise { message, .. } if message.contains("`options`")), "{alone:?}");
}

/// What somebody calls a thing so that whoever quotes it calls everybody and hides where a link leads.
const BAIT: &str = "<!channel> <https://evil.example|Confirm your account>";
const SHOWN: &str = "&lt;!channel&gt; Confirm your account (<https://evil.example>)";

#[test]
fn what_somebody_wrote_calls_nobody_and_hides_no_address_whichever_method_quotes_it() {
    let links = "see <https://rules.example/7|the rule> and <https://team.slack.com/archives/C1/p1|the vote>";
    let text = format!("{BAIT}, {links}");
    let shown = format!("{SHOWN}, {links}");
    let blocks = json!([{"type": "section", "text": {"type": "mrkdwn", "text": text}}]);
    for (method, args, at) in [
        ("post_message", json!({"text": text}), "/text"),
        ("post_message", json!({"text": text, "users": ["U1"], "post_type": "ephemeral"}), "/text"),
        ("update_message", json!({"text": text, "channel": "C1", "ts": "1.2"}), "/text"),
        ("schedule_message", json!({"text": text, "post_at": 9}), "/text"),
        ("initiate_vote", json!({"text": text}), "/text"),
        ("initiate_vote", json!({"text": text}), "/blocks/0/text/text"),
        (
            "make_call",
            json!({"method_name": "chat.postMessage", "values": {"channel": "C1", "blocks": blocks}}),
            "/blocks/0/text/text",
        ),
    ] {
        let sent = serde_json::Value::Object(sends_all(&run(method, args.clone(), &[])));
        assert_eq!(sent.pointer(at).unwrap(), &json!(shown), "{method}");
        let mut meant = args;
        meant["mentions_everybody"] = json!(true);
        let sent = serde_json::Value::Object(sends_all(&run(method, meant, &[])));
        let called = shown.replace("&lt;!channel&gt;", "<!channel>");
        assert_eq!(sent.pointer(at).unwrap(), &json!(called), "{method}");
        assert!(sent.get("mentions_everybody").is_none());
    }
}

fn sends_all(step: &PlanStep) -> JsonMap {
    let PlanStep::Send(call) = step else { panic!("it is sent: {step:?}") };
    call.args.clone()
}

#[test]
fn choices_stay_what_is_counted_and_are_shown_with_care() {
    let choices = json!([BAIT, "b"]);
    for (method, args) in [
        ("initiate_vote", json!({"options": choices})),
        ("initiate_advanced_vote", json!({"candidates": choices, "options": ["c"]})),
    ] {
        let sent = sends_all(&run(method, args.clone(), &[]));
        let shown: Vec<&str> =
            sent["blocks"].as_array().unwrap().iter().filter_map(|b| b["text"]["text"].as_str()).collect();
        assert!(shown.iter().any(|text| text.contains(SHOWN)), "{shown:?}");
        assert!(!shown.iter().any(|text| text.contains("<!channel>") || text.contains("|Confirm")), "{shown:?}");
        let ended = run(method, args, &[ok(json!({"ts": "1.5", "channel": "C1"}))]);
        let PlanStep::Done { effects, .. } = ended else { panic!("it is started") };
        let [LocalEffect::VoteStarted(poll)] = &effects[..] else { panic!("{effects:?}") };
        assert!(poll.options.iter().chain(&poll.candidates).any(|choice| choice == BAIT), "{poll:?}");
    }
}

#[test]
fn details_of_any_length_are_made_harmless() {
    let details = BAIT.repeat(100_000 / BAIT.len());
    let args = json!({"candidates": ["a"], "options": ["b"], "title": BAIT, "details": details});
    let sent = serde_json::Value::Object(sends_all(&run("initiate_advanced_vote", args, &[]))).to_string();
    assert!(sent.contains("&lt;!channel&gt;") && !sent.contains("<!channel>") && !sent.contains("|Confirm"));
}
