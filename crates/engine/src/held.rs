//! What a policy failed to decide is decided by a person: a held proposal, or an action that nobody governs.
//!
//! What the person says enters as a delivery like everything else, so that it is written down before anything comes of
//! it, and is dealt with by the node that owns the community.

use std::sync::Arc;

use policykit_core::{
    action::{Action, Origin, Standing},
    call::CallState,
    community::{Installation, InstallationStatus, User},
    decider::Decider,
    event::EventBody,
    ids::{ActionId, CallId, CommunityId, EvaluationId, InboxId, ProposalId, UserId},
    machine::Facts,
    permission::SETTLE_HELD,
    policy::{PolicyKind, Verdict},
    proposal::{EffectStatus, Proposal, Status},
    snapshot::Snapshot,
};
use policykit_platforms::{Registry, platform::VoteDrawing};
use policykit_store::{
    DecisionEntry, EvaluationRow, EvaluationState, NewCall, Permitted, ProposalBundle, ProposalChange, StoreError,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Engine, EngineError,
    batch::Taken,
    community::{CommunityHandle, Compiled},
    deeds::{Deeds, Next},
    drawings::CLOSE,
    evaluation::{EXECUTE, REVERT},
    govern::{Effect, new_proposal},
    outbox::Outbox,
    parts::Parts,
    replay::ReplayReport,
    settle::effect_of,
};

/// Cause of an evaluation that got no further than the filter.
pub(crate) const FILTER: &str = "filter";

/// How the failure of a filter reads.
fn unread(why: &str) -> String {
    format!("filter: {why}")
}

/// Kind of the deliveries that carry what a person has decided.
pub(crate) const SETTLED_HERE: &str = "policykit.settle";

/// What a person decides about what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldAs {
    /// As if it had passed: it stands, or is done.
    Passed,
    /// As if it had failed: it is undone, or not done.
    Failed,
}

/// Who decides about what is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settler {
    /// A member with the permission [`SETTLE_HELD`].
    Member(UserId),
    /// The operator of the server.
    Operator,
}

/// What is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// A proposal whose policy failed.
    Proposal(ProposalId),
    /// An action that no policy governs.
    Action(ActionId),
}

/// Why what is held stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// There is no such thing in this community.
    #[error("there is no such proposal")]
    NotFound,
    /// It has been decided, or it is an action whose proposal is to be decided instead.
    #[error("it does not wait for a decision: somebody has decided already, or its proposal is to be decided instead")]
    NotHeld,
    /// The member lacks the permission.
    #[error("you need the permission to decide about what is held")]
    NotAllowed,
    /// The member wants the rules changed, and wants to be the one who says so.
    #[error("you proposed this change of the rules yourself; somebody else who may decide has to let it pass")]
    OwnChange,
    /// The community is on no platform. A policy that calls one fails then, and what it fails to decide would be
    /// decided by those who had the integration removed.
    #[error("the community is connected to no platform at present; add the integration again first")]
    Nowhere,
    /// The database.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for SettleError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::NotFound { .. }) { Self::NotFound } else { Self::Store(error) }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SettleBody {
    held: Held,
    settled: HeldAs,
    by: By,
    at: policykit_core::Timestamp,
}

/// Who decided, as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum By {
    Known(Decider),
    /// Earlier versions wrote the name. Names are not unique, so nobody can tell whether that member may decide.
    Named(String),
}

impl SettleBody {
    pub(crate) fn event(self) -> policykit_core::event::Event {
        let (proposal, action) = match self.held {
            Held::Proposal(id) => (Some(id), None),
            Held::Action(id) => (None, Some(id)),
        };
        let passed = if self.settled == HeldAs::Passed { Verdict::Passed } else { Verdict::Failed };
        let by = match self.by {
            By::Known(decider) => Some(decider),
            By::Named(_) => None,
        };
        let body = EventBody::Settled { proposal, action, verdict: passed, by };
        policykit_core::event::Event {
            actor: None,
            at: self.at,
            echo_keys: Vec::new(),
            heard: policykit_core::event::Heard::Openly,
            home: policykit_core::event::Home::Here,
            body,
        }
    }
}

