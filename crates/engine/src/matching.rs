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
use policykit_policy::{FailureKind, Progress, Run};
use policykit_store::{DecisionEntry, LogRow};
use serde_json::json;

use crate::{
    Engine, EngineError,
    candidates::Candidates,
    community::{CommunityHandle, Compiled},
    foresight::Foreseen,
    outbox::Outbox,
    parts::Parts,
    views::policy_view,
};

/// An action under the eyes of the policies that may be about it.
struct Looking<'a> {
    parts: &'a Parts,
    community: &'a CommunityHandle,
    action: &'a Action,
    initiator: Option<&'a User>,
    candidates: &'a Candidates,
    /// What is known of each policy's filter, by its place among the candidates.
    said: Vec<Option<bool>>,
    /// Groups of joined filters that have been run.
    groups: Vec<usize>,
    /// Runs filters that have to run alone.
    alone: Option<Run>,
    /// What was heard of joined filters before, together with other actions.
    foreseen: Option<Foreseen>,
    /// Why a filter could not be run, where that was not its own fault.
    nowhere: Option<String>,
}

/// What a policy's filter made of an action: whether it matches, or why that cannot be said.
type Look = (usize, Result<bool, String>);

impl<'a> Looking<'a> {
    fn new(
        parts: &'a Parts,
        community: &'a CommunityHandle,
        action: &'a Action,
        initiator: Option<&'a User>,
        candidates: &'a Candidates,
    ) -> Self {
        let said = vec![None; candidates.policies.len()];
        let groups = Vec::new();
        Self {
            parts,
            community,
            action,
            initiator,
            candidates,
            said,
            groups,
            alone: None,
            foreseen: None,
            nowhere: None,
        }
    }

    /// With what was heard before.
    fn knowing(self, foreseen: Option<Foreseen>) -> Self {
        Self { foreseen, ..self }
    }

    /// Whether the policy at this place matches.
    fn matches(&mut self, place: usize, compiled: &Compiled) -> Result<bool, String> {
        let program = compiled.program.as_ref().map_err(Clone::clone)?;
        if compiled.policy.draft.blocks.filter.trim().is_empty() {
            return Ok(true);
        }
        let joined = self.candidates.joined(self.parts.sandbox.as_ref());
        if let Some(group) = joined.group_of(place).filter(|group| !self.groups.contains(group)) {
            self.groups.push(group);
            let view = self.parts.action_view(self.community, self.action, self.initiator);
            let foreseen = self.foreseen.as_mut().and_then(|f| f.take(self.candidates, group, &view));
            for (place, matches) in foreseen.unwrap_or_else(|| joined.run(group, &view)) {
                if let Some(said) = self.said.get_mut(place) {
                    *said = Some(matches);
                }
            }
        }
        if let Some(known) = self.said.get(place).copied().flatten() {
            return Ok(known);
        }
        let run = if let Some(run) = &mut self.alone {
            run.turn_to(
                Arc::clone(program),
                policy_view(compiled),
                ProposalId::derive(self.action.id, compiled.policy.id),
            );
            run
        } else {
            let (sandbox, methods) = (Arc::clone(&self.parts.sandbox), Arc::clone(&self.parts.methods));
            let snapshot = self.parts.first_snapshot(self.community, self.action, self.initiator, compiled);
            self.alone.insert(Run::new(sandbox, Arc::clone(program), snapshot, methods))
        };
        heard(run).map_err(|failed| {
            if failed.is_nowhere() {
                self.nowhere = Some(failed.0.clone());
            }
            failed.0
        })
    }

    /// What is kept for people who ask why it was this policy.
    fn report(&self, looks: &[Look]) -> Vec<serde_json::Value> {
        let considered = |(place, result): &Look| {
            let policy = &self.candidates.policies.get(*place)?.policy;
            let (word, note) = match result {
                Ok(true) => ("matched", None),
                Ok(false) => ("no_match", None),
                Err(why) => ("error", Some(why)),
            };
            Some(json!({
                "policy": policy.id, "version": policy.version, "name": policy.draft.name,
                "result": word, "note": note,
            }))
        };
        looks.iter().filter_map(considered).collect()
    }
}

