//! How our own calls are recognised when the forum reports them back.
//!
//! With whichever key PolicyKit acts, it acts as an administrator of the forum, and of much that happens the forum does not
//! tell who did it. So everything is recognised by what was done: by its id where it has one of its own, else by what it is
//! about and what it is like afterwards, for an hour and once.

use policykit_core::{
    call::PlannedCall,
    event::{Event, EventBody},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    actions::{
        CHANGE_TOPIC, NEW_MESSAGE, NEW_POST, NEW_TOPIC, RECOVER_POST, RECOVER_TOPIC, REMOVE_POST, REMOVE_TOPIC,
        REWRITE, STATUS, UNDO_POST, UNDO_TOPIC, id,
    },
    descriptor::{
        CLOSE_TOPIC, CREATE_POST, CREATE_TOPIC, DELETE_POST, DELETE_TOPIC, EDIT_POST, EDIT_TOPIC, OPEN_TOPIC,
    },
};
use crate::platform::{MayEcho, Sent};

/// How long something without an id of its own counts as ours, in milliseconds.
const HOUR_MS: u64 = 3_600_000;
/// Instead of what it is like afterwards, where that could not be seen.
pub(super) const ANYTHING: &str = "*";

/// Texts in short.
pub(super) fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.trim());
        hash.update([0]);
    }
    hex::encode(hash.finalize().get(..16).unwrap_or_default())
}

/// Of what is written: a topic (`topic`) or a post (`post`).
pub(super) fn written_key(what: &str, id: i64) -> String {
    format!("{what}:{id}")
}

/// Of something that happened to a topic or post, such as `post-destroyed`.
pub(super) fn about_key(what: &str, id: i64) -> String {
    format!("{what}:{id}")
}

/// Of an edit of a topic or post, after which it is like this.
pub(super) fn edit_keys(what: &str, id: i64, is: &str) -> Vec<String> {
    vec![edit_key(what, id, is), edit_key(what, id, ANYTHING)]
}

fn edit_key(what: &str, id: i64, is: &str) -> String {
    format!("{what}-edited:{id}:{is}")
}

/// The keys of the events a successful call causes.
pub(super) fn owned_keys(call: &PlannedCall, reply: &Value, sent: Sent) -> Vec<(String, Option<u64>)> {
    let replied = |name: &str| reply.get(name).and_then(Value::as_i64);
    let (topic, post) = (id(&call.args, "topic_id"), id(&call.args, "post_id"));
    let hour = |keys: Vec<Option<String>>| keys.into_iter().flatten().map(|key| (key, Some(HOUR_MS))).collect();
    let of_topic = |what: &str| topic.map(|id| about_key(what, id));
    let of_post = |what: &str| post.map(|id| about_key(what, id));
    let is = reply.get("is").and_then(Value::as_str).unwrap_or(ANYTHING);
    // What came back with other words than it had meanwhile was edited too.
    let words = || {
        let is = reply.get("is").and_then(Value::as_str)?;
        Some(edit_key("post", replied("post_id").or(post)?, is))
    };
    match call.operation.as_str() {
        NEW_TOPIC | NEW_MESSAGE | NEW_POST => {
            let topic = replied("topic_id").filter(|_| call.operation != NEW_POST).map(|id| written_key("topic", id));
            let keys = topic.into_iter().chain(replied("post_id").map(|id| written_key("post", id)));
            keys.map(|key| (key, None)).collect()
        }
        // Nothing was done now, and what is there is somebody's own doing. Unless it was sent before: then it may be ours.
        _ if reply.get("already").is_some() && sent == Sent::Once => Vec::new(),
        // With a topic goes its first post.
        REMOVE_TOPIC => hour(vec![of_topic("topic-destroyed"), of_topic("first-post-destroyed")]),
        RECOVER_TOPIC => hour(vec![of_topic("topic-recovered"), of_topic("first-post-recovered"), words()]),
        REMOVE_POST => hour(vec![of_post("post-destroyed")]),
        RECOVER_POST => hour(vec![of_post("post-recovered"), words()]),
        STATUS => hour(vec![status_of(call).and_then(|what| of_topic(&what))]),
        REWRITE => hour(vec![post.map(|id| edit_key("post", id, is))]),
        CHANGE_TOPIC => hour(vec![topic.map(|id| edit_key("topic", id, is))]),
        // In one revision there may be both, and with one the other was put back and forth.
        UNDO_POST => {
            let there = reply.get("topic_is").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let digests = there.iter().filter_map(Value::as_str);
            let mut keys: Vec<_> =
                digests.map(|is| Some(edit_key("topic", replied("topic_id").or(topic)?, is))).collect();
            if keys.is_empty() || reply.get("is").is_some() {
                keys.push(post.map(|id| edit_key("post", id, is)));
            }
            hour(keys)
        }
        UNDO_TOPIC => {
            let words = reply.get("post_is").and_then(Value::as_str);
            let words = words.zip(replied("post_id")).map(|(is, id)| edit_key("post", id, is));
            hour(vec![topic.map(|id| edit_key("topic", id, is)), words])
        }
        _ => Vec::new(),
    }
}

