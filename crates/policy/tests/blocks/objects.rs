//! What the objects of the host answer, and what they leave to whoever runs the policy.

use policykit_core::{ObjectKind, ObjectRef, Value, ballot::BallotValue, policy::Block};
use policykit_policy::{Answer, COMMUNITY, Progress, ReadRequest, role_value};
use serde_json::json;

use crate::common::{ballot, blocks, check, check_on, failure, run_on, snapshot};

/// What a check asks for first, and what it returns when it is answered so.
fn asked(source: &str, answer: Value) -> (ReadRequest, Value) {
    let mut run = run_on(snapshot(), &blocks(Block::Check, source));
    let request = match run.start(Block::Check) {
        Progress::Read(request) => request,
        other => panic!("{source}: {other:?}"),
    };
    match run.answer(Answer::Value(answer)) {
        Progress::Done(value) => (request, value),
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn what_is_known_of_the_community_is_asked_of_whoever_runs_the_policy() {
    for (call, method, args) in [
        ("community.get_roles()", "get_roles", json!({})),
        ("community.get_members()", "get_members", json!({})),
        ("community.get_documents()", "get_documents", json!({ "is_active": true })),
        ("community.get_documents(is_active=False)", "get_documents", json!({ "is_active": false })),
        ("community.get_policies()", "get_policies", json!({ "is_active": true })),
        ("action.community.community.get_trigger_policies()", "get_trigger_policies", json!({ "is_active": true })),
        ("constitution.get_users(role_names=['A'])", "get_users", json!({ "role_names": ["A"] })),
        ("policy.community.get_users_with_permission('p')", "get_users_with_permission", json!({ "permission": "p" })),
        ("action.initiator.has_perm('p')", "has_perm", json!({ "permission": "p", "user": "chat:U1" })),
        (
            "action.initiator.find_linked_username('slack')",
            "find_linked_username",
            json!({ "platform": "slack", "user": "chat:U1" }),
        ),
        (
            "action.initiator.get_roles()[0].permissions",
            "role",
            json!({ "role": "Base Role", "attribute": "permissions" }),
        ),
        ("action.initiator.groups.first().user_set", "role", json!({ "role": "Base Role", "attribute": "user_set" })),
    ] {
        let (request, value) = asked(&format!("return {call}"), Value::List(vec![Value::str("x")]));
        assert_eq!((request.platform.as_str(), request.method.as_str()), (COMMUNITY, method), "{call}");
        assert_eq!(json!(request.args), args, "{call}");
        assert_eq!(value, Value::List(vec![Value::str("x")]), "{call}");
    }
    let (request, _) = asked("return chat.get_roles()", Value::None);
    assert_eq!((request.platform.as_str(), request.method.as_str()), ("chat", "get_roles"));
}

#[test]
fn lists_that_were_asked_for_are_lists_like_all_others() {
    let roles = || Value::List(vec![role_value("Steward"), role_value("Base Role")]);
    for (source, expected) in [
        ("return community.get_roles().filter(role_name='Steward').count()", Value::Int(1)),
        ("return [r.name for r in community.get_roles()][1]", Value::str("Base Role")),
        ("return community.get_roles().values_list('name', flat=True)[0]", Value::str("Steward")),
        ("return 'Steward' in [str(r) for r in community.get_roles()]", Value::Bool(true)),
        ("return len(community.get_roles()[1:])", Value::Int(1)),
        ("return True if community.get_roles() else False", Value::Bool(true)),
    ] {
        assert_eq!(asked(source, roles()).1, expected, "{source}");
    }
}

#[test]
fn platforms_of_the_community_are_found_by_their_name() {
    assert_eq!(check("return community.get_platform_community('slack').team_id"), Value::str("T1"));
    assert_eq!(check("return community.get_platform_community(name='nowhere')"), Value::None);
    assert_eq!(
        check("return [p.platform for p in community.get_platform_communities()]"),
        Value::List(vec![Value::str("chat"), Value::str("slack")])
    );
    assert_eq!(check("return community.platform + constitution.name"), Value::str("constitutionTea"));
}

#[test]
fn a_policy_knows_what_it_governs() {
    let mut snapshot = snapshot();
    snapshot.policy.action_types = vec!["post".to_owned()];
    let source =
        "return [policy.action_types, policy.is_active, policy.is_bundled, policy.bundled_policies, action.data_store]";
    assert_eq!(
        check_on(snapshot, source),
        Value::List(vec![
            Value::List(vec![Value::str("post")]),
            Value::Bool(true),
            Value::Bool(false),
            Value::List(Vec::new()),
            Value::None
        ])
    );
}

#[test]
fn nothing_can_be_written_that_the_original_let_slip() {
    for source in [
        "policy.save()",
        "policy.delete()",
        "action.save()",
        "action.delete()",
        "action.initiator.save()",
        "community.delete()",
        "action.initiator.access_token",
        "chat.save()",
        "chat.metagov_plugin",
        "action.initiator.get_roles()[0].delete()",
    ] {
        let error = failure(source);
        assert!(error.to_string().starts_with("AttributeError"), "{source}: {error}");
    }
}

#[test]
fn votes_know_what_they_are_about() {
    let mut snapshot = snapshot();
    snapshot.ballots = vec![ballot("U1", BallotValue::Boolean(true))];
    let source = "return proposal.get_yes_votes().first().proposal.id == proposal.id";
    assert_eq!(check_on(snapshot, source), Value::Bool(true));
}

#[test]
fn fields_are_compared_as_the_last_word_says() {
    let mut snapshot = snapshot();
    let votes = [("U1", "tea"), ("U2", "cake"), ("U3", "Teapot")];
    snapshot.ballots = votes.map(|(who, what)| ballot(who, BallotValue::Choice(what.to_owned()))).to_vec();
    for (conditions, count) in [
        ("value__in=['tea', 'cake']", 2),
        ("value__exact='tea'", 1),
        ("value__iexact='TEA'", 1),
        ("value__contains='ea'", 2),
        ("value__icontains='tea'", 2),
        ("value__startswith='T'", 1),
        ("value__endswith='e'", 1),
        ("value__gt='cake'", 1),
        ("value__gte='cake'", 2),
        ("value__lt='cake'", 1),
        ("value__lte='cake'", 2),
        ("value__isnull=True", 0),
        ("value__isnull=False", 3),
        ("user__username='U2'", 1),
        ("user__username__in=['U2', 'U3'], value__startswith='c'", 1),
        ("vote_time__lte=proposal.proposal_time", 3),
        ("vote_time__gt=proposal.proposal_time", 0),
    ] {
        let source = format!("return proposal.get_choice_votes().filter({conditions}).count()");
        assert_eq!(check_on(snapshot.clone(), &source), Value::Int(count), "{conditions}");
    }
}

#[test]
fn a_process_answers_by_attributes_and_as_a_dictionary() {
    let source = "p = chat.react('thumb', title='x', closes=3)\n\
        return [p.get('poll_url'), p.status, p.errors, p.outcome.get('agree'), p.get('nothing', 7), p.get('nothing')]";
    let mut run = run_on(snapshot(), &blocks(Block::Check, source));
    let Progress::Call(call) = run.start(Block::Check) else { panic!() };
    assert_eq!(
        json!(call.args),
        json!({ "kind": "thumb", "until": null, "more": { "title": "x", "closes": 3 } }),
        "what has no parameter of its own is gathered"
    );
    let process = ObjectRef {
        kind: ObjectKind::Process,
        id: "1".to_owned(),
        label: "Process 1".to_owned(),
        attrs: vec![
            ("poll_url".to_owned(), Value::str("https://x")),
            ("status".to_owned(), Value::str("completed")),
            ("errors".to_owned(), Value::None),
            ("outcome".to_owned(), Value::Dict(vec![(Value::str("agree"), Value::Int(4))])),
        ],
    };
    let Progress::Done(value) = run.answer(Answer::Value(Value::Object(process))) else { panic!() };
    let expected =
        [Value::str("https://x"), Value::str("completed"), Value::None, Value::Int(4), Value::Int(7), Value::None];
    assert_eq!(value, Value::List(expected.to_vec()));
}

#[test]
fn a_word_that_a_parameter_does_not_take_is_refused_with_the_nearest() {
    let error = failure("chat.react(kind='hart')");
    assert!(error.to_string().contains("`kind` cannot be `hart`; did you mean `heart`?"), "{error}");
    let error = failure("chat.react(kind=3)");
    assert!(error.to_string().contains("must be one of heart, thumb"), "{error}");
    let error = failure("chat.react('heart', None, 'more')");
    assert!(error.to_string().contains("takes 2 arguments but 3 were given"), "{error}");
}

#[test]
fn moments_are_handed_on_as_text() {
    let until = |source: &str| {
        let mut run = run_on(snapshot(), &blocks(Block::Check, source));
        let Progress::Call(call) = run.start(Block::Check) else { panic!("{source}") };
        call.args["until"].clone()
    };
    assert_eq!(until("chat.react(until='2026-01-05')"), "2026-01-05");
    assert_eq!(until("chat.react(until=proposal.proposal_time)"), "2023-11-14T22:13:20.000000Z");
    assert_eq!(until("chat.react(until=proposal.proposal_time.date())"), "2023-11-14");
    assert!(failure("chat.react(until=3)").to_string().contains("a day or a moment"));
}

#[test]
fn a_platform_that_is_not_connected_is_told_in_plain_words() {
    let error = failure("elsewhere.post_message(text='x')");
    let said = error.to_string();
    assert!(said.starts_with("NameError at line 1"), "{said}");
    assert!(said.contains("this community is not connected to `elsewhere`; connect it"), "{said}");
    let unknown = failure("nowhere.post_message(text='x')").to_string();
    assert!(unknown.ends_with("name 'nowhere' is not defined"), "{unknown}");
    // Code may look for itself.
    assert_eq!(
        check("try:\n    elsewhere.get_users()\nexcept NameError:\n    return 'without'"),
        Value::str("without")
    );
}
