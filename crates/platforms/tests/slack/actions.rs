//! What policies can have done besides writing: reactions, topics, archiving, groups, taking back, and free calls.

use policykit_core::{Value as PolicyValue, call::CallOutcome};
use policykit_platforms::{
    Platform,
    platform::{CallError, Confirmation},
    slack::fake::{Act, CallFault, CallRule, TokenKind, What},
};
use serde_json::{Value, json};

use crate::rig::{Rig, call, reply};

/// Whose token the last call of a method used.
fn token_of(rig: &Rig, wanted: &str) -> Option<TokenKind> {
    rig.bench.fake.record().iter().rev().find_map(|entry| match &entry.what {
        What::Call { method, token, .. } if method == wanted => *token,
        _ => None,
    })
}

async fn refused(rig: &Rig, operation: &str, args: Value) -> (String, String) {
    match rig.send(99, &call(operation, args)).await {
        Ok(CallOutcome::Refused { code, message }) => (code, message),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn the_bot_reacts_once_however_often_it_is_sent_and_takes_it_back() {
    let rig = Rig::start().await;
    let random = rig.channel("random");
    let ts = rig.bench.fake.post(rig.bench.id(), "bob", "random", "hi").await.unwrap();
    let args = json!({ "channel": random, "timestamp": ts, "name": "eyes" });
    for id in [1, 2] {
        rig.done(id, "reactions.add", args.clone()).await;
    }
    let view = rig.bench.fake.channel(rig.bench.id(), "random", None).unwrap();
    assert_eq!(view.messages.last().unwrap().reactions, [("eyes".to_owned(), 1)]);
    for id in [3, 4] {
        rig.done(id, "reactions.remove", args.clone()).await;
    }
    let view = rig.bench.fake.channel(rig.bench.id(), "random", None).unwrap();
    assert!(view.messages.last().unwrap().reactions.is_empty());
    assert_eq!(token_of(&rig, "reactions.add"), Some(TokenKind::Bot));
}

#[tokio::test]
async fn a_channel_is_archived_and_opened_again_with_the_administrators_token() {
    let rig = Rig::start().await;
    let random = rig.channel("random");
    let archived = |rig: &Rig| rig.bench.fake.channel(rig.bench.id(), "random", None).unwrap().channel.archived;
    for id in [1, 2] {
        rig.done(id, "conversations.archive", json!({ "channel": random })).await;
        assert!(archived(&rig));
    }
    for id in [3, 4] {
        rig.done(id, "conversations.unarchive", json!({ "channel": random })).await;
        assert!(!archived(&rig));
    }
    assert_eq!(token_of(&rig, "conversations.unarchive"), Some(TokenKind::User));
    let (code, message) = refused(&rig, "conversations.archive", json!({ "channel": rig.channel("general") })).await;
    assert_eq!((code.as_str(), message.contains("general channel")), ("cant_archive_general", true));
}

#[tokio::test]
async fn the_topic_of_a_channel_is_set_also_where_the_bot_has_to_join_first() {
    let rig = Rig::start().await;
    rig.done(1, "conversations.setTopic", json!({ "channel": rig.channel("unseen"), "topic": "tea" })).await;
    let view = rig.bench.fake.channel(rig.bench.id(), "unseen", None).unwrap();
    assert_eq!(view.channel.topic, "tea");
}

#[tokio::test]
async fn a_topic_is_put_back_to_what_the_last_message_about_one_said() {
    let rig = Rig::start().await;
    let (team, random) = (rig.bench.id().to_owned(), rig.channel("random"));
    let topic = || rig.bench.fake.channel(&team, "random", None).unwrap().channel.topic;
    let set = async |topic: &str| {
        let act = Act::SetTopic { channel: "random".into(), topic: topic.into() };
        rig.bench.fake.act(&team, "bob", act).await.unwrap();
        rig.bench.fake.channel(&team, "random", None).unwrap().messages.last().unwrap().ts.clone()
    };
    let first = set("tea").await;
    rig.done(1, "conversations.setTopic", json!({ "channel": random, "before": first })).await;
    assert_eq!(topic(), "", "there was none when the channel was made");
    set("coffee").await;
    // More than one page of talk in between.
    for n in 0..210 {
        rig.bench.fake.post(&team, "bob", "random", &n.to_string()).await.unwrap();
    }
    let third = set("water").await;
    for id in [2, 3] {
        rig.done(id, "conversations.setTopic", json!({ "channel": random, "before": third })).await;
        assert_eq!(topic(), "coffee", "however often it is asked for");
    }
    assert_eq!(token_of(&rig, "conversations.setTopic"), Some(TokenKind::Bot));
}

#[tokio::test]
async fn where_the_messages_do_not_reach_back_nobody_guesses_what_the_topic_was() {
    let rig = Rig::start().await;
    let random = rig.channel("random");
    rig.bench.clock.advance(std::time::Duration::from_hours(1));
    let act = Act::SetTopic { channel: "random".into(), topic: "tea".into() };
    rig.bench.fake.act(rig.bench.id(), "bob", act).await.unwrap();
    let view = rig.bench.fake.channel(rig.bench.id(), "random", None).unwrap();
    let told = view.messages.last().unwrap().ts.clone();
    let args = json!({ "channel": random, "before": told });
    let (code, message) = refused(&rig, "conversations.setTopic", args).await;
    assert_eq!((code.as_str(), message.contains("set it by hand")), ("earlier_topic_unknown", true));
    assert_eq!(rig.bench.fake.channel(rig.bench.id(), "random", None).unwrap().channel.topic, "tea");
}

#[tokio::test]
async fn a_search_that_cannot_go_on_is_given_up_at_once_and_says_what_is_to_be_done() {
    let rig = Rig::start().await;
    let random = rig.channel("random");
    for n in 0..1_000 {
        rig.bench.fake.post(rig.bench.id(), "bob", "random", &n.to_string()).await.unwrap();
    }
    let act = Act::SetTopic { channel: "random".into(), topic: "tea".into() };
    rig.bench.fake.act(rig.bench.id(), "bob", act).await.unwrap();
    let view = rig.bench.fake.channel(rig.bench.id(), "random", None).unwrap();
    let args = json!({ "channel": random, "before": view.messages.last().unwrap().ts });
    let busy = CallFault::RateLimited { retry_after_secs: 60 };
    rig.bench.fake.fault_calls(CallRule { skip: 1, ..CallRule::next("conversations.history", busy) });
    let (code, message) = refused(&rig, "conversations.setTopic", args.clone()).await;
    assert_eq!((code.as_str(), message.contains("set it by hand")), ("earlier_topic_unknown", true));
    assert_eq!(rig.arrived("conversations.history"), 2, "as few as can be");
    // Where nothing has been seen yet, a moment later is as good.
    rig.bench.clock.advance(std::time::Duration::from_secs(61));
    rig.fault("conversations.info", busy);
    let later = rig.send(2, &call("conversations.setTopic", args)).await;
    assert!(matches!(later, Err(CallError::Retry { .. })), "{later:?}");
}

#[tokio::test]
async fn whether_a_topic_was_set_is_read_after_an_answer_was_lost() {
    let rig = Rig::start().await;
    let random = rig.channel("random");
    let set = call("conversations.setTopic", json!({ "channel": random, "topic": "tea & cake" }));
    assert_eq!(rig.confirm(1, &set).await, Confirmation::NotDone);
    rig.fault("conversations.setTopic", CallFault::DropAfterEffect);
    assert!(matches!(rig.send(1, &set).await, Err(CallError::Unknown { .. })));
    assert_eq!(rig.confirm(1, &set).await, Confirmation::Done { reply: json!({ "channel": random }) });
}

#[tokio::test]
async fn a_scheduled_message_is_taken_back_and_found_gone_afterwards() {
    let rig = Rig::start().await;
    let random = rig.channel("random");
    let at = crate::support::START + 3_600;
    let schedule = call("chat.scheduleMessage", json!({ "channel": random, "text": "later", "post_at": at }));
    let id = reply(&rig.send(1, &schedule).await)["scheduled_message_id"].as_str().unwrap().to_owned();
    let take_back = call("chat.deleteScheduledMessage", json!({ "channel": random, "scheduled_message_id": id }));
    assert_eq!(rig.slack.confirm(&take_back, &rig.context(2)).await, Confirmation::NotDone);
    reply(&rig.send(2, &take_back).await);
    assert!(matches!(rig.slack.confirm(&take_back, &rig.context(2)).await, Confirmation::Done { .. }));
}

#[tokio::test]
async fn user_groups_are_read_and_their_members_replaced() {
    let rig = Rig::start().await;
    let read = async |method: &str, args: Value| {
        rig.slack.read(method, args.as_object().unwrap(), &rig.context(7)).await.unwrap()
    };
    let PolicyValue::List(groups) = read("get_usergroups", json!({})).await else { panic!("a list") };
    let PolicyValue::Dict(group) = &groups[0] else { panic!("a dictionary") };
    assert_eq!(group[2], (PolicyValue::str("handle"), PolicyValue::str("elders")));
    let id = group[0].1.as_str().unwrap().to_owned();
    let members = json!({ "usergroup": id, "users": format!("{},{}", rig.user("bob"), rig.user("dee")) });
    rig.done(1, "usergroups.users.update", members).await;
    let now = read("get_users_in_usergroup", json!({ "usergroup": id })).await;
    let expected = [rig.user("bob"), rig.user("dee")].map(PolicyValue::Str).into();
    assert_eq!(now, PolicyValue::List(expected));
    let (code, _) =
        refused(&rig, "usergroups.users.update", json!({ "usergroup": "S0NONE", "users": rig.user("bob") })).await;
    assert_eq!(code, "no_such_subteam");
}

#[tokio::test]
async fn a_free_call_is_answered_in_full() {
    let rig = Rig::start().await;
    let answer = rig.send(1, &call("users.info", json!({ "user": rig.user("bob") }))).await;
    assert_eq!(reply(&answer)["user"]["id"], rig.user("bob"));
    let descriptor = rig.slack.descriptor();
    let class = |name: &str| descriptor.operation(name).map(|o| o.class);
    assert_eq!(class("users.info"), Some(policykit_core::call::OperationClass::Idempotent));
    assert_eq!(class("bookmarks.add"), None, "what nobody has described is blind");
}

#[tokio::test]
async fn menus_are_used_as_the_client_does_and_read_as_ballots() {
    use policykit_core::{ballot::Cast, event::EventBody};
    let rig = Rig::start().await;
    let menu = |kind: &str, id: &str| {
        json!({ "type": kind, "action_id": id, "placeholder": { "type": "plain_text", "text": "Choose" }, "options": [
            { "text": { "type": "plain_text", "text": "tea" }, "value": "tea" },
            { "text": { "type": "plain_text", "text": "cake" }, "value": "cake" },
        ] })
    };
    let about = crate::rig::proposal();
    let (several, pick) = (format!("policykit_vote:several:{about}"), format!("policykit_vote:pick:{about}:J. R."));
    let section = |accessory: Value| json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x" }, "accessory": accessory });
    let blocks = json!([section(menu("multi_static_select", &several)), section(menu("static_select", &pick))]);
    let posted = rig
        .send(1, &call("chat.postMessage", json!({ "channel": rig.channel("random"), "text": "x", "blocks": blocks })))
        .await;
    let ts = reply(&posted)["ts"].as_str().unwrap().to_owned();
    rig.bench.fake.quiesce().await;
    let skip = rig.bench.app.seen().len();
    for (id, option) in [(several, r#"["tea","cake"]"#), (pick, "cake")] {
        let act = Act::Press {
            channel: "random".into(),
            ts: ts.as_str().into(),
            on: policykit_platforms::slack::fake::Press::ActionId(id),
            option: Some(option.into()),
        };
        assert!(rig.bench.fake.act(rig.bench.id(), "bob", act).await.unwrap().click.unwrap().taken());
    }
    let casts: Vec<Cast> = rig
        .events_after(skip)
        .await
        .into_iter()
        .map(|event| match event.body {
            EventBody::Ballot { cast, .. } => cast,
            other => panic!("expected a ballot, got {other:?}"),
        })
        .collect();
    let both = Cast::Several(["cake".to_owned(), "tea".to_owned()].into());
    assert_eq!(casts, [both, Cast::Pick { candidate: "J. R.".into(), option: "cake".into() }]);
}
