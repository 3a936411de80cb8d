//! Changes of the rules themselves: policies, their order, roles, who has them, documents, integrations. They are actions like any
//! other, governed by constitution policies, and take effect in the transaction that decides them.
//!
//! Names and fields are those of `policykit.md` §5; changing the order is ours, where the original went by the time of
//! the last save. What a change is about is named in fields of ours, see [`Subject`].

mod check;
mod names;
mod subject;
mod types;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::{
    JsonMap,
    ids::{DocumentId, InstallationId, PolicyId, RoleId, UserId},
    permission::{ADD_INTEGRATION_TYPE, INTEGRATION_ADMIN, REMOVE_INTEGRATION_TYPE},
    policy::{Blocks, OnError, PolicyDraft, PolicyKind},
};

pub use check::{CODENAME_CHARS, DESCRIPTION_CHARS, LIST_ENTRIES, NAME_CHARS, POLICY_NAME_CHARS, TEXT_CHARS, at_most};
pub use names::{clash, look, spelled_out, told_apart};
pub use subject::{
    Before, DOC_NAME, INTEGRATION_NAME, POLICY_NAME, PREVIOUS_DESCRIPTION, PREVIOUS_NAME, PREVIOUS_ORDER,
    PREVIOUS_PERMISSIONS, PREVIOUS_TEXT, ROLE_NAME, Subject, Target, USER_NAMES, described, without_looked_up,
};
pub use types::{action_types, fields, label};

/// Field of a proposed change that says: make it even if nobody can change the rules about the rules afterwards. It is
/// part of what is proposed, for everybody to see, and no part of the change.
pub const ACCEPTS_LOCKOUT: &str = "accepts_lockout";

/// Whether a proposed change says so.
pub fn accepts_lockout(fields: &JsonMap) -> bool {
    fields.get(ACCEPTS_LOCKOUT).and_then(Json::as_bool).unwrap_or(false)
}

/// One change of the rules.
#[derive(Debug, Clone, PartialEq)]
pub enum Amendment {
    /// A new policy, tried first.
    AddPolicy(PolicyDraft),
    /// A new version of a policy.
    ChangePolicy {
        /// Which.
        policy: PolicyId,
        /// The version it was made from; when another one is in force by then, the change is refused.
        version: Option<i64>,
        /// Its content.
        draft: PolicyDraft,
    },
    /// Takes a policy out of force.
    RemovePolicy {
        /// What it governs.
        kind: PolicyKind,
        /// Which.
        policy: PolicyId,
    },
    /// Puts a policy back in force, tried first.
    RecoverPolicy {
        /// What it governs.
        kind: PolicyKind,
        /// Which.
        policy: PolicyId,
    },
    /// Says in which order the policies of a kind are tried.
    OrderPolicies {
        /// What they govern.
        kind: PolicyKind,
        /// All policies of the kind that are in force, first things first.
        order: Vec<PolicyId>,
    },
    /// A new role.
    AddRole(RoleDraft),
    /// Changes what a role is and allows.
    EditRole {
        /// Which.
        role: RoleId,
        /// Its content.
        draft: RoleDraft,
    },
    /// Removes a role from everybody who has it, and then itself.
    DeleteRole {
        /// Which.
        role: RoleId,
    },
    /// Gives members a role.
    AddUserRole {
        /// Which.
        role: RoleId,
        /// Who.
        users: BTreeSet<UserId>,
    },
    /// Takes a role from members.
    RemoveUserRole {
        /// Which.
        role: RoleId,
        /// Who.
        users: BTreeSet<UserId>,
    },
    /// A new document.
    AddDocument(DocumentDraft),
    /// Another text of a document.
    ChangeDocument {
        /// Which.
        document: DocumentId,
        /// Its content.
        draft: DocumentDraft,
    },
    /// Takes a document out of force; its text is kept.
    DeleteDocument {
        /// Which.
        document: DocumentId,
    },
    /// Puts a document back in force.
    RecoverDocument {
        /// Which.
        document: DocumentId,
    },
    /// Makes the community present in a further place. It works there once somebody who administers the place has handed
    /// over keys for it.
    AddIntegration(PlaceDraft),
    /// Takes the community out of a place: the keys are given back and destroyed, the record stays.
    RemoveIntegration {
        /// Which.
        integration: InstallationId,
    },
}

