//! Whatever comes from outside ends as an error that can be read: no panic, no hang, no request where none may go.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode};
use policykit_core::{
    FakeClock, Timestamp,
    call::{CallOutcome, PlannedCall},
    event::EventBody,
};
use policykit_platforms::{
    Http, HttpOptions, Platform,
    platform::{AppConfig, CallError, Confirmation, RawRequest, Receipt, Reject},
    slack::{Slack, fake::signature},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    rig::{Rig, SECRET, call, secrets},
    support::START,
};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

static SLACK: LazyLock<Slack> = LazyLock::new(|| {
    let clock = Arc::new(FakeClock::new(Timestamp::from_secs(START)));
    Slack::new(Arc::new(Http::new(clock, HttpOptions::default()).unwrap()))
});

fn receive_at(body: &[u8], kind: &str, at: &str, signed: &str, now: Timestamp) -> Result<Receipt, Reject> {
    let app = AppConfig { secrets: secrets(&[("signing_secret", SECRET)]), ..AppConfig::default() };
    let headers = [("content-type", kind), ("x-slack-request-timestamp", at), ("x-slack-signature", signed)]
        .map(|(n, v)| (n.to_owned(), v.to_owned()));
    SLACK.receive(RawRequest { headers: &headers, body, at: None, home: None }, &app, now)
}

/// Properly signed: what a stolen secret, or Slack itself, could send.
fn receive(body: &[u8], kind: &str) -> Result<Receipt, Reject> {
    receive_at(body, kind, &START.to_string(), &signature(SECRET, START, body), Timestamp::from_secs(START))
}

#[test]
fn moments_far_from_now_are_refused_even_when_properly_signed() {
    let body = br#"{"type":"url_verification","challenge":"x"}"#;
    for at in [0, 1, -1, i64::MIN, i64::MAX, START - 301, START + 301, -START] {
        let result = receive_at(body, JSON, &at.to_string(), &signature(SECRET, at, body), Timestamp::from_secs(START));
        assert!(matches!(result, Err(Reject::Unauthenticated(_))), "{at}: {result:?}");
    }
    for now in [Timestamp::from_secs(i64::MAX), Timestamp::from_secs(i64::MIN), Timestamp::from_micros(0)] {
        let result = receive_at(body, JSON, &START.to_string(), &signature(SECRET, START, body), now);
        assert!(matches!(result, Err(Reject::Unauthenticated(_))), "{now:?}: {result:?}");
    }
}

#[test]
fn events_of_impossible_moments_are_read_as_something() {
    let installation = crate::rig::bare_installation();
    for time in [json!(i64::MAX), json!(i64::MIN), json!(1e300), json!("never"), json!(-1), Value::Null] {
        for ts in [
            json!("99999999999999999999.1"),
            json!("9223372036854775807.999999"),
            json!("-1.5"),
            json!(7),
            json!("é.é"),
        ] {
            let event =
                json!({ "type": "message", "user": "U1", "channel": "C1", "ts": ts, "event_ts": ts, "text": "x" });
            let body = json!({ "type": "event_callback", "team_id": "T1", "event_id": "E1", "event_time": time, "event": event });
            let body = body.to_string().into_bytes();
            assert!(receive(&body, JSON).is_ok());
            let events = SLACK.normalise("event", &body, &installation).unwrap();
            assert!(!events.is_empty());
        }
    }
}