/// Such as `topic-closed-on`.
fn status_of(call: &PlannedCall) -> Option<String> {
    let what = call.args.get("status").and_then(Value::as_str)?;
    let on = call.args.get("enabled").and_then(Value::as_bool)?;
    Some(status_word(what, on))
}

/// What a change of a status is called in a key.
pub(super) fn status_word(what: &str, on: bool) -> String {
    format!("topic-{what}-{}", if on { "on" } else { "off" })
}

/// Whether an event may be what this call, still unanswered, caused. In doubt it may: the event then only waits until the
/// call is resolved.
pub(super) fn may_echo(event: &Event, call: &PlannedCall) -> MayEcho {
    let operation = call.operation.as_str();
    let (kind, fields) = match &event.body {
        EventBody::Action { action_type, fields } => (action_type.as_str(), fields),
        EventBody::Trigger { event_type, data } => (event_type.as_str(), data),
        _ => return MayEcho::No,
    };
    let same = |in_event: &str, in_call: &str| {
        let there = id(fields, in_event);
        there.is_some() && there == id(&call.args, in_call)
    };
    let may = match kind {
        CREATE_TOPIC | "discourse.topic_created" => matches!(operation, NEW_TOPIC),
        // The first post of a topic that is being opened is in no topic that the call could name.
        CREATE_POST => operation == NEW_POST && same("topic_id", "topic_id"),
        "discourse.post_created" => operation == NEW_TOPIC || operation == NEW_POST && same("topic_id", "topic_id"),
        DELETE_TOPIC => operation == REMOVE_TOPIC && same("topic_id", "topic_id"),
        "discourse.topic_destroyed" => operation == REMOVE_TOPIC && same("id", "topic_id"),
        "discourse.topic_recovered" => operation == RECOVER_TOPIC && same("id", "topic_id"),
        DELETE_POST => operation == REMOVE_POST && same("post_id", "post_id"),
        "discourse.post_destroyed" => {
            operation == REMOVE_POST && same("id", "post_id")
                || operation == REMOVE_TOPIC && same("topic_id", "topic_id")
        }
        "discourse.post_recovered" => {
            operation == RECOVER_POST && same("id", "post_id")
                || operation == RECOVER_TOPIC && same("topic_id", "topic_id")
        }
        EDIT_POST => {
            matches!(operation, REWRITE | UNDO_POST | RECOVER_POST) && same("post_id", "post_id")
                || matches!(operation, RECOVER_TOPIC | UNDO_TOPIC) && same("topic_id", "topic_id")
        }
        "discourse.post_edited" => {
            matches!(operation, REWRITE | UNDO_POST | RECOVER_POST) && same("id", "post_id")
                || matches!(operation, RECOVER_TOPIC | UNDO_TOPIC) && same("topic_id", "topic_id")
        }
        EDIT_TOPIC => matches!(operation, CHANGE_TOPIC | UNDO_TOPIC | UNDO_POST) && same("topic_id", "topic_id"),
        "discourse.topic_edited" => {
            matches!(operation, CHANGE_TOPIC | UNDO_TOPIC | UNDO_POST) && same("id", "topic_id")
        }
        CLOSE_TOPIC | OPEN_TOPIC => operation == STATUS && same("topic_id", "topic_id"),
        other if other.ends_with("_status_updated") => operation == STATUS && same("id", "topic_id"),
        _ => false,
    };
    if may { MayEcho::Yes } else { MayEcho::No }
}

#[cfg(test)]
mod tests {
    use policykit_core::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::discourse::actions::{Switch, call, new_post, post_call, status, topic_call};

    fn keys(call: &PlannedCall, reply: Value, sent: Sent) -> Vec<String> {
        owned_keys(call, &reply, sent).into_iter().map(|(key, _)| key).collect()
    }

    fn event(kind: &str, fields: Value) -> Event {
        Event {
            actor: None,
            at: Timestamp::from_secs(1),
            echo_keys: vec![],
            heard: policykit_core::event::Heard::Openly,
            home: policykit_core::event::Home::Here,
            body: EventBody::Action { action_type: kind.into(), fields: fields.as_object().unwrap().clone() },
        }
    }

