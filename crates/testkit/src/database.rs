//! A fresh database for every test, of either kind, removed when the test is over.

use std::{
    fmt,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
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
                let folder = tempfile::tempdir().expect("a temporary folder");
                let url = format!("sqlite:{}", folder.path().join("policykit.db").display());
                Self { url, held: Held::Folder(folder) }
            }
            Kind::Postgres => {
                static NUMBER: AtomicU64 = AtomicU64::new(0);
                let admin = std::env::var(POSTGRES).expect("the address of a PostgreSQL database");
                let name = format!("policykit_it_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
                psql(&admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
                psql(&admin, &format!("CREATE DATABASE {name}"));
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
            psql(admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// Statements about whole databases are none of the store's business, so PostgreSQL's own client makes them.
fn psql(admin: &str, statement: &str) {
    let said = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", admin, "--command", statement])
        .output()
        .expect("psql is installed where PostgreSQL is");
    if !said.status.success() && !std::thread::panicking() {
        panic!("`{statement}` failed: {}", String::from_utf8_lossy(&said.stderr).trim());
    }
}