/// A place on a platform before the community is present there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceDraft {
    /// The platform's id.
    pub platform: String,
    /// The platform's id of the place.
    pub external_id: String,
    /// Its name there.
    pub name: String,
}

/// A role before it has a place in a community.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleDraft {
    /// Its name, unique within the community.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Codenames, see [`crate::permission`].
    #[serde(default)]
    pub permissions: BTreeSet<String>,
}

/// A document before it has a place in a community.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentDraft {
    /// Its name.
    pub name: String,
    /// Its text.
    #[serde(default)]
    pub text: String,
}

/// Why a change cannot be proposed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// There is no such type of change.
    #[error("`{0}` is no change of the rules")]
    UnknownType(String),
    /// A field is missing, or is not what it must be.
    #[error("{0}")]
    Fields(String),
    /// A field holds what it may not.
    #[error("`{field}` {problem}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl Invalid {
    fn field(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Field { field, problem: problem.into() }
    }
}

/// The fields of a policy as policy code sees them.
#[derive(Serialize, Deserialize)]
struct PolicyFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    action_types: Vec<String>,
    #[serde(flatten)]
    blocks: Blocks,
    #[serde(default)]
    on_error: OnError,
}

#[derive(Serialize, Deserialize)]
struct PolicyField {
    policy: PolicyId,
}

#[derive(Serialize, Deserialize)]
struct OrderFields {
    order: Vec<PolicyId>,
}

#[derive(Serialize, Deserialize)]
struct EditRoleFields {
    role: RoleId,
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    permissions: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct RoleField {
    role: RoleId,
}

#[derive(Serialize, Deserialize)]
struct MemberFields {
    role: RoleId,
    users: BTreeSet<UserId>,
}

#[derive(Serialize, Deserialize)]
struct DocumentFields {
    doc: DocumentId,
    name: String,
    #[serde(default)]
    text: String,
}

#[derive(Serialize, Deserialize)]
struct DocumentField {
    doc: DocumentId,
}

#[derive(Serialize, Deserialize)]
struct IntegrationField {
    integration: InstallationId,
}

impl Amendment {
    /// The type of action that this change is, as permissions and policies name it.
    pub fn action_type(&self) -> String {
        let of = |verb: &str, kind: PolicyKind| format!("policykit{verb}{}policy", kind.as_str());
        match self {
            Self::AddPolicy(draft) => of("add", draft.kind),
            Self::ChangePolicy { draft, .. } => of("change", draft.kind),
            Self::RemovePolicy { kind, .. } => of("remove", *kind),
            Self::RecoverPolicy { kind, .. } => of("recover", *kind),
            Self::OrderPolicies { kind, .. } => format!("policykitorder{}policies", kind.as_str()),
            Self::AddRole(_) => "policykitaddrole".to_owned(),
            Self::EditRole { .. } => "policykiteditrole".to_owned(),
            Self::DeleteRole { .. } => "policykitdeleterole".to_owned(),
            Self::AddUserRole { .. } => "policykitadduserrole".to_owned(),
            Self::RemoveUserRole { .. } => "policykitremoveuserrole".to_owned(),
            Self::AddDocument(_) => "policykitaddcommunitydoc".to_owned(),
            Self::ChangeDocument { .. } => "policykitchangecommunitydoc".to_owned(),
            Self::DeleteDocument { .. } => "policykitdeletecommunitydoc".to_owned(),
            Self::RecoverDocument { .. } => "policykitrecovercommunitydoc".to_owned(),
            Self::AddIntegration(_) => ADD_INTEGRATION_TYPE.to_owned(),
            Self::RemoveIntegration { .. } => REMOVE_INTEGRATION_TYPE.to_owned(),
        }
    }