#[test]
fn nested_and_huge_bodies_are_malformed_and_cost_little() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(200_000), close.repeat(200_000));
    let started = started();
    for nested in [deep("[", "]"), deep("{\"a\":", "}"), "[".repeat(1_000_000)] {
        for (body, kind) in [
            (nested.clone(), JSON),
            (format!("{{\"type\":\"event_callback\",\"team_id\":\"T\",\"event_id\":\"E\",\"event\":{nested}}}"), JSON),
            (serde_urlencoded::to_string([("payload", &nested)]).unwrap(), FORM),
        ] {
            let result = receive(body.as_bytes(), kind);
            assert!(matches!(result, Err(Reject::Malformed(_))), "{result:?}");
        }
        assert!(SLACK.normalise("event", nested.as_bytes(), &crate::rig::bare_installation()).is_err());
    }
    let text = "x".repeat(8 << 20);
    let event = json!({ "type": "message", "user": "U1", "channel": "C1", "ts": "1.1", "text": text });
    let body = json!({ "type": "event_callback", "team_id": "T1", "event_id": "E1", "event": event }).to_string();
    assert!(receive(body.as_bytes(), JSON).is_ok());
    let events = SLACK.normalise("event", body.as_bytes(), &crate::rig::bare_installation()).unwrap();
    assert!(
        matches!(&events[0].body, EventBody::Action { fields, .. } if fields["text"].as_str().unwrap().len() == 8 << 20)
    );
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[expect(clippy::disallowed_methods, reason = "measures that nothing takes for ever")]
fn started() -> Instant {
    Instant::now()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn signed_bytes_of_any_kind_are_kept_answered_ignored_or_refused_with_a_reason(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "payload=\\PC{0,80}".prop_map(String::into_bytes),
            "\\{\"type\":\"(event_callback|url_verification)\",\\PC{0,60}".prop_map(String::into_bytes),
        ],
        kind in prop::sample::select(vec![JSON, FORM, "text/plain", "", "application/json; charset=\"x"]),
    ) {
        match receive(&body, kind) {
            Ok(Receipt::Keep { delivery, .. }) => {
                let _any = SLACK.normalise(&delivery.kind, &delivery.body, &crate::rig::bare_installation());
            }
            Ok(_) => {}
            Err(reject) => prop_assert!(!reject.to_string().is_empty()),
        }
    }

    #[test]
    fn unsigned_headers_of_any_kind_are_refused(at in "\\PC{0,30}", signed in "(v0=)?[0-9a-f\\PC]{0,70}", body in "\\PC{0,50}") {
        let result = receive_at(body.as_bytes(), JSON, &at, &signed, Timestamp::from_secs(START));
        prop_assert!(matches!(result, Err(Reject::Unauthenticated(_))), "{result:?}");
    }
}

/// A server that answers every request with the same bytes.
pub(crate) async fn answering(status: u16, body: impl Into<Bytes>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let state = (StatusCode::from_u16(status).unwrap(), body.into(), Arc::clone(&count));
    let router = Router::new().fallback(
        |State((status, body, count)): State<(StatusCode, Bytes, Arc<AtomicUsize>)>| async move {
            count.fetch_add(1, Ordering::SeqCst);
            (status, body)
        },
    );
    tokio::spawn(async move { axum::serve(listener, router.with_state(state)).await });
    (url, count)
}

fn all_calls() -> Vec<PlannedCall> {
    let args = json!({ "channel": "C1", "ts": "1.1", "timestamp": "1.1", "text": "x", "user": "U1", "users": "U1",
        "name": "n", "post_at": 5, "url": "http://127.0.0.1:9/x", "body": {} });
    SLACK.descriptor().operations.iter().map(|o| call(o.name, args.clone())).collect()
}

