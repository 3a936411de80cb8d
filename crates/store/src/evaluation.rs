//! Evaluations and what they were answered.

use std::collections::BTreeSet;

use policykit_core::{
    Value,
    ids::{EvaluationId, ProposalId},
    policy::Verdict,
};
use sha2::{Digest as _, Sha256};

use crate::{
    awaited, call,
    changes::{EvaluationEnd, EvaluationRow, EvaluationState, Fence, ReadRow},
    db::Db,
    error::StoreError,
    rounds::rounds,
    rows::{EvaluationRecord, RunningEvaluation},
    scoped::Scoped,
    shards,
    sql::{Arg, Conn, Reader, Rows, json},
};

/// Answers with more JSON than this are kept apart, once however often they were read.
const LARGE: usize = 4096;

pub(crate) const COLUMNS: &str = "e.id, e.community_id, e.proposal_id, e.seq, e.cause, e.runtime, e.snapshot, e.state, e.verdict, \
                       e.error, e.started_at, e.ended_at, e.considered";

pub(crate) fn read(r: &mut Reader<'_>) -> Result<EvaluationRow, StoreError> {
    Ok(EvaluationRow {
        id: r.id()?,
        community: r.id()?,
        proposal: r.id()?,
        seq: r.int()?,
        cause: r.text()?,
        runtime: r.text()?,
        snapshot: r.json()?,
        state: r.word(EvaluationState::parse)?,
        verdict: r.opt_word(Verdict::parse)?,
        error: r.opt_text()?,
        started_at: r.time()?,
        ended_at: r.opt_time()?,
        considered: r.json()?,
    })
}

/// Writes new evaluations; those that exist are left as they are.
pub(crate) async fn insert(conn: &mut Conn<'_>, evaluations: &[EvaluationRow]) -> Result<(), StoreError> {
    let mut rows = Rows::new(14);
    for e in evaluations {
        rows.push([
            e.id.into(),
            e.community.into(),
            e.proposal.into(),
            e.seq.into(),
            (&e.cause).into(),
            (&e.runtime).into(),
            json(&e.snapshot)?,
            e.state.as_str().into(),
            e.verdict.map(Verdict::as_str).into(),
            e.error.as_deref().into(),
            e.started_at.into(),
            e.ended_at.into(),
            json(&e.considered)?,
            policykit_core::ids::shard_of(e.community).into(),
        ]);
    }
    rows.execute(
        conn,
        "INSERT INTO evaluation (id, community_id, proposal_id, seq, cause, runtime, snapshot, state, verdict, error, \
         started_at, ended_at, considered, shard)",
        "ON CONFLICT DO NOTHING",
    )
    .await?;
    Ok(())
}

/// Writes the ends of evaluations that are running.
pub(crate) async fn end(conn: &mut Conn<'_>, ends: &[EvaluationEnd]) -> Result<(), StoreError> {
    for round in rounds(ends, |end| end.id) {
        let wanted = round.len() as u64;
        let mut rows = Rows::new(5);
        for end in round {
            rows.push([
                end.id.into(),
                end.state.as_str().into(),
                end.verdict.map(Verdict::as_str).into(),
                end.error.as_deref().into(),
                end.ended_at.into(),
            ]);
        }
        let changed = rows
            .execute(
                conn,
                "WITH v (id, state, verdict, error, ended_at) AS (",
                ") UPDATE evaluation SET state = v.state, verdict = v.verdict, error = v.error, \
                 ended_at = v.ended_at FROM v WHERE evaluation.id = v.id AND evaluation.state = 'running'",
            )
            .await?;
        if changed != wanted {
            return Err(StoreError::conflict("an evaluation"));
        }
    }
    Ok(())
}

/// Writes answers; those that exist are left as they are. Who has an answer does not wait for it any more.
pub(crate) async fn insert_reads(conn: &mut Conn<'_>, reads: &[ReadRow]) -> Result<(), StoreError> {
    let (mut rows, mut contents) = (Rows::new(6), Rows::new(3));
    for read in reads {
        let value = json(&read.value)?;
        let large = match &value {
            Arg::Json(Some(text)) if text.get().len() > LARGE => Some(hex::encode(Sha256::digest(text.get()))),
            _ => None,
        };
        let inline = match &large {
            Some(hash) => {
                contents.push([read.community.into(), hash.into(), value]);
                Arg::Json(None)
            }
            None => value,
        };
        rows.push([
            read.evaluation.into(),
            read.idx.into(),
            read.community.into(),
            (&read.key).into(),
            inline,
            large.into(),
        ]);
    }
    contents.execute(conn, "INSERT INTO content (community_id, hash, body)", "ON CONFLICT DO NOTHING").await?;
    rows.execute(
        conn,
        "INSERT INTO recorded_read (evaluation_id, idx, community_id, question, answer, content_hash)",
        "ON CONFLICT DO NOTHING",
    )
    .await?;
    awaited::over(conn, &reads.iter().map(|read| read.evaluation).collect::<BTreeSet<_>>()).await
}

