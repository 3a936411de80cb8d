//! Answers have the shape that Discourse publishes: its OpenAPI description, and recorded answers.
//!
//! Skipped with one line when the shared data is absent.

use std::path::PathBuf;

use jsonschema::{ValidationError, error::ValidationErrorKind};
use policykit_platforms::discourse::fake::Act;
use serde_json::{Value, json};

use crate::support::{Forum, WORDS, new_topic};

fn shared(path: &str) -> Option<Value> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/discourse").join(path);
    std::fs::read(file).ok().map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

/// The published description, or nothing and one line.
fn published() -> Option<Value> {
    let openapi = shared("openapi.json");
    if openapi.is_none() {
        eprintln!("skipped: Discourse's published description is not there (../shared/data/discourse/openapi.json)");
    }
    openapi
}

/// Whether all that is described must be there, or only what is there must be as described.
#[derive(Clone, Copy, PartialEq)]
enum Extent {
    Whole,
    Part,
}

/// Fields whose description is wrong or that a plugin or the staff's view adds; each says what is true of it.
fn amend(schema: &mut Value, extent: Extent) {
    match schema {
        Value::Object(map) => {
            if extent == Extent::Part {
                map.remove("required");
            }
            if let Some(Value::Object(properties)) = map.get_mut("properties") {
                // A number, as every recorded answer shows.
                if properties.contains_key("reply_to_post_number") {
                    properties.insert("reply_to_post_number".into(), json!({ "type": ["integer", "null"] }));
                }
                // A member, where there is one.
                if properties.contains_key("deleted_by") {
                    properties.insert("deleted_by".into(), json!({ "type": ["object", "null"] }));
                }
                // Absent for topics that are not bookmarked, and yes or no in recorded answers.
                for name in ["bookmarked", "liked"] {
                    if properties.get(name).is_some_and(|schema| schema["type"] != "integer") {
                        properties.insert(name.into(), json!({ "type": ["boolean", "null"] }));
                    }
                }
                // Empty wherever there is none.
                for name in ["image_url", "timezone"] {
                    if properties.contains_key(name) {
                        properties.insert(name.into(), json!({ "type": ["string", "null"] }));
                    }
                }
                // With a count where there were likes, and without a deed where the viewer can do none.
                if properties.contains_key("actions_summary") && properties.contains_key("post_number") {
                    let action = json!({
                        "type": "object", "required": ["id"], "additionalProperties": false,
                        "properties": {
                            "id": { "type": "integer" }, "count": { "type": "integer" }, "acted": { "type": "boolean" },
                            "can_act": { "type": "boolean" }, "can_undo": { "type": "boolean" },
                        },
                    });
                    properties.insert("actions_summary".into(), json!({ "type": "array", "items": action }));
                }
                // Absent for everything that does not wait for the staff's eyes.
                if properties.contains_key("reviewable_id") {
                    properties.insert("reviewable_id".into(), json!({ "type": ["integer", "null"] }));
                }
                if properties.contains_key("can_edit") && properties.contains_key("post_number") {
                    // By the poll plugin, for the staff, and what older and newer answers have.
                    for name in [
                        "polls",
                        "polls_votes",
                        "locked",
                        "action_code",
                        "raw",
                        "posts_count",
                        "badges_granted",
                        "flair_group_id",
                        "mentioned_users",
                        "post_url",
                    ] {
                        properties.entry(name).or_insert_with(|| json!({}));
                    }
                }
            }
            for value in map.values_mut() {
                amend(value, extent);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| amend(item, extent)),
        _ => {}
    }
}

fn check(openapi: &Value, verb: &str, path: &str, extent: Extent, reply: &Value) -> Vec<String> {
    let responses = &openapi["paths"][path][verb]["responses"]["200"];
    let mut schema = responses["content"]["application/json"]["schema"].clone();
    assert!(schema.is_object(), "{verb} {path} is not described");
    amend(&mut schema, extent);
    let validator = jsonschema::validator_for(&schema).unwrap();
    // Each address is described from one answer. What one of them lacks another names; what none names is invented.
    let text = openapi.to_string();
    let named = |error: &ValidationError<'_>| match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().all(|name| text.contains(&format!("\"{name}\":{{")))
        }
        _ => false,
    };
    let errors = validator.iter_errors(reply).filter(|error| extent == Extent::Whole || !named(error));
    errors.map(|error| format!("{verb} {path} {}: {error}", error.instance_path())).collect()
}