impl Engine {
    /// Decides about what is held. It is carried out as soon as the node that owns the community gets to it.
    ///
    /// # Errors
    /// See [`SettleError`]; nothing is written then.
    pub async fn settle_held(
        &self,
        community: CommunityId,
        held: Held,
        settled: HeldAs,
        by: Settler,
    ) -> Result<InboxId, SettleError> {
        let parts = &self.0;
        let scope = parts.db.community(community);
        let (is_held, action) = match held {
            Held::Proposal(id) => {
                let bundle = scope.proposal(id).await?;
                (bundle.proposal.status == Status::Held, bundle.action)
            }
            Held::Action(id) => {
                let action = scope.action(id).await?;
                let open = scope.has_open_proposal(id).await?;
                (action.standing == Standing::Held && !open, action)
            }
        };
        let state = scope.state().await?;
        let by = match by {
            Settler::Operator => Decider::Operator,
            Settler::Member(id) => {
                if !state.may(id, SETTLE_HELD) {
                    return Err(SettleError::NotAllowed);
                }
                // A policy can be made to fail. Whoever does must not be the one who decides in its place: the other
                // ways are a second person, and a recovery that everybody can see coming.
                let own = action.kind == PolicyKind::Constitution && action.initiator == Some(id);
                if is_held && own && settled == HeldAs::Passed {
                    return Err(SettleError::OwnChange);
                }
                Decider::Member(id)
            }
        };
        if !is_held {
            return Err(SettleError::NotHeld);
        }
        if !connected(&parts.registry, &state.installations) {
            return Err(SettleError::Nowhere);
        }
        let body = SettleBody { held, settled, by: By::Known(by), at: parts.clock.now() };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        parts.write_down(community, SETTLED_HERE, body).await?.ok_or(SettleError::Nowhere)
    }
}

/// Whether a community is anywhere at present where people are who could be asked.
pub(crate) fn connected(registry: &Registry, installations: &[Installation]) -> bool {
    installations.iter().any(|i| i.status == InstallationStatus::Active && registry.has_people(&i.platform))
}

impl Parts {
    /// Holds a change of the rules whose policy cannot even say whether it is meant: as if its check had failed.
    pub(crate) fn hold_unread(
        &self,
        compiled: &Compiled,
        action: &Action,
        snapshot: &Snapshot,
        considered: Vec<serde_json::Value>,
        out: &mut Outbox,
    ) {
        let now = self.clock.now();
        let note = considered.last().and_then(|tried| tried.get("note")).and_then(serde_json::Value::as_str);
        let why = unread(note.unwrap_or("it failed"));
        let proposal = snapshot.proposal.id;
        let evaluation = EvaluationId::derive(proposal, 1);
        out.insert_action(action);
        out.action(action.id, None, Some(Standing::Held));
        out.changes.proposals.push(Proposal {
            status: Status::Held,
            decided_at: Some(now),
            error: Some(why.clone()),
            ..new_proposal(action, compiled, proposal, now)
        });
        out.changes.evaluations.push(EvaluationRow {
            id: evaluation,
            community: action.community,
            proposal,
            seq: 1,
            cause: FILTER.to_owned(),
            runtime: self.sandbox.build().to_owned(),
            snapshot: snapshot.clone(),
            state: EvaluationState::Error,
            verdict: None,
            error: Some(why),
            started_at: now,
            ended_at: Some(now),
            considered: considered.into(),
        });
        out.changes.decisions.push(DecisionEntry {
            community: action.community,
            at: now,
            kind: "proposal.held".to_owned(),
            body: json!({
                "proposal": proposal, "evaluation": evaluation, "action": action.id,
                "action_type": action.action_type, "policy": compiled.policy.id, "version": compiled.policy.version,
            }),
        });
    }

    /// Runs a filter that failed again, on what it saw then.
    pub(crate) async fn replay_filter(
        &self,
        community: CommunityId,
        row: &EvaluationRow,
    ) -> Result<ReplayReport, EngineError> {
        let policy = self.db.community(community).proposal(row.proposal).await?.policy;
        Ok(match self.filter(&self.compile(&policy), &row.snapshot) {
            Err(failed) if failed.is_nowhere() => return Err(EngineError::Nowhere(failed.0)),
            Err(failed) if row.error == Some(unread(&failed.0)) => ReplayReport::Same,
            Err(failed) => ReplayReport::Differs(format!("now the error `{}`, then {:?}", failed.0, row.error)),
            Ok(says) => ReplayReport::Differs(format!("now the filter says `{says}`, then {:?}", row.error)),
        })
    }

