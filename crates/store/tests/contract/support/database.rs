//! A database of its own for every test, and a way around the store for tests that tamper.

use std::{
    io::Write as _,
    panic::AssertUnwindSafe,
    str::FromStr as _,
    sync::{
        Once,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::FutureExt as _;
use policykit_store::{Db, DbConfig, SealingKey};
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use uuid::Uuid;

/// Environment variable with the address of a PostgreSQL database whose role may create databases.
const POSTGRES: &str = "POLICYKIT_TEST_POSTGRES";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// An empty database; [`TestDatabase::db`] gives it its tables.
pub(crate) struct TestDatabase {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    folder: Option<TempDir>,
    name: String,
}

/// A connection that goes around the store.
pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs a test on every kind of database that there is here.
pub(crate) fn on_each(test: impl AsyncFn(&TestDatabase)) {
    on_sqlite(&test);
    on_postgres(&test);
}

pub(crate) fn on_sqlite(test: impl AsyncFn(&TestDatabase)) {
    run(Kind::Sqlite, test);
}

pub(crate) fn on_postgres(test: impl AsyncFn(&TestDatabase)) {
    static SAID: Once = Once::new();
    if std::env::var_os(POSTGRES).is_some() {
        run(Kind::Postgres, test);
    } else {
        // Past the test harness, which shows only what failing tests print.
        SAID.call_once(|| {
            let _ = writeln!(std::io::stderr(), "skipped on PostgreSQL: {POSTGRES} is not set");
        });
    }
}

fn run(kind: Kind, test: impl AsyncFn(&TestDatabase)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDatabase::create(kind).await;
        let outcome = AssertUnwindSafe(test(&database)).catch_unwind().await;
        database.remove().await;
        if let Err(panic) = outcome {
            eprintln!("this was on {kind:?}");
            std::panic::resume_unwind(panic);
        }
    });
}

impl TestDatabase {
    /// Without tables.
    async fn create(kind: Kind) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("policykit_store_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
        match kind {
            Kind::Sqlite => {
                // In memory where that is possible: no test here cuts the power.
                let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
                let url = format!("sqlite:{}", folder.path().join("policykit.db").display());
                Self { kind, url, folder: Some(folder), name }
            }
            Kind::Postgres => {
                let (server, _) = admin_url().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
                Self { kind, url: format!("{server}/{name}"), folder: None, name }.fresh().await
            }
        }
    }

    async fn fresh(self) -> Self {
        admin(&format!("CREATE DATABASE {}", self.name)).await;
        admin(&format!("ALTER DATABASE {} SET synchronous_commit = off", self.name)).await;
        self
    }

    async fn remove(self) {
        if self.kind == Kind::Postgres {
            admin(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await;
        }
        drop(self.folder);
    }

    /// Opens it with its tables.
    pub(crate) async fn db(&self) -> Db {
        let db = self.open().await;
        db.migrate().await.unwrap();
        db
    }

    /// Opens it as it is.
    pub(crate) async fn open(&self) -> Db {
        self.open_with(SealingKey::new("k1", [7; 32])).await
    }

    pub(crate) async fn open_with(&self, sealing: SealingKey) -> Db {
        Db::open(&DbConfig { url: self.url.clone(), sealing: Some(sealing) }).await.unwrap()
    }

    pub(crate) async fn raw(&self) -> Raw {
        match self.kind {
            Kind::Sqlite => {
                let options = SqliteConnectOptions::from_str(&self.url).unwrap().create_if_missing(true);
                Raw::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
            }
            Kind::Postgres => Raw::Postgres(PgConnection::connect(&self.url).await.unwrap()),
        }
    }

    /// An id as it is written in a statement.
    pub(crate) fn literal(&self, id: Uuid) -> String {
        match self.kind {
            Kind::Sqlite => format!("X'{}'", id.simple()),
            Kind::Postgres => format!("'{id}'"),
        }
    }
}

impl Raw {
    /// Runs statements and tells how many rows they changed.
    pub(crate) async fn run(&mut self, sql: &str) -> u64 {
        match self {
            Self::Sqlite(conn) => conn.execute(sql).await.unwrap().rows_affected(),
            Self::Postgres(conn) => conn.execute(sql).await.unwrap().rows_affected(),
        }
    }

    /// The first column of the first row.
    pub(crate) async fn number(&mut self, sql: &str) -> i64 {
        match self {
            Self::Sqlite(conn) => conn.fetch_one(sql).await.unwrap().get(0),
            Self::Postgres(conn) => conn.fetch_one(sql).await.unwrap().get(0),
        }
    }

    /// The first column of all rows, as bytes.
    pub(crate) async fn bytes(&mut self, sql: &str) -> Vec<Vec<u8>> {
        match self {
            Self::Sqlite(conn) => conn.fetch_all(sql).await.unwrap().iter().map(|row| row.get(0)).collect(),
            Self::Postgres(conn) => conn.fetch_all(sql).await.unwrap().iter().map(|row| row.get(0)).collect(),
        }
    }

    /// How many rows each of the tables has that a commit writes to.
    pub(crate) async fn census(&mut self) -> Vec<(&'static str, i64)> {
        let tables = [
            "inbox",
            "member",
            "action",
            "proposal",
            "evaluation",
            "recorded_read",
            "content",
            "call",
            "owned_object",
            "ballot",
            "wake",
            "log_line",
            "decision",
        ];
        let mut out = Vec::new();
        for table in tables {
            out.push((table, self.number(&format!("SELECT count(*) FROM {table}")).await));
        }
        out
    }
}

fn admin_url() -> String {
    std::env::var(POSTGRES).unwrap()
}

async fn admin(statement: &str) {
    let mut conn = PgConnection::connect(&admin_url()).await.unwrap();
    conn.execute(statement).await.unwrap();
    conn.close().await.unwrap();
}
