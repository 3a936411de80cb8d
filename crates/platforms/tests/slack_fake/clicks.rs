//! Buttons: the payload, the error a person sees, and the address an app answers through.

use std::time::Duration;

use policykit_platforms::slack::fake::{Act, DeliveryFault, DeliveryRule, Press, Ts, signature};
use serde_json::{Value, json};

use crate::support::{Answer, Bench, START};

fn ballot() -> Value {
    let button = |label: &str, id: &str, value: &str| json!({ "type": "button", "text": { "type": "plain_text", "text": label }, "action_id": id, "value": value });
    json!([
        { "type": "section", "block_id": "q", "text": { "type": "mrkdwn", "text": "Rename it?" } },
        { "type": "actions", "block_id": "vote", "elements": [button("Yes", "vote_yes", "p1:yes"), button("No", "vote_no", "p1:no")] },
        {
            "type": "section",
            "text": { "type": "mrkdwn", "text": "Or choose" },
            "accessory": {
                "type": "static_select",
                "action_id": "pick",
                "placeholder": { "type": "plain_text", "text": "Pick" },
                "options": [{ "text": { "type": "plain_text", "text": "Red" }, "value": "r" }],
            },
        },
    ])
}

async fn posted(bench: &Bench) -> Ts {
    let body = json!({ "channel": bench.channel("random"), "text": "Rename it?", "blocks": ballot() });
    Ts::new(bench.json_owned("chat.postMessage", body).await.ok()["ts"].as_str().unwrap())
}

fn clicks(bench: &Bench) -> Vec<Value> {
    bench.app.seen().iter().filter(|seen| seen.path == "/clicks").map(|seen| seen.payload()).collect()
}

#[tokio::test]
async fn a_person_presses_what_they_see_and_the_app_gets_a_signed_form() {
    let bench = Bench::start().await;
    let ts = posted(&bench).await;
    let view = bench.fake.channel(bench.id(), "random", Some("bob")).unwrap();
    assert_eq!(view.messages[0].text, "Rename it?\n[Yes] [No]\nOr choose [Pick]");
    let click = bench.fake.press(bench.id(), "bob", "random", &ts, Press::Label("Yes".into())).await.unwrap();
    assert!(click.taken());
    let seen = bench.app.seen().into_iter().find(|seen| seen.path == "/clicks").unwrap();
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded");
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    assert_eq!(seen.header("x-slack-signature"), signature(secret, START, &seen.body));
    let payload = seen.payload();
    assert_eq!((&payload["type"], &payload["user"]["id"]), (&json!("block_actions"), &json!(bench.user("bob"))));
    assert_eq!(payload["container"]["message_ts"], ts.as_str());
    assert_eq!(payload["message"]["ts"], ts.as_str());
    let action = &payload["actions"][0];
    assert_eq!((&action["action_id"], &action["block_id"]), (&json!("vote_yes"), &json!("vote")));
    assert_eq!((&action["value"], &action["type"]), (&json!("p1:yes"), &json!("button")));
    bench.fake.press(bench.id(), "bob", "random", &ts, Press::Value("p1:yes".into())).await.unwrap();
    let both = clicks(&bench);
    assert_ne!(both[0]["actions"][0]["action_ts"], both[1]["actions"][0]["action_ts"]);

    let act = Act::Press {
        channel: "random".into(),
        ts: ts.clone(),
        on: Press::ActionId("pick".into()),
        option: Some("Red".into()),
    };
    bench.fake.act(bench.id(), "cy", act).await.unwrap();
    assert_eq!(clicks(&bench)[2]["actions"][0]["selected_option"]["value"], "r");
    let missing = bench.fake.press(bench.id(), "bob", "random", &ts, Press::Label("Maybe".into())).await;
    assert!(missing.unwrap_err().to_string().contains("Maybe"));
}

#[tokio::test]
async fn a_click_that_fails_is_shown_to_the_person_and_not_repeated() {
    let bench = Bench::start_with(|config| config.ack_timeout_ms = 150).await;
    let ts = posted(&bench).await;
    bench.fake.quiesce().await;
    for answer in [Answer::Status(500), Answer::Hang] {
        bench.app.will_answer(&[answer]);
        let click = bench.fake.press(bench.id(), "bob", "random", &ts, Press::Label("No".into())).await.unwrap();
        assert!(!click.taken());
    }
    bench.fake.quiesce().await;
    assert_eq!(clicks(&bench).len(), 2);
    assert_eq!(bench.fake.clicks().iter().filter(|click| click.taken()).count(), 0);
}

