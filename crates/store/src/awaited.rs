//! Reads that a platform has put off. What has been asked for so far stays recorded with the evaluation; here is what it
//! waits for, since when, and when it is asked for again.

use std::collections::BTreeSet;

use policykit_core::{
    Timestamp,
    ids::{CommunityId, EvaluationId},
};

use crate::{
    error::StoreError,
    sql::{Arg, Conn, Reader, Rows, list},
};

/// How many are taken away per statement.
const PER_STATEMENT: usize = 500;

/// The columns in the order in which [`read`] reads them; the table is `w`.
pub(crate) const COLUMNS: &str =
    "w.evaluation_id, w.community_id, w.idx, w.since, w.tries, w.noted_at, w.until, w.reason";

/// A read that is made again later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwaitedRead {
    /// Whose.
    pub evaluation: EvaluationId,
    /// The tenant.
    pub community: CommunityId,
    /// The number that its answer will have within the evaluation.
    pub idx: i64,
    /// When it was put off first.
    pub since: Timestamp,
    /// How often it has been tried.
    pub tries: i64,
    /// When this was written down.
    pub noted_at: Timestamp,
    /// When it is tried again.
    pub until: Timestamp,
    /// Why it was put off, in plain words.
    pub reason: String,
}

pub(crate) fn read(r: &mut Reader<'_>) -> Result<AwaitedRead, StoreError> {
    Ok(AwaitedRead {
        evaluation: r.id()?,
        community: r.id()?,
        idx: r.int()?,
        since: r.time()?,
        tries: r.int()?,
        noted_at: r.time()?,
        until: r.time()?,
        reason: r.text()?,
    })
}

/// Notes what evaluations wait for, in the place of what they waited for before.
pub(crate) async fn upsert(conn: &mut Conn<'_>, awaited: &[AwaitedRead]) -> Result<(), StoreError> {
    let mut rows = Rows::new(8);
    for w in awaited {
        rows.push([
            w.evaluation.into(),
            w.community.into(),
            w.idx.into(),
            w.since.into(),
            w.tries.into(),
            w.noted_at.into(),
            w.until.into(),
            (&w.reason).into(),
        ]);
    }
    rows.execute(
        conn,
        "INSERT INTO awaited_read (evaluation_id, community_id, idx, since, tries, noted_at, until, reason)",
        "ON CONFLICT (evaluation_id) DO UPDATE SET idx = excluded.idx, since = excluded.since, tries = excluded.tries, \
         noted_at = excluded.noted_at, until = excluded.until, reason = excluded.reason \
         WHERE awaited_read.community_id = excluded.community_id",
    )
    .await?;
    Ok(())
}

/// These evaluations wait for nothing any more.
pub(crate) async fn over(conn: &mut Conn<'_>, evaluations: &BTreeSet<EvaluationId>) -> Result<(), StoreError> {
    let all: Vec<EvaluationId> = evaluations.iter().copied().collect();
    for some in all.chunks(PER_STATEMENT) {
        let args: Vec<Arg> = some.iter().map(|id| Arg::from(*id)).collect();
        let sql = format!("DELETE FROM awaited_read WHERE evaluation_id IN ({})", list(some.len(), 1));
        conn.execute(&sql, args).await?;
    }
    Ok(())
}
