//! The application under test: two workspaces of equal names on one stand-in, governed by one node.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use policykit_core::{
    Clock, FakeClock, FakeIds, IdSource, JsonMap, Timestamp,
    community::Installation,
    constitution::Amendment,
    ids::{CommunityId, InboxId, InstallationId, NodeId, PolicyId, PolicyVersionId, RoleId, UserId},
    permission,
    policy::PolicyDraft,
    proposal::Proposal,
};
use policykit_engine::{Engine, Install, Probe, ProposalStory, ProposeError, Proposition};
use policykit_platforms::{
    platform::AppConfig,
    slack::fake::{AppSeed, ChannelSeed, Fake, FakeConfig, RunningFake, TeamSeed, UserSeed, UserTokenSeed, signature},
};
use policykit_policy::{MontySandbox, Sandbox};
use policykit_store::{Base, Db, Survey};

use crate::{
    database::{Kind, TestDatabase},
    http::Raw,
    node::{Believed, CALL, LEASE, Node, NodeOptions, Serve},
    workspace::Workspace,
};

/// Handles and account ids of the people; `ada` administers. The ids are those of the published consensus policy, and
/// the same in both workspaces.
pub const PEOPLE: [(&str, &str); 7] = [
    ("ada", "UADMIN"),
    ("alice", "U01"),
    ("bob", "U02"),
    ("carol", "U03"),
    ("dave", "U04"),
    ("erin", "U05"),
    ("frank", "U06"),
];

/// Names and ids of the channels; two of the ids are those of the published policies. Everybody is in all of them.
pub const CHANNELS: [(&str, &str); 5] = [
    ("general", "C0GENERAL"),
    ("core-group", "C0ABC123"),
    ("quiet", "C025LDZ76R3"),
    ("random", "C0RANDOM"),
    ("governance", "C000111"),
];

const SECRET: &str = "the signing secret of the tests";
const PLATFORM: &str = "slack";
/// 2026-01-05T09:00:00Z, a Monday.
const START: i64 = 1_767_603_600;
/// More rounds than any test needs: something moves for ever.
const ROUNDS: usize = 500;

/// What a test wants to be otherwise.
#[derive(Clone)]
pub struct Setup {
    /// How long an outbound request may take, in real time.
    pub http_timeout: Duration,
    /// How often and how soon a delivery that was not taken is sent again, in milliseconds of real time.
    pub retry_delays_ms: Vec<u64>,
    /// Stops or counts, in the first node.
    pub probe: Option<Arc<dyn Probe>>,
    /// Workspaces, by id, in which nobody has installed anything.
    pub strangers: Vec<&'static str>,
    /// Runs policy code.
    pub sandbox: Arc<dyn Sandbox>,
    /// How much is looked at and settled at once, where a test wants less than usual.
    pub batch: Option<usize>,
    /// How long policies may take to show that the rules can still be changed, where a test wants another time.
    pub rehearsal: Option<Duration>,
    /// Server-wide configuration of further platforms, by id.
    pub further_apps: BTreeMap<String, AppConfig>,
    /// Under which address the server believes to be reached.
    pub address: Believed,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            http_timeout: Duration::from_secs(8),
            retry_delays_ms: vec![0, 10, 10],
            probe: None,
            strangers: Vec::new(),
            sandbox: Arc::new(MontySandbox),
            batch: None,
            rehearsal: None,
            further_apps: BTreeMap::new(),
            address: Believed::default(),
        }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("http_timeout", &self.http_timeout).finish_non_exhaustive()
    }
}

impl Setup {
    /// For tests in which the node dies: deliveries are tried again until it lives again.
    pub fn patient() -> Self {
        // Soon at first, so that tests are quick; then for as long as a machine that stumbles may take to start a node.
        let delays = std::iter::once(0).chain([20; 200]).chain([200; 3_000]);
        Self { retry_delays_ms: delays.collect(), ..Self::default() }
    }
}

/// The application under test.
pub struct TestApp {
    /// The workspace in which things happen.
    pub slack: Workspace,
    /// The other one, of equal names and policies, in which nothing happens unless a test lets it.
    pub other: Workspace,
    /// The time.
    pub clock: Arc<FakeClock>,
    pub(crate) expected_uncertain: usize,
    pub(crate) expected_dead: usize,
    pub(crate) open_calls: OpenCalls,
    pub(crate) rows_from_outside: bool,
    pub(crate) further: Vec<Installation>,
    node: Option<Node>,
    fake: RunningFake,
    ids: Arc<FakeIds>,
    database: TestDatabase,
    serve: Serve,
    setup: Setup,
    nodes: u128,
}

/// Whether calls may be open when a test ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenCalls {
    None,
    Expected,
}

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestApp").field("database", &self.database).finish_non_exhaustive()
    }
}

