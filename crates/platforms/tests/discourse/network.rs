use policykit_core::call::CallOutcome;
use policykit_platforms::{
    Platform,
    discourse::fake::{CallFault, Change, Setup},
    platform::CallError,
};
use serde_json::json;

use crate::rig::{Rig, call};

const HOOK: &str = "https://policykit.example.org/api/hooks/discourse/00000000-0000-0000-0000-000000000001";

#[tokio::test]
async fn the_forum_is_told_our_address_once_and_forgets_it_when_we_leave() {
    let rig = Rig::start().await;
    let mut context = rig.context(1);
    context.credentials.insert("webhook_secret".to_owned(), "a secret of ours".into());
    let moved = HOOK.replace("policykit.example.org", "elsewhere.example.org");
    rig.platform.announce(&moved, &context).await.unwrap();
    rig.platform.announce(HOOK, &context).await.unwrap();
    rig.platform.announce(HOOK, &context).await.unwrap();
    // Where our pages were before, nothing is told any more: it is the same address of the same community.
    let made = |change: &&Change| matches!(change, Change::WebHookCreated { payload_url, .. } if *payload_url == moved);
    assert_eq!(rig.fake.changes().iter().filter(made).count(), 1);
    let any = |change: &&Change| matches!(change, Change::WebHookCreated { .. });
    assert_eq!(rig.fake.changes().iter().filter(any).count(), 1, "it is changed and not made anew");
    let leave = rig.platform.leave().unwrap();
    let CallOutcome::Done { reply } = rig.platform.send(&leave, &context).await.unwrap() else { panic!() };
    assert!(reply["note"].as_str().unwrap().contains("stays on the forum"), "{reply}");
    assert!(rig.fake.changes().iter().any(|change| matches!(change, Change::WebHookDeleted { .. })));
}

#[tokio::test]
async fn a_key_that_died_is_told_from_one_that_may_not() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let close = call("topic.status", json!({ "topic_id": topic, "status": "closed", "enabled": true }));
    let mut context = rig.context(1);
    context.credentials = Rig::keys("ben");
    let refused = rig.platform.send(&close, &context).await.unwrap();
    assert!(matches!(&refused, CallOutcome::Refused { code, .. } if code == "invalid_access"), "{refused:?}");
    rig.fake.set_up(Setup::RevokeApiKeys { username: None }).unwrap();
    let lost = rig.send(&close, 2).await.unwrap_err();
    let CallError::AccessLost { reason } = &lost else { panic!("{lost:?}") };
    assert!(reason.contains("make a new key"), "{reason}");
    context.credentials.clear();
    assert!(matches!(rig.platform.send(&close, &context).await, Err(CallError::AccessLost { .. })));
}

#[tokio::test]
async fn what_the_forum_will_not_have_is_a_refusal_in_its_words() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let refused =
        rig.send(&call("post.create", json!({ "topic_id": 999, "raw": "a post that is long enough" })), 1).await;
    assert!(matches!(refused, Ok(CallOutcome::Refused { .. })), "{refused:?}");
    let refused =
        rig.send(&call("topic.create", json!({ "title": "x", "raw": "a post that is long enough" })), 2).await;
    assert!(matches!(&refused, Ok(CallOutcome::Refused { code, .. }) if code == "invalid"), "{refused:?}");
    let _topic = topic;
}

#[tokio::test]
async fn when_the_forum_asks_to_slow_down_nothing_is_sent_until_then() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let close = call("topic.status", json!({ "topic_id": topic, "status": "closed", "enabled": true }));
    rig.befall("PUT", "/t", CallFault::RateLimited { retry_after_secs: 43 });
    let told = rig.send(&close, 1).await.unwrap_err();
    assert!(matches!(told, CallError::Retry { after_ms: 43_000, .. }), "{told:?}");
    let before = rig.fake.record().len();
    assert!(matches!(rig.send(&close, 1).await, Err(CallError::Retry { .. })));
    assert_eq!(rig.fake.record().len(), before);
    rig.clock.advance(std::time::Duration::from_secs(44));
    rig.done(&close, 1).await;
}

#[tokio::test]
async fn an_error_of_the_server_leaves_it_open_whether_it_was_done() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let close = call("topic.delete", json!({ "topic_id": topic }));
    for fault in [CallFault::StatusAfterEffect { status: 502 }, CallFault::TruncateBody] {
        rig.befall("DELETE", "/t", fault);
        let told = rig.send(&close, 1).await;
        assert!(matches!(told, Err(CallError::Unknown { .. }) | Ok(CallOutcome::Done { .. })), "{told:?}");
    }
}
