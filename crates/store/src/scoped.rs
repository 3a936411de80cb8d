//! Everything that belongs to one community, and nothing of any other.
//!
//! The functions stand with their aggregates. Each of their statements names the community, so that an id of another
//! community finds nothing.

use policykit_core::ids::CommunityId;

use crate::db::Db;

/// The data of one community, from [`Db::community`].
#[derive(Debug, Clone)]
pub struct Scoped {
    db: Db,
    id: CommunityId,
}

impl Scoped {
    pub(crate) const fn new(db: Db, id: CommunityId) -> Self {
        Self { db, id }
    }

    pub(crate) const fn db(&self) -> &Db {
        &self.db
    }

    /// Which community.
    pub const fn id(&self) -> CommunityId {
        self.id
    }
}
