//! Before a change of the rules about the rules takes effect: can the rules still be changed afterwards?
//!
//! A witness is a member, a change of the constitution and a course of events under which it passes: everybody who is
//! asked says yes, no time has passed or very much. It is looked for by rehearsal, on rules as they would be. A change
//! after which there is none, where there was one before, is not made unless it says that it accepts that.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    action::Origin,
    community::{Role, User},
    constitution::{Amendment, accepts_lockout},
    ids::{CommunityId, PolicyId, PolicyVersionId, RoleId, UserId},
    policy::{Policy, PolicyKind},
};
use policykit_store::{CommunityState, NewAmendment, PolicyState};

use crate::{Engine, EngineError, govern::Outbox, parts::Parts, rehearsal::Rehearsal};

/// What a proposal says whose change would have locked the community out.
const LOCKOUT: &str = "afterwards nobody could change the rules about the rules any more, whatever the votes; \
                       propose it again with `accept that the rules can then no longer be changed` to do it all the same";
/// How many members of different roles are tried.
const MOST_CASTS: usize = 64;

/// The rules of a community as far as changes of the rules depend on them.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) state: CommunityState,
    /// All policies, those out of force too.
    all: Vec<(Policy, PolicyState)>,
    members: Vec<User>,
}

/// Whether the rules about the rules can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changeable {
    /// They can; by whom (a role) and with what kind of change, in words.
    Yes(String),
    /// No way was found.
    No,
}

impl Engine {
    /// Whether some change of the constitution can pass under the rules as they are: a rehearsal, nothing is written or
    /// sent. A policy that asks a platform before it decides cannot be rehearsed and counts as one that does not pass.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn changeable(&self, community: CommunityId) -> Result<Changeable, EngineError> {
        let rules = Rules::load(&self.0, community).await?;
        Ok(rules.witness(&self.0).map_or(Changeable::No, Changeable::Yes))
    }
}

impl Parts {
    /// Forbids the changes in the outbox that would take the last way to change the rules away.
    pub(crate) async fn guard_the_rules(&self, out: &mut Outbox) -> Result<(), EngineError> {
        let in_danger = |new: &&NewAmendment| new.amendment.endangers();
        let communities: BTreeSet<CommunityId> =
            out.changes.amendments.iter().filter(in_danger).map(|new| new.community).collect();
        for community in communities {
            let mut rules = Rules::load(self, community).await?;
            let mut was = None;
            for new in out.changes.amendments.iter_mut().filter(|new| new.community == community) {
                let mut next = rules.clone();
                next.imagine(new);
                if new.amendment.endangers() && !new.accepts_lockout {
                    let before = was.get_or_insert_with(|| rules.witness(self)).clone();
                    let after = next.witness(self);
                    // Where no way could be shown before, the rehearsal cannot judge these rules at all.
                    if before.is_some() && after.is_none() {
                        new.forbidden = Some(LOCKOUT.to_owned());
                        continue;
                    }
                    was = Some(after);
                } else {
                    was = None;
                }
                rules = next;
            }
        }
        Ok(())
    }
}

impl Rules {
    pub(crate) async fn load(parts: &Parts, community: CommunityId) -> Result<Self, EngineError> {
        let scope = parts.db.community(community);
        let state = scope.state().await?;
        let all = scope.policies().await?;
        let mut members = Vec::new();
        for installation in &state.installations {
            members.append(&mut scope.users(installation.id).await?);
        }
        members.retain(|member| !member.is_gone && !member.is_bot);
        Ok(Self { state, all, members })
    }

    pub(crate) fn members(&self) -> &[User] {
        &self.members
    }

    /// The policies about changes of the rules, in the order in which they are tried.
    pub(crate) fn constitution(&self) -> impl Iterator<Item = &Policy> {
        self.state.policies.iter().filter(|p| p.draft.kind == PolicyKind::Constitution)
    }

    /// Names of a member's roles and what they allow.
    pub(crate) fn cast(&self, member: &User) -> (Vec<String>, BTreeSet<String>) {
        let own = self.state.role_members.get(&member.id);
        let roles = self.state.roles.iter().filter(|r| r.is_base || own.is_some_and(|ids| ids.contains(&r.id)));
        let (mut names, mut permissions) = (Vec::new(), BTreeSet::new());
        for role in roles {
            names.push(role.name.clone());
            permissions.extend(role.permissions.iter().cloned());
        }
        (names, permissions)
    }

