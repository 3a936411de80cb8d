//! After an answer was lost: what is found out, and that sending again where nothing was done does it once.

use policykit_core::{
    call::{CallOutcome, PlannedCall},
    ids::CallId,
};
use policykit_platforms::{
    platform::Confirmation,
    slack::fake::{Act, CallFault, Change, Chaos, Ts},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rig::{Rig, call, is_unknown, reply};

async fn lose(rig: &Rig, id: u128, call: &PlannedCall, fault: CallFault) {
    rig.fault(&call.operation, fault);
    let outcome = rig.send(id, call).await;
    assert!(is_unknown(&outcome), "{}: {outcome:?}", call.operation);
}

async fn found(rig: &Rig, id: u128, call: &PlannedCall) -> Value {
    match rig.confirm(id, call).await {
        Confirmation::Done { reply } => reply,
        other => panic!("{}: expected it to be found, got {other:?}", call.operation),
    }
}

fn post_to(channel: &str) -> PlannedCall {
    call("chat.postMessage", json!({ "channel": channel, "text": "was it posted?" }))
}

fn posted(rig: &Rig) -> Vec<Value> {
    let of = |change| match change {
        Change::Posted { channel, ts, .. } => Some(json!({ "channel": channel, "ts": ts })),
        _ => None,
    };
    rig.changes().into_iter().filter_map(of).collect()
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_found_by_its_mark_wherever_it_went() {
    let rig = Rig::start().await;
    let parent = rig.bench.fake.post(rig.bench.id(), "bob", "random", "question").await.unwrap();
    let in_thread = json!({ "channel": rig.channel("random"), "text": "answer", "thread_ts": parent });
    for (id, call) in [
        post_to(&rig.channel("random")),
        call("chat.postMessage", in_thread),
        post_to(&rig.channel("unseen")),
        post_to(&rig.user("bob")),
        post_to("#random"),
        post_to("general"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = 10 + u128::try_from(id).unwrap();
        lose(&rig, id, &call, CallFault::DropAfterEffect).await;
        assert_eq!(Some(&found(&rig, id, &call).await), posted(&rig).last(), "{:?}", call.args);
    }
    assert_eq!(rig.bench.fake.doubles("call"), []);
}

#[tokio::test]
async fn what_is_found_reads_as_the_answer_would_have_read() {
    let rig = Rig::start().await;
    let call = post_to(&rig.channel("random"));
    let told = reply(&rig.send(1, &call).await).clone();
    assert_eq!(found(&rig, 1, &call).await, told);
    let rename = crate::rig::call("conversations.rename", json!({ "channel": rig.channel("random"), "name": "New" }));
    let told = reply(&rig.send(2, &rename).await).clone();
    assert_eq!(found(&rig, 2, &rename).await, told);
}

#[tokio::test]
async fn a_post_that_never_happened_is_not_found_and_can_be_sent_once() {
    let rig = Rig::start().await;
    let parent = rig.bench.fake.post(rig.bench.id(), "bob", "random", "question").await.unwrap();
    let in_thread = json!({ "channel": rig.channel("random"), "text": "answer", "thread_ts": parent });
    for (id, call) in [
        post_to(&rig.channel("random")),
        call("chat.postMessage", in_thread),
        post_to(&rig.user("bob")),
        post_to("#random"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = 10 + u128::try_from(id).unwrap();
        lose(&rig, id, &call, CallFault::DropBeforeEffect).await;
        assert_eq!(rig.confirm(id, &call).await, Confirmation::NotDone, "{:?}", call.args);
        reply(&rig.send(id, &call).await);
    }
    assert_eq!((posted(&rig).len(), rig.bench.fake.doubles("call")), (4, vec![]));
}

#[tokio::test]
async fn only_the_mark_counts_not_the_same_words_or_another_calls_mark() {
    let rig = Rig::start().await;
    let call = post_to(&rig.channel("random"));
    reply(&rig.send(1, &call).await);
    rig.bench.fake.post(rig.bench.id(), "bob", "random", "was it posted?").await.unwrap();
    rig.bench.say("random", "was it posted?").await;
    assert_eq!(rig.confirm(2, &call).await, Confirmation::NotDone);
}

#[tokio::test]
async fn a_post_is_found_below_much_that_was_written_since() {
    let rig = Rig::start_with(|config| config.app.events_url = None).await;
    let call = post_to(&rig.channel("random"));
    lose(&rig, 1, &call, CallFault::DropAfterEffect).await;
    for n in 0..450 {
        rig.bench.fake.post(rig.bench.id(), "bob", "random", &format!("chat {n}")).await.unwrap();
    }
    assert_eq!(found(&rig, 1, &call).await, posted(&rig)[0]);
    assert_eq!(rig.arrived("conversations.history"), 3);
    for n in 0..3_600 {
        rig.bench.fake.post(rig.bench.id(), "bob", "random", &format!("more {n}")).await.unwrap();
    }
    let lost = rig.confirm(1, &call).await;
    assert!(matches!(&lost, Confirmation::Unknown { reason } if reason.contains("too much")), "{lost:?}");
}

/// A server that knows a thread of `1.1` with a reply `2.2`, and has our mark there or in the channel.
async fn with_mark_in(home: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(async move |uri: axum::http::Uri| {
        let query: Vec<(String, String)> = serde_urlencoded::from_str(uri.query().unwrap_or_default()).unwrap();
        let asked = query.iter().find(|(name, _)| name == "ts").map_or("channel", |(_, ts)| ts.as_str());
        let mut messages = match asked {
            "2.2" => vec![json!({ "ts": "2.2", "thread_ts": "1.1" })],
            "1.1" => vec![json!({ "ts": "1.1", "thread_ts": "1.1" }), json!({ "ts": "2.2", "thread_ts": "1.1" })],
            _ => vec![json!({ "ts": "1.1" })],
        };
        if asked == home {
            let payload = json!({ "call": CallId::from_uuid(Uuid::from_u128(1)) });
            let mark = json!({ "event_type": "policykit_call", "event_payload": payload });
            messages.push(json!({ "ts": "3.3", "metadata": mark }));
        }
        json!({ "ok": true, "messages": messages }).to_string()
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn an_answer_to_a_reply_is_found_in_whichever_place_it_was_put() {
    let mut rig = Rig::start().await;
    let args = json!({ "channel": "C12345678", "text": "x", "thread_ts": "2.2" });
    for home in ["2.2", "1.1", "channel"] {
        rig.app.settings.insert("api_url".into(), with_mark_in(home).await);
        let reply = found(&rig, 1, &call("chat.postMessage", args.clone())).await;
        assert_eq!(reply, json!({ "channel": "C12345678", "ts": "3.3" }), "{home}");
    }
    rig.app.settings.insert("api_url".into(), with_mark_in("nowhere").await);
    assert_eq!(rig.confirm(1, &call("chat.postMessage", args)).await, Confirmation::NotDone);
}

#[tokio::test]
async fn a_post_in_a_private_channel_the_bot_was_removed_from_cannot_be_found_out() {
    let rig = Rig::start().await;
    let council = rig.channel("council");
    let bot = rig.bench.team.bot_user.to_string();
    let act = |act| rig.bench.fake.act(rig.bench.id(), "ada", act);
    let call = post_to(&council);
    lose(&rig, 1, &call, CallFault::DropAfterEffect).await;
    act(Act::Kick { channel: council, user: bot }).await.unwrap();
    let lost = rig.confirm(1, &call).await;
    assert!(matches!(&lost, Confirmation::Unknown { reason } if reason.contains("channel_not_found")), "{lost:?}");
}

#[tokio::test]
async fn a_post_that_a_person_deleted_before_we_looked_counts_as_not_done() {
    // Known and documented: nothing on Slack tells a deleted message of ours from one never posted.
    let rig = Rig::start().await;
    let call = post_to(&rig.channel("random"));
    lose(&rig, 1, &call, CallFault::DropAfterEffect).await;
    let ts = Ts::new(posted(&rig)[0]["ts"].as_str().unwrap());
    rig.bench.fake.act(rig.bench.id(), "ada", Act::Delete { channel: "random".into(), ts }).await.unwrap();
    assert_eq!(rig.confirm(1, &call).await, Confirmation::NotDone);
}

/// Calls that set a state, each in a state where it has something to do.
async fn state_calls(rig: &Rig) -> Vec<PlannedCall> {
    let random = rig.channel("random");
    let say = async |text: &str| rig.bench.fake.post(rig.bench.id(), "bob", "random", text).await.unwrap();
    let (plain, parent, pinned) = (say("plain").await, say("parent").await, say("pinned").await);
    let post = |text: &str| Act::Post { channel: "random".into(), text: text.into(), thread_ts: Some(parent.clone()) };
    let in_thread = rig.bench.fake.act(rig.bench.id(), "cy", post("in thread")).await.unwrap().ts.unwrap();
    rig.bench.fake.act(rig.bench.id(), "cy", post("stays")).await.unwrap();
    let pin = Act::Pin { channel: "random".into(), ts: pinned.clone() };
    rig.bench.fake.act(rig.bench.id(), "ada", pin).await.unwrap();
    let hidden = rig.bench.fake.post(rig.bench.id(), "bob", "unseen", "where the bot is not").await.unwrap();
    let post_at = crate::support::START + 3_600;
    vec![
        call("chat.delete", json!({ "channel": random, "ts": plain })),
        call("chat.delete", json!({ "channel": random, "ts": in_thread })),
        call("chat.delete", json!({ "channel": random, "ts": parent })),
        call("chat.delete", json!({ "channel": rig.channel("unseen"), "ts": hidden })),
        call("chat.scheduleMessage", json!({ "channel": random, "text": "later", "post_at": post_at })),
        call("conversations.rename", json!({ "channel": random, "name": "Tea Room" })),
        call("conversations.invite", json!({ "channel": rig.channel("council"), "users": rig.user("cy") })),
        call("conversations.kick", json!({ "channel": random, "user": rig.user("dee") })),
        call("pins.remove", json!({ "channel": random, "timestamp": pinned })),
        call("pins.add", json!({ "channel": random, "timestamp": pinned })),
    ]
}

#[tokio::test]
async fn state_that_was_reached_is_found_although_the_answer_was_lost() {
    let rig = Rig::start().await;
    for (id, call) in state_calls(&rig).await.into_iter().enumerate() {
        let id = u128::try_from(id).unwrap();
        lose(&rig, id, &call, CallFault::DropAfterEffect).await;
        let confirmation = rig.confirm(id, &call).await;
        if call.args["channel"] == rig.channel("unseen") {
            // It cannot be looked at, but deleting it again does no harm.
            assert_eq!(confirmation, Confirmation::NotDone);
            assert_eq!(reply(&rig.send(id, &call).await)["already"], "message_not_found");
        } else {
            assert!(matches!(confirmation, Confirmation::Done { .. }), "{}: {confirmation:?}", call.operation);
        }
    }
}

#[tokio::test]
async fn state_that_was_not_reached_is_told_and_reached_by_sending_again() {
    let rig = Rig::start().await;
    for (id, call) in state_calls(&rig).await.into_iter().enumerate() {
        let id = u128::try_from(id).unwrap();
        let before = rig.changes().len();
        lose(&rig, id, &call, CallFault::StatusBeforeEffect { status: 502 }).await;
        assert_eq!(rig.confirm(id, &call).await, Confirmation::NotDone, "{} {:?}", call.operation, call.args);
        reply(&rig.send(id, &call).await);
        assert_eq!(rig.changes().len(), before + 1, "{}", call.operation);
    }
}

#[tokio::test]
async fn somebody_elses_scheduled_message_or_an_older_one_is_not_ours() {
    let rig = Rig::start().await;
    let random = rig.channel("random");
    let schedule =
        |text: &str| call("chat.scheduleMessage", json!({ "channel": random, "text": text, "post_at": 1_700_009_000 }));
    reply(&rig.send(1, &schedule("tea")).await);
    assert_eq!(rig.confirm(2, &schedule("coffee")).await, Confirmation::NotDone);
    rig.bench.clock.advance(std::time::Duration::from_secs(1_000));
    assert_eq!(
        rig.confirm(2, &schedule("tea")).await,
        Confirmation::NotDone,
        "it was there before the call was planned"
    );
}

#[tokio::test]
async fn membership_that_cannot_be_looked_at_is_unknown() {
    let rig = Rig::start().await;
    let kick = call("conversations.kick", json!({ "channel": rig.channel("cellar"), "user": rig.user("bob") }));
    lose(&rig, 1, &kick, CallFault::DropAfterEffect).await;
    let confirmation = rig.confirm(1, &kick).await;
    assert!(matches!(confirmation, Confirmation::Unknown { .. }), "{confirmation:?}");
}

#[tokio::test]
async fn under_random_faults_nothing_is_ever_posted_twice_and_everything_once() {
    let rig = Rig::start().await;
    let chaos = Chaos { delay_ms: 1, ..Chaos::moderate(5) };
    rig.bench.fake.set_chaos(Some(chaos));
    let channel = rig.channel("random");
    for id in 0..60 {
        let call = call("chat.postMessage", json!({ "channel": channel, "text": format!("n{id}") }));
        // As the engine does: send; in doubt look; send again only when it was not done.
        let mut in_doubt = false;
        for _ in 0..200 {
            rig.bench.clock.advance(std::time::Duration::from_secs(2));
            if in_doubt {
                match rig.confirm(id, &call).await {
                    Confirmation::Done { .. } => break,
                    Confirmation::NotDone => in_doubt = false,
                    Confirmation::Unknown { .. } => {}
                }
                continue;
            }
            match rig.send(id, &call).await {
                Ok(CallOutcome::Done { .. }) => break,
                Ok(other) => panic!("{other:?}"),
                unknown if is_unknown(&unknown) => in_doubt = true,
                Err(_) => {}
            }
        }
    }
    assert_eq!((posted(&rig).len(), rig.bench.fake.doubles("call")), (60, vec![]));
}
