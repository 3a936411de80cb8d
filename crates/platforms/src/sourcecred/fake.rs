//! A stateful stand-in for a published SourceCred instance: people who contribute over time, a ledger, and the files that
//! an instance serves, packed or plain, with troubles on demand and a record of what was asked for.
//!
//! Tests judge by it, so it shares no code with the integration it stands opposite to. Its state lives in memory and dies
//! with it. Its control routes know no authentication: bind it to 127.0.0.1 only.

mod publish;
mod routes;
mod world;

use std::{
    io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, task::AbortHandle};

use self::{routes::Journal, world::World};
pub use self::{
    routes::{Asked, Trouble},
    world::{Act, Denied, PersonView},
};

/// How files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As zlib, under names without an ending.
    #[default]
    Packed,
    /// As JSON, under names that end in it.
    Plain,
}

/// Whether `output/accounts.json` is written too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analysis {
    /// It is.
    #[default]
    Written,
    /// It is not, as for many instances.
    Absent,
}

/// How ledger entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerForm {
    /// One a line; an empty ledger is an empty list.
    #[default]
    Lines,
    /// A list.
    List,
    /// There is no ledger.
    Absent,
}

/// What a fake begins with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FakeConfig {
    /// How files are written.
    pub form: Form,
    /// Whether accounts are written too.
    pub analysis: Analysis,
    /// How the ledger is written.
    pub ledger: LedgerForm,
    /// What happened already.
    pub acts: Vec<Act>,
    /// A file that the record is also appended to.
    pub record: Option<PathBuf>,
}

/// A handle of a running fake. Clones steer the same fake.
#[derive(Debug, Clone)]
pub struct Fake {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    base_url: String,
    world: Mutex<World>,
    journal: Mutex<Journal>,
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
        self.server.abort();
    }
}

/// Serves a fake on this listener until the task is dropped.
///
/// # Errors
/// When the configuration contradicts itself, the record file cannot be opened or the listener has no address.
pub async fn serve(listener: TcpListener, config: FakeConfig) -> io::Result<()> {
    let fake = Fake::prepare(&listener, config)?;
    fake.run(listener).await
}

impl Fake {
    /// Starts a fake on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// As [`serve`], or when no port is free.
    pub async fn start(config: FakeConfig) -> io::Result<RunningFake> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let fake = Self::prepare(&listener, config)?;
        let server = tokio::spawn({
            let fake = fake.clone();
            async move {
                if let Err(error) = fake.run(listener).await {
                    tracing::error!(%error, "the fake stopped listening");
                }
            }
        });
        Ok(RunningFake { fake, server: server.abort_handle() })
    }

    fn prepare(listener: &TcpListener, config: FakeConfig) -> io::Result<Self> {
        let mut world = World::new(config.form, config.analysis, config.ledger);
        for act in config.acts {
            world.act(act).map_err(|denied| io::Error::new(io::ErrorKind::InvalidInput, denied.to_string()))?;
        }
        let base_url = format!("http://{}", listener.local_addr()?);
        let journal = Mutex::new(Journal::open(config.record)?);
        Ok(Self { shared: Arc::new(Shared { base_url, world: Mutex::new(world), journal }) })
    }

    async fn run(&self, listener: TcpListener) -> io::Result<()> {
        axum::serve(listener, routes::router(self.clone())).await
    }

    /// Where it is published.
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// Lets something happen.
    ///
    /// # Errors
    /// [`Denied`] when it cannot.
    pub fn act(&self, act: Act) -> Result<(), Denied> {
        self.world().act(act)
    }

    /// From now on this goes wrong; nothing does when it is `None`.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        self.journal().trouble = trouble;
    }

    /// Everybody with an identity.
    pub fn people(&self) -> Vec<PersonView> {
        self.world().people()
    }

    /// What was asked for so far.
    pub fn record(&self) -> Vec<Asked> {
        self.journal().record.clone()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.shared.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
