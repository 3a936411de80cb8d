use policykit_core::{Value as PolicyValue, call::CallOutcome};
use policykit_platforms::{
    Platform,
    discourse::fake::{Act, CallFault, Change, Setup},
    platform::{CallError, Confirmation, Sent},
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
async fn what_is_written_in_a_topic_that_is_not_listed_is_found_again_too() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    rig.fake.act("root", Act::Status { topic, status: "visible".to_owned(), enabled: false }).unwrap();
    let answer = call("post.create", json!({ "topic_id": topic, "raw": format!("{RAW} More.") }));
    assert_eq!(rig.confirm(&answer, 2).await, Confirmation::NotDone);
    rig.befall("POST", "/posts", CallFault::DropAfterEffect);
    rig.send(&answer, 2).await.unwrap_err();
    assert!(is_done(&rig.confirm(&answer, 2).await));
}

#[tokio::test]
async fn what_its_author_deleted_comes_back_with_its_words_and_the_edit_is_known() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let post = rig.topic_post(topic);
    let said = |post| rig.fake.post(post, None).unwrap()["raw"].as_str().unwrap().to_owned();
    let words = said(post);
    let recover = call("post.recover", json!({ "post_id": post }));
    let owned = |reply: &Value| rig.platform.owned_keys(&recover, reply, Sent::Once);
    rig.fake.act("ben", Act::DeletePost { post }).unwrap();
    assert_ne!(said(post), words);
    let reply = rig.done(&recover, 1).await;
    assert_eq!(said(post), words);
    let told = edited(&rig, post, &words);
    assert!(owned(&reply).iter().any(|(key, _)| told.contains(key)), "{reply}");
    // A crash leaves nothing by which it could be known what was there.
    rig.fake.act("ben", Act::DeletePost { post }).unwrap();
    rig.befall("PUT", "/posts", CallFault::DropAfterEffect);
    rig.send(&recover, 2).await.unwrap_err();
    let Confirmation::Done { reply } = rig.confirm(&recover, 2).await else { panic!() };
    assert!(owned(&reply).iter().any(|(key, _)| told.contains(key)), "{reply}");
    // Deleted by the staff it keeps its words, and whatever is edited then is edited by somebody.
    rig.fake.act("root", Act::DeletePost { post }).unwrap();
    let reply = rig.done(&recover, 3).await;
    assert!(!owned(&reply).iter().any(|(key, _)| told.contains(key)), "{reply}");
    // The same with a topic and its first post.
    let (title, raw) = ("What we agreed upon".to_owned(), "Something else that is long enough.".to_owned());
    let own = rig.fake.act("ada", Act::Topic { title, raw, category: None, tags: Vec::new() }).unwrap();
    let (topic, post) = (own.topic.unwrap(), own.post.unwrap());
    let words = said(post);
    rig.fake.act("ada", Act::DeleteTopic { topic }).unwrap();
    assert_ne!(said(post), words);
    let recover = call("topic.recover", json!({ "topic_id": topic }));
    let reply = rig.done(&recover, 4).await;
    assert_eq!(said(post), words);
    let told = edited(&rig, post, &words);
    let owned = rig.platform.owned_keys(&recover, &reply, Sent::Once);
    assert!(owned.iter().any(|(key, _)| told.contains(key)), "{reply}");
}

/// The keys of the event by which the forum tells that a post says this now.
fn edited(rig: &Rig, post: i64, raw: &str) -> Vec<String> {
    let body = json!({ "post": {
        "id": post, "topic_id": 1, "post_number": 2, "post_type": 1, "raw": raw, "topic_archetype": "regular",
        "category_id": 1, "version": 2,
    }});
    let place = rig.context(1).installation;
    let events = rig.platform.normalise("post:post_edited", body.to_string().as_bytes(), &place).unwrap();
    events.into_iter().flat_map(|event| event.echo_keys).collect()
}

#[tokio::test]
async fn a_status_that_a_topic_has_already_is_nobodys_doing() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    for status in ["closed", "archived"] {
        let set = call("topic.status", json!({ "topic_id": topic, "status": status, "enabled": true }));
        let reply = rig.done(&set, 1).await;
        assert!(!rig.platform.owned_keys(&set, &reply, Sent::Once).is_empty(), "{reply}");
        let reply = rig.done(&set, 2).await;
        assert_eq!(rig.platform.owned_keys(&set, &reply, Sent::Once), [], "nothing was told, so nothing is ours");
        assert_ne!(rig.platform.owned_keys(&set, &reply, Sent::Again), [], "unless the first time was not answered");
    }
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
    let of = |name: &str| people.people.iter().find(|p| p.name == name).unwrap();
    assert!(of("root").is_admin && !of("ada").is_admin && of("system").is_bot);
    assert!(!of("mod").is_admin, "who moderates does not administer");
    let end = rig.platform.people(people.next.as_deref(), &context).await.unwrap();
    assert!(end.people.is_empty() && end.next.is_none());
    let channels = rig.platform.channels(None, &context).await.unwrap();
    assert!(channels.channels.iter().any(|c| c.name == "General" && !c.is_private), "{channels:?}");
    let read = async |method: &str, args: Value| rig.platform.read(method, args.as_object().unwrap(), &context).await;
    let members = read("get_users_in_group", json!({ "group": "stewards" })).await.unwrap();
    let ada = of("ada").external_id.clone();
    assert_eq!(members, PolicyValue::List(vec![PolicyValue::str(&ada)]));
    for whose in ["ada", &ada] {
        assert_eq!(read("get_trust_level", json!({ "user": [whose] })).await.unwrap(), PolicyValue::Int(2));
    }
    let groups = read("get_groups", json!({})).await.unwrap();
    assert!(format!("{groups:?}").contains("stewards"), "{groups:?}");
    assert!(matches!(read("get_post", json!({ "post_id": 999 })).await, Err(CallError::Retry { after_ms: 0, .. })));
}

