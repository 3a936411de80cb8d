//! The few things that concern the whole server or must be found before the community is known.
//!
//! Whatever is added here is reachable without a scope: add only what has no community or is looked up by an id that a
//! platform or an operator gave.

use crate::db::Db;

/// What is reachable without naming a community, from [`Db::system`].
#[derive(Debug, Clone)]
pub struct System {
    db: Db,
}

impl System {
    pub(crate) const fn new(db: Db) -> Self {
        Self { db }
    }

    pub(crate) const fn db(&self) -> &Db {
        &self.db
    }
}
