//! A stateful stand-in for a Discourse forum: members with their levels of trust, categories, topics, posts and their
//! history, polls, keys and the page that grants them, signed web hooks, faults on demand, and a record of everything
//! that happened.
//!
//! Tests judge by that record, so the fake shares no code with the integration it stands opposite to. Its state lives in
//! memory and dies with it. Its control routes know no authentication: bind it to 127.0.0.1 only.

mod api;
mod config;
mod control;
mod deliver;
mod editing;
mod errors;
mod faults;
mod grant;
mod guard;
mod hooks;
mod keys;
mod limits;
mod page;
mod params;
mod people;
mod polls;
mod routes;
mod seal;
mod setup;
mod shared;
mod show;
mod waiting;
mod witness;
mod world;
mod writing;

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use policykit_core::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{net::TcpListener, task::AbortHandle};

pub use self::{
    config::{ApiKeySeed, CategorySeed, FakeConfig, GroupSeed, Limits, MemberSeed, Permission, Settings, TagForm},
    control::{Act, Acted, Denied, Made, Setup},
    deliver::{Order, sign},
    faults::{CallFault, CallRule, Chaos, DeliveryFault, DeliveryRule},
    hooks::{Delivery, DeliveryState},
    routes::{ActOrder, FaultOrder, NetworkOrder},
    witness::{Answer, Cause, Change, Entry, Fate, KeyKind, What},
};
use self::{shared::Shared, show::posts::Raw, witness::Witness, world::World};
use crate::fakes::wire::{Line, Lines};

/// The name under which the command line knows it.
pub const ID: &str = "discourse";

/// How long the app may take for an answer unless the configuration says otherwise.
const PATIENCE: Duration = Duration::from_secs(20);

/// A handle of a running fake. Clones steer the same fake; it runs until [`stop`](Self::stop) or the end of the runtime.
#[derive(Debug, Clone)]
pub struct Fake {
    shared: Arc<Shared>,
    base_url: String,
}

/// A fake that is stopped when this is dropped.
#[derive(Debug)]
pub struct RunningFake {
    fake: Fake,
    server: AbortHandle,
}

impl std::ops::Deref for RunningFake {
    type Target = Fake;
    fn deref(&self) -> &Fake {
        &self.fake
    }
}

impl Drop for RunningFake {
    fn drop(&mut self) {
        self.fake.stop();
        self.server.abort();
    }
}

/// A key that a member granted to an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedKey {
    /// Whose.
    pub username: String,
    /// The application's id for itself.
    pub client_id: String,
    /// The application's name.
    pub application: String,
    /// What it is good for.
    pub scopes: Vec<String>,
    /// Whether it is no good any more.
    pub revoked: bool,
}

/// Serves a fake on this listener until the task is dropped, with the machine's clock.
///
/// # Errors
/// When the configuration contradicts itself, the record file cannot be opened or the listener has no address.
pub async fn serve(listener: TcpListener, config: FakeConfig) -> io::Result<()> {
    let (fake, lines) = Fake::prepare(listener, config, Arc::new(SystemClock))?;
    fake.run(lines).await
}

impl Fake {
    /// Starts a fake on a free port of 127.0.0.1, with the machine's clock.
    ///
    /// # Errors
    /// As [`serve`], or when no port is free.
    pub async fn start(config: FakeConfig) -> io::Result<RunningFake> {
        Self::start_with(config, Arc::new(SystemClock)).await
    }

