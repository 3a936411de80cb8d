//! What a forum tells us: verifying deliveries and reading them as events.
//!
//! Messages between members are told too, and nothing of them is read: they are nobody's but theirs.

mod receive;

use policykit_core::{
    JsonMap, Timestamp,
    community::{Channel, Profile},
    event::{Event, EventBody, Heard, Home},
};
use serde_json::{Value, json};

use super::{
    actions::texts,
    api::digest_of,
    descriptor::{
        CLOSE_TOPIC, CREATE_POST, CREATE_TOPIC, DELETE_POST, DELETE_TOPIC, EDIT_POST, EDIT_TOPIC, ID, OPEN_TOPIC,
    },
    echo, marks,
    people::{account, author, profile},
};
use crate::platform::Unreadable;

pub(super) use receive::receive;

/// What the forum calls messages between members.
const MESSAGE: &str = "private_message";
/// The kind of post that people write; others say that a topic was closed, for instance.
const REGULAR: i64 = 1;

/// What is told of an account and is for administrators.
const OF_ADMINISTRATORS: &[&str] = &[
    "email",
    "secondary_emails",
    "unconfirmed_emails",
    "ip_address",
    "registration_ip_address",
    "external_id",
    "single_sign_on_record",
    "associated_accounts",
];

/// Reads a kept delivery; its kind is the forum's type of event and the event.
pub(super) fn normalise(kind: &str, body: &[u8]) -> Result<Vec<Event>, Unreadable> {
    let (of, event) = kind.split_once(':').ok_or_else(|| Unreadable(format!("`{kind}` is not a kind of delivery")))?;
    let body: Value = serde_json::from_slice(body).map_err(|e| Unreadable(format!("it is not JSON: {e}")))?;
    let data = body.get(of).ok_or_else(|| Unreadable(format!("it holds no `{of}`")))?;
    match of {
        "post" => post(event, data),
        "topic" => topic(event, data),
        _ if is_of_a_message(data) => Ok(vec![nothing("a message between members")]),
        // What is said in a chat is for those who are there, and what somebody is notified of is for them.
        _ if event.starts_with("chat_") || event.starts_with("notification_") => {
            Ok(vec![nothing("what is said in a chat, or somebody alone is told")])
        }
        _ => Ok(others(event, data)),
    }
}

fn post(event: &str, post: &Value) -> Result<Vec<Event>, Unreadable> {
    if str_of(post, "topic_archetype") == Some(MESSAGE) {
        return Ok(vec![nothing("a message between members")]);
    }
    let id = need(post, "id")?;
    let topic = need(post, "topic_id")?;
    let (number, kind) = (int(post, "post_number"), int(post, "post_type").unwrap_or(REGULAR));
    let raw = str_of(post, "raw").map(marks::without).unwrap_or_default();
    let name = str_of(post, "username");
    let wrote = int(post, "user_id").map(account);
    let is_first = number == Some(1);
    let trigger = |keys| told(event, post, trigger_of_post(post, &raw), keys);
    let governed =
        |action_type: &str, fields: Value, keys: Vec<String>| governed(action_type, fields, event, post, keys);
    // What a closing leaves behind, ours too, and what the staff whispers: not what somebody wrote for everybody.
    if kind != REGULAR {
        return Ok(vec![nothing("a line that says what happened to a topic, or one for the staff alone")]);
    }
    Ok(match event {
        "post_created" => {
            let keys = vec![echo::written_key("post", id)];
            // What they are called by now, which policies ask for.
            let mut events: Vec<Event> =
                author(post).map(|person| about_people(event, post, person)).into_iter().collect();
            if is_first {
                let fields = json!({
                    "title": str_of(post, "topic_title"), "raw": raw, "topic_id": topic, "post_id": id,
                    "category": int(post, "category_id"), "tags": post.get("topic_tags"),
                });
                events.push(by(wrote.as_deref(), governed(CREATE_TOPIC, fields, keys.clone())));
            } else {
                let fields = json!({
                    "raw": raw, "topic_id": topic, "post_id": id, "title": str_of(post, "topic_title"),
                    "category": int(post, "category_id"), "reply_to_post_number": int(post, "reply_to_post_number"),
                });
                events.push(by(wrote.as_deref(), governed(CREATE_POST, fields, keys.clone())));
            }
            events.push(by(wrote.as_deref(), trigger(keys)));
            events
        }
        "post_edited" => {
            let said = str_of(post, "raw").unwrap_or_default();
            let keys = echo::edit_keys("post", id, &echo::digest(&[said]));
            let fields = json!({
                "post_id": id, "raw": said, "revision": int(post, "version").unwrap_or(1), "topic_id": topic,
                "author": name,
            });
            vec![governed(EDIT_POST, fields, keys.clone()), trigger(keys)]
        }
        "post_destroyed" if is_first => vec![trigger(vec![echo::about_key("first-post-destroyed", topic)])],
        "post_destroyed" => {
            let keys = vec![echo::about_key("post-destroyed", id)];
            let fields = json!({ "post_id": id, "topic_id": topic, "raw": raw, "author": name });
            vec![governed(DELETE_POST, fields, keys.clone()), trigger(keys)]
        }
        "post_recovered" if is_first => vec![trigger(vec![echo::about_key("first-post-recovered", topic)])],
        "post_recovered" => vec![trigger(vec![echo::about_key("post-recovered", id)])],
        _ => vec![trigger(Vec::new())],
    })
}