impl TestApp {
    /// Starts everything and installs both communities.
    pub async fn start(kind: Kind, serve: Serve, setup: Setup) -> Self {
        let clock = Arc::new(FakeClock::new(Timestamp::from_secs(START)));
        let ids = Arc::new(FakeIds::new(1));
        let fake = Fake::start_with(config(&setup), clock.clone()).await.expect("the stand-in starts");
        let database = TestDatabase::create(kind);
        let nobody = CommunityId::from_uuid(ids.uuid(clock.now()));
        let nowhere = InstallationId::from_uuid(ids.uuid(clock.now()));
        let workspace = |team: &str| Workspace {
            fake: (*fake).clone(),
            team: team.into(),
            community: nobody,
            installation: nowhere,
            clock: Arc::clone(&clock),
        };
        let (slack, other) = (workspace("T0A"), workspace("T0B"));
        let mut app = Self {
            slack,
            other,
            clock,
            expected_uncertain: 0,
            expected_dead: 0,
            open_calls: OpenCalls::None,
            rows_from_outside: false,
            further: Vec::new(),
            node: None,
            fake,
            ids,
            database,
            serve,
            setup,
            nodes: 0,
        };
        app.start_node(app.setup.probe.clone()).await;
        app.install().await;
        app
    }

    async fn install(&mut self) {
        for team in ["T0A", "T0B"] {
            let view = self.fake.team(team).expect("the workspace");
            let bot = view.bot_token.clone().expect("a bot token");
            let admin = view.user("ada").and_then(|u| u.token.clone()).expect("an administrator's token");
            let credentials = [("bot_token", bot), ("admin_token", admin)];
            let wanted = Install {
                platform: PLATFORM.to_owned(),
                credentials: credentials.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect(),
                ..Install::default()
            };
            let engine = self.engine();
            let installed = self.node().on(async move { engine.install(wanted).await }).await.expect("it is installed");
            let workspace = if team == "T0A" { &mut self.slack } else { &mut self.other };
            (workspace.community, workspace.installation) = (installed.community, installed.installation);
        }
    }

    async fn start_node(&mut self, probe: Option<Arc<dyn Probe>>) {
        let node = Node::start(self.node_options(probe, Some(self.serve))).await;
        let base = format!("http://{}/api/hooks/{PLATFORM}", node.address());
        self.fake.set_urls(&base, &base);
        self.node = Some(node);
    }

    fn node_options(&mut self, probe: Option<Arc<dyn Probe>>, serve: Option<Serve>) -> NodeOptions {
        self.nodes += 1;
        NodeOptions {
            url: self.database.url().to_owned(),
            node: NodeId::from_uuid(uuid::Uuid::from_u128(self.nodes)),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            apps: self.apps(),
            http_timeout: self.setup.http_timeout,
            probe,
            serve,
            sandbox: Arc::clone(&self.setup.sandbox),
            batch: self.setup.batch,
            address: self.setup.address,
            rehearsal: self.setup.rehearsal,
        }
    }

    fn apps(&self) -> BTreeMap<String, AppConfig> {
        let mut apps = self.setup.further_apps.clone();
        apps.insert(PLATFORM.to_owned(), self.app_config());
        apps
    }

    /// The platform's server-wide configuration.
    pub fn app_config(&self) -> AppConfig {
        let app = AppSeed::default();
        let settings = [
            ("api_url".to_owned(), format!("{}/api/", self.fake.base_url())),
            ("authorize_url".to_owned(), self.fake.base_url().to_owned()),
            ("client_id".to_owned(), app.client_id),
        ];
        let secrets =
            [("signing_secret".to_owned(), SECRET.into()), ("client_secret".to_owned(), app.client_secret.into())];
        AppConfig { settings: settings.into(), secrets: secrets.into() }
    }

    /// The node that people's doings reach.
    pub fn node(&self) -> &Node {
        self.node.as_ref().expect("a living node")
    }

    /// The engine of that node.
    pub fn engine(&self) -> Engine {
        self.node().engine()
    }

    /// The database as that node sees it.
    pub fn db(&self) -> Db {
        self.node().db()
    }

    /// The stand-in: its record, its faults, what can be set up there.
    pub fn fake(&self) -> &Fake {
        &self.fake
    }

    /// Which database this is.
    pub const fn kind(&self) -> Kind {
        self.database.kind()
    }

    /// Another node on the same database, without an HTTP side.
    pub async fn another_node(&mut self, probe: Option<Arc<dyn Probe>>) -> Node {
        Node::start(self.node_options(probe, None)).await
    }

    /// Adds the same policy to both communities, to be tried before those that are there.
    pub async fn policy(&self, draft: impl Into<PolicyDraft>) -> PolicyId {
        let draft = draft.into();
        let mut first = None;
        for community in [self.slack.community, self.other.community] {
            let id = self.policy_in(community, draft.clone()).await;
            first.get_or_insert(id);
        }
        first.expect("two communities")
    }

