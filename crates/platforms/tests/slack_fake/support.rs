//! A workspace, an app that records what it is sent, and a client that shows what a call came to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use policykit_core::{FakeClock, Timestamp};
use policykit_platforms::slack::fake::{
    ChannelSeed, Fake, FakeConfig, RunningFake, TeamSeed, TeamView, UserSeed, UserTokenSeed, UsergroupSeed,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};

pub(crate) const START: i64 = 1_700_000_000;

/// How the app treats a delivery.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Status(u16),
    /// The status with `X-Slack-No-Retry: 1`.
    NoRetry(u16),
    /// Never answers.
    Hang,
}

/// A delivery as the app saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The payload of a click.
    pub(crate) fn payload(&self) -> Value {
        let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(&self.body).unwrap();
        assert_eq!(fields[0].0, "payload");
        serde_json::from_str(&fields[0].1).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        let event = &self.json()["event"];
        let kind = event["type"].as_str().unwrap_or_default();
        event["subtype"].as_str().map_or_else(|| kind.to_owned(), |subtype| format!("{kind}.{subtype}"))
    }
}

#[derive(Debug)]
struct Inside {
    seen: Mutex<Vec<Seen>>,
    answers: Mutex<VecDeque<Answer>>,
    count: watch::Sender<usize>,
}

/// An app that answers 200 unless told otherwise.
#[derive(Debug, Clone)]
pub(crate) struct App {
    inside: Arc<Inside>,
    pub(crate) url: String,
}

impl App {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inside =
            Arc::new(Inside { seen: Mutex::default(), answers: Mutex::default(), count: watch::Sender::new(0) });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&inside));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inside, url }
    }

    pub(crate) fn will_answer(&self, answers: &[Answer]) {
        self.inside.answers.lock().unwrap().extend(answers);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inside.seen.lock().unwrap().clone()
    }

    pub(crate) fn kinds(&self) -> Vec<String> {
        self.seen().iter().map(Seen::kind).collect()
    }

    /// Waits until this many deliveries have arrived.
    pub(crate) async fn received(&self, count: usize) {
        let mut counts = self.inside.count.subscribe();
        tokio::time::timeout(Duration::from_secs(20), counts.wait_for(|seen| *seen >= count))
            .await
            .expect("the deliveries arrive")
            .unwrap();
    }
}

async fn receive(State(app): State<Arc<Inside>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let seen = Seen { path: uri.path().to_owned(), headers, body: body.to_vec() };
    let challenge = serde_json::from_slice::<Value>(&seen.body)
        .ok()
        .and_then(|body| (body["type"] == "url_verification").then(|| body["challenge"].as_str().unwrap().to_owned()));
    app.seen.lock().unwrap().push(seen);
    let answer = app.answers.lock().unwrap().pop_front().unwrap_or(Answer::Status(200));
    app.count.send_modify(|count| *count += 1);
    match answer {
        Answer::Status(status) => {
            (StatusCode::from_u16(status).unwrap(), challenge.unwrap_or_default()).into_response()
        }
        Answer::NoRetry(status) => {
            (StatusCode::from_u16(status).unwrap(), [("X-Slack-No-Retry", "1")], "").into_response()
        }
        Answer::Hang => std::future::pending().await,
    }
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Value,
}

impl Answered {
    pub(crate) fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.body["ok"], true, "{}", self.body);
        self.body
    }
}

/// A fake with one or two workspaces of equal names, an app and a client.
pub(crate) struct Bench {
    pub(crate) fake: RunningFake,
    pub(crate) app: App,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) team: TeamView,
    pub(crate) other: TeamView,
    client: reqwest::Client,
}

pub(crate) fn config(app: &App) -> FakeConfig {
    let mut config = FakeConfig { retry_delays_ms: vec![0, 1, 1], ack_timeout_ms: 2_000, ..FakeConfig::default() };
    config.app.events_url = Some(format!("{}/events", app.url));
    config.app.interactivity_url = Some(format!("{}/clicks", app.url));
    config.teams = vec![team("town"), team("town")];
    config
}

