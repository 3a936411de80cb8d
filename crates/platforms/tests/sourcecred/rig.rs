//! An instance to read, and the integration as an operator would have it connected.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use policykit_core::{
    Clock as _, FakeClock, JsonMap, Timestamp, Value,
    community::{Installation, InstallationStatus},
    ids::{CallId, CommunityId, InstallationId},
};
use policykit_platforms::{
    Http, HttpOptions, Platform,
    platform::{AppConfig, CallError, Entered, Inspection, SendContext},
    sourcecred::{
        SourceCred,
        fake::{Act, Fake, FakeConfig, RunningFake},
    },
};
use serde_json::Value as Json;
use uuid::Uuid;

pub(crate) const GITHUB: [&str; 4] = ["sourcecred", "github", "USERLIKE", "USER"];
pub(crate) const DISCORD: [&str; 4] = ["sourcecred", "discord", "MEMBER", "user"];

/// An account, as the parts of its address.
pub(crate) fn account(kind: [&str; 4], id: &str) -> Vec<String> {
    kind.into_iter().chain([id]).map(str::to_owned).collect()
}

/// Ada with two accounts and some grain, ben with nothing but a name, and cy, who has no name yet.
pub(crate) fn acts() -> Vec<Act> {
    let earn = |kind, id, cred| Act::Earn { account: account(kind, id), cred };
    let link = |kind, id| Act::Link { name: "ada".to_owned(), account: account(kind, id) };
    vec![
        Act::Join { name: "ada".to_owned() },
        Act::Join { name: "ben".to_owned() },
        link(GITHUB, "ada-l"),
        link(DISCORD, "111"),
        earn(GITHUB, "ada-l", 20.25),
        earn(DISCORD, "333", 4.0),
        Act::NextInterval,
        earn(DISCORD, "111", 7.5),
        Act::Distribute { receipts: [("ada".to_owned(), "9007199254740993000000000000000001".to_owned())].into() },
        Act::Transfer { from: "ada".to_owned(), to: "ben".to_owned(), amount: "1".to_owned() },
    ]
}

pub(crate) struct Rig {
    pub(crate) fake: RunningFake,
    pub(crate) platform: SourceCred,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) app: AppConfig,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::of(FakeConfig { acts: acts(), ..FakeConfig::default() }).await
    }

    pub(crate) async fn of(config: FakeConfig) -> Self {
        Self::patient(config, Duration::from_secs(8)).await
    }

    /// One that gives a request so much time.
    pub(crate) async fn patient(config: FakeConfig, patience: Duration) -> Self {
        let fake = Fake::start(config).await.unwrap();
        let clock = Arc::new(FakeClock::new(Timestamp::from_secs(1_767_603_600)));
        let options = HttpOptions { timeout: patience, connect_timeout: patience, ..HttpOptions::default() };
        let http = Arc::new(Http::new(Arc::clone(&clock) as _, options).unwrap());
        let settings = [("allow_hosts".to_owned(), fake.base_url().trim_start_matches("http://").to_owned())];
        let app = AppConfig { settings: settings.into(), ..AppConfig::default() };
        Self { fake, platform: SourceCred::new(http), clock, app }
    }

    pub(crate) async fn inspect(&self, url: &str) -> Result<Inspection, String> {
        let (credentials, answers) = (BTreeMap::new(), [("url".to_owned(), url.to_owned())].into());
        self.platform.inspect(Entered { credentials: &credentials, answers: &answers, app: &self.app }).await
    }

    fn context(&self, url: &str) -> SendContext {
        let settings: JsonMap = [("url".to_owned(), Json::from(url))].into_iter().collect();
        let installation = Installation {
            id: InstallationId::from_uuid(Uuid::from_u128(2)),
            community: CommunityId::from_uuid(Uuid::from_u128(1)),
            platform: "sourcecred".to_owned(),
            external_id: url.to_owned(),
            name: "cred".to_owned(),
            acts_as: Vec::new(),
            settings,
            status: InstallationStatus::Active,
        };
        SendContext {
            call: CallId::from_uuid(Uuid::from_u128(3)),
            installation,
            credentials: BTreeMap::new(),
            generation: 0,
            app: self.app.clone(),
            planned_at: self.clock.now(),
            now: self.clock.now(),
            pages: None,
            undoing: None,
        }
    }

    pub(crate) async fn read(&self, method: &str, args: &[(&str, Json)]) -> Result<Value, CallError> {
        self.read_at(self.fake.base_url(), method, args).await
    }

    pub(crate) async fn read_at(&self, url: &str, method: &str, args: &[(&str, Json)]) -> Result<Value, CallError> {
        let args: JsonMap = args.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.platform.read(method, &args, &self.context(url)).await
    }

    /// The cred of whoever has this name.
    pub(crate) async fn cred(&self, name: &str) -> Result<f64, CallError> {
        match self.read("get_cred", &[("username", name.into())]).await? {
            Value::Float(cred) => Ok(cred),
            other => panic!("{other:?}"),
        }
    }

    /// How often each file was asked for, and how often it was as it was.
    pub(crate) fn asked(&self) -> Vec<(String, u16)> {
        self.fake.record().into_iter().map(|asked| (asked.path, asked.status)).collect()
    }

    /// Lets what was read grow old.
    pub(crate) fn later(&self) {
        self.clock.advance(Duration::from_secs(61));
    }
}
