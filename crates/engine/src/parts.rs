//! The engine's parts and how they are put together.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Duration,
};

use policykit_core::{
    Clock, IdSource, Timestamp,
    ids::{CommunityId, InboxId, InstallationId, NodeId, shard_of},
};
use policykit_platforms::{Registry, platform::AppConfig};
use policykit_policy::Sandbox;
use policykit_store::{Db, Fence, StoreError};
use tokio::sync::{Notify, Semaphore};

pub use policykit_store::Probe;

use crate::{
    again::Again, aside, busy::Busy, community::CommunityHandle, errors::Errors, homes::Homes, policies::COMPILING,
    renew::Unwritten, states::Turns, stuck::Stuck, witness::Looks,
};

/// What the engine is made of.
pub struct Deps {
    /// The database.
    pub db: Db,
    /// The integrations.
    pub registry: Arc<Registry>,
    /// What runs policy code.
    pub sandbox: Arc<dyn Sandbox>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Server-wide configuration per platform id.
    pub apps: BTreeMap<String, AppConfig>,
    /// Numbers.
    pub options: Options,
}

/// The engine's numbers.
#[derive(Clone)]
pub struct Options {
    /// This process, among those that share the database.
    pub node: NodeId,
    /// How long a shard stays with a node that is not heard of.
    pub lease_ttl: Duration,
    /// How often a node says that it lives.
    pub heartbeat: Duration,
    /// How long an outbound request may take; after that and the lease nobody can still be sending it.
    pub http_timeout: Duration,
    /// How many deliveries are settled in one transaction at most.
    pub batch: usize,
    /// How long to wait at most before looking for work nobody announced.
    pub poll: Duration,
    /// How often a call is sent or confirmed at most before it is given up.
    pub max_attempts: i64,
    /// How long a proposal whose code read the clock sleeps when nothing tells when a comparison can flip.
    pub clock_recheck: Duration,
    /// How long policies may take, all together, to show that the rules can still be changed.
    pub rehearsal: Duration,
    /// Address of the pages, without a slash at its end, for those who are told on a platform; `None` when it is not
    /// known, and the pages are then called by their names.
    pub address: Option<String>,
    /// Stops the world at named points, in crash tests.
    pub probe: Option<Arc<dyn Probe>>,
}

impl Options {
    /// The defaults, for this node.
    pub const fn new(node: NodeId) -> Self {
        Self {
            node,
            lease_ttl: Duration::from_secs(12),
            heartbeat: Duration::from_secs(5),
            http_timeout: Duration::from_secs(10),
            batch: 200,
            poll: Duration::from_secs(1),
            max_attempts: 60,
            clock_recheck: Duration::from_secs(60),
            rehearsal: Duration::from_secs(2),
            address: None,
            probe: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("node", &self.node).field("lease_ttl", &self.lease_ttl).finish_non_exhaustive()
    }
}

/// The application. Cheap to clone; all clones are the same engine.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) db: Db,
    pub(crate) registry: Arc<Registry>,
    pub(crate) sandbox: Arc<dyn Sandbox>,
    pub(crate) methods: Arc<policykit_policy::MethodTable>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) apps: BTreeMap<String, AppConfig>,
    pub(crate) options: Options,
    pub(crate) leases: Mutex<Leases>,
    pub(crate) communities: Mutex<HashMap<CommunityId, Arc<CommunityHandle>>>,
    pub(crate) homes: Homes,
    pub(crate) busy: Mutex<Busy>,
    /// Held by the blind call of an installation that is being sent.
    pub(crate) turns: Mutex<HashMap<InstallationId, Arc<tokio::sync::Mutex<()>>>>,
    /// Held by the call that changes a state while it is being sent.
    pub(crate) state_turns: Mutex<Turns>,
    pub(crate) errors: Mutex<Errors>,
    /// Whose turn it is to renew the credentials of an installation, and since when that fails.
    pub(crate) renewals: Mutex<HashMap<InstallationId, Arc<tokio::sync::Mutex<Option<Timestamp>>>>>,
    /// Renewed credentials that could not be written down yet.
    pub(crate) unwritten: Mutex<HashMap<InstallationId, Unwritten>>,
    /// Whether the rules can be changed, as far as somebody has asked, and whose turn it is to find out.
    pub(crate) looks: Mutex<Looks>,
    /// How many policies may be compiled at the same time for people who write them.
    pub(crate) compiling: Arc<Semaphore>,
    /// Work spawned and not finished.
    pub(crate) in_flight: AtomicUsize,
    /// A call has resolved, so deliveries that waited for it can be looked at again.
    pub(crate) recheck_parked: AtomicBool,
    /// The last of the deliveries that wait for a call of ours that was looked at again, while others are left.
    pub(crate) parked_after: Mutex<Option<(Timestamp, InboxId)>>,
    /// Communities whose next delivery could not be dealt with.
    pub(crate) stuck: Mutex<Stuck>,
    /// Evaluations that could not be gone on with.
    pub(crate) again: Mutex<Again>,
    /// A shard has been taken: evaluations that ran there are to be picked up.
    pub(crate) recover: AtomicBool,
    /// When the next wake or call is due, as far as is known.
    pub(crate) next_due: Mutex<Option<Timestamp>>,
    /// When the database was last asked for what is due.
    pub(crate) last_look: Mutex<Option<Timestamp>>,
    /// The latest time at which this node has looked around or written something down.
    pub(crate) latest: Mutex<Timestamp>,
    /// When it was last looked for what has waited too long.
    pub(crate) last_overdue: Mutex<Option<Timestamp>>,
    /// A drawing of a vote has ended.
    pub(crate) drawn: Notify,
    /// Something may be due.
    pub(crate) work: Notify,
}

