//! How our own calls are recognised when Slack reports them back.
//!
//! What the bot user does is recognised by who did it, in `events`. What is done with the administrator's token looks
//! like the administrator's own doing and is recognised by what was done: ids where there are any, else names, for an
//! hour and once.

use policykit_core::{
    call::PlannedCall,
    event::{Event, EventBody},
};
use serde_json::Value;

use super::{
    actions::{RENAME, people, text},
    api::REPLACED,
    descriptor::{ARCHIVE_CONVERSATION, JOIN_CONVERSATION, PIN_MESSAGE, RENAME_CONVERSATION, UNARCHIVE_CONVERSATION},
};
use crate::platform::{MayEcho, Sent};

/// How long something without an id of its own counts as ours, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

pub(super) fn message_key(channel: &str, ts: &str) -> String {
    format!("message:{channel}:{ts}")
}

pub(super) fn rename_key(channel: &str, name: &str) -> String {
    format!("rename:{channel}:{name}")
}

pub(super) fn join_key(channel: &str, user: &str) -> String {
    format!("join:{channel}:{user}")
}

pub(super) fn pin_key(channel: &str, ts: &str) -> String {
    format!("pin:{channel}:{ts}")
}

/// Of a channel that was archived (`archive`) or opened again (`unarchive`).
pub(super) fn archival_key(channel: &str, what: &str) -> String {
    format!("{what}:{channel}")
}

