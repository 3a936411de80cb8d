//! Wakes: reasons to look at a proposal again. Every row is pending; what has been acted upon is deleted.

use std::collections::BTreeMap;

use policykit_core::{
    Timestamp,
    ids::{WakeId, shard_of},
};

use crate::{
    call::CLOCKS_AGREE,
    changes::{Fence, WakeRow},
    db::Db,
    error::StoreError,
    shards,
    sql::{Arg, Conn, Reader, Rows, list, values},
};

/// How many wakes are marked done per statement.
const PER_STATEMENT: usize = 500;

/// Every wake there is.
pub(crate) const ALL: &str = "SELECT id, community_id, proposal_id, cause, due_at, token FROM wake ORDER BY due_at, id";

pub(crate) fn read(r: &mut Reader<'_>) -> Result<WakeRow, StoreError> {
    Ok(WakeRow {
        id: r.id()?,
        community: r.id()?,
        proposal: r.id()?,
        cause: r.text()?,
        due_at: r.time()?,
        token: r.int()?,
    })
}

/// Deletes wakes that nobody has set again since they were read.
pub(crate) async fn done(conn: &mut Conn<'_>, done: &[(WakeId, i64)]) -> Result<(), StoreError> {
    for some in done.chunks(PER_STATEMENT) {
        let mut args: Vec<Arg> = some.iter().flat_map(|(id, token)| [Arg::from(*id), Arg::from(*token)]).collect();
        args.extend(some.iter().map(|(id, _)| Arg::from(*id)));
        // The plain list of ids is what finds the rows by index.
        let sql = format!(
            "DELETE FROM wake WHERE id IN ({}) AND (id, token) IN (VALUES {})",
            list(some.len(), some.len() * 2 + 1),
            values(some.len(), 2, 1)
        );
        conn.execute(&sql, args).await?;
    }
    Ok(())
}

/// Sets wakes. One that is set already keeps the earlier time and gets a new token.
pub(crate) async fn upsert(conn: &mut Conn<'_>, wakes: &[WakeRow]) -> Result<(), StoreError> {
    let mut merged: BTreeMap<WakeId, (&WakeRow, Timestamp)> = BTreeMap::new();
    for wake in wakes {
        let entry = merged.entry(wake.id).or_insert((wake, wake.due_at));
        entry.1 = entry.1.min(wake.due_at);
    }
    let mut rows = Rows::new(7);
    for (wake, due_at) in merged.into_values() {
        rows.push([
            wake.id.into(),
            wake.community.into(),
            wake.proposal.into(),
            (&wake.cause).into(),
            due_at.into(),
            // Not from 1 up: a token that was used up must not fit a wake of the same cause that is set later.
            i64::from(rand::random::<u32>()).into(),
            shard_of(wake.community).into(),
        ]);
    }
    rows.execute(
        conn,
        "INSERT INTO wake (id, community_id, proposal_id, cause, due_at, token, shard)",
        "ON CONFLICT (id) DO UPDATE SET token = wake.token + 1, \
         due_at = CASE WHEN excluded.due_at < wake.due_at THEN excluded.due_at ELSE wake.due_at END",
    )
    .await?;
    Ok(())
}

/// Whether a clock is known to have been set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetBack {
    /// It may have been, before anybody here looked at it.
    NotKnown,
    /// It has been just now.
    Yes,
}

impl Db {
    /// Makes wakes of these shards due that were to be acted upon at once, and are not due only because a clock has been set
    /// back since. Deadlines stay where they are. So do drawings, which may wait because a platform asked for it, unless
    /// the clock is known to have been set back: asked too early, the platform asks for it once more.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn wake_what_waits_for_nothing(
        &self,
        fences: &[Fence],
        now: Timestamp,
        clock: SetBack,
    ) -> Result<u64, StoreError> {
        let mut args: Vec<Arg> = vec![now.into(), (now + CLOCKS_AGREE).into()];
        let ours = shards::condition("shard", fences, &mut args);
        let drawings = match clock {
            SetBack::NotKnown => " AND cause <> 'redraw'",
            SetBack::Yes => "",
        };
        let sql = format!("UPDATE wake SET due_at = $1 WHERE due_at > $2 AND cause <> 'timer'{drawings} AND {ours}");
        let woken = self.write(move |conn| {
            let (sql, args) = (sql.clone(), args.clone());
            Box::pin(async move { conn.execute(&sql, args).await })
        });
        woken.await
    }

    /// Wakes of these shards that are due, the longest due first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn due_wakes(&self, fences: &[Fence], now: Timestamp, limit: usize) -> Result<Vec<WakeRow>, StoreError> {
        self.due_wakes_after(fences, now, None, limit).await
    }

    /// Those of [`Db::due_wakes`] that come after this one in their order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn due_wakes_after(
        &self,
        fences: &[Fence],
        now: Timestamp,
        after: Option<(Timestamp, WakeId)>,
        limit: usize,
    ) -> Result<Vec<WakeRow>, StoreError> {
        let mut args: Vec<Arg> = vec![now.into(), Arg::limit(limit)];
        let ours = shards::condition("shard", fences, &mut args);
        let mut later = String::new();
        if let Some((at, id)) = after {
            later = format!(" AND (due_at, id) > (${}, ${})", args.len() + 1, args.len() + 2);
            args.extend([at.into(), id.into()]);
        }
        let sql = format!(
            "SELECT id, community_id, proposal_id, cause, due_at, token FROM wake \
             WHERE due_at <= $1 AND {ours}{later} ORDER BY due_at, id LIMIT $2"
        );
        self.reader().await?.conn().all(&sql, args, read).await
    }
}
