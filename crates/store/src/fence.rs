//! The first statement of a commit: are the shards still ours, and where do the chains of decisions stand?
//!
//! Both in one statement, because every batch pays for it.

use std::collections::{BTreeSet, HashMap, HashSet};

use policykit_core::ids::{CommunityId, shard_of};

use crate::{
    changes::Fence,
    decision::Head,
    error::StoreError,
    sql::{Arg, Conn, values},
};

/// Checks the fences and reads the heads of the chains of `communities`. On PostgreSQL the shards stay as they are
/// until the transaction ends.
pub(crate) async fn check(
    conn: &mut Conn<'_>,
    fences: &[Fence],
    communities: BTreeSet<CommunityId>,
) -> Result<HashMap<CommunityId, Head>, StoreError> {
    let mut heads = HashMap::with_capacity(communities.len());
    let held: HashSet<u16> = fences.iter().map(|fence| fence.shard).collect();
    let (covered, others): (Vec<CommunityId>, Vec<CommunityId>) =
        communities.into_iter().partition(|community| held.contains(&shard_of(*community)));
    if !fences.is_empty() {
        let mut args: Vec<Arg> = Vec::new();
        for fence in fences {
            let mut row = |community: Option<CommunityId>| {
                args.extend([fence.shard.into(), fence.fence.into(), community.into()]);
            };
            let mut any = false;
            for community in covered.iter().filter(|c| shard_of(**c) == fence.shard) {
                row(Some(*community));
                any = true;
            }
            if !any {
                row(None);
            }
        }
        let rows = args.len() / 3;
        // Renewing a lease changes no key and is let pass; taking a shard over changes its fence and has to wait.
        let sql = format!(
            "WITH v (shard, fence, community_id) AS (VALUES {}) \
             SELECT s.shard, v.community_id, d.last, d.hash FROM v \
             JOIN shard s ON s.shard = v.shard AND s.fence = v.fence \
             LEFT JOIN decision d ON d.community_id = v.community_id AND d.seq = 0 ORDER BY s.shard {}",
            values(rows, 3, 1),
            conn.locking("FOR KEY SHARE OF s")
        );
        let mut valid: HashSet<u16> = HashSet::new();
        for row in conn.fetch(&sql, args).await? {
            let mut r = row.reader();
            valid.insert(r.shard()?);
            if let Some(community) = r.opt_id()? {
                heads.insert(community, Head::read(&mut r)?);
            }
        }
        // The same shard under two fences is lost under one of them.
        if valid.len() != fences.len() {
            return Err(StoreError::FenceLost);
        }
    }
    if !others.is_empty() {
        let mut args: Vec<Arg> = others.iter().map(|community| (*community).into()).collect();
        let sql = format!(
            "SELECT d.community_id, d.last, d.hash FROM decision d WHERE d.seq = 0 AND d.community_id IN ({})",
            crate::sql::list(args.len(), 1)
        );
        for row in conn.fetch(&sql, std::mem::take(&mut args)).await? {
            let mut r = row.reader();
            heads.insert(r.id()?, Head::read(&mut r)?);
        }
    }
    Ok(heads)
}
