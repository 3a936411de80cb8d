//! Outbound calls: intents, and what is known about them.

use std::{fmt::Write as _, time::Duration};

use policykit_core::{
    Timestamp,
    call::{CallState, PlannedCall},
    ids::{InstallationId, ProposalId, shard_of},
};

use crate::{
    changes::{CallChange, Fence, NewCall},
    codec::{class_word, parse_class},
    db::Db,
    error::StoreError,
    rounds::rounds,
    rows::CallRow,
    scoped::Scoped,
    shards,
    sql::{Arg, Conn, Reader, Rows, json, list, opt_json},
};

/// What is written down further ahead of the present time than this was so before a clock was set back: the clocks of nodes
/// differ by less.
pub const CLOCKS_AGREE: Duration = Duration::from_secs(1);

/// The columns of a call, in the order in which [`read`] reads them; the table is `k`.
pub(crate) const COLUMNS: &str = "k.id, k.community_id, k.installation_id, k.proposal_id, k.evaluation_id, \
                                  k.action_id, k.purpose, k.idx, k.operation, k.args, k.args_hash, k.class, k.state, \
                                  k.attempt, k.fence, k.due_at, k.outcome, k.note, k.created_at, k.updated_at";

pub(crate) fn read(r: &mut Reader<'_>) -> Result<CallRow, StoreError> {
    Ok(CallRow {
        id: r.id()?,
        community: r.id()?,
        installation: r.id()?,
        proposal: r.opt_id()?,
        evaluation: r.opt_id()?,
        action: r.opt_id()?,
        purpose: r.text()?,
        idx: r.int()?,
        call: PlannedCall { operation: r.text()?, args: r.json()? },
        args_hash: r.text()?,
        class: r.word(parse_class)?,
        state: r.word(CallState::parse)?,
        attempt: r.int()?,
        fence: r.int()?,
        due_at: r.time()?,
        outcome: r.opt_json()?,
        note: r.opt_text()?,
        created_at: r.time()?,
        updated_at: r.time()?,
    })
}

/// Writes new calls. One that is written as being sent counts as tried once. One that exists already is a conflict: whoever
/// took it for written would send what another has sent.
pub(crate) async fn insert(conn: &mut Conn<'_>, calls: &[NewCall]) -> Result<(), StoreError> {
    let mut rows = Rows::new(19);
    for c in calls {
        rows.push([
            c.id.into(),
            c.community.into(),
            c.installation.into(),
            c.proposal.into(),
            c.evaluation.into(),
            c.action.into(),
            (&c.purpose).into(),
            c.idx.into(),
            (&c.call.operation).into(),
            json(&c.call.args)?,
            c.call.args_hash().into(),
            class_word(c.class).into(),
            c.state.as_str().into(),
            i64::from(c.state == CallState::Sending).into(),
            c.fence.into(),
            c.due_at.into(),
            c.created_at.into(),
            c.created_at.into(),
            shard_of(c.community).into(),
        ]);
    }
    let wanted = calls.len() as u64;
    let written = rows
        .execute(
            conn,
            "INSERT INTO call (id, community_id, installation_id, proposal_id, evaluation_id, action_id, purpose, idx, \
         operation, args, args_hash, class, state, attempt, fence, due_at, created_at, updated_at, shard)",
            "ON CONFLICT DO NOTHING",
        )
        .await?;
    if written == wanted { Ok(()) } else { Err(StoreError::conflict("a call")) }
}

/// Writes changes of calls, each only from the states it is valid in. Every time one is sent, or looked for without being
/// found, counts as an attempt: what is looked for again and again comes to an end.
pub(crate) async fn apply(conn: &mut Conn<'_>, changes: &[CallChange]) -> Result<(), StoreError> {
    for round in rounds(changes, |change| change.id) {
        let wanted = round.len() as u64;
        let mut rows = Rows::new(8);
        for c in round {
            rows.push([
                c.id.into(),
                states(&c.from).into(),
                c.to.as_str().into(),
                c.fence.into(),
                c.due_at.into(),
                opt_json(c.outcome.as_ref())?,
                c.note.as_deref().into(),
                c.at.into(),
            ]);
        }
        let changed = rows
            .execute(
                conn,
                "WITH v (id, valid_from, state, fence, due_at, outcome, note, at) AS (",
                ") UPDATE call SET state = v.state, fence = COALESCE(v.fence, call.fence), \
                 attempt = call.attempt + CASE WHEN v.state = 'sending' THEN 1 ELSE 0 END, \
                 due_at = COALESCE(v.due_at, call.due_at), outcome = COALESCE(v.outcome, call.outcome), \
                 note = COALESCE(v.note, call.note), updated_at = v.at \
                 FROM v WHERE call.id = v.id AND v.valid_from LIKE '%,' || call.state || ',%'",
            )
            .await?;
        if changed != wanted {
            return Err(StoreError::conflict("a call"));
        }
    }
    Ok(())
}

