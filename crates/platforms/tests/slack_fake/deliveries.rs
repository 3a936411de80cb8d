//! Events: who sees them, how they are signed, when they are tried again.

use std::collections::BTreeSet;

use policykit_platforms::slack::fake::{
    Act, Answer as Seen, DeliveryState, Setup, UserSeed, acked_event_ids, signature,
};
use serde_json::json;

use crate::{
    shape::shared_json,
    support::{Answer, Bench, START},
};

#[test]
fn the_signature_is_the_published_one() {
    let Some(vectors) = shared_json("signature-vectors.json") else { return };
    let vector = &vectors["slack"];
    let text = |field: &str| vector[field].as_str().unwrap();
    let timestamp = text("timestamp").parse().unwrap();
    assert_eq!(signature(text("secret"), timestamp, text("body").as_bytes()), text("signature"));
}

#[tokio::test]
async fn a_delivery_is_an_enveloped_event_with_a_valid_signature() {
    let bench = Bench::start().await;
    let ts = bench.fake.post(bench.id(), "bob", "random", "hello").await.unwrap();
    bench.fake.quiesce().await;
    let seen = &bench.app.seen()[0];
    assert_eq!((seen.path.as_str(), seen.header("content-type")), ("/events", "application/json"));
    assert_eq!(seen.header("x-slack-request-timestamp"), START.to_string());
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    assert_eq!(seen.header("x-slack-signature"), signature(secret, START, &seen.body));
    assert_eq!(seen.header("x-slack-retry-num"), "");
    let body = seen.json();
    assert_eq!((&body["type"], &body["team_id"]), (&json!("event_callback"), &json!(bench.id())));
    assert_eq!((&body["api_app_id"], &body["event_time"]), (&json!(bench.team.app_id), &json!(START)));
    assert_eq!(body["authorizations"][0]["user_id"], bench.team.bot_user.as_str());
    let event = &body["event"];
    assert_eq!((&event["type"], &event["text"], &event["ts"]), (&json!("message"), &json!("hello"), &json!(ts)));
    assert_eq!((&event["channel"], &event["user"]), (&json!(bench.channel("random")), &json!(bench.user("bob"))));
    assert_eq!(event["channel_type"], "channel");
    assert!(event.get("bot_id").is_none() && event.get("subtype").is_none());
}

#[tokio::test]
async fn the_bots_own_message_comes_back_with_its_ids_and_metadata() {
    let bench = Bench::start().await;
    let metadata = json!({ "event_type": "policykit_call", "event_payload": { "call_id": "c-7" } });
    let body = json!({ "channel": bench.channel("random"), "text": "posted", "metadata": metadata });
    let posted = bench.json_owned("chat.postMessage", body).await.ok();
    bench.fake.quiesce().await;
    let event = bench.app.seen()[0].json()["event"].clone();
    assert_eq!((&event["ts"], &event["bot_id"]), (&posted["ts"], &json!(bench.team.bot_id)));
    assert_eq!((&event["app_id"], &event["user"]), (&json!(bench.team.app_id), &json!(bench.team.bot_user)));
    assert_eq!(event["metadata"], metadata);
    // A message written with a person's token is theirs.
    let body = json!({ "channel": bench.channel("random"), "text": "as ada" });
    bench.json_as("ada", "chat.postMessage", body).await.ok();
    bench.fake.quiesce().await;
    let event = bench.app.seen()[1].json()["event"].clone();
    assert_eq!(event["user"], bench.user("ada"));
    assert!(event.get("bot_id").is_none());
}

#[tokio::test]
async fn metadata_payloads_that_the_app_did_not_declare_are_withheld_from_events() {
    let bench = Bench::start_with(|config| config.app.metadata_event_types = Some(vec!["declared".into()])).await;
    for kind in ["declared", "other"] {
        let metadata = json!({ "event_type": kind, "event_payload": { "n": 1 } });
        let body = json!({ "channel": bench.channel("random"), "text": kind, "metadata": metadata });
        bench.json_owned("chat.postMessage", body).await.ok();
        bench.fake.quiesce().await;
    }
    let payloads: Vec<_> =
        bench.app.seen().iter().map(|s| s.json()["event"]["metadata"]["event_payload"].clone()).collect();
    assert_eq!(payloads, [json!({ "n": 1 }), json!({})]);
}

#[tokio::test]
async fn the_app_hears_of_messages_only_where_its_bot_is_a_member() {
    let bench =
        Bench::start_with(|config| config.app.event_types = Some(vec!["message".into(), "channel_rename".into()]))
            .await;
    bench.fake.post(bench.id(), "bob", "unseen", "quiet").await.unwrap();
    bench.fake.rename(bench.id(), "bob", "unseen", "still-unseen").await.unwrap();
    bench.fake.post(bench.id(), "bob", "random", "loud").await.unwrap();
    let act = Act::Join { channel: "still-unseen".into() };
    assert!(bench.fake.act(bench.id(), "bob", act).await.is_err(), "bob is in already");
    bench.fake.quiesce().await;
    let kinds: BTreeSet<String> = bench.app.kinds().into_iter().collect();
    assert_eq!(kinds, ["channel_rename".to_owned(), "message".to_owned()].into());
    assert!(!bench.app.seen().iter().any(|seen| seen.json()["event"]["text"] == "quiet"));
}

