//! What each operation does: the fake's record shows the effect.

use policykit_core::{
    Value as PolicyValue,
    ballot::{Poll, TallyRow},
    call::{CallOutcome, LocalEffect, PlanStep},
    proposal::Status,
};
use policykit_platforms::{
    Platform,
    platform::VoteDrawing,
    slack::fake::{Act, Change, MessageView, Press, Setup, TokenKind, Ts, UserId, What},
};
use serde_json::{Value, json};

use crate::rig::{Rig, call, proposal, reply};

fn returned(step: &PlanStep) -> &PolicyValue {
    match step {
        PlanStep::Done { value, .. } => value,
        other => panic!("expected a value, got {other:?}"),
    }
}

fn text_of(value: &PolicyValue) -> String {
    match value {
        PolicyValue::Str(text) => text.clone(),
        other => panic!("expected a text, got {other:?}"),
    }
}

/// Which kind of token the last call of a method came with, and whose.
fn token_of_last(rig: &Rig, wanted: &str) -> (TokenKind, UserId) {
    let of = |what| match what {
        What::Call { method, token: Some(token), user: Some(user), .. } if method == wanted => Some((token, user)),
        _ => None,
    };
    rig.bench.fake.record().into_iter().rev().find_map(|entry| of(entry.what)).unwrap()
}

#[tokio::test]
async fn a_post_goes_to_its_channel_as_the_bot_and_carries_the_mark_of_its_call() {
    let rig = Rig::start().await;
    let (made, step) =
        rig.run("post_message", json!({ "text": "tea & <cake>", "channel": rig.channel("general") })).await;
    let Change::Posted { channel, ts, user, text, metadata, thread_ts } = &rig.changes()[0] else { panic!() };
    assert_eq!((channel.as_str(), text.as_str()), (rig.channel("general").as_str(), "tea & <cake>"));
    assert_eq!((user, thread_ts), (&rig.bench.team.bot_user, &None));
    assert_eq!(text_of(returned(&step)), ts.as_str());
    let mark = json!({ "event_type": "policykit_call", "event_payload": { "call": rig.context(1_000).call } });
    assert_eq!(metadata, &Some(mark));
    assert!(
        made[0].0.args.get("metadata").is_none(),
        "the mark is no argument, or a replay would ask for another thing"
    );
    assert_eq!(rig.changes().len(), 1);
}

#[tokio::test]
async fn without_a_channel_the_post_goes_where_the_action_happened() {
    let rig = Rig::start().await;
    rig.run("post_message", json!({ "text": "here" })).await;
    assert!(matches!(&rig.changes()[0], Change::Posted { channel, .. } if channel.as_str() == rig.channel("random")));
}

#[tokio::test]
async fn a_reply_goes_into_its_thread_and_into_the_channel_only_when_asked() {
    let rig = Rig::start().await;
    let parent = rig.bench.fake.post(rig.bench.id(), "bob", "random", "question").await.unwrap();
    for broadcast in [false, true] {
        let args = json!({ "text": "answer", "thread_ts": parent, "reply_broadcast": broadcast });
        rig.run("post_message", args).await;
    }
    let changes = rig.changes();
    assert!(changes.iter().all(|c| matches!(c, Change::Posted { thread_ts: Some(ts), .. } if *ts == parent)));
    let view = rig.bench.fake.channel(rig.bench.id(), "random", Some("bob")).unwrap();
    let subtypes: Vec<Option<&str>> = view.messages.iter().map(|m| m.subtype.as_deref()).collect();
    assert_eq!(subtypes, [None, None, Some("thread_broadcast")]);
}

#[tokio::test]
async fn an_ephemeral_message_is_seen_by_each_of_its_readers_alone() {
    let rig = Rig::start().await;
    let args = json!({ "text": "psst", "post_type": "ephemeral", "users": [rig.user("bob"), rig.user("cy")] });
    let (made, step) = rig.run("post_message", args).await;
    assert_eq!(made.len(), 2);
    assert!(matches!(returned(&step), PolicyValue::List(all) if all.len() == 2));
    let sees = |user: &str| {
        let view = rig.bench.fake.channel(rig.bench.id(), "random", Some(user)).unwrap();
        view.messages.iter().filter(|m| m.ephemeral && m.text == "psst").count()
    };
    assert_eq!((sees("bob"), sees("cy"), sees("ada")), (1, 1, 0));
    assert!(rig.changes().iter().all(|c| matches!(c, Change::Ephemeral { .. })));
}

