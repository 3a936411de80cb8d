//! What the outcome of a call means for the action and the proposal it was made for.

use policykit_core::{action::Standing, call::CallOutcome, proposal::Status};
use policykit_store::{ActionChange, CallRow, Changes, DecisionEntry, ProposalChange};
use serde_json::json;

use crate::{
    EngineError,
    evaluation::{EXECUTE, REVERT},
    parts::Parts,
    settle::effect_of,
};

impl Parts {
    /// Adds to the transaction that records an outcome what follows from it. Calls of policies have no effect of their
    /// own here: what they mean is the policy's business.
    pub(crate) async fn effects_of(
        &self,
        row: &CallRow,
        outcome: &CallOutcome,
        changes: &mut Changes,
    ) -> Result<(), EngineError> {
        if row.purpose != REVERT && row.purpose != EXECUTE {
            return Ok(());
        }
        let undo = row.purpose == REVERT;
        let (effect, note) = effect_of(outcome);
        let bundle = match row.proposal {
            Some(id) => Some(self.db.community(row.community).proposal(id).await?),
            None => None,
        };
        if let Some(action) = row.action {
            let done = matches!(outcome, CallOutcome::Done { .. });
            let open = bundle.as_ref().is_some_and(|b| b.proposal.status == Status::Proposed);
            let held = bundle.as_ref().is_some_and(|b| b.proposal.status == Status::Held);
            changes.action_changes.push(ActionChange {
                id: action,
                reverted: done.then_some(undo),
                standing: match (done, undo) {
                    _ if held => None,
                    (true, true) if open => Some(Standing::Contested),
                    (true, true) => Some(Standing::Undone),
                    (true, false) => Some(Standing::Stands),
                    // Undoing was refused: what happened stands, whatever was decided.
                    (false, true) if !open && matches!(outcome, CallOutcome::Refused { .. }) => Some(Standing::Stands),
                    (false, _) => None,
                },
                // What counts among decisions is when they were made.
                done_at: (done && !undo).then_some(row.created_at),
            });
        }
        // While its evaluation runs, the evaluation itself writes this down when it settles.
        if let Some(bundle) = bundle.filter(|_| row.evaluation.is_none()) {
            let mut change = ProposalChange::of(bundle.proposal.id, bundle.proposal.rev);
            change.effect = Some(effect);
            change.effect_note.clone_from(&note);
            changes.proposal_changes.push(change);
        }
        let word = match outcome {
            CallOutcome::Done { .. } => "done",
            CallOutcome::Refused { .. } => "refused",
            CallOutcome::Unknown { .. } => "uncertain",
        };
        changes.decisions.push(DecisionEntry {
            community: row.community,
            at: self.clock.now(),
            kind: format!("action.{}.{word}", row.purpose),
            body: json!({ "action": row.action, "proposal": row.proposal, "call": row.id, "note": note }),
        });
        Ok(())
    }
}
