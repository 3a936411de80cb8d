//! Messages, the event with the most disguises: posts, renames, topics, edits, deletions and what Slack writes itself.

use policykit_core::{
    Timestamp,
    event::{Event, EventBody, Heard, Home},
};
use serde_json::{Value, json};

use super::{Us, nothing, str_of, trigger};
use crate::slack::{
    descriptor::{POST_MESSAGE, RENAME_CONVERSATION, SET_TOPIC},
    echo::{message_key, rename_key},
};

/// Reads an event of type `message`.
pub(super) fn read(event: &Value, at: Timestamp, us: &Us) -> Vec<Event> {
    let actor = str_of(event.get("user")).map(str::to_owned);
    let subtype = str_of(event.get("subtype"));
    if us.is_bot(event) {
        return nothing(actor, at, "our own doing");
    }
    match subtype {
        // A file, a /me and a reply that is shown in the channel too are posts like any other: otherwise attaching a
        // picture would lead past every policy.
        None | Some("file_share" | "me_message" | "thread_broadcast") => posted(event, actor, at),
        Some("channel_name" | "group_name") => renamed(event, actor, at),
        Some("channel_topic" | "group_topic") => topic_set(event, actor, at),
        Some("bot_message") => vec![trigger(actor, at, Vec::new(), "message", event)],
        // Joining, edits and so on: told by events of their own, or not governed.
        Some(other) => nothing(actor, at, format!("messages of subtype `{other}` are not governed")),
    }
}

fn posted(event: &Value, actor: Option<String>, at: Timestamp) -> Vec<Event> {
    let (channel, ts) = (str_of(event.get("channel")), str_of(event.get("ts")));
    let (Some(channel), Some(ts), Some(actor)) = (channel, ts, actor.clone()) else {
        return nothing(actor, at, "the message has no author, channel or timestamp");
    };
    let keys = vec![message_key(channel, ts)];
    let heard = trigger(Some(actor.clone()), at, keys.clone(), "message", event);
    // What somebody writes to the bot alone is no deed in the community, and nobody but them could delete it.
    if str_of(event.get("channel_type")) == Some("im") {
        return vec![heard];
    }
    let fields = json!({
        "text": event.get("text").and_then(Value::as_str).unwrap_or_default(),
        "channel": channel,
        "timestamp": ts,
        "thread_ts": str_of(event.get("thread_ts")).filter(|thread| *thread != ts),
    });
    let fields = fields.as_object().cloned().unwrap_or_default();
    let body = EventBody::Action { action_type: POST_MESSAGE.to_owned(), fields };
    vec![Event { actor: Some(actor), at, echo_keys: keys, heard: Heard::Openly, home: Home::Here, body }, heard]
}

fn renamed(event: &Value, actor: Option<String>, at: Timestamp) -> Vec<Event> {
    let (channel, name) = (str_of(event.get("channel")), str_of(event.get("name")));
    let (Some(channel), Some(name)) = (channel, name) else {
        return nothing(actor, at, "the renaming names no channel or no name");
    };
    let fields = json!({
        "name": name,
        "previous_name": str_of(event.get("old_name")).unwrap_or_default(),
        "channel": channel,
    });
    let fields = fields.as_object().cloned().unwrap_or_default();
    let body = EventBody::Action { action_type: RENAME_CONVERSATION.to_owned(), fields };
    vec![Event { actor, at, echo_keys: vec![rename_key(channel, name)], heard: Heard::Openly, home: Home::Here, body }]
}

fn topic_set(event: &Value, actor: Option<String>, at: Timestamp) -> Vec<Event> {
    let (channel, ts) = (str_of(event.get("channel")), str_of(event.get("ts")));
    let topic = event.get("topic").and_then(Value::as_str);
    let (Some(channel), Some(ts), Some(topic)) = (channel, ts, topic) else {
        return nothing(actor, at, "the new topic has no text, channel or timestamp");
    };
    let fields = json!({ "topic": topic, "channel": channel, "timestamp": ts });
    let fields = fields.as_object().cloned().unwrap_or_default();
    let body = EventBody::Action { action_type: SET_TOPIC.to_owned(), fields };
    // Only the bot sets topics for us, and what it does is recognised by who did it.
    vec![Event { actor, at, echo_keys: Vec::new(), heard: Heard::Openly, home: Home::Here, body }]
}
