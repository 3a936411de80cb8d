//! Writing, changing and removing messages, and what is attached to them.

use std::time::Duration;

use policykit_platforms::slack::fake::{Act, Prefs, Setup, Ts, What};
use serde_json::json;

use crate::support::{Bench, START};

#[tokio::test]
async fn message_ids_grow_while_the_clock_stands_still() {
    let bench = Bench::start().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(bench.say("random", "tick").await);
    }
    assert!(ids[0].starts_with(&format!("{START}.")));
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
}

#[tokio::test]
async fn a_bot_deletes_its_own_messages_only() {
    let bench = Bench::start().await;
    let random = bench.channel("random");
    let own = bench.say("random", "mine").await;
    let bobs = bench.fake.post(bench.id(), "bob", "random", "bob's").await.unwrap();
    let delete = |token: String, ts: String| {
        let body = json!({ "channel": random, "ts": ts });
        let bench = &bench;
        async move { bench.json(&token, "chat.delete", body).await }
    };
    assert_eq!(delete(bench.bot(), bobs.to_string()).await.error(), "cant_delete_message");
    delete(bench.bot(), own.clone()).await.ok();
    assert_eq!(delete(bench.bot(), own).await.error(), "message_not_found");
    let adas = bench.fake.post(bench.id(), "ada", "random", "ada's").await.unwrap();
    assert_eq!(delete(bench.token_of("bob"), adas.to_string()).await.error(), "cant_delete_message");
    delete(bench.token_of("ada"), bobs.to_string()).await.ok();

    let again = bench.fake.post(bench.id(), "bob", "random", "again").await.unwrap();
    let prefs = Prefs { admins_delete_messages: false, ..Prefs::default() };
    bench.fake.set_up(Setup::Prefs { team: bench.id().into(), prefs }).unwrap();
    assert_eq!(delete(bench.token_of("ada"), again.to_string()).await.error(), "cant_delete_message");
    let prefs = Prefs { compliance_exports: true, ..Prefs::default() };
    bench.fake.set_up(Setup::Prefs { team: bench.id().into(), prefs }).unwrap();
    let refused = delete(bench.token_of("bob"), again.to_string()).await;
    assert_eq!(refused.error(), "compliance_exports_prevent_deletion");
    let left = bench.fake.channel(bench.id(), "random", None).unwrap();
    assert_eq!(left.messages.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["ada's", "again"]);
}

#[tokio::test]
async fn only_the_author_updates_a_message() {
    let bench = Bench::start().await;
    let random = bench.channel("random");
    let own = bench.say("random", "first").await;
    let bobs = bench.fake.post(bench.id(), "bob", "random", "bob's").await.unwrap();
    let update =
        |ts: &str, text: &str| bench.json_owned("chat.update", json!({ "channel": random, "ts": ts, "text": text }));
    assert_eq!(update(&own, "second").await.ok()["text"], "second");
    assert_eq!(update(bobs.as_str(), "taken over").await.error(), "cant_update_message");
    assert_eq!(update("1.000001", "x").await.error(), "message_not_found");
    assert_eq!(update(&own, &"x".repeat(4_001)).await.error(), "msg_too_long");
    let view = bench.fake.channel(bench.id(), "random", None).unwrap();
    assert_eq!((view.messages[0].text.as_str(), view.messages[0].edited), ("second", false));
    let act = Act::Edit { channel: "random".into(), ts: bobs, text: "better".into() };
    bench.fake.act(bench.id(), "bob", act).await.unwrap();
    let view = bench.fake.channel(bench.id(), "random", None).unwrap();
    assert_eq!((view.messages[1].text.as_str(), view.messages[1].edited), ("better", true));
}

#[tokio::test]
async fn a_bot_posts_in_foreign_public_channels_only_with_the_scope_for_it() {
    let bench = Bench::start().await;
    let body = json!({ "channel": bench.channel("unseen"), "text": "hello" });
    bench.json_owned("chat.postMessage", body.clone()).await.ok();
    let scopes = vec!["chat:write".into()];
    bench.fake.set_up(Setup::Scopes { token: bench.bot(), scopes }).unwrap();
    assert_eq!(bench.json_owned("chat.postMessage", body).await.error(), "not_in_channel");
    let nowhere = bench.json_owned("chat.postMessage", json!({ "channel": "C0NOWHERE", "text": "x" })).await;
    assert_eq!(nowhere.error(), "channel_not_found");
    let empty = bench.json_owned("chat.postMessage", json!({ "channel": bench.channel("random"), "text": "" })).await;
    assert_eq!(empty.error(), "no_text");
    let neighbours = bench.other.channel("random").unwrap().id.clone();
    let crossed = bench.json_owned("chat.postMessage", json!({ "channel": neighbours, "text": "x" })).await;
    assert_eq!(crossed.error(), "channel_not_found");
}

