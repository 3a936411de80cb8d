//! M: which policy governs an action, and which ones react to it.

use std::{collections::HashSet, sync::Arc};

use policykit_core::{
    action::{Action, Origin, Standing},
    community::User,
    ids::{ActionId, PolicyId, ProposalId},
    permission,
    policy::{Block, PolicyKind},
    snapshot::Snapshot,
};
use policykit_policy::{Progress, Run};
use policykit_store::{DecisionEntry, LogRow};
use serde_json::json;

use crate::{
    community::{CommunityHandle, Compiled},
    outbox::Outbox,
    parts::Parts,
    views::policy_view,
};

impl Parts {
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