    /// One member for each set of roles, and of each such set an administrator of the platform too.
    fn casts(&self) -> Vec<&User> {
        let nothing = BTreeSet::new();
        let mut found: BTreeMap<(&BTreeSet<RoleId>, bool), &User> = BTreeMap::new();
        for member in &self.members {
            let roles = self.state.role_members.get(&member.id).unwrap_or(&nothing);
            found.entry((roles, member.is_admin)).or_insert(member);
        }
        found.into_values().take(MOST_CASTS).collect()
    }

    /// A way in which a change of the constitution passes, in words.
    pub(crate) fn witness(&self, parts: &Parts) -> Option<String> {
        let rehearsal = Rehearsal::new(parts, self);
        for member in self.casts() {
            for change in self.changes() {
                if rehearsal.passes(member, &change) {
                    let (roles, _) = self.cast(member);
                    return Some(format!("somebody with {} may {}", roles.join(" and "), words(&change)));
                }
            }
        }
        None
    }

    /// Changes that can mend what is wrong with the rules about the rules.
    fn changes(&self) -> Vec<Amendment> {
        let kind = PolicyKind::Constitution;
        let Some(first) = self.constitution().next() else { return Vec::new() };
        vec![
            Amendment::ChangePolicy { policy: first.id, version: Some(first.version), draft: first.draft.clone() },
            Amendment::AddPolicy(first.draft.clone()),
            Amendment::RemovePolicy { kind, policy: first.id },
        ]
    }

    /// The rules as they would be.
    fn imagine(&mut self, new: &NewAmendment) {
        match &new.amendment {
            Amendment::AddPolicy(draft) => {
                let id = PolicyId::derive(new.action);
                let version_id = PolicyVersionId::derive(new.action);
                let top = self.state.policies.iter().map(|p| p.position).min().unwrap_or_default() - 1;
                let policy = Policy { id, version_id, version: 1, position: top, draft: draft.clone() };
                self.state.policies.push(policy);
            }
            Amendment::ChangePolicy { policy, draft, .. } => {
                self.put_in_force(*policy);
                for known in self.state.policies.iter_mut().filter(|p| p.id == *policy) {
                    known.draft = draft.clone();
                    known.version_id = PolicyVersionId::derive(new.action);
                }
            }
            Amendment::RemovePolicy { policy, .. } => self.state.policies.retain(|p| p.id != *policy),
            Amendment::RecoverPolicy { policy, .. } => self.put_in_force(*policy),
            Amendment::OrderPolicies { order, .. } => {
                for (place, id) in order.iter().enumerate() {
                    for known in self.state.policies.iter_mut().filter(|p| p.id == *id) {
                        known.position = i64::try_from(place).unwrap_or(i64::MAX);
                    }
                }
            }
            Amendment::AddRole(_)
            | Amendment::AddDocument(_)
            | Amendment::ChangeDocument { .. }
            | Amendment::DeleteDocument { .. }
            | Amendment::RecoverDocument { .. } => {}
            Amendment::EditRole { role, draft } => {
                for known in self.state.roles.iter_mut().filter(|r| r.id == *role) {
                    *known = Role {
                        name: draft.name.clone(),
                        description: draft.description.clone(),
                        permissions: draft.permissions.clone(),
                        ..known.clone()
                    };
                }
            }
            Amendment::DeleteRole { role } => self.state.roles.retain(|r| r.id != *role),
            Amendment::AddUserRole { role, users } => self.hold(*role, users),
            Amendment::RemoveUserRole { role, users } => {
                for user in users {
                    if let Some(roles) = self.state.role_members.get_mut(user) {
                        roles.remove(role);
                    }
                }
            }
        }
        self.state.policies.sort_by_key(|p| (p.draft.action_types.is_empty(), p.position, p.id));
    }

    fn hold(&mut self, role: RoleId, users: &BTreeSet<UserId>) {
        for user in users {
            self.state.role_members.entry(*user).or_default().insert(role);
        }
    }

    /// A policy that is out of force is tried first when it comes back.
    fn put_in_force(&mut self, id: PolicyId) {
        if self.state.policies.iter().any(|p| p.id == id) {
            return;
        }
        let top = self.state.policies.iter().map(|p| p.position).min().unwrap_or_default() - 1;
        if let Some((policy, _)) = self.all.iter().find(|(p, _)| p.id == id) {
            self.state.policies.push(Policy { position: top, ..policy.clone() });
        }
    }
}

fn words(change: &Amendment) -> &'static str {
    policykit_core::constitution::label(&change.action_type()).unwrap_or("change the rules")
}

/// Whether a change that is proposed says that it may be the last one.
pub(crate) fn accepts(action: &policykit_core::action::Action) -> bool {
    action.origin == Origin::PolicyKit && accepts_lockout(&action.fields)
}
