//! T6: verdict, data, logs, wakes and the calls that follow, written down together.

use std::{collections::HashSet, sync::Arc, time::Duration};

use policykit_core::{
    Timestamp,
    action::Standing,
    call::{CallOutcome, PlannedCall},
    community::User,
    ids::{CallId, InstallationId, PolicyId, WakeId},
    machine::{Step, after_error},
    policy::{OnError, Policy, PolicyKind, Verdict},
    proposal::{EffectStatus, Status},
};
use policykit_platforms::platform::VoteDrawing;
use policykit_store::{DecisionEntry, EvaluationEnd, EvaluationState, LogRow, NewCall, ProposalChange, WakeRow};
use serde_json::json;

use crate::{
    community::CommunityHandle,
    deeds::Next,
    drawings::CLOSE,
    evaluation::{EXECUTE, End, Evaluation, Generous, REVERT},
    govern::{Effect, show},
    outbox::Outbox,
    parts::Parts,
};

impl Parts {
    /// Writes down how an evaluation ended and what follows from it.
    pub(crate) fn settle(&self, evaluation: Evaluation, end: End, initiator: Option<&User>, out: &mut Outbox) {
        match end {
            End::Verdict(verdict, after) => {
                let status = match verdict {
                    Verdict::Passed => Status::Passed,
                    Verdict::Failed => Status::Failed,
                    Verdict::Proposed => Status::Proposed,
                };
                self.finish(evaluation, Some(verdict), None, status, &after, initiator, out);
            }
            End::Error(failure) if failure.is_limit() && evaluation.generous == Generous::No => {
                // A limit is no decision: once more, alone and with more room, before anybody is told.
                match evaluation.again(self) {
                    Ok(again) => self.advance_in_memory(again, initiator, out),
                    // It ran a moment ago, so it compiles; were it otherwise, the evaluation stays open and is replayed.
                    Err(why) => tracing::error!(%why, "engine.evaluation.again"),
                }
            }
            End::Error(failure) => {
                let on_error = evaluation.compiled.policy.draft.on_error;
                self.fail_with(evaluation, show(&failure), on_error, initiator, out);
            }
            // Nothing is written of it: as it is stored, it is evaluated again, as if this process had died here.
            End::Nowhere(why) => out.nowhere = Some(why),
            End::Diverged(what) => self.fail_with(evaluation, what, OnError::Hold, initiator, out),
        }
    }

    fn fail_with(
        &self,
        evaluation: Evaluation,
        what: String,
        on_error: OnError,
        initiator: Option<&User>,
        out: &mut Outbox,
    ) {
        let mut steps = after_error(evaluation.facts, evaluation.round, on_error);
        let status = match steps.first() {
            Some(Step::Settle(status)) => *status,
            _ => Status::Held,
        };
        steps.retain(|s| !matches!(s, Step::Settle(_)));
        self.count_error(&Arc::clone(&evaluation.compiled), &evaluation.action.clone(), out);
        out.changes.logs.push(LogRow {
            community: evaluation.row.community,
            proposal: Some(evaluation.row.proposal),
            evaluation: Some(evaluation.row.id),
            action_type: None,
            is_private: false,
            level: "error".to_owned(),
            message: format!("policy `{}`: {what}", evaluation.compiled.policy.draft.name),
            at: self.clock.now(),
        });
        self.finish(evaluation, None, Some(what), status, &steps, initiator, out);
    }

