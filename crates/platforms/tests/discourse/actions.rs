use policykit_core::{Value as PolicyValue, call::CallOutcome};
use policykit_platforms::{
    Platform,
    discourse::fake::{Act, CallFault, Change},
    platform::{CallError, Confirmation},
};
use serde_json::{Value, json};

use crate::rig::{Rig, call};

const RAW: &str = "Something that is long enough to be a post.";

fn is_done(confirmation: &Confirmation) -> bool {
    matches!(confirmation, Confirmation::Done { .. })
}

#[tokio::test]
async fn what_is_written_is_found_again_by_its_mark_and_shown_to_nobody() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    for (id, post) in [
        (1, call("post.create", json!({ "topic_id": topic, "raw": RAW }))),
        (2, call("topic.create", json!({ "title": "What we agreed upon", "raw": format!("{RAW} Two.") }))),
        (
            3,
            call(
                "message.create",
                json!({ "title": "About your post", "raw": format!("{RAW} Three."), "users": ["ada", "ben"] }),
            ),
        ),
    ] {
        assert_eq!(rig.confirm(&post, id).await, Confirmation::NotDone, "{post:?}");
        rig.befall("POST", "/posts", CallFault::DropAfterEffect);
        let lost = rig.send(&post, id).await;
        assert!(matches!(lost, Err(CallError::Unknown { .. })), "{lost:?}");
        let Confirmation::Done { reply } = rig.confirm(&post, id).await else { panic!("{post:?}") };
        let shown = rig.fake.post(reply["post_id"].as_i64().unwrap(), None).unwrap();
        assert_eq!(shown["topic_id"], reply["topic_id"]);
        assert!(!shown["cooked"].as_str().unwrap().contains("policykit"), "{shown}");
        assert_eq!(rig.confirm(&post, 99).await, Confirmation::NotDone, "another call's mark is another's");
    }
    assert_eq!(rig.written(RAW), 3);
}

#[tokio::test]
async fn an_answer_in_a_message_is_found_again_too() {
    let rig = Rig::start().await;
    let message = call("message.create", json!({ "title": "About your post", "raw": RAW, "users": ["ada"] }));
    let topic = rig.done(&message, 1).await["topic_id"].clone();
    let answer = call("post.create", json!({ "topic_id": topic, "raw": format!("{RAW} More.") }));
    assert_eq!(rig.confirm(&answer, 2).await, Confirmation::NotDone);
    rig.befall("POST", "/posts", CallFault::DropAfterEffect);
    rig.send(&answer, 2).await.unwrap_err();
    assert!(is_done(&rig.confirm(&answer, 2).await));
}

#[tokio::test]
async fn deleting_and_bringing_back_are_seen_and_not_done_twice() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let post = rig.fake.act("ben", Act::Reply { topic, raw: RAW.to_owned(), to: None }).unwrap().post.unwrap();
    for (away, back, path) in [
        (call("post.delete", json!({ "post_id": post })), call("post.recover", json!({ "post_id": post })), "/posts"),
        (call("topic.delete", json!({ "topic_id": topic })), call("topic.recover", json!({ "topic_id": topic })), "/t"),
    ] {
        assert_eq!(rig.confirm(&away, 1).await, Confirmation::NotDone, "{away:?}");
        assert!(is_done(&rig.confirm(&back, 1).await), "{back:?}");
        rig.befall("DELETE", path, CallFault::DropAfterEffect);
        assert!(matches!(rig.send(&away, 1).await, Err(CallError::Unknown { .. })));
        assert!(is_done(&rig.confirm(&away, 1).await));
        assert_eq!(rig.confirm(&back, 1).await, Confirmation::NotDone);
        rig.done(&back, 2).await;
        assert!(is_done(&rig.confirm(&back, 2).await));
    }
    let gone = |change: &&Change| matches!(change, Change::PostDeleted { post: p, .. } if *p == post);
    assert_eq!(rig.fake.changes().iter().filter(gone).count(), 1);
}

