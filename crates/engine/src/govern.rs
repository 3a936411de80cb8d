//! M and D: which policy governs an action, and its evaluation as far as it goes without leaving the process.

use std::{collections::HashSet, sync::Arc};

use policykit_core::{
    JsonMap, Timestamp, Value,
    action::{Action, Origin, Standing},
    call::{CallState, OperationClass},
    community::User,
    constitution,
    ids::{ActionId, CallId, EvaluationId, PolicyId, ProposalId},
    machine::Round,
    permission::{self, Gate, gate},
    policy::{Block, PolicyKind, Verdict},
    proposal::{EffectStatus, Proposal, Status},
    snapshot::{ActionView, PolicyView, ProposalView, Snapshot, VoteView},
};
use policykit_policy::{Failure, Progress, Run};
use policykit_store::{
    ActionChange, CallRow, Changes, DecisionEntry, EvaluationRow, EvaluationState, LogRow, NewCall, ProposalBundle,
    ProposalChange,
};
use serde_json::json;

use crate::{
    community::{CommunityHandle, Compiled},
    evaluation::{Evaluation, Generous, Pause, REVERT},
    parts::Parts,
};

/// How the effect of a proposal stands, and why it is not done.
pub(crate) type Effect = (EffectStatus, Option<String>);

/// Action type of events that are no governable action, as trigger policies name it.
pub const WEBHOOK_TRIGGER: &str = "webhooktriggeraction";

/// What one transaction will write, and what is to be done after it.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) changes: Changes,
    pub(crate) follow_ups: Vec<FollowUp>,
}

/// Work that begins when the transaction is committed.
pub(crate) enum FollowUp {
    /// Go on with an evaluation; the call, if any, is committed.
    Drive(Box<Evaluation>, Option<Box<CallRow>>),
    /// Send a call that is committed.
    Send(Box<CallRow>),
}

impl Outbox {
    /// Notes how an action stands, on its row if that is still to be inserted.
    pub(crate) fn action(&mut self, id: ActionId, reverted: Option<bool>, standing: Option<Standing>) {
        if let Some(action) = self.changes.actions.iter_mut().find(|a| a.id == id) {
            action.reverted = reverted.unwrap_or(action.reverted);
            action.standing = standing.unwrap_or(action.standing);
        } else {
            self.changes.action_changes.push(ActionChange { id, reverted, standing });
        }
    }

    /// Adds an action unless it is there already.
    pub(crate) fn insert_action(&mut self, action: &Action) {
        if !self.changes.actions.iter().any(|a| a.id == action.id) {
            self.changes.actions.push(action.clone());
        }
    }

    /// Plans a call that the engine makes itself, to be sent as soon as it is committed.
    pub(crate) fn send(&mut self, mut call: NewCall) {
        call.state = first_state(call.class);
        self.follow_ups.push(FollowUp::Send(Box::new(new_row(&call))));
        self.changes.calls.push(call);
    }
}

/// How a new call is written down. What cannot be looked up afterwards does not count as being sent while it waits for
/// its turn: were it so, a death would leave in doubt whatever had been waiting.
pub(crate) const fn first_state(class: OperationClass) -> CallState {
    match class {
        OperationClass::Blind => CallState::Planned,
        OperationClass::Idempotent | OperationClass::State | OperationClass::Marked => CallState::Sending,
    }
}

