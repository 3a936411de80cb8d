//! One node of the application: its runtime, its handle to the database, its engine and its HTTP side.
//!
//! A node has a runtime of its own, so that it can be killed: everything it does ends where it happens to be, nothing is
//! finished and nothing is given back.

use std::{collections::BTreeMap, fmt, net::SocketAddr, sync::Arc, time::Duration};

use crate::probe::Bound;
use futures::future::BoxFuture;
use policykit_core::{Clock, IdSource, ids::NodeId};
use policykit_engine::{Deps, Engine, EngineError, Options, Probe};
use policykit_platforms::{Http, HttpOptions, platform::AppConfig, registry};
use policykit_policy::Sandbox;
use policykit_store::{Db, DbConfig, SealingKey};
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot, task::JoinHandle};

/// Serves the application's HTTP side on a listener until dropped. Given by the tests of the crate that has one.
pub type Serve = fn(Engine, TcpListener) -> BoxFuture<'static, ()>;

/// What a node is started with.
pub struct NodeOptions {
    /// The database's address.
    pub url: String,
    /// Its identity among those that share the database.
    pub node: NodeId,
    /// The clock all share.
    pub clock: Arc<dyn Clock>,
    /// The ids all share.
    pub ids: Arc<dyn IdSource>,
    /// Configuration per platform.
    pub apps: BTreeMap<String, AppConfig>,
    /// How long an outbound request may take, in real time.
    pub http_timeout: Duration,
    /// Stops or counts.
    pub probe: Option<Arc<dyn Probe>>,
    /// Serves HTTP, on the node that has the HTTP side.
    pub serve: Option<Serve>,
    /// Runs policy code.
    pub sandbox: Arc<dyn Sandbox>,
    /// How much is looked at and settled at once; what is usual when absent.
    pub batch: Option<usize>,
    /// How long policies may take to show that the rules can still be changed; what is usual when absent.
    pub rehearsal: Option<Duration>,
    /// Under which address the server believes to be reached.
    pub address: Believed,
}

/// Under which address the server believes to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Believed {
    /// One that looks well in texts.
    #[default]
    Fine,
    /// Where it listens, so that platforms that are told of it find it.
    Real,
}

impl fmt::Debug for NodeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeOptions").field("node", &self.node).finish_non_exhaustive()
    }
}

/// How long a shard stays with a node that is not heard of, by the tests' clock.
pub(crate) const LEASE: Duration = Duration::from_secs(12);
/// How long the engine believes that a request may be under way, by the tests' clock.
pub(crate) const CALL: Duration = Duration::from_secs(10);
/// How long a runtime that is killed may take to let go of what it was just doing.
const LET_GO: Duration = Duration::from_secs(10);

/// A running node.
pub struct Node {
    runtime: Option<Runtime>,
    parts: Option<(Engine, Db)>,
    address: Option<SocketAddr>,
    bound: Arc<Bound>,
}

impl Node {
    /// Opens the database, brings its tables up to date and starts listening. Works only when drained.
    pub async fn start(mut options: NodeOptions) -> Self {
        let bound = Bound::new(options.probe.take());
        options.probe = Some(Arc::clone(&bound) as Arc<dyn Probe>);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("node")
            .enable_all()
            .build()
            .expect("a runtime");
        let (parts, address) = runtime.spawn(start(options)).await.expect("the node starts");
        Self { runtime: Some(runtime), parts: Some(parts), address, bound }
    }

    /// The engine.
    pub fn engine(&self) -> Engine {
        self.parts.as_ref().expect("a living node").0.clone()
    }

    /// The database, as this node sees it.
    pub fn db(&self) -> Db {
        self.parts.as_ref().expect("a living node").1.clone()
    }

    /// Where its HTTP side listens.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("a node with an HTTP side")
    }

    /// Runs something on the node's own runtime, as its own tasks run. Waits for ever when the node stands still.
    pub async fn on<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (tell, told) = oneshot::channel();
        self.runtime.as_ref().expect("a living node").spawn(async move {
            let _nobody_waits = tell.send(work.await);
        });
        told.await.expect("what ran on the node did not panic")
    }

    /// Does everything that can be done now.
    ///
    /// # Errors
    /// What a step of the engine fails with.
    ///
    /// # Panics
    /// When there is no end of it.
    pub async fn drain(&self) -> Result<(), EngineError> {
        let engine = self.engine();
        self.bound.run(Box::pin(self.on(async move { engine.drain().await }))).await
    }

    /// Begins to do everything that can be done now, and does not wait for it.
    pub fn drain_aside(&self) -> JoinHandle<Result<(), EngineError>> {
        let (engine, bound) = (self.engine(), Arc::clone(&self.bound));
        self.runtime.as_ref().expect("a living node").spawn(async move { bound.run(Box::pin(engine.drain())).await })
    }

    /// Ends the node as `kill -9` would: nothing is finished, nothing is given back.
    pub async fn kill(mut self) {
        self.parts = None;
        let runtime = self.runtime.take().expect("a living node");
        // A runtime must not be ended from within another one.
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(LET_GO)).await.expect("the runtime ends");
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.parts = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn start(options: NodeOptions) -> ((Engine, Db), Option<SocketAddr>) {
    let config = DbConfig { url: options.url, sealing: Some(SealingKey::new("tests", [7; 32])) };
    let mut db = Db::open(&config).await.expect("the database opens");
    db.migrate().await.expect("the tables are up to date");
    if let Some(probe) = &options.probe {
        db = db.with_probe(Arc::clone(probe));
    }
    let http =
        HttpOptions { timeout: options.http_timeout, connect_timeout: options.http_timeout, ..HttpOptions::default() };
    let http = Arc::new(Http::new(Arc::clone(&options.clock), http).expect("an HTTP client"));
    let usual = Options::new(options.node);
    let listener = match options.serve {
        None => None,
        Some(serve) => Some((serve, TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port"))),
    };
    let listens = listener.as_ref().map(|(_, listener)| listener.local_addr().expect("an address"));
    let believed = match (options.address, listens) {
        (Believed::Real, Some(address)) => format!("http://{address}"),
        _ => "https://rules.example.org".to_owned(),
    };
    let engine = Engine::new(Deps {
        db: db.clone(),
        registry: Arc::new(registry(&http)),
        sandbox: options.sandbox,
        clock: options.clock,
        ids: options.ids,
        apps: options.apps,
        options: Options {
            lease_ttl: LEASE,
            http_timeout: CALL,
            address: Some(believed),
            probe: options.probe,
            batch: options.batch.unwrap_or(usual.batch),
            rehearsal: options.rehearsal.unwrap_or(usual.rehearsal),
            ..usual
        },
    });
    if let Some((serve, listener)) = listener {
        tokio::spawn(serve(engine.clone(), listener));
    }
    ((engine, db), listens)
}