    /// Adds a policy to one community.
    pub async fn policy_in(&self, community: CommunityId, draft: PolicyDraft) -> PolicyId {
        let (db, now) = (self.db(), self.clock.now());
        let ids = (PolicyId::from_uuid(self.ids.uuid(now)), PolicyVersionId::from_uuid(self.ids.uuid(now)));
        let add = async move { db.community(community).add_policy(draft, now, ids).await };
        self.node().on(add).await.expect("the policy is added").id
    }

    /// Somebody of a workspace proposes an action here, in PolicyKit.
    pub async fn propose(&self, workspace: &Workspace, who: &str, action_type: &str, fields: JsonMap) -> InboxId {
        self.try_propose(workspace, who, action_type, fields).await.expect("it can be proposed")
    }

    /// Somebody of a workspace tries to propose an action here.
    ///
    /// # Errors
    /// Why it cannot be proposed.
    pub async fn try_propose(
        &self,
        workspace: &Workspace,
        who: &str,
        action_type: &str,
        fields: JsonMap,
    ) -> Result<InboxId, ProposeError> {
        self.clock.advance(Duration::from_millis(1));
        let wanted = Proposition {
            community: workspace.community,
            installation: workspace.installation,
            action_type: action_type.to_owned(),
            fields,
            initiator: Some(account(who).to_owned()),
        };
        let engine = self.engine();
        self.node().on(async move { engine.propose(wanted).await }).await
    }

    /// Adds a role with these permissions and members to the community of a workspace.
    pub async fn role(&self, workspace: &Workspace, name: &str, permissions: &[&str], members: &[&str]) -> RoleId {
        let (scope, id) = (self.db().community(workspace.community), self.ids.uuid(self.clock.now()));
        let permissions = permissions.iter().map(|p| (*p).to_owned()).collect();
        let members = members.iter().map(|who| UserId::derive(workspace.installation, account(who))).collect();
        let name = name.to_owned();
        let add = async move {
            let role = scope.add_role(&name, Base::No, permissions, id).await?;
            scope.set_role_members(role.id, members).await?;
            Ok::<_, policykit_store::StoreError>(role.id)
        };
        self.node().on(add).await.expect("the role is added")
    }

    /// Somebody of a workspace has its integration removed, without asking anybody: by a role that they get for it.
    pub async fn remove_integration(&self, workspace: &Workspace, who: &str) {
        let removal = Amendment::RemoveIntegration { integration: workspace.installation };
        let unasked = permission::execute(&removal.action_type());
        self.role(workspace, &format!("Removes for {who}"), &[unasked.as_str()], &[who]).await;
        self.propose(workspace, who, &removal.action_type(), removal.fields()).await;
        self.settle().await;
    }

    /// Delivers and does everything until nothing moves any more.
    pub async fn settle(&self) {
        let mut seen = self.newest_entry();
        for _ in 0..ROUNDS {
            self.fake.quiesce().await;
            self.node().drain().await.expect("draining goes well");
            self.fake.quiesce().await;
            let now = self.newest_entry();
            if now == seen {
                return;
            }
            seen = now;
        }
        panic!("something moves for ever: {:?}", self.fake.record_after(seen.saturating_sub(10)));
    }

    fn newest_entry(&self) -> u64 {
        self.fake.record().last().map_or(0, |entry| entry.seq)
    }

