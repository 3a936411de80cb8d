//! What undoing and doing an action means in calls. Pure; also the arguments every operation takes are built here.

use policykit_core::{JsonMap, call::PlannedCall, snapshot::ActionView};
use serde_json::{Value, json};

use super::descriptor::{
    ARCHIVE_CONVERSATION, JOIN_CONVERSATION, KICK_CONVERSATION, LEAVE_WORKSPACE, PIN_MESSAGE, POST_MESSAGE,
    RENAME_CONVERSATION, RESPONSE_URL, SCHEDULE_MESSAGE, SET_TOPIC, UNARCHIVE_CONVERSATION,
};

/// Operation: set a channel's topic.
pub(super) const TOPIC: &str = "conversations.setTopic";
/// Operation: give a channel another name.
pub(super) const RENAME: &str = "conversations.rename";
/// Instead of `topic`: put back what it was before the message with this id told of a new one.
pub(super) const BEFORE: &str = "before";

/// The call that undoes an action.
pub(super) fn revert(action: &ActionView) -> Option<PlannedCall> {
    let field = |name| text(&action.fields, name);
    let channel = field("channel")?;
    match action.action_type.as_str() {
        POST_MESSAGE => Some(call("chat.delete", json!({ "channel": channel, "ts": field("timestamp")? }))),
        RENAME_CONVERSATION => Some(call(RENAME, json!({ "channel": channel, "name": field("previous_name")? }))),
        // Several people at once are only ever proposed, never reported as one event.
        JOIN_CONVERSATION => field("users")
            .filter(|users| !users.contains(','))
            .map(|user| call("conversations.kick", json!({ "channel": channel, "user": user }))),
        PIN_MESSAGE => Some(call("pins.remove", json!({ "channel": channel, "timestamp": field("timestamp")? }))),
        ARCHIVE_CONVERSATION => Some(call("conversations.unarchive", json!({ "channel": channel }))),
        UNARCHIVE_CONVERSATION => Some(call("conversations.archive", json!({ "channel": channel }))),
        // Slack does not tell what it was: that is looked for when it is put back.
        SET_TOPIC => Some(call(TOPIC, json!({ "channel": channel, BEFORE: field("timestamp")? }))),
        _ => None,
    }
}

/// A message that is posted again is another message.
pub(super) fn stands_as(action: &mut ActionView, reply: &Value) {
    if action.action_type != POST_MESSAGE {
        return;
    }
    for (field, told) in [("channel", "channel"), ("timestamp", "ts")] {
        if let Some(value) = reply.get(told).and_then(Value::as_str) {
            action.fields.insert(field.to_owned(), value.into());
        }
    }
}

/// The call that carries out an action.
pub(super) fn execute(action: &ActionView) -> Option<PlannedCall> {
    let field = |name| text(&action.fields, name);
    let channel = field("channel")?;
    match action.action_type.as_str() {
        POST_MESSAGE => Some(post(&channel, &field("text")?, field("thread_ts").as_deref(), Broadcast::No)),
        RENAME_CONVERSATION => Some(call(RENAME, json!({ "channel": channel, "name": field("name")? }))),
        JOIN_CONVERSATION => {
            let users = action.fields.get("users").map(people).filter(|users| !users.is_empty())?;
            Some(call("conversations.invite", json!({ "channel": channel, "users": users.join(",") })))
        }
        PIN_MESSAGE => Some(call("pins.add", json!({ "channel": channel, "timestamp": field("timestamp")? }))),
        SCHEDULE_MESSAGE => {
            let post_at = action.fields.get("post_at").and_then(whole)?;
            Some(call(
                "chat.scheduleMessage",
                json!({ "channel": channel, "text": field("text")?, "post_at": post_at }),
            ))
        }
        KICK_CONVERSATION => Some(call("conversations.kick", json!({ "channel": channel, "user": field("user")? }))),
        ARCHIVE_CONVERSATION => Some(call("conversations.archive", json!({ "channel": channel }))),
        UNARCHIVE_CONVERSATION => Some(call("conversations.unarchive", json!({ "channel": channel }))),
        SET_TOPIC => action.fields.get("topic").and_then(Value::as_str).map(|topic| set_topic(&channel, topic)),
        _ => None,
    }
}

/// The call that gives a channel this topic; an empty one takes it away.
pub(super) fn set_topic(channel: &str, topic: &str) -> PlannedCall {
    call(TOPIC, json!({ "channel": channel, "topic": topic }))
}

/// The call that answers a voter alone. The address is checked when it is used.
pub(super) fn reply(reply_to: &str, text: &str) -> PlannedCall {
    call(
        RESPONSE_URL,
        json!({
            "url": reply_to,
            "body": { "text": text, "response_type": "ephemeral", "replace_original": false },
        }),
    )
}

/// The call that takes the app out of a workspace; the tokens it needs are not part of it.
pub(super) fn leave() -> PlannedCall {
    call(LEAVE_WORKSPACE, json!({}))
}

/// Whether a reply in a thread is shown in the channel too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broadcast {
    /// Only in the thread.
    No,
    /// Also in the channel.
    Yes,
}

/// A call that posts a text.
pub(super) fn post(channel: &str, text: &str, thread_ts: Option<&str>, broadcast: Broadcast) -> PlannedCall {
    let mut args = json!({ "channel": channel, "text": text });
    if let (Some(thread), Value::Object(map)) = (thread_ts, &mut args) {
        map.insert("thread_ts".to_owned(), thread.into());
        if broadcast == Broadcast::Yes {
            map.insert("reply_broadcast".to_owned(), true.into());
        }
    }
    call("chat.postMessage", args)
}

