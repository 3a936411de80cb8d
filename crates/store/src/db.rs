//! The handle to a database, whichever it is: opening, reading, writing in one transaction.
//!
//! No table is named here. Every write goes through [`Shared::write`], so that it is committed before anybody is told.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::future::BoxFuture;
use sqlx::{Database, PgPool, Pool, Postgres, Sqlite, SqlitePool, Transaction, pool::PoolConnection};
use tokio::sync::{Notify, mpsc};

use crate::{
    error::StoreError,
    scoped::Scoped,
    seal::SealingKey,
    sql::{Conn, Counters, Stats},
    system::System,
};

mod listen;
mod open;
mod plans;
mod postgres;
mod probe;
pub(crate) mod sequencer;
mod writer;

pub(crate) use listen::CHANNEL;
pub use open::DbConfig;
pub use plans::{Plan, Step};
pub(crate) use probe::Points;
pub use probe::Probe;

/// A database. Cheap to clone; all clones are the same database, and it is closed with the last one.
#[derive(Clone)]
pub struct Db {
    pub(crate) shared: Arc<Shared>,
    pub(crate) deliveries: mpsc::Sender<crate::inbox::Delivered>,
    _listener: Option<Arc<listen::Listener>>,
}

/// What all clones and the tasks behind them share.
pub(crate) struct Shared {
    backend: Backend,
    counters: Arc<Counters>,
    pub(crate) sealing: Option<SealingKey>,
    news: Arc<Notify>,
    /// Whether other nodes may be waiting for what is written here.
    others: AtomicBool,
    probe: OnceLock<Arc<dyn Probe>>,
    pub(crate) sequencer: sequencer::Sequencer,
    pub(crate) bell: crate::news::Bell,
}

enum Backend {
    Sqlite { writer: mpsc::Sender<Box<dyn writer::Job>>, readers: SqlitePool, file: Box<open::SqliteFile> },
    Postgres { pool: PgPool },
}

/// A connection for reading, given back when dropped.
pub(crate) enum ReadConn {
    Sqlite(PoolConnection<Sqlite>, Arc<Counters>),
    Postgres(PoolConnection<Postgres>, Arc<Counters>),
}

