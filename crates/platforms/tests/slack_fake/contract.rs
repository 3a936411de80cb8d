//! Replies and deliveries name only fields that Slack's published material names.
//!
//! Skipped with one line when the shared data is absent.

use std::{collections::BTreeSet, path::PathBuf};

use policykit_platforms::slack::fake::{Act, Press, Setup, Ts, UserSeed};
use serde_json::{Value, json};

use crate::{
    shape::{Shape, shared_json},
    support::Bench,
};

struct Published {
    openapi: Value,
    message: Shape,
    user: Shape,
    channel: Shape,
}

impl Published {
    fn load() -> Option<Self> {
        let openapi = shared_json("slack/slack_web_openapi_v2.json")?;
        let sample =
            |path: &str| shared_json(&format!("slack/java-sdk-samples/{path}.json")).map(|v| Shape::of_sample(&v));
        let definition = |name: &str| Shape::of_schema(&openapi, &openapi["definitions"][name], 0);
        let message = definition("objs_message")
            .with(sample("api/chat.postMessage")?.get("message"))
            .with(sample("app-backend/interactive-components/BlockActionPayload")?.get("message"));
        let user = definition("objs_user").with(sample("api/users.info")?.get("user"));
        let channel = definition("objs_conversation").with(sample("api/conversations.join")?.get("channel"));
        Some(Self { message, user, channel, openapi })
    }

    /// Fields of the replies of a method.
    fn reply(&self, method: &str) -> Shape {
        let mut shape = Shape::default();
        for operation in self.openapi["paths"][format!("/{method}")].as_object().unwrap().values() {
            for response in operation["responses"].as_object().unwrap().values() {
                shape = shape.with(Shape::of_schema(&self.openapi, &response["schema"], 0));
            }
        }
        let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join(format!("../../../shared/data/slack/java-sdk-samples/api/{method}.json"));
        if let Ok(bytes) = std::fs::read(sample) {
            shape = shape.with(Shape::of_sample(&serde_json::from_slice(&bytes).unwrap()));
        }
        for (field, object) in [("message", &self.message), ("channel", &self.channel), ("user", &self.user)] {
            for name in [field.to_owned(), format!("{field}s")] {
                if shape.0.contains_key(&name) {
                    shape = shape.field(&name, object.clone());
                }
            }
        }
        if method == "users.list" {
            shape = shape.field("members", self.user.clone());
        }
        if method == "pins.list" {
            shape = shape.field("items", Shape::default().field("message", self.message.clone()));
        }
        // Named in the samples of one method or another, sent with all.
        let notes = Shape::of_sample(&json!({ "messages": [], "warnings": [], "next_cursor": "" }));
        shape.field("response_metadata", notes).field("needed", Shape::default()).field("provided", Shape::default())
    }

    /// Fields of an event of this type.
    fn event(&self, kind: &str) -> Shape {
        let load = |names: &[&str]| {
            names.iter().fold(Shape::default(), |shape, name| {
                let path = format!("slack/java-sdk-samples/events/{name}Payload.json");
                shape.with(Shape::of_sample(&shared_json(&path).expect("the sample is there")["event"]))
            })
        };
        match kind {
            "message" => load(&[
                "MessageBot",
                "MessageDeleted",
                "MessageReplied",
                "MessageFileShare",
                "MessageChannelTopic",
                "MessageChannelLeave",
                "MessageChannelArchive",
                "AppMention",
            ])
            .with(self.message.clone())
            .field("message", self.message.clone())
            .field("previous_message", self.message.clone()),
            "channel_rename" | "group_rename" => load(&["GroupRename"]),
            "member_joined_channel" | "member_left_channel" => load(&["MemberJoinedChannel"]),
            "pin_added" => load(&["PinAdded"]).field("item", Shape::default().field("message", self.message.clone())),
            "pin_removed" => self.event("pin_added").field("has_pins", Shape::default()),
            "reaction_added" | "reaction_removed" => load(&["ReactionAdded"]),
            "team_join" => load(&["TeamJoin"]),
            "user_change" => load(&["TeamJoin"]).field("event_ts", Shape::default()),
            "tokens_revoked" => load(&["TokensRevoked"]),
            "channel_created" => load(&["ChannelCreated"]),
            "channel_archive" | "channel_unarchive" => load(&["GroupArchive"]),
            "app_uninstalled" => Shape::of_sample(&json!({ "type": "" })),
            other => panic!("no published fields for `{other}`"),
        }
    }
}

