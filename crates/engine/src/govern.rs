//! D: what becomes of an action, and its evaluation as far as it goes without leaving the process.

use std::{collections::HashSet, sync::Arc};

use policykit_core::{
    JsonMap, Timestamp, Value,
    action::{Action, Origin, Standing},
    call::OperationClass,
    community::User,
    event::Home,
    ids::{CallId, EvaluationId, ProposalId},
    machine::Round,
    permission::{Gate, gate},
    policy::PolicyKind,
    proposal::{EffectStatus, Proposal, Status},
};
use policykit_policy::Failure;
use policykit_store::{DecisionEntry, EvaluationRow, EvaluationState, LogRow, NewCall, ProposalChange};
use serde_json::json;

use crate::{
    community::{CommunityHandle, Compiled},
    deeds::Deeds,
    evaluation::{Evaluation, Generous, Pause, REVERT},
    outbox::{FollowUp, Outbox, new_row},
    parts::Parts,
};

/// How the effect of a proposal stands, and why it is not done.
pub(crate) type Effect = (EffectStatus, Option<String>);

/// Action type of events that are no governable action, as trigger policies name it.
pub const WEBHOOK_TRIGGER: &str = "webhooktriggeraction";

impl Parts {
    pub(crate) fn class_of(&self, platform: &str, operation: &str) -> OperationClass {
        self.registry
            .get(platform)
            .and_then(|p| p.descriptor().operation(operation).map(|o| o.class))
            // What nobody has described is treated as what nobody can confirm.
            .unwrap_or(OperationClass::Blind)
    }

    /// A governable action: permissions first, then policies.
    pub(crate) fn govern(
        &self,
        community: &Arc<CommunityHandle>,
        action: &Action,
        initiator: Option<&User>,
        home: Home,
        out: &mut Outbox,
    ) {
        let gate = match home {
            Home::Here => {
                let permissions = initiator.map(|user| community.permissions(user.id));
                gate(permissions.as_ref(), &action.action_type, action.origin)
            }
            // What every member may do without asking they do not do so; and they are not kept from speaking where they
            // were invited to.
            Home::Elsewhere => {
                let given = initiator.map(|user| community.permissions_given(user.id));
                match gate(given.as_ref(), &action.action_type, action.origin) {
                    Gate::Stands => Gate::Stands,
                    Gate::Undo | Gate::Refuse | Gate::Govern => Gate::Govern,
                }
            }
        };
        match gate {
            Gate::Govern => self.choose_policy(community, action, initiator, &HashSet::new(), out),
            Gate::Stands => {
                out.insert_action(action);
                match action.origin {
                    Origin::Platform => out.action(action.id, None, Some(Standing::Stands)),
                    Origin::PolicyKit => {
                        self.effect_on_action(community, action, initiator, crate::evaluation::EXECUTE, out);
                    }
                }
                // A change of the rules is heard of when it is made.
                if action.kind != PolicyKind::Constitution {
                    self.fire_triggers(community, action, initiator, out);
                }
            }
            Gate::Undo => {
                out.insert_action(action);
                self.effect_on_action(community, action, initiator, REVERT, out);
                out.changes.decisions.push(DecisionEntry {
                    community: action.community,
                    at: self.clock.now(),
                    kind: "action.not_permitted".to_owned(),
                    body: json!({ "action": action.id, "action_type": action.action_type }),
                });
            }
            Gate::Refuse => {
                out.insert_action(action);
                out.action(action.id, None, Some(Standing::Undone));
                out.changes.decisions.push(DecisionEntry {
                    community: action.community,
                    at: self.clock.now(),
                    kind: "action.refused".to_owned(),
                    body: json!({ "action": action.id, "action_type": action.action_type }),
                });
            }
        }
    }

    /// Undoes or does an action that no proposal is about.
    pub(crate) fn effect_on_action(
        &self,
        community: &CommunityHandle,
        action: &Action,
        initiator: Option<&User>,
        purpose: &'static str,
        out: &mut Outbox,
    ) {
        if action.kind == PolicyKind::Constitution {
            let standing = match self.amend(community, action, None, initiator, self.clock.now(), out) {
                (EffectStatus::Done, _) => Standing::Stands,
                _ => Standing::Undone,
            };
            out.action(action.id, None, Some(standing));
            return;
        }
        let view = self.action_view(community, action, None);
        let Some(installation) = action.installation.and_then(|id| community.installation(id)) else { return };
        let Some(platform) = self.registry.get(&installation.platform) else { return };
        let Some(planned) = Deeds::default().planned(platform, view, purpose) else { return };
        let id = CallId::derive_action(action.id, purpose);
        let call = self.new_call(id, installation, purpose, planned, self.clock.now());
        out.send(NewCall { action: Some(action.id), ..call });
        if purpose == REVERT {
            // From now on it does not stand, although it takes a moment until that is so there.
            out.action(action.id, None, Some(Standing::Undone));
        }
    }

