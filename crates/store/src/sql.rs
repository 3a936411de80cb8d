//! The one place where a statement meets a driver: one SQL text with `$1` parameters, run on either database.
//!
//! Nothing here knows a table. Statements are counted here, so nothing may reach a database around it.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use policykit_core::Timestamp;
use sqlx::{
    Decode, PgConnection, Postgres, Row as _, Sqlite, SqliteConnection, Type, postgres::PgRow, sqlite::SqliteRow,
};
use uuid::Uuid;

use crate::error::StoreError;

mod arg;
mod json_text;
mod many;
mod read;

pub(crate) use arg::{Arg, clean_text, json, opt_json};
use json_text::JsonText;
pub(crate) use many::{Numbers, Rows, list, values};
pub(crate) use read::Reader;

/// A connection, usually inside a transaction.
pub(crate) struct Conn<'c> {
    inner: Inner<'c>,
    counters: &'c Counters,
}

enum Inner<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// What has been asked of the database since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    statements: AtomicU64,
    transactions: AtomicU64,
    rows: AtomicU64,
    /// The texts of statements that only read, once somebody wants them.
    texts: OnceLock<Mutex<BTreeSet<String>>>,
}

/// What has been asked of the database since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Statements sent, without `BEGIN`, `SAVEPOINT` and `COMMIT`.
    pub statements: u64,
    /// Transactions that wrote and committed: on SQLite one sync to disk each.
    pub transactions: u64,
    /// Rows read or changed.
    pub rows: u64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            statements: self.statements.load(Ordering::Relaxed),
            transactions: self.transactions.load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn committed(&self) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
    }

    /// From now on keeps the texts of statements that only read.
    pub(crate) fn note_texts(&self) {
        self.texts.get_or_init(Mutex::default);
    }

    /// The texts kept so far.
    pub(crate) fn texts(&self) -> Vec<String> {
        let noted = self.texts.get().map(|texts| texts.lock().unwrap_or_else(PoisonError::into_inner).clone());
        noted.unwrap_or_default().into_iter().collect()
    }

    fn note(&self, sql: &str) {
        let reads = |sql: &str| ["SELECT", "WITH"].iter().any(|word| sql.trim_start().starts_with(word));
        if let Some(texts) = self.texts.get().filter(|_| reads(sql)) {
            texts.lock().unwrap_or_else(PoisonError::into_inner).insert(sql.to_owned());
        }
    }

    fn count(&self, rows: u64) {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }
}

/// A row of a result.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! bound {
    ($sql:expr, $args:expr) => {{
        let mut query = sqlx::query($sql);
        for arg in $args {
            query = match arg {
                Arg::Uuid(v) => query.bind(v),
                Arg::Int(v) => query.bind(v),
                Arg::Bool(v) => query.bind(v),
                Arg::Text(v) => query.bind(v),
                Arg::Json(v) => query.bind(v.map(JsonText)),
                Arg::Bytes(v) => query.bind(v),
            };
        }
        query
    }};
}

impl<'c> Conn<'c> {
    pub(crate) fn sqlite(conn: &'c mut SqliteConnection, counters: &'c Counters) -> Self {
        Self { inner: Inner::Sqlite(conn), counters }
    }

    pub(crate) fn postgres(conn: &'c mut PgConnection, counters: &'c Counters) -> Self {
        Self { inner: Inner::Postgres(conn), counters }
    }

    /// `clause` where rows are locked one by one; nothing where there is only one writer anyway.
    pub(crate) fn locking(&self, clause: &'static str) -> &'static str {
        match self.inner {
            Inner::Sqlite(_) => "",
            Inner::Postgres(_) => clause,
        }
    }

    /// Whether other processes can be told at once of what is written.
    pub(crate) fn can_notify(&self) -> bool {
        matches!(self.inner, Inner::Postgres(_))
    }

    /// How the parameters of many rows are written for this database.
    pub(crate) fn numbers(&self) -> Numbers {
        match self.inner {
            Inner::Sqlite(_) => Numbers::Slow,
            Inner::Postgres(_) => Numbers::Needed,
        }
    }

    /// Runs a statement and tells how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &str, args: Vec<Arg>) -> Result<u64, StoreError> {
        let rows = match &mut self.inner {
            Inner::Sqlite(conn) => bound!(sql, args).execute(&mut **conn).await?.rows_affected(),
            Inner::Postgres(conn) => bound!(sql, args).execute(&mut **conn).await?.rows_affected(),
        };
        self.counters.count(rows);
        Ok(rows)
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn fetch(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        self.counters.note(sql);
        let rows: Vec<Row> = match &mut self.inner {
            Inner::Sqlite(conn) => {
                bound!(sql, args).fetch_all(&mut **conn).await?.into_iter().map(Row::Sqlite).collect()
            }
            Inner::Postgres(conn) => {
                bound!(sql, args).fetch_all(&mut **conn).await?.into_iter().map(Row::Postgres).collect()
            }
        };
        self.counters.count(rows.len() as u64);
        Ok(rows)
    }

    /// Runs a statement and reads each of its rows.
    pub(crate) async fn all<T>(
        &mut self,
        sql: &str,
        args: Vec<Arg>,
        read: impl Fn(&mut Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.fetch(sql, args).await?.iter().map(|row| read(&mut row.reader())).collect()
    }

    /// Runs a statement and reads its first row, if it has one.
    pub(crate) async fn first<T>(
        &mut self,
        sql: &str,
        args: Vec<Arg>,
        read: impl Fn(&mut Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.fetch(sql, args).await?.first().map(|row| read(&mut row.reader())).transpose()
    }
}

impl Row {
    /// Reads the columns from left to right.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader::new(self)
    }

    fn get<T>(&self, at: usize) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(at)?,
            Self::Postgres(row) => row.try_get(at)?,
        })
    }
}

#[cfg(test)]
mod tests;