impl Engine {
    /// Lets the filters of the policies that are about an action look at it, and says which match, in order. Nothing is
    /// written and nothing follows.
    ///
    /// # Errors
    /// When the community cannot be read.
    pub async fn look(&self, action: &Action, initiator: Option<&User>) -> Result<Vec<PolicyId>, EngineError> {
        let community = self.0.community(action.community, None).await?;
        let Some(candidates) = community.index.candidates(action.kind, &action.action_type) else {
            return Ok(Vec::new());
        };
        let mut looking = Looking::new(&self.0, &community, action, initiator, candidates);
        let places = candidates.policies.iter().enumerate();
        Ok(places.filter(|(place, c)| looking.matches(*place, c) == Ok(true)).map(|(_, c)| c.policy.id).collect())
    }
}

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
        let mut looks: Vec<Look> = Vec::new();
        if let Some(candidates) = community.index.candidates(action.kind, &action.action_type) {
            let foreseen = out.foreseen.remove(&action.id);
            let mut looking = Looking::new(self, community, action, initiator, candidates).knowing(foreseen);
            for (place, compiled) in candidates.policies.iter().enumerate() {
                if tried.contains(&compiled.policy.id) {
                    continue;
                }
                let result = looking.matches(place, compiled);
                if looking.nowhere.is_some() {
                    out.nowhere = looking.nowhere;
                    return;
                }
                self.complain(compiled, action, &result, out);
                let broken = result.is_err();
                let passed_over = result == Ok(false) || (broken && action.kind != PolicyKind::Constitution);
                looks.push((place, result));
                if passed_over {
                    continue;
                }
                let mut considered = looking.report(&looks);
                if let Some(user) = initiator {
                    considered.insert(0, asked(community, user, &action.action_type));
                }
                if broken {
                    // Were the next policy asked, whoever found a change that breaks this one would choose who decides.
                    let snapshot = self.first_snapshot(community, action, initiator, compiled);
                    self.hold_unread(compiled, action, &snapshot, considered, out);
                } else {
                    self.begin(community, compiled, action, initiator, considered, out);
                }
                return;
            }
        }
        // Nobody governs it: what happened stands, what was only proposed is not done without a decision.
        if action.origin == Origin::PolicyKit || !looks.is_empty() {
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
                    "action": action.id, "action_type": action.action_type, "tried": looks.len(),
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
        self.trigger(community, &as_trigger(of), initiator, out);
    }

    /// Lets every trigger policy look at something that happened; each that matches gets a proposal of its own.
    pub(crate) fn trigger(
        &self,
        community: &Arc<CommunityHandle>,
        action: &Action,
        initiator: Option<&User>,
        out: &mut Outbox,
    ) {
        let Some(candidates) = community.index.candidates(PolicyKind::Trigger, &action.action_type) else { return };
        let foreseen = out.foreseen.remove(&action.id);
        let mut looking = Looking::new(self, community, action, initiator, candidates).knowing(foreseen);
        for (place, compiled) in candidates.policies.iter().enumerate() {
            let result = looking.matches(place, compiled);
            if looking.nowhere.is_some() {
                out.nowhere = looking.nowhere;
                return;
            }
            self.complain(compiled, action, &result, out);
            if result == Ok(true) {
                let considered = looking.report(&[(place, result)]);
                self.begin(community, compiled, action, initiator, considered, out);
            }
        }
    }

    /// What a policy's filter says of a snapshot, or how it fails.
    pub(crate) fn filter(&self, compiled: &Compiled, snapshot: &Snapshot) -> Result<bool, Unheard> {
        let program = compiled.program.as_ref().map_err(|why| Unheard(why.clone(), None))?;
        if compiled.policy.draft.blocks.filter.trim().is_empty() {
            return Ok(true);
        }
        let (sandbox, methods) = (Arc::clone(&self.sandbox), Arc::clone(&self.methods));
        heard(&mut Run::new(sandbox, Arc::clone(program), snapshot.clone(), methods))
    }

    /// When a filter fails, its policy's owners are told.
    fn complain(&self, compiled: &Arc<Compiled>, action: &Action, result: &Result<bool, String>, out: &mut Outbox) {
        let Err(why) = result else { return };
        out.changes.logs.push(LogRow {
            community: action.community,
            proposal: None,
            evaluation: None,
            action_type: Some(action.action_type.clone()),
            is_private: action.is_private,
            level: "error".to_owned(),
            message: format!("policy `{}`: {why}", compiled.policy.draft.name),
            at: self.clock.now(),
        });
        self.count_error(compiled, action, out);
    }
}

/// An action that has come to stand, as trigger policies see it.
pub(crate) fn as_trigger(of: &Action) -> Action {
    Action {
        id: ActionId::derive_trigger(of.id),
        kind: PolicyKind::Trigger,
        // That something was heard of changes nothing.
        about: None,
        standing: Standing::Stands,
        ..of.clone()
    }
}

/// Why a filter says nothing.
pub(crate) struct Unheard(pub(crate) String, Option<FailureKind>);

impl Unheard {
    /// Whether it was not run at all.
    pub(crate) const fn is_nowhere(&self) -> bool {
        matches!(self.1, Some(FailureKind::Nowhere))
    }
}

/// What a filter that runs alone says.
fn heard(run: &mut Run) -> Result<bool, Unheard> {
    match run.start(Block::Filter) {
        Progress::Done(value) => Ok(value.is_truthy()),
        Progress::Failed(failure) => Err(Unheard(failure.to_string(), Some(failure.kind))),
        Progress::Call(_) | Progress::Read(_) | Progress::ActionEffect(_) => {
            Err(Unheard("a filter may only look at what it is given; it cannot call or read outside".to_owned(), None))
        }
    }
}

/// Why the rules were asked at all: the initiator may propose this, but not do it without asking.
fn asked(community: &CommunityHandle, initiator: &User, action_type: &str) -> serde_json::Value {
    let permission = permission::propose(action_type);
    let roles = community.roles_that_may(initiator.id, &permission);
    json!({ "result": "asked", "name": initiator.name, "permission": permission, "roles": roles })
}
