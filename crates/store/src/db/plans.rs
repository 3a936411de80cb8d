//! How the database goes about what it is asked, for tests that look whether it reads more than it has to.

use super::{Backend, Db};
use crate::error::StoreError;

/// A statement that reads, and how it is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its text.
    pub statement: String,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number in the plan.
    pub number: i64,
    /// The step it belongs to; 0 for those of the statement itself.
    pub within: i64,
    /// What is done, in the words of the database.
    pub does: String,
}

impl Db {
    /// From now on notes the texts of statements that only read. Meant for tests: the texts are kept until the end.
    pub fn note_statements(&self) {
        self.shared.counters.note_texts();
    }

    /// How SQLite carries out each of the statements noted, which depends on the tables and indexes alone, because
    /// nothing tells it how many rows there are. PostgreSQL counts rows, so there it says nothing that lasts: none are
    /// returned.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn plans(&self) -> Result<Vec<Plan>, StoreError> {
        if !matches!(self.shared.backend, Backend::Sqlite { .. }) {
            return Ok(Vec::new());
        }
        let mut reader = self.reader().await?;
        let mut conn = reader.conn();
        let mut plans = Vec::new();
        for statement in self.shared.counters.texts() {
            let explain = format!("EXPLAIN QUERY PLAN {statement}");
            let read = |r: &mut crate::sql::Reader<'_>| {
                let (number, within, _) = (r.int()?, r.int()?, r.int()?);
                Ok(Step { number, within, does: r.text()? })
            };
            plans.push(Plan { steps: conn.all(&explain, Vec::new(), read).await?, statement });
        }
        Ok(plans)
    }
}