const METHODS: [&str; 35] = [
    "auth.test",
    "team.info",
    "users.list",
    "users.info",
    "users.lookupByEmail",
    "bots.info",
    "usergroups.list",
    "usergroups.users.list",
    "conversations.list",
    "conversations.info",
    "conversations.members",
    "conversations.history",
    "conversations.replies",
    "conversations.rename",
    "conversations.setTopic",
    "conversations.archive",
    "conversations.unarchive",
    "conversations.open",
    "conversations.invite",
    "conversations.kick",
    "conversations.join",
    "chat.postMessage",
    "chat.postEphemeral",
    "chat.update",
    "chat.delete",
    "chat.getPermalink",
    "chat.scheduleMessage",
    "chat.deleteScheduledMessage",
    "chat.scheduledMessages.list",
    "pins.add",
    "pins.remove",
    "pins.list",
    "reactions.add",
    "reactions.remove",
    "reactions.get",
];

/// Calls every method well and, without arguments, badly; returns what each answered.
async fn every_reply(bench: &Bench) -> Vec<(&'static str, Value)> {
    let (random, general, bob) = (bench.channel("random"), bench.channel("general"), bench.user("bob"));
    let metadata = json!({ "event_type": "t", "event_payload": { "any": 1 } });
    let blocks = json!([{ "type": "actions", "elements": [
        { "type": "button", "text": { "type": "plain_text", "text": "Go" }, "action_id": "go", "value": "1" },
    ] }]);
    let mut replies = Vec::new();
    for method in METHODS {
        replies.push((method, bench.form(&bench.bot(), method, &[]).await.body));
    }
    let post = json!({ "channel": random, "text": "x", "blocks": blocks, "metadata": metadata });
    let posted = bench.json_owned("chat.postMessage", post).await.ok();
    let ts = posted["ts"].as_str().unwrap().to_owned();
    replies.push(("chat.postMessage", posted));
    let item = json!({ "channel": random, "timestamp": ts });
    let reaction = json!({ "channel": random, "timestamp": ts, "name": "eyes" });
    let later = json!({ "channel": random, "text": "later", "post_at": crate::support::START + 60 });
    let as_bot = [
        ("chat.postMessage", json!({ "channel": random, "text": "reply", "thread_ts": ts, "reply_broadcast": true })),
        ("chat.postEphemeral", json!({ "channel": random, "user": bob, "text": "x" })),
        ("chat.update", json!({ "channel": random, "ts": ts, "text": "y", "blocks": blocks })),
        ("pins.add", item.clone()),
        ("reactions.add", reaction.clone()),
        ("conversations.open", json!({ "users": bob })),
        ("conversations.open", json!({ "users": bob, "return_im": true })),
        ("conversations.setTopic", json!({ "channel": random, "topic": "t" })),
        ("conversations.join", json!({ "channel": random })),
        ("conversations.kick", json!({ "channel": random, "user": bob })),
        ("conversations.invite", json!({ "channel": random, "users": bob })),
        ("chat.scheduleMessage", later),
        ("chat.scheduledMessages.list", json!({})),
    ];
    for (method, body) in as_bot {
        replies.push((method, bench.json_owned(method, body).await.ok()));
    }
    let group = bench.get(&bench.bot(), "usergroups.list", &[]).await.ok()["usergroups"][0]["id"].clone();
    let reads: [(&str, Vec<(&str, &str)>); 16] = [
        ("auth.test", vec![]),
        ("team.info", vec![]),
        ("users.list", vec![("limit", "2")]),
        ("users.info", vec![("user", &bob)]),
        ("users.lookupByEmail", vec![("email", "bob@example.org")]),
        ("bots.info", vec![]),
        ("usergroups.list", vec![("include_users", "true")]),
        ("usergroups.users.list", vec![("usergroup", group.as_str().unwrap())]),
        ("conversations.list", vec![("types", "public_channel,private_channel,im,mpim")]),
        ("conversations.info", vec![("channel", &random), ("include_num_members", "true")]),
        ("conversations.members", vec![("channel", &random)]),
        ("conversations.history", vec![("channel", &random), ("include_all_metadata", "true"), ("limit", "2")]),
        ("conversations.replies", vec![("channel", &random), ("ts", &ts)]),
        ("chat.getPermalink", vec![("channel", &random), ("message_ts", &ts)]),
        ("pins.list", vec![("channel", &random)]),
        ("reactions.get", vec![("channel", &random), ("timestamp", &ts)]),
    ];
    for (method, query) in reads {
        replies.push((method, bench.get(&bench.bot(), method, &query).await.ok()));
    }
    let scheduled = replies.iter().find_map(|(_, reply)| reply["scheduled_message_id"].as_str()).unwrap().to_owned();
    let unschedule = json!({ "channel": random, "scheduled_message_id": scheduled });
    replies
        .push(("chat.deleteScheduledMessage", bench.json_owned("chat.deleteScheduledMessage", unschedule).await.ok()));
    replies.push(("reactions.remove", bench.json_owned("reactions.remove", reaction).await.ok()));
    replies.push(("pins.remove", bench.json_owned("pins.remove", item).await.ok()));
    replies.push(("chat.delete", bench.json_owned("chat.delete", json!({ "channel": random, "ts": ts })).await.ok()));
    let as_admin = [
        ("conversations.rename", json!({ "channel": general, "name": "town-square" })),
        ("conversations.archive", json!({ "channel": random })),
        ("conversations.unarchive", json!({ "channel": random })),
    ];
    for (method, body) in as_admin {
        replies.push((method, bench.json_as("ada", method, body).await.ok()));
    }
    replies
}

