//! Tokens that run out: renewed in time, each refresh token used once, and what is said when it cannot be done.

use std::time::Duration;

use policykit_core::Clock as _;
use policykit_platforms::{
    Platform,
    platform::{CallError, Renewal},
    slack::fake::Setup,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::rig::{Rig, call};

const HALF_A_DAY: u64 = 43_200;

/// Installed anew with tokens that run out after twelve hours.
async fn rotating() -> Rig {
    let mut rig = Rig::start_with(|config| config.app.token_rotation = true).await;
    let params = crate::journey::as_ada(&rig).await;
    let grant = crate::journey::installed(&rig, &params).await;
    rig.credentials = grant.credentials;
    rig
}

fn secret(rig: &Rig, name: &str) -> String {
    rig.credentials[name].expose_secret().to_owned()
}

#[tokio::test]
async fn nothing_is_renewed_before_it_is_due() {
    let rig = rotating().await;
    assert_eq!(rig.credentials.len(), 6, "two tokens, what renews them and when they end");
    assert!(rig.slack.renew(Renewal::WhenDue, &rig.context(1)).await.unwrap().is_none());
    let fixed = Rig::start().await;
    assert!(fixed.slack.renew(Renewal::Refused, &fixed.context(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn tokens_are_renewed_shortly_before_they_end_and_the_new_ones_work() {
    let mut rig = rotating().await;
    let before = (secret(&rig, "bot_token"), secret(&rig, "admin_token"));
    rig.bench.clock.advance(Duration::from_secs(HALF_A_DAY - 600));
    let renewed = rig.slack.renew(Renewal::WhenDue, &rig.context(1)).await.unwrap().expect("both are due");
    assert_eq!(renewed.len(), 6);
    rig.credentials.extend(renewed);
    assert_ne!(secret(&rig, "bot_token"), before.0);
    assert_ne!(secret(&rig, "admin_token"), before.1);
    rig.bench.clock.advance(Duration::from_secs(1_200));
    rig.done(2, "chat.postMessage", json!({ "channel": rig.channel("random"), "text": "still here" })).await;
    rig.done(3, "conversations.rename", json!({ "channel": rig.channel("random"), "name": "quiet" })).await;
}

#[tokio::test]
async fn a_call_with_a_token_that_has_run_out_did_nothing_and_says_that_it_can_be_renewed() {
    let rig = rotating().await;
    rig.bench.clock.advance(Duration::from_secs(HALF_A_DAY + 1));
    let post = call("chat.postMessage", json!({ "channel": rig.channel("random"), "text": "late" }));
    assert!(matches!(rig.send(1, &post).await, Err(CallError::Expired { .. })));
    let renewed = rig.slack.renew(Renewal::Refused, &rig.context(2)).await.unwrap();
    assert!(renewed.is_some());
}

#[tokio::test]
async fn a_token_that_has_run_out_and_cannot_be_renewed_is_lost_access() {
    let rig = Rig::start().await;
    rig.bench.fake.set_up(Setup::Expire { token: rig.bench.bot() }).unwrap();
    let post = call("chat.postMessage", json!({ "channel": rig.channel("random"), "text": "late" }));
    let error = rig.send(1, &post).await.unwrap_err();
    assert!(matches!(&error, CallError::AccessLost { reason } if reason.contains("install Slack again")), "{error}");
}

#[tokio::test]
async fn a_refresh_token_that_was_used_up_is_lost_access_with_the_remedy() {
    let rig = rotating().await;
    rig.slack.renew(Renewal::Refused, &rig.context(1)).await.unwrap().expect("renewed");
    // The same refresh tokens again, as if the first answer had been lost.
    let error = rig.slack.renew(Renewal::Refused, &rig.context(2)).await.unwrap_err();
    assert!(matches!(&error, CallError::AccessLost { reason } if reason.contains("install Slack again")), "{error}");
}

#[tokio::test]
async fn what_was_renewed_is_handed_out_even_when_the_other_token_could_not_be() {
    let mut rig = rotating().await;
    rig.credentials.insert("admin_refresh_token".to_owned(), SecretString::from("xoxe-1-unknown"));
    let renewed = rig.slack.renew(Renewal::Refused, &rig.context(1)).await.unwrap().expect("the bot's");
    let names: Vec<&str> = renewed.keys().map(String::as_str).collect();
    assert_eq!(names, ["bot_expires_at", "bot_refresh_token", "bot_token"]);
    let end: i64 = renewed["bot_expires_at"].expose_secret().parse().unwrap();
    assert_eq!(end, (rig.bench.clock.now() + Duration::from_secs(HALF_A_DAY)).micros());
}
