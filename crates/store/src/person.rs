//! Calls looked at across all communities, and a person's word on what nobody else can tell.

use std::collections::BTreeSet;

use policykit_core::{
    Timestamp,
    call::{CallOutcome, CallState},
    decider::Decider,
    ids::{CallId, WakeId},
    permission::SETTLE_CALLS,
};
use serde_json::json as object;

use crate::{
    call::{COLUMNS, read},
    changes::{DecisionEntry, WakeRow},
    decision,
    error::StoreError,
    fence, role,
    rows::CallRow,
    sql::{Arg, json},
    system::System,
    wake,
};

/// What became of a person's word on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallSettled {
    /// It is written down.
    Yes,
    /// They may not say so; nothing was written.
    NotAllowed,
}

impl System {
    /// One call, whoever's it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none with this id.
    pub async fn call(&self, id: CallId) -> Result<CallRow, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM call k WHERE k.id = $1");
        let mut reader = self.db().reader().await?;
        reader.conn().first(&sql, vec![id.into()], read).await?.ok_or(StoreError::NotFound { what: "call" })
    }

    /// Calls of all communities in this state, oldest first, `limit` at most.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn calls(&self, state: CallState, limit: usize) -> Result<Vec<CallRow>, StoreError> {
        // The word of the partial index, which is used only when the statement repeats it.
        let hint = if state == CallState::Uncertain { "k.state = 'uncertain' AND" } else { "" };
        let sql = format!("SELECT {COLUMNS} FROM call k WHERE {hint} k.state = $1 ORDER BY k.ord LIMIT $2");
        let args = vec![state.as_str().into(), Arg::limit(limit)];
        self.db().reader().await?.conn().all(&sql, args, read).await
    }

    /// How many deliveries of all communities could not be understood.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn dead_deliveries(&self) -> Result<i64, StoreError> {
        let mut reader = self.db().reader().await?;
        let count = "SELECT count(*) FROM inbox WHERE state = 'dead'";
        Ok(reader.conn().first(count, Vec::new(), |r| r.int()).await?.unwrap_or(0))
    }

    /// Writes down what a person says about an uncertain call, and a wake with this cause for whoever owns the
    /// community when the call belongs to a proposal.
    ///
    /// `by` may add a remark, and must be allowed [`SETTLE_CALLS`] if a member. Both are in the record of decisions.
    ///
    /// The outcome of a call that a policy made stays as the policy was told it: the evaluation has gone on with that,
    /// and must be the same when it is replayed. `by` is kept as the call's note either way.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such call; [`StoreError::Conflict`] when it is not uncertain.
    pub async fn settle_call_by_person(
        &self,
        id: CallId,
        outcome: &CallOutcome,
        by: Decider,
        remark: Option<&str>,
        cause: &str,
        now: Timestamp,
    ) -> Result<CallSettled, StoreError> {
        let row = self.call(id).await?;
        let wakes: Vec<WakeRow> = row
            .proposal
            .iter()
            .map(|proposal| WakeRow {
                id: WakeId::derive(*proposal, cause),
                community: row.community,
                proposal: *proposal,
                cause: cause.to_owned(),
                due_at: now,
                token: 0,
            })
            .collect();
        let note = said(outcome, by, remark);
        let happened = matches!(outcome, CallOutcome::Done { .. });
        let entry = DecisionEntry {
            community: row.community,
            at: now,
            kind: "call.settled".to_owned(),
            body: object!({
                "call": id, "operation": row.call.operation, "proposal": row.proposal, "action": row.action,
                "outcome": if happened { "happened" } else { "did_not_happen" }, "by": by, "note": remark,
            }),
        };
        let (outcome, community) = (outcome.clone(), row.community);
        self.db()
            .write(move |conn| {
                let (outcome, note, wakes, entry) = (outcome.clone(), note.clone(), wakes.clone(), entry.clone());
                Box::pin(async move {
                    let heads = fence::check(conn, &[], BTreeSet::from([community])).await?;
                    if let Decider::Member(member) = by
                        && !role::may(conn, community, member, SETTLE_CALLS).await?
                    {
                        return Ok(CallSettled::NotAllowed);
                    }
                    let changed = conn
                        .execute(
                            "UPDATE call SET state = 'settled_by_person', note = $1, updated_at = $2, \
                             outcome = CASE WHEN evaluation_id IS NULL THEN $3 ELSE outcome END \
                             WHERE id = $4 AND state = 'uncertain'",
                            vec![note.into(), now.into(), json(&outcome)?, id.into()],
                        )
                        .await?;
                    if changed != 1 {
                        return Err(StoreError::conflict("a call that is not uncertain"));
                    }
                    wake::upsert(conn, &wakes).await?;
                    decision::append(conn, &[entry], heads).await?;
                    Ok(CallSettled::Yes)
                })
            })
            .await
    }
}

/// What is kept with the call: who says it comes first, and is named when it is shown.
fn said(outcome: &CallOutcome, by: Decider, remark: Option<&str>) -> String {
    let remark = remark.map(|remark| format!(" ({remark})")).unwrap_or_default();
    match outcome {
        CallOutcome::Done { .. } => format!("{by} says that it happened{remark}"),
        CallOutcome::Refused { .. } => format!("{by} says that it did not happen{remark}"),
        CallOutcome::Unknown { .. } => format!("{by} cannot tell either{remark}"),
    }
}
