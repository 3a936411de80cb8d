//! What is being worked on right now in this process, so that nothing is begun twice.
//!
//! A proposal is held from the start of an evaluation until that evaluation has ended, also while it rests because a
//! call must wait. Whoever lets go of it says for which evaluation: a latecomer must not free what another holds.

use std::collections::{HashMap, HashSet};

use policykit_core::ids::{CallId, EvaluationId, ProposalId};

use crate::{evaluation::Evaluation, outbox::FollowUp};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    /// Evaluations that a task is working on.
    pub(crate) evaluations: HashSet<EvaluationId>,
    /// Proposals under evaluation, and by which one.
    proposals: HashMap<ProposalId, EvaluationId>,
    pub(crate) calls: HashSet<CallId>,
    /// Proposals whose vote is being drawn: two drawings at once could arrive in the wrong order.
    pub(crate) drawing: HashSet<ProposalId>,
}

impl Busy {
    /// Marks what a follow-up is about to work on.
    pub(crate) fn begin(&mut self, follow_up: &FollowUp) {
        match follow_up {
            FollowUp::Send(row) => {
                self.calls.insert(row.id);
            }
            FollowUp::Drive(evaluation, call) => {
                self.start(evaluation);
                if let Some(call) = call {
                    self.calls.insert(call.id);
                }
            }
        }
    }

    /// Takes back [`Busy::begin`].
    pub(crate) fn abandon(&mut self, follow_up: &FollowUp) {
        match follow_up {
            FollowUp::Send(row) => {
                self.calls.remove(&row.id);
            }
            FollowUp::Drive(evaluation, call) => {
                self.end(evaluation.row.proposal, evaluation.row.id);
                if let Some(call) = call {
                    self.calls.remove(&call.id);
                }
            }
        }
    }

    /// From now until it is settled, no other evaluation of the proposal begins.
    pub(crate) fn start(&mut self, evaluation: &Evaluation) {
        self.evaluations.insert(evaluation.row.id);
        self.proposals.insert(evaluation.row.proposal, evaluation.row.id);
    }

    /// Takes up an evaluation that is stored as running; false when a task works on it already.
    pub(crate) fn resume(&mut self, proposal: ProposalId, evaluation: EvaluationId) -> bool {
        // If another one holds the proposal, this one has ended since it was read.
        self.proposals.entry(proposal).or_insert(evaluation);
        self.evaluations.insert(evaluation)
    }

    /// Holds the proposal for an evaluation that is stored as running and waits for its time; false when a task works on
    /// it.
    pub(crate) fn rest(&mut self, proposal: ProposalId, evaluation: EvaluationId) -> bool {
        self.proposals.entry(proposal).or_insert(evaluation);
        !self.evaluations.contains(&evaluation)
    }

    /// An evaluation has ended, or turns out to have ended before it was taken up.
    pub(crate) fn end(&mut self, proposal: ProposalId, evaluation: EvaluationId) {
        self.evaluations.remove(&evaluation);
        if self.proposals.get(&proposal) == Some(&evaluation) {
            self.proposals.remove(&proposal);
        }
    }

    /// Whether an evaluation of the proposal has begun and not ended.
    pub(crate) fn holds(&self, proposal: ProposalId) -> bool {
        self.proposals.contains_key(&proposal)
    }

    /// Proposals that are held by evaluations no task works on: those rest, or their end was written down without this
    /// process hearing of it.
    pub(crate) fn resting(&self) -> Vec<(ProposalId, EvaluationId)> {
        self.proposals
            .iter()
            .filter(|(_, evaluation)| !self.evaluations.contains(evaluation))
            .map(|(proposal, evaluation)| (*proposal, *evaluation))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use policykit_core::ids::ActionId;
    use uuid::Uuid;

    use super::*;

    fn ids() -> (ProposalId, EvaluationId, EvaluationId) {
        let proposal = ProposalId::derive(
            ActionId::from_uuid(Uuid::from_u128(1)),
            policykit_core::ids::PolicyId::from_uuid(Uuid::from_u128(2)),
        );
        (proposal, EvaluationId::derive(proposal, 1), EvaluationId::derive(proposal, 2))
    }

    #[test]
    fn a_latecomer_of_an_evaluation_that_has_ended_frees_the_proposal_again() {
        let (proposal, first, _) = ids();
        let mut busy = Busy::default();
        assert!(busy.resume(proposal, first));
        assert!(!busy.resume(proposal, first), "a task works on it");
        busy.end(proposal, first);
        assert!(!busy.holds(proposal));
        // The call was read as due before the evaluation ended, and comes up after it.
        assert!(busy.resume(proposal, first));
        busy.end(proposal, first);
        assert!(!busy.holds(proposal), "votes may be counted");
    }

    #[test]
    fn a_latecomer_does_not_free_what_the_next_evaluation_holds() {
        let (proposal, first, second) = ids();
        let mut busy = Busy::default();
        assert!(busy.resume(proposal, second));
        assert!(busy.resume(proposal, first));
        busy.end(proposal, first);
        assert!(busy.holds(proposal));
        busy.end(proposal, second);
        assert!(!busy.holds(proposal));
    }

    #[test]
    fn an_evaluation_rests_when_no_task_works_on_it_and_it_has_not_ended() {
        let (proposal, first, _) = ids();
        let mut busy = Busy::default();
        assert!(busy.resume(proposal, first));
        assert!(busy.resting().is_empty());
        busy.evaluations.remove(&first);
        assert_eq!(busy.resting(), [(proposal, first)]);
        busy.end(proposal, first);
        assert!(busy.resting().is_empty());
    }
}