#[tokio::test]
async fn an_unanswered_delivery_is_tried_three_more_times_with_the_reason_and_then_lost() {
    let bench = Bench::start_with(|config| config.ack_timeout_ms = 150).await;
    bench.app.will_answer(&[Answer::Status(500), Answer::Hang, Answer::Status(404), Answer::Status(503)]);
    bench.fake.post(bench.id(), "bob", "random", "anyone?").await.unwrap();
    bench.fake.quiesce().await;
    let seen = bench.app.seen();
    let retries: Vec<(&str, &str)> =
        seen.iter().map(|seen| (seen.header("x-slack-retry-num"), seen.header("x-slack-retry-reason"))).collect();
    assert_eq!(retries, [("", ""), ("1", "http_error"), ("2", "http_timeout"), ("3", "http_error")]);
    let ids: BTreeSet<String> = seen.iter().map(|seen| seen.json()["event_id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "retries keep the event id");
    let delivery = &bench.fake.deliveries()[0];
    assert_eq!((delivery.state, delivery.attempts.len()), (DeliveryState::Lost, 4));
    assert_eq!(delivery.attempts[1], Seen::Timeout);
    assert!(acked_event_ids(&bench.fake.record()).is_empty());
    assert!(serde_json::to_string(&bench.fake.record()).unwrap().contains("\"what\":\"lost\""));
}

#[tokio::test]
async fn a_retry_that_is_answered_ends_the_schedule() {
    let bench = Bench::start().await;
    bench.app.will_answer(&[Answer::Status(500), Answer::Status(204)]);
    bench.fake.post(bench.id(), "bob", "random", "again").await.unwrap();
    bench.fake.quiesce().await;
    assert_eq!(bench.app.seen().len(), 2);
    assert_eq!(bench.fake.deliveries()[0].state, DeliveryState::Acked);
    assert_eq!(acked_event_ids(&bench.fake.record()), [bench.fake.deliveries()[0].event_id.as_str()]);
}

#[tokio::test]
async fn no_retry_means_no_retry() {
    let bench = Bench::start().await;
    bench.app.will_answer(&[Answer::NoRetry(500)]);
    bench.fake.post(bench.id(), "bob", "random", "once").await.unwrap();
    bench.fake.quiesce().await;
    assert_eq!(bench.app.seen().len(), 1);
    assert_eq!(bench.fake.deliveries()[0].state, DeliveryState::Lost);
}

#[tokio::test]
async fn an_app_that_cannot_be_reached_gets_the_event_at_its_new_address() {
    let bench = Bench::start_with(|config| {
        config.app.events_url = Some("http://127.0.0.1:1/events".into());
        config.retry_delays_ms = vec![0, 200, 60_000];
    })
    .await;
    bench.fake.post(bench.id(), "bob", "random", "where are you?").await.unwrap();
    while bench.fake.deliveries()[0].attempts.is_empty() {
        tokio::task::yield_now().await;
    }
    bench.fake.set_urls(&format!("{}/moved", bench.app.url), &format!("{}/clicks", bench.app.url));
    bench.app.received(1).await;
    bench.fake.quiesce().await;
    let seen = &bench.app.seen()[0];
    assert_eq!((seen.path.as_str(), seen.header("x-slack-retry-reason")), ("/moved", "connection_failed"));
}

#[tokio::test]
async fn the_app_is_told_of_people_and_of_its_own_end() {
    let bench = Bench::start().await;
    let team = bench.id().to_owned();
    let user = UserSeed { name: "eve".into(), ..UserSeed::default() };
    bench.fake.set_up(Setup::User { team: team.clone(), user }).unwrap();
    let act =
        Act::SetProfile { real_name: Some("Eve Adams".into()), display_name: None, title: None, status_text: None };
    bench.fake.act(&team, "eve", act).await.unwrap();
    bench.fake.set_up(Setup::Uninstall { team }).unwrap();
    bench.fake.quiesce().await;
    let mut kinds = bench.app.kinds();
    kinds.sort();
    assert_eq!(kinds, ["app_uninstalled", "team_join", "tokens_revoked", "user_change"]);
    let seen = bench.app.seen();
    let of = |kind: &str| seen.iter().find(|seen| seen.kind() == kind).unwrap().json()["event"].clone();
    assert_eq!(of("user_change")["user"]["profile"]["real_name"], "Eve Adams");
    assert_eq!(of("tokens_revoked")["tokens"]["bot"], json!([bench.team.bot_user]));
}
