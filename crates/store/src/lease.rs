//! Shards and who works on them.
//!
//! A node holds a shard until it gives it back or has not been heard of for the length of a lease. Whoever takes it over
//! gets the next fence; a commit under an older one fails. Time decides who may take, the fence alone who may write.
//!
//! A lease that ends later than any that could be given now was given before the clock was set back. It counts as run out:
//! its holder may be gone, and would be waited for until the clock is there again.

use std::time::Duration;

use policykit_core::{
    Timestamp,
    ids::{NodeId, SHARDS},
};

use crate::{changes::Fence, db::Db, error::StoreError, sql::Conn};

/// A node that has not been heard of for this many leases is forgotten.
const FORGET_AFTER: u32 = 100;

impl Db {
    /// Renews what the node holds, takes what is free or has run out up to its fair share and `max_shards`, gives back
    /// what is beyond, and returns what it holds now. `now` is the node's time, `ttl` the length of a lease.
    ///
    /// # Errors
    /// When the database cannot be reached; the node then holds what it held, until it runs out.
    pub async fn lease(
        &self,
        node: NodeId,
        now: Timestamp,
        ttl: Duration,
        max_shards: u16,
    ) -> Result<Vec<Fence>, StoreError> {
        let (fences, nodes) = self
            .write(move |conn| {
                Box::pin(async move {
                    let nodes = live_nodes(conn, node, now, ttl).await?;
                    let fences = share(conn, node, now, ttl, fair_share(nodes).min(i64::from(max_shards))).await?;
                    Ok((fences, nodes))
                })
            })
            .await?;
        self.shared.set_others_listen(nodes > 1);
        Ok(fences)
    }

    /// Gives back everything the node holds. Its later commits fail.
    ///
    /// # Errors
    /// When the database cannot be reached; the leases then run out.
    pub async fn release(&self, node: NodeId) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                conn.execute(
                    "UPDATE shard SET node_id = NULL, fence = fence + 1, expires_at = 0 WHERE node_id = $1",
                    vec![node.into()],
                )
                .await?;
                conn.execute("DELETE FROM node WHERE id = $1", vec![node.into()]).await?;
                Ok(())
            })
        })
        .await
    }
}

/// So many shards that all are held when every node holds as many, rounded up.
fn fair_share(nodes: i64) -> i64 {
    let nodes = nodes.max(1);
    (i64::from(SHARDS) + nodes - 1) / nodes
}

/// The latest end a lease can have, with as much again for clocks that are not quite together.
fn latest_end(now: Timestamp, ttl: Duration) -> Timestamp {
    now + ttl * 2
}

async fn live_nodes(conn: &mut Conn<'_>, node: NodeId, now: Timestamp, ttl: Duration) -> Result<i64, StoreError> {
    conn.execute(
        "INSERT INTO node (id, seen_at, expires_at) VALUES ($1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, expires_at = excluded.expires_at",
        vec![node.into(), now.into(), (now + ttl).into()],
    )
    .await?;
    conn.execute("DELETE FROM node WHERE expires_at < $1", vec![(now - ttl * FORGET_AFTER).into()]).await?;
    let live = conn
        .first(
            "SELECT count(*) FROM node WHERE (expires_at > $1 AND expires_at <= $3) OR id = $2",
            vec![now.into(), node.into(), latest_end(now, ttl).into()],
            |r| r.int(),
        )
        .await?;
    Ok(live.unwrap_or(1))
}

async fn share(
    conn: &mut Conn<'_>,
    node: NodeId,
    now: Timestamp,
    ttl: Duration,
    allowed: i64,
) -> Result<Vec<Fence>, StoreError> {
    let until = now + ttl;
    // Changes no key, so commits that hold their shards are not waited for.
    let held =
        conn.execute("UPDATE shard SET expires_at = $1 WHERE node_id = $2", vec![until.into(), node.into()]).await?;
    let held = i64::try_from(held).unwrap_or(i64::MAX);
    if held > allowed {
        conn.execute(
            "UPDATE shard SET node_id = NULL, fence = fence + 1, expires_at = 0 WHERE node_id = $1 AND shard IN \
             (SELECT s.shard FROM shard s WHERE s.node_id = $1 ORDER BY s.shard DESC LIMIT $2)",
            vec![node.into(), (held - allowed).into()],
        )
        .await?;
    } else if held < allowed {
        // Those that somebody is taking or writing under at this moment are left for the next time. The condition is
        // repeated, because the row may have changed between being found and being locked.
        let sql = format!(
            "UPDATE shard SET node_id = $1, fence = fence + 1, expires_at = $2 \
             WHERE (node_id IS NULL OR expires_at <= $3 OR expires_at > $5) AND shard IN \
             (SELECT s.shard FROM shard s WHERE s.node_id IS NULL OR s.expires_at <= $3 OR s.expires_at > $5 \
             ORDER BY s.shard LIMIT $4 {})",
            conn.locking("FOR UPDATE SKIP LOCKED")
        );
        let latest = latest_end(now, ttl);
        let args = vec![node.into(), until.into(), now.into(), (allowed - held).into(), latest.into()];
        conn.execute(&sql, args).await?;
    }
    conn.all("SELECT shard, fence FROM shard WHERE node_id = $1 ORDER BY shard", vec![node.into()], |r| {
        Ok(Fence { shard: r.shard()?, fence: r.int()? })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::fair_share;

    #[test]
    fn the_shares_of_all_nodes_cover_all_shards() {
        for nodes in 1..=300 {
            assert!(fair_share(nodes) * nodes >= 256, "{nodes} nodes");
        }
        assert_eq!((fair_share(0), fair_share(1), fair_share(3)), (256, 256, 86));
    }
}
