//! The faults a test can order: each one is visible to the caller and to the record.

use policykit_platforms::slack::fake::{
    CallFault, CallRule, Change, Chaos, DeliveryFault, DeliveryRule, Entry, Fate, Order, What, posts_containing,
    signature,
};
use serde_json::{Value, json};

use crate::support::{Answer, Bench, START};

async fn post_under(bench: &Bench, fault: CallFault) -> Result<crate::support::Answered, reqwest::Error> {
    bench.fake.fault_calls(CallRule::next("chat.postMessage", fault));
    let body = json!({ "channel": bench.channel("random"), "text": "under fault" });
    bench.try_json(&bench.bot(), "chat.postMessage", &body).await
}

fn happened(bench: &Bench) -> usize {
    posts_containing(&bench.fake.record(), "under fault").len()
}

fn last_fate(record: &[Entry]) -> Option<Fate> {
    record.iter().rev().find_map(|entry| match &entry.what {
        What::Reply { fate, .. } => Some(*fate),
        _ => None,
    })
}

#[tokio::test]
async fn a_connection_dropped_before_the_effect_changes_nothing() {
    let bench = Bench::start().await;
    assert!(post_under(&bench, CallFault::DropBeforeEffect).await.is_err());
    assert_eq!((happened(&bench), last_fate(&bench.fake.record())), (0, Some(Fate::Dropped)));
    // The fault befalls one call only.
    bench.say("random", "fine").await;
}

#[tokio::test]
async fn a_reply_lost_after_the_effect_leaves_the_effect() {
    let bench = Bench::start().await;
    assert!(post_under(&bench, CallFault::DropAfterEffect).await.is_err());
    assert_eq!((happened(&bench), last_fate(&bench.fake.record())), (1, Some(Fate::Dropped)));
    bench.fake.quiesce().await;
    assert_eq!(bench.app.kinds(), ["message"], "the echo comes all the same");
}

#[tokio::test]
async fn a_truncated_reply_is_a_200_whose_body_breaks_off() {
    let bench = Bench::start().await;
    bench.fake.fault_calls(CallRule::next("chat.postMessage", CallFault::TruncateBody));
    let request = bench
        .http()
        .post(format!("{}/api/chat.postMessage", bench.fake.base_url()))
        .bearer_auth(bench.bot())
        .json(&json!({ "channel": bench.channel("random"), "text": "under fault" }));
    let response = request.send().await.expect("the head arrives");
    assert_eq!(response.status().as_u16(), 200);
    assert!(response.bytes().await.is_err(), "the body does not");
    assert_eq!((happened(&bench), last_fate(&bench.fake.record())), (1, Some(Fate::Truncated)));
}

#[tokio::test]
async fn server_errors_come_before_or_after_the_effect() {
    let bench = Bench::start().await;
    let before = post_under(&bench, CallFault::StatusBeforeEffect { status: 503 }).await.unwrap();
    assert_eq!((before.status, happened(&bench)), (503, 0));
    assert!(before.body.as_str().unwrap().starts_with("<html>"));
    let after = post_under(&bench, CallFault::StatusAfterEffect { status: 500 }).await.unwrap();
    assert_eq!((after.status, happened(&bench)), (500, 1));
    let limited = post_under(&bench, CallFault::RateLimited { retry_after_secs: 7 }).await.unwrap();
    assert_eq!((limited.status, limited.retry_after, happened(&bench)), (429, Some(7), 1));
}

#[tokio::test]
async fn a_caller_who_gives_up_does_not_stop_what_it_asked_for() {
    let bench = Bench::start().await;
    bench.fake.fault_calls(CallRule::next("chat.postMessage", CallFault::DelayBeforeEffect { ms: 300 }));
    let request = bench
        .http()
        .post(format!("{}/api/chat.postMessage", bench.fake.base_url()))
        .bearer_auth(bench.bot())
        .timeout(std::time::Duration::from_millis(50))
        .json(&json!({ "channel": bench.channel("random"), "text": "under fault" }));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert_eq!(happened(&bench), 0);
    bench.app.received(1).await;
    assert_eq!(happened(&bench), 1);
    let late = post_under(&bench, CallFault::DelayAfterEffect { ms: 20 }).await.unwrap();
    assert_eq!((late.status, happened(&bench)), (200, 2));
}

