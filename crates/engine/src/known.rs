//! What policies ask about the community, answered from what is known here.

use std::collections::BTreeSet;

use policykit_core::{
    Value,
    community::{Document, Role, User},
    ids::UserId,
    policy::{Policy, PolicyKind},
    snapshot::{PolicyView, UserView},
};
use policykit_policy::{COMMUNITY, ReadRequest, document_value, policy_value, role_value, user_value};
use policykit_store::CommunityState;

/// What is known of a community at a moment.
pub(crate) struct Known<'a> {
    pub(crate) state: &'a CommunityState,
    /// The members the question is about: those on one platform, or all.
    pub(crate) people: Vec<(&'a User, UserView)>,
    /// Its documents, where they are asked for.
    pub(crate) documents: &'a [Document],
}

impl Known<'_> {
    /// The answer, if the question is one that no platform has to be asked.
    pub(crate) fn answer(&self, request: &ReadRequest) -> Option<Value> {
        let text = |name: &str| request.args.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        let whole = request.platform == COMMUNITY;
        Some(match request.method.as_str() {
            "get_users" => {
                let wanted = wanted_roles(request);
                self.members(|_, view| {
                    wanted.as_ref().is_none_or(|wanted| view.roles.iter().any(|role| wanted.contains(role)))
                })
            }
            "get_users_with_permission" => {
                let permission = text("permission");
                self.members(|user, _| self.may(user.id, permission))
            }
            "get_roles" => Value::List(self.state.roles.iter().map(|role| role_value(&role.name)).collect()),
            "get_username_to_readable_name_dict" => {
                let name = |(_, view): &(&User, UserView)| (Value::str(view.username()), Value::str(&view.name));
                Value::Dict(self.people.iter().map(name).collect())
            }
            "get_members" if whole => self.members(|_, _| true),
            "get_documents" if whole => {
                let active = request.args.get("is_active") != Some(&false.into());
                let documents = self.documents.iter().filter(|document| document.is_active == active);
                Value::List(documents.map(document_value).collect())
            }
            "get_policies" if whole => self.policies(request, None),
            "get_platform_policies" if whole => self.policies(request, Some(PolicyKind::Platform)),
            "get_constitution_policies" if whole => self.policies(request, Some(PolicyKind::Constitution)),
            "get_trigger_policies" if whole => self.policies(request, Some(PolicyKind::Trigger)),
            "has_perm" if whole => {
                let found = self.people.iter().find(|(_, view)| is(view, text("user")));
                Value::Bool(found.is_some_and(|(user, _)| self.may(user.id, text("permission"))))
            }
            // Nobody's accounts are linked yet.
            "find_linked_username" if whole => Value::None,
            "role" if whole => {
                let role = self.state.roles.iter().find(|role| role.name == text("role"))?;
                self.of_role(role, text("attribute"))
            }
            _ => return None,
        })
    }

    fn members(&self, wanted: impl Fn(&User, &UserView) -> bool) -> Value {
        let members = self.people.iter().filter(|(user, view)| wanted(user, view));
        Value::List(members.map(|(_, view)| user_value(view)).collect())
    }

    fn may(&self, user: UserId, permission: &str) -> bool {
        self.roles(user).any(|role| role.permissions.contains(permission))
    }

    fn roles(&self, user: UserId) -> impl Iterator<Item = &Role> {
        let own: Option<&BTreeSet<_>> = self.state.role_members.get(&user);
        self.state.roles.iter().filter(move |role| role.is_base || own.is_some_and(|ids| ids.contains(&role.id)))
    }

    fn of_role(&self, role: &Role, attribute: &str) -> Value {
        match attribute {
            "description" => Value::str(&role.description),
            "is_base_role" => Value::Bool(role.is_base),
            "permissions" => Value::List(role.permissions.iter().map(Value::str).collect()),
            "user_set" => self.members(|user, _| self.roles(user.id).any(|r| r.id == role.id)),
            _ => Value::None,
        }
    }

    /// Policies in force; those that are not are not known here.
    fn policies(&self, request: &ReadRequest, kind: Option<PolicyKind>) -> Value {
        let active = request.args.get("is_active") != Some(&false.into());
        let policies = self.state.policies.iter();
        let wanted = policies.filter(|policy| active && kind.is_none_or(|kind| policy.draft.kind == kind));
        Value::List(wanted.map(|policy| policy_value(&view(policy))).collect())
    }
}

/// Whether this is the member with the id `platform:account`.
fn is(view: &UserView, id: &str) -> bool {
    let is = |account: &str| account == view.external_id || account == view.username();
    id.split_once(':').is_some_and(|(platform, account)| view.platform == platform && is(account))
}

/// A policy as policy code sees it.
pub(crate) fn view(policy: &Policy) -> PolicyView {
    PolicyView {
        id: policy.id,
        version: policy.version,
        name: policy.draft.name.clone(),
        description: policy.draft.description.clone(),
        kind: policy.draft.kind,
        action_types: policy.draft.action_types.clone(),
    }
}

/// Names of the roles of which the asked-for members must have one; `None` when everybody is asked for.
fn wanted_roles(request: &ReadRequest) -> Option<Vec<String>> {
    let names = request.args.get("role_names")?.as_array()?;
    Some(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
}
