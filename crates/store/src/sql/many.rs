//! Statements over many rows: one round trip for a whole batch, cut only where a database's limit of parameters needs it.

use std::fmt::Write as _;

use super::{Arg, Conn, StoreError};

/// SQLite takes 32,766 parameters per statement, PostgreSQL 65,535.
const MAX_PARAMETERS: usize = 32_000;

/// Rows of the same width on their way into one statement.
pub(crate) struct Rows {
    width: usize,
    args: Vec<Arg>,
}

impl Rows {
    pub(crate) fn new(width: usize) -> Self {
        Self { width: width.max(1), args: Vec::new() }
    }

    /// Adds a row; its length is the width.
    pub(crate) fn push<const N: usize>(&mut self, row: [Arg; N]) {
        debug_assert_eq!(N, self.width, "a row is as wide as the table of rows");
        self.args.extend(row);
    }

    /// Runs `before VALUES (…), (…) after` for all rows and sums up the rows changed. Nothing is sent for no rows. The
    /// parameters of the rows are the only ones.
    pub(crate) async fn execute(self, conn: &mut Conn<'_>, before: &str, after: &str) -> Result<u64, StoreError> {
        let mut changed = 0;
        for (sql, args) in self.statements(conn.numbers(), before, after) {
            changed += conn.execute(&sql, args).await?;
        }
        Ok(changed)
    }

    /// As [`Rows::execute`], for statements that return rows.
    pub(crate) async fn fetch(
        self,
        conn: &mut Conn<'_>,
        before: &str,
        after: &str,
    ) -> Result<Vec<super::Row>, StoreError> {
        let mut rows = Vec::new();
        for (sql, args) in self.statements(conn.numbers(), before, after) {
            rows.append(&mut conn.fetch(&sql, args).await?);
        }
        Ok(rows)
    }

    fn statements(self, numbers: Numbers, before: &str, after: &str) -> impl Iterator<Item = (String, Vec<Arg>)> {
        let width = self.width;
        let per_statement = (MAX_PARAMETERS / width).max(1) * width;
        let mut args = self.args;
        std::iter::from_fn(move || {
            if args.is_empty() {
                return None;
            }
            let rest = args.split_off(args.len().min(per_statement));
            let these = std::mem::replace(&mut args, rest);
            let rows = these.len() / width;
            let rows = match numbers {
                Numbers::Needed => values(rows, width, 1),
                Numbers::Slow => unnumbered(rows, width),
            };
            let sql = format!("{before} VALUES {rows} {after}");
            Some((sql, these))
        })
    }
}

/// How the parameters of many rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// As `$1`: PostgreSQL knows nothing else.
    Needed,
    /// As `?`: SQLite takes `$1` for a name and compares it with all the names before it, which for ten thousand
    /// parameters takes seconds.
    Slow,
}

/// `(?, ?), (?, ?)` for two rows of two.
pub(crate) fn unnumbered(rows: usize, width: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(", "));
    vec![row; rows].join(", ")
}

/// `($1, $2), ($3, $4)` for two rows of two, counted from `first`.
pub(crate) fn values(rows: usize, width: usize, first: usize) -> String {
    let mut out = String::with_capacity(rows * width * 6);
    for row in 0..rows {
        out.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..width {
            if column > 0 {
                out.push_str(", ");
            }
            // Writing to a string cannot fail.
            let _ = write!(out, "${}", first + row * width + column);
        }
        out.push(')');
    }
    out
}

/// `$3, $4, $5` for three values counted from `first`.
pub(crate) fn list(count: usize, first: usize) -> String {
    let row = values(1, count, first);
    row.trim_start_matches('(').trim_end_matches(')').to_owned()
}