#[tokio::test]
async fn answers_have_the_shape_that_is_published() {
    let Some(openapi) = published() else { return };
    let forum = Forum::start().await;
    let made = forum.post("tom", "/posts.json", new_topic("When do we plant the beans")).await.json();
    let (topic, post) = (made["topic_id"].clone(), made["id"].clone());
    let answer = json!({ "topic_id": topic, "raw": "In May, when the nights are warm.", "reply_to_post_number": 1 });
    let answered = forum.post("tess", "/posts.json", answer).await.json();
    let raw = json!({ "post": { "raw": format!("{WORDS} And of the peas as well."), "edit_reason": "peas" } });
    let edited = forum.put("tom", &format!("/posts/{post}.json"), raw).await.json();
    let renamed =
        forum.put("ada", &format!("/t/-/{topic}.json"), json!({ "title": "When do we plant the peas" })).await.json();
    let status = json!({ "status": "closed", "enabled": "true" });
    let closed = forum.put("max", &format!("/t/{topic}/status.json"), status).await.json();
    let add = forum.put("ada", "/groups/gardeners/members.json", json!({ "usernames": "tom" })).await.json();
    let remove = forum
        .call(
            crate::support::As::Admin("ada"),
            "DELETE",
            "/groups/gardeners/members.json",
            Some(json!({ "usernames": "tom" })),
        )
        .await
        .json();
    let nils = forum.get("max", "/u/nils.json").await.json()["user"]["id"].clone();
    let silence = json!({ "silenced_till": "2030-01-01T08:00:00.000Z", "reason": "spam" });
    let silenced = forum.put("max", &format!("/admin/users/{nils}/silence.json"), silence).await.json();
    let suspend = json!({ "suspend_until": "2030-01-01", "reason": "spam" });
    let suspended = forum.put("max", &format!("/admin/users/{nils}/suspend.json"), suspend).await.json();
    let locked = forum.put("max", &format!("/posts/{post}/locked.json"), json!({ "locked": "true" })).await.json();
    let like = json!({ "id": answered["id"], "post_action_type_id": 2 });
    let liked = forum.post("tom", "/post_actions.json", like).await.json();
    use Extent::{Part, Whole};
    let read = [
        ("/posts/{id}.json", format!("/posts/{post}.json"), Whole),
        ("/t/{id}.json", format!("/t/{topic}.json"), Whole),
        ("/latest.json", "/latest.json".to_owned(), Part),
        ("/c/{slug}/{id}.json", "/c/general/1.json".to_owned(), Part),
        ("/categories.json", "/categories.json".to_owned(), Part),
        ("/c/{id}/show.json", "/c/1/show.json".to_owned(), Part),
        ("/groups.json", "/groups.json".to_owned(), Part),
        ("/groups/{name}.json", "/groups/gardeners.json".to_owned(), Part),
        ("/groups/{name}/members.json", "/groups/gardeners/members.json".to_owned(), Whole),
        ("/u/{username}.json", "/u/tess.json".to_owned(), Part),
        ("/site.json", "/site.json".to_owned(), Part),
        ("/site/basic-info.json", "/site/basic-info.json".to_owned(), Whole),
        ("/directory_items.json", "/directory_items.json?period=all&order=post_count".to_owned(), Whole),
        ("/admin/users/list/{flag}.json", "/admin/users/list/active.json".to_owned(), Whole),
    ];
    let mut wrong = Vec::new();
    for (path, address, extent) in read {
        let reply = forum.get("ada", &address).await;
        assert_eq!(reply.status, 200, "{address}: {}", reply.text);
        wrong.extend(check(&openapi, "get", path, extent, &reply.json()));
    }
    let done = [
        ("post", "/posts.json", made),
        ("post", "/posts.json", answered),
        ("put", "/posts/{id}.json", edited),
        ("put", "/t/-/{id}.json", renamed),
        ("put", "/t/{id}/status.json", closed),
        ("put", "/groups/{id}/members.json", add),
        ("delete", "/groups/{id}/members.json", remove),
        ("put", "/admin/users/{id}/silence.json", silenced),
        ("put", "/admin/users/{id}/suspend.json", suspended),
        ("put", "/posts/{id}/locked.json", locked),
        ("post", "/post_actions.json", liked),
    ];
    for (verb, path, reply) in done {
        wrong.extend(check(&openapi, verb, path, Whole, &reply));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The names of an object's fields.
fn names(value: &Value) -> Vec<&str> {
    value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn polls_have_the_shape_that_was_recorded() {
    let Some(vote) = shared("discourse_api-fixtures/polls_vote.json") else {
        eprintln!(
            "skipped: Discourse's recorded answers are not there (../shared/data/discourse/discourse_api-fixtures)"
        );
        return;
    };
    let forum = Forum::start().await;
    let raw = "Which way?\n\n[poll type=regular results=always public=true]\n* Left\n* Right\n[/poll]";
    let (_, post) = forum.topic("tom", "Which way do we go today", raw);
    let shown = forum.get("tess", &format!("/posts/{post}.json")).await.json();
    let left = shown["polls"][0]["options"][0]["id"].clone();
    let ballot = json!({ "post_id": post, "poll_name": "poll", "options": [left] });
    let voted = forum.put("tess", "/polls/vote.json", ballot.clone()).await.json();
    forum.fake.act("ada", Act::Vote { post, poll: "poll".into(), options: vec!["Right".into()] }).unwrap();
    let voters = forum.get("tom", &format!("/polls/voters.json?post_id={post}&poll_name=poll")).await.json();
    let closed = json!({ "post_id": post, "poll_name": "poll", "status": "closed" });
    let closed = forum.put("tom", "/polls/toggle_status.json", closed).await.json();
    let recorded = shared("discourse_api-fixtures/polls_toggle_status.json").unwrap();
    for (mine, theirs) in [(&voted, &vote), (&closed, &recorded)] {
        let missing: Vec<&str> =
            names(&theirs["poll"]).into_iter().filter(|name| mine["poll"].get(name).is_none()).collect();
        assert_eq!(missing, Vec::<&str>::new());
        assert_eq!(names(&mine["poll"]["options"][0]), names(&theirs["poll"]["options"][0]));
    }
    assert_eq!(voted["vote"], ballot["options"]);
    let recorded = shared("discourse_api-fixtures/polls_voters.json").unwrap();
    let first = |reply: &Value| reply["voters"].as_object().unwrap().values().next().unwrap()[0].clone();
    let sorted = |value: &Value| {
        let mut names: Vec<String> = names(value).into_iter().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(sorted(&first(&voters)), sorted(&first(&recorded)));
}
