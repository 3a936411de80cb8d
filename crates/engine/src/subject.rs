//! What a proposed change of the rules is about. It is looked up when the change becomes an action, and written over
//! whatever the proposer said: who votes knows by it which rule is changed.

use policykit_core::{
    JsonMap,
    constitution::{self, Amendment, Before, Invalid, Subject, Target},
    ids::{CommunityId, PolicyId, UserId},
    policy::PolicyKind,
};
use policykit_store::{CommunityState, Scoped, StoreError};

use crate::{Engine, parts::Parts};

impl Parts {
    /// The fields of a proposed change as everybody sees them. What can be read as no change is refused later, and names
    /// nothing.
    pub(crate) async fn told(
        &self,
        community: CommunityId,
        action_type: &str,
        proposed: &JsonMap,
    ) -> Result<JsonMap, StoreError> {
        let Ok(amendment) = Amendment::read(action_type, proposed) else {
            return Ok(constitution::without_looked_up(proposed));
        };
        let subject = subject(&self.db.community(community), &amendment).await?;
        Ok(amendment.told(proposed, &subject))
    }
}

impl Engine {
    /// How an action reads in a sentence: a change of the rules with the name of what it changes.
    pub fn describe(&self, action_type: &str, fields: &JsonMap) -> String {
        constitution::described(action_type, fields).unwrap_or_else(|| self.label(action_type).to_owned())
    }
}

/// What a change is about, read from the database: what is in memory may be older.
async fn subject(scope: &Scoped, amendment: &Amendment) -> Result<Subject, StoreError> {
    Ok(match amendment.target() {
        Target::New => Subject::default(),
        Target::Policy(kind, id) => Subject { name: policy_name(scope, kind, id).await?, ..Subject::default() },
        Target::Order(kind) => Subject { before: Before::Order(scope.policy_order(kind).await?), ..Subject::default() },
        Target::Role(id) => match scope.roles().await?.into_iter().find(|role| role.id == id) {
            None => Subject::default(),
            Some(role) => Subject {
                before: Before::Role { description: role.description, permissions: role.permissions },
                ..Subject::named(role.name)
            },
        },
        Target::Members(id, users) => {
            let role = scope.roles().await?.into_iter().find(|role| role.id == id);
            let wanted: Vec<UserId> = users.iter().copied().collect();
            let known = scope.people_by_id(&wanted).await?;
            let name = |id: &UserId| known.iter().find(|user| user.id == *id).map(|user| user.name.clone());
            // Somebody who is no member is named too, or the names would belong to others.
            let users = wanted.iter().map(|id| name(id).unwrap_or_else(|| "somebody unknown".to_owned())).collect();
            Subject { name: role.map(|role| role.name), users, before: Before::Nothing }
        }
        Target::Document(id) => match scope.document(id).await? {
            None => Subject::default(),
            Some(document) => Subject { before: Before::Text(document.text), ..Subject::named(document.name) },
        },
        Target::Integration(id) => {
            let there = scope.installations().await?.into_iter().find(|place| place.id == id);
            Subject { name: there.map(|place| place.name), ..Subject::default() }
        }
    })
}

async fn policy_name(scope: &Scoped, kind: PolicyKind, id: PolicyId) -> Result<Option<String>, StoreError> {
    match scope.policy(id).await {
        // By the wrong kind it cannot be changed.
        Ok((policy, _)) => Ok((policy.draft.kind == kind).then_some(policy.draft.name)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Refuses a name that somebody would take for that of another rule or role. Where two have been alike all along, each
/// can be changed as it is.
pub(crate) async fn check_name(scope: &Scoped, state: &CommunityState, amendment: &Amendment) -> Result<(), NameError> {
    match (amendment, amendment.target()) {
        (Amendment::AddPolicy(draft) | Amendment::ChangePolicy { draft, .. }, target) => {
            let own = if let Target::Policy(_, id) = target { Some(id) } else { None };
            free("rule", &scope.policy_names().await?, own, &draft.name)
        }
        (Amendment::RecoverPolicy { kind, .. }, Target::Policy(_, id)) => {
            let Some(name) = policy_name(scope, *kind, id).await? else { return Ok(()) };
            match constitution::clash(&scope.policy_names().await?, Some(id), &name) {
                None => Ok(()),
                Some(other) => {
                    let problem = format!(
                        "is called like the rule `{other}`, which is in force; give that one another name first, or \
                         propose this one as a new rule with a name of its own"
                    );
                    Err(Invalid::Field { field: "policy", problem }.into())
                }
            }
        }
        (Amendment::AddRole(draft) | Amendment::EditRole { draft, .. }, target) => {
            let own = if let Target::Role(id) = target { Some(id) } else { None };
            let names: Vec<_> = state.roles.iter().map(|role| (role.id, role.name.clone())).collect();
            free("role", &names, own, &draft.name)
        }
        _ => Ok(()),
    }
}

/// That nothing else is called like that.
fn free<I: Copy + PartialEq>(what: &str, names: &[(I, String)], own: Option<I>, wanted: &str) -> Result<(), NameError> {
    match constitution::clash(names, own, wanted) {
        None => Ok(()),
        Some(other) => {
            let problem =
                format!("cannot be told from that of the {what} `{other}`, which is in force; take another name");
            Err(Invalid::Field { field: "name", problem }.into())
        }
    }
}

/// Why a name was not found to be free.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NameError {
    /// It is taken.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
