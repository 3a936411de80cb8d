//! Opening a database by its URL, with the settings that durability rests on; migrations.

use std::{
    path::PathBuf,
    str::FromStr as _,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{
    Connection as _, PgPool, SqliteConnection,
    migrate::{Migrate, MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Notify, mpsc};

use super::{Backend, Db, Shared, listen::Listener, sequencer::Sequencer, writer};
use crate::{error::StoreError, seal::SealingKey, sql::Counters};

static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

/// Readers beside the one writer of a SQLite database.
const SQLITE_READERS: u32 = 4;
/// Connections to PostgreSQL, also bounded by what its `max_connections` leaves for several nodes.
const POSTGRES_CONNECTIONS: u32 = 10;
/// How long a statement waits for another process that writes to the same SQLite file.
const BUSY: Duration = Duration::from_secs(5);
/// How long to wait, give or take a half, before connecting again to a file that others are just creating.
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// How long to wait for a connection before saying that the database is not available.
const ACQUIRE: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection; batches of different sizes are different statements.
const STATEMENTS: usize = 512;

/// Where the database is and what opens its secrets.
#[derive(Debug, Clone, Default)]
pub struct DbConfig {
    /// `sqlite:PATH` or `postgres://…`. `sqlite::memory:` is a private database that vanishes with its last handle; it
    /// stands in a temporary file, because readers beside a writer need one.
    pub url: String,
    /// What seals and opens secrets; without it storing one is refused.
    pub sealing: Option<SealingKey>,
}

/// The file of a SQLite database.
pub(super) struct SqliteFile {
    options: SqliteConnectOptions,
    temporary: Option<PathBuf>,
}

impl Drop for SqliteFile {
    fn drop(&mut self) {
        for suffix in self.temporary.iter().flat_map(|_| ["", "-wal", "-shm"]) {
            if let Some(path) = &self.temporary {
                let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
            }
        }
    }
}

impl Db {
    /// Opens the database, creating the file of a SQLite database that does not exist. Applies no migrations.
    ///
    /// # Errors
    /// When the URL is not one of the two kinds or the database cannot be reached.
    pub async fn open(config: &DbConfig) -> Result<Self, StoreError> {
        let counters = Arc::new(Counters::default());
        let news = Arc::new(Notify::new());
        let (backend, listener) = if config.url.starts_with("sqlite:") {
            (open_sqlite(&config.url, &counters).await?, None)
        } else if config.url.starts_with("postgres:") || config.url.starts_with("postgresql:") {
            let pool = open_postgres(&config.url).await?;
            let listener = Arc::new(Listener::start(pool.clone(), Arc::clone(&news)));
            (Backend::Postgres { pool }, Some(listener))
        } else {
            return Err(StoreError::Database {
                reason: "the database url begins with neither `sqlite:` nor `postgres:`".to_owned(),
            });
        };
        let shared = Arc::new(Shared {
            backend,
            counters,
            sealing: config.sealing.clone(),
            news,
            others: AtomicBool::new(true),
            probe: OnceLock::new(),
            sequencer: Sequencer::new(),
            bell: crate::news::Bell::default(),
        });
        let deliveries = crate::inbox::start_receiver(Arc::clone(&shared));
        Ok(Self { shared, deliveries, _listener: listener })
    }

    /// Brings the tables up to date. Several processes may do so at the same time.
    ///
    /// # Errors
    /// When a migration fails, or one that was applied is not the one known here, or not known at all.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.shared.backend {
            Backend::Sqlite { file, .. } => {
                let mut conn = connect_sqlite(&file.options).await?;
                // One transaction around all of them: SQLite has no other way to keep two processes from applying the same.
                let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
                SQLITE.run_direct(&mut *tx).await.map_err(migration)?;
                tx.commit().await?;
                conn.close().await?;
            }
            Backend::Postgres { pool } => POSTGRES.run(pool).await.map_err(migration)?,
        }
        Ok(())
    }

    /// Migrations that have not been applied yet, by number and description. Zero means that the tables are up to date.
    ///
    /// # Errors
    /// When the database cannot be read, or was brought up to date by a newer version of PolicyKit.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let (known, applied) = match &self.shared.backend {
            Backend::Sqlite { file, .. } => {
                let mut conn = connect_sqlite(&file.options).await?;
                let applied = applied(&mut conn).await?;
                conn.close().await?;
                (&SQLITE, applied)
            }
            Backend::Postgres { pool } => (&POSTGRES, applied(&mut *pool.acquire().await?).await?),
        };
        if let Some(unknown) = applied.iter().find(|version| !known.version_exists(**version)) {
            return Err(migration(MigrateError::VersionMissing(*unknown)));
        }
        Ok(known
            .iter()
            .filter(|migration| !applied.contains(&migration.version))
            .map(|migration| format!("{:04} {}", migration.version, migration.description))
            .collect())
    }
}

async fn applied<C: Migrate>(conn: &mut C) -> Result<Vec<i64>, StoreError> {
    conn.ensure_migrations_table().await.map_err(migration)?;
    let applied = conn.list_applied_migrations().await.map_err(migration)?;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}

fn migration(error: MigrateError) -> StoreError {
    let reason = match error {
        MigrateError::VersionMissing(version) => format!(
            "its migration {version} is not known here, so it was brought up to date by a newer version of PolicyKit; \
             start that version, or restore the backup that was made before"
        ),
        error => error.to_string(),
    };
    StoreError::Database { reason }
}

async fn open_sqlite(url: &str, counters: &Arc<Counters>) -> Result<Backend, StoreError> {
    let (options, temporary) = if url.contains(":memory:") {
        let path = temporary_file();
        (SqliteConnectOptions::new().filename(&path), Some(path))
    } else {
        (SqliteConnectOptions::from_str(url)?, None)
    };
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .statement_cache_capacity(STATEMENTS);
    // The writer first: it creates the file and switches it to the write-ahead log.
    let conn = connect_sqlite(&options).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .connect_lazy_with(options.clone().create_if_missing(false).pragma("query_only", "ON"));
    let (writer, jobs) = mpsc::channel(writer::QUEUE);
    tokio::spawn(writer::run(conn, jobs, Arc::clone(counters)));
    Ok(Backend::Sqlite { writer, readers, file: Box::new(SqliteFile { options, temporary }) })
}

/// Connects, however many others do so at the same moment. SQLite does not wait when two switch the same new file to the
/// write-ahead log: it answers at once that the file is locked, whatever [`BUSY`] says.
async fn connect_sqlite(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let started = tokio::time::Instant::now();
    loop {
        match SqliteConnection::connect_with(options).await.map_err(StoreError::from) {
            Err(error) if error.is_contention() && started.elapsed() < BUSY => {
                tokio::time::sleep(BUSY_PAUSE.mul_f64(0.5 + rand::random::<f64>())).await;
            }
            result => return result,
        }
    }
}

fn temporary_file() -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!(
        "policykit-{}-{}-{:08x}.db",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed),
        rand::random::<u32>()
    );
    std::env::temp_dir().join(name)
}

async fn open_postgres(url: &str) -> Result<PgPool, StoreError> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("policykit")
        .statement_cache_capacity(STATEMENTS)
        // A process that is stopped in the middle of a transaction must not keep its shards from the others.
        .options([("idle_in_transaction_session_timeout", "10s"), ("statement_timeout", "30s")]);
    Ok(PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .connect_with(options)
        .await?)
}
