use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use policykit_core::{
    community::{Installation, InstallationStatus},
    ids::{CommunityId, InstallationId},
};
use secrecy::SecretString;
use uuid::Uuid;

use super::*;
use crate::platform::{Home, RawRequest, Receipt, Reject};

const SECRET: &str = "a secret of ours";

fn read(kind: &str, body: Value) -> Vec<Event> {
    normalise(kind, body.to_string().as_bytes()).unwrap()
}

fn action(events: &[Event]) -> (&str, &JsonMap, Option<&str>, &[String]) {
    let found = events.iter().find_map(|event| match &event.body {
        EventBody::Action { action_type, fields } => {
            Some((action_type.as_str(), fields, event.actor.as_deref(), event.echo_keys.as_slice()))
        }
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{events:?}"))
}

fn triggers(events: &[Event]) -> Vec<&str> {
    let of = |event: &'_ Event| match &event.body {
        EventBody::Trigger { event_type, .. } => Some(event_type.clone()),
        _ => None,
    };
    events.iter().filter_map(of).map(|name| Box::leak(name.into_boxed_str()) as &str).collect()
}

fn a_post() -> Value {
    json!({"post": {
        "id": 9, "topic_id": 7, "post_number": 2, "post_type": 1, "user_id": 17, "username": "ada", "raw": "Hello", "cooked": "<p>Hello</p>",
        "topic_archetype": "regular", "topic_title": "Tea", "topic_slug": "tea", "category_id": 4, "version": 1,
        "reply_to_post_number": null, "created_at": "2026-01-02T03:04:05.678Z", "updated_at": "2026-01-02T03:09:05.000Z",
    }})
}

fn with(name: &str, value: Value) -> Value {
    let mut post = a_post();
    post["post"][name] = value;
    post
}

#[test]
fn a_post_is_an_answer_and_the_first_one_a_topic() {
    let events = read("post:post_created", a_post());
    let (kind, fields, actor, keys) = action(&events);
    assert_eq!((kind, actor), (CREATE_POST, Some("#17")));
    assert_eq!((&fields["topic_id"], &fields["post_id"], &fields["raw"]), (&json!(7), &json!(9), &json!("Hello")));
    assert_eq!(keys, ["post:9"]);
    assert_eq!(triggers(&events), ["discourse.post_created"]);
    assert_eq!(events[0].at, Timestamp::from_micros(1_767_323_045_678_000));
    let events = read("post:post_created", with("post_number", json!(1)));
    let (kind, fields, ..) = action(&events);
    assert_eq!((kind, &fields["title"], &fields["category"]), (CREATE_TOPIC, &json!("Tea"), &json!(4)));
}

#[test]
fn what_the_forum_writes_by_itself_is_not_what_somebody_wrote() {
    let events = read("post:post_created", with("post_type", json!(3)));
    assert!(events.iter().all(|event| !matches!(event.body, EventBody::Action { .. })), "{events:?}");
}

#[test]
fn messages_between_members_are_nobodys_business() {
    let of_topic = json!({"topic": {"id": 7, "archetype": "private_message", "title": "secret"}});
    for events in [
        read("post:post_created", with("topic_archetype", json!("private_message"))),
        read("topic:topic_created", of_topic),
    ] {
        assert!(matches!(events.as_slice(), [Event { body: EventBody::Nothing { .. }, .. }]), "{events:?}");
    }
}

#[test]
fn of_edits_and_deletions_nobody_knows_who_did_them() {
    let events = read("post:post_edited", with("version", json!(3)));
    let (kind, fields, actor, _) = action(&events);
    assert_eq!((kind, actor, &fields["revision"], &fields["author"]), (EDIT_POST, None, &json!(3), &json!("ada")));
    let events = read("post:post_destroyed", with("deleted_at", json!("2026-01-03T00:00:00Z")));
    let (kind, fields, actor, keys) = action(&events);
    assert_eq!((kind, actor, &fields["post_id"]), (DELETE_POST, None, &json!(9)));
    assert_eq!(keys, ["post-destroyed:9"]);
    let first = read("post:post_destroyed", with("post_number", json!(1)));
    assert!(first.iter().all(|event| !matches!(event.body, EventBody::Action { .. })), "the topic's event tells of it");
    assert_eq!(first[0].echo_keys, ["first-post-destroyed:7"]);
}

#[test]
fn a_topic_is_edited_closed_opened_and_deleted() {
    let topic = |more: Value| {
        let mut topic = json!({"id": 7, "archetype": "regular", "title": "Tea", "category_id": 4, "tags": [{"id": 1, "name": "b"}, "a"]});
        topic.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "topic": topic })
    };
    let events = read("topic:topic_edited", topic(json!({})));
    let (kind, fields, actor, _) = action(&events);
    assert_eq!((kind, actor, &fields["tags"]), (EDIT_TOPIC, None, &json!(["b", "a"])));
    for (closed, expected, key) in [(true, CLOSE_TOPIC, "topic-closed-on:7"), (false, OPEN_TOPIC, "topic-closed-off:7")]
    {
        let events = read("topic:topic_closed_status_updated", topic(json!({ "closed": closed })));
        let (kind, _, _, keys) = action(&events);
        assert_eq!((kind, keys), (expected, &[key.to_owned()][..]));
    }
    assert!(normalise("topic:topic_closed_status_updated", topic(json!({})).to_string().as_bytes()).is_err());
    assert_eq!(action(&read("topic:topic_destroyed", topic(json!({})))).0, DELETE_TOPIC);
}

