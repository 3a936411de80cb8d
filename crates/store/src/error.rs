//! What the store fails with. Kinds that a caller must tell apart are variants; everything else is one kind.

use std::fmt;

/// Why the store did not do what it was asked to. In every case nothing of the request was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A shard named in the request belongs to somebody else by now. Drop what is believed and start again.
    #[error("the shard is held by another node")]
    FenceLost,
    /// What the change was made from has changed meanwhile. Read again and decide again.
    #[error("{what} has changed meanwhile")]
    Conflict {
        /// What has changed.
        what: String,
    },
    /// There is no such thing in this scope. A thing of another community is not there either.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// The database cannot be used at the moment; the same request may succeed later.
    #[error("the database is not available: {reason}")]
    Unavailable {
        /// The database's own words.
        reason: String,
        /// What kind of trouble.
        trouble: Trouble,
    },
    /// Something stored cannot be read back as what it is meant to be, or cannot be written as such.
    #[error("stored data is not usable: {what}")]
    Corrupt {
        /// Which, and how.
        what: String,
    },
    /// The database refused for a reason that trying again will not cure.
    #[error("the database refused: {reason}")]
    Database {
        /// The database's own words.
        reason: String,
    },
}

/// Why a database cannot be used at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// Others were faster; the store itself has tried again several times.
    Contention,
    /// It cannot be reached, or does not answer in time.
    Connection,
    /// The machine it runs on: no room on the disk, no memory, a disk that fails, or it takes no writes at present.
    Environment,
}

impl StoreError {
    /// Whether the same request may succeed later without anything being changed.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) const fn is_contention(&self) -> bool {
        matches!(self, Self::Unavailable { trouble: Trouble::Contention, .. })
    }

    pub(crate) fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict { what: what.into() }
    }

    pub(crate) fn corrupt(what: impl fmt::Display) -> Self {
        Self::Corrupt { what: what.to_string() }
    }

    pub(crate) fn contention(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), trouble: Trouble::Contention }
    }

    pub(crate) fn gone(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), trouble: Trouble::Connection }
    }

    const fn environment(reason: String) -> Self {
        Self::Unavailable { reason, trouble: Trouble::Environment }
    }

    /// The same error once more, for everybody whose work went down with one commit.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::FenceLost => Self::FenceLost,
            Self::Conflict { what } => Self::Conflict { what: what.clone() },
            Self::NotFound { what } => Self::NotFound { what },
            Self::Unavailable { reason, trouble } => Self::Unavailable { reason: reason.clone(), trouble: *trouble },
            Self::Corrupt { what } => Self::Corrupt { what: what.clone() },
            Self::Database { reason } => Self::Database { reason: reason.clone() },
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let reason = error.to_string();
        match &error {
            sqlx::Error::Database(inner) => match inner.code().as_deref().and_then(trouble_of) {
                Some(Trouble::Contention) => Self::contention(reason),
                Some(Trouble::Connection) => Self::gone(reason),
                Some(Trouble::Environment) => Self::environment(reason),
                None => Self::Database { reason },
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::gone(reason),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnIndexOutOfBounds { .. } => {
                Self::Corrupt { what: reason }
            }
            _ => Self::Database { reason },
        }
    }
}

/// What kind of trouble the code of a database stands for, when it is not the request that is to blame. What is missing
/// here is counted against the work that met it.
fn trouble_of(code: &str) -> Option<Trouble> {
    // PostgreSQL's codes have five characters; SQLite's are numbers with fewer, whose last byte is the kind.
    if code.len() == 5 {
        return match (code, code.get(..2)) {
            // Serialization failure, deadlock.
            ("40001" | "40P01", _) => Some(Trouble::Contention),
            // Shutting down, out of connections, session ended for idling in a transaction, time out; the connection.
            ("57P01" | "57P02" | "57P03" | "53300" | "25P03" | "57014", _) | (_, Some("08")) => {
                Some(Trouble::Connection)
            }
            // One row, or an index, is damaged: whatever meets it stands by itself, and all the rest can go on.
            ("XX001" | "XX002", _) => None,
            // Read-only, as a stand-by is; disk full and out of memory; errors of the system; errors within.
            ("25006", _) | (_, Some("53" | "58" | "XX")) => Some(Trouble::Environment),
            _ => None,
        };
    }
    match code.parse::<u32>().ok()? & 0xff {
        // Busy, locked.
        5 | 6 => Some(Trouble::Contention),
        // No memory, read-only, input or output failed, full, the file cannot be opened.
        7 | 8 | 10 | 13 | 14 => Some(Trouble::Environment),
        _ => None,
    }
}