    #[expect(clippy::too_many_arguments, reason = "the end of an evaluation touches everything it was about")]
    fn finish(
        &self,
        mut evaluation: Evaluation,
        verdict: Option<Verdict>,
        error: Option<String>,
        status: Status,
        after: &[Step],
        initiator: Option<&User>,
        out: &mut Outbox,
    ) {
        let now = self.clock.now();
        let state = if error.is_some() { EvaluationState::Error } else { EvaluationState::Settled };
        if evaluation.stored {
            out.changes.evaluation_ends.push(EvaluationEnd {
                id: evaluation.row.id,
                state,
                verdict,
                error: error.clone(),
                ended_at: now,
            });
        } else {
            let mut row = evaluation.row.clone();
            (row.state, row.verdict, row.error, row.ended_at) = (state, verdict, error.clone(), Some(now));
            out.changes.evaluations.push(row);
        }
        out.changes.reads.append(&mut evaluation.new_reads);
        self.write_logs(&mut evaluation, out);

        let mut effect = evaluation.effect.as_ref().map(effect_of);
        for step in after {
            match step {
                Step::Revert => effect = self.plan_effect(&evaluation, REVERT, initiator, now, out).or(effect),
                Step::Execute => effect = self.plan_effect(&evaluation, EXECUTE, initiator, now, out).or(effect),
                Step::CloseVote => self.plan_close(&evaluation, status, now, out),
                Step::FireTrigger | Step::TryNext | Step::Run(_) | Step::Settle(_) => {}
            }
        }
        self.change_proposal(&evaluation, status, error, effect, now, out);
        self.change_action(&evaluation, status, after, out);
        if status == Status::Proposed {
            self.plan_recheck(&evaluation, now, out);
        } else {
            out.changes.decisions.push(DecisionEntry {
                community: evaluation.row.community,
                at: now,
                kind: format!("proposal.{}", status.as_str()),
                body: json!({
                    "proposal": evaluation.row.proposal, "evaluation": evaluation.row.id,
                    "action": evaluation.action.id, "action_type": evaluation.action.action_type,
                    "policy": evaluation.compiled.policy.id, "version": evaluation.compiled.policy.version,
                }),
            });
        }
        let community = Arc::clone(&evaluation.community);
        for step in after {
            match step {
                // A change of the rules is heard of when it is made.
                Step::FireTrigger if evaluation.action.kind == PolicyKind::Constitution => {}
                Step::FireTrigger => self.fire_triggers(&community, &evaluation.action, initiator, out),
                Step::TryNext => {
                    let tried = self.tried(&community, &evaluation);
                    self.choose_policy(&community, &evaluation.action, initiator, &tried, out);
                }
                _ => {}
            }
        }
    }

    /// The policy that failed and all before it: they have had their turn.
    fn tried(&self, community: &CommunityHandle, evaluation: &Evaluation) -> HashSet<PolicyId> {
        let mine = place(&evaluation.compiled.policy);
        community
            .policies
            .iter()
            .filter(|c| c.policy.draft.kind == evaluation.compiled.policy.draft.kind && place(&c.policy) <= mine)
            .map(|c| c.policy.id)
            .chain([evaluation.compiled.policy.id])
            .collect()
    }

    fn change_proposal(
        &self,
        evaluation: &Evaluation,
        status: Status,
        error: Option<String>,
        effect: Option<(EffectStatus, Option<String>)>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let overlay = evaluation.overlay();
        let decided = (status != Status::Proposed).then_some(now);
        let (effect, note) = effect.map_or((None, None), |(effect, note)| (Some(effect), note));
        let open = overlay.poll.as_ref().map(|_| status == Status::Proposed);
        let id = evaluation.row.proposal;
        if let Some(row) = out.changes.proposals.iter_mut().find(|p| p.id == id) {
            row.status = status;
            row.effect = effect.unwrap_or(row.effect);
            row.effect_note = note;
            row.data.clone_from(&overlay.data);
            row.variables.clone_from(&overlay.variables);
            row.poll.clone_from(&overlay.poll);
            row.poll_open = open.unwrap_or(false);
            row.decided_at = decided;
            row.error = error;
            return;
        }
        let mut change = ProposalChange::of(id, evaluation.rev.unwrap_or(0));
        change.status = Some(status);
        change.effect = effect;
        change.effect_note = note;
        change.data = Some(overlay.data.clone());
        change.variables = Some(overlay.variables.clone());
        change.poll.clone_from(&overlay.poll);
        change.poll_open = if status == Status::Proposed { open } else { Some(false) };
        change.decided_at = decided;
        change.error = error;
        out.changes.proposal_changes.push(change);
    }

    fn change_action(&self, evaluation: &Evaluation, status: Status, after: &[Step], out: &mut Outbox) {
        if evaluation.action.kind == PolicyKind::Trigger {
            return;
        }
        let standing = match status {
            Status::Proposed => Standing::Contested,
            Status::Held => Standing::Held,
            Status::Passed => Standing::Stands,
            Status::Failed
                if evaluation.facts.is_reversible() && !after.contains(&Step::Revert) && !evaluation.facts.reverted =>
            {
                Standing::Stands
            }
            Status::Failed => Standing::Undone,
            Status::Superseded => return,
        };
        out.action(evaluation.action.id, None, Some(standing));
    }