fn topic(event: &str, topic: &Value) -> Result<Vec<Event>, Unreadable> {
    if str_of(topic, "archetype") == Some(MESSAGE) {
        return Ok(vec![nothing("a message between members")]);
    }
    let id = need(topic, "id")?;
    let trigger = |keys| told(event, topic, trigger_of_topic(topic), keys);
    let governed =
        |action_type: &str, fields: Value, keys: Vec<String>| governed(action_type, fields, event, topic, keys);
    Ok(match event {
        "topic_created" => {
            let opened = topic.get("created_by").and_then(|by| int(by, "id")).map(account);
            vec![by(opened.as_deref(), trigger(vec![echo::written_key("topic", id)]))]
        }
        "topic_edited" => {
            let keys = echo::edit_keys("topic", id, &digest_of(topic));
            let fields = json!({
                "topic_id": id, "title": str_of(topic, "title"), "category": int(topic, "category_id"),
                "tags": texts(topic.get("tags")),
            });
            vec![governed(EDIT_TOPIC, fields, keys.clone()), trigger(keys)]
        }
        "topic_destroyed" => {
            let keys = vec![echo::about_key("topic-destroyed", id)];
            let fields = json!({ "topic_id": id, "title": str_of(topic, "title") });
            vec![governed(DELETE_TOPIC, fields, keys.clone()), trigger(keys)]
        }
        "topic_recovered" => vec![trigger(vec![echo::about_key("topic-recovered", id)])],
        "topic_closed_status_updated" => {
            let closed =
                flag(topic, "closed").ok_or_else(|| Unreadable("it does not say whether it is closed".to_owned()))?;
            let keys = vec![echo::about_key(&echo::status_word("closed", closed), id)];
            let action_type = if closed { CLOSE_TOPIC } else { OPEN_TOPIC };
            vec![governed(action_type, json!({ "topic_id": id }), keys.clone()), trigger(keys)]
        }
        "topic_archived_status_updated" | "topic_visible_status_updated" => {
            let what = if event.starts_with("topic_archived") { "archived" } else { "visible" };
            let keys = flag(topic, what).map(|on| echo::about_key(&echo::status_word(what, on), id));
            vec![trigger(keys.into_iter().collect())]
        }
        _ => vec![trigger(Vec::new())],
    })
}

/// What is no topic and no post.
fn others(event: &str, data: &Value) -> Vec<Event> {
    let mut events = Vec::new();
    let at = moment(data.get("updated_at")).or_else(|| moment(data.get("created_at"))).unwrap_or_default();
    let plain = |body| Event { actor: None, at, echo_keys: Vec::new(), heard: Heard::Openly, home: Home::Here, body };
    if event.starts_with("user_")
        && let Some(person) = profile(data)
    {
        let is_gone = person.is_gone || event == "user_destroyed";
        events.push(plain(EventBody::Person(Profile { is_gone, ..person })));
    }
    if matches!(event, "category_created" | "category_updated")
        && let (Some(id), Some(name)) = (int(data, "id"), str_of(data, "name"))
    {
        events.push(plain(EventBody::Channel(Channel {
            external_id: id.to_string(),
            name: name.to_owned(),
            is_private: flag(data, "read_restricted").unwrap_or(false),
        })));
    }
    let mut shown = data.as_object().cloned().unwrap_or_default();
    // The forum shows these to its administrators alone.
    shown.retain(|name, _| !OF_ADMINISTRATORS.contains(&name.as_str()));
    events.push(told(event, data, shown, Vec::new()));
    events
}

fn trigger_of_post(post: &Value, raw: &str) -> JsonMap {
    let mut data = post.as_object().cloned().unwrap_or_default();
    // As people read it: the text is there twice, and one of them is markup.
    data.remove("cooked");
    data.insert("raw".to_owned(), raw.into());
    data.insert("url".to_owned(), path_of_post(post).into());
    data
}