    /// What policy code sees of it, and what it is read back from.
    pub fn fields(&self) -> JsonMap {
        let policy = |policy: Option<PolicyId>, version: Option<i64>, draft: &PolicyDraft| {
            map(&PolicyFields {
                policy,
                version,
                name: draft.name.clone(),
                description: draft.description.clone(),
                action_types: draft.action_types.clone(),
                blocks: draft.blocks.clone(),
                on_error: draft.on_error,
            })
        };
        match self {
            Self::AddPolicy(draft) => policy(None, None, draft),
            Self::ChangePolicy { policy: id, version, draft } => policy(Some(*id), *version, draft),
            Self::RemovePolicy { policy, .. } | Self::RecoverPolicy { policy, .. } => {
                map(&PolicyField { policy: *policy })
            }
            Self::OrderPolicies { order, .. } => map(&OrderFields { order: order.clone() }),
            Self::AddRole(draft) => map(draft),
            Self::EditRole { role, draft } => map(&EditRoleFields {
                role: *role,
                name: draft.name.clone(),
                description: draft.description.clone(),
                permissions: draft.permissions.clone(),
            }),
            Self::DeleteRole { role } => map(&RoleField { role: *role }),
            Self::AddUserRole { role, users } | Self::RemoveUserRole { role, users } => {
                map(&MemberFields { role: *role, users: users.clone() })
            }
            Self::AddDocument(draft) => map(draft),
            Self::ChangeDocument { document, draft } => {
                map(&DocumentFields { doc: *document, name: draft.name.clone(), text: draft.text.clone() })
            }
            Self::DeleteDocument { document } | Self::RecoverDocument { document } => {
                map(&DocumentField { doc: *document })
            }
            Self::AddIntegration(draft) => map(draft),
            Self::RemoveIntegration { integration } => map(&IntegrationField { integration: *integration }),
        }
    }

    /// Reads a change back from an action.
    ///
    /// # Errors
    /// When there is no such type, or a field is missing or is not what it must be.
    pub fn read(action_type: &str, fields: &JsonMap) -> Result<Self, Invalid> {
        let unknown = || Invalid::UnknownType(action_type.to_owned());
        let name = action_type.strip_prefix("policykit").ok_or_else(unknown)?;
        if let Some((verb, kind)) = of_policies(name) {
            return Self::read_of_policies(verb, kind, fields).ok_or_else(unknown)?;
        }
        Ok(match name {
            "addrole" => Self::AddRole(from(fields)?),
            "editrole" => {
                let EditRoleFields { role, name, description, permissions } = from(fields)?;
                Self::EditRole { role, draft: RoleDraft { name, description, permissions } }
            }
            "deleterole" => Self::DeleteRole { role: from::<RoleField>(fields)?.role },
            "adduserrole" => {
                let MemberFields { role, users } = from(fields)?;
                Self::AddUserRole { role, users }
            }
            "removeuserrole" => {
                let MemberFields { role, users } = from(fields)?;
                Self::RemoveUserRole { role, users }
            }
            "addcommunitydoc" => Self::AddDocument(from(fields)?),
            "changecommunitydoc" => {
                let DocumentFields { doc, name, text } = from(fields)?;
                Self::ChangeDocument { document: doc, draft: DocumentDraft { name, text } }
            }
            "deletecommunitydoc" => Self::DeleteDocument { document: from::<DocumentField>(fields)?.doc },
            "recovercommunitydoc" => Self::RecoverDocument { document: from::<DocumentField>(fields)?.doc },
            "addintegration" => Self::AddIntegration(from(fields)?),
            "removeintegration" => {
                Self::RemoveIntegration { integration: from::<IntegrationField>(fields)?.integration }
            }
            _ => return Err(unknown()),
        })
    }