impl Db {
    /// Evaluations of these shards that have begun and not ended, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn running_evaluations(&self, fences: &[Fence]) -> Result<Vec<RunningEvaluation>, StoreError> {
        let mut args = Vec::new();
        let ours = shards::condition("e.shard", fences, &mut args);
        let sql = format!(
            "SELECT e.id, e.community_id, e.proposal_id, {} FROM evaluation e \
             LEFT JOIN awaited_read w ON w.evaluation_id = e.id AND w.community_id = e.community_id \
             WHERE e.state = 'running' AND {ours} ORDER BY e.started_at, e.id",
            awaited::COLUMNS
        );
        self.reader()
            .await?
            .conn()
            .all(&sql, args, |r| {
                Ok(RunningEvaluation {
                    id: r.id()?,
                    community: r.id()?,
                    proposal: r.id()?,
                    awaited: r.or_missing(awaited::read)?,
                })
            })
            .await
    }
}

impl Scoped {
    /// One evaluation with everything recorded for it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none with this id in the community.
    pub async fn evaluation(&self, id: EvaluationId) -> Result<EvaluationRecord, StoreError> {
        self.records("e.id = $2", id.into())
            .await?
            .into_iter()
            .next()
            .ok_or(StoreError::NotFound { what: "evaluation" })
    }

    /// All evaluations of a proposal with everything recorded for them, first to last.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn evaluations(&self, proposal: ProposalId) -> Result<Vec<EvaluationRecord>, StoreError> {
        self.records("e.proposal_id = $2", proposal.into()).await
    }

    /// How many evaluations of this policy have ended with an error since `since`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn policy_errors_since(
        &self,
        policy: policykit_core::ids::PolicyId,
        since: policykit_core::Timestamp,
    ) -> Result<i64, StoreError> {
        let found = self
            .db()
            .reader()
            .await?
            .conn()
            .first(
                "SELECT count(*) FROM evaluation e \
                 JOIN proposal p ON p.id = e.proposal_id AND p.community_id = e.community_id \
                 WHERE e.state = 'error' AND e.community_id = $1 AND e.ended_at >= $2 AND p.policy_id = $3",
                vec![self.id().into(), since.into(), policy.into()],
                |r| r.int(),
            )
            .await?;
        Ok(found.unwrap_or(0))
    }

    async fn records(&self, which: &str, id: Arg) -> Result<Vec<EvaluationRecord>, StoreError> {
        let mut tx = self.db().snapshot().await?;
        let mut conn = tx.conn();
        let args = vec![self.id().into(), id];
        let sql = format!(
            "SELECT {COLUMNS}, {} FROM evaluation e \
             LEFT JOIN awaited_read w ON w.evaluation_id = e.id AND w.community_id = e.community_id \
             WHERE e.community_id = $1 AND {which} ORDER BY e.seq",
            awaited::COLUMNS
        );
        let rows = conn.all(&sql, args.clone(), |r| Ok((read(r)?, r.or_missing(awaited::read)?))).await?;
        let sql = format!(
            "SELECT r.community_id, r.evaluation_id, r.idx, r.question, COALESCE(r.answer, c.body) \
             FROM evaluation e \
             JOIN recorded_read r ON r.evaluation_id = e.id AND r.community_id = e.community_id \
             LEFT JOIN content c ON c.community_id = r.community_id AND c.hash = r.content_hash \
             WHERE e.community_id = $1 AND {which} ORDER BY e.seq, r.idx"
        );
        let reads = conn
            .all(&sql, args.clone(), |r| {
                Ok(ReadRow {
                    community: r.id()?,
                    evaluation: r.id()?,
                    idx: r.int()?,
                    key: r.text()?,
                    value: r.json::<Value>()?,
                })
            })
            .await?;
        let sql = format!(
            "SELECT {} FROM evaluation e JOIN call k ON k.evaluation_id = e.id AND k.community_id = e.community_id \
             WHERE e.community_id = $1 AND {which} ORDER BY k.ord",
            call::COLUMNS
        );
        let calls = conn.all(&sql, args, call::read).await?;
        tx.end().await?;
        let mut records: Vec<EvaluationRecord> = rows
            .into_iter()
            .map(|(evaluation, awaited)| EvaluationRecord { evaluation, reads: Vec::new(), calls: Vec::new(), awaited })
            .collect();
        let mut reads = reads.into_iter().peekable();
        let mut calls = calls;
        for record in &mut records {
            let id = record.evaluation.id;
            while let Some(read) = reads.next_if(|read| read.evaluation == id) {
                record.reads.push(read);
            }
            let (mine, others) = calls.into_iter().partition(|call| call.evaluation == Some(id));
            record.calls = mine;
            calls = others;
        }
        Ok(records)
    }
}