    /// Lets time pass, then settles.
    pub async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.settle().await;
    }

    /// Lets time pass until every call has come to an end: leases, requests and retries have run out.
    pub async fn recover(&self) {
        self.settle().await;
        for _ in 0..ROUNDS {
            let survey = self.survey().await;
            if !survey.calls.iter().any(|c| c.outcome.is_none()) {
                return;
            }
            self.advance(Duration::from_secs(30)).await;
        }
        panic!("a call stays open for ever: {:?}", self.survey().await.calls);
    }

    /// Kills the node where it stands and starts another one on the same database, after its lease and any request of
    /// its own have run out.
    pub async fn crash(&mut self) {
        self.node.take().expect("a living node").kill().await;
        // The clock is ours but the network is not: what was sent before the death must have arrived before the time
        // in which it could still have arrived has passed.
        self.fake.hung_up().await.expect("the stand-in listens");
        self.clock.advance(LEASE + CALL + Duration::from_secs(1));
        self.start_node(None).await;
    }

    /// Kills the node where it stands and leaves it at that.
    pub async fn kill(&mut self) {
        self.node.take().expect("a living node").kill().await;
    }

    /// Starts a node where there is none.
    pub async fn revive(&mut self) {
        self.start_node(None).await;
    }

    /// Every row of every community.
    pub async fn survey(&self) -> Survey {
        let db = self.db();
        self.node().on(async move { db.survey().await }).await.expect("the database can be read")
    }

    /// The proposals of a community, oldest first.
    pub async fn proposals(&self, workspace: &Workspace) -> Vec<Proposal> {
        let mut mine: Vec<Proposal> =
            self.survey().await.proposals.into_iter().filter(|p| p.community == workspace.community).collect();
        mine.sort_by_key(|p| (p.created_at, p.id));
        mine
    }

    /// The only proposal of the workspace in which things happen.
    pub async fn proposal(&self) -> Proposal {
        let mut all = self.proposals(&self.slack).await;
        assert_eq!(all.len(), 1, "one proposal is expected: {all:#?}");
        all.remove(0)
    }

    /// Everything about a proposal.
    pub async fn story(&self, proposal: &Proposal) -> ProposalStory {
        let (engine, community, id) = (self.engine(), proposal.community, proposal.id);
        self.node().on(async move { engine.story(community, id).await }).await.expect("the proposal is there")
    }

    /// What the platform signs with.
    pub const fn signing_secret() -> &'static str {
        SECRET
    }

    /// The present time, in seconds since the epoch.
    pub fn clock_secs(&self) -> i64 {
        self.clock.now().secs()
    }

    /// A POST to the webhook address, signed as the platform signs, at the present time.
    pub fn signed(&self, content_type: &str, body: impl Into<Vec<u8>>) -> Raw {
        self.signed_by(SECRET, self.clock.now().secs(), content_type, body)
    }

    /// A POST to the webhook address, signed with this secret for this time.
    pub fn signed_by(&self, secret: &str, at_secs: i64, content_type: &str, body: impl Into<Vec<u8>>) -> Raw {
        let body = body.into();
        Raw::post(&format!("/api/hooks/{PLATFORM}"))
            .header("Content-Type", content_type)
            .header("X-Slack-Request-Timestamp", at_secs.to_string())
            .header("X-Slack-Signature", signature(secret, at_secs, &body))
            .body(body)
    }

    /// Sends a request to the application.
    pub async fn send(&self, request: &Raw) -> crate::http::Reply {
        request.send(self.node().address()).await
    }

    /// This many calls stay uncertain on purpose.
    pub const fn expect_uncertain(&mut self, count: usize) {
        self.expected_uncertain = count;
    }

    /// This many deliveries cannot be understood on purpose.
    pub const fn expect_dead(&mut self, count: usize) {
        self.expected_dead = count;
    }

    /// The test itself has sent deliveries, which the stand-in knows nothing of.
    pub const fn expect_rows_from_outside(&mut self) {
        self.rows_from_outside = true;
    }

    /// The test itself has made one of the communities present in a further place.
    pub fn expect_installation(&mut self, installation: Installation) {
        self.further.push(installation);
    }

    /// Calls stay open on purpose: the platform does not answer when the test ends.
    pub const fn expect_open_calls(&mut self) {
        self.open_calls = OpenCalls::Expected;
    }

    /// Checks what holds after every test, and ends.
    pub async fn finish(self) {
        self.settle().await;
        self.findings().await.assert_none();
        if let Some(node) = self.node {
            node.kill().await;
        }
    }
}

/// Account id of somebody, by handle.
fn account(who: &str) -> &'static str {
    PEOPLE.iter().find(|(name, _)| *name == who).expect("somebody known").1
}

fn config(setup: &Setup) -> FakeConfig {
    let team = |id: &str| TeamSeed {
        id: Some(id.to_owned()),
        name: "Acme".to_owned(),
        domain: Some(format!("acme-{}", id.to_lowercase())),
        users: PEOPLE
            .iter()
            .map(|(name, id)| UserSeed {
                id: Some((*id).to_owned()),
                name: (*name).to_owned(),
                is_admin: *name == "ada",
                ..UserSeed::default()
            })
            .collect(),
        channels: CHANNELS
            .iter()
            .map(|(name, id)| ChannelSeed {
                id: Some((*id).to_owned()),
                name: (*name).to_owned(),
                is_general: *name == "general",
                creator: Some("ada".to_owned()),
                ..ChannelSeed::default()
            })
            .collect(),
        user_tokens: vec![UserTokenSeed { user: "ada".to_owned(), ..UserTokenSeed::default() }],
        ..TeamSeed::default()
    };
    let mut config = FakeConfig {
        teams: ["T0A", "T0B"].into_iter().chain(setup.strangers.iter().copied()).map(team).collect(),
        retry_delays_ms: setup.retry_delays_ms.clone(),
        // The three seconds that Slack waits are the server's matter; a machine that stumbles for so long fails no test.
        ack_timeout_ms: 30_000,
        ..FakeConfig::default()
    };
    config.app.signing_secret = SECRET.to_owned();
    config
}
