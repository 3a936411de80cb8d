//! Topics and posts: who may write what, and in which words it is refused.

use policykit_platforms::discourse::fake::{Act, Change, Settings, Setup};
use serde_json::json;

use crate::support::{As, Forum, WORDS, new_topic};

#[tokio::test]
async fn a_topic_is_opened_and_answered() {
    let forum = Forum::start().await;
    let made = forum.post("tom", "/posts.json", new_topic("when do we plant the beans")).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let topic = made.json()["topic_id"].as_i64().unwrap();
    assert_eq!(made.json()["post_number"], 1);
    let answer = json!({ "topic_id": topic, "raw": "In May, when the nights are warm.", "reply_to_post_number": 1 });
    let answered = forum.post("tess", "/posts.json", answer).await.json();
    assert_eq!((answered["post_number"].clone(), answered["reply_to_post_number"].clone()), (json!(2), json!(1)));
    let shown = forum.get("tom", &format!("/t/{topic}.json")).await.json();
    assert_eq!(shown["title"], "When do we plant the beans", "Discourse writes titles with a capital");
    assert_eq!(shown["posts_count"], 2);
    assert_eq!(shown["post_stream"]["posts"][1]["username"], "tess");
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_in_discourses_words() {
    let forum = Forum::start().await;
    let refused = [
        (json!({ "title": "Too short", "raw": WORDS }), "Title is too short (minimum is 15 characters)"),
        (
            json!({ "title": "A title of proper length", "raw": "Short." }),
            "Body is too short (minimum is 20 characters)",
        ),
        (json!({ "title": "", "raw": WORDS }), "Title can't be blank"),
    ];
    for (body, error) in refused {
        let reply = forum.post("tom", "/posts.json", body).await;
        assert_eq!(reply.status, 422, "{}", reply.text);
        assert_eq!(reply.json()["action"], "create_post");
        assert_eq!(reply.error(), error);
    }
    let reply = forum.post("tom", "/posts.json", json!({ "title": "A title of proper length" })).await;
    assert_eq!((reply.status, reply.error()), (400, "param is missing or the value is empty: raw".to_owned()));
    assert_eq!(forum.fake.changes(), []);
}

#[tokio::test]
async fn a_title_is_taken_once() {
    let forum = Forum::start().await;
    forum.topic("tom", "When do we plant the beans", WORDS);
    let again = forum.post("ada", "/posts.json", new_topic("WHEN do we plant THE beans")).await;
    assert_eq!((again.status, again.error()), (422, "Title has already been used".to_owned()));
}

#[tokio::test]
async fn members_may_not_repeat_themselves_and_the_staff_may() {
    let forum = Forum::start().await;
    let (topic, _) = forum.topic("tom", "When do we plant the beans", "Please say when you think is best.");
    let answer = json!({ "topic_id": topic, "raw": WORDS });
    assert_eq!(forum.post("tess", "/posts.json", answer.clone()).await.status, 200);
    let again = forum.post("tess", "/posts.json", answer.clone()).await;
    assert_eq!((again.status, again.error()), (422, "Body is too similar to what you recently posted".to_owned()));
    forum.later(301);
    assert_eq!(forum.post("tess", "/posts.json", answer.clone()).await.status, 200, "five minutes are over");
    assert_eq!(forum.post("max", "/posts.json", answer.clone()).await.status, 200);
    assert_eq!(forum.post("max", "/posts.json", answer).await.status, 200);
}

#[tokio::test]
async fn categories_let_in_whom_they_let_in() {
    let forum = Forum::start().await;
    let into = |category: &str, title: &str| json!({ "title": title, "raw": format!("{title}: {WORDS}"), "category": category });
    let beds = forum.post("tess", "/posts.json", into("beds", "Which bed is for the beans")).await;
    assert_eq!(beds.status, 200, "{}", beds.text);
    let refused = forum.post("tom", "/posts.json", into("beds", "Which bed is for the peas")).await;
    assert_eq!((refused.status, refused.json()["error_type"].clone()), (403, json!("invalid_access")));
    let topic = beds.json()["topic_id"].clone();
    assert_eq!(forum.get("tom", &format!("/t/{topic}.json")).await.status, 200, "everyone may read");
    let answer = forum.post("tom", "/posts.json", json!({ "topic_id": topic, "raw": WORDS })).await;
    assert_eq!(answer.status, 422);
    let hidden = forum.post("max", "/posts.json", into("staff", "What the staff has to say")).await.json();
    let path = format!("/t/{}.json", hidden["topic_id"]);
    assert_eq!(forum.get("tess", &path).await.status, 403);
    assert_eq!(forum.call(As::Nobody, "GET", &path, None).await.status, 403);
    assert_eq!(forum.get("max", &path).await.status, 200);
    let seen = forum.get("tom", "/categories.json").await.json();
    let names: Vec<_> =
        seen["category_list"]["categories"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
    assert_eq!(names, ["General", "Beds"]);
}

#[tokio::test]
async fn a_closed_topic_takes_answers_of_the_staff_alone() {
    let forum = Forum::start().await;
    let (topic, _) = forum.topic("tom", "When do we plant the beans", WORDS);
    let close = json!({ "status": "closed", "enabled": "true" });
    let path = format!("/t/{topic}/status.json");
    assert_eq!(forum.put("tom", &path, close.clone()).await.status, 403);
    assert_eq!(forum.put("max", &path, close).await.json()["success"], "OK");
    let answer = json!({ "topic_id": topic, "raw": "One more word about the beans." });
    let refused = forum.post("tess", "/posts.json", answer.clone()).await;
    assert_eq!(refused.status, 422);
    assert!(refused.error().starts_with("Something has gone wrong"), "{}", refused.text);
    assert_eq!(forum.post("max", "/posts.json", answer).await.status, 200);
}

#[tokio::test]
async fn messages_are_seen_by_those_they_are_for() {
    let forum = Forum::start().await;
    let message = json!({
        "title": "About the shed", "raw": "Who has the key to it?", "archetype": "private_message",
        "target_recipients": "tess,max",
    });
    let sent = forum.post("tom", "/posts.json", message.clone()).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    let path = format!("/t/{}.json", sent.json()["topic_id"]);
    assert_eq!(forum.get("tess", &path).await.json()["archetype"], "private_message");
    assert_eq!(forum.get("nils", &path).await.status, 403);
    assert_eq!(forum.post("nils", "/posts.json", message).await.status, 403, "too new");
    assert_eq!(forum.get("tess", "/latest.json").await.json()["topic_list"]["topics"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn posts_of_new_members_wait_where_the_forum_wants_it() {
    let forum = Forum::start().await;
    let settings = Settings { approve_new_members: true, ..Settings::default() };
    forum.fake.set_up(Setup::Settings(Box::new(settings))).unwrap();
    let waits = forum.post("nils", "/posts.json", new_topic("May I have a bed as well")).await;
    assert_eq!((waits.status, waits.json()["action"].clone()), (200, json!("enqueued")));
    assert_eq!(forum.get("tom", "/review.json").await.status, 404);
    let queue = forum.get("max", "/review.json").await.json();
    let id = queue["reviewables"][0]["id"].clone();
    let path = format!("/review/{id}/perform/approve_post?version=0");
    let done = forum.put("max", &path, json!({})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let post = done.json()["reviewable_perform_result"]["created_post_id"].as_i64().unwrap();
    assert_eq!(forum.fake.post(post, None).unwrap()["username"], "nils");
    assert_eq!(forum.put("max", &path, json!({})).await.status, 403, "once");
}

#[tokio::test]
async fn unknown_things_are_not_found() {
    let forum = Forum::start().await;
    for path in ["/t/99.json", "/posts/99.json", "/u/nobody.json", "/groups/none/members.json", "/nothing/here"] {
        let reply = forum.get("ada", path).await;
        assert_eq!((reply.status, reply.json()["error_type"].clone()), (404, json!("not_found")), "{path}");
    }
    let reply = forum
        .post("tom", "/posts.json", json!({ "title": "A title of proper length", "raw": WORDS, "category": 99 }))
        .await;
    assert_eq!(reply.status, 400, "{}", reply.text);
}

#[tokio::test]
async fn groups_are_changed_by_owners_and_administrators() {
    let forum = Forum::start().await;
    let add = |names: &str| json!({ "usernames": names });
    let path = "/groups/gardeners/members.json";
    assert_eq!(forum.put("tom", path, add("tom")).await.status, 403);
    assert_eq!(forum.put("tess", path, add("tom,nils")).await.json()["usernames"], json!(["tom", "nils"]));
    let again = forum.put("ada", path, add("tom")).await;
    assert_eq!((again.status, again.error()), (422, "'tom' is already a member of this group.".to_owned()));
    let members = forum.get("tom", path).await.json();
    assert_eq!(members["meta"]["total"], 3);
    let gone = forum.call(As::Admin("ada"), "DELETE", path, Some(add("tom,max"))).await.json();
    assert_eq!((gone["usernames"].clone(), gone["skipped_usernames"].clone()), (json!(["tom"]), json!(["max"])));
    assert_eq!(forum.put("ada", "/groups/staff/members.json", add("tom")).await.status, 403);
    let changes = forum.fake.changes();
    assert!(changes.contains(&Change::GroupJoined {
        group: "gardeners".into(),
        member: "nils".into(),
        user: "tess".into()
    }));
}

#[tokio::test]
async fn people_at_the_pages_are_held_to_the_same_rules() {
    let forum = Forum::start().await;
    let (topic, post) = forum.topic("tom", "When do we plant the beans", WORDS);
    assert!(forum.fake.act("nils", Act::DeletePost { post }).is_err());
    assert!(forum.fake.act("nils", Act::Rename { topic, title: "When do we plant the peas".into() }).is_err());
    assert!(
        forum.fake.act("tess", Act::Rename { topic, title: "When do we plant the peas".into() }).is_ok(),
        "trust level 3"
    );
    let reply = forum.reply("tess", topic, "In May, when the nights are warm.");
    assert!(forum.fake.act("tess", Act::Like { post: reply }).is_err(), "nobody likes their own");
    assert!(forum.fake.act("tom", Act::Like { post: reply }).is_ok());
}
