//! Calls that go wrong on demand: before they happen, after they happened, and with half an answer.

use policykit_platforms::discourse::fake::{CallFault, CallRule, Change, Fate, What};
use serde_json::json;

use crate::support::{As, Ear, Forum, WORDS, new_topic};

async fn posted_under(fault: CallFault) -> (Forum, Option<u16>, usize) {
    let forum = Forum::start().await;
    forum.fake.fault_calls(CallRule::next("POST", "/posts", fault));
    let body = Some(new_topic("When do we plant the beans"));
    let reply = forum.try_call(As::Admin("tom"), "POST", "/posts.json", body).await;
    let made = forum.fake.changes().iter().filter(|change| matches!(change, Change::TopicCreated { .. })).count();
    (forum, reply.map(|reply| reply.status), made)
}

#[tokio::test]
async fn a_call_is_lost_before_or_after_it_happened() {
    let expected = [
        (CallFault::DropBeforeEffect, None, 0),
        (CallFault::DropAfterEffect, None, 1),
        (CallFault::StatusBeforeEffect { status: 503 }, Some(503), 0),
        (CallFault::StatusAfterEffect { status: 502 }, Some(502), 1),
        (CallFault::RateLimited { retry_after_secs: 9 }, Some(429), 0),
        (CallFault::TruncateBody, None, 1),
        (CallFault::DelayBeforeEffect { ms: 1 }, Some(200), 1),
        (CallFault::DelayAfterEffect { ms: 1 }, Some(200), 1),
    ];
    for (fault, status, made) in expected {
        let (forum, seen, happened) = posted_under(fault).await;
        assert_eq!((seen, happened), (status, made), "{fault:?}");
        let after = forum.get("tom", "/latest.json").await;
        assert_eq!(after.status, 200, "only the next call: {fault:?}");
    }
}

#[tokio::test]
async fn events_may_arrive_before_the_answer_does() {
    let (forum, ear) = (Forum::start().await, Ear::open().await);
    forum.hook(&ear);
    forum.fake.fault_calls(CallRule::next("POST", "/posts", CallFault::EchoThenDrop));
    let body = Some(new_topic("When do we plant the beans"));
    assert_eq!(forum.try_call(As::Admin("tom"), "POST", "/posts.json", body).await, None);
    assert_eq!(ear.heard().len(), 2, "heard by the time the connection was gone");
}

#[tokio::test]
async fn the_record_tells_what_was_asked_and_what_was_answered() {
    let forum = Forum::start().await;
    forum.fake.fault_calls(CallRule::next("GET", "/latest", CallFault::DropAfterEffect));
    forum.try_call(As::Admin("tom"), "GET", "/latest.json?page=1", None).await;
    forum.post("tom", "/posts.json", json!({ "raw": WORDS, "topic_id": 99 })).await;
    let record = forum.fake.record();
    let calls: Vec<_> = record
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Call { verb, path, user, fault, .. } => {
                Some((verb.as_str(), path.as_str(), user.as_deref(), fault.as_deref()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        calls,
        [("GET", "/latest", Some("tom"), Some("drop_after_effect")), ("POST", "/posts", Some("tom"), None)]
    );
    let fates: Vec<_> = record
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Reply { status, fate, .. } => Some((*status, *fate)),
            _ => None,
        })
        .collect();
    assert_eq!(fates, [(None, Fate::Dropped), (Some(422), Fate::Sent)]);
}
