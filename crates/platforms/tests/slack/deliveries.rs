//! Deliveries of the fake as the integration verifies and reads them.

use std::collections::BTreeSet;

use policykit_core::{
    ballot::Cast,
    event::{Event, EventBody},
};
use policykit_platforms::{
    Platform,
    platform::{AppConfig, MayEcho, Receipt, Reject, Sent},
    slack::fake::{Act, CallFault, DeliveryFault, DeliveryRule, Press, Setup, Ts, UserSeed},
};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, call, proposal, reply, secrets},
    support::Answer,
};

fn actions(events: &[Event]) -> Vec<(&str, Value)> {
    let of = |event| match event {
        &Event { body: EventBody::Action { ref action_type, ref fields }, .. } => {
            Some((action_type.as_str(), Value::from(fields.clone())))
        }
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

fn triggers(events: &[Event]) -> Vec<&str> {
    let of = |event| match event {
        &Event { body: EventBody::Trigger { ref event_type, .. }, .. } => Some(event_type.as_str()),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

fn is_nothing(events: &[Event]) -> bool {
    !events.is_empty() && events.iter().all(|e| matches!(e.body, EventBody::Nothing { .. }))
}

#[tokio::test]
async fn a_message_of_a_person_is_an_action_of_theirs() {
    let rig = Rig::start().await;
    let ts = rig.bench.fake.post(rig.bench.id(), "bob", "random", "a <b> & c").await.unwrap();
    let events = rig.events_after(0).await;
    let fields = json!({ "text": "a <b> & c", "channel": rig.channel("random"), "timestamp": ts, "thread_ts": null });
    assert_eq!(actions(&events), [("slackpostmessage", fields)]);
    assert_eq!(triggers(&events), ["slack.message"]);
    assert!(events.iter().all(|e| e.actor.as_deref() == Some(rig.user("bob").as_str())));
    assert_eq!(events[0].at.secs(), crate::support::START);
}

#[tokio::test]
async fn a_reply_in_a_thread_names_its_thread() {
    let rig = Rig::start().await;
    let parent = rig.bench.fake.post(rig.bench.id(), "bob", "random", "question").await.unwrap();
    let act = Act::Post { channel: "random".into(), text: "answer".into(), thread_ts: Some(parent.clone()) };
    rig.bench.fake.act(rig.bench.id(), "cy", act).await.unwrap();
    let events = rig.events_after(1).await;
    assert_eq!(actions(&events)[0].1["thread_ts"], json!(parent));
}

#[tokio::test]
async fn a_renaming_is_one_action_with_both_names_although_slack_tells_it_twice() {
    let rig = Rig::start().await;
    rig.bench.fake.rename(rig.bench.id(), "ada", "random", "tea").await.unwrap();
    let events = rig.events_after(0).await;
    let fields = json!({ "name": "tea", "previous_name": "random", "channel": rig.channel("random") });
    assert_eq!(actions(&events), [("slackrenameconversation", fields)]);
    assert_eq!(triggers(&events), ["slack.channel_rename"]);
}

#[tokio::test]
async fn whatever_names_a_channel_is_heard_also_when_the_bot_does_it() {
    let rig = Rig::start().await;
    let rename = async |channel: &str, name: &str| {
        rig.bench.fake.rename(rig.bench.id(), "ada", channel, name).await.unwrap();
    };
    let (random, council) = (rig.channel("random"), rig.channel("council"));
    let heard = async |skip: usize| {
        let events = rig.events_after(skip).await;
        // Last, so that what else the delivery tells keeps its place.
        assert!(events.iter().all(|e| !matches!(e.body, EventBody::Channel(_)) || e.actor.is_none()));
        let named = events.into_iter().filter_map(|e| match e.body {
            EventBody::Channel(channel) => Some((channel.external_id, channel.name, channel.is_private)),
            _ => None,
        });
        named.collect::<BTreeSet<_>>()
    };
    rename("random", "tea").await;
    assert_eq!(heard(0).await, [(random.clone(), "tea".to_owned(), false)].into());
    let seen = rig.bench.app.seen().len();
    rename("council", "elders").await;
    assert_eq!(heard(seen).await, [(council, "elders".to_owned(), true)].into());
    let seen = rig.bench.app.seen().len();
    rig.done(1, "conversations.rename", json!({ "channel": random, "name": "coffee" })).await;
    assert_eq!(heard(seen).await, [(random, "coffee".to_owned(), false)].into());
    let seen = rig.bench.app.seen().len();
    let act = Act::CreateChannel { name: "fresh".into(), is_private: false };
    let fresh = rig.bench.fake.act(rig.bench.id(), "bob", act).await.unwrap().channel.unwrap().to_string();
    assert_eq!(heard(seen).await, [(fresh, "fresh".to_owned(), false)].into());
}

#[tokio::test]
async fn a_new_topic_is_one_action_in_public_and_in_private_channels() {
    let rig = Rig::start().await;
    for (channel, kind) in [("random", "message.channel_topic"), ("council", "message.group_topic")] {
        let seen = rig.bench.app.seen().len();
        let act = Act::SetTopic { channel: channel.into(), topic: "tea".into() };
        rig.bench.fake.act(rig.bench.id(), "ada", act).await.unwrap();
        let events = rig.events_after(seen).await;
        assert_eq!(rig.bench.app.kinds()[seen..], [kind.to_owned()]);
        let view = rig.bench.fake.channel(rig.bench.id(), channel, None).unwrap();
        let told = view.messages.last().unwrap().ts.clone();
        let fields = json!({ "topic": "tea", "channel": rig.channel(channel), "timestamp": told });
        assert_eq!((actions(&events), triggers(&events).len()), (vec![("slacksettopic", fields)], 0));
    }
}

#[tokio::test]
async fn what_the_bot_does_is_nothing() {
    let rig = Rig::start().await;
    let (random, cellar) = (rig.channel("random"), rig.channel("cellar"));
    let posted = rig.done(1, "chat.postMessage", json!({ "channel": random, "text": "x" })).await;
    rig.done(2, "chat.update", json!({ "channel": random, "ts": posted["ts"], "text": "y" })).await;
    rig.done(3, "pins.add", json!({ "channel": random, "timestamp": posted["ts"] })).await;
    rig.done(4, "chat.postMessage", json!({ "channel": rig.channel("unseen"), "text": "x" })).await;
    rig.done(5, "conversations.join", json!({ "channel": rig.channel("unseen") })).await;
    rig.done(6, "conversations.setTopic", json!({ "channel": random, "topic": "tea" })).await;
    let events = rig.events_after(0).await;
    assert!(events.len() >= 4, "{events:?}");
    assert!(is_nothing(&events), "{events:#?}");
    // Being added to a channel is the doing of whoever adds it.
    let seen = rig.bench.app.seen().len();
    let add = Act::Invite { channel: cellar, user: rig.bench.team.bot_user.to_string() };
    rig.bench.fake.act(rig.bench.id(), "ada", add).await.unwrap();
    let events = rig.events_after(seen).await;
    assert_eq!(actions(&events)[0].0, "slackjoinconversation");
}

#[tokio::test]
async fn edits_deletions_and_notices_are_not_governed() {
    let rig = Rig::start().await;
    let ts = rig.bench.fake.post(rig.bench.id(), "bob", "random", "first").await.unwrap();
    rig.events_after(0).await;
    let seen = rig.bench.app.seen().len();
    for act in [
        Act::Edit { channel: "random".into(), ts: ts.clone(), text: "second".into() },
        Act::Delete { channel: "random".into(), ts },
        Act::Leave { channel: "random".into() },
        Act::Join { channel: "random".into() },
    ] {
        rig.bench.fake.act(rig.bench.id(), "bob", act).await.unwrap();
    }
    let events = rig.events_after(seen).await;
    let kinds = rig.bench.app.kinds()[seen..].to_vec();
    for kind in ["message.message_changed", "message.message_deleted", "message.channel_leave", "message.channel_join"]
    {
        assert!(kinds.iter().any(|k| k == kind), "{kind} was delivered: {kinds:?}");
    }
    let found = actions(&events);
    assert_eq!(found.len(), 1, "only joining, told by an event of its own: {found:?}");
    assert_eq!(
        found[0],
        ("slackjoinconversation", json!({ "channel": rig.channel("random"), "users": rig.user("bob") }))
    );
}

#[tokio::test]
async fn what_we_do_with_the_administrators_token_is_recognised_by_its_keys() {
    let rig = Rig::start().await;
    let (random, council) = (rig.channel("random"), rig.channel("council"));
    for call in [
        call("conversations.rename", json!({ "channel": random, "name": "Tea Room" })),
        call("conversations.invite", json!({ "channel": council, "users": rig.user("cy") })),
    ] {
        rig.bench.fake.quiesce().await;
        let seen = rig.bench.app.seen().len();
        rig.fault(&call.operation, CallFault::EchoBeforeReply);
        let outcome = rig.send(1, &call).await;
        let owned = rig.slack.owned_keys(&call, reply(&outcome), Sent::Once);
        let owned: Vec<String> = owned.into_iter().map(|(key, _)| key).collect();
        let events = rig.events_after(seen).await;
        let governed: Vec<&Event> = events.iter().filter(|e| matches!(e.body, EventBody::Action { .. })).collect();
        assert_eq!(governed.len(), 1, "{}: {events:?}", call.operation);
        assert!(rig.installation.acts_as.contains(governed[0].actor.as_ref().unwrap()), "{governed:?}");
        assert!(governed[0].echo_keys.iter().any(|key| owned.contains(key)), "{owned:?} {governed:?}");
        assert_eq!(rig.slack.may_echo(governed[0], &call), MayEcho::Yes, "as long as the answer is not there");
    }
}

#[tokio::test]
async fn what_the_administrator_does_by_hand_is_governed() {
    let rig = Rig::start().await;
    rig.bench.fake.post(rig.bench.id(), "ada", "random", "by hand").await.unwrap();
    let events = rig.events_after(0).await;
    let ours = call("chat.postMessage", json!({ "channel": rig.channel("random"), "text": "by hand" }));
    assert_eq!(actions(&events).len(), 1);
    assert_eq!(rig.slack.may_echo(&events[0], &ours), MayEcho::No, "the bot posts, never the administrator");
}

#[tokio::test]
async fn a_delivery_that_comes_again_has_the_same_key() {
    let rig = Rig::start().await;
    rig.bench.app.will_answer(&[Answer::Status(500), Answer::Status(503), Answer::Status(200)]);
    rig.bench.fake.post(rig.bench.id(), "bob", "random", "thrice").await.unwrap();
    rig.bench.fake.quiesce().await;
    for fault in [DeliveryFault::Duplicate, DeliveryFault::DuplicateOtherBody, DeliveryFault::LoseAck] {
        rig.bench.fake.fault_deliveries(DeliveryRule::next("message", fault));
        rig.bench.fake.post(rig.bench.id(), "bob", "random", "twice").await.unwrap();
        rig.bench.fake.quiesce().await;
    }
    let keys: Vec<String> = rig.bench.app.seen().iter().map(|seen| rig.kept(seen).key).collect();
    let groups: Vec<usize> = keys.chunk_by(|a, b| a == b).map(<[_]>::len).collect();
    assert_eq!(groups, [3, 2, 2, 2], "{keys:?}");
}

#[tokio::test]
async fn forged_stale_and_foreign_deliveries_are_refused() {
    let rig = Rig::start().await;
    for fault in [DeliveryFault::BadSignature, DeliveryFault::StaleTimestamp { seconds: 301 }] {
        rig.bench.app.will_answer(&[Answer::Status(401)]);
        rig.bench.fake.fault_deliveries(DeliveryRule::next("message", fault));
        rig.bench.fake.post(rig.bench.id(), "bob", "random", "x").await.unwrap();
        rig.bench.fake.quiesce().await;
    }
    let seen = rig.bench.app.seen();
    let results: Vec<bool> =
        seen.iter().map(|seen| matches!(rig.receive(seen), Err(Reject::Unauthenticated(_)))).collect();
    assert_eq!(results, [true, false, true, false]);
    assert!(matches!(rig.receive(&seen[2]), Err(Reject::Unauthenticated(why)) if why.contains("301 seconds")));
    let other = AppConfig { secrets: secrets(&[("signing_secret", "another")]), ..rig.app.clone() };
    assert!(matches!(rig.receive_as(&seen[1], &other), Err(Reject::Unauthenticated(_))));
    let unset = AppConfig { secrets: secrets(&[("signing_secret", "")]), ..rig.app.clone() };
    assert!(matches!(rig.receive_as(&seen[1], &unset), Err(Reject::NotConfigured(_))));
    let mut changed = seen[1].clone();
    *changed.body.last_mut().unwrap() = b' ';
    assert!(matches!(rig.receive(&changed), Err(Reject::Unauthenticated(_))));
    rig.bench.clock.advance(std::time::Duration::from_secs(301));
    assert!(
        matches!(rig.receive(&seen[1]), Err(Reject::Unauthenticated(_))),
        "a recorded request cannot be played back"
    );
}

#[tokio::test]
async fn the_challenge_is_answered() {
    let rig = Rig::start().await;
    rig.bench.fake.verify_url().await.unwrap();
    let seen = rig.bench.app.seen().pop().unwrap();
    let challenge = seen.json()["challenge"].as_str().unwrap().to_owned();
    assert!(matches!(rig.receive(&seen), Ok(Receipt::Answer { body, .. }) if body == challenge));
}

#[tokio::test]
async fn a_pressed_button_is_a_ballot_on_its_proposal_each_press_of_its_own() {
    let rig = Rig::start().await;
    let args = json!({ "text": "Which?", "options": ["tea \"green\"", "coffee"] });
    let (made, _) = rig.run("initiate_vote", args).await;
    let posted = reply(&Ok(made[0].1.clone())).clone();
    rig.bench.fake.quiesce().await;
    let skip = rig.bench.app.seen().len();
    let ts = Ts::new(posted["ts"].as_str().unwrap());
    for on in ["policykit_vote:0", "policykit_vote:1", "policykit_vote:0"] {
        let click =
            rig.bench.fake.press(rig.bench.id(), "bob", "random", &ts, Press::ActionId(on.into())).await.unwrap();
        assert!(click.taken());
    }
    let events = rig.events_after(skip).await;
    let options: Vec<&str> = events
        .iter()
        .map(|event| match &event.body {
            EventBody::Ballot { proposal: about, post_id, cast: Cast::For(option), reply_to } => {
                assert_eq!((*about, post_id.as_str(), reply_to.is_some()), (proposal(), ts.as_str(), true));
                assert_eq!(event.actor, Some(rig.user("bob")));
                option.as_str()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(options, ["tea \"green\"", "coffee", "tea \"green\""]);
    assert!(events.is_sorted_by_key(|e| e.at));
    let mut keys: Vec<String> = rig.bench.app.seen()[skip..].iter().map(|seen| rig.kept(seen).key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 3);
    rig.bench.fake.fault_deliveries(DeliveryRule::next("block_actions", DeliveryFault::Duplicate));
    let on = Press::ActionId("policykit_vote:1".into());
    rig.bench.fake.press(rig.bench.id(), "cy", "random", &ts, on).await.unwrap();
    let twice: Vec<String> = rig.bench.app.seen()[skip + 3..].iter().map(|seen| rig.kept(seen).key).collect();
    assert!(twice.len() == 2 && twice[0] == twice[1], "{twice:?}");
}

#[tokio::test]
async fn a_press_that_was_forged_is_refused() {
    let rig = Rig::start().await;
    let (made, _) = rig.run("initiate_vote", json!({ "text": "Tea?" })).await;
    rig.bench.fake.quiesce().await;
    let skip = rig.bench.app.seen().len();
    let ts = Ts::new(reply(&Ok(made[0].1.clone()))["ts"].as_str().unwrap());
    rig.bench.fake.fault_deliveries(DeliveryRule::next("block_actions", DeliveryFault::BadSignature));
    let on = Press::ActionId("policykit_vote:0".into());
    rig.bench.fake.press(rig.bench.id(), "bob", "random", &ts, on).await.unwrap();
    let seen = rig.bench.app.seen();
    assert!(matches!(rig.receive(&seen[skip]), Err(Reject::Unauthenticated(_))));
}

#[tokio::test]
async fn people_come_change_and_leave() {
    let rig = Rig::start().await;
    let team = || rig.bench.id().to_owned();
    let eve = UserSeed { name: "eve".into(), ..UserSeed::default() };
    rig.bench.fake.set_up(Setup::User { team: team(), user: eve }).unwrap();
    rig.bench.fake.set_up(Setup::Admin { team: team(), user: "bob".into(), is_admin: true }).unwrap();
    rig.bench.fake.set_up(Setup::Deactivate { team: team(), user: "dee".into() }).unwrap();
    let events = rig.events_after(0).await;
    let people: Vec<(String, bool, bool)> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Person(p) => Some((p.name.clone(), p.is_admin, p.is_gone)),
            _ => None,
        })
        .collect();
    for expected in [("eve", false, false), ("bob", true, false), ("dee", false, true)] {
        assert!(people.contains(&(expected.0.to_owned(), expected.1, expected.2)), "{expected:?}: {people:?}");
    }
    assert_eq!(triggers(&events), ["slack.team_join"]);
}

#[tokio::test]
async fn access_is_lost_with_a_token_of_ours_or_with_the_app() {
    for setup in [
        |rig: &Rig| Setup::RevokeToken { token: rig.bench.token_of("ada") },
        |rig: &Rig| Setup::Uninstall { team: rig.bench.id().into() },
    ] {
        let rig = Rig::start().await;
        rig.bench.fake.set_up(Setup::RevokeToken { token: rig.bench.token_of("bob") }).unwrap();
        assert!(is_nothing(&rig.events_after(0).await), "somebody else's token");
        let seen = rig.bench.app.seen().len();
        rig.bench.fake.set_up(setup(&rig)).unwrap();
        let events = rig.events_after(seen).await;
        assert!(
            events.iter().any(|e| matches!(&e.body, EventBody::AccessLost { reason } if reason.contains("install"))),
            "{events:?}"
        );
    }
}

#[tokio::test]
async fn pins_and_reactions_of_people_are_read() {
    let rig = Rig::start().await;
    let ts = rig.bench.fake.post(rig.bench.id(), "bob", "random", "rules").await.unwrap();
    rig.events_after(0).await;
    let seen = rig.bench.app.seen().len();
    let channel = || "random".to_owned();
    for act in [
        Act::Pin { channel: channel(), ts: ts.clone() },
        Act::React { channel: channel(), ts: ts.clone(), name: "tea".into() },
        Act::Unpin { channel: channel(), ts: ts.clone() },
    ] {
        rig.bench.fake.act(rig.bench.id(), "cy", act).await.unwrap();
    }
    let events = rig.events_after(seen).await;
    let fields = json!({ "channel": rig.channel("random"), "timestamp": ts });
    assert_eq!(actions(&events), [("slackpinmessage", fields)]);
    let mut told = triggers(&events);
    told.sort_unstable();
    assert_eq!(told, ["slack.pin_added", "slack.pin_removed", "slack.reaction_added"]);
}
