//! Messages that show a vote: never sent twice, and the one that closes it goes last.

use std::{sync::Arc, time::Duration};

use policykit_core::{
    Timestamp,
    call::{CallOutcome, CallState},
    ids::{ProposalId, WakeId},
};
use policykit_store::{CallChange, CallRow, WakeRow};

use crate::{
    EngineError,
    calls::Found,
    parts::{Parts, lock},
};

/// What a drawing of a vote is for, and the cause of the wake that asks for one.
pub(crate) const REDRAW: &str = "redraw";
/// What the last drawing of a vote is for.
pub(crate) const CLOSE: &str = "close";

impl Parts {
    /// A drawing of a vote is never sent twice: the second time it could put back buttons that have been taken away
    /// since, or an older count. The vote is drawn anew at `at`, if it is still open then.
    pub(crate) async fn supersede(&self, row: CallRow, at: Timestamp) -> Result<Option<CallRow>, EngineError> {
        let outcome = CallOutcome::Refused { code: "superseded".to_owned(), message: "drawn anew instead".to_owned() };
        let wake = row.proposal.map(|proposal| WakeRow {
            id: WakeId::derive(proposal, REDRAW),
            community: row.community,
            proposal,
            cause: REDRAW.to_owned(),
            due_at: at,
            token: 0,
        });
        self.record_with(row, outcome, wake).await.map(Some)
    }

    /// The drawing that closes a vote goes after every other that may still arrive. `true` when it waits.
    async fn waits_for_drawings(&self, close: &CallRow) -> Result<bool, EngineError> {
        let now = self.clock.now();
        let sending = self.db.community(close.community).sending_calls(close.installation).await?;
        let doubtful = sending.iter().filter(|row| row.purpose == REDRAW && row.proposal == close.proposal);
        let Some(at) = doubtful
            .map(|row| row.due_at.min(self.safe_at(row, now)).max(self.safe_at(row, now).min(now + self.options.poll)))
            .max()
        else {
            return Ok(false);
        };
        let mut changes = self.labelled("T5");
        changes.fences.push(self.fence(close.community)?);
        let at = at.max(now + Duration::from_millis(1));
        changes.call_changes.push(CallChange {
            id: close.id,
            from: vec![close.state],
            to: CallState::Retry,
            fence: None,
            due_at: Some(at),
            outcome: None,
            note: Some("waiting for a drawing that may still arrive".to_owned()),
            at: now,
        });
        self.commit(changes).await?;
        Ok(true)
    }

    /// Sends or recovers a call that no running evaluation waits for in this process.
    pub(crate) fn spawn_call(self: &Arc<Self>, row: CallRow, found: Found) {
        if !lock(&self.busy).calls.insert(row.id) && found == Found::InDatabase {
            return;
        }
        let parts = Arc::clone(self);
        self.spawn("call", async move {
            // Whoever plans a drawing notes it first, for the closing one to wait for. One that was found in the database is
            // only given up for another, which may be noted already: taking that note away would let the vote be
            // closed before the other is sent, and its buttons would come back.
            let drawn = row.proposal.filter(|_| row.purpose == REDRAW && found == Found::JustWritten);
            let was_drawing = row.purpose == REDRAW;
            if let Some(proposal) = row.proposal.filter(|_| row.purpose == CLOSE) {
                parts.wait_until_drawn(proposal).await;
                let waits = parts.waits_for_drawings(&row).await;
                if !matches!(waits, Ok(false)) {
                    lock(&parts.busy).calls.remove(&row.id);
                    return waits.map(|_| ());
                }
            }
            let result = parts.resolve_claimed(row, found).await;
            if let Some(proposal) = drawn {
                lock(&parts.busy).drawing.remove(&proposal);
                parts.drawn.notify_waiters();
            }
            if was_drawing {
                parts.due(parts.clock.now());
            }
            result.map(|_| ())
        });
    }

    /// A drawing that is under way would put the buttons back if it arrived after the closing one.
    async fn wait_until_drawn(&self, proposal: ProposalId) {
        loop {
            let drawn = self.drawn.notified();
            if !lock(&self.busy).drawing.contains(&proposal) {
                return;
            }
            drawn.await;
        }
    }
}
