//! What we send is what the forum's own description takes, and its own recorded answers are understood.

use std::{collections::BTreeMap, fs, path::PathBuf};

use policykit_core::event::{Event, EventBody};
use policykit_platforms::{Platform, discourse::fake::What};
use serde_json::{Value, json};

use crate::rig::{Rig, call};

fn data(path: &str) -> Option<Value> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/discourse").join(path);
    let Ok(text) = fs::read_to_string(&file) else {
        eprintln!("skipped: {} is absent", file.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// What is no part of the description: what it says of itself in its source, and its own tests use.
const UNDESCRIBED: &[&str] = &[
    "/session/current",
    "/user-api-key/revoke",
    "/admin/api/web_hooks",
    "/t/{id}/recover",
    "/posts/{id}/recover",
    "/posts/{id}/revisions/{id}/revert",
    "/posts/{id}/revisions/latest",
];

/// A path with placeholders instead of ids and names.
fn shape(path: &str) -> String {
    let number = |part: &str| part.chars().all(|c| c.is_ascii_digit()) && !part.is_empty();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let named = parts.iter().enumerate().map(|(index, part)| match (parts[0], index) {
        _ if number(part) => "{id}",
        ("groups", 1) | ("u", 1) => "{name}",
        ("t", 2) if parts[1] == "external_id" => "{id}",
        _ => *part,
    });
    format!("/{}", named.collect::<Vec<_>>().join("/"))
}

#[tokio::test]
async fn every_request_is_one_that_the_forum_describes() {
    let Some(described) = data("openapi.json") else { return };
    let described: BTreeMap<String, Vec<String>> = described["paths"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, verbs)| {
            let path = path.trim_end_matches(".json").replace("{username}", "{name}").replace("{external_id}", "{id}");
            let path = path.replace("/list/{flag}", "/list/active");
            (path, verbs.as_object().unwrap().keys().map(|verb| verb.to_uppercase()).collect())
        })
        .collect();
    let rig = Rig::start().await;
    let topic = rig.topic().topic.unwrap();
    let post = rig.topic_post(topic);
    let raw = "Something that is long enough to be a post.";
    for (id, one) in [
        call("topic.create", json!({ "title": "What we agreed upon", "raw": raw, "tags": ["wood"] })),
        call("post.create", json!({ "topic_id": topic, "raw": format!("{raw} Two.") })),
        call("message.create", json!({ "title": "About your post", "raw": format!("{raw} Three."), "users": ["ada"] })),
        call("post.update", json!({ "post_id": post, "raw": format!("{raw} Four."), "reason": "why" })),
        call("post.lock", json!({ "post_id": post, "locked": true })),
        call("topic.update", json!({ "topic_id": topic, "title": "A bench for the orchard" })),
        call("topic.status", json!({ "topic_id": topic, "status": "closed", "enabled": true })),
        call("group.add", json!({ "group": "stewards", "user": "ben" })),
        call("group.remove", json!({ "group": "stewards", "user": "ben" })),
        call("post.delete", json!({ "post_id": post })),
        call("post.recover", json!({ "post_id": post })),
        call("topic.delete", json!({ "topic_id": topic })),
        call("topic.recover", json!({ "topic_id": topic })),
    ]
    .iter()
    .enumerate()
    {
        let id = 100 + id as u128;
        rig.send(one, id).await.unwrap();
        let _ = rig.confirm(one, id).await;
    }
    let context = rig.context(1);
    rig.platform.people(None, &context).await.unwrap();
    rig.platform.channels(None, &context).await.unwrap();
    for (method, args) in [
        ("get_users_in_group", json!({ "group": "stewards" })),
        ("get_groups", json!({})),
        ("get_topic", json!({ "topic_id": topic })),
        ("get_trust_level", json!({ "user": ["ada"] })),
    ] {
        rig.platform.read(method, args.as_object().unwrap(), &context).await.unwrap();
    }
    let mut seen = 0;
    for entry in rig.fake.record() {
        let What::Call { verb, path, .. } = entry.what else { continue };
        let shape = shape(&path);
        seen += 1;
        let known = described.iter().any(|(described, verbs)| {
            let same = *described == shape || described.replace("{name}", "{id}") == shape.replace("{name}", "{id}");
            same && verbs.contains(&verb)
        });
        assert!(known || UNDESCRIBED.contains(&shape.as_str()), "{verb} {path} ({shape}) is nowhere described");
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn what_is_sent_to_write_is_what_the_description_takes() {
    let Some(described) = data("openapi.json") else { return };
    let takes = |path: &str, verb: &str| {
        let schema = &described["paths"][path][verb]["requestBody"]["content"]["application/json"]["schema"];
        schema["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let posts = takes("/posts.json", "post");
    for name in [
        "title",
        "raw",
        "topic_id",
        "category",
        "target_recipients",
        "archetype",
        "reply_to_post_number",
        "external_id",
    ] {
        assert!(posts.iter().any(|known| known == name), "{name}");
    }
    assert!(
        ["status", "enabled"].iter().all(|name| takes("/t/{id}/status.json", "put").iter().any(|known| known == name))
    );
    assert!(takes("/groups/{id}/members.json", "put").iter().any(|known| known == "usernames"));
}

#[test]
fn recorded_posts_are_read_as_deliveries() {
    let rig = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(post) = data("discourse_api-fixtures/post.json") else { return };
    let (platform, installation) = rig.block_on(async {
        let rig = Rig::start().await;
        (policykit_platforms::discourse::Discourse::new(rig.http()), rig.context(1).installation)
    });
    let body = json!({ "post": post }).to_string();
    let events = platform.normalise("post:post_created", body.as_bytes(), &installation).unwrap();
    assert!(!events.is_empty());
    let author = format!("#{}", post["user_id"]);
    let is = |event: &Event| matches!(event.body, EventBody::Person(_)) || event.actor.as_ref() == Some(&author);
    assert!(events.iter().all(is), "{events:?}");
}