    /// Like [`start`](Self::start), with a clock. Delays between tries and time-outs of deliveries always take real time.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(config: FakeConfig, clock: Arc<dyn Clock>) -> io::Result<RunningFake> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (fake, lines) = Self::prepare(listener, config, clock)?;
        let server = tokio::spawn({
            let fake = fake.clone();
            async move {
                if let Err(error) = fake.run(lines).await {
                    tracing::error!(%error, "the fake stopped listening");
                }
            }
        });
        Ok(RunningFake { fake, server: server.abort_handle() })
    }

    fn prepare(listener: TcpListener, config: FakeConfig, clock: Arc<dyn Clock>) -> io::Result<(Self, Lines)> {
        let address = listener.local_addr()?;
        let base_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let witness = Witness::recording_to(config.record.as_deref())?;
        let title = if config.title.is_empty() { "Forum".to_owned() } else { config.title.clone() };
        let mut world = World::new(config.seed, config.settings.clone(), witness, base_url.clone(), title);
        world.now = clock.now();
        world.build(&config).map_err(|denied| io::Error::new(io::ErrorKind::InvalidInput, denied.to_string()))?;
        let delays = config.retry_delays_ms.into_iter().map(Duration::from_millis).collect();
        let patience = config.patience_ms.map_or(PATIENCE, Duration::from_millis);
        let shared = Arc::new(Shared::new(world, clock, delays, patience, address));
        let lines = Lines::new(listener, shared.lines.clone());
        Ok((Self { shared, base_url }, lines))
    }

    async fn run(&self, lines: Lines) -> io::Result<()> {
        axum::serve(lines, routes::router(self.clone()).into_make_service_with_connect_info::<Line>()).await
    }

    /// The address of the forum's front page, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Ends deliveries and further tries; the fake answers no more once its task ends.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Lets a member do something at the forum's own pages.
    ///
    /// # Errors
    /// When names are unknown or the forum does not let the member.
    pub fn act(&self, user: &str, act: Act) -> Result<Acted, Denied> {
        self.shared.with(|world| world.act(user, act))
    }

    /// Changes the forum from outside.
    ///
    /// # Errors
    /// When names are unknown or taken.
    pub fn set_up(&self, setup: Setup) -> Result<Made, Denied> {
        self.shared.with(|world| world.set_up(setup))
    }

    /// A topic as somebody sees it, with its first posts; as the forum itself sees it when `viewer` is absent.
    pub fn topic(&self, id: i64, viewer: Option<&str>) -> Option<Value> {
        self.shared.with(|world| {
            let viewer = Some(viewer.map_or(Some(world::SYSTEM), |name| world.find_user(name).map(|user| user.id))?);
            let topic = world.seen_topic(viewer, id).ok()?;
            Some(world.topic_view(viewer, topic))
        })
    }

    /// A post as somebody sees it, with its words as they were written; as the forum itself sees it when `viewer` is
    /// absent.
    pub fn post(&self, id: i64, viewer: Option<&str>) -> Option<Value> {
        self.shared.with(|world| {
            let viewer = Some(viewer.map_or(Some(world::SYSTEM), |name| world.find_user(name).map(|user| user.id))?);
            let post = world.seen_post(viewer, id).ok()?;
            Some(world.post_view(viewer, post, Raw::Shown))
        })
    }

    /// The keys that members granted.
    pub fn granted_keys(&self) -> Vec<GrantedKey> {
        let granted = self.shared.with(|world| world.granted());
        let view = |(username, client_id, application, scopes, revoked)| GrantedKey {
            username,
            client_id,
            application,
            scopes,
            revoked,
        };
        granted.into_iter().map(view).collect()
    }

    /// The whole record.
    pub fn record(&self) -> Vec<Entry> {
        self.record_after(0)
    }

    /// The record from the entry after `seq` on.
    pub fn record_after(&self, seq: u64) -> Vec<Entry> {
        let skip = usize::try_from(seq).unwrap_or(usize::MAX);
        self.shared.with(|world| world.witness.entries().iter().skip(skip).cloned().collect())
    }

    /// All changes of the record, in order.
    pub fn changes(&self) -> Vec<Change> {
        let change = |entry: Entry| match entry.what {
            What::Effect { change, .. } => Some(change),
            What::Call { .. } | What::Reply { .. } | What::Attempt { .. } | What::Lost { .. } => None,
        };
        self.record().into_iter().filter_map(change).collect()
    }

    /// All deliveries of events.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.with(|world| world.hooks.all.clone())
    }

    /// Queues a fault of calls.
    pub fn fault_calls(&self, rule: CallRule) {
        self.shared.with(|world| world.faults.queue_call(rule));
    }

    /// Queues a fault of deliveries.
    pub fn fault_deliveries(&self, rule: DeliveryRule) {
        self.shared.with(|world| world.faults.queue_delivery(rule));
    }

    /// Starts or ends random faults.
    pub fn set_chaos(&self, chaos: Option<Chaos>) {
        self.shared.with(|world| world.faults.set_chaos(chaos));
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.shared.with(|world| world.faults.clear());
    }

    /// Holds every delivery from now on.
    pub fn pause(&self) {
        self.shared.with(|world| world.hooks.paused = true);
    }

    /// Delivers again, first what was held; returns how many that were.
    pub fn resume(&self) -> usize {
        self.shared.with(|world| world.hooks.paused = false);
        self.shared.release(Order::Queued)
    }

    /// Delivers what is held, one after the other; returns how many that are.
    pub fn release(&self, order: Order) -> usize {
        self.shared.release(order)
    }

    /// Delivers once more what was delivered under an id; says whether there is such a delivery.
    pub fn redeliver(&self, event_id: u64) -> bool {
        self.shared.with(|world| {
            let hook = world.hooks.all.iter().find(|told| told.event_id == event_id).map(|told| told.web_hook);
            hook.is_some_and(|hook| world.redeliver(hook, event_id).is_ok())
        })
    }

    /// Waits until no delivery is underway or waits for a further try. Held ones do not count.
    pub async fn quiesce(&self) {
        self.shared.quiesce().await;
    }

    /// Waits until every connection is closed and whatever arrived on it has been dealt with: what a process that was
    /// killed had sent is as good as received before anything that comes after it. Never ends while a client keeps a
    /// connection open.
    ///
    /// # Errors
    /// When the fake does not listen where it did.
    pub async fn hung_up(&self) -> io::Result<()> {
        self.shared.hung_up().await
    }
}