/// A new call as it will be read back.
pub(crate) fn new_row(call: &NewCall) -> CallRow {
    CallRow {
        id: call.id,
        community: call.community,
        installation: call.installation,
        proposal: call.proposal,
        evaluation: call.evaluation,
        action: call.action,
        purpose: call.purpose.clone(),
        idx: call.idx,
        args_hash: call.call.args_hash(),
        call: call.call.clone(),
        class: call.class,
        state: call.state,
        attempt: i64::from(call.state == CallState::Sending),
        fence: call.fence,
        due_at: call.due_at,
        outcome: None,
        note: None,
        created_at: call.created_at,
        updated_at: call.created_at,
    }
}

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
        out: &mut Outbox,
    ) {
        let permissions = initiator.map(|user| community.permissions(user.id));
        match gate(permissions.as_ref(), &action.action_type, action.origin) {
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
        let planned = if purpose == REVERT { platform.revert(&view) } else { platform.execute(&view) };
        let Some(planned) = planned else { return };
        let now = self.clock.now();
        out.send(NewCall {
            id: CallId::derive_action(action.id, purpose),
            community: action.community,
            installation: installation.id,
            proposal: None,
            evaluation: None,
            action: Some(action.id),
            purpose: purpose.to_owned(),
            idx: 0,
            class: self.class_of(&installation.platform, &planned.operation),
            call: planned,
            state: CallState::Sending,
            fence: 0,
            due_at: now,
            created_at: now,
        });
    }

    /// Finds the first policy in order whose filter matches, and begins its evaluation.
    pub(crate) fn choose_policy(
        &self,
        community: &Arc<CommunityHandle>,
        action: &Action,
        initiator: Option<&User>,
        tried: &HashSet<PolicyId>,
        out: &mut Outbox,
    ) {
        let mut considered = Vec::new();
        let candidates = community.policies.iter().filter(|c| {
            c.policy.draft.kind == action.kind
                && c.policy.applies_to(&action.action_type)
                && !tried.contains(&c.policy.id)
        });
        let mut snapshot = None;
        for compiled in candidates {
            let snapshot = snapshot.get_or_insert_with(|| self.first_snapshot(community, action, initiator, compiled));
            let looked = self.matches(compiled, action, snapshot, &mut considered, out);
            if looked == Match::No || (looked == Match::Broken && action.kind != PolicyKind::Constitution) {
                continue;
            }
            if let Some(user) = initiator {
                considered.insert(0, asked(community, user, &action.action_type));
            }
            if looked == Match::Broken {
                // Were the next policy asked, whoever found a change that breaks this one would choose who decides.
                self.hold_unread(compiled, action, snapshot, considered, out);
                return;
            }
            self.begin(community, compiled, action, initiator, considered, out);
            return;
        }
        // Nobody governs it: what happened stands, what was only proposed is not done without a decision.
        if action.origin == Origin::PolicyKit || !considered.is_empty() {
            out.insert_action(action);
        }
        if action.origin == Origin::PolicyKit {
            out.action(action.id, None, Some(Standing::Held));
            // Nothing else tells its initiator why nothing happens.
            out.changes.decisions.push(DecisionEntry {
                community: action.community,
                at: self.clock.now(),
                kind: "action.ungoverned".to_owned(),
                body: json!({
                    "action": action.id, "action_type": action.action_type, "tried": considered.len(),
                }),
            });
        } else {
            self.fire_triggers(community, action, initiator, out);
        }
    }

    /// Lets every trigger policy look at an action that has come to stand, under the action's own type.
    pub(crate) fn fire_triggers(
        &self,
        community: &Arc<CommunityHandle>,
        of: &Action,
        initiator: Option<&User>,
        out: &mut Outbox,
    ) {
        let trigger = Action {
            id: ActionId::derive_trigger(of.id),
            kind: PolicyKind::Trigger,
            standing: Standing::Stands,
            ..of.clone()
        };
        self.trigger(community, &trigger, initiator, out);
    }

    /// Lets every trigger policy look at something that happened; each that matches gets a proposal of its own.
    pub(crate) fn trigger(
        &self,
        community: &Arc<CommunityHandle>,
        action: &Action,
        initiator: Option<&User>,
        out: &mut Outbox,
    ) {
        let mut snapshot = None;
        for compiled in &community.policies {
            if compiled.policy.draft.kind != PolicyKind::Trigger || !compiled.policy.applies_to(&action.action_type) {
                continue;
            }
            let snapshot = snapshot.get_or_insert_with(|| self.first_snapshot(community, action, initiator, compiled));
            let mut considered = Vec::new();
            if self.matches(compiled, action, snapshot, &mut considered, out) == Match::Yes {
                self.begin(community, compiled, action, initiator, considered, out);
            }
        }
    }

    /// What a policy's filter says of a snapshot, or how it fails.
    pub(crate) fn filter(&self, compiled: &Compiled, snapshot: &Snapshot) -> Result<bool, String> {
        let program = compiled.program.as_ref().map_err(Clone::clone)?;
        if compiled.policy.draft.blocks.filter.trim().is_empty() {
            return Ok(true);
        }
        let (sandbox, methods) = (Arc::clone(&self.sandbox), Arc::clone(&self.methods));
        match Run::new(sandbox, Arc::clone(program), snapshot.clone(), methods).start(Block::Filter) {
            Progress::Done(value) => Ok(value.is_truthy()),
            Progress::Failed(failure) => Err(failure.to_string()),
            Progress::Call(_) | Progress::Read(_) | Progress::ActionEffect(_) => {
                Err("a filter may only look at what it is given; it cannot call or read outside".to_owned())
            }
        }
    }

    /// Runs a policy's filter. When it fails, its owners are told.
    fn matches(
        &self,
        compiled: &Arc<Compiled>,
        action: &Action,
        snapshot: &mut Snapshot,
        considered: &mut Vec<serde_json::Value>,
        out: &mut Outbox,
    ) -> Match {
        snapshot.policy = policy_view(compiled);
        snapshot.proposal.id = ProposalId::derive(action.id, compiled.policy.id);
        let result = self.filter(compiled, snapshot);
        let (word, note) = match &result {
            Ok(true) => ("matched", None),
            Ok(false) => ("no_match", None),
            Err(why) => ("error", Some(why.clone())),
        };
        considered.push(json!({
            "policy": compiled.policy.id, "version": compiled.policy.version,
            "name": compiled.policy.draft.name, "result": word, "note": note,
        }));
        if let Err(why) = &result {
            out.changes.logs.push(LogRow {
                community: action.community,
                proposal: None,
                evaluation: None,
                action_type: Some(action.action_type.clone()),
                level: "error".to_owned(),
                message: format!("policy `{}`: {why}", compiled.policy.draft.name),
                at: self.clock.now(),
            });
            self.count_error(compiled, action, out);
        }
        match result {
            Ok(true) => Match::Yes,
            Ok(false) => Match::No,
            Err(_) => Match::Broken,
        }
    }

    /// Begins a proposal and evaluates it as far as it goes.
    fn begin(
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
                change.poll_open = Some(true);
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
                level: line.level.clone(),
                message: line.message.clone(),
                at: now,
            });
        }
        evaluation.logged = logs.len();
    }

    fn first_snapshot(
        &self,
        community: &CommunityHandle,
        action: &Action,
        initiator: Option<&User>,
        compiled: &Compiled,
    ) -> Snapshot {
        let now = self.clock.now();
        Snapshot {
            now,
            seed: 0,
            community: community.view(),
            action: self.action_view(community, action, initiator),
            policy: policy_view(compiled),
            proposal: ProposalView {
                id: ProposalId::derive(action.id, compiled.policy.id),
                created_at: now,
                status: Verdict::Proposed,
                vote: None,
                data: JsonMap::new(),
                variables: Value::None,
            },
            ballots: Vec::new(),
            platforms: community.platforms(),
        }
    }

    /// What a later evaluation sees.
    pub(crate) fn later_snapshot(
        &self,
        community: &CommunityHandle,
        bundle: &ProposalBundle,
        now: Timestamp,
    ) -> Snapshot {
        let proposal = &bundle.proposal;
        let mut ballots = bundle.ballots.clone();
        for ballot in &mut ballots {
            if let Some(user) = community
                .state
                .installations
                .iter()
                .filter(|i| i.platform == ballot.voter.platform)
                .find_map(|i| community.member(i.id, &ballot.voter.external_id))
            {
                ballot.voter.roles = community.role_names(user.id);
            }
        }
        Snapshot {
            now,
            seed: self.ids.random(),
            community: community.view(),
            action: self.action_view(community, &bundle.action, bundle.initiator.as_ref()),
            policy: PolicyView {
                id: bundle.policy.id,
                version: bundle.policy.version,
                name: bundle.policy.draft.name.clone(),
                description: bundle.policy.draft.description.clone(),
                kind: bundle.policy.draft.kind,
            },
            proposal: ProposalView {
                id: proposal.id,
                created_at: proposal.created_at,
                status: Verdict::Proposed,
                vote: proposal.poll.as_ref().map(|poll| VoteView {
                    post_id: poll.post_id.clone(),
                    url: poll.url.clone(),
                    open: proposal.poll_open,
                }),
                data: proposal.data.clone(),
                variables: proposal.variables.clone(),
            },
            ballots,
            platforms: community.platforms(),
        }
    }

    pub(crate) fn action_view(
        &self,
        community: &CommunityHandle,
        action: &Action,
        initiator: Option<&User>,
    ) -> ActionView {
        let installation = action.installation.and_then(|id| community.installation(id));
        let label = installation
            .and_then(|i| self.registry.get(&i.platform))
            .and_then(|p| p.descriptor().action_type(&action.action_type).map(|t| t.label.to_owned()))
            .or_else(|| constitution::label(&action.action_type).map(str::to_owned))
            .unwrap_or_else(|| action.action_type.clone());
        ActionView {
            id: action.id,
            action_type: action.action_type.clone(),
            label,
            kind: action.kind,
            platform: installation.map(|i| i.platform.clone()),
            origin: action.origin,
            reverted: action.reverted,
            initiator: initiator.map(|user| community.user_view(user)),
            fields: action.fields.clone(),
        }
    }
}

/// What a filter says of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Yes,
    No,
    /// It failed, or its policy cannot be compiled.
    Broken,
}

/// Why the rules were asked at all: the initiator may propose this, but not do it without asking.
fn asked(community: &CommunityHandle, initiator: &User, action_type: &str) -> serde_json::Value {
    let permission = permission::propose(action_type);
    let roles = community.roles_that_may(initiator.id, &permission);
    json!({ "result": "asked", "name": initiator.name, "permission": permission, "roles": roles })
}

fn policy_view(compiled: &Compiled) -> PolicyView {
    let policy = &compiled.policy;
    PolicyView {
        id: policy.id,
        version: policy.version,
        name: policy.draft.name.clone(),
        description: policy.draft.description.clone(),
        kind: policy.draft.kind,
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