/// A call with these arguments.
pub(super) fn call(operation: &str, args: Value) -> PlannedCall {
    let args = if let Value::Object(map) = args { map } else { JsonMap::new() };
    PlannedCall { operation: operation.to_owned(), args }
}

/// A text field that is there and not empty; numbers count as their digits.
pub(super) fn text(fields: &JsonMap, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Account ids from a list, or from a text that separates them by commas.
pub(super) fn people(value: &Value) -> Vec<String> {
    let parts: Vec<&str> = match value {
        Value::String(text) => text.split(',').collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut seen: Vec<String> = Vec::new();
    for part in parts.into_iter().map(str::trim).filter(|p| !p.is_empty()) {
        if !seen.iter().any(|s| s == part) {
            seen.push(part.to_owned());
        }
    }
    seen
}

/// A whole number, also when it is written as text.
pub(super) fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use policykit_core::{action::Origin, ids::ActionId, policy::PolicyKind};
    use uuid::Uuid;

    use super::*;

    fn action(action_type: &str, fields: Value) -> ActionView {
        ActionView {
            id: ActionId::from_uuid(Uuid::from_u128(1)),
            action_type: action_type.into(),
            label: String::new(),
            kind: PolicyKind::Platform,
            platform: Some("slack".into()),
            origin: Origin::Platform,
            reverted: false,
            initiator: None,
            fields: fields.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn each_action_that_happens_is_undone_by_its_opposite() {
        let undo = |kind: &str, fields: Value| revert(&action(kind, fields));
        assert_eq!(
            undo(POST_MESSAGE, json!({"channel": "C1", "text": "x", "timestamp": "1.2", "thread_ts": null})),
            Some(call("chat.delete", json!({"channel": "C1", "ts": "1.2"})))
        );
        assert_eq!(
            undo(RENAME_CONVERSATION, json!({"channel": "C1", "name": "new", "previous_name": "old"})),
            Some(call("conversations.rename", json!({"channel": "C1", "name": "old"})))
        );
        assert_eq!(
            undo(JOIN_CONVERSATION, json!({"channel": "C1", "users": "U1"})),
            Some(call("conversations.kick", json!({"channel": "C1", "user": "U1"})))
        );
        assert_eq!(
            undo(PIN_MESSAGE, json!({"channel": "C1", "timestamp": "1.2"})),
            Some(call("pins.remove", json!({"channel": "C1", "timestamp": "1.2"})))
        );
        let there = || json!({"channel": "C1"});
        assert_eq!(undo(ARCHIVE_CONVERSATION, there()), Some(call("conversations.unarchive", there())));
        assert_eq!(undo(UNARCHIVE_CONVERSATION, there()), Some(call("conversations.archive", there())));
        let topic = json!({"channel": "C1", "topic": "tea", "timestamp": "1.2"});
        assert_eq!(undo(SET_TOPIC, topic), Some(call(TOPIC, json!({"channel": "C1", "before": "1.2"}))));
        assert_eq!(undo(SET_TOPIC, json!({"channel": "C1", "topic": "proposed, so there is no message"})), None);
        assert_eq!(undo(SCHEDULE_MESSAGE, json!({"channel": "C1", "text": "x", "post_at": 5})), None);
        assert_eq!(undo(KICK_CONVERSATION, json!({"channel": "C1", "user": "U1"})), None);
        assert_eq!(undo(POST_MESSAGE, json!({"channel": "C1", "text": "proposed, so it has no timestamp"})), None);
    }

    #[test]
    fn each_action_can_be_carried_out_with_the_fields_it_has() {
        let run = |kind: &str, fields: Value| execute(&action(kind, fields));
        assert_eq!(
            run(POST_MESSAGE, json!({"channel": "C1", "text": "x", "timestamp": "1.2", "thread_ts": "0.1"})),
            Some(call("chat.postMessage", json!({"channel": "C1", "text": "x", "thread_ts": "0.1"})))
        );
        assert_eq!(
            run(RENAME_CONVERSATION, json!({"channel": "C1", "name": "new", "previous_name": "old"})),
            Some(call("conversations.rename", json!({"channel": "C1", "name": "new"})))
        );
        assert_eq!(
            run(JOIN_CONVERSATION, json!({"channel": "C1", "users": ["U1", "U2", "U1"]})),
            Some(call("conversations.invite", json!({"channel": "C1", "users": "U1,U2"})))
        );
        assert_eq!(
            run(SCHEDULE_MESSAGE, json!({"channel": "C1", "text": "x", "post_at": "99"})),
            Some(call("chat.scheduleMessage", json!({"channel": "C1", "text": "x", "post_at": 99})))
        );
        assert_eq!(
            run(KICK_CONVERSATION, json!({"channel": "C1", "user": "U1"})),
            Some(call("conversations.kick", json!({"channel": "C1", "user": "U1"})))
        );
        let there = || json!({"channel": "C1"});
        assert_eq!(run(ARCHIVE_CONVERSATION, there()), Some(call("conversations.archive", there())));
        assert_eq!(run(UNARCHIVE_CONVERSATION, there()), Some(call("conversations.unarchive", there())));
        for topic in ["tea", ""] {
            let fields = json!({"channel": "C1", "topic": topic, "timestamp": "1.2"});
            assert_eq!(run(SET_TOPIC, fields), Some(call(TOPIC, json!({"channel": "C1", "topic": topic}))), "{topic}");
        }
        assert_eq!(run("somethingelse", json!({"channel": "C1"})), None);
    }
}
