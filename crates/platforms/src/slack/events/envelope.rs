//! Events of the Events API.

use policykit_core::{
    Timestamp,
    community::Channel,
    event::{Event, EventBody, Heard, Home},
};
use serde_json::{Value, json};

use super::{Us, channel, message, moment, nothing, profile, str_of, trigger};
use crate::{
    platform::Unreadable,
    slack::{
        descriptor::{ARCHIVE_CONVERSATION, JOIN_CONVERSATION, PIN_MESSAGE, UNARCHIVE_CONVERSATION},
        echo::{archival_key, join_key, pin_key},
    },
};

/// Reads an `event_callback`.
pub(super) fn read(envelope: &Value, us: &Us) -> Result<Vec<Event>, Unreadable> {
    let event = envelope
        .get("event")
        .filter(|event| event.is_object())
        .ok_or_else(|| Unreadable("`event` is missing".to_owned()))?;
    let kind = str_of(event.get("type")).ok_or_else(|| Unreadable("`event.type` is missing".to_owned()))?;
    let at = str_of(event.get("event_ts"))
        .or_else(|| str_of(event.get("ts")))
        .and_then(moment)
        .or_else(|| envelope.get("event_time").and_then(Value::as_i64).map(Timestamp::from_secs))
        .unwrap_or_default();
    let mut events = match kind {
        "message" => message::read(event, at, us),
        "member_joined_channel" => joined(event, at, us),
        "pin_added" => pinned(event, at, us),
        "channel_archive" | "channel_unarchive" => archived(event, kind, at, us),
        "user_change" | "team_join" => person(event, kind, at),
        "app_uninstalled" => vec![Event {
            actor: None,
            at,
            echo_keys: Vec::new(),
            heard: Heard::Openly,
            home: Home::Here,
            body: EventBody::Uninstalled {
                reason: "the app was removed from the workspace; install it again to go on, the record is kept"
                    .to_owned(),
            },
        }],
        "tokens_revoked" => revoked(event, at, us),
        _ if us.is_bot(event) => nothing(actor(event), at, "our own doing"),
        _ => vec![trigger(actor(event), at, Vec::new(), kind, event)],
    };
    let heard = heard(event, kind);
    let home = home(envelope, event, us);
    for told in &mut events {
        told.home = home;
        told.heard.clone_from(&heard);
    }
    // After everything else, whose places among the events are part of their ids.
    events.extend(channel_named(event, kind, at));
    Ok(events)
}

/// Where whoever did it belongs. Others than our own people are in shared channels alone; of an organisation of several
/// workspaces its people may be told as those of another one elsewhere.
fn home(envelope: &Value, event: &Value, us: &Us) -> Home {
    if envelope.get("is_ext_shared_channel").and_then(Value::as_bool) != Some(true) {
        return Home::Here;
    }
    us.home(["user_team", "source_team"].into_iter().find_map(|name| str_of(event.get(name))))
}

/// Who could hear of an event. Only of messages does the type of the channel say it: with other events it is a letter with
/// which ids of either sort begin.
fn heard(event: &Value, kind: &str) -> Heard {
    let of = |name: &str| event.get(name);
    if let Some(told) = of("channel").filter(|told| told.is_object()) {
        return match channel(told) {
            Some(told) if !told.is_private && !kind.starts_with("group_") => Heard::Openly,
            _ => Heard::Privately,
        };
    }
    let place = str_of(of("channel"))
        .or_else(|| str_of(of("channel_id")))
        .or_else(|| str_of(of("item").and_then(|item| item.get("channel"))));
    match (place, str_of(of("channel_type"))) {
        (_, Some("channel")) if kind == "message" => Heard::Openly,
        // Private channels, conversations of a few, and whatever there will be.
        (_, Some(_)) if kind == "message" => Heard::Privately,
        (Some(place), _) => Heard::In(place.to_owned()),
        (None, _) => Heard::Openly,
    }
}

/// What an event says about a channel's name, whoever gave it: our own doing too.
fn channel_named(event: &Value, kind: &str, at: Timestamp) -> Option<Event> {
    let told = match (kind, str_of(event.get("subtype"))) {
        ("channel_created" | "channel_rename", _) => channel(event.get("channel")?)?,
        ("group_rename", _) => Channel { is_private: true, ..channel(event.get("channel")?)? },
        ("message", Some(subtype @ ("channel_name" | "group_name"))) => Channel {
            external_id: str_of(event.get("channel"))?.to_owned(),
            name: str_of(event.get("name"))?.to_owned(),
            is_private: subtype == "group_name" || str_of(event.get("channel_type")) != Some("channel"),
        },
        // Without its name; that of a private channel is shown to few, and the id serves them.
        ("message", Some("channel_convert_to_private")) => {
            let id = str_of(event.get("channel"))?;
            Channel { external_id: id.to_owned(), name: id.to_owned(), is_private: true }
        }
        _ => return None,
    };
    Some(Event {
        actor: None,
        at,
        echo_keys: Vec::new(),
        heard: Heard::Openly,
        home: Home::Here,
        body: EventBody::Channel(told),
    })
}

