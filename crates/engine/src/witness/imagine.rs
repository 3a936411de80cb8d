//! The rules as they would be after a change. What the store would refuse, because it no longer fits, changes nothing.

use std::{collections::BTreeSet, sync::Arc};

use policykit_core::{
    community::{Role, User},
    constitution::{Amendment, RoleDraft, clash, is_protected},
    ids::{PolicyId, PolicyVersionId, RoleId, UserId},
    policy::{Policy, PolicyKind},
};
use policykit_store::NewAmendment;

use super::Rules;

impl Rules {
    /// People who are written down in the same transaction as the changes.
    pub(super) fn meet(&mut self, users: &[User]) {
        for user in users.iter().filter(|user| user.community == self.state.community.id) {
            Arc::make_mut(&mut self.known).insert(user.id);
            let members = Arc::make_mut(&mut self.members);
            members.retain(|member| member.id != user.id);
            if !user.is_gone && !user.is_bot {
                members.push(user.clone());
            }
        }
    }

    /// Makes a change.
    pub(super) fn imagine(&mut self, new: &NewAmendment) {
        match &new.amendment {
            Amendment::AddPolicy(draft) => {
                if self.is_free(None, &draft.name) {
                    self.put(Policy {
                        id: PolicyId::derive(new.action),
                        version_id: PolicyVersionId::derive(new.action),
                        version: 1,
                        position: self.above_all(),
                        draft: draft.clone(),
                    });
                }
            }
            Amendment::ChangePolicy { policy, version, draft } => {
                if let Some(known) = self.policy(*policy, draft.kind)
                    && version.is_none_or(|from| from == known.version)
                    && self.is_free(Some(*policy), &draft.name)
                {
                    self.put(Policy {
                        version_id: PolicyVersionId::derive(new.action),
                        version: known.version + 1,
                        draft: draft.clone(),
                        ..known
                    });
                }
            }
            Amendment::RemovePolicy { kind, policy } => {
                if self.policy(*policy, *kind).is_some() {
                    self.state.policies.retain(|p| p.id != *policy);
                    self.names.retain(|(id, _)| id != policy);
                }
            }
            Amendment::RecoverPolicy { kind, policy } => {
                if let Some(known) = self.policy(*policy, *kind)
                    && self.is_free(Some(*policy), &known.draft.name)
                {
                    self.put(Policy { position: self.above_all(), ..known });
                }
            }
            Amendment::OrderPolicies { kind, order } => self.reorder(*kind, order),
            Amendment::AddRole(draft) => {
                if self.is_free_role(None, &draft.name) {
                    let role = Role {
                        id: RoleId::derive(new.action),
                        community: new.community,
                        name: draft.name.clone(),
                        description: draft.description.clone(),
                        is_base: false,
                        permissions: draft.permissions.clone(),
                    };
                    self.state.roles.push(role);
                }
            }
            Amendment::EditRole { role, draft } => self.edit(*role, draft),
            Amendment::DeleteRole { role } => {
                if self.role(*role).is_some_and(|known| !is_protected(&known.name, known.is_base)) {
                    self.state.roles.retain(|known| known.id != *role);
                    self.state.role_members.values_mut().for_each(|roles| {
                        roles.remove(role);
                    });
                }
            }
            Amendment::AddUserRole { role, users } => self.hold(*role, users),
            Amendment::RemoveUserRole { role, users } => {
                for user in users {
                    if let Some(roles) = self.state.role_members.get_mut(user) {
                        roles.remove(role);
                    }
                }
            }
            Amendment::AddDocument(_)
            | Amendment::ChangeDocument { .. }
            | Amendment::DeleteDocument { .. }
            | Amendment::RecoverDocument { .. }
            | Amendment::AddIntegration(_) => {}
            Amendment::RemoveIntegration { integration } => {
                self.state.installations.retain(|there| there.id != *integration);
                Arc::make_mut(&mut self.members).retain(|member| member.installation != *integration);
            }
        }
        self.state.policies.sort_by_key(|p| (p.draft.action_types.is_empty(), p.position, p.id));
    }

    /// A policy as it was last in force, if it is of this kind.
    fn policy(&self, id: PolicyId, kind: PolicyKind) -> Option<Policy> {
        self.all.get(&id).filter(|policy| policy.draft.kind == kind).cloned()
    }

    /// Whether no other policy is called like that.
    fn is_free(&self, own: Option<PolicyId>, name: &str) -> bool {
        clash(&self.names, own, name).is_none()
    }

    /// Puts a policy in force, in the place of the one it was.
    fn put(&mut self, policy: Policy) {
        self.names.retain(|(id, _)| *id != policy.id);
        self.names.push((policy.id, policy.draft.name.clone()));
        self.state.policies.retain(|known| known.id != policy.id);
        self.state.policies.push(policy.clone());
        self.all.insert(policy.id, policy);
    }

    fn above_all(&self) -> i64 {
        self.all.values().map(|policy| policy.position).min().map_or(0, |top| top - 1)
    }

    fn reorder(&mut self, kind: PolicyKind, order: &[PolicyId]) {
        let current: Vec<Policy> = self.state.policies.iter().filter(|p| p.draft.kind == kind).cloned().collect();
        let wanted: BTreeSet<PolicyId> = order.iter().copied().collect();
        if wanted.len() != order.len() || wanted != current.iter().map(|p| p.id).collect() {
            return;
        }
        let mut places: Vec<i64> = current.iter().map(|p| p.position).collect();
        places.sort_unstable();
        for (id, position) in order.iter().zip(places) {
            if let Some(known) = self.policy(*id, kind) {
                self.put(Policy { position, ..known });
            }
        }
    }

    fn role(&self, id: RoleId) -> Option<&Role> {
        self.state.roles.iter().find(|role| role.id == id)
    }

    fn is_free_role(&self, own: Option<RoleId>, name: &str) -> bool {
        let names: Vec<_> = self.state.roles.iter().map(|role| (role.id, role.name.clone())).collect();
        clash(&names, own, name).is_none()
    }

    fn edit(&mut self, id: RoleId, draft: &RoleDraft) {
        let taken = !self.is_free_role(Some(id), &draft.name);
        for known in self.state.roles.iter_mut().filter(|role| role.id == id) {
            if known.name != draft.name && (taken || is_protected(&known.name, false)) {
                return;
            }
            known.name.clone_from(&draft.name);
            known.description.clone_from(&draft.description);
            known.permissions.clone_from(&draft.permissions);
        }
    }

    fn hold(&mut self, role: RoleId, users: &BTreeSet<UserId>) {
        if self.role(role).is_none() || !users.is_subset(&self.known) {
            return;
        }
        for user in users {
            self.state.role_members.entry(*user).or_default().insert(role);
        }
    }
}
