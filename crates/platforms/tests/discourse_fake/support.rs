//! A forum with people in it, a client that speaks to it as an application does, and an address for web hooks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use policykit_core::{FakeClock, Timestamp};
use policykit_platforms::discourse::fake::{
    Act, ApiKeySeed, CategorySeed, Fake, FakeConfig, GroupSeed, MemberSeed, Permission, RunningFake, Setup,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

pub(crate) const START: i64 = 1_790_000_000;
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const WORDS: &str = "These are words enough for a post of anybody.";

/// An answer as the caller saw it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first of `errors`.
    pub(crate) fn error(&self) -> String {
        self.json()["errors"][0].as_str().unwrap_or_default().to_owned()
    }
}

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) enum As<'a> {
    Nobody,
    /// By the administrators' key, as this member.
    Admin(&'a str),
    /// By any headers.
    Headers(Vec<(&'static str, String)>),
}

#[derive(Debug)]
pub(crate) struct Forum {
    pub(crate) fake: RunningFake,
    pub(crate) clock: Arc<FakeClock>,
}

impl Forum {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Ada administers, Max moderates, Tess, Tom and Nils have trust levels 3, 1 and 0.
    pub(crate) async fn start_with(change: impl FnOnce(&mut FakeConfig)) -> Self {
        let member = |username: &str, trust_level| MemberSeed {
            username: username.to_owned(),
            trust_level: Some(trust_level),
            ..MemberSeed::default()
        };
        let mut config = FakeConfig {
            seed: 7,
            title: "Garden".to_owned(),
            members: vec![
                MemberSeed { admin: true, ..member("ada", 2) },
                MemberSeed { moderator: true, ..member("max", 2) },
                member("tess", 3),
                member("tom", 1),
                member("nils", 0),
            ],
            groups: vec![GroupSeed {
                name: "gardeners".to_owned(),
                members: vec!["tess".to_owned()],
                owners: vec!["tess".to_owned()],
                ..GroupSeed::default()
            }],
            categories: vec![
                CategorySeed { name: "General".to_owned(), ..CategorySeed::default() },
                CategorySeed {
                    name: "Beds".to_owned(),
                    permissions: vec![
                        ("gardeners".to_owned(), Permission::Full),
                        ("everyone".to_owned(), Permission::ReadOnly),
                    ],
                    ..CategorySeed::default()
                },
                CategorySeed {
                    name: "Staff".to_owned(),
                    permissions: vec![("staff".to_owned(), Permission::Full)],
                    ..CategorySeed::default()
                },
            ],
            api_keys: vec![ApiKeySeed { key: Some(KEY.to_owned()), username: None }],
            ..FakeConfig::default()
        };
        change(&mut config);
        let clock = Arc::new(FakeClock::new(Timestamp::from_secs(START)));
        let fake = Fake::start_with(config, clock.clone()).await.unwrap();
        Self { fake, clock }
    }

    pub(crate) fn later(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    /// Makes a call; none when the connection ended without a whole answer.
    pub(crate) async fn try_call(&self, who: As<'_>, verb: &str, path: &str, body: Option<Value>) -> Option<Reply> {
        let mut headers = match who {
            As::Nobody => Vec::new(),
            As::Admin(name) => vec![("Api-Key", KEY.to_owned()), ("Api-Username", name.to_owned())],
            As::Headers(headers) => headers,
        };
        headers.push(("Content-Type", "application/json".to_owned()));
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        request(self.fake.base_url(), verb, path, &headers, &body).await
    }

    pub(crate) async fn call(&self, who: As<'_>, verb: &str, path: &str, body: Option<Value>) -> Reply {
        self.try_call(who, verb, path, body).await.expect("an answer")
    }

    pub(crate) async fn get(&self, who: &str, path: &str) -> Reply {
        self.call(As::Admin(who), "GET", path, None).await
    }

    pub(crate) async fn put(&self, who: &str, path: &str, body: Value) -> Reply {
        self.call(As::Admin(who), "PUT", path, Some(body)).await
    }

    pub(crate) async fn post(&self, who: &str, path: &str, body: Value) -> Reply {
        self.call(As::Admin(who), "POST", path, Some(body)).await
    }

    pub(crate) async fn delete(&self, who: &str, path: &str) -> Reply {
        self.call(As::Admin(who), "DELETE", path, None).await
    }

    /// A topic by a member, at the forum's own pages: ids of the topic and of its first post.
    pub(crate) fn topic(&self, who: &str, title: &str, raw: &str) -> (i64, i64) {
        let act = Act::Topic { title: title.to_owned(), raw: raw.to_owned(), category: None, tags: Vec::new() };
        let acted = self.fake.act(who, act).unwrap();
        (acted.topic.unwrap(), acted.post.unwrap())
    }

    pub(crate) fn reply(&self, who: &str, topic: i64, raw: &str) -> i64 {
        self.fake.act(who, Act::Reply { topic, raw: raw.to_owned(), to: None }).unwrap().post.unwrap()
    }

    /// Tells an address everything.
    pub(crate) fn hook(&self, ear: &Ear) -> i64 {
        let hook = Setup::WebHook { payload_url: ear.url.clone(), secret: SECRET.to_owned() };
        self.fake.set_up(hook).unwrap().id.unwrap()
    }
}

pub(crate) const SECRET: &str = "a secret of the garden";

/// One call over a connection of its own.
pub(crate) async fn request(
    base: &str,
    verb: &str,
    path: &str,
    headers: &[(&'static str, String)],
    body: &str,
) -> Option<Reply> {
    let address = base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.ok()?;
    let mut head =
        format!("{verb} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8(answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let reply = Reply { status, headers, text: text.to_owned() };
    let length = reply.header("content-length").and_then(|length| length.parse::<usize>().ok());
    (length.is_none_or(|length| length == reply.text.len())).then_some(reply)
}

/// A delivery as the app saw it.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn event(&self) -> &str {
        self.header("x-discourse-event")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An address for web hooks that answers with one status.
#[derive(Debug, Clone)]
pub(crate) struct Ear {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    status: Arc<Mutex<u16>>,
}

impl Ear {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let ear = Self { url, heard: Arc::default(), status: Arc::new(Mutex::new(200)) };
        let router = Router::new().fallback(hear).with_state(ear.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        ear
    }

    pub(crate) fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// What was heard, after everything underway has arrived.
    pub(crate) async fn all(&self, forum: &Forum) -> Vec<Heard> {
        forum.fake.quiesce().await;
        self.heard()
    }

    pub(crate) async fn events(&self, forum: &Forum) -> Vec<String> {
        self.all(forum).await.iter().map(|heard| heard.event().to_owned()).collect()
    }
}

async fn hear(State(ear): State<Ear>, headers: HeaderMap, body: Bytes) -> StatusCode {
    ear.heard.lock().unwrap().push(Heard { headers, body: body.to_vec() });
    StatusCode::from_u16(*ear.status.lock().unwrap()).unwrap()
}

/// A new topic as an application posts it.
pub(crate) fn new_topic(title: &str) -> Value {
    json!({ "title": title, "raw": WORDS, "category": 1 })
}
