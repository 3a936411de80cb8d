//! Edits and their history, deletion and its end.

use policykit_platforms::discourse::fake::{Act, Change};
use serde_json::json;

use crate::support::{Forum, WORDS};

const OTHER: &str = "These are other words than those that stood here.";

#[tokio::test]
async fn authors_edit_without_a_trace_for_a_while_and_the_staff_never() {
    let forum = Forum::start().await;
    let (_, post) = forum.topic("tom", "When do we plant the beans", WORDS);
    let path = format!("/posts/{post}.json");
    let edit = |raw: &str| json!({ "post": { "raw": raw, "edit_reason": "better" } });
    assert_eq!(forum.put("tom", &path, edit(OTHER)).await.json()["post"]["version"], 1);
    assert_eq!(forum.get("ada", &format!("/posts/{post}/revisions/2.json")).await.status, 404);
    let by_staff = format!("{OTHER} Signed by the staff.");
    assert_eq!(forum.put("max", &path, edit(&by_staff)).await.json()["post"]["version"], 2);
    let latest = forum.get("tess", &format!("/posts/{post}/revisions/latest.json")).await.json();
    assert_eq!((latest["username"].clone(), latest["current_revision"].clone()), (json!("max"), json!(2)));
    assert_eq!(latest["edit_reason"], "better");
    forum.later(301);
    assert_eq!(forum.put("tom", &path, edit(WORDS)).await.json()["post"]["version"], 3);
    assert_eq!(forum.put("tess", &path, edit(OTHER)).await.status, 403);
    let empty = forum.put("tom", &path, json!({ "raw": OTHER })).await;
    assert_eq!((empty.status, empty.error()), (400, "param is missing or the value is empty: post".to_owned()));
}

#[tokio::test]
async fn the_staff_puts_an_earlier_state_in_force_again() {
    let forum = Forum::start().await;
    let (topic, post) = forum.topic("tom", "When do we plant the beans", WORDS);
    forum.later(600);
    forum.fake.act("tom", Act::Edit { post, raw: OTHER.into(), reason: None }).unwrap();
    forum.later(600);
    forum.fake.act("tom", Act::Rename { topic, title: "When do we plant the peas".into() }).unwrap();
    let revert = |number: u8| format!("/posts/{post}/revisions/{number}/revert.json");
    assert_eq!(forum.put("tom", &revert(3), json!({})).await.status, 404, "only the staff");
    let reverted = forum.put("max", &revert(3), json!({})).await;
    assert_eq!(reverted.json()["topic"]["title"], "When do we plant the beans", "{}", reverted.text);
    let reverted = forum.put("max", &revert(2), json!({})).await.json();
    assert_eq!((reverted["post"]["raw"].clone(), reverted["post"]["version"].clone()), (json!(WORDS), json!(5)));
    assert_eq!(reverted["post"]["edit_reason"], "reverted to version #1");
    let again = forum.put("max", &revert(2), json!({})).await;
    assert_eq!(again.status, 422, "{}", again.text);
}

#[tokio::test]
async fn what_the_staff_deletes_is_gone_for_others_and_comes_back_as_it_was() {
    let forum = Forum::start().await;
    let (topic, _) = forum.topic("tom", "When do we plant the beans", WORDS);
    let answer = forum.reply("tess", topic, OTHER);
    let path = format!("/posts/{answer}.json");
    assert_eq!(forum.delete("tom", &path).await.status, 403);
    let deleted = forum.delete("max", &path).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (200, ""));
    assert_eq!(forum.get("tess", &path).await.status, 404);
    let seen = forum.get("ada", &path).await.json();
    assert_eq!(seen["deleted_by"]["username"], "max");
    assert!(seen["deleted_at"].is_string());
    assert_eq!(forum.delete("max", &path).await.status, 403, "once");
    assert_eq!(forum.put("tess", &format!("/posts/{answer}/recover.json"), json!({})).await.status, 404);
    let back = forum.put("ada", &format!("/posts/{answer}/recover.json"), json!({})).await;
    assert_eq!((back.status, back.json()["raw"].clone()), (200, json!(OTHER)));
    assert_eq!(forum.get("tess", &path).await.status, 200);
}

