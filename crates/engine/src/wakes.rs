//! Reasons to look at a proposal again: votes, deadlines, drawings, and what a person has settled.

use std::sync::{Arc, atomic::Ordering};

use policykit_core::{
    Timestamp,
    call::CallOutcome,
    ids::{CallId, EvaluationId, ProposalId},
    machine::Round,
    proposal::Status,
};
use policykit_platforms::platform::VoteDrawing;
use policykit_store::{EvaluationRow, EvaluationState, Fence, NewCall, ProposalBundle, WakeRow};

use crate::{
    EngineError,
    busy::Busy,
    community::CommunityHandle,
    deeds::Deeds,
    drawings::REDRAW,
    evaluation::{Evaluation, Generous},
    outbox::{FollowUp, Outbox},
    parts::{Parts, lock},
};

/// Wake for a call that a person has settled: `call:`, its id, and one of the words below.
pub(crate) const SETTLED_CALL: &str = "call:";
/// It took effect on the platform.
pub(crate) const HAPPENED: &str = "happened";
/// It did not.
pub(crate) const DID_NOT_HAPPEN: &str = "did_not_happen";

/// Notes that votes are being drawn, taken away again unless somebody else has come to answer for them.
struct Marked<'a> {
    parts: &'a Parts,
    proposals: Vec<ProposalId>,
}

impl Drop for Marked<'_> {
    fn drop(&mut self) {
        if self.proposals.is_empty() {
            return;
        }
        let mut busy = lock(&self.parts.busy);
        for proposal in &self.proposals {
            busy.drawing.remove(proposal);
        }
        drop(busy);
        self.parts.drawn.notify_waiters();
    }
}

/// Whether it has to wait until something of the same sort that is under way has ended.
fn is_taken(busy: &Busy, wake: &WakeRow) -> bool {
    if wake.cause == REDRAW { busy.drawing.contains(&wake.proposal) } else { busy.holds(wake.proposal) }
}

impl Parts {
    /// Acts upon the oldest wakes that are due at `now`. Whether any could be. What is evaluated takes this for the present
    /// time: nothing may pass a deadline before what came in until then has been dealt with.
    pub(crate) async fn handle_wakes(self: &Arc<Self>, fences: &[Fence], now: Timestamp) -> Result<bool, EngineError> {
        let mut after = None;
        // What has to wait keeps its place in the order. It is looked past, or that of one community could fill every look
        // while all others wait with it.
        loop {
            let mut wakes = self.db.due_wakes_after(fences, now, after, self.options.batch).await?;
            let last = wakes.last().map(|wake| (wake.due_at, wake.id));
            let full = wakes.len() >= self.options.batch;
            wakes.retain(|wake| self.is_free(wake));
            if self.handle(&wakes, now).await? {
                return Ok(true);
            }
            if !full || last.is_none() {
                return Ok(false);
            }
            after = last;
        }
    }

    /// Whether what the wake is for can be done now. Asked again when it is begun.
    fn is_free(&self, wake: &WakeRow) -> bool {
        // Ballots cast before a deadline may be among the deliveries that could not be dealt with.
        !lock(&self.stuck).holds(wake.community) && !is_taken(&lock(&self.busy), wake)
    }