    fn read_of_policies(verb: &str, kind: PolicyKind, fields: &JsonMap) -> Option<Result<Self, Invalid>> {
        Some(match verb {
            "add" => draft(kind, fields).map(|(_, _, draft)| Self::AddPolicy(draft)),
            "change" => draft(kind, fields).and_then(|(policy, version, draft)| {
                let policy = policy.ok_or_else(|| Invalid::field("policy", "is missing: the policy to be changed"))?;
                Ok(Self::ChangePolicy { policy, version, draft })
            }),
            "remove" => from(fields).map(|PolicyField { policy }| Self::RemovePolicy { kind, policy }),
            "recover" => from(fields).map(|PolicyField { policy }| Self::RecoverPolicy { kind, policy }),
            "order" => from(fields).map(|OrderFields { order }| Self::OrderPolicies { kind, order }),
            _ => return None,
        })
    }

    /// Whether it may take away the last way in which the rules about the rules can be changed.
    pub const fn endangers(&self) -> bool {
        match self {
            Self::AddPolicy(draft) | Self::ChangePolicy { draft, .. } => {
                matches!(draft.kind, PolicyKind::Constitution)
            }
            Self::RemovePolicy { kind, .. } | Self::RecoverPolicy { kind, .. } | Self::OrderPolicies { kind, .. } => {
                matches!(kind, PolicyKind::Constitution)
            }
            Self::EditRole { .. }
            | Self::DeleteRole { .. }
            | Self::AddUserRole { .. }
            | Self::RemoveUserRole { .. }
            // Its members go with it, and they may be those who decide.
            | Self::RemoveIntegration { .. } => true,
            Self::AddRole(_)
            | Self::AddDocument(_)
            | Self::ChangeDocument { .. }
            | Self::DeleteDocument { .. }
            | Self::RecoverDocument { .. }
            | Self::AddIntegration(_) => false,
        }
    }

    /// Whether it can give a way to change the rules back to a community that has lost it: what can take one away, without
    /// the removal of a place, which cannot.
    pub const fn rescues(&self) -> bool {
        self.endangers() && !matches!(self, Self::RemoveIntegration { .. })
    }
}

/// Whether a role must keep its name and stay: everybody's role, and the one that guards the integrations.
pub fn is_protected(role: &str, is_base: bool) -> bool {
    is_base || role == INTEGRATION_ADMIN
}

/// `addplatformpolicy` as verb and kind.
fn of_policies(name: &str) -> Option<(&str, PolicyKind)> {
    let stem = name.strip_suffix("policy").or_else(|| name.strip_suffix("policies"))?;
    [PolicyKind::Platform, PolicyKind::Constitution, PolicyKind::Trigger]
        .into_iter()
        .find_map(|kind| stem.strip_suffix(kind.as_str()).map(|verb| (verb, kind)))
}

fn draft(kind: PolicyKind, fields: &JsonMap) -> Result<(Option<PolicyId>, Option<i64>, PolicyDraft), Invalid> {
    let PolicyFields { policy, version, name, description, action_types, blocks, on_error } = from(fields)?;
    Ok((policy, version, PolicyDraft { kind, name, description, action_types, blocks, on_error }))
}

fn from<T: DeserializeOwned>(fields: &JsonMap) -> Result<T, Invalid> {
    let mut fields = without_looked_up(fields);
    fields.remove(ACCEPTS_LOCKOUT);
    serde_json::from_value(Json::Object(fields)).map_err(|e| Invalid::Fields(e.to_string()))
}

fn map(fields: &impl Serialize) -> JsonMap {
    match serde_json::to_value(fields) {
        Ok(Json::Object(map)) => map,
        // Structs of texts, numbers and ids are always objects.
        _ => JsonMap::new(),
    }
}

#[cfg(test)]
#[path = "constitution/tests.rs"]
mod tests;
