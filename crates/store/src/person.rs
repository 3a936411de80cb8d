//! Calls looked at across all communities, and a person's word on what nobody else can tell.

use policykit_core::{
    Timestamp,
    call::{CallOutcome, CallState},
    ids::{CallId, WakeId},
};

use crate::{
    call::{COLUMNS, read},
    changes::WakeRow,
    error::StoreError,
    rows::CallRow,
    sql::{Arg, json},
    system::System,
    wake,
};

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
    /// The outcome of a call that a policy made stays as the policy was told it: the evaluation has gone on with that,
    /// and must be the same when it is replayed. `by` is kept as the call's note either way.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such call; [`StoreError::Conflict`] when it is not uncertain.
    pub async fn settle_call_by_person(
        &self,
        id: CallId,
        outcome: &CallOutcome,
        by: &str,
        cause: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
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
        let (outcome, by) = (outcome.clone(), by.to_owned());
        self.db()
            .write(move |conn| {
                let (outcome, note, wakes) = (outcome.clone(), said(&outcome, &by), wakes.clone());
                Box::pin(async move {
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
                    wake::upsert(conn, &wakes).await
                })
            })
            .await
    }
}

fn said(outcome: &CallOutcome, by: &str) -> String {
    match outcome {
        CallOutcome::Done { .. } => format!("{by} says that it happened"),
        CallOutcome::Refused { .. } => format!("{by} says that it did not happen"),
        CallOutcome::Unknown { .. } => format!("{by} cannot tell either"),
    }
}
