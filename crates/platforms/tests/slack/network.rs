//! A network that fails: what is known afterwards, and that nothing is ever sent twice by itself.

use std::{sync::Arc, time::Duration};

use policykit_core::{
    Value,
    call::{CallOutcome, OperationClass, PlanStep, PlannedCall},
};
use policykit_platforms::{
    Http, HttpOptions, Platform,
    platform::{CallError, Confirmation},
    slack::{
        Slack,
        fake::{CallFault, Change, Press, RateLimits, Setup, Ts},
    },
};
use serde_json::json;

use crate::rig::{Rig, call, is_unknown, reply};

const BEFORE: [CallFault; 2] = [CallFault::DropBeforeEffect, CallFault::StatusBeforeEffect { status: 503 }];
const AFTER: [CallFault; 4] = [
    CallFault::DropAfterEffect,
    CallFault::StatusAfterEffect { status: 500 },
    CallFault::TruncateBody,
    CallFault::EchoThenDrop,
];

fn post(rig: &Rig) -> PlannedCall {
    call("chat.postMessage", json!({ "channel": rig.channel("random"), "text": "once" }))
}

fn whisper(rig: &Rig) -> PlannedCall {
    call("chat.postEphemeral", json!({ "channel": rig.channel("random"), "text": "once", "user": rig.user("bob") }))
}