    /// A person has decided about a held proposal.
    pub(crate) async fn settle_proposal(
        &self,
        community: &Arc<CommunityHandle>,
        id: ProposalId,
        verdict: Verdict,
        by: Option<Decider>,
        out: &mut Outbox,
    ) -> Result<Taken, EngineError> {
        // Of two who decide within one batch the first counts.
        if out.changes.proposal_changes.iter().any(|change| change.id == id) {
            return Ok(Taken::Yes);
        }
        let scope = self.db.community(community.state.community.id);
        let bundle = match scope.proposal(id).await {
            Ok(bundle) if bundle.proposal.status == Status::Held => bundle,
            // Somebody else was faster, or it is not ours.
            Ok(_) | Err(StoreError::NotFound { .. }) => return Ok(Taken::Yes),
            Err(error) => return Err(error.into()),
        };
        let deeds = scope.deeds_of(id, None).await?;
        let open = [CallState::Planned, CallState::Retry, CallState::Sending];
        if deeds.iter().any(|call| open.contains(&call.state)) {
            // Only when that has ended is it known whether there is something to do again, or to undo.
            return Ok(Taken::TooEarly("a decision about something that is being undone or done"));
        }
        let deeds = Deeds::of(deeds);
        let Some(by) = self.still_settles(community, &bundle.action, Some(id), by, out) else {
            return Ok(Taken::Yes);
        };
        // What was refused is not tried again.
        let can_undo = matches!(deeds.next(REVERT), Next::Make(_));
        let status = if verdict == Verdict::Passed { Status::Passed } else { Status::Failed };
        let now = self.clock.now();
        let action = &bundle.action;
        let facts = Facts { kind: action.kind, origin: action.origin, reverted: action.reverted };
        let undo = verdict == Verdict::Failed && facts.is_reversible() && !facts.reverted && can_undo;
        let initiator = bundle.initiator.as_ref();
        let effect = if verdict == Verdict::Passed && facts.is_executable() {
            self.effect_by_hand(community, &bundle, &deeds, EXECUTE, out)
        } else if undo {
            self.effect_by_hand(community, &bundle, &deeds, REVERT, out)
        } else {
            None
        };
        self.close_by_hand(community, &bundle, status, out);
        let mut change = ProposalChange::of(id, bundle.proposal.rev);
        change.status = Some(status);
        change.poll_open = Some(false);
        change.decided_at = Some(now);
        if let Some((effect, note)) = effect {
            (change.effect, change.effect_note) = (Some(effect), note);
        }
        out.changes.proposal_changes.push(change);
        let stays = facts.is_reversible() && !facts.reverted && !undo;
        let standing = match status {
            Status::Passed => Standing::Stands,
            _ if stays => Standing::Stands,
            _ => Standing::Undone,
        };
        if action.kind != PolicyKind::Trigger {
            out.action(action.id, None, Some(standing));
        }
        out.changes.decisions.push(DecisionEntry {
            community: action.community,
            at: now,
            kind: "proposal.settled_by_person".to_owned(),
            body: json!({
                "proposal": id, "action": action.id, "action_type": action.action_type,
                "status": status.as_str(), "by": by,
            }),
        });
        if verdict == Verdict::Passed && action.kind == PolicyKind::Platform {
            self.fire_triggers(community, action, initiator, out);
        }
        Ok(Taken::Yes)
    }