/// The keys of the events a successful call causes.
pub(super) fn owned_keys(call: &PlannedCall, reply: &Value, sent: Sent) -> Vec<(String, Option<u64>)> {
    let replied = |name: &str| reply.get(name).and_then(Value::as_str).map(str::to_owned);
    let channel = replied("channel").or_else(|| text(&call.args, "channel")).unwrap_or_default();
    match call.operation.as_str() {
        "chat.postMessage" => replied("ts").map(|ts| (message_key(&channel, &ts), None)).into_iter().collect(),
        // Nothing was done now, and what is there is somebody's own doing. Unless it was sent before: then it may be ours.
        RENAME if reply.get("already").is_some_and(|already| already == REPLACED) && sent == Sent::Once => Vec::new(),
        RENAME => replied("name")
            .or_else(|| text(&call.args, "name"))
            .map(|name| (rename_key(&channel, &name), Some(HOUR_MS)))
            .into_iter()
            .collect(),
        "conversations.invite" => call
            .args
            .get("users")
            .map(people)
            .unwrap_or_default()
            .iter()
            .map(|user| (join_key(&channel, user), Some(HOUR_MS)))
            .collect(),
        // Where it was so already nothing happened, and the next such event is somebody's own doing. Unless it was sent
        // before: then it may be so by us.
        "conversations.archive" | "conversations.unarchive" if sent == Sent::Once && reply.get("already").is_some() => {
            Vec::new()
        }
        "conversations.archive" => vec![(archival_key(&channel, "archive"), Some(HOUR_MS))],
        "conversations.unarchive" => vec![(archival_key(&channel, "unarchive"), Some(HOUR_MS))],
        "pins.add" => {
            text(&call.args, "timestamp").map(|ts| (pin_key(&channel, &ts), Some(HOUR_MS))).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an event by one of our identities may be what this call, still unanswered, caused.
///
/// In doubt it may: the event then only waits until the call is resolved.
pub(super) fn may_echo(event: &Event, call: &PlannedCall) -> MayEcho {
    let (kind, fields) = match &event.body {
        EventBody::Action { action_type, fields } => (action_type.as_str(), fields),
        EventBody::Trigger { event_type, data } => (event_type.as_str(), data),
        _ => return MayEcho::No,
    };
    let channel = text(fields, "channel").or_else(|| text(fields, "channel_id"));
    if channel.is_none() || channel != text(&call.args, "channel") {
        return MayEcho::No;
    }
    let may = match (kind, call.operation.as_str()) {
        // Slack normalises names in ways of its own, so another spelling may still be ours.
        (RENAME_CONVERSATION, RENAME) => true,
        (JOIN_CONVERSATION | "slack.member_joined_channel", "conversations.invite") => {
            let who = text(fields, "users").or_else(|| text(fields, "user"));
            let invited = call.args.get("users").map(people).unwrap_or_default();
            who.is_some_and(|who| invited.contains(&who))
        }
        (PIN_MESSAGE, "pins.add") => text(fields, "timestamp") == text(&call.args, "timestamp"),
        ("slack.pin_added", "pins.add") => true,
        (ARCHIVE_CONVERSATION | "slack.channel_archive", "conversations.archive")
        | (UNARCHIVE_CONVERSATION | "slack.channel_unarchive", "conversations.unarchive") => true,
        // Messages are posted by the bot alone, whose own events never get here.
        _ => false,
    };
    if may { MayEcho::Yes } else { MayEcho::No }
}

#[cfg(test)]
mod tests {
    use policykit_core::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::slack::actions::call;

    fn action(kind: &str, fields: Value) -> Event {
        Event {
            actor: Some("UADMIN".into()),
            at: Timestamp::from_secs(1),
            echo_keys: vec![],
            heard: policykit_core::event::Heard::Openly,
            home: policykit_core::event::Home::Here,
            body: EventBody::Action { action_type: kind.into(), fields: fields.as_object().unwrap().clone() },
        }
    }

    #[test]
    fn a_renamed_channel_is_known_by_the_name_slack_made_of_it_for_an_hour() {
        let rename = call("conversations.rename", json!({"channel": "C1", "name": "Nice Name"}));
        let keys = owned_keys(&rename, &json!({"channel": "C1", "name": "nice-name"}), Sent::Once);
        assert_eq!(keys, [("rename:C1:nice-name".to_owned(), Some(HOUR_MS))]);
    }

    #[test]
    fn a_posted_message_is_known_by_its_id_for_ever() {
        let post = call("chat.postMessage", json!({"channel": "#general", "text": "x"}));
        assert_eq!(
            owned_keys(&post, &json!({"channel": "C1", "ts": "1.2"}), Sent::Once),
            [("message:C1:1.2".to_owned(), None)]
        );
    }

    #[test]
    fn archiving_is_known_by_channel_and_direction_unless_nothing_happened() {
        let archive = call("conversations.archive", json!({"channel": "C1"}));
        assert_eq!(owned_keys(&archive, &json!({}), Sent::Once), [("archive:C1".to_owned(), Some(HOUR_MS))]);
        assert_eq!(owned_keys(&archive, &json!({"already": "already_archived"}), Sent::Once), []);
        let again = owned_keys(&archive, &json!({"already": "already_archived"}), Sent::Again);
        assert_eq!(again, [("archive:C1".to_owned(), Some(HOUR_MS))], "the first time may have done it");
        let event = |kind: &str| action(kind, json!({"channel": "C1"}));
        assert_eq!(may_echo(&event(ARCHIVE_CONVERSATION), &archive), MayEcho::Yes);
        assert_eq!(may_echo(&event(UNARCHIVE_CONVERSATION), &archive), MayEcho::No);
    }

    #[test]
    fn everybody_invited_is_known() {
        let invite = call("conversations.invite", json!({"channel": "C1", "users": "U1,U2"}));
        let keys: Vec<String> = owned_keys(&invite, &json!({}), Sent::Once).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["join:C1:U1", "join:C1:U2"]);
    }

    #[test]
    fn only_an_event_of_the_same_kind_and_channel_may_be_an_echo() {
        let rename = call("conversations.rename", json!({"channel": "C1", "name": "new"}));
        let event = |channel: &str| action(RENAME_CONVERSATION, json!({"channel": channel, "name": "new"}));
        assert_eq!(may_echo(&event("C1"), &rename), MayEcho::Yes);
        assert_eq!(may_echo(&event("C2"), &rename), MayEcho::No);
        let invite = call("conversations.invite", json!({"channel": "C1", "users": "U1"}));
        assert_eq!(may_echo(&event("C1"), &invite), MayEcho::No);
        let join = |user: &str| action(JOIN_CONVERSATION, json!({"channel": "C1", "users": user}));
        assert_eq!(may_echo(&join("U1"), &invite), MayEcho::Yes);
        assert_eq!(may_echo(&join("U2"), &invite), MayEcho::No);
        let post = call("chat.postMessage", json!({"channel": "C1", "text": "x"}));
        assert_eq!(may_echo(&action("slackpostmessage", json!({"channel": "C1", "text": "x"})), &post), MayEcho::No);
    }
}