#[tokio::test]
async fn answers_that_are_not_slacks_never_pass_for_success() {
    let mut rig = Rig::start().await;
    for (status, body) in [
        (200, ""),
        (200, "<html>welcome to the hotel's wireless network</html>"),
        (200, "null"),
        (200, "[]"),
        (200, "{}"),
        (200, r#"{"ok":"true"}"#),
        (200, r#"{"ok":true"#),
        (200, r#"{"ok":false}"#),
        (200, r#"{"ok":false,"error":{"code":7}}"#),
        (201, r#"{"ok":1}"#),
        (404, "not here"),
        (403, "<html>blocked</html>"),
        (500, r#"{"ok":true}"#),
    ] {
        let (url, _) = answering(status, body).await;
        rig.app.settings.insert("api_url".into(), url);
        for call in all_calls() {
            let outcome = rig.send(1, &call).await;
            assert!(
                !matches!(outcome, Ok(CallOutcome::Done { .. })),
                "{} {status} {body}: {outcome:?}",
                call.operation
            );
            let found = rig.confirm(1, &call).await;
            assert!(!matches!(found, Confirmation::Done { .. }), "{} {status} {body}: {found:?}", call.operation);
        }
        assert!(rig.slack.people(None, &rig.context(1)).await.is_err(), "{status} {body}");
        assert!(rig.inspect(&rig.credentials).await.is_err(), "{status} {body}");
    }
}

#[tokio::test]
async fn answers_with_the_wrong_shapes_inside_do_not_break_anything() {
    let mut rig = Rig::start().await;
    for body in [
        r#"{"ok":true}"#,
        r#"{"ok":true,"members":7,"messages":{"a":1},"channel":[1],"items":null,"user":"x","bot":3,"ts":5}"#,
        r#"{"ok":true,"members":[null,1,{"id":5}],"messages":[null,[],{"metadata":"x"}],"items":[{}],"channel":{"name":7}}"#,
        r#"{"ok":true,"response_metadata":{"next_cursor":5},"scheduled_messages":[{"post_at":"x"}],"channels":[{}]}"#,
    ] {
        let (url, _) = answering(200, body).await;
        rig.app.settings.insert("api_url".into(), url);
        for call in all_calls() {
            let _any = rig.send(1, &call).await;
            let _any = rig.confirm(1, &call).await;
        }
        let _any = rig.slack.people(None, &rig.context(1)).await;
        for method in ["get_real_users", "get_conversations", "get_users_in_channel", "get_users", "nonsense"] {
            let _any = rig.slack.read(method, &call("", json!({ "channel": "C1" })).args, &rig.context(1)).await;
        }
        assert!(rig.inspect(&rig.credentials).await.is_err(), "{body}");
    }
}

#[tokio::test]
async fn a_list_that_never_ends_is_given_up() {
    let mut rig = Rig::start().await;
    let body = r#"{"ok":true,"members":["U1"],"messages":[],"response_metadata":{"next_cursor":"again"}}"#;
    let (url, count) = answering(200, body).await;
    rig.app.settings.insert("api_url".into(), url);
    let post = call("chat.postMessage", json!({ "channel": "C12345678", "text": "x" }));
    assert!(matches!(rig.confirm(1, &post).await, Confirmation::Unknown { .. }));
    assert_eq!(count.load(Ordering::SeqCst), 20);
    let read = rig.slack.read("get_users_in_channel", &post.args, &rig.context(1)).await;
    assert!(matches!(read, Err(CallError::Refused { .. })), "{read:?}");
    assert!(count.load(Ordering::SeqCst) <= 1_100);
}

/// How many requests of the integration have left, over all connections.
async fn goes_nowhere(rig: &Rig, call: &PlannedCall) -> String {
    let before = rig.http.requests_sent();
    let outcome = rig.send(1, call).await;
    let sent = rig.http.requests_sent() - before;
    match outcome {
        Err(CallError::Retry { reason, .. }) => format!("{sent} {reason}"),
        Ok(CallOutcome::Refused { code, .. }) => format!("{sent} {code}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_base_address_from_an_installation_reaches_public_places_only() {
    let mut rig = Rig::start().await;
    let (url, count) = answering(200, r#"{"ok":true}"#).await;
    let port = url.rsplit(':').next().unwrap().trim_end_matches("/api/").to_owned();
    rig.app.settings.remove("api_url");
    let post = call("chat.postMessage", json!({ "channel": "C1", "text": "x" }));
    for address in [
        url.clone(),
        format!("https://127.0.0.1:{port}/api/"),
        format!("https://[::ffff:127.0.0.1]:{port}/api/"),
        format!("https://2130706433:{port}/"),
        "https://169.254.169.254/latest/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "ftp://slack.com/".to_owned(),
        "nonsense".to_owned(),
    ] {
        rig.installation.settings.insert("api_url".into(), address.clone().into());
        let told = goes_nowhere(&rig, &post).await;
        assert!(told.starts_with("0 "), "{address}: {told}");
    }
    // A name is looked at when it is dialled: no request is written, whatever it resolves to.
    rig.installation.settings.insert("api_url".into(), format!("https://localhost:{port}/api/").into());
    let told = goes_nowhere(&rig, &post).await;
    assert!(told.contains("not a public address"), "{told}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
    rig.app.settings.insert("api_url".into(), url);
    assert!(matches!(rig.send(1, &post).await, Ok(CallOutcome::Done { .. })), "the operator may");
}

#[tokio::test]
async fn an_answer_for_a_voter_goes_to_slack_or_nowhere() {
    let rig = Rig::start().await;
    let (url, count) = answering(200, "ok").await;
    for address in [
        url.as_str(),
        "https://hooks.slack.com.evil.test/x",
        "https://evil.test/hooks.slack.com",
        "https://user@evil.test/",
        "https://hooks.slack.com@evil.test/",
        "http://hooks.slack.com/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "",
    ] {
        let told = goes_nowhere(&rig, &rig.slack.reply(address, "x").unwrap()).await;
        assert!(told == "0 foreign_response_url" || told == "0 bad_response_url", "{address}: {told}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_takes_no_token_along() {
    let mut rig = Rig::start().await;
    let (elsewhere, count) = answering(200, r#"{"ok":true}"#).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}/api/", listener.local_addr().unwrap());
    let target = elsewhere;
    let router = Router::new().fallback(async move || (StatusCode::TEMPORARY_REDIRECT, [("location", target)], ""));
    tokio::spawn(async move { axum::serve(listener, router).await });
    rig.app.settings.insert("api_url".into(), here);
    let told = goes_nowhere(&rig, &call("chat.postMessage", json!({ "channel": "C1", "text": "x" }))).await;
    assert!(told.contains("redirects"), "{told}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
}