    /// Begins a proposal and evaluates it as far as it goes.
    pub(crate) fn begin(
        &self,
        community: &Arc<CommunityHandle>,
        compiled: &Arc<Compiled>,
        action: &Action,
        initiator: Option<&User>,
        considered: Vec<serde_json::Value>,
        out: &mut Outbox,
    ) {
        let mut snapshot = self.first_snapshot(community, action, initiator, compiled);
        let proposal = snapshot.proposal.id;
        snapshot.seed = self.ids.random();
        let now = snapshot.now;
        let row = EvaluationRow {
            id: EvaluationId::derive(proposal, 1),
            community: action.community,
            proposal,
            seq: 1,
            cause: "first".to_owned(),
            runtime: self.sandbox.build().to_owned(),
            snapshot,
            state: EvaluationState::Running,
            verdict: None,
            error: None,
            started_at: now,
            ended_at: None,
            considered: considered.into(),
        };
        out.insert_action(action);
        out.changes.proposals.push(new_proposal(action, compiled, proposal, now));
        match Evaluation::new(
            self,
            row,
            Arc::clone(community),
            Arc::clone(compiled),
            action.clone(),
            Round::First,
            None,
            Generous::No,
        ) {
            Ok(evaluation) => self.advance_in_memory(evaluation, initiator, out),
            // A policy that does not compile never matches, so this cannot be reached; if it is, nothing is decided.
            Err(why) => out.changes.logs.push(LogRow {
                community: action.community,
                proposal: Some(proposal),
                evaluation: None,
                action_type: None,
                is_private: false,
                level: "error".to_owned(),
                message: why,
                at: now,
            }),
        }
    }

    /// Runs an evaluation until it needs something from outside; what it has come to goes into the outbox.
    pub(crate) fn advance_in_memory(&self, mut evaluation: Evaluation, initiator: Option<&User>, out: &mut Outbox) {
        match evaluation.advance(self) {
            Pause::Ended(end) => self.settle(evaluation, end, initiator, out),
            Pause::Send(call) => {
                self.write_intent(&mut evaluation, Some(&call), out);
                let row = new_row(&call);
                out.changes.calls.push(*call);
                out.follow_ups.push(FollowUp::Drive(Box::new(evaluation), Some(Box::new(row))));
            }
            Pause::Read(_) | Pause::Resolve(_) => {
                self.write_intent(&mut evaluation, None, out);
                out.follow_ups.push(FollowUp::Drive(Box::new(evaluation), None));
            }
        }
    }

    /// E1: the evaluation as running, what it has read and written so far.
    pub(crate) fn write_intent(&self, evaluation: &mut Evaluation, call: Option<&NewCall>, out: &mut Outbox) {
        if !evaluation.stored {
            out.changes.evaluations.push(evaluation.row.clone());
            evaluation.stored = true;
        }
        out.changes.reads.append(&mut evaluation.new_reads);
        self.write_logs(evaluation, out);
        let overlay = evaluation.overlay();
        let proposal = evaluation.row.proposal;
        if evaluation.rev.is_none()
            && let Some(row) = out.changes.proposals.iter_mut().find(|p| p.id == proposal)
        {
            row.data.clone_from(&overlay.data);
            row.variables.clone_from(&overlay.variables);
            if evaluation.facts.is_reversible() {
                out.action(evaluation.action.id, None, Some(Standing::Contested));
            }
            evaluation.rev = Some(0);
        } else if call.is_some()
            && let Some(rev) = evaluation.rev
        {
            let mut change = ProposalChange::of(proposal, rev);
            change.data = Some(overlay.data.clone());
            change.variables = Some(overlay.variables.clone());
            if let Some(poll) = &overlay.poll {
                change.poll = Some(poll.clone());
                // Once it is decided, whoever is told that their vote counts would be told wrong.
                change.poll_open = Some(!evaluation.decided);
            }
            out.changes.proposal_changes.push(change);
            evaluation.rev = Some(rev + 1);
        }
    }

    /// Puts the run's log lines that are not stored yet into the outbox.
    pub(crate) fn write_logs(&self, evaluation: &mut Evaluation, out: &mut Outbox) {
        let logs = evaluation.report().logs;
        let now = self.clock.now();
        for line in logs.iter().skip(evaluation.logged) {
            out.changes.logs.push(LogRow {
                community: evaluation.row.community,
                proposal: Some(evaluation.row.proposal),
                evaluation: Some(evaluation.row.id),
                action_type: None,
                is_private: false,
                level: line.level.clone(),
                message: line.message.clone(),
                at: now,
            });
        }
        evaluation.logged = logs.len();
    }
}

pub(crate) fn new_proposal(action: &Action, compiled: &Compiled, id: ProposalId, now: Timestamp) -> Proposal {
    Proposal {
        id,
        community: action.community,
        action: action.id,
        policy: compiled.policy.id,
        policy_version: compiled.policy.version_id,
        status: Status::Proposed,
        effect: EffectStatus::None,
        effect_note: None,
        rev: 0,
        data: JsonMap::new(),
        variables: Value::None,
        poll: None,
        poll_open: false,
        created_at: now,
        decided_at: None,
        error: None,
    }
}

/// A failure as it is shown to people.
pub(crate) fn show(failure: &Failure) -> String {
    failure.to_string()
}
