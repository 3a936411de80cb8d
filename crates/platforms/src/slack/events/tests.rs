use std::collections::BTreeMap;

use policykit_core::{
    community::InstallationStatus,
    ids::{CommunityId, InstallationId, ProposalId},
};
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{
    platform::{AppConfig, RawRequest, Receipt, Reject},
    signature,
};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn installation() -> Installation {
    let settings = json!({"bot_user_id": "UBOT", "bot_id": "BBOT", "app_id": "AAPP", "admin_user_id": "UADMIN"});
    Installation {
        id: InstallationId::from_uuid(Uuid::from_u128(3)),
        community: CommunityId::from_uuid(Uuid::from_u128(4)),
        platform: "slack".into(),
        external_id: "T1".into(),
        name: "Team".into(),
        acts_as: vec!["UBOT".into(), "UADMIN".into()],
        settings: settings.as_object().unwrap().clone(),
        status: InstallationStatus::Active,
    }
}

fn app() -> AppConfig {
    AppConfig { settings: BTreeMap::new(), secrets: [("signing_secret".to_owned(), SecretString::from(SECRET))].into() }
}

fn sign(secret: &str, at: i64, body: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{at}:").as_bytes());
    mac.update(body);
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

fn headers(at: i64, signature: &str, content_type: &str) -> Vec<(String, String)> {
    [("content-type", content_type), ("x-slack-request-timestamp", &at.to_string()), ("x-slack-signature", signature)]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .to_vec()
}

fn deliver(body: &[u8], content_type: &str) -> Result<Receipt, Reject> {
    let headers = headers(NOW.secs(), &sign(SECRET, NOW.secs(), body), content_type);
    receive(RawRequest { headers: &headers, body, at: None, home: None }, &app(), NOW)
}

fn form(payload: &Value) -> Vec<u8> {
    serde_urlencoded::to_string([("payload", payload.to_string())]).unwrap().into_bytes()
}

fn click(action_id: &str, value: &str) -> Value {
    json!({
        "type": "block_actions",
        "team": {"id": "T1"},
        "user": {"id": "U7"},
        "container": {"message_ts": "10.5", "channel_id": "C1"},
        "message": {"ts": "10.5"},
        "response_url": "https://hooks.slack.com/actions/T1/1/x",
        "actions": [{"action_id": action_id, "action_ts": "1699999999.5", "value": value}],
    })
}

fn events(event: Value) -> Vec<Event> {
    let envelope =
        json!({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event_time": 7, "event": event});
    normalise(EVENT, envelope.to_string().as_bytes(), &installation()).unwrap()
}

fn is_nothing(events: &[Event]) -> bool {
    events.iter().all(|e| matches!(e.body, EventBody::Nothing { .. }))
}

fn action_of(events: &[Event]) -> (&str, Value) {
    match &events[0].body {
        EventBody::Action { action_type, fields } => (action_type, fields.clone().into()),
        other => panic!("expected an action, got {other:?}"),
    }
}

#[test]
fn a_challenge_is_answered_only_when_it_is_signed() {
    let body = json!({"type": "url_verification", "challenge": "abc", "token": "t"}).to_string().into_bytes();
    assert!(matches!(deliver(&body, "application/json").unwrap(), Receipt::Answer { body, .. } if body == "abc"));
    let headers = headers(NOW.secs(), &sign("other", NOW.secs(), &body), "application/json");
    let forged = receive(RawRequest { headers: &headers, body: &body, at: None, home: None }, &app(), NOW);
    assert!(matches!(forged, Err(Reject::Unauthenticated(_))), "{forged:?}");
}

#[test]
fn an_event_is_kept_under_its_workspace_and_event_id() {
    let body = json!({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": {"type": "message"}});
    let body = body.to_string().into_bytes();
    let Receipt::Keep { delivery, answer } = deliver(&body, "application/json; charset=utf-8").unwrap() else {
        panic!("expected it to be kept")
    };
    assert_eq!((delivery.external_id.as_str(), delivery.key.as_str(), delivery.kind.as_str()), ("T1", "Ev1", EVENT));
    assert_eq!((delivery.body, answer.as_str()), (body, ""));
}

#[test]
fn a_click_is_kept_under_time_person_and_button() {
    let value = json!({"p": ProposalId::from_uuid(Uuid::from_u128(77)), "o": "yes"}).to_string();
    let body = form(&click("policykit_vote:0", &value));
    let Receipt::Keep { delivery, .. } = deliver(&body, "application/x-www-form-urlencoded").unwrap() else {
        panic!("expected it to be kept")
    };
    assert_eq!(delivery.key, "1699999999.5+U7+policykit_vote:0");
    assert_eq!((delivery.external_id.as_str(), delivery.kind.as_str()), ("T1", BLOCK_ACTIONS));
}

#[test]
fn forged_stale_and_unsigned_requests_are_turned_away() {
    let body = json!({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": {}}).to_string();
    let body = body.as_bytes();
    let now = NOW.secs();
    let json = "application/json";
    let mut unsigned = headers(now, "", json);
    unsigned.pop();
    let mut timeless = headers(now, &sign(SECRET, now, body), json);
    timeless.remove(1);
    for (why, headers) in [
        ("another secret", headers(now, &sign("other", now, body), json)),
        ("another body", headers(now, &sign(SECRET, now, b"{}"), json)),
        ("another time", headers(now, &sign(SECRET, now - 1, body), json)),
        ("too old", headers(now - 301, &sign(SECRET, now - 301, body), json)),
        ("from the future", headers(now + 301, &sign(SECRET, now + 301, body), json)),
        ("no version", headers(now, &sign(SECRET, now, body).replace("v0=", ""), json)),
        ("not hexadecimal", headers(now, "v0=xyz", json)),
        ("no signature", unsigned),
        ("no timestamp", timeless),
    ] {
        let result = receive(RawRequest { headers: &headers, body, at: None, home: None }, &app(), NOW);
        assert!(matches!(result, Err(Reject::Unauthenticated(_))), "{why}: {result:?}");
    }
    for at in [now - 300, now + 300] {
        let headers = headers(at, &sign(SECRET, at, body), json);
        assert!(receive(RawRequest { headers: &headers, body, at: None, home: None }, &app(), NOW).is_ok());
    }
}

#[test]
fn without_a_signing_secret_nothing_is_accepted() {
    let headers = headers(NOW.secs(), &sign("", NOW.secs(), b"{}"), "application/json");
    let mut empty = app();
    empty.secrets.insert("signing_secret".into(), SecretString::from(""));
    for app in [AppConfig::default(), empty] {
        let result = receive(RawRequest { headers: &headers, body: b"{}", at: None, home: None }, &app, NOW);
        assert!(matches!(result, Err(Reject::NotConfigured(_))), "{result:?}");
    }
}

#[test]
fn a_signed_body_that_cannot_be_read_is_malformed() {
    let json = "application/json";
    for body in [
        "{",
        "[]",
        "{}",
        r#"{"type":"event_callback"}"#,
        r#"{"type":"event_callback","team_id":"T","event_id":"E"}"#,
        r#"{"type":"strange"}"#,
        r#"{"type":"url_verification"}"#,
    ] {
        let result = deliver(body.as_bytes(), json);
        assert!(matches!(result, Err(Reject::Malformed(_))), "{body}: {result:?}");
    }
    let payload = |p: Value| deliver(&form(&p), "application/x-www-form-urlencoded");
    for bad in [json!({"type": "block_actions"}), click("somebody_elses", "x")] {
        assert!(matches!(payload(bad.clone()), Err(Reject::Malformed(_))), "{bad}");
    }
    assert!(matches!(deliver(b"payload=%7B", "application/x-www-form-urlencoded"), Err(Reject::Malformed(_))));
    assert!(matches!(deliver(b"a=b", "application/x-www-form-urlencoded"), Err(Reject::Malformed(_))));
    assert!(matches!(deliver(b"{}", "text/xml"), Err(Reject::ContentType(t)) if t == "text/xml"));
}

#[test]
fn a_certificate_check_is_answered_unsigned_and_everything_in_it_ignored() {
    let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    let body = b"ssl_check=1&payload=%7B%7D&token=x";
    let receipt = receive(RawRequest { headers: &headers, body, at: None, home: None }, &app(), NOW);
    assert_eq!(receipt, Ok(Receipt::Ignore));
}

#[test]
fn a_message_is_an_action_and_a_trigger() {
    let heard = events(
        json!({"type": "message", "user": "U1", "channel": "C1", "text": "hi", "ts": "1700000000.000200", "thread_ts": "1.0"}),
    );
    assert_eq!(heard.len(), 2);
    let fields = json!({"text": "hi", "channel": "C1", "timestamp": "1700000000.000200", "thread_ts": "1.0"});
    assert_eq!(action_of(&heard), ("slackpostmessage", fields));
    assert_eq!(heard[0].actor.as_deref(), Some("U1"));
    assert_eq!(heard[0].at, Timestamp::from_micros(1_700_000_000_000_200));
    assert_eq!(heard[0].echo_keys, ["message:C1:1700000000.000200"]);
    assert!(matches!(&heard[1].body, EventBody::Trigger { event_type, .. } if event_type == "slack.message"));
}

#[test]
fn files_me_messages_and_broadcast_replies_are_posts_too() {
    for subtype in ["file_share", "me_message", "thread_broadcast"] {
        let heard = events(
            json!({"type": "message", "subtype": subtype, "user": "U1", "channel": "C1", "text": "", "ts": "1.2"}),
        );
        assert_eq!(action_of(&heard).0, "slackpostmessage", "{subtype}");
    }
}

#[test]
fn the_bots_own_doing_is_never_governed() {
    let message = json!({"type": "message", "user": "U1", "channel": "C1", "text": "x", "ts": "1.2"});
    for (name, value) in [("user", "UBOT"), ("bot_id", "BBOT"), ("app_id", "AAPP")] {
        let mut ours = message.clone();
        ours[name] = value.into();
        assert!(is_nothing(&events(ours)), "{name}");
    }
    assert!(is_nothing(&events(json!({"type": "reaction_added", "user": "UBOT", "item": {}}))));
    assert!(is_nothing(&events(
        json!({"type": "pin_added", "user": "UBOT", "channel_id": "C1", "item": {"message": {"ts": "1.2"}}})
    )));
    assert!(is_nothing(&events(json!({"type": "member_joined_channel", "user": "UBOT", "channel": "C1"}))));
    let added = events(json!({"type": "member_joined_channel", "user": "UBOT", "channel": "C1", "inviter": "U1"}));
    assert_eq!(action_of(&added).1["users"], "UBOT", "that somebody adds the bot is their doing");
}

#[test]
fn edits_deletions_and_what_slack_writes_itself_are_not_governed() {
    for subtype in
        ["message_changed", "message_deleted", "channel_join", "channel_purpose", "tombstone", "message_replied"]
    {
        let heard = events(
            json!({"type": "message", "subtype": subtype, "user": "U1", "channel": "C1", "text": "x", "ts": "1.2"}),
        );
        assert!(is_nothing(&heard), "{subtype}");
    }
    assert!(is_nothing(&events(json!({"type": "message", "channel": "C1", "ts": "1.2", "text": "nobody wrote this"}))));
}

#[test]
fn people_of_another_workspace_are_told_from_our_own_where_a_channel_is_shared() {
    let told = |shared: bool, team: Value| {
        let event = json!({"type": "message", "user": "U1", "user_team": team, "channel": "C1",
            "channel_type": "channel", "text": "x", "ts": "1.2"});
        let envelope = json!({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event_time": 7,
            "is_ext_shared_channel": shared, "event": event});
        normalise(EVENT, envelope.to_string().as_bytes(), &installation()).unwrap()[0].home
    };
    assert_eq!(told(true, "T2".into()), Home::Elsewhere);
    assert_eq!(told(true, "T1".into()), Home::Here);
    assert_eq!(told(true, Value::Null), Home::Here);
    assert_eq!(told(false, "E2".into()), Home::Here, "of an organisation, in a channel of its own");
    let pressed = |team: Value, enterprise: Value| {
        let proposal = ProposalId::from_uuid(Uuid::from_u128(77));
        let mut click = click("policykit_vote:1", &json!({"p": proposal, "o": "yes"}).to_string());
        click["user"]["team_id"] = team;
        click["enterprise"] = enterprise;
        normalise(BLOCK_ACTIONS, &form(&click), &installation()).unwrap()[0].home
    };
    assert_eq!(pressed("T2".into(), Value::Null), Home::Elsewhere);
    assert_eq!(pressed("T1".into(), Value::Null), Home::Here);
    assert_eq!(pressed("T2".into(), json!({"id": "E1"})), Home::Here);
}

#[test]
fn only_what_is_said_to_be_open_was_heard_openly() {
    let message = |channel_type: Value| json!({"type": "message", "user": "U1", "channel": "C1", "channel_type": channel_type, "text": "x", "ts": "1.2"});
    let place = || Heard::In("C1".to_owned());
    let item = json!({"type": "message", "channel": "C1", "message": {"ts": "1.2"}});
    let of_channel = |kind: &str, is_private: bool| json!({"type": kind, "channel": {"id": "C1", "name": "n", "is_private": is_private}});
    let table = [
        (message("channel".into()), Heard::Openly),
        (message("group".into()), Heard::Privately),
        (message("mpim".into()), Heard::Privately),
        (message("im".into()), Heard::Privately),
        (message("of the future".into()), Heard::Privately),
        (message(Value::Null), place()),
        (message(7.into()), place()),
        (
            json!({"type": "message", "subtype": "group_name", "user": "U1", "channel": "C1", "channel_type": "group",
            "old_name": "a", "name": "b", "ts": "1.2"}),
            Heard::Privately,
        ),
        (
            json!({"type": "message", "subtype": "channel_topic", "user": "U1", "channel": "C1",
            "channel_type": "channel", "topic": "b", "ts": "1.2"}),
            Heard::Openly,
        ),
        (json!({"type": "pin_added", "user": "U1", "channel_id": "C1", "item": item}), place()),
        (json!({"type": "reaction_added", "user": "U1", "item": item}), place()),
        // The letter is that of the id: ids of private channels begin with it too.
        (json!({"type": "member_joined_channel", "user": "U1", "channel": "C1", "channel_type": "C"}), place()),
        (json!({"type": "channel_archive", "user": "U1", "channel": "C1"}), place()),
        (json!({"type": "app_mention", "user": "U1", "channel": "C1", "channel_type": "channel"}), place()),
        (of_channel("channel_created", false), Heard::Openly),
        (of_channel("channel_rename", true), Heard::Privately),
        (of_channel("group_rename", false), Heard::Privately),
        (json!({"type": "emoji_changed", "subtype": "add"}), Heard::Openly),
    ];
    for (event, wanted) in table {
        let heard = events(event.clone());
        let said = heard.iter().filter(|e| !matches!(e.body, EventBody::Channel(_)));
        for told in said {
            assert_eq!(told.heard, wanted, "{event}");
        }
    }
}

#[test]
fn a_channel_that_becomes_private_is_known_as_such_from_then_on() {
    let told = json!({"type": "message", "subtype": "channel_convert_to_private", "user": "U1", "channel": "C1",
        "channel_type": "group", "text": "x", "ts": "1.2"});
    let heard = events(told);
    let [Event { body: EventBody::Nothing { .. }, .. }, Event { body: EventBody::Channel(channel), .. }] = &heard[..]
    else {
        panic!("expected a channel: {heard:?}")
    };
    assert!(channel.is_private && channel.external_id == "C1");
}

#[test]
fn direct_messages_with_the_bot_and_other_apps_posts_only_trigger() {
    let direct =
        json!({"type": "message", "user": "U1", "channel": "D1", "channel_type": "im", "text": "x", "ts": "1.2"});
    let foreign =
        json!({"type": "message", "subtype": "bot_message", "bot_id": "BX", "channel": "C1", "text": "x", "ts": "1.2"});
    for event in [direct, foreign] {
        let heard = events(event);
        assert_eq!(heard.len(), 1);
        assert!(matches!(&heard[0].body, EventBody::Trigger { event_type, .. } if event_type == "slack.message"));
    }
}

#[test]
fn a_renaming_carries_both_names() {
    let heard = events(
        json!({"type": "message", "subtype": "channel_name", "user": "U1", "channel": "C1", "name": "new", "old_name": "old", "ts": "1.2"}),
    );
    let fields = json!({"name": "new", "previous_name": "old", "channel": "C1"});
    assert_eq!(action_of(&heard), ("slackrenameconversation", fields));
    assert_eq!(heard[0].echo_keys, ["rename:C1:new"]);
}

#[test]
fn a_new_topic_is_an_action_also_when_it_takes_the_old_one_away() {
    for (subtype, topic) in [("channel_topic", "tea"), ("group_topic", "tea"), ("channel_topic", "")] {
        let told = |user: &str| json!({"type": "message", "subtype": subtype, "user": user, "channel": "C1", "text": "x", "topic": topic, "ts": "1.2"});
        let heard = events(told("U1"));
        let fields = json!({"topic": topic, "channel": "C1", "timestamp": "1.2"});
        assert_eq!(action_of(&heard), ("slacksettopic", fields));
        assert_eq!((heard.len(), heard[0].actor.as_deref()), (1, Some("U1")));
        assert!(is_nothing(&events(told("UBOT"))), "what the bot sets is our own doing");
    }
    let silent = json!({"type": "message", "subtype": "channel_topic", "user": "U1", "channel": "C1", "ts": "1.2"});
    assert!(is_nothing(&events(silent)), "no topic is named");
}

#[test]
fn joining_is_the_doing_of_whoever_invited() {
    let alone = events(json!({"type": "member_joined_channel", "user": "U1", "channel": "C1", "event_ts": "1.2"}));
    assert_eq!((alone[0].actor.as_deref(), action_of(&alone).1), (Some("U1"), json!({"channel": "C1", "users": "U1"})));
    let invited = events(json!({"type": "member_joined_channel", "user": "U1", "channel": "C1", "inviter": "UADMIN"}));
    assert_eq!(
        (invited[0].actor.as_deref(), &invited[0].echo_keys[..]),
        (Some("UADMIN"), &["join:C1:U1".to_owned()][..])
    );
    assert!(
        matches!(&invited[1].body, EventBody::Trigger { event_type, .. } if event_type == "slack.member_joined_channel")
    );
}

#[test]
fn a_pinned_message_is_an_action_and_a_pinned_file_does_not_crash() {
    let message = events(
        json!({"type": "pin_added", "user": "U1", "channel_id": "C1", "item": {"type": "message", "message": {"ts": "1.2"}}}),
    );
    assert_eq!(action_of(&message), ("slackpinmessage", json!({"channel": "C1", "timestamp": "1.2"})));
    for item in [json!({"type": "file", "file": {"id": "F1"}}), json!(null), json!("x"), json!({"message": null})] {
        let heard = events(json!({"type": "pin_added", "user": "U1", "channel_id": "C1", "item": item}));
        assert!(matches!(&heard[..], [Event { body: EventBody::Trigger { .. }, .. }]), "{heard:?}");
    }
}

#[test]
fn other_events_are_triggers_under_their_own_name() {
    let heard = events(
        json!({"type": "reaction_added", "user": "U1", "reaction": "+1", "item": {"channel": "C1"}, "event_ts": "5.0"}),
    );
    let EventBody::Trigger { event_type, data } = &heard[0].body else { panic!("expected a trigger") };
    assert_eq!((event_type.as_str(), &data["reaction"]), ("slack.reaction_added", &json!("+1")));
    assert_eq!((heard[0].actor.as_deref(), heard[0].at), (Some("U1"), Timestamp::from_secs(5)));
}

#[test]
fn people_are_mirrored_as_the_directory_shows_them() {
    let user = json!({"id": "U5", "name": "ann", "real_name": "Ann Example", "is_owner": true, "deleted": true});
    let heard = events(json!({"type": "user_change", "user": user}));
    let profile =
        Profile { external_id: "U5".into(), name: "Ann Example".into(), is_admin: true, is_bot: false, is_gone: true };
    assert_eq!(heard.iter().map(|e| &e.body).collect::<Vec<_>>(), [&EventBody::Person(profile)]);
    assert_eq!(events(json!({"type": "team_join", "user": {"id": "U6"}})).len(), 2);
    assert!(super::profile(&json!({"id": "USLACKBOT"})).unwrap().is_bot);
}

#[test]
fn access_is_lost_with_the_app_or_with_a_token_of_ours_only() {
    let lost = |event: Value| matches!(events(event)[0].body, EventBody::AccessLost { .. });
    let gone = &events(json!({"type": "app_uninstalled"}))[0].body;
    assert!(matches!(gone, EventBody::Uninstalled { reason } if reason.contains("install it again")), "{gone:?}");
    assert!(lost(json!({"type": "tokens_revoked", "tokens": {"bot": ["UBOT"]}})));
    assert!(lost(json!({"type": "tokens_revoked", "tokens": {"oauth": ["UADMIN"]}})));
    assert!(!lost(json!({"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}})));
}

#[test]
fn a_pressed_button_is_a_ballot() {
    let proposal = ProposalId::from_uuid(Uuid::from_u128(77));
    let value = json!({"p": proposal, "o": "consent"}).to_string();
    let heard = normalise(BLOCK_ACTIONS, &form(&click("policykit_vote:1", &value)), &installation()).unwrap();
    let body = EventBody::Ballot {
        proposal,
        post_id: "10.5".into(),
        cast: policykit_core::ballot::Cast::For("consent".into()),
        reply_to: Some("https://hooks.slack.com/actions/T1/1/x".into()),
    };
    assert_eq!(
        heard,
        [Event {
            actor: Some("U7".into()),
            at: Timestamp::from_micros(1_699_999_999_500_000),
            echo_keys: vec![],
            heard: Heard::Openly,
            home: Home::Here,
            body
        }]
    );
}

#[test]
fn buttons_of_others_and_unreadable_ones_are_nothing() {
    for (id, value) in [("other", "{}"), ("policykit_vote:0", "{}"), ("policykit_vote:0", r#"{"p":"x","o":"y"}"#)] {
        let heard = normalise(BLOCK_ACTIONS, &form(&click(id, value)), &installation()).unwrap();
        assert!(is_nothing(&heard), "{id} {value}");
    }
}

#[test]
fn slacks_own_samples_are_read_without_complaint() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/slack/java-sdk-samples");
    let Ok(files) = std::fs::read_dir(format!("{folder}/events")) else {
        eprintln!("skipped: {folder} is absent");
        return;
    };
    let mut count = 0;
    for file in files {
        let path = file.unwrap().path();
        let mut sample: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        // Values are blanked in the samples; those the envelope stands on are filled in.
        for (name, value) in [("type", "event_callback"), ("team_id", "T1"), ("event_id", "Ev1")] {
            sample[name] = value.into();
        }
        let body = sample.to_string().into_bytes();
        assert!(matches!(deliver(&body, "application/json"), Ok(Receipt::Keep { .. })), "{}", path.display());
        normalise(EVENT, &body, &installation()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        count += 1;
    }
    assert!(count > 20, "only {count} samples");
    let clicks = format!("{folder}/app-backend/interactive-components/BlockActionPayload.json");
    let sample: Value = serde_json::from_slice(&std::fs::read(clicks).unwrap()).unwrap();
    assert!(normalise(BLOCK_ACTIONS, &form(&sample), &installation()).is_err(), "the sample names no voter");
    let mut filled = sample;
    filled["user"]["id"] = "U1".into();
    assert!(is_nothing(&normalise(BLOCK_ACTIONS, &form(&filled), &installation()).unwrap()));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z0-9._:é-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let keys = prop_oneof![
            prop::sample::select(vec![
                "type",
                "subtype",
                "user",
                "id",
                "channel",
                "ts",
                "event_ts",
                "item",
                "message",
                "tokens",
                "bot",
                "oauth",
                "inviter",
                "channel_id",
                "name",
                "actions",
                "action_id",
                "action_ts",
                "value",
                "team",
                "container",
                "message_ts",
                "response_url",
                "profile",
                "event",
                "bot_id",
            ])
            .prop_map(str::to_owned),
            "[a-z_]{1,8}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(keys, inner, 0..6).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_however_strange_makes_reading_panic(json in any_json(), kind in prop::sample::select(vec![
        "message", "member_joined_channel", "pin_added", "user_change", "tokens_revoked", "reaction_added", "",
    ])) {
        let mut event = json.clone();
        if let Value::Object(map) = &mut event {
            map.insert("type".into(), kind.into());
        }
        let envelope = json!({"type": "event_callback", "team_id": "T1", "event_id": "E", "event": event});
        for body in [&envelope, &json] {
            let bytes = body.to_string().into_bytes();
            let _any = deliver(&bytes, "application/json");
            let _any = normalise(EVENT, &bytes, &installation());
            let mut click = body.clone();
            if let Value::Object(map) = &mut click {
                map.insert("type".into(), "block_actions".into());
            }
            let _any = deliver(&form(&click), "application/x-www-form-urlencoded");
            let _any = normalise(BLOCK_ACTIONS, &form(&click), &installation());
        }
    }

    #[test]
    fn no_bytes_make_receiving_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for content_type in ["application/json", "application/x-www-form-urlencoded", "", "x"] {
            let _any = deliver(&body, content_type);
        }
        for kind in [EVENT, BLOCK_ACTIONS, "other"] {
            let _any = normalise(kind, &body, &installation());
        }
    }

    #[test]
    fn no_timestamp_makes_reading_panic(ts in "\\PC{0,40}") {
        let _any = moment(&ts);
    }
}

#[test]
fn the_test_signs_as_the_product_verifies() {
    let signed = sign(SECRET, 5, b"x");
    let parts: [&[u8]; 2] = [b"v0:5:", b"x"];
    assert_eq!(signature::verify_hmac_sha256(SECRET.as_bytes(), &parts, &signed[3..]), Ok(()));
}