#[tokio::test]
async fn the_echo_can_arrive_before_the_reply() {
    let bench = Bench::start().await;
    post_under(&bench, CallFault::EchoBeforeReply).await.unwrap().ok();
    assert_eq!(bench.app.kinds(), ["message"], "no waiting: it was there before the reply");
    let record = bench.fake.record();
    let position = |wanted: fn(&What) -> bool| record.iter().position(|entry| wanted(&entry.what)).unwrap();
    let acked = position(|what| matches!(what, What::Attempt { answer, .. } if answer.acked()));
    let replied = position(|what| matches!(what, What::Reply { .. }));
    assert!(acked < replied);
    assert!(post_under(&bench, CallFault::EchoThenDrop).await.is_err());
    assert_eq!(bench.app.seen().len(), 2);
}

#[tokio::test]
async fn deliveries_are_doubled_with_the_same_or_another_body_under_one_id() {
    let bench = Bench::start().await;
    bench.fake.fault_deliveries(DeliveryRule::next("message", DeliveryFault::Duplicate));
    bench.fake.post(bench.id(), "bob", "random", "twice").await.unwrap();
    bench.fake.quiesce().await;
    let seen = bench.app.seen();
    assert_eq!((seen.len(), &seen[0].body), (2, &seen[1].body));
    bench.fake.fault_deliveries(DeliveryRule::next("message", DeliveryFault::DuplicateOtherBody));
    bench.fake.post(bench.id(), "bob", "random", "changed").await.unwrap();
    bench.fake.quiesce().await;
    let bodies: Vec<Value> = bench.app.seen()[2..].iter().map(|seen| seen.json()).collect();
    assert_eq!(bodies[0]["event_id"], bodies[1]["event_id"]);
    assert_ne!(bodies[0]["event"]["text"], bodies[1]["event"]["text"]);
}

