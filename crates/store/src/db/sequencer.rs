//! One writer at a time per chain of decisions.
//!
//! Each entry hashes the one before it, so two commits that append to the same chain cannot run beside each other. In
//! one process they take turns here instead of failing and trying again; between processes the database decides.

use std::collections::BTreeSet;

use policykit_core::ids::{CommunityId, SHARDS, shard_of};
use tokio::sync::{Mutex, MutexGuard};

pub(crate) struct Sequencer(Vec<Mutex<()>>);

impl Sequencer {
    pub(crate) fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::new(())).collect())
    }

    /// Waits for the turn of these communities. Always in the same order, so that nobody waits for each other.
    pub(crate) async fn turn(&self, communities: impl Iterator<Item = CommunityId>) -> Vec<MutexGuard<'_, ()>> {
        let shards: BTreeSet<usize> = communities.map(|id| usize::from(shard_of(id))).collect();
        let mut turns = Vec::with_capacity(shards.len());
        for mutex in shards.into_iter().filter_map(|shard| self.0.get(shard)) {
            turns.push(mutex.lock().await);
        }
        turns
    }
}