    /// A person has decided about an action that nobody governs.
    pub(crate) async fn settle_action(
        &self,
        community: &Arc<CommunityHandle>,
        id: ActionId,
        verdict: Verdict,
        by: Option<Decider>,
        out: &mut Outbox,
    ) -> Result<(), EngineError> {
        if out.changes.action_changes.iter().any(|change| change.id == id) {
            return Ok(());
        }
        let scope = self.db.community(community.state.community.id);
        let action = match scope.action(id).await {
            // One that has a proposal is decided with it: decided both ways, it would be carried out twice.
            Ok(_) if scope.has_open_proposal(id).await? => return Ok(()),
            Ok(action) if action.standing == Standing::Held => action,
            Ok(_) | Err(StoreError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(by) = self.still_settles(community, &action, None, by, out) else {
            return Ok(());
        };
        let initiator = match action.initiator {
            Some(user) => Some(scope.user(user).await?),
            None => None,
        };
        out.changes.decisions.push(DecisionEntry {
            community: action.community,
            at: self.clock.now(),
            kind: "action.settled_by_person".to_owned(),
            body: json!({
                "action": id, "action_type": action.action_type, "status": verdict.as_str(), "by": by,
            }),
        });
        if verdict == Verdict::Passed {
            out.action(id, None, Some(Standing::Stands));
            if action.origin == Origin::PolicyKit {
                self.effect_on_action(community, &action, initiator.as_ref(), EXECUTE, out);
            }
            if action.kind == PolicyKind::Platform {
                self.fire_triggers(community, &action, initiator.as_ref(), out);
            }
        } else {
            out.action(id, None, Some(Standing::Undone));
        }
        Ok(())
    }

    /// Who decided, if they may still do so; that is checked in the transaction too. Where not, or where nobody can tell
    /// who it was, the record says that they tried, and the matter waits on.
    fn still_settles(
        &self,
        community: &CommunityHandle,
        action: &Action,
        proposal: Option<ProposalId>,
        by: Option<Decider>,
        out: &mut Outbox,
    ) -> Option<Decider> {
        let kind = match by {
            Some(Decider::Operator) => return by,
            Some(Decider::Member(member)) if community.state.may(member, SETTLE_HELD) => {
                out.changes.permitted.push(Permitted { community: action.community, member, permission: SETTLE_HELD });
                return by;
            }
            Some(Decider::Member(_)) => "settlement.not_permitted",
            None => "settlement.unidentified",
        };
        out.changes.decisions.push(DecisionEntry {
            community: action.community,
            at: self.clock.now(),
            kind: kind.to_owned(),
            body: json!({
                "action": action.id, "proposal": proposal, "action_type": action.action_type, "by": by,
            }),
        });
        None
    }

    fn effect_by_hand(
        &self,
        community: &CommunityHandle,
        bundle: &ProposalBundle,
        deeds: &Deeds,
        purpose: &'static str,
        out: &mut Outbox,
    ) -> Option<Effect> {
        let (action, initiator) = (&bundle.action, bundle.initiator.as_ref());
        let now = self.clock.now();
        if action.kind == PolicyKind::Constitution {
            return Some(self.amend(community, action, Some(bundle.proposal.id), initiator, now, out));
        }
        let installation = action.installation.and_then(|id| community.installation(id))?;
        let platform = self.registry.get(&installation.platform)?;
        let view = self.action_view(community, action, initiator);
        let Some(call) = deeds.planned(platform, view, purpose) else {
            let note = format!("the platform offers no way to {purpose} this");
            return Some((EffectStatus::Refused, Some(note)));
        };
        let name = match deeds.next(purpose) {
            // The policy's code has had it undone or done already.
            Next::Known(outcome) => return Some(effect_of(&outcome)),
            Next::Make(name) => name,
        };
        self.call_by_hand(community, bundle, installation.id, purpose, &name, call, out);
        Some((EffectStatus::Pending, None))
    }

    fn close_by_hand(&self, community: &CommunityHandle, bundle: &ProposalBundle, status: Status, out: &mut Outbox) {
        let proposal = &bundle.proposal;
        let Some(poll) = &proposal.poll else { return };
        let tally = poll.tally(&bundle.ballots);
        let drawing = VoteDrawing { proposal: proposal.id, poll, tally: &tally, status };
        let platform = community.installation(poll.installation).and_then(|i| self.registry.get(&i.platform));
        if let Some(call) = platform.and_then(|p| p.draw_vote(&drawing)) {
            self.call_by_hand(community, bundle, poll.installation, CLOSE, CLOSE, call, out);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is a different part of one call")]
    fn call_by_hand(
        &self,
        community: &CommunityHandle,
        bundle: &ProposalBundle,
        installation: policykit_core::ids::InstallationId,
        purpose: &str,
        name: &str,
        call: policykit_core::call::PlannedCall,
        out: &mut Outbox,
    ) {
        let Some(installation) = community.installation(installation) else { return };
        let id = CallId::derive_effect(bundle.proposal.id, name);
        out.send(NewCall {
            proposal: Some(bundle.proposal.id),
            action: (purpose != CLOSE).then_some(bundle.action.id),
            ..self.new_call(id, installation, purpose, call, self.clock.now())
        });
    }

    /// The person behind an action, for those who must be told who it was.
    pub(crate) fn account_of(initiator: Option<&User>) -> Option<String> {
        initiator.map(|user| user.external_id.clone())
    }
}