fn team(name: &str) -> TeamSeed {
    let person =
        |name: &str| UserSeed { name: name.into(), email: Some(format!("{name}@example.org")), ..UserSeed::default() };
    let channel = |name: &str| ChannelSeed { name: name.into(), creator: Some("ada".into()), ..ChannelSeed::default() };
    TeamSeed {
        name: name.into(),
        users: vec![UserSeed { is_admin: true, ..person("ada") }, person("bob"), person("cy"), person("dee")],
        channels: vec![
            ChannelSeed { is_general: true, ..channel("general") },
            channel("random"),
            ChannelSeed { bot_is_member: false, ..channel("unseen") },
            ChannelSeed { is_private: true, members: Some(vec!["ada".into(), "bob".into()]), ..channel("council") },
        ],
        usergroups: vec![UsergroupSeed {
            name: "Elders".into(),
            handle: "elders".into(),
            users: vec!["ada".into(), "cy".into()],
            ..UsergroupSeed::default()
        }],
        user_tokens: ["ada", "bob"]
            .map(|user| UserTokenSeed {
                user: user.into(),
                scopes: Some(
                    "channels:write chat:write groups:write im:write mpim:write channels:read channels:history pins:write reactions:write"
                        .split(' ')
                        .map(str::to_owned)
                        .collect(),
                ),
                ..UserTokenSeed::default()
            })
            .into(),
        ..TeamSeed::default()
    }
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(adjust: impl FnOnce(&mut FakeConfig)) -> Self {
        let app = App::start().await;
        let mut config = config(&app);
        adjust(&mut config);
        let clock = Arc::new(FakeClock::new(Timestamp::from_secs(START)));
        let fake = Fake::start_with(config, Arc::clone(&clock) as _).await.unwrap();
        let teams = fake.teams();
        let (team, other) = (teams[0].clone(), teams[1].clone());
        Self { fake, app, clock, team, other, client: client() }
    }

    pub(crate) fn id(&self) -> &str {
        self.team.id.as_str()
    }

    pub(crate) fn bot(&self) -> String {
        self.team.bot_token.clone().unwrap()
    }

    pub(crate) fn token_of(&self, user: &str) -> String {
        self.team.user(user).unwrap().token.clone().unwrap()
    }

    pub(crate) fn user(&self, name: &str) -> String {
        self.team.user(name).unwrap().id.to_string()
    }

    pub(crate) fn channel(&self, name: &str) -> String {
        self.team.channel(name).unwrap().id.to_string()
    }

    /// Posts a JSON body.
    pub(crate) async fn try_json(&self, token: &str, method: &str, body: &Value) -> Result<Answered, reqwest::Error> {
        let request = self.client.post(format!("{}/api/{method}", self.fake.base_url())).bearer_auth(token).json(body);
        answered(request.send().await?).await
    }

    pub(crate) async fn json(&self, token: &str, method: &str, body: Value) -> Answered {
        self.try_json(token, method, &body).await.unwrap()
    }

    /// Posts a form.
    pub(crate) async fn form(&self, token: &str, method: &str, fields: &[(&str, &str)]) -> Answered {
        let request =
            self.client.post(format!("{}/api/{method}", self.fake.base_url())).bearer_auth(token).form(fields);
        answered(request.send().await.unwrap()).await.unwrap()
    }

    /// Asks by query.
    pub(crate) async fn get(&self, token: &str, method: &str, query: &[(&str, &str)]) -> Answered {
        let request = self.client.get(format!("{}/api/{method}", self.fake.base_url())).bearer_auth(token).query(query);
        answered(request.send().await.unwrap()).await.unwrap()
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.client
    }

    /// Posts as the bot and returns the message's id.
    pub(crate) async fn say(&self, channel: &str, text: &str) -> String {
        let body = serde_json::json!({ "channel": self.channel(channel), "text": text });
        self.json(&self.bot(), "chat.postMessage", body).await.ok()["ts"].as_str().unwrap().to_owned()
    }
}

async fn answered(response: reqwest::Response) -> Result<Answered, reqwest::Error> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
    let text = response.text().await?;
    Ok(Answered { status, retry_after, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
}

#[expect(clippy::disallowed_methods, reason = "the client of the tests talks to the fake alone")]
pub(crate) fn client() -> reqwest::Client {
    // The first test of the process installs it; all others find it there.
    let _installed_already = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
}