/// `,planned,retry,`: a list that can be searched for a whole word.
fn states(from: &[CallState]) -> String {
    let mut out = String::from(",");
    for state in from {
        // Writing to a string cannot fail.
        let _ = write!(out, "{},", state.as_str());
    }
    out
}

impl Db {
    /// Calls of these shards in one of these states that are due, the longest due first. Open ones that were written down
    /// before a clock was set back are due too: how long they were to wait was told by that clock.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn calls_in_state(
        &self,
        fences: &[Fence],
        states: &[CallState],
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<CallRow>, StoreError> {
        if states.is_empty() {
            return Ok(Vec::new());
        }
        let mut args: Vec<Arg> = vec![now.into(), Arg::limit(limit), (now + CLOCKS_AGREE).into()];
        args.extend(states.iter().map(|state| Arg::from(state.as_str())));
        let wanted = list(states.len(), 4);
        let ours = shards::condition("k.shard", fences, &mut args);
        // The words of the partial index, which is used only when the statement repeats them.
        let all_open = [CallState::Planned, CallState::Sending, CallState::Retry];
        let open = "k.state IN ('planned', 'sending', 'retry') AND";
        let these = if states.iter().all(|state| all_open.contains(state)) { open } else { "" };
        // Each half in the order of its own index; SQLite must not look for the second one among all that is due later.
        let sql = format!(
            "SELECT * FROM (SELECT {COLUMNS}, k.ord FROM call k \
             WHERE {these} k.state IN ({wanted}) AND k.due_at <= $1 AND {ours} ORDER BY k.due_at, k.ord LIMIT $2) d \
             UNION ALL SELECT * FROM (SELECT {COLUMNS}, k.ord FROM call k \
             WHERE {open} k.state IN ({wanted}) AND k.updated_at > $3 AND (k.due_at + 0) > $1 AND {ours} \
             ORDER BY k.updated_at LIMIT $2) a \
             ORDER BY due_at, ord LIMIT $2"
        );
        self.reader().await?.conn().all(&sql, args, read).await
    }

    /// When something of these shards is due next: a wake, or a call that is to be sent. A call that is being sent is
    /// not waited for.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_due(&self, fences: &[Fence]) -> Result<Option<Timestamp>, StoreError> {
        let mut args = Vec::new();
        let ours = shards::condition("shard", fences, &mut args);
        let sql = format!(
            "SELECT min(due_at) FROM (SELECT min(due_at) AS due_at FROM wake WHERE {ours} \
             UNION ALL SELECT min(due_at) AS due_at FROM call \
             WHERE state IN ('planned', 'sending', 'retry') AND state <> 'sending' AND {ours}) AS due"
        );
        Ok(self.reader().await?.conn().first(&sql, args, |r| r.opt_time()).await?.flatten())
    }
}

impl Scoped {
    /// All calls made for a proposal, in the order in which they were written down.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn calls_of(&self, proposal: ProposalId) -> Result<Vec<CallRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM call k WHERE k.community_id = $1 AND k.proposal_id = $2 ORDER BY k.ord");
        self.db().reader().await?.conn().all(&sql, vec![self.id().into(), proposal.into()], read).await
    }

    /// Calls of an installation that may be under way at this moment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sending_calls(&self, installation: InstallationId) -> Result<Vec<CallRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM call k \
             WHERE k.state = 'sending' AND k.community_id = $1 AND k.installation_id = $2 ORDER BY k.ord"
        );
        self.db().reader().await?.conn().all(&sql, vec![self.id().into(), installation.into()], read).await
    }

    /// The calls that undid or did the action of a proposal, first to last; of evaluations before the `before`-th one, or
    /// all, with those that a person or a verdict has asked for.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn deeds_of(&self, proposal: ProposalId, before: Option<i64>) -> Result<Vec<CallRow>, StoreError> {
        let mut args: Vec<Arg> = vec![self.id().into(), proposal.into()];
        let earlier = match before {
            None => "",
            Some(seq) => {
                args.push(seq.into());
                "AND EXISTS (SELECT 1 FROM evaluation e WHERE e.id = k.evaluation_id \
                 AND e.community_id = k.community_id AND e.seq < $3)"
            }
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM call k WHERE k.community_id = $1 AND k.proposal_id = $2 \
             AND k.purpose IN ('revert', 'execute') {earlier} ORDER BY k.ord"
        );
        self.db().reader().await?.conn().all(&sql, args, read).await
    }
}