    /// Plans undoing or doing the action; says how the effect stands from now on.
    fn plan_effect(
        &self,
        evaluation: &Evaluation,
        purpose: &'static str,
        initiator: Option<&User>,
        now: Timestamp,
        out: &mut Outbox,
    ) -> Option<Effect> {
        if evaluation.action.kind == PolicyKind::Constitution {
            let (action, proposal) = (&evaluation.action, evaluation.row.proposal);
            return Some(self.amend(&evaluation.community, action, Some(proposal), initiator, now, out));
        }
        let view = &evaluation.row.snapshot.action;
        let installation = evaluation.action.installation.and_then(|id| evaluation.community.installation(id))?;
        let platform = self.registry.get(&installation.platform)?;
        // The view is the snapshot's; undone meanwhile by this very evaluation, the platform must be told so.
        let mut view = view.clone();
        view.reverted = evaluation.facts.reverted || evaluation.overlay().reverted;
        let Some(call) = evaluation.deeds.planned(platform, view, purpose) else {
            let note = format!("the platform offers no way to {purpose} this");
            return Some((EffectStatus::Refused, Some(note)));
        };
        let name = match evaluation.deeds.next(purpose) {
            // The code has had it undone or done already.
            Next::Known(outcome) => return Some(effect_of(&outcome)),
            Next::Make(name) => name,
        };
        self.plan_call(evaluation, installation.id, purpose, &name, call, now, out);
        Some((EffectStatus::Pending, None))
    }

    fn plan_close(&self, evaluation: &Evaluation, status: Status, now: Timestamp, out: &mut Outbox) {
        let Some(poll) = evaluation.overlay().poll.clone() else { return };
        let tally = poll.tally(evaluation.ballots());
        let drawing = VoteDrawing { proposal: evaluation.row.proposal, poll: &poll, tally: &tally, status };
        let call = evaluation
            .community
            .installation(poll.installation)
            .and_then(|i| self.registry.get(&i.platform))
            .and_then(|platform| platform.draw_vote(&drawing));
        if let Some(call) = call {
            self.plan_call(evaluation, poll.installation, CLOSE, CLOSE, call, now, out);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is a different part of one call")]
    fn plan_call(
        &self,
        evaluation: &Evaluation,
        installation: InstallationId,
        purpose: &str,
        name: &str,
        call: PlannedCall,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let Some(installation) = evaluation.community.installation(installation) else { return };
        let id = CallId::derive_effect(evaluation.row.proposal, name);
        out.send(NewCall {
            proposal: Some(evaluation.row.proposal),
            action: (purpose != CLOSE).then_some(evaluation.action.id),
            ..self.new_call(id, installation, purpose, call, now)
        });
    }

    /// If the code looked at the clock, the proposal must be looked at again when a comparison can flip.
    fn plan_recheck(&self, evaluation: &Evaluation, now: Timestamp, out: &mut Outbox) {
        let report = evaluation.report();
        if !report.read_clock {
            return;
        }
        let (created, seen) = (evaluation.row.snapshot.proposal.created_at, evaluation.row.snapshot.now);
        // One microsecond later, because `elapsed > limit` is still false at the limit itself.
        let flips = report
            .durations
            .iter()
            .filter_map(|micros| u64::try_from(*micros).ok())
            .map(|micros| created + Duration::from_micros(micros.saturating_add(1)))
            // Also such as have flipped since it looked at the clock.
            .filter(|at| *at > seen);
        // Where the code names lengths of time, a comparison that mixes them is caught by the slower look.
        let patience = if report.durations.is_empty() { 1 } else { 15 };
        let due_at = flips.chain([now + self.options.clock_recheck * patience]).min().unwrap_or(now);
        out.changes.wakes.push(WakeRow {
            id: WakeId::derive(evaluation.row.proposal, "timer"),
            community: evaluation.row.community,
            proposal: evaluation.row.proposal,
            cause: "timer".to_owned(),
            due_at,
            token: 0,
        });
    }
}

/// When a policy is tried: those that apply to everything come last.
const fn place(policy: &Policy) -> (bool, i64) {
    (policy.draft.action_types.is_empty(), policy.position)
}

/// How the effect of a proposal stands after this outcome of the call that makes it.
pub(crate) fn effect_of(outcome: &CallOutcome) -> (EffectStatus, Option<String>) {
    match outcome {
        CallOutcome::Done { .. } => (EffectStatus::Done, outcome.note().map(str::to_owned)),
        CallOutcome::Refused { code, message } => (EffectStatus::Refused, Some(format!("{message} ({code})"))),
        CallOutcome::Unknown { reason } => (EffectStatus::Uncertain, Some(reason.clone())),
    }
}