/// A transaction for reading: everything read in it is of one moment.
pub(crate) enum ReadTx {
    Sqlite(Transaction<'static, Sqlite>, Arc<Counters>),
    Postgres(Transaction<'static, Postgres>, Arc<Counters>),
}

impl Db {
    /// The data of one community. Everything that belongs to a community is reached this way only.
    pub fn community(&self, id: policykit_core::ids::CommunityId) -> Scoped {
        Scoped::new(self.clone(), id)
    }

    /// What concerns the whole server: an allow-listed few.
    pub fn system(&self) -> System {
        System::new(self.clone())
    }

    /// What has been asked of the database since it was opened.
    pub fn stats(&self) -> Stats {
        self.shared.counters.read()
    }

    /// Sets what is told of the points around each commit. Only the first one set counts.
    #[must_use]
    pub fn with_probe(self, probe: Arc<dyn Probe>) -> Self {
        // A second probe would see the commits of the first one's holder.
        let _ = self.shared.probe.set(probe);
        self
    }

    /// Waits until a delivery has been written by this process or, on PostgreSQL, by another one. What came since the
    /// last wait counts.
    pub async fn inbox_changed(&self) {
        self.shared.news.notified().await;
    }

    /// Wakes those who wait in [`Db::inbox_changed`] in this process.
    pub fn notify_inbox(&self) {
        self.shared.notify_inbox();
    }

    /// Closes all connections, after what has been begun. Other clones can do nothing any more.
    pub async fn close(&self) {
        match &self.shared.backend {
            Backend::Sqlite { writer, readers, .. } => {
                writer::stop(writer).await;
                readers.close().await;
            }
            Backend::Postgres { pool } => pool.close().await,
        }
    }

    pub(crate) async fn probe(&self, point: &'static str) {
        if let Some(probe) = self.shared.probe.get() {
            probe.at(point).await;
        }
    }

    pub(crate) async fn reader(&self) -> Result<ReadConn, StoreError> {
        let counters = Arc::clone(&self.shared.counters);
        Ok(match &self.shared.backend {
            Backend::Sqlite { readers, .. } => ReadConn::Sqlite(readers.acquire().await?, counters),
            Backend::Postgres { pool } => ReadConn::Postgres(pool.acquire().await?, counters),
        })
    }

    pub(crate) async fn snapshot(&self) -> Result<ReadTx, StoreError> {
        let counters = Arc::clone(&self.shared.counters);
        Ok(match &self.shared.backend {
            Backend::Sqlite { readers, .. } => ReadTx::Sqlite(begun(readers, "BEGIN").await?, counters),
            Backend::Postgres { pool } => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                ReadTx::Postgres(begun(pool, begin).await?, counters)
            }
        })
    }

    /// Runs `work` in a transaction of its own, without points for crash tests.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a mut Conn<'_>) -> BoxFuture<'a, Result<T, StoreError>> + Send + Sync + 'static,
    {
        self.shared.write(None, work).await
    }
}

/// Begins a transaction, to the end also when whoever asked goes away, as browsers do: given up halfway the connection
/// would stay inside a transaction that nobody ends, and show the past to whoever gets it next, or take no writes. Only
/// the beginning is brought to its end: who goes away while waiting for a connection leaves the queue, so that those who
/// stay do not wait for those who left.
async fn begun<DB: Database>(pool: &Pool<DB>, statement: &'static str) -> Result<Transaction<'static, DB>, StoreError> {
    let conn = pool.acquire().await?;
    let begun = tokio::spawn(Transaction::begin(conn, Some(statement.into())));
    Ok(begun.await.map_err(|error| StoreError::Database { reason: error.to_string() })??)
}

impl Shared {
    /// Runs `work` in a transaction and returns after its commit. On SQLite several share one commit, each undone alone
    /// when it fails; on PostgreSQL it is run again when the database says that others were faster. `point` is where a
    /// crash test may stop the world just before the commit.
    pub(crate) async fn write<T, F>(&self, point: Option<&'static str>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a mut Conn<'_>) -> BoxFuture<'a, Result<T, StoreError>> + Send + Sync + 'static,
    {
        let before_commit = point.and_then(|point| self.probe.get().map(|probe| (Arc::clone(probe), point)));
        match &self.backend {
            Backend::Sqlite { writer, .. } => writer::submit(writer, before_commit, work).await,
            Backend::Postgres { pool } => postgres::transact(pool, &self.counters, before_commit, work).await,
        }
    }

    pub(crate) fn notify_inbox(&self) {
        // Those who wait now, and the next one to wait.
        self.news.notify_waiters();
        self.news.notify_one();
    }

    pub(crate) fn others_listen(&self) -> bool {
        self.others.load(Ordering::Relaxed)
    }

    pub(crate) fn set_others_listen(&self, others: bool) {
        self.others.store(others, Ordering::Relaxed);
    }

    /// Whether writers run beside each other, so that taking turns has to be arranged.
    pub(crate) fn has_parallel_writers(&self) -> bool {
        matches!(self.backend, Backend::Postgres { .. })
    }
}

impl ReadConn {
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(conn, counters) => Conn::sqlite(conn, counters),
            Self::Postgres(conn, counters) => Conn::postgres(conn, counters),
        }
    }
}

impl ReadTx {
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(tx, counters) => Conn::sqlite(tx, counters),
            Self::Postgres(tx, counters) => Conn::postgres(tx, counters),
        }
    }

    /// Ends it; dropping it does so too, but only when the connection is next used.
    pub(crate) async fn end(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx, _) => tx.commit().await?,
            Self::Postgres(tx, _) => tx.commit().await?,
        }
        Ok(())
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backend = match self.shared.backend {
            Backend::Sqlite { .. } => "sqlite",
            Backend::Postgres { .. } => "postgres",
        };
        f.debug_struct("Db").field("backend", &backend).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