#[tokio::test]
async fn replies_have_published_fields_only() {
    let Some(published) = Published::load() else { return };
    let bench = Bench::start().await;
    let replies = every_reply(&bench).await;
    let answered: BTreeSet<&str> =
        replies.iter().filter(|(_, body)| body["ok"] == true).map(|(name, _)| *name).collect();
    assert_eq!(answered, METHODS.into(), "every method was answered well at least once");
    let mut unknown = BTreeSet::new();
    for (method, body) in &replies {
        published.reply(method).unknown(body, method, &mut unknown);
    }
    assert!(unknown.is_empty(), "fields Slack does not publish: {unknown:#?}");
}

#[tokio::test]
async fn deliveries_have_published_fields_only() {
    let Some(published) = Published::load() else { return };
    let wrapper = shared_json("slack/slack_common_event_wrapper_schema.json").unwrap();
    let sample = shared_json("slack/java-sdk-samples/events/PinAddedPayload.json").unwrap();
    let envelope = Shape::of_schema(&wrapper, &wrapper, 0).with(Shape::of_sample(&sample)).0;
    let mut envelope = Shape(envelope);
    envelope.0.insert("event".into(), Shape::default());

    let bench = Bench::start().await;
    every_reply(&bench).await;
    let team = bench.id();
    let user = UserSeed { name: "eve".into(), ..UserSeed::default() };
    bench.fake.set_up(Setup::User { team: team.into(), user }).unwrap();
    bench.fake.set_up(Setup::Admin { team: team.into(), user: "bob".into(), is_admin: true }).unwrap();
    let mine = bench.fake.post(team, "ada", "random", "a person writes").await.unwrap();
    let channel = || "random".to_owned();
    for act in [
        Act::Edit { channel: channel(), ts: mine.clone(), text: "and edits".into() },
        Act::Pin { channel: channel(), ts: mine.clone() },
        Act::Delete { channel: channel(), ts: mine },
        Act::CreateChannel { name: "fresh".into(), is_private: false },
        Act::Rename { channel: "council".into(), name: "elders".into() },
        Act::Leave { channel: channel() },
    ] {
        bench.fake.act(team, "ada", act).await.unwrap();
    }
    bench.fake.set_up(Setup::Uninstall { team: team.into() }).unwrap();
    bench.fake.quiesce().await;

    let (mut kinds, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for seen in bench.app.seen() {
        let body = seen.json();
        let kind = body["event"]["type"].as_str().unwrap();
        kinds.insert(seen.kind());
        envelope.unknown(&body, "envelope", &mut unknown);
        published.event(kind).unknown(&body["event"], &seen.kind(), &mut unknown);
    }
    let expected = [
        "app_uninstalled",
        "channel_archive",
        "channel_created",
        "channel_rename",
        "channel_unarchive",
        "group_rename",
        "member_joined_channel",
        "member_left_channel",
        "message",
        "message.channel_archive",
        "message.channel_join",
        "message.channel_leave",
        "message.channel_name",
        "message.channel_topic",
        "message.channel_unarchive",
        "message.message_changed",
        "message.message_deleted",
        "message.thread_broadcast",
        "pin_added",
        "pin_removed",
        "reaction_added",
        "reaction_removed",
        "team_join",
        "tokens_revoked",
        "user_change",
    ];
    assert_eq!(kinds, expected.map(str::to_owned).into());
    assert!(unknown.is_empty(), "fields Slack does not publish: {unknown:#?}");
}

#[tokio::test]
async fn clicks_have_published_fields_only() {
    let Some(sample) = shared_json("slack/java-sdk-samples/app-backend/interactive-components/BlockActionPayload.json")
    else {
        return;
    };
    let Some(published) = Published::load() else { return };
    let bench = Bench::start().await;
    let blocks = json!([{ "type": "actions", "elements": [
        { "type": "button", "text": { "type": "plain_text", "text": "Go" }, "value": "1" },
    ] }]);
    let body = json!({ "channel": bench.channel("random"), "text": "x", "blocks": blocks });
    let ts = Ts::new(bench.json_owned("chat.postMessage", body).await.ok()["ts"].as_str().unwrap());
    bench.fake.press(bench.id(), "bob", "random", &ts, Press::Label("Go".into())).await.unwrap();
    let payload = bench.app.seen().iter().find(|seen| seen.path == "/clicks").unwrap().payload();
    let mut unknown = BTreeSet::new();
    Shape::of_sample(&sample).field("message", published.message).unknown(&payload, "payload", &mut unknown);
    assert!(unknown.is_empty(), "fields Slack does not publish: {unknown:#?}");
}