fn wait<T: std::fmt::Debug>(result: &Result<T, CallError>) -> u64 {
    match result {
        Err(CallError::Retry { after_ms, .. }) => *after_ms,
        other => panic!("expected to be told to wait, got {other:?}"),
    }
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_unknown_and_was_sent_once_whatever_happened() {
    for (faults, effects) in [(&BEFORE[..], 0), (&AFTER[..], 1)] {
        for fault in faults {
            let rig = Rig::start().await;
            for (n, call) in [post(&rig), whisper(&rig)].into_iter().enumerate() {
                rig.fault(&call.operation, *fault);
                let outcome = rig.send(1, &call).await;
                assert!(is_unknown(&outcome), "{} {fault:?}: {outcome:?}", call.operation);
                assert_eq!(rig.arrived(&call.operation), 1, "{} {fault:?}", call.operation);
                assert_eq!(rig.changes().len(), effects * (n + 1), "{} {fault:?}", call.operation);
            }
        }
    }
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_unknown_and_was_sent_once() {
    let rig = Rig::impatient().await;
    for fault in [CallFault::DelayBeforeEffect { ms: 3_000 }, CallFault::DelayAfterEffect { ms: 3_000 }] {
        rig.fault("chat.postMessage", fault);
        let outcome = rig.send(1, &post(&rig)).await;
        assert!(is_unknown(&outcome), "{fault:?}: {outcome:?}");
    }
    assert_eq!(rig.arrived("chat.postMessage"), 2);
}

#[tokio::test]
async fn every_operation_that_changes_something_is_unknown_when_its_answer_is_lost() {
    let rig = Rig::start().await;
    let random = rig.channel("random");
    let ts = rig.bench.say("random", "mine").await;
    for (operation, args) in [
        ("chat.update", json!({ "channel": random, "ts": ts, "text": "new" })),
        ("pins.add", json!({ "channel": random, "timestamp": ts })),
        ("pins.remove", json!({ "channel": random, "timestamp": ts })),
        ("chat.delete", json!({ "channel": random, "ts": ts })),
        ("chat.scheduleMessage", json!({ "channel": random, "text": "x", "post_at": crate::support::START + 60 })),
        ("conversations.open", json!({ "users": rig.user("bob") })),
        ("conversations.join", json!({ "channel": rig.channel("unseen") })),
        ("conversations.rename", json!({ "channel": random, "name": "new" })),
        ("conversations.invite", json!({ "channel": rig.channel("council"), "users": rig.user("cy") })),
        ("conversations.kick", json!({ "channel": random, "user": rig.user("cy") })),
        ("chat.deleteScheduledMessage", json!({ "channel": random, "scheduled_message_id": "Q1" })),
        ("reactions.add", json!({ "channel": random, "timestamp": ts, "name": "eyes" })),
        ("reactions.remove", json!({ "channel": random, "timestamp": ts, "name": "eyes" })),
        ("conversations.setTopic", json!({ "channel": random, "topic": "new" })),
        ("conversations.archive", json!({ "channel": random })),
        ("conversations.unarchive", json!({ "channel": random })),
        ("usergroups.users.update", json!({ "usergroup": "S1", "users": rig.user("cy") })),
        ("apps.uninstall", json!({})),
    ] {
        rig.fault(operation, CallFault::DropAfterEffect);
        let outcome = rig.send(1, &call(operation, args)).await;
        assert!(is_unknown(&outcome), "{operation}: {outcome:?}");
        assert_eq!(rig.arrived(operation), 1, "{operation}");
    }
    let reads = |name: &str| name.ends_with("list") || name.ends_with("info") || name == "chat.getPermalink";
    let asks = |name: &str| name.contains(".get") || name.starts_with("auth.") || name.starts_with("users.");
    let others = ["conversations.history", "conversations.members", "conversations.replies"];
    let known: Vec<&str> = rig.slack.descriptor().operations.iter().map(|o| o.name).collect();
    let known: Vec<&str> =
        known.into_iter().filter(|n| !reads(n) && !asks(n) && !others.contains(n) && *n != "reactions.get").collect();
    assert_eq!(known.len(), 21, "all but the two posts and the answer to a voter are above: {known:?}");
}

#[tokio::test]
async fn what_is_blind_cannot_be_found_out() {
    let rig = Rig::start().await;
    let whisper = whisper(&rig);
    reply(&rig.send(1, &whisper).await);
    let blind = rig.slack.descriptor().operations.iter().filter(|o| o.class == OperationClass::Blind);
    for operation in blind {
        let call = PlannedCall { operation: operation.name.to_owned(), args: whisper.args.clone() };
        let found = rig.confirm(1, &call).await;
        assert!(matches!(found, Confirmation::Unknown { .. }), "{}: {found:?}", operation.name);
    }
}

#[tokio::test]
async fn an_answer_to_a_voter_that_is_lost_is_unknown() {
    let mut rig = Rig::start().await;
    rig.app.settings.insert("api_url".into(), rig.bench.fake.base_url().to_owned());
    let (_, step) = rig.run("initiate_vote", json!({ "text": "Tea?" })).await;
    let ts = Ts::new(match step {
        PlanStep::Done { value: Value::Str(ts), .. } => ts,
        other => panic!("{other:?}"),
    });
    let on = Press::ActionId("policykit_vote:0".into());
    rig.bench.fake.press(rig.bench.id(), "bob", "random", &ts, on).await.unwrap();
    let click = rig.bench.app.seen().into_iter().find(|seen| seen.path == "/clicks").unwrap().payload();
    let answer = rig.slack.reply(click["response_url"].as_str().unwrap(), "Counted.").unwrap();
    rig.fault("response_url", CallFault::DropAfterEffect);
    assert!(is_unknown(&rig.send(1, &answer).await));
    assert_eq!(rig.arrived("response_url"), 1);
}

#[tokio::test]
async fn slow_down_closes_the_bucket_of_one_method_and_workspace_for_the_time_slack_names() {
    let rig = Rig::start().await;
    rig.fault("chat.postMessage", CallFault::RateLimited { retry_after_secs: 7 });
    assert_eq!(wait(&rig.send(1, &post(&rig)).await), 7_000);
    rig.bench.clock.advance(Duration::from_secs(3));
    assert_eq!(wait(&rig.send(1, &post(&rig)).await), 4_000);
    assert_eq!(rig.arrived("chat.postMessage"), 1, "the second was held back");
    reply(&rig.send(2, &whisper(&rig)).await);
    let mut elsewhere = rig.context(3);
    elsewhere.installation.id = policykit_core::ids::InstallationId::from_uuid(uuid::Uuid::from_u128(99));
    reply(&rig.slack.send(&post(&rig), &elsewhere).await);
    rig.bench.clock.advance(Duration::from_secs(4));
    reply(&rig.send(1, &post(&rig)).await);
    assert_eq!(rig.bench.fake.doubles("call"), []);
}

#[tokio::test]
async fn slow_down_said_in_an_ordinary_answer_closes_the_bucket_too() {
    let mut rig = Rig::start().await;
    let (url, count) = crate::hostile::answering(200, r#"{"ok":false,"error":"ratelimited"}"#).await;
    rig.app.settings.insert("api_url".into(), url);
    assert_eq!(wait(&rig.send(1, &post(&rig)).await), 30_000);
    rig.bench.clock.advance(Duration::from_secs(10));
    assert_eq!(wait(&rig.send(1, &post(&rig)).await), 20_000);
    assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn under_slacks_own_limits_everything_is_posted_once_by_waiting_as_told() {
    let rig = Rig::start_with(|config| {
        config.rate_limits = RateLimits { methods: [("chat.postMessage".into(), 3)].into(), ..RateLimits::default() };
    })
    .await;
    let mut waited = 0;
    for id in 0..10 {
        loop {
            match rig.send(id, &post(&rig)).await {
                Ok(CallOutcome::Done { .. }) => break,
                held => {
                    let ms = wait(&held);
                    waited += ms;
                    rig.bench.clock.advance(Duration::from_millis(ms));
                }
            }
        }
    }
    assert!((170_000..=190_000).contains(&waited), "three full minutes: {waited}");
    assert_eq!(rig.changes().len(), 10);
    assert_eq!(rig.arrived("chat.postMessage"), 13, "one refused call per wait and no more");
}

#[tokio::test]
async fn published_limits_are_kept_where_the_operator_asks_for_it() {
    let mut rig = Rig::start().await;
    rig.app.settings.insert("pacing".into(), "on".into());
    let rename = call("conversations.rename", json!({ "channel": rig.channel("random"), "name": "random" }));
    for _ in 0..20 {
        reply(&rig.send(1, &rename).await);
    }
    assert_eq!(wait(&rig.send(1, &rename).await), 3_000);
    assert_eq!(rig.arrived("conversations.rename"), 20);
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let mut rig = Rig::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}/api/", listener.local_addr().unwrap());
    drop(listener);
    rig.app.settings.insert("api_url".into(), nowhere);
    assert!(wait(&rig.send(1, &post(&rig)).await) > 0);
    let found = rig.confirm(1, &post(&rig)).await;
    assert!(matches!(found, Confirmation::Unknown { .. }), "{found:?}");
}

#[tokio::test]
async fn when_joining_first_goes_wrong_the_post_itself_certainly_did_not_happen() {
    let rig = Rig::start().await;
    let scopes = ["chat:write", "channels:join", "channels:read"].map(str::to_owned).into();
    rig.bench.fake.set_up(Setup::Scopes { token: rig.bench.bot(), scopes }).unwrap();
    let knock = call("chat.postMessage", json!({ "channel": rig.channel("unseen"), "text": "knock" }));
    for fault in [CallFault::DropAfterEffect, CallFault::StatusAfterEffect { status: 502 }] {
        rig.fault("conversations.join", fault);
    }
    assert!(wait(&rig.send(1, &knock).await) > 0);
    assert!(!rig.changes().iter().any(|c| matches!(c, Change::Posted { .. })));
    reply(&rig.send(1, &knock).await);
    assert_eq!(rig.changes().iter().filter(|c| matches!(c, Change::Posted { .. })).count(), 1);
}

#[tokio::test]
async fn a_slow_down_while_looking_back_finds_nothing_out() {
    let rig = Rig::start().await;
    reply(&rig.send(1, &post(&rig)).await);
    for fault in [
        CallFault::RateLimited { retry_after_secs: 5 },
        CallFault::StatusBeforeEffect { status: 503 },
        CallFault::TruncateBody,
        CallFault::DropBeforeEffect,
    ] {
        rig.fault("conversations.history", fault);
        let found = rig.confirm(1, &post(&rig)).await;
        assert!(matches!(found, Confirmation::Unknown { .. }), "{fault:?}: {found:?}");
        rig.bench.clock.advance(Duration::from_secs(5));
    }
    rig.bench.fake.set_up(Setup::RevokeToken { token: rig.bench.bot() }).unwrap();
    let found = rig.confirm(1, &post(&rig)).await;
    assert!(matches!(&found, Confirmation::Unknown { reason } if reason.contains("bot_token")), "{found:?}");
}

#[tokio::test]
async fn one_client_of_many_is_not_held_back_by_the_limits_of_another_process() {
    let rig = Rig::start().await;
    rig.fault("chat.postMessage", CallFault::RateLimited { retry_after_secs: 60 });
    assert!(wait(&rig.send(1, &post(&rig)).await) > 0);
    let http = Http::new(Arc::clone(&rig.bench.clock) as _, HttpOptions::default()).unwrap();
    let fresh = Slack::new(Arc::new(http));
    reply(&fresh.send(&post(&rig), &rig.context(1)).await);
}