/// The shards this node holds, and until when it may act on them.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    pub(crate) held: HashMap<u16, i64>,
    pub(crate) until: Timestamp,
}

/// What can go wrong inside the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This node no longer holds the shard; another one goes on with the work.
    #[error("the shard is held by another node now")]
    NotOurs,
    /// Something is stored that cannot be.
    #[error("inconsistent record: {0}")]
    Inconsistent(String),
    /// There is nowhere to run policies at the moment, so nothing can be said of what they govern.
    #[error("policies cannot be run: {0}")]
    Nowhere(String),
}

impl EngineError {
    /// Whether this is no fault but the loss of the right to act: another node goes on.
    pub(crate) const fn is_lost_lease(&self) -> bool {
        matches!(self, Self::NotOurs | Self::Store(StoreError::FenceLost))
    }

    /// Whether what was to be done is to blame, and neither the database's state nor a lost shard: the same again may
    /// well fail again.
    pub(crate) const fn is_about_the_work(&self) -> bool {
        match self {
            Self::Store(error) => !error.is_retryable() && !matches!(error, StoreError::FenceLost),
            Self::NotOurs | Self::Nowhere(_) => false,
            Self::Inconsistent(_) => true,
        }
    }
}

impl Engine {
    /// Puts an engine together. Nothing runs until [`Engine::run`] or [`Engine::drain`].
    pub fn new(deps: Deps) -> Self {
        let methods = Arc::new(deps.registry.methods());
        Self(Arc::new(Parts {
            db: deps.db,
            registry: deps.registry,
            sandbox: aside::aside(deps.sandbox),
            methods,
            clock: deps.clock,
            ids: deps.ids,
            apps: deps.apps,
            options: deps.options,
            leases: Mutex::default(),
            communities: Mutex::default(),
            homes: Homes::default(),
            busy: Mutex::default(),
            turns: Mutex::default(),
            state_turns: Mutex::default(),
            errors: Mutex::default(),
            renewals: Mutex::default(),
            unwritten: Mutex::default(),
            looks: Mutex::default(),
            compiling: Arc::new(Semaphore::new(COMPILING)),
            in_flight: AtomicUsize::new(0),
            recheck_parked: AtomicBool::new(true),
            parked_after: Mutex::default(),
            stuck: Mutex::default(),
            again: Mutex::default(),
            recover: AtomicBool::new(true),
            next_due: Mutex::default(),
            last_look: Mutex::default(),
            latest: Mutex::default(),
            last_overdue: Mutex::default(),
            drawn: Notify::new(),
            work: Notify::new(),
        }))
    }

    /// The database, for lists and pages.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The integrations.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The time as the engine sees it.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

impl Parts {
    pub(crate) fn app(&self, platform: &str) -> AppConfig {
        self.apps.get(platform).cloned().unwrap_or_default()
    }

    /// The right to write for this community, if this node has it now.
    pub(crate) fn fence(&self, community: CommunityId) -> Result<Fence, EngineError> {
        let shard = shard_of(community);
        let leases = lock(&self.leases);
        leases.held.get(&shard).map(|fence| Fence { shard, fence: *fence }).ok_or(EngineError::NotOurs)
    }

    /// Whether there is time left on the lease for an outbound request, checked just before the socket is written.
    pub(crate) fn may_send(&self, community: CommunityId, fence: i64) -> bool {
        let leases = lock(&self.leases);
        leases.held.get(&shard_of(community)) == Some(&fence) && self.clock.now() < leases.until
    }

    pub(crate) async fn probe(&self, point: &'static str) {
        if let Some(probe) = &self.options.probe {
            probe.at(point).await;
        }
    }
}

/// Takes a lock whose holder never panics while holding it; if one did, the data is still the best there is.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