    /// Acts upon these wakes, all in one transaction; where one stands in the way, each by itself.
    async fn handle(self: &Arc<Self>, wakes: &[WakeRow], now: Timestamp) -> Result<bool, EngineError> {
        match self.handle_at_once(wakes, now).await {
            Err(error) if error.is_about_the_work() => {
                tracing::warn!(%error, wakes = wakes.len(), "engine.wakes.apart");
                let mut worked = false;
                for wake in wakes {
                    match self.handle_at_once(std::slice::from_ref(wake), now).await {
                        Ok(any) => worked |= any,
                        // It stays due, and the others need not wait for it.
                        Err(error) if error.is_about_the_work() => {
                            tracing::error!(%error, wake = %wake.id, proposal = %wake.proposal, "engine.wake.failed");
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(worked)
            }
            result => result,
        }
    }

    async fn handle_at_once(self: &Arc<Self>, wakes: &[WakeRow], now: Timestamp) -> Result<bool, EngineError> {
        let mut out = Outbox::default();
        out.changes.label = "T2";
        let mut begun = std::collections::HashSet::new();
        let mut handled = Vec::new();
        let mut marked = Marked { parts: self, proposals: Vec::new() };
        for wake in wakes {
            // Nothing of this will be written, so nothing more of it need be known.
            if out.nowhere.is_some() {
                break;
            }
            let Ok(fence) = self.fence(wake.community) else { continue };
            let drawing = wake.cause == REDRAW;
            {
                let mut busy = lock(&self.busy);
                // Left where it is: it comes up again when the one before it has ended.
                if is_taken(&busy, wake) {
                    continue;
                }
                // Noted before the proposal is read: whoever closes the vote after that sees the note and waits.
                if drawing {
                    busy.drawing.insert(wake.proposal);
                    marked.proposals.push(wake.proposal);
                }
            }
            if !drawing && !begun.insert(wake.proposal) {
                continue;
            }
            let bundle = self.db.community(wake.community).proposal(wake.proposal).await?;
            if !drawing && bundle.running > 0 {
                // One that this process does not know of: begun by another node, or by a commit whose answer was lost.
                self.recover.store(true, Ordering::SeqCst);
                continue;
            }
            let community = self.community(wake.community, Some(bundle.community_version)).await?;
            if drawing {
                self.draw(&community, &bundle, now, &mut out);
            } else if let Some(call) = wake.cause.strip_prefix(SETTLED_CALL) {
                self.settled_by_person(wake, call, &mut out).await?;
            } else if bundle.proposal.status == Status::Proposed {
                self.evaluate_again(&community, bundle, wake, now, &mut out).await?;
            }
            out.changes.wakes_done.push((wake.id, wake.token));
            if !out.changes.fences.contains(&fence) {
                out.changes.fences.push(fence);
            }
            handled.push(wake.proposal);
        }
        if handled.is_empty() {
            return Ok(false);
        }
        let drawn: Vec<_> = out
            .follow_ups
            .iter()
            .filter_map(|f| match f {
                FollowUp::Send(row) if row.purpose == REDRAW => row.proposal,
                _ => None,
            })
            .collect();
        self.commit_and_follow(out).await?;
        // These have a task of their own by now, which takes the note away.
        marked.proposals.retain(|id| !drawn.contains(id));
        Ok(true)
    }

    async fn evaluate_again(
        &self,
        community: &Arc<CommunityHandle>,
        bundle: ProposalBundle,
        wake: &WakeRow,
        now: Timestamp,
        out: &mut Outbox,
    ) -> Result<(), EngineError> {
        let snapshot = self.later_snapshot(community, &bundle, now);
        let seq = bundle.evaluations + 1;
        let row = EvaluationRow {
            id: EvaluationId::derive(bundle.proposal.id, seq),
            community: wake.community,
            proposal: bundle.proposal.id,
            seq,
            cause: wake.cause.clone(),
            runtime: self.sandbox.build().to_owned(),
            snapshot,
            state: EvaluationState::Running,
            verdict: None,
            error: None,
            started_at: now,
            ended_at: None,
            considered: serde_json::Value::Array(Vec::new()),
        };
        let compiled = community
            .policies
            .iter()
            .find(|c| c.policy.version_id == bundle.proposal.policy_version)
            .cloned()
            .unwrap_or_else(|| Arc::new(self.compile(&bundle.policy)));
        let deeds = if compiled.may_act() {
            let before = self.db.community(wake.community).deeds_of(bundle.proposal.id, Some(seq)).await?;
            Deeds::of(before)
        } else {
            Deeds::default()
        };
        let evaluation = Evaluation::new(
            self,
            row,
            Arc::clone(community),
            compiled,
            bundle.action,
            Round::Later,
            Some(bundle.proposal.rev),
            Generous::No,
        )
        .map_err(EngineError::Inconsistent)?
        .with_poll(bundle.proposal.poll)
        .with_deeds(deeds);
        self.advance_in_memory(evaluation, bundle.initiator.as_ref(), out);
        Ok(())
    }

    fn draw(&self, community: &CommunityHandle, bundle: &ProposalBundle, now: Timestamp, out: &mut Outbox) {
        let proposal = &bundle.proposal;
        let Some(poll) = proposal.poll.as_ref().filter(|_| proposal.poll_open && proposal.status == Status::Proposed)
        else {
            return;
        };
        let Some(installation) = community.installation(poll.installation) else { return };
        let tally = poll.tally(&bundle.ballots);
        let drawing = VoteDrawing { proposal: proposal.id, poll, tally: &tally, status: proposal.status };
        let Some(call) = self.registry.get(&installation.platform).and_then(|p| p.draw_vote(&drawing)) else { return };
        // Every drawing is a call of its own; what it shows is told by what it is made of.
        let id = CallId::derive_effect(proposal.id, &format!("{REDRAW}:{}:{}", now.micros(), call.args_hash()));
        out.send(NewCall { proposal: Some(proposal.id), ..self.new_call(id, installation, REDRAW, call, now) });
    }

    /// A person has said what became of a call: what follows is written down like any outcome.
    async fn settled_by_person(&self, wake: &WakeRow, call: &str, out: &mut Outbox) -> Result<(), EngineError> {
        let Some((Ok(id), word)) = call.split_once(':').map(|(id, word)| (id.parse::<CallId>(), word)) else {
            return Ok(());
        };
        let mut row = self.db.system().call(id).await?;
        if row.community != wake.community {
            return Ok(());
        }
        let outcome = match (word, row.outcome.take()) {
            (HAPPENED, Some(done @ CallOutcome::Done { .. })) => done,
            (HAPPENED, _) => CallOutcome::Done { reply: serde_json::json!({}) },
            _ => CallOutcome::Refused {
                code: "settled_by_person".to_owned(),
                message: "a person says that it did not happen".to_owned(),
            },
        };
        // Its evaluation, if it had one, has ended without knowing this.
        row.evaluation = None;
        self.effects_of(&row, &outcome, &mut out.changes).await
    }
}