#[tokio::test]
async fn whoever_is_meant_by_the_number_of_an_account_is_called_by_the_name_it_has_now() {
    let rig = Rig::start().await;
    let people = rig.platform.people(None, &rig.context(1)).await.unwrap().people;
    let ben = people.iter().find(|p| p.name == "ben").unwrap().external_id.clone();
    rig.fake.set_up(Setup::Renamed { username: "ben".to_owned(), to: "benjamin".to_owned() }).unwrap();
    rig.fake.set_up(Setup::Member(crate::rig::member("ben"))).unwrap();
    let add = call("group.add", json!({ "group": "stewards", "user": ben }));
    rig.done(&add, 1).await;
    assert!(is_done(&rig.confirm(&add, 1).await));
    let joined = |change: &Change| matches!(change, Change::GroupJoined { member, .. } if member == "benjamin");
    assert!(rig.fake.changes().iter().any(joined), "{:?}", rig.fake.changes());
    let other = call("group.add", json!({ "group": "stewards", "user": "ben" }));
    assert!(!is_done(&rig.confirm(&other, 2).await), "whoever has the name now is somebody else");
    let message = json!({ "title": "About your post", "raw": RAW, "users": [ben] });
    let topic = rig.done(&call("message.create", message), 3).await["topic_id"].as_i64().unwrap();
    assert!(rig.fake.topic(topic, Some("benjamin")).is_some() && rig.fake.topic(topic, Some("ben")).is_none());
    let topic = rig.topic().topic.unwrap();
    let asks = call("post.create", json!({ "topic_id": topic, "raw": RAW, "asks": [ben] }));
    rig.done(&asks, 4).await;
    assert_eq!(rig.written("Asked are: @benjamin"), 1);
    let found = rig.done(&call("member.find", json!({ "user": "ben" })), 5).await;
    assert!(found["account"].is_string() && found["account"] != json!(ben), "{found}");
}

#[tokio::test]
async fn a_free_request_is_answered_with_what_the_forum_says() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let reply =
        rig.done(&call("request.read", json!({ "method": "GET", "path": "latest.json", "values": {} })), 1).await;
    assert_eq!(reply["topic_list"]["topics"][0]["id"], json!(topic), "{reply}");
}

#[tokio::test]
async fn messages_between_members_are_out_of_reach_of_policies() {
    let rig = Rig::start().await;
    let act =
        Act::Message { title: "Between the two of us".to_owned(), raw: RAW.to_owned(), to: vec!["ben".to_owned()] };
    let secret = rig.fake.act("ada", act).unwrap();
    let (topic, post) = (secret.topic.unwrap(), secret.post.unwrap());
    let context = rig.context(1);
    for (method, args) in [("get_topic", json!({ "topic_id": topic })), ("get_post", json!({ "post_id": post }))] {
        let read = rig.platform.read(method, args.as_object().unwrap(), &context).await;
        assert!(read.as_ref().is_err_and(|error| error.reason().contains("between members")), "{read:?}");
    }
    for (method, path, values) in [
        ("GET", format!("t/{topic}.json"), json!({})),
        ("GET", format!("t/{topic}/posts.json"), json!({ "include_raw": "true" })),
        ("GET", format!("posts/{post}.json"), json!({})),
        ("GET", format!("posts/by_number/{topic}/1.json"), json!({})),
        ("PUT", format!("posts/{post}.json"), json!({ "post": { "raw": "Something else altogether." } })),
        ("POST", "posts.json".to_owned(), json!({ "topic_id": topic, "raw": RAW })),
        ("DELETE", format!("t/{topic}.json"), json!({})),
    ] {
        let operation = if method == "GET" { "request.read" } else { "request.change" };
        let free = call(operation, json!({ "method": method, "path": path, "values": values }));
        let answer = rig.send(&free, 1).await;
        assert!(matches!(&answer, Ok(CallOutcome::Refused { code, .. }) if code == "message"), "{path}: {answer:?}");
    }
    assert_eq!(rig.written(RAW), 1);
}

#[tokio::test]
async fn a_text_that_may_not_call_groups_calls_single_people_alone() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let raw = "Thanks to @ada and to all @Stewards for the bench.";
    rig.done(&call("post.create", json!({ "topic_id": topic, "raw": raw, "careful": true })), 1).await;
    assert_eq!(rig.written("@ada and to all @\u{2060}Stewards"), 1);
    rig.done(&call("post.create", json!({ "topic_id": topic, "raw": format!("{raw} Twice.") })), 2).await;
    assert_eq!(rig.written("@Stewards"), 1, "where the policy says so they are called");
}