#[tokio::test]
async fn authors_take_their_words_back() {
    let forum = Forum::start().await;
    let (topic, _) = forum.topic("tom", "When do we plant the beans", WORDS);
    let answer = forum.reply("tess", topic, OTHER);
    let path = format!("/posts/{answer}.json");
    assert_eq!(forum.delete("tess", &path).await.status, 200);
    let left = forum.get("tom", &path).await.json();
    assert_eq!((left["raw"].clone(), left["user_deleted"].clone()), (json!("(post deleted by author)"), json!(true)));
    assert!(left["deleted_at"].is_null());
    let back = forum.put("tess", &format!("/posts/{answer}/recover.json"), json!({})).await.json();
    assert_eq!((back["raw"].clone(), back["user_deleted"].clone()), (json!(OTHER), json!(false)));
    let (alone, first) = forum.topic("tess", "Who has the key to the shed", WORDS);
    let path = format!("/t/{alone}.json");
    assert_eq!(forum.delete("tess", &path).await.status, 200, "nobody answered");
    assert_eq!(forum.delete("tess", &path).await.status, 403, "once");
    assert_eq!(forum.put("tess", &format!("/t/{alone}/recover"), json!({})).await.status, 200);
    assert_eq!(forum.fake.post(first, None).unwrap()["raw"], WORDS);
}

#[tokio::test]
async fn a_topic_goes_and_comes_back_with_its_answers() {
    let forum = Forum::start().await;
    let (topic, post) = forum.topic("tom", "When do we plant the beans", WORDS);
    forum.reply("tess", topic, OTHER);
    let path = format!("/t/{topic}.json");
    assert_eq!(forum.delete("tom", &path).await.status, 403, "it was answered");
    assert_eq!(forum.delete("max", &path).await.status, 200);
    assert_eq!(forum.get("tom", &path).await.status, 404);
    assert_eq!(forum.get("tom", &format!("/posts/{post}.json")).await.status, 404);
    let listed = forum.get("max", "/latest.json").await.json();
    assert_eq!(listed["topic_list"]["topics"], json!([]));
    assert_eq!(forum.put("tom", &format!("/t/{topic}/recover"), json!({})).await.status, 404);
    assert_eq!(forum.put("ada", &format!("/t/{topic}/recover"), json!({})).await.status, 200);
    assert_eq!(forum.get("tom", &path).await.json()["posts_count"], 2);
    let user = "ada".to_owned();
    assert!(forum.fake.changes().contains(&Change::TopicRecovered { topic, user }));
}

#[tokio::test]
async fn topics_are_renamed_moved_and_tagged() {
    let forum = Forum::start().await;
    let (topic, _) = forum.topic("tom", "When do we plant the beans", WORDS);
    let path = format!("/t/-/{topic}.json");
    let all = json!({ "title": "when do we plant the peas.", "category_id": 2, "tags": ["Peas", "spring"] });
    assert_eq!(forum.put("nils", &path, all.clone()).await.status, 403);
    let done = forum.put("ada", &path, all).await.json();
    assert_eq!(done["basic_topic"]["title"], "When do we plant the peas");
    let shown = forum.get("tom", &format!("/t/{topic}.json")).await.json();
    assert_eq!(shown["category_id"], 2);
    let tags: Vec<_> = shown["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
    assert_eq!(tags, ["peas", "spring"]);
    let bare = forum.put("ada", &path, json!({ "tags": [""] })).await.json();
    assert_eq!(bare["basic_topic"]["tags"], json!([]));
    assert_eq!(forum.put("ada", &path, json!({ "title": "Short" })).await.status, 422);
    assert_eq!(forum.put("ada", &path, json!({ "category_id": 77 })).await.status, 400);
}

#[tokio::test]
async fn a_locked_post_is_not_edited_by_its_author() {
    let forum = Forum::start().await;
    let (_, post) = forum.topic("tom", "When do we plant the beans", WORDS);
    let lock = |locked: &str| json!({ "locked": locked });
    let path = format!("/posts/{post}/locked.json");
    assert_eq!(forum.put("tom", &path, lock("true")).await.status, 403);
    assert_eq!(forum.put("max", &path, lock("true")).await.json(), json!({ "locked": true }));
    assert!(forum.fake.act("tom", Act::Edit { post, raw: OTHER.into(), reason: None }).is_err());
    forum.put("max", &path, lock("false")).await;
    assert!(forum.fake.act("tom", Act::Edit { post, raw: OTHER.into(), reason: None }).is_ok());
}
