//! A fresh database for every test, of either kind, removed when the test is over.

use std::{
    fmt,
    path::Path,
    process::Command,
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tempfile::TempDir;

/// Environment variable with the address of a PostgreSQL database whose role may create databases.
const POSTGRES: &str = "POLICYKIT_TEST_POSTGRES";

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A file in a temporary folder.
    Sqlite,
    /// A database of its own on the server that `POLICYKIT_TEST_POSTGRES` names.
    Postgres,
}

impl Kind {
    /// The kinds that can be tested here. Says once per test what is left out.
    pub fn available() -> Vec<Self> {
        if std::env::var_os(POSTGRES).is_some() {
            vec![Self::Sqlite, Self::Postgres]
        } else {
            eprintln!("skipped on PostgreSQL: {POSTGRES} is not set");
            vec![Self::Sqlite]
        }
    }
}

/// A database of its own.
pub struct TestDatabase {
    url: String,
    held: Held,
}

enum Held {
    Folder(#[expect(dead_code, reason = "removed when dropped")] TempDir),
    Postgres { admin: String, name: String },
}

impl TestDatabase {
    /// Creates one, without tables.
    pub fn create(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => {
                // In memory where that is possible: nodes are killed here, and the power is not cut.
                let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
                let folder = folder.expect("a temporary folder");
                let url = format!("sqlite:{}", folder.path().join("policykit.db").display());
                Self { url, held: Held::Folder(folder) }
            }
            Kind::Postgres => {
                static NUMBER: AtomicU64 = AtomicU64::new(0);
                static SWEPT: Once = Once::new();
                let admin = std::env::var(POSTGRES).expect("the address of a PostgreSQL database");
                SWEPT.call_once(|| sweep(&admin));
                let name = format!("{PREFIX}{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
                // Nodes are killed here, and the server is not.
                let quick = format!("ALTER DATABASE {name} SET synchronous_commit = off");
                psql(&admin, [format!("CREATE DATABASE {name}"), quick]);
                let (base, _) = admin.rsplit_once('/').expect("an address that ends with the name of a database");
                Self { url: format!("{base}/{name}"), held: Held::Postgres { admin: admin.clone(), name } }
            }
        }
    }

    /// Its address, as the configuration takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Which kind it is.
    pub const fn kind(&self) -> Kind {
        match self.held {
            Held::Folder(_) => Kind::Sqlite,
            Held::Postgres { .. } => Kind::Postgres,
        }
    }
}

impl fmt::Debug for TestDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDatabase").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Held::Postgres { admin, name } = &self.held {
            let names = {
                let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
                left.push(name.clone());
                if left.len() < TOGETHER {
                    return;
                }
                std::mem::take(&mut *left)
            };
            psql(admin, names.iter().map(drop_statement));
        }
    }
}

/// What the names of our databases begin with; the number of the process follows.
const PREFIX: &str = "policykit_it_";
/// So many are removed at a time: each removal writes everything to disk that the server has not yet, and most of the
/// time of a test would be spent waiting for that.
const TOGETHER: usize = 24;
/// Those that are no longer needed.
static LEFT: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn drop_statement(name: &String) -> String {
    format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")
}

/// Removes what processes that have ended left behind: the last ones of each, and all of those that were killed.
fn sweep(admin: &str) {
    let found = psql(admin, [format!("SELECT datname FROM pg_database WHERE datname LIKE '{PREFIX}%'")]);
    let lives = |name: &str| {
        let process = name.trim_start_matches(PREFIX).split('_').next().unwrap_or_default();
        process != std::process::id().to_string() && Path::new("/proc").join(process).exists()
    };
    let abandoned: Vec<String> = found.lines().map(str::trim).filter(|name| !lives(name)).map(str::to_owned).collect();
    if !abandoned.is_empty() {
        psql(admin, abandoned.iter().map(drop_statement));
    }
}

/// Statements about whole databases are none of the store's business, so PostgreSQL's own client makes them.
fn psql(admin: &str, statements: impl IntoIterator<Item = String>) -> String {
    let mut command = Command::new("psql");
    command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--dbname", admin]);
    for statement in statements {
        command.args(["--command", &statement]);
    }
    let said = command.output().expect("psql is installed where PostgreSQL is");
    if !said.status.success() && !std::thread::panicking() {
        panic!("`{command:?}` failed: {}", String::from_utf8_lossy(&said.stderr).trim());
    }
    String::from_utf8_lossy(&said.stdout).into_owned()
}
