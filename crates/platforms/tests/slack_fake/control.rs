//! The control routes, as another process uses them, and the record file.

use policykit_platforms::slack::fake::{
    Act, ActOrder, Acted, Answer, CallFault, CallRule, ChannelSeed, ChannelView, Click, DeliveryState, Entry, Fake,
    FaultOrder, Made, NetworkOrder, Order, Press, Setup, TeamView, Ts,
};
use serde_json::{Value, json};

use crate::support::{App, Bench, client, config};

impl Bench {
    async fn order<T: serde::de::DeserializeOwned>(&self, route: &str, body: impl serde::Serialize) -> T {
        let request = self.http().post(format!("{}/control/{route}", self.fake.base_url())).json(&body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, route: &str) -> T {
        let request = self.http().get(format!("{}/control/{route}", self.fake.base_url()));
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn everything_can_be_done_over_http() {
    let bench = Bench::start().await;
    let teams: Vec<TeamView> = bench.read("teams").await;
    assert_eq!(teams, bench.fake.teams());
    let act = |user: &str, act: Act| ActOrder { team: bench.id().into(), user: user.into(), act };
    let setup = Setup::Channel {
        team: bench.id().into(),
        channel: ChannelSeed { name: "new".into(), ..ChannelSeed::default() },
    };
    let made: Made = bench.order("setup", setup).await;
    let post = Act::Post { channel: made.id.clone().unwrap(), text: "over http".into(), thread_ts: None };
    let acted: Acted = bench.order("act", act("bob", post)).await;
    let view: ChannelView = bench.read(&format!("channel?team={}&channel=new&user=bob", bench.id())).await;
    assert_eq!((view.messages[0].text.as_str(), Some(&view.messages[0].ts)), ("over http", acted.ts.as_ref()));

    let rule = FaultOrder::Call(CallRule::next("auth.test", CallFault::StatusBeforeEffect { status: 500 }));
    let _: Value = bench.order("faults", rule).await;
    assert_eq!(bench.get(&bench.bot(), "auth.test", &[]).await.status, 500);
    let _: Value = bench.order("network", NetworkOrder::Pause).await;
    let post = Act::Post { channel: "new".into(), text: "held".into(), thread_ts: None };
    let _: Acted = bench.order("act", act("bob", post)).await;
    let _: Value = bench.order("quiesce", json!({})).await;
    assert_eq!(bench.app.seen().len(), 1);
    let released: Value = bench.order("network", NetworkOrder::Release(Order::Queued)).await;
    assert_eq!(released["released"], 1);
    let _: Value = bench.order("quiesce", json!({})).await;
    assert_eq!(bench.app.seen().len(), 2);
    let deliveries: Value = bench.read("deliveries").await;
    assert_eq!(deliveries[1]["state"], json!(DeliveryState::Acked));
    let record: Vec<Entry> = bench.read("record").await;
    assert_eq!(record, bench.fake.record());
    let newer: Vec<Entry> = bench.read("record?after=2").await;
    assert_eq!(newer, record[2..]);
    let posts: Vec<Entry> = bench.read("posts?text=over").await;
    assert_eq!(posts.len(), 1);
    let doubles: Value = bench.read("doubles?key=call_id").await;
    assert_eq!(doubles, json!([]));
}

#[tokio::test]
async fn a_press_over_http_tells_what_the_person_saw() {
    let bench = Bench::start().await;
    let blocks = json!([{ "type": "actions", "elements": [
        { "type": "button", "text": { "type": "plain_text", "text": "Go" }, "value": "1" },
    ] }]);
    let body = json!({ "channel": bench.channel("random"), "text": "x", "blocks": blocks });
    let ts = Ts::new(bench.json_owned("chat.postMessage", body).await.ok()["ts"].as_str().unwrap());
    bench.fake.quiesce().await;
    bench.app.will_answer(&[crate::support::Answer::Status(500)]);
    let press = Act::Press { channel: "random".into(), ts, on: Press::Label("Go".into()), option: None };
    let order = ActOrder { team: bench.id().into(), user: "bob".into(), act: press };
    let acted: Acted = bench.order("act", order).await;
    assert_eq!(acted.click.unwrap().answer, Answer::Status { status: 500, ack_lost: false });
    let clicks: Vec<Click> = bench.read("clicks").await;
    assert_eq!(clicks.len(), 1);
}

#[tokio::test]
async fn an_order_that_cannot_be_followed_says_why() {
    let bench = Bench::start().await;
    let ask = |team: &str, user: &str, channel: &str| {
        let act = Act::Post { channel: channel.into(), text: "x".into(), thread_ts: None };
        let order = ActOrder { team: team.into(), user: user.into(), act };
        let request = bench.http().post(format!("{}/control/act", bench.fake.base_url())).json(&order);
        async move {
            let response = request.send().await.unwrap();
            assert_eq!(response.status().as_u16(), 422);
            response.json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned()
        }
    };
    // Two workspaces share the name.
    assert!(ask("town", "bob", "random").await.starts_with("no workspace `town`"));
    assert!(ask(bench.id(), "zoe", "random").await.starts_with("no user `zoe`"));
    assert!(ask(bench.id(), "bob", "nowhere").await.starts_with("no channel `nowhere`"));
    assert_eq!(ask(bench.id(), "cy", "council").await, "no channel `council` in the workspace; use an id or a name");
}

#[tokio::test]
async fn the_app_passes_the_challenge_of_its_request_address() {
    let bench = Bench::start().await;
    bench.fake.verify_url().await.unwrap();
    bench.app.will_answer(&[crate::support::Answer::Status(500)]);
    assert!(bench.fake.verify_url().await.is_err());
}

#[tokio::test]
async fn the_record_file_holds_the_record_line_by_line() {
    let path = std::env::temp_dir().join(format!("slack-fake-record-{}.jsonl", std::process::id()));
    let app = App::start().await;
    let mut settings = config(&app);
    settings.record = Some(path.clone());
    let fake = Fake::start(settings).await.unwrap();
    let team = fake.teams()[0].clone();
    fake.post(team.id.as_str(), "bob", "random", "kept").await.unwrap();
    fake.quiesce().await;
    let lines = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let entries: Vec<Entry> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries, fake.record());
    assert!(entries.len() >= 2);
}

#[tokio::test]
async fn ids_and_tokens_follow_from_the_seed() {
    let app = App::start().await;
    let (a, b) = (Fake::start(config(&app)).await.unwrap(), Fake::start(config(&app)).await.unwrap());
    assert_eq!(a.teams(), b.teams());
    let other = Fake::start(policykit_platforms::slack::fake::FakeConfig { seed: 2, ..config(&app) }).await.unwrap();
    assert_ne!(a.teams()[0].id, other.teams()[0].id);
    let health = client().get(format!("{}/health", a.base_url())).send().await.unwrap();
    assert!(health.status().is_success());
}
