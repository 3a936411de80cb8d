//! Requests that policies word themselves, and what the forum says of a single topic or post.
//!
//! The key is shown messages between members too, and they are nobody's but theirs: whatever a request is about is looked at
//! before it is made, and an answer with a message in it is not given.

use policykit_core::{JsonMap, call::PlannedCall};
use serde_json::{Value, json};

use super::{Trouble, Web, number, send::nothing_done};
use crate::{
    discourse::actions::{id, text},
    http::{Effect, Payload},
};

/// What the forum calls messages between members.
const MESSAGE: &str = "private_message";

/// Makes a request as it stands.
pub(super) async fn free(web: &Web<'_>, call: &PlannedCall) -> Result<Value, Trouble> {
    let path = text(&call.args, "path").unwrap_or_default();
    let values = call.args.get("values").and_then(Value::as_object).cloned().unwrap_or_default();
    let params = || {
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        values.iter().map(|(name, value)| (name.clone(), shown(value))).collect::<Vec<_>>()
    };
    let (payload, effect) = match text(&call.args, "method").as_deref() {
        Some("POST") => (Payload::Json(values.clone().into()), Effect::Change),
        Some("PUT") => (Payload::Put(values.clone().into()), Effect::Change),
        Some("DELETE") => (Payload::Delete(params()), Effect::Change),
        _ => (Payload::Query(params()), Effect::Read),
    };
    for of in about(&path, &values) {
        open_to_members(web, of).await.map_err(nothing_done)?;
    }
    let answer = web.request(&path, payload, effect).await?;
    // What was done is done; what is read is kept from whom it is not for.
    if effect == Effect::Read && holds_message(&answer) { Err(private()) } else { Ok(answer) }
}

/// A topic as the forum shows it.
pub(super) async fn topic(web: &Web<'_>, id: i64) -> Result<Value, Trouble> {
    let topic = web.get(&format!("t/{id}.json"), Vec::new()).await?;
    if is_open(&topic) { Ok(topic) } else { Err(private()) }
}

/// A post as the forum shows it.
pub(super) async fn post(web: &Web<'_>, id: i64) -> Result<Value, Trouble> {
    let post = web.get(&format!("posts/{id}.json"), Vec::new()).await?;
    // The forum does not say of a post whether it is in a message.
    let of = number(&post, "topic_id").ok_or_else(|| Trouble::unknown("the forum does not say where the post is"))?;
    topic(web, of).await.map(|_| post)
}

/// Something that may be a message, or in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Topic(i64),
    Post(i64),
}

/// What a request is about.
fn about(path: &str, values: &JsonMap) -> Vec<Of> {
    let path = path.strip_suffix(".json").unwrap_or(path);
    let parts: Vec<&str> = path.split('/').collect();
    let (first, rest) = parts.split_first().map_or(("", [].as_slice()), |(first, rest)| (*first, rest));
    let numbers = || rest.iter().filter_map(|part| part.parse().ok());
    let mut all: Vec<Of> = match first {
        // `t/7`, `t/a-title/7` and `t/a-title/7/3` alike.
        "t" => numbers().take(1).map(Of::Topic).collect(),
        "posts" if rest.first() == Some(&"by_number") => numbers().take(1).map(Of::Topic).collect(),
        "posts" | "post_actions" => numbers().take(1).map(Of::Post).collect(),
        _ => Vec::new(),
    };
    all.extend(id(values, "topic_id").map(Of::Topic));
    all.extend(id(values, "post_id").map(Of::Post));
    if first == "post_actions" {
        all.extend(id(values, "id").map(Of::Post));
    }
    let posts = values.get("post_ids").or_else(|| values.get("post_ids[]")).and_then(Value::as_array);
    all.extend(posts.into_iter().flatten().filter_map(Value::as_i64).map(Of::Post));
    all
}

async fn open_to_members(web: &Web<'_>, of: Of) -> Result<(), Trouble> {
    match of {
        Of::Topic(id) => topic(web, id).await.map(drop),
        Of::Post(id) => post(web, id).await.map(drop),
    }
}

/// Whether a topic is none that only some members have. What does not say so is taken for one.
fn is_open(topic: &Value) -> bool {
    topic.get("archetype").and_then(Value::as_str).is_some_and(|archetype| archetype != MESSAGE)
}

/// Whether there is a message anywhere in an answer.
fn holds_message(answer: &Value) -> bool {
    match answer {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            matches!(name.as_str(), "archetype" | "topic_archetype") && *value == json!(MESSAGE) || holds_message(value)
        }),
        Value::Array(items) => items.iter().any(holds_message),
        _ => false,
    }
}

fn private() -> Trouble {
    Trouble::Refused {
        status: 403,
        code: "message".to_owned(),
        message: "it is a message between members, which policies do not reach".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_is_about_is_found_wherever_it_stands() {
        let of = |path: &str, values: Value| about(path, values.as_object().unwrap());
        assert_eq!(of("t/a-title/7/3.json", json!({})), [Of::Topic(7)]);
        assert_eq!(of("posts/9/revisions/2.json", json!({})), [Of::Post(9)]);
        assert_eq!(of("posts/by_number/7/2.json", json!({})), [Of::Topic(7)]);
        assert_eq!(of("posts.json", json!({ "topic_id": "7" })), [Of::Topic(7)]);
        assert_eq!(of("post_actions.json", json!({ "id": 9 })), [Of::Post(9)]);
        assert_eq!(of("polls/voters.json", json!({ "post_id": "9" })), [Of::Post(9)]);
        assert_eq!(of("latest.json", json!({})), []);
    }

    #[test]
    fn a_message_is_seen_anywhere_in_an_answer() {
        assert!(holds_message(&json!({ "topic_list": { "topics": [{ "archetype": "private_message" }] } })));
        assert!(!holds_message(&json!({ "topic_list": { "topics": [{ "archetype": "regular" }] } })));
        assert!(!is_open(&json!({ "id": 7 })), "what does not say so may be one");
    }
}