#[tokio::test]
async fn topics_are_closed_changed_and_moved() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let shown = |name: &str| rig.fake.topic(topic, None).unwrap()[name].clone();
    for (status, enabled, name) in [
        ("closed", true, "closed"),
        ("closed", false, "closed"),
        ("archived", true, "archived"),
        ("visible", false, "visible"),
    ] {
        rig.done(&call("topic.status", json!({ "topic_id": topic, "status": status, "enabled": enabled })), 1).await;
        assert_eq!(shown(name), json!(enabled), "{status}");
    }
    let change =
        call("topic.update", json!({ "topic_id": topic, "title": "A bench for the orchard", "tags": ["wood"] }));
    let reply = rig.done(&change, 2).await;
    assert_eq!(shown("title"), json!("A bench for the orchard"));
    assert!(shown("tags").to_string().contains("wood"), "{}", shown("tags"));
    assert!(reply["is"].is_string(), "{reply}");
}

#[tokio::test]
async fn members_come_into_groups_and_leave_them() {
    let rig = Rig::start().await;
    let (add, remove) = (
        call("group.add", json!({ "group": "stewards", "user": "ben" })),
        call("group.remove", json!({ "group": "stewards", "user": "ben" })),
    );
    assert_eq!(rig.confirm(&add, 1).await, Confirmation::NotDone);
    rig.befall("PUT", "/groups", CallFault::DropAfterEffect);
    rig.send(&add, 1).await.unwrap_err();
    assert!(is_done(&rig.confirm(&add, 1).await));
    assert_eq!(rig.done(&add, 2).await, json!({ "already": true }));
    rig.done(&remove, 3).await;
    assert!(is_done(&rig.confirm(&remove, 3).await));
    let unknown = rig.send(&call("group.add", json!({ "group": "nobody", "user": "ben" })), 4).await;
    assert!(matches!(unknown, Ok(CallOutcome::Refused { .. })), "{unknown:?}");
}

#[tokio::test]
async fn people_categories_and_groups_are_read() {
    let rig = Rig::start().await;
    let context = rig.context(1);
    let people = rig.platform.people(None, &context).await.unwrap();
    let of = |name: &str| people.people.iter().find(|p| p.external_id == name).unwrap();
    assert!(of("root").is_admin && of("root").name == "Root" && !of("ada").is_admin && of("system").is_bot);
    assert!(!of("mod").is_admin, "who moderates does not administer");
    let end = rig.platform.people(people.next.as_deref(), &context).await.unwrap();
    assert!(end.people.is_empty() && end.next.is_none());
    let channels = rig.platform.channels(None, &context).await.unwrap();
    assert!(channels.channels.iter().any(|c| c.name == "General" && !c.is_private), "{channels:?}");
    let read = async |method: &str, args: Value| rig.platform.read(method, args.as_object().unwrap(), &context).await;
    let members = read("get_users_in_group", json!({ "group": "stewards" })).await.unwrap();
    assert_eq!(members, PolicyValue::List(vec![PolicyValue::str("ada")]));
    assert_eq!(read("get_trust_level", json!({ "user": ["ada"] })).await.unwrap(), PolicyValue::Int(2));
    let groups = read("get_groups", json!({})).await.unwrap();
    assert!(format!("{groups:?}").contains("stewards"), "{groups:?}");
    assert!(matches!(read("get_post", json!({ "post_id": 999 })).await, Err(CallError::Retry { after_ms: 0, .. })));
}

#[tokio::test]
async fn a_free_request_is_answered_with_what_the_forum_says() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let reply =
        rig.done(&call("request.read", json!({ "method": "GET", "path": "latest.json", "values": {} })), 1).await;
    assert_eq!(reply["topic_list"]["topics"][0]["id"], json!(topic), "{reply}");
}