    #[test]
    fn what_is_written_is_known_by_its_id_for_ever() {
        let post = new_post(7, "x", None);
        assert_eq!(owned_keys(&post, &json!({"post_id": 9, "topic_id": 7}), Sent::Once), [("post:9".to_owned(), None)]);
        let topic = call(NEW_TOPIC, json!({"title": "x", "raw": "y"}));
        let reply = json!({"post_id": 9, "topic_id": 7});
        assert_eq!(owned_keys(&topic, &reply, Sent::Once), [("topic:7".to_owned(), None), ("post:9".to_owned(), None)]);
    }

    #[test]
    fn what_happens_to_it_is_known_for_an_hour_unless_nothing_happened() {
        let delete = post_call(REMOVE_POST, 9);
        let owned = owned_keys(&delete, &json!({}), Sent::Once);
        assert_eq!(owned, [("post-destroyed:9".to_owned(), Some(HOUR_MS))]);
        assert!(keys(&delete, json!({"already": true}), Sent::Once).is_empty());
        assert_eq!(
            keys(&delete, json!({"already": true}), Sent::Again),
            ["post-destroyed:9"],
            "the first time may have"
        );
        let with = keys(&topic_call(REMOVE_TOPIC, 7), json!({}), Sent::Once);
        assert_eq!(with, ["topic-destroyed:7", "first-post-destroyed:7"], "the forum tells of both");
        assert_eq!(keys(&status(7, "closed", Switch::Off), json!({}), Sent::Once), ["topic-closed-off:7"]);
    }

    #[test]
    fn what_comes_back_with_its_own_words_is_an_edit_of_ours_too() {
        let is = digest(&["I was here"]);
        let post = keys(&post_call(RECOVER_POST, 9), json!({ "post_id": 9, "is": is }), Sent::Once);
        assert!(edit_keys("post", 9, &is).contains(&post[1]), "{post:?}");
        let topic = keys(&topic_call(RECOVER_TOPIC, 7), json!({ "post_id": 9, "is": ANYTHING }), Sent::Once);
        assert!(edit_keys("post", 9, &digest(&["whatever"])).contains(&topic[2]), "{topic:?}");
        assert_eq!(keys(&post_call(RECOVER_POST, 9), json!({}), Sent::Once), ["post-recovered:9"], "it kept its words");
        let edited = event(EDIT_POST, json!({"post_id": 9, "topic_id": 7}));
        assert_eq!(may_echo(&edited, &post_call(RECOVER_POST, 9)), MayEcho::Yes);
        assert_eq!(may_echo(&edited, &topic_call(RECOVER_TOPIC, 7)), MayEcho::Yes);
        assert_eq!(may_echo(&edited, &topic_call(RECOVER_TOPIC, 8)), MayEcho::No);
    }

    #[test]
    fn an_edit_is_known_by_what_is_there_afterwards() {
        let edit = call(UNDO_POST, json!({"post_id": 9, "raw": "x", "revision": 2}));
        let is = digest(&["before"]);
        let owned = keys(&edit, json!({ "is": is }), Sent::Once);
        assert!(edit_keys("post", 9, &digest(&["before\n"])).contains(&owned[0]));
        assert!(!edit_keys("post", 9, &digest(&["other"])).contains(&owned[0]));
        let unseen = keys(&edit, json!({}), Sent::Once);
        assert!(edit_keys("post", 9, &digest(&["other"])).contains(&unseen[0]), "where nobody could look");
    }

    #[test]
    fn only_an_event_of_the_same_kind_about_the_same_thing_may_be_an_echo() {
        let delete = topic_call(REMOVE_TOPIC, 7);
        assert_eq!(may_echo(&event(DELETE_TOPIC, json!({"topic_id": 7})), &delete), MayEcho::Yes);
        assert_eq!(may_echo(&event(DELETE_TOPIC, json!({"topic_id": 8})), &delete), MayEcho::No);
        assert_eq!(may_echo(&event(CLOSE_TOPIC, json!({"topic_id": 7})), &delete), MayEcho::No);
        let post = new_post(7, "x", None);
        assert_eq!(may_echo(&event(CREATE_POST, json!({"topic_id": 7, "post_id": 1})), &post), MayEcho::Yes);
        assert_eq!(may_echo(&event(CREATE_POST, json!({"topic_id": 8, "post_id": 1})), &post), MayEcho::No);
    }
}