#[tokio::test]
async fn a_response_url_serves_five_answers_in_thirty_minutes() {
    let bench = Bench::start().await;
    let ts = posted(&bench).await;
    bench.fake.press(bench.id(), "bob", "random", &ts, Press::Label("Yes".into())).await.unwrap();
    let url = clicks(&bench)[0]["response_url"].as_str().unwrap().to_owned();
    let respond = |body: Value| {
        let request = bench.http().post(&url).json(&body);
        async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<Value>().await.unwrap()["error"].clone())
        }
    };
    let fine = (200, Value::Null);
    assert_eq!(respond(json!({ "replace_original": true, "text": "1 yes" })).await, fine);
    assert_eq!(respond(json!({ "text": "only you" })).await, fine);
    assert_eq!(respond(json!({ "response_type": "in_channel", "text": "everybody" })).await, fine);
    assert_eq!(respond(json!({ "replace_original": true, "text": "2 yes" })).await, fine);
    let seen = |user: &str| {
        let view = bench.fake.channel(bench.id(), "random", Some(user)).unwrap();
        view.messages.into_iter().map(|message| message.text).collect::<Vec<_>>()
    };
    assert_eq!(seen("bob"), ["2 yes", "only you", "everybody"]);
    assert_eq!(seen("cy"), ["2 yes", "everybody"]);
    assert_eq!(respond(json!({ "delete_original": true })).await, fine);
    assert_eq!(seen("cy"), ["everybody"]);
    assert_eq!(respond(json!({ "text": "sixth" })).await, (404, json!("used_url")));

    let again = posted(&bench).await;
    bench.fake.press(bench.id(), "bob", "random", &again, Press::Label("Yes".into())).await.unwrap();
    let late = clicks(&bench)[1]["response_url"].as_str().unwrap().to_owned();
    bench.clock.advance(Duration::from_secs(30 * 60 + 1));
    let response = bench.http().post(late).json(&json!({ "text": "late" })).send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap()["error"], "expired_url");
}

#[tokio::test]
async fn a_whispered_button_works_for_the_one_who_sees_it() {
    let bench = Bench::start().await;
    let body =
        json!({ "channel": bench.channel("random"), "user": bench.user("bob"), "text": "?", "blocks": ballot() });
    let ts = Ts::new(bench.json_owned("chat.postEphemeral", body).await.ok()["message_ts"].as_str().unwrap());
    assert!(bench.fake.press(bench.id(), "cy", "random", &ts, Press::Label("Yes".into())).await.is_err());
    bench.fake.press(bench.id(), "bob", "random", &ts, Press::Label("Yes".into())).await.unwrap();
    let payload = clicks(&bench).remove(0);
    assert_eq!(payload["container"]["is_ephemeral"], true);
    assert!(payload.get("message").is_none());
    let url = payload["response_url"].as_str().unwrap();
    let shown = || bench.fake.channel(bench.id(), "random", Some("bob")).unwrap().messages;
    bench.http().post(url).json(&json!({ "replace_original": true, "text": "thanks" })).send().await.unwrap();
    assert_eq!((shown().len(), shown()[0].text.as_str()), (1, "thanks"));
    bench.http().post(url).json(&json!({ "delete_original": true })).send().await.unwrap();
    assert!(shown().is_empty());
}

#[tokio::test]
async fn clicks_can_be_forged_and_doubled() {
    let bench = Bench::start().await;
    let ts = posted(&bench).await;
    bench.fake.fault_deliveries(DeliveryRule::next("block_actions", DeliveryFault::BadSignature));
    bench.fake.press(bench.id(), "bob", "random", &ts, Press::Label("Yes".into())).await.unwrap();
    let forged = bench.app.seen().into_iter().find(|seen| seen.path == "/clicks").unwrap();
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    assert_ne!(forged.header("x-slack-signature"), signature(secret, START, &forged.body));
    bench.fake.fault_deliveries(DeliveryRule::next("block_actions", DeliveryFault::Duplicate));
    bench.fake.press(bench.id(), "bob", "random", &ts, Press::Label("Yes".into())).await.unwrap();
    let all = clicks(&bench);
    assert_eq!((all.len(), &all[1]), (3, &all[2]));
}