/// Account id of who did it; some events carry the whole person.
fn actor(event: &Value) -> Option<String> {
    let user = event.get("user")?;
    str_of(Some(user)).or_else(|| str_of(user.get("id"))).map(str::to_owned)
}

fn joined(event: &Value, at: Timestamp, us: &Us) -> Vec<Event> {
    let (member, channel) = (str_of(event.get("user")), str_of(event.get("channel")));
    let (Some(member), Some(channel)) = (member, channel) else {
        return nothing(None, at, "the event names no member or no channel");
    };
    let inviter = str_of(event.get("inviter"));
    // The bot joins channels by itself to post there; that it was *added* somewhere is a member's doing.
    if inviter.unwrap_or(member) == us.bot_user && !us.bot_user.is_empty() {
        return nothing(Some(us.bot_user.clone()), at, "our own doing");
    }
    let actor = Some(inviter.unwrap_or(member).to_owned());
    let keys = vec![join_key(channel, member)];
    let fields = json!({ "channel": channel, "users": member });
    vec![
        Event {
            actor: actor.clone(),
            at,
            echo_keys: keys.clone(),
            heard: Heard::Openly,
            home: Home::Here,
            body: action(JOIN_CONVERSATION, &fields),
        },
        trigger(actor, at, keys, "member_joined_channel", event),
    ]
}

fn pinned(event: &Value, at: Timestamp, us: &Us) -> Vec<Event> {
    if us.is_bot(event) {
        return nothing(actor(event), at, "our own doing");
    }
    let item = event.get("item");
    let ts = item.and_then(|item| item.get("message")).and_then(|message| str_of(message.get("ts")));
    let channel = str_of(event.get("channel_id")).or_else(|| item.and_then(|item| str_of(item.get("channel"))));
    // Files and other things can be pinned too; only messages are governed.
    let (Some(ts), Some(channel)) = (ts, channel) else {
        return vec![trigger(actor(event), at, Vec::new(), "pin_added", event)];
    };
    let keys = vec![pin_key(channel, ts)];
    let fields = json!({ "channel": channel, "timestamp": ts });
    vec![
        Event {
            actor: actor(event),
            at,
            echo_keys: keys.clone(),
            heard: Heard::Openly,
            home: Home::Here,
            body: action(PIN_MESSAGE, &fields),
        },
        trigger(actor(event), at, keys, "pin_added", event),
    ]
}

fn archived(event: &Value, kind: &str, at: Timestamp, us: &Us) -> Vec<Event> {
    if us.is_bot(event) {
        return nothing(actor(event), at, "our own doing");
    }
    let Some(channel) = str_of(event.get("channel")) else {
        return nothing(actor(event), at, "the event names no channel");
    };
    let (action_type, what) = match kind {
        "channel_archive" => (ARCHIVE_CONVERSATION, "archive"),
        _ => (UNARCHIVE_CONVERSATION, "unarchive"),
    };
    let keys = vec![archival_key(channel, what)];
    let fields = json!({ "channel": channel });
    vec![
        Event {
            actor: actor(event),
            at,
            echo_keys: keys.clone(),
            heard: Heard::Openly,
            home: Home::Here,
            body: action(action_type, &fields),
        },
        trigger(actor(event), at, keys, kind, event),
    ]
}

fn person(event: &Value, kind: &str, at: Timestamp) -> Vec<Event> {
    let Some(person) = event.get("user").and_then(profile) else {
        return nothing(None, at, "the event names no person");
    };
    let actor = Some(person.external_id.clone());
    let mut events = vec![Event {
        actor: actor.clone(),
        at,
        echo_keys: Vec::new(),
        heard: Heard::Openly,
        home: Home::Here,
        body: EventBody::Person(person),
    }];
    // Every change of a status line is a `user_change`; nobody governs by those.
    if kind == "team_join" {
        events.push(trigger(actor, at, Vec::new(), kind, event));
    }
    events
}

fn revoked(event: &Value, at: Timestamp, us: &Us) -> Vec<Event> {
    let tokens = event.get("tokens");
    let of = |kind: &str| -> Vec<&str> {
        let list = tokens.and_then(|tokens| tokens.get(kind)).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let ours = |id: &&str| us.acts_as.iter().any(|us| us == id) || **id == us.bot_user;
    if of("bot").iter().any(ours) {
        return lost(at, "the bot's token was revoked; install the app again");
    }
    if of("oauth").iter().any(ours) {
        return lost(at, "the administrator's token was revoked; install again with a new one");
    }
    nothing(None, at, "tokens of other people were revoked")
}

fn lost(at: Timestamp, reason: &str) -> Vec<Event> {
    vec![Event {
        actor: None,
        at,
        echo_keys: Vec::new(),
        heard: Heard::Openly,
        home: Home::Here,
        body: EventBody::AccessLost { reason: reason.to_owned() },
    }]
}

fn action(action_type: &str, fields: &Value) -> EventBody {
    EventBody::Action { action_type: action_type.to_owned(), fields: fields.as_object().cloned().unwrap_or_default() }
}