#[tokio::test]
async fn direct_messages_go_to_each_person_and_group_messages_to_all_at_once() {
    let rig = Rig::start().await;
    let users = json!([rig.user("bob"), rig.user("cy")]);
    let (made, step) = rig.run("post_message", json!({ "text": "hi", "post_type": "im", "users": users })).await;
    let operations: Vec<&str> = made.iter().map(|(call, _)| call.operation.as_str()).collect();
    assert_eq!(operations, ["conversations.open", "chat.postMessage", "conversations.open", "chat.postMessage"]);
    assert!(matches!(returned(&step), PolicyValue::List(all) if all.len() == 2));
    rig.run("post_message", json!({ "text": "both", "post_type": "mpim", "users": users })).await;
    let team = rig.bench.fake.team(rig.bench.id()).unwrap();
    let readers: Vec<usize> = rig
        .changes()
        .iter()
        .map(|change| match change {
            Change::Posted { channel, .. } => team.channel(channel.as_str()).unwrap().members.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(readers, [2, 2, 3]);
}

#[tokio::test]
async fn the_bot_joins_a_public_channel_first_where_only_that_is_missing() {
    let rig = Rig::start().await;
    let scopes = ["chat:write", "channels:join", "channels:read", "pins:write"].map(str::to_owned).into();
    rig.bench.fake.set_up(Setup::Scopes { token: rig.bench.bot(), scopes }).unwrap();
    let channel = rig.channel("unseen");
    let outcome = rig.send(1, &call("chat.postMessage", json!({ "channel": channel, "text": "knock" }))).await;
    assert_eq!(reply(&outcome)["channel"], json!(channel));
    let changes = rig.changes();
    assert!(
        matches!(&changes[..], [Change::Joined { user, .. }, Change::Posted { .. }] if *user == rig.bench.team.bot_user)
    );
    assert_eq!(rig.arrived("chat.postMessage"), 2, "the refused one and the one after joining");
}

#[tokio::test]
async fn a_message_of_somebody_else_is_deleted_with_the_administrators_token() {
    let rig = Rig::start().await;
    let ts = rig.bench.fake.post(rig.bench.id(), "bob", "random", "spam").await.unwrap();
    rig.run("delete_message", json!({ "channel": rig.channel("random"), "ts": ts })).await;
    assert!(matches!(&rig.changes()[..], [Change::Deleted { ts: gone, text, .. }] if *gone == ts && text == "spam"));
    let ada = UserId::new(rig.user("ada"));
    assert_eq!(token_of_last(&rig, "chat.delete"), (TokenKind::User, ada));
}

#[tokio::test]
async fn a_channel_is_renamed_with_the_administrators_token_and_the_name_slack_made_of_it_comes_back() {
    let rig = Rig::start().await;
    let (made, _) =
        rig.run("rename_conversation", json!({ "channel": rig.channel("random"), "name": "Tea Room" })).await;
    let CallOutcome::Done { reply } = &made[0].1 else { panic!() };
    assert_eq!(reply["name"], "tea-room");
    assert!(matches!(&rig.changes()[..], [Change::Renamed { from, to, .. }] if from == "random" && to == "tea-room"));
    assert_eq!(token_of_last(&rig, "conversations.rename").0, TokenKind::User);
}

#[tokio::test]
async fn people_are_added_and_removed_one_by_one() {
    let rig = Rig::start().await;
    let council = rig.channel("council");
    let users = json!([rig.user("cy"), rig.user("dee")]);
    let (made, _) = rig.run("join_conversation", json!({ "channel": council, "users": users })).await;
    assert_eq!(made.len(), 2);
    rig.run("kick_conversation", json!({ "channel": council, "user": rig.user("cy") })).await;
    let [Change::Joined { user: first, .. }, Change::Joined { user: second, .. }, Change::Left { user: gone, .. }] =
        &rig.changes()[..]
    else {
        panic!("{:?}", rig.changes())
    };
    assert_eq!([first, second, gone].map(|u| u.as_str().to_owned()), [rig.user("cy"), rig.user("dee"), rig.user("cy")]);
}

#[tokio::test]
async fn leaving_is_done_only_when_slack_did_it_or_no_token_lives_any_more() {
    let uninstalled = |rig: &Rig| {
        let gone = |what: &What| matches!(what, What::Effect { change: Change::Uninstalled, .. });
        rig.bench.fake.record().iter().filter(|entry| gone(&entry.what)).count()
    };
    let leave = call("apps.uninstall", json!({}));
    let revoke = |rig: &Rig, token: String| rig.bench.fake.set_up(Setup::RevokeToken { token }).unwrap();
    // The bot's has died: the administrator's takes the app out.
    let rig = Rig::start().await;
    revoke(&rig, rig.bench.bot());
    assert_eq!(reply(&rig.send(1, &leave).await), &json!({}));
    assert_eq!(uninstalled(&rig), 1);
    // Slack refuses that one: then nobody was told.
    let mut rig = Rig::start().await;
    revoke(&rig, rig.bench.bot());
    rig.app.secrets.insert("client_secret".to_owned(), "of another app".into());
    let outcome = rig.send(1, &leave).await;
    assert!(matches!(&outcome, Ok(CallOutcome::Refused { code, .. }) if code == "bad_client_secret"), "{outcome:?}");
    // Both have died: there is nothing left to give up.
    let rig = Rig::start().await;
    revoke(&rig, rig.bench.bot());
    revoke(&rig, rig.bench.token_of("ada"));
    assert_eq!(reply(&rig.send(1, &leave).await), &json!({ "already": "token_revoked" }));
    // There never were any.
    let mut rig = Rig::start().await;
    rig.credentials.clear();
    let outcome = rig.send(1, &leave).await;
    assert!(matches!(&outcome, Ok(CallOutcome::Refused { code, .. }) if code == "no_keys"), "{outcome:?}");
    assert_eq!(uninstalled(&rig), 0);
}

#[tokio::test]
async fn where_the_administrator_is_not_a_member_the_bot_removes() {
    let rig = Rig::start().await;
    let leave = Act::Leave { channel: "random".into() };
    rig.bench.fake.act(rig.bench.id(), "ada", leave).await.unwrap();
    rig.done(1, "conversations.kick", json!({ "channel": rig.channel("random"), "user": rig.user("bob") })).await;
    assert!(matches!(&rig.changes()[..], [Change::Left { user, .. }] if user.as_str() == rig.user("bob")));
    assert_eq!(token_of_last(&rig, "conversations.kick").0, TokenKind::Bot);
}

#[tokio::test]
async fn pins_and_scheduled_messages_leave_their_traces() {
    let rig = Rig::start().await;
    let channel = rig.channel("random");
    let ts = rig.bench.fake.post(rig.bench.id(), "bob", "random", "rules").await.unwrap();
    rig.run("pin_message", json!({ "channel": channel, "ts": ts })).await;
    rig.run("unpin_message", json!({ "channel": channel, "ts": ts })).await;
    let post_at = crate::support::START + 3_600;
    let (_, step) = rig.run("schedule_message", json!({ "text": "later", "post_at": post_at })).await;
    let changes = rig.changes();
    let [Change::Pinned { ts: pinned, .. }, Change::Unpinned { .. }, Change::Scheduled { id, post_at: at, text, .. }] =
        &changes[..]
    else {
        panic!("{changes:?}")
    };
    assert_eq!((pinned, *at, text.as_str()), (&ts, post_at, "later"));
    assert_eq!(&text_of(returned(&step)), id);
}

#[tokio::test]
async fn a_message_of_the_bot_is_changed() {
    let rig = Rig::start().await;
    let ts = rig.bench.say("random", "draft").await;
    rig.run("update_message", json!({ "channel": rig.channel("random"), "ts": ts, "text": "final" })).await;
    let last = rig.changes().pop().unwrap();
    assert!(matches!(last, Change::Updated { from, text, .. } if from == "draft" && text == "final"));
}

fn shown(rig: &Rig, ts: &str) -> MessageView {
    let view = rig.bench.fake.channel(rig.bench.id(), "random", Some("bob")).unwrap();
    view.messages.into_iter().find(|m| m.ts.as_str() == ts).unwrap()
}

async fn vote(rig: &Rig, args: Value) -> Poll {
    let (_, step) = rig.run("initiate_vote", args).await;
    match step {
        PlanStep::Done { effects, .. } => match &effects[..] {
            [LocalEffect::VoteStarted(poll)] => poll.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

async fn redraw(rig: &Rig, poll: &Poll, tally: &[TallyRow], status: Status) -> MessageView {
    let drawing = VoteDrawing { proposal: proposal(), poll, tally, status };
    let call = rig.slack.draw_vote(&drawing).unwrap();
    reply(&rig.send(9, &call).await);
    shown(rig, &poll.post_id)
}

#[tokio::test]
async fn a_vote_shows_its_buttons_then_its_voters_and_in_the_end_no_buttons() {
    let rig = Rig::start().await;
    let poll = vote(&rig, json!({ "text": "Tea at four?" })).await;
    let first = shown(&rig, &poll.post_id);
    let labels = |message: &MessageView| message.controls.iter().map(|c| c.label.clone()).collect::<Vec<_>>();
    assert_eq!(labels(&first), [":thumbsup: Yes", ":thumbsdown: No", "Take my vote back"]);
    assert!(first.text.starts_with("Tea at four?"), "{}", first.text);
    assert_eq!(poll.channel, rig.channel("random"));
    let link = format!("https://town-1.slack.com/archives/{}/p{}", poll.channel, poll.post_id.replace('.', ""));
    assert_eq!(poll.url, Some(link));
    let tally = [TallyRow { candidate: None, option: "yes".into(), voters: vec![rig.user("bob")] }];
    let open = redraw(&rig, &poll, &tally, Status::Proposed).await;
    assert!(open.text.contains(&format!("<@{}>", rig.user("bob"))), "{}", open.text);
    assert_eq!(labels(&open).len(), 3);
    let closed = redraw(&rig, &poll, &tally, Status::Passed).await;
    assert!(closed.controls.is_empty() && closed.text.contains("Passed"), "{closed:?}");
    assert!(closed.text.contains(&rig.user("bob")), "who voted stays to be seen");
}

#[tokio::test]
async fn the_largest_vote_allowed_is_one_slack_takes() {
    let rig = Rig::start().await;
    let options: Vec<String> = (0..40).map(|n| format!("{n} {}", "\"quoted\" ".repeat(90))).collect();
    let users: Vec<String> = (0..400).map(|n| format!("U{n:010}")).collect();
    let args = json!({ "text": "line\n".repeat(3_000), "options": options, "users": users });
    let poll = vote(&rig, args).await;
    assert_eq!(shown(&rig, &poll.post_id).controls.len(), 41);
    let tally: Vec<TallyRow> =
        options.iter().map(|o| TallyRow { candidate: None, option: o.clone(), voters: users.clone() }).collect();
    redraw(&rig, &poll, &tally, Status::Proposed).await;
    let closed = redraw(&rig, &poll, &tally, Status::Failed).await;
    assert!(closed.controls.is_empty());
}

#[tokio::test]
async fn a_voter_is_answered_alone_as_long_as_the_address_lives() {
    let mut rig = Rig::start().await;
    let poll = vote(&rig, json!({ "text": "Tea?" })).await;
    // The fake hands out addresses of its own, so here it is reached directly.
    rig.app.settings.insert("api_url".into(), format!("{}/api", rig.bench.fake.base_url()));
    let on = Press::Label(":thumbsup: Yes".into());
    let ts = Ts::new(poll.post_id.as_str());
    rig.bench.fake.press(rig.bench.id(), "bob", "random", &ts, on).await.unwrap();
    let click = rig.bench.app.seen().into_iter().find(|seen| seen.path == "/clicks").unwrap().payload();
    let answer = rig.slack.reply(click["response_url"].as_str().unwrap(), "Counted.").unwrap();
    for _ in 0..5 {
        reply(&rig.send(5, &answer).await);
    }
    let view = rig.bench.fake.channel(rig.bench.id(), "random", Some("bob")).unwrap();
    assert_eq!(view.messages.iter().filter(|m| m.ephemeral && m.text == "Counted.").count(), 5);
    assert_eq!(shown(&rig, &poll.post_id).controls.len(), 3, "the vote itself stays");
    let sixth = rig.send(5, &answer).await.unwrap();
    assert!(matches!(sixth, CallOutcome::Refused { code, .. } if code == "used_url"));
}