#[tokio::test]
async fn overlong_texts_are_cut_and_oversized_blocks_refused() {
    let bench = Bench::start().await;
    let random = bench.channel("random");
    let long = "ä".repeat(40_010);
    let posted = bench.json_owned("chat.postMessage", json!({ "channel": random, "text": long })).await.ok();
    assert_eq!(posted["message"]["text"].as_str().unwrap().chars().count(), 40_000);

    let button = |id: String, value: String| json!({ "type": "button", "text": { "type": "plain_text", "text": "ok" }, "action_id": id, "value": value });
    let actions = |elements: Vec<serde_json::Value>| json!({ "type": "actions", "elements": elements });
    let many = |n: usize| (0..n).map(|i| button(format!("b{i}"), "v".into())).collect::<Vec<_>>();
    let divider = json!({ "type": "divider" });
    let bad = [
        json!(vec![divider.clone(); 51]),
        json!([actions(many(26))]),
        json!([actions(vec![])]),
        json!([actions(vec![button("x".repeat(256), "v".into())])]),
        json!([actions(vec![button("a".into(), "v".repeat(2_001))])]),
        json!([actions(vec![button("a".into(), "1".into()), button("a".into(), "2".into())])]),
        json!([{ "type": "section" }]),
        json!([{ "type": "unheard_of" }]),
        json!({ "type": "divider" }),
    ];
    for blocks in bad {
        let body = json!({ "channel": random, "text": "x", "blocks": blocks });
        let refused = bench.json_owned("chat.postMessage", body).await;
        assert_eq!(refused.error(), "invalid_blocks", "{blocks}");
        assert!(refused.body["response_metadata"]["messages"][0].as_str().unwrap().starts_with("[ERROR] "));
    }
    let good = json!([actions(vec![button("x".repeat(255), "v".repeat(2_000))]), actions(many(25)), divider]);
    bench.json_owned("chat.postMessage", json!({ "channel": random, "blocks": good })).await.ok();
}

