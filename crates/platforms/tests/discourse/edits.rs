use std::time::Duration;

use policykit_core::Clock as _;
use policykit_core::{
    call::CallOutcome,
    state::{Force, StateChange, Undoing},
};
use policykit_platforms::{
    Platform,
    discourse::fake::{Act, CallFault, CategorySeed, Settings, Setup},
    platform::{Confirmation, Sent},
};
use serde_json::json;

use crate::rig::{Rig, call, config};

const FIRST: &str = "I propose that we build a bench.";

fn edit(rig: &Rig, post: i64, raw: &str) -> i64 {
    rig.clock.advance(Duration::from_secs(600));
    rig.fake.act("ada", Act::Edit { post, raw: raw.to_owned(), reason: None }).unwrap();
    rig.fake.post(post, None).unwrap()["version"].as_i64().unwrap()
}

fn says(rig: &Rig, post: i64) -> String {
    rig.fake.post(post, None).unwrap()["raw"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_post_said_is_put_back_once_and_nothing_else_is() {
    let rig = Rig::start().await;
    let post = rig.topic().post.unwrap();
    let one = "I propose that we build two benches.";
    let revision = edit(&rig, post, one);
    let undo = call("post.undo_edit", json!({ "post_id": post, "raw": one, "revision": revision }));
    assert_eq!(rig.confirm(&undo, 1).await, Confirmation::NotDone);
    rig.befall("PUT", "/posts", CallFault::DropAfterEffect);
    rig.send(&undo, 1).await.unwrap_err();
    assert_eq!(says(&rig, post), FIRST);
    let Confirmation::Done { reply } = rig.confirm(&undo, 1).await else { panic!() };
    assert!(reply["is"].is_string());
    // Sent again, it leaves alone what is there.
    assert_eq!(rig.done(&undo, 1).await["already"], json!("replaced"));
    assert_eq!(says(&rig, post), FIRST);
}

#[tokio::test]
async fn an_edit_that_something_else_has_replaced_is_left_alone() {
    let rig = Rig::start().await;
    let post = rig.topic().post.unwrap();
    let (one, two) = ("I propose that we build two benches.", "I propose that we build three benches.");
    let revision = edit(&rig, post, one);
    edit(&rig, post, two);
    let undo = call("post.undo_edit", json!({ "post_id": post, "raw": one, "revision": revision }));
    assert_eq!(rig.done(&undo, 1).await["already"], json!("replaced"));
    assert_eq!(says(&rig, post), two);
}

#[tokio::test]
async fn an_earlier_edit_that_does_not_stand_either_does_not_come_back() {
    let rig = Rig::start().await;
    let post = rig.topic().post.unwrap();
    let (one, two) = ("I propose that we build two benches.", "I propose that we build three benches.");
    let first = edit(&rig, post, one);
    let first_at = rig.clock.now();
    let second = edit(&rig, post, two);
    let change = |raw: &str, revision: i64, at, force| StateChange {
        value: raw.to_owned(),
        before: None,
        fields: json!({ "post_id": post, "raw": raw, "revision": revision }).as_object().unwrap().clone(),
        happened_at: at,
        force,
    };
    let mut context = rig.context(1);
    context.undoing = Some(Undoing {
        change: change(two, second, rig.clock.now(), Force::Undone),
        others: vec![change(one, first, first_at, Force::Undone)],
    });
    let undo = call("post.undo_edit", json!({ "post_id": post, "raw": two, "revision": second }));
    rig.platform.send(&undo, &context).await.unwrap();
    assert_eq!(says(&rig, post), FIRST);
}

#[tokio::test]
async fn where_the_forum_keeps_no_revision_it_is_said() {
    let rig = Rig::of(policykit_platforms::discourse::fake::FakeConfig {
        settings: Settings { editing_grace_period_secs: 100_000, ..config().settings },
        ..config()
    })
    .await;
    let post = rig.topic().post.unwrap();
    let one = "I propose that we build two benches.";
    let revision = edit(&rig, post, one);
    assert_eq!(revision, 1);
    let undo = call("post.undo_edit", json!({ "post_id": post, "raw": one, "revision": revision }));
    let told = rig.send(&undo, 1).await.unwrap();
    assert!(matches!(&told, CallOutcome::Refused { code, .. } if code == "no_revision"), "{told:?}");
    assert_eq!(says(&rig, post), one);
}

#[tokio::test]
async fn a_topic_gets_the_title_back_that_it_had() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    rig.clock.advance(Duration::from_secs(600));
    rig.fake.act("ada", Act::Rename { topic, title: "A pond for the garden".to_owned() }).unwrap();
    let now = rig.fake.topic(topic, None).unwrap();
    let args = json!({ "topic_id": topic, "title": now["title"], "category": now["category_id"], "tags": [] });
    let undo = call("topic.undo_edit", args);
    assert_eq!(rig.confirm(&undo, 1).await, Confirmation::NotDone);
    rig.done(&undo, 1).await;
    assert_eq!(rig.fake.topic(topic, None).unwrap()["title"], json!("A bench for the garden"));
    assert!(matches!(rig.confirm(&undo, 1).await, Confirmation::Done { .. }));
    assert_eq!(rig.done(&undo, 1).await["already"], json!("replaced"), "what is there now is left alone");
}

#[tokio::test]
async fn an_edit_of_the_words_is_not_undone_in_place_of_one_of_the_title() {
    let rig = Rig::start().await;
    let acted = rig.topic();
    let (topic, post) = (acted.topic.unwrap(), acted.post.unwrap());
    let one = "I propose that we build two benches.";
    edit(&rig, post, one);
    let now = rig.fake.topic(topic, None).unwrap();
    let args = json!({ "topic_id": topic, "title": now["title"], "category": now["category_id"], "tags": [] });
    let told = rig.send(&call("topic.undo_edit", args), 1).await.unwrap();
    assert!(matches!(&told, CallOutcome::Refused { code, .. } if code == "no_revision"), "{told:?}");
    assert_eq!(says(&rig, post), one);
}

/// A forum on which what the composer saves as two requests is one revision, as on most, and a first post changed so.
async fn changed_in_one_revision() -> (Rig, i64, i64, &'static str) {
    let rig = Rig::of(policykit_platforms::discourse::fake::FakeConfig {
        settings: Settings { editing_grace_period_secs: 300, ..config().settings },
        ..config()
    })
    .await;
    let acted = rig.topic();
    let (topic, post) = (acted.topic.unwrap(), acted.post.unwrap());
    rig.clock.advance(Duration::from_secs(600));
    rig.fake.act("ada", Act::Rename { topic, title: "A pond for the garden".to_owned() }).unwrap();
    let words = "I propose that we dig a pond instead.";
    rig.fake.act("ada", Act::Edit { post, raw: words.to_owned(), reason: None }).unwrap();
    assert_eq!(rig.fake.post(post, None).unwrap()["version"], json!(2), "one revision holds both");
    (rig, topic, post, words)
}

/// What the forum will be heard to say of a topic as it is now.
fn keys_of(rig: &Rig, topic: i64) -> Vec<String> {
    let shown = rig.fake.topic(topic, None).unwrap();
    let body = json!({ "topic": {
        "id": topic, "title": shown["title"], "category_id": shown["category_id"], "tags": shown["tags"], "archetype": "regular",
    }});
    let place = rig.context(1).installation;
    let events = rig.platform.normalise("topic:topic_edited", body.to_string().as_bytes(), &place).unwrap();
    events.into_iter().flat_map(|event| event.echo_keys).collect()
}

#[tokio::test]
async fn undoing_the_words_of_a_first_post_leaves_the_title_as_it_is() {
    let (rig, topic, post, words) = changed_in_one_revision().await;
    let undo = call("post.undo_edit", json!({ "post_id": post, "topic_id": topic, "raw": words, "revision": 2 }));
    let reply = rig.done(&undo, 1).await;
    assert_eq!(says(&rig, post), FIRST);
    assert_eq!(rig.fake.topic(topic, None).unwrap()["title"], json!("A pond for the garden"));
    let owned = rig.platform.owned_keys(&undo, &reply, Sent::Once);
    assert_eq!(owned.len(), 2, "putting back and forth are two edits of the topic: {owned:?}");
    assert!(keys_of(&rig, topic).iter().any(|key| owned.iter().any(|(own, _)| own == key)), "{owned:?}");
}

#[tokio::test]
async fn undoing_a_title_leaves_the_words_of_the_first_post_as_they_are() {
    let (rig, topic, post, words) = changed_in_one_revision().await;
    let now = rig.fake.topic(topic, None).unwrap();
    let args = json!({ "topic_id": topic, "title": now["title"], "category": now["category_id"], "tags": [] });
    let undo = call("topic.undo_edit", args);
    let reply = rig.done(&undo, 1).await;
    assert_eq!(says(&rig, post), words);
    assert_eq!(rig.fake.topic(topic, None).unwrap()["title"], json!("A bench for the garden"));
    assert_eq!(rig.platform.owned_keys(&undo, &reply, Sent::Once).len(), 2, "{reply}");
}

#[tokio::test]
async fn doing_a_title_again_leaves_the_topic_in_the_category_it_has_by_now() {
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let shown = || rig.fake.topic(topic, None).unwrap();
    let (first, old) = (shown()["title"].clone(), shown()["category_id"].clone());
    rig.clock.advance(Duration::from_secs(600));
    rig.fake.act("ada", Act::Rename { topic, title: "A pond for the garden".to_owned() }).unwrap();
    let all = json!({ "topic_id": topic, "title": shown()["title"], "category": old, "tags": [] });
    rig.done(&call("topic.undo_edit", all.clone()), 1).await;
    assert_eq!(shown()["title"], first);
    let made = rig.fake.set_up(Setup::Category(CategorySeed { name: "Ideas".to_owned(), ..CategorySeed::default() }));
    let there = made.unwrap().id.unwrap();
    rig.clock.advance(Duration::from_secs(600));
    rig.fake.act("root", Act::Move { topic, category: "Ideas".to_owned() }).unwrap();
    let mut again = all;
    again["again"] = json!(true);
    rig.done(&call("topic.update", again), 2).await;
    assert_eq!((&shown()["title"], &shown()["category_id"]), (&json!("A pond for the garden"), &json!(there)));
}
