//! A forum, and the integration as an operator would have it connected.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use policykit_core::{
    Clock as _, FakeClock, JsonMap, Timestamp,
    call::{CallOutcome, PlannedCall},
    community::{Installation, InstallationStatus},
    ids::{CallId, CommunityId, InstallationId},
};
use policykit_platforms::{
    Http, HttpOptions, Platform,
    discourse::{
        Discourse,
        fake::{
            Act, Acted, CallFault, CallRule, Change, Fake, FakeConfig, GroupSeed, MemberSeed, RunningFake, Settings,
        },
    },
    platform::{AppConfig, CallError, Confirmation, SendContext},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const BACK: &str = "https://policykit.example.org/discourse/auth";
pub(crate) const ADMIN_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub(crate) fn member(username: &str) -> MemberSeed {
    MemberSeed { username: username.to_owned(), trust_level: Some(2), ..MemberSeed::default() }
}

pub(crate) fn config() -> FakeConfig {
    FakeConfig {
        title: "Riverbend Forum".to_owned(),
        members: vec![
            MemberSeed { admin: true, name: Some("Root".to_owned()), ..member("root") },
            MemberSeed { moderator: true, ..member("mod") },
            member("ada"),
            member("ben"),
        ],
        groups: vec![GroupSeed {
            name: "stewards".to_owned(),
            members: vec!["ada".to_owned()],
            ..GroupSeed::default()
        }],
        api_keys: vec![policykit_platforms::discourse::fake::ApiKeySeed {
            key: Some(ADMIN_KEY.to_owned()),
            username: None,
        }],
        settings: Settings {
            allowed_user_api_auth_redirects: vec![BACK.to_owned()],
            editing_grace_period_secs: 0,
            ..Settings::default()
        },
        ..FakeConfig::default()
    }
}

pub(crate) struct Rig {
    pub(crate) fake: RunningFake,
    pub(crate) platform: Discourse,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) app: AppConfig,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::of(config()).await
    }

    pub(crate) async fn of(config: FakeConfig) -> Self {
        let clock = Arc::new(FakeClock::new(Timestamp::from_secs(1_767_603_600)));
        let fake = Fake::start_with(config, Arc::clone(&clock) as _).await.unwrap();
        let options = HttpOptions { timeout: Duration::from_secs(8), ..HttpOptions::default() };
        let http = Arc::new(Http::new(Arc::clone(&clock) as _, options).unwrap());
        let settings = [("allow_hosts".to_owned(), "127.0.0.1:*".to_owned())].into();
        let app = AppConfig { settings, ..AppConfig::default() };
        Self { fake, platform: Discourse::new(http), clock, app }
    }

    pub(crate) fn answers(&self) -> BTreeMap<String, String> {
        [("url".to_owned(), self.fake.base_url().to_owned())].into()
    }

    pub(crate) fn keys(username: &str) -> BTreeMap<String, SecretString> {
        [("api_key".to_owned(), ADMIN_KEY.into()), ("api_username".to_owned(), username.into())].into()
    }

    pub(crate) fn context(&self, call: u128) -> SendContext {
        let settings: JsonMap = json!({ "url": self.fake.base_url() }).as_object().unwrap().clone();
        SendContext {
            call: CallId::from_uuid(Uuid::from_u128(call)),
            installation: Installation {
                id: InstallationId::from_uuid(Uuid::from_u128(1)),
                community: CommunityId::from_uuid(Uuid::from_u128(2)),
                platform: "discourse".into(),
                external_id: self.fake.base_url().into(),
                name: "Riverbend Forum".into(),
                acts_as: vec!["root".into()],
                settings,
                status: InstallationStatus::Active,
            },
            credentials: Self::keys("root"),
            generation: 1,
            app: self.app.clone(),
            planned_at: self.clock.now(),
            now: self.clock.now(),
            pages: Some("https://policykit.example.org".to_owned()),
            undoing: None,
        }
    }

    pub(crate) async fn send(&self, call: &PlannedCall, id: u128) -> Result<CallOutcome, CallError> {
        self.platform.send(call, &self.context(id)).await
    }

    /// Makes a call that goes well.
    pub(crate) async fn done(&self, call: &PlannedCall, id: u128) -> Value {
        match self.send(call, id).await {
            Ok(CallOutcome::Done { reply }) => reply,
            other => panic!("{call:?}: {other:?}"),
        }
    }

    pub(crate) async fn confirm(&self, call: &PlannedCall, id: u128) -> Confirmation {
        self.platform.confirm(call, &self.context(id)).await
    }

    /// The next call like this befalls something.
    pub(crate) fn befall(&self, verb: &str, path: &str, fault: CallFault) {
        let rule = CallRule { verb: Some(verb.to_owned()), path: Some(path.to_owned()), skip: 0, times: 1, fault };
        self.fake.fault_calls(rule);
    }

    /// Ada opens a topic.
    pub(crate) fn topic(&self) -> Acted {
        let act = Act::Topic {
            title: "A bench for the garden".to_owned(),
            raw: "I propose that we build a bench.".to_owned(),
            category: None,
            tags: Vec::new(),
        };
        self.fake.act("ada", act).unwrap()
    }

    /// Ben answers in a topic.
    pub(crate) fn topic_post(&self, topic: i64) -> i64 {
        let raw = "I would rather have a pond there.".to_owned();
        self.fake.act("ben", Act::Reply { topic, raw, to: None }).unwrap().post.unwrap()
    }

    /// A client like that of the integration.
    pub(crate) fn http(&self) -> Arc<Http> {
        Arc::new(Http::new(Arc::clone(&self.clock) as _, HttpOptions::default()).unwrap())
    }

    /// How many posts say this.
    pub(crate) fn written(&self, part: &str) -> usize {
        let says = |change: &Change| matches!(change, Change::PostCreated { raw, .. } if raw.contains(part));
        self.fake.changes().iter().filter(|change| says(change)).count()
    }
}

pub(crate) fn call(operation: &str, args: Value) -> PlannedCall {
    let Value::Object(args) = args else { panic!("arguments are an object") };
    PlannedCall { operation: operation.to_owned(), args }
}