#[tokio::test]
async fn threads_and_history_show_each_message_in_its_place() {
    let bench = Bench::start().await;
    let (bot, random) = (bench.bot(), bench.channel("random"));
    let parent = bench.say("random", "parent").await;
    let reply = |text: &str, broadcast: bool| {
        let body = json!({ "channel": random, "text": text, "thread_ts": parent, "reply_broadcast": broadcast });
        bench.json_owned("chat.postMessage", body)
    };
    reply("aside", false).await.ok();
    reply("aloud", true).await.ok();
    let history = bench.get(&bot, "conversations.history", &[("channel", &random)]).await.ok();
    let texts: Vec<&str> =
        history["messages"].as_array().unwrap().iter().map(|m| m["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["aloud", "parent"]);
    assert_eq!(history["messages"][1]["reply_count"], 2);
    let thread = bench.get(&bot, "conversations.replies", &[("channel", &random), ("ts", &parent)]).await.ok();
    let texts: Vec<&str> = thread["messages"].as_array().unwrap().iter().map(|m| m["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["parent", "aside", "aloud"]);
    assert_eq!(
        bench.get(&bot, "conversations.replies", &[("channel", &random), ("ts", "1.000001")]).await.error(),
        "thread_not_found"
    );
    let later = bench.get(&bot, "conversations.history", &[("channel", &random), ("oldest", &parent)]).await.ok();
    assert_eq!(later["messages"].as_array().unwrap().len(), 1);
    let with = [("channel", random.as_str()), ("latest", parent.as_str()), ("inclusive", "true")];
    assert_eq!(bench.get(&bot, "conversations.history", &with).await.ok()["messages"][0]["text"], "parent");
    let link = bench.get(&bot, "chat.getPermalink", &[("channel", &random), ("message_ts", &parent)]).await.ok();
    assert!(link["permalink"].as_str().unwrap().ends_with(&format!("/archives/{random}/p{}", parent.replace('.', ""))));
    assert_eq!(
        bench.get(&bot, "conversations.history", &[("channel", &bench.channel("unseen"))]).await.error(),
        "not_in_channel"
    );
}

#[tokio::test]
async fn the_payload_of_metadata_is_returned_only_when_asked_for() {
    let bench = Bench::start().await;
    let (bot, random) = (bench.bot(), bench.channel("random"));
    let metadata = json!({ "event_type": "policykit_call", "event_payload": { "call_id": "c-1" } });
    let body = json!({ "channel": random, "text": "marked", "metadata": metadata });
    bench.json_owned("chat.postMessage", body.clone()).await.ok();
    let plain = bench.get(&bot, "conversations.history", &[("channel", &random)]).await.ok();
    assert_eq!(plain["messages"][0]["metadata"], json!({ "event_type": "policykit_call", "event_payload": {} }));
    let all = [("channel", random.as_str()), ("include_all_metadata", "true")];
    assert_eq!(bench.get(&bot, "conversations.history", &all).await.ok()["messages"][0]["metadata"], metadata);
    assert!(bench.fake.doubles("call_id").is_empty());
    bench.json_owned("chat.postMessage", body).await.ok();
    let doubles = bench.fake.doubles("call_id");
    assert_eq!((doubles.len(), doubles[0].marker.as_str(), doubles[0].posts.len()), (1, "c-1", 2));
    let nonsense = json!({ "channel": random, "text": "x", "metadata": { "event_type": "t" } });
    assert_eq!(bench.json_owned("chat.postMessage", nonsense).await.error(), "invalid_arguments");
}

#[tokio::test]
async fn an_ephemeral_message_is_seen_by_one_person() {
    let bench = Bench::start().await;
    let random = bench.channel("random");
    let whisper = |user: String| {
        bench.json_owned("chat.postEphemeral", json!({ "channel": random, "user": user, "text": "between us" }))
    };
    let told = whisper(bench.user("bob")).await.ok();
    assert!(told["message_ts"].is_string());
    let seen_by = |user: &str| bench.fake.channel(bench.id(), "random", Some(user)).unwrap().messages;
    assert!(seen_by("bob").iter().any(|message| message.ephemeral && message.text == "between us"));
    assert!(seen_by("cy").is_empty());
    assert_eq!(whisper("U0NOBODY".into()).await.error(), "user_not_in_channel");
    bench.fake.quiesce().await;
    assert!(bench.app.seen().is_empty(), "nobody else hears of it");
}

#[tokio::test]
async fn pins_and_reactions_refuse_what_is_so_already() {
    let bench = Bench::start().await;
    let (bot, random) = (bench.bot(), bench.channel("random"));
    let ts = bench.fake.post(bench.id(), "bob", "random", "pin me").await.unwrap();
    let item = json!({ "channel": random, "timestamp": ts });
    bench.json_owned("pins.add", item.clone()).await.ok();
    assert_eq!(bench.json_owned("pins.add", item.clone()).await.error(), "already_pinned");
    let pins = bench.get(&bot, "pins.list", &[("channel", &random)]).await.ok();
    assert_eq!(pins["items"][0]["message"]["text"], "pin me");
    bench.json_owned("pins.remove", item.clone()).await.ok();
    assert_eq!(bench.json_owned("pins.remove", item).await.error(), "no_pin");
    assert_eq!(bench.json_owned("pins.add", json!({ "channel": random })).await.error(), "no_item_specified");
    assert_eq!(
        bench.json_owned("pins.add", json!({ "channel": random, "timestamp": "now" })).await.error(),
        "bad_timestamp"
    );

    let reaction = json!({ "channel": random, "timestamp": ts, "name": "thumbsup" });
    bench.json_owned("reactions.add", reaction.clone()).await.ok();
    assert_eq!(bench.json_owned("reactions.add", reaction.clone()).await.error(), "already_reacted");
    let act = Act::React { channel: "random".into(), ts: ts.clone(), name: "thumbsup".into() };
    bench.fake.act(bench.id(), "cy", act).await.unwrap();
    let shown = bench.get(&bot, "reactions.get", &[("channel", &random), ("timestamp", ts.as_str())]).await.ok();
    assert_eq!(shown["message"]["reactions"][0]["count"], 2);
    bench.json_owned("reactions.remove", reaction.clone()).await.ok();
    assert_eq!(bench.json_owned("reactions.remove", reaction).await.error(), "no_reaction");
}

#[tokio::test]
async fn a_scheduled_message_is_posted_when_it_falls_due_and_not_after_it_was_cancelled() {
    let bench = Bench::start().await;
    let random = bench.channel("random");
    let schedule = |text: &str, at: i64| {
        bench.json_owned("chat.scheduleMessage", json!({ "channel": random, "text": text, "post_at": at }))
    };
    assert_eq!(schedule("late", START - 1).await.error(), "time_in_past");
    assert_eq!(schedule("far", START + 121 * 86_400).await.error(), "time_too_far");
    schedule("due", START + 60).await.ok();
    let cancelled = schedule("cancelled", START + 60).await.ok()["scheduled_message_id"].clone();
    let listed = bench.json_owned("chat.scheduledMessages.list", json!({})).await.ok();
    assert_eq!(listed["scheduled_messages"].as_array().unwrap().len(), 2);
    let body = json!({ "channel": random, "scheduled_message_id": cancelled });
    bench.json_owned("chat.deleteScheduledMessage", body.clone()).await.ok();
    assert_eq!(bench.json_owned("chat.deleteScheduledMessage", body).await.error(), "invalid_scheduled_message_id");
    bench.clock.advance(Duration::from_secs(60));
    let messages = bench.fake.channel(bench.id(), "random", None).unwrap().messages;
    assert_eq!(messages.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["due"]);
    let due: Vec<Ts> = messages.into_iter().map(|message| message.ts).collect();
    assert!(due[0].as_str() > format!("{}", START + 59).as_str());
    assert!(bench.fake.record().iter().any(|entry| matches!(&entry.what, What::Effect { cause, .. } if *cause == policykit_platforms::slack::fake::Cause::Slack)));
}