fn trigger_of_topic(topic: &Value) -> JsonMap {
    let mut data = topic.as_object().cloned().unwrap_or_default();
    data.insert("tags".to_owned(), json!(texts(topic.get("tags"))));
    data.insert("category".to_owned(), int(topic, "category_id").into());
    let slug = str_of(topic, "slug").unwrap_or("-");
    data.insert("url".to_owned(), int(topic, "id").map(|id| format!("/t/{slug}/{id}")).into());
    data
}

fn path_of_post(post: &Value) -> Option<String> {
    let (topic, number) = (int(post, "topic_id")?, int(post, "post_number")?);
    Some(format!("/t/{}/{topic}/{number}", str_of(post, "topic_slug").unwrap_or("-")))
}

/// Whether something happened to a message between members, or to something in one.
fn is_of_a_message(data: &Value) -> bool {
    [Some(data), data.get("post"), data.get("topic")].into_iter().flatten().any(|of| archetype(of) == Some(MESSAGE))
}

fn archetype(of: &Value) -> Option<&str> {
    str_of(of, "topic_archetype").or_else(|| str_of(of, "archetype"))
}

/// Who can read it on the forum: what is said, whoever sees its category. Who there is and where people talk everybody may know,
/// but for what is hidden. Of anything else it is not known whom the forum shows it to.
fn heard(event: &str, of: &Value) -> Heard {
    let is = |kinds: &[&str]| kinds.iter().any(|kind| event.starts_with(kind));
    match int(of, "category_id") {
        Some(category) if is(&["post_", "topic_"]) && archetype(of) != Some(MESSAGE) => Heard::In(category.to_string()),
        _ if is(&["post_", "topic_"]) => Heard::Privately,
        _ if is(&["user_", "tag_"]) => Heard::Openly,
        _ if is(&["group_"]) && int(of, "visibility_level") == Some(0) => Heard::Openly,
        _ if is(&["category_"]) && flag(of, "read_restricted") == Some(false) => Heard::Openly,
        _ => Heard::Privately,
    }
}

/// An event of which the forum does not tell who did it.
fn governed(action_type: &str, fields: Value, event: &str, data: &Value, echo_keys: Vec<String>) -> Event {
    let fields = if let Value::Object(fields) = fields { fields } else { JsonMap::new() };
    let body = EventBody::Action { action_type: action_type.to_owned(), fields };
    Event { actor: None, at: happened(event, data), echo_keys, heard: heard(event, data), home: Home::Here, body }
}

fn told(event: &str, of: &Value, data: JsonMap, echo_keys: Vec<String>) -> Event {
    let body = EventBody::Trigger { event_type: format!("{ID}.{event}"), data };
    Event { actor: None, at: happened(event, of), echo_keys, heard: heard(event, of), home: Home::Here, body }
}

fn about_people(event: &str, of: &Value, person: Profile) -> Event {
    let body = EventBody::Person(person);
    Event { actor: None, at: happened(event, of), echo_keys: Vec::new(), heard: Heard::Openly, home: Home::Here, body }
}

fn by(actor: Option<&str>, event: Event) -> Event {
    Event { actor: actor.map(str::to_owned), ..event }
}

fn nothing(reason: &str) -> Event {
    let body = EventBody::Nothing { reason: reason.to_owned() };
    Event { actor: None, at: Timestamp::default(), echo_keys: Vec::new(), heard: Heard::Openly, home: Home::Here, body }
}

/// When it happened, as far as what it happened to tells.
fn happened(event: &str, data: &Value) -> Timestamp {
    let names: &[&str] = match event {
        event if event.ends_with("_created") => &["created_at"],
        event if event.ends_with("_destroyed") => &["deleted_at", "updated_at", "created_at"],
        _ => &["updated_at", "last_posted_at", "created_at"],
    };
    names.iter().find_map(|name| moment(data.get(*name))).unwrap_or_default()
}

/// A moment as the forum writes it.
pub(super) fn moment(value: Option<&Value>) -> Option<Timestamp> {
    let parsed: jiff::Timestamp = value?.as_str()?.parse().ok()?;
    Some(Timestamp::from_micros(parsed.as_microsecond()))
}

fn str_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn int(value: &Value, name: &str) -> Option<i64> {
    value.get(name).and_then(Value::as_i64)
}

fn flag(value: &Value, name: &str) -> Option<bool> {
    value.get(name).and_then(Value::as_bool)
}

fn need(value: &Value, name: &str) -> Result<i64, Unreadable> {
    int(value, name).ok_or_else(|| Unreadable(format!("its `{name}` is missing")))
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
