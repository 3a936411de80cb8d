//! What has waited too long: held matters that nobody decides, and recoveries that nobody carries out.

use std::collections::BTreeSet;

use policykit_core::{
    Timestamp,
    ids::{ActionId, CommunityId, ProposalId, UserId},
};

use crate::{
    changes::Fence,
    db::Db,
    decision,
    error::StoreError,
    fence,
    recovery::{COLUMNS, Recovery, RecoveryState, end, entry, read},
    scoped::Scoped,
    shards,
    sql::{Arg, Reader},
};

/// Kind of the entry that says that something held has waited too long; there is one at most for each.
pub const HELD_OVERDUE: &str = "held.overdue";

/// Who is named to have done an action `a`.
const SHOWN: &str = "CASE WHEN a.is_private THEN NULL ELSE a.initiator_id END";

/// Something that is held for too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The tenant.
    pub community: CommunityId,
    /// The action.
    pub action: ActionId,
    /// Its proposal; none when nobody governs the action.
    pub proposal: Option<ProposalId>,
    /// The action's type.
    pub action_type: String,
    /// Who did or proposed it; nobody where it happened in a private conversation: whoever is told of it may not be in it.
    pub initiator: Option<UserId>,
}

fn read_overdue(r: &mut Reader<'_>) -> Result<Overdue, StoreError> {
    Ok(Overdue {
        community: r.id()?,
        action: r.id()?,
        proposal: r.opt_id()?,
        action_type: r.text()?,
        initiator: r.opt_id()?,
    })
}

impl Db {
    /// Matters of these shards that have been held since `before` or longer and of which no entry of the kind
    /// [`HELD_OVERDUE`] tells yet, `limit` of each sort at most.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn overdue(&self, fences: &[Fence], before: Timestamp, limit: usize) -> Result<Vec<Overdue>, StoreError> {
        // The kind stands in the text, so that the index of such entries is used.
        let untold = format!(
            "NOT EXISTS (SELECT 1 FROM decision d WHERE d.community_id = a.community_id AND d.kind = '{HELD_OVERDUE}' \
             AND d.action_id = a.id)"
        );
        let mut args: Vec<Arg> = vec![before.into(), Arg::limit(limit)];
        let ours = shards::condition("c.shard", fences, &mut args);
        let mut reader = self.reader().await?;
        let mut conn = reader.conn();
        let sql = format!(
            "SELECT p.community_id, a.id, p.id, a.action_type, {SHOWN} FROM proposal p \
             JOIN community c ON c.id = p.community_id \
             JOIN action a ON a.id = p.action_id AND a.community_id = p.community_id \
             WHERE p.status = 'held' AND p.decided_at <= $1 AND {ours} AND {untold} ORDER BY p.decided_at, p.id LIMIT $2"
        );
        let mut all = conn.all(&sql, args.clone(), read_overdue).await?;
        let sql = format!(
            "SELECT a.community_id, a.id, NULL, a.action_type, {SHOWN} FROM action a \
             JOIN community c ON c.id = a.community_id \
             WHERE a.standing = 'held' AND a.occurred_at <= $1 AND {ours} AND {untold} \
             AND NOT EXISTS (SELECT 1 FROM proposal o WHERE o.community_id = a.community_id AND o.action_id = a.id \
             AND o.status IN ('held', 'proposed')) ORDER BY a.occurred_at, a.id LIMIT $2"
        );
        let actions = conn.all(&sql, args, |r| {
            let (community, action) = (r.id()?, r.id()?);
            let _nothing = r.opt_text()?;
            Ok(Overdue { community, action, proposal: None, action_type: r.text()?, initiator: r.opt_id()? })
        });
        all.extend(actions.await?);
        Ok(all)
    }

    /// Recoveries of these shards that were announced at `before` or earlier and still wait.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn expired_recoveries(&self, fences: &[Fence], before: Timestamp) -> Result<Vec<Recovery>, StoreError> {
        let mut args: Vec<Arg> = vec![before.into()];
        let ours = shards::condition("c.shard", fences, &mut args);
        let columns: Vec<String> = COLUMNS.split(", ").map(|column| format!("r.{column}")).collect();
        let sql = format!(
            "SELECT {} FROM recovery r JOIN community c ON c.id = r.community_id \
             WHERE r.state = 'announced' AND r.announced_at <= $1 AND {ours} ORDER BY r.announced_at, r.id",
            columns.join(", ")
        );
        self.reader().await?.conn().all(&sql, args, read).await
    }
}

impl Scoped {
    /// Ends a recovery that nobody has carried out in time, also in the log of decisions.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it was ended otherwise meanwhile.
    pub async fn expire_recovery(&self, recovery: &Recovery, now: Timestamp) -> Result<(), StoreError> {
        let (community, recovery) = (self.id(), recovery.clone());
        self.db()
            .write(move |conn| {
                let recovery = recovery.clone();
                Box::pin(async move {
                    let heads = fence::check(conn, &[], BTreeSet::from([community])).await?;
                    end(conn, &recovery, RecoveryState::Expired, None).await?;
                    decision::append(conn, &[entry(&recovery, "expired", &recovery.announced_by, now)], heads).await
                })
            })
            .await
    }
}