#[test]
fn people_and_categories_are_kept_up_to_date() {
    let user = json!({"user": {"id": 5, "username": "ada", "name": "Ada L", "admin": true}});
    let events = read("user:user_updated", user.clone());
    assert!(
        matches!(&events[0].body, EventBody::Person(p) if p.external_id == "#5" && p.name == "ada" && p.is_admin && !p.is_gone)
    );
    let events = read("user:user_destroyed", user);
    assert!(matches!(&events[0].body, EventBody::Person(p) if p.is_gone));
    let events =
        read("category:category_updated", json!({"category": {"id": 4, "name": "Garden", "read_restricted": true}}));
    assert!(matches!(&events[0].body, EventBody::Channel(c) if c.external_id == "4" && c.is_private));
    let events = read("like:post_liked", json!({"like": {"user": {"id": 5}}}));
    assert_eq!(triggers(&events), ["discourse.post_liked"]);
    assert!(normalise("post:post_created", b"{\"topic\":{}}").is_err());
    assert!(normalise("post", b"{}").is_err());
}

#[test]
fn only_what_is_signed_with_the_secret_of_the_installation_is_taken() {
    let installation = Installation {
        id: InstallationId::from_uuid(Uuid::from_u128(1)),
        community: CommunityId::from_uuid(Uuid::from_u128(2)),
        platform: ID.into(),
        external_id: "https://forum.example.org".into(),
        name: "Forum".into(),
        acts_as: vec![],
        settings: JsonMap::new(),
        status: InstallationStatus::Active,
    };
    let credentials: BTreeMap<String, SecretString> = [("webhook_secret".to_owned(), SECRET.into())].into();
    let body = a_post().to_string();
    let signed = |secret: &str, body: &str| {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    };
    let headers = |signature: &str, of: &str| {
        [
            ("x-discourse-event-signature", signature),
            ("x-discourse-event-type", of),
            ("x-discourse-event", "post_created"),
            ("x-discourse-event-id", "77"),
            ("content-type", "application/json"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let take = |headers: &[(String, String)], body: &str, home: bool| {
        let home = home.then_some(Home { installation: &installation, credentials: &credentials });
        receive(RawRequest { headers, body: body.as_bytes(), at: Some("1"), home })
    };
    let good = signed(SECRET, &body);
    let Ok(Receipt::Keep { delivery, .. }) = take(&headers(&good, "post"), &body, true) else { panic!() };
    assert_eq!((delivery.key.as_str(), delivery.kind.as_str()), ("77", "post:post_created"));
    assert_eq!(delivery.external_id, "https://forum.example.org");
    assert_eq!(take(&headers(&good, "ping"), &body, true), Ok(Receipt::Ignore));
    let changed = body.replace("Hello", "Bye");
    for (headers, body, home) in [
        (headers(&signed("another", &body), "post"), body.as_str(), true),
        (headers(&good, "post"), changed.as_str(), true),
        (headers(&good.replace("sha256=", "sha1="), "post"), body.as_str(), true),
        (headers("", "post"), body.as_str(), true),
    ] {
        assert!(matches!(take(&headers, body, home), Err(Reject::Unauthenticated(_))));
    }
    assert!(matches!(take(&headers(&good, "po st"), &body, true), Err(Reject::Malformed(_))));
    assert!(matches!(take(&headers(&good, "post"), &body, false), Err(Reject::NotConfigured(_))));
}

#[test]
fn what_only_some_people_see_is_told_to_nobody_else() {
    let of = |kind: &str, body: Value| read(kind, body).pop().unwrap();
    for (kind, body) in [
        ("chat_message:chat_message_created", json!({"chat_message": {"id": 1, "message": "a secret"}})),
        ("notification:notification_created", json!({"notification": {"id": 1, "data": "a secret"}})),
        (
            "like:post_liked",
            json!({"like": {"post": {"id": 1, "topic_archetype": "private_message", "raw": "a secret"}}}),
        ),
        ("solved:solved_accepted_solution", json!({"solved": {"id": 1, "topic_archetype": "private_message"}})),
    ] {
        let event = of(kind, body);
        assert!(matches!(event.body, EventBody::Nothing { .. }), "{event:?}");
    }
    for (kind, body) in [
        ("reviewable:reviewable_created", json!({"reviewable": {"id": 1, "category_id": 4}})),
        ("assign:assign_assigned", json!({"assign": {"topic_id": 1}})),
        ("solved:solved_accepted_solution", json!({"solved": {"id": 1, "topic_archetype": "regular"}})),
        ("group:group_created", json!({"group": {"id": 1, "name": "hidden", "visibility_level": 4}})),
        ("category:category_created", json!({"category": {"id": 1, "name": "staff", "read_restricted": true}})),
    ] {
        assert_eq!(of(kind, body).heard, Heard::Privately, "{kind}");
    }
    assert_eq!(of("group:group_created", json!({"group": {"id": 1, "visibility_level": 0}})).heard, Heard::Openly);
    let event = of("user:user_created", json!({"user": {"id": 7, "username": "ada", "email": "ada@example.org"}}));
    assert_eq!(event.heard, Heard::Openly);
    assert!(!format!("{event:?}").contains("ada@example.org"), "{event:?}");
}