#[tokio::test]
async fn held_deliveries_are_released_in_the_order_asked_for() {
    let bench = Bench::start().await;
    bench.fake.pause();
    for text in ["one", "two", "three"] {
        bench.fake.post(bench.id(), "bob", "random", text).await.unwrap();
    }
    bench.fake.quiesce().await;
    assert!(bench.app.seen().is_empty());
    assert_eq!(bench.fake.release(Order::Reversed), 3);
    bench.fake.quiesce().await;
    let texts = |bench: &Bench| {
        bench
            .app
            .seen()
            .iter()
            .map(|seen| seen.json()["event"]["text"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&bench), ["three", "two", "one"]);
    bench.fake.post(bench.id(), "bob", "random", "four").await.unwrap();
    assert_eq!(bench.fake.resume(), 1);
    bench.fake.quiesce().await;
    let rule = DeliveryRule { times: 1, skip: 1, ..DeliveryRule::next("message", DeliveryFault::Hold) };
    bench.fake.fault_deliveries(rule);
    bench.fake.post(bench.id(), "bob", "random", "five").await.unwrap();
    bench.fake.quiesce().await;
    bench.fake.post(bench.id(), "bob", "random", "six").await.unwrap();
    bench.fake.quiesce().await;
    assert_eq!(texts(&bench), ["three", "two", "one", "four", "five"]);
}

#[tokio::test]
async fn forged_and_stale_deliveries_are_tried_again_properly() {
    let bench = Bench::start().await;
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    bench.app.will_answer(&[Answer::Status(401)]);
    bench.fake.fault_deliveries(DeliveryRule::next("message", DeliveryFault::BadSignature));
    bench.fake.post(bench.id(), "bob", "random", "forged").await.unwrap();
    bench.fake.quiesce().await;
    let seen = bench.app.seen();
    let valid: Vec<bool> =
        seen.iter().map(|s| s.header("x-slack-signature") == signature(secret, START, &s.body)).collect();
    assert_eq!(valid, [false, true]);
    bench.app.will_answer(&[Answer::Status(401)]);
    bench.fake.fault_deliveries(DeliveryRule::next("message", DeliveryFault::StaleTimestamp { seconds: 301 }));
    bench.fake.post(bench.id(), "bob", "random", "stale").await.unwrap();
    bench.fake.quiesce().await;
    let seen = bench.app.seen();
    assert_eq!(seen[2].header("x-slack-request-timestamp"), (START - 301).to_string());
    assert_eq!(seen[2].header("x-slack-signature"), signature(secret, START - 301, &seen[2].body));
    assert_eq!(seen[3].header("x-slack-request-timestamp"), START.to_string());
}

#[tokio::test]
async fn a_lost_ack_brings_the_event_again() {
    let bench = Bench::start().await;
    bench.fake.fault_deliveries(DeliveryRule::next("message", DeliveryFault::LoseAck));
    bench.fake.post(bench.id(), "bob", "random", "heard?").await.unwrap();
    bench.fake.quiesce().await;
    let seen = bench.app.seen();
    assert_eq!((seen.len(), seen[1].header("x-slack-retry-reason")), (2, "http_timeout"));
}

#[tokio::test]
async fn chaos_repeats_with_its_seed() {
    let mut faults = Vec::new();
    for _ in 0..2 {
        let bench = Bench::start().await;
        bench.fake.set_chaos(Some(Chaos { drop_after_effect: 300, status_before_effect: 300, ..Chaos::moderate(11) }));
        for n in 0..40 {
            let body = json!({ "channel": bench.channel("random"), "text": format!("n{n}") });
            let _lost_on_purpose = bench.try_json(&bench.bot(), "chat.delete", &body).await;
        }
        let record = bench.fake.record();
        let drawn: Vec<_> = record
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Call { fault, .. } => Some(fault.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(drawn.len(), 40, "every call is noted once: the client repeats nothing");
        assert!(drawn.iter().flatten().count() > 10);
        faults.push(drawn);
    }
    assert_eq!(faults[0], faults[1]);
}

#[tokio::test]
async fn a_rule_waits_for_its_method_its_workspace_and_its_turn() {
    let bench = Bench::start().await;
    bench.fake.fault_calls(CallRule {
        team: Some(bench.team.id.clone()),
        skip: 1,
        times: 2,
        ..CallRule::next("team.info", CallFault::StatusBeforeEffect { status: 500 })
    });
    let neighbour = bench.other.bot_token.clone().unwrap();
    let mut statuses = Vec::new();
    for token in [&neighbour, &bench.bot(), &neighbour, &bench.bot(), &bench.bot(), &bench.bot()] {
        bench.get(token, "auth.test", &[]).await.ok();
        statuses.push(bench.get(token, "team.info", &[]).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 500, 500, 200]);
    let renamed = |entry: &Entry| matches!(&entry.what, What::Effect { change: Change::Renamed { .. }, .. });
    assert!(!bench.fake.record().iter().any(renamed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_chaos_the_record_still_accounts_for_every_call_and_every_event() {
    let bench = Bench::start().await;
    bench.fake.set_chaos(Some(Chaos { delay_ms: 5, ..Chaos::moderate(3) }));
    let (token, channel) = (bench.bot(), bench.channel("random"));
    let calls = (0..150).map(|n| {
        let body = json!({ "channel": channel, "text": format!("storm {n}") });
        let (bench, token) = (&bench, &token);
        async move { bench.try_json(token, "chat.postMessage", &body).await.is_ok_and(|a| a.body["ok"] == true) }
    });
    let confirmed = futures::future::join_all(calls).await.into_iter().filter(|ok| *ok).count();
    bench.fake.quiesce().await;
    let record = bench.fake.record();
    let count = |wanted: fn(&What) -> bool| record.iter().filter(|entry| wanted(&entry.what)).count();
    assert_eq!(count(|what| matches!(what, What::Call { .. })), 150);
    assert_eq!(count(|what| matches!(what, What::Reply { .. })), 150);
    let posted = posts_containing(&record, "storm");
    assert!(confirmed <= posted.len() && posted.len() < 150, "{confirmed} confirmed, {} posted", posted.len());
    let events: std::collections::BTreeSet<String> =
        bench.fake.deliveries().iter().map(|delivery| delivery.event_id.clone()).collect();
    assert_eq!(events.len(), posted.len(), "one event per message, doubled or not");
    assert!(bench.fake.deliveries().iter().all(|d| d.state == policykit_platforms::slack::fake::DeliveryState::Acked));
}
