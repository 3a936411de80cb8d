//! What a change of the rules is about, as it is in force. Whoever reads of a change knows by this what is changed, so it
//! is never what the proposer says of it: the engine looks it up and writes it over whatever was handed in.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{ACCEPTS_LOCKOUT, Amendment, accepts_lockout, names::shown, of_policies, types};
use crate::{
    JsonMap,
    ids::{DocumentId, InstallationId, PolicyId, RoleId, UserId},
    permission::{ADD_INTEGRATION_TYPE, REMOVE_INTEGRATION_TYPE},
    policy::PolicyKind,
};

/// Field with the name in force of what gets another content, which may have another name.
pub const PREVIOUS_NAME: &str = "previous_name";
/// Field with the name in force of a policy that is not rewritten.
pub const POLICY_NAME: &str = "policy_name";
/// Field with the name in force of a role that is not rewritten.
pub const ROLE_NAME: &str = "role_name";
/// Field with the name in force of a document that is not rewritten.
pub const DOC_NAME: &str = "doc_name";
/// Field with the name of an integration.
pub const INTEGRATION_NAME: &str = "integration_name";
/// Field with the names of the members, in the order of their ids in `users`.
pub const USER_NAMES: &str = "user_names";
/// Field with the order in force.
pub const PREVIOUS_ORDER: &str = "previous_order";
/// Field with the description of a role in force.
pub const PREVIOUS_DESCRIPTION: &str = "previous_description";
/// Field with what members of a role may do as it is in force.
pub const PREVIOUS_PERMISSIONS: &str = "previous_permissions";
/// Field with the text of a document in force.
pub const PREVIOUS_TEXT: &str = "previous_text";

/// The fields that the engine alone writes.
pub(super) const LOOKED_UP: [&str; 10] = [
    PREVIOUS_NAME,
    POLICY_NAME,
    ROLE_NAME,
    DOC_NAME,
    INTEGRATION_NAME,
    USER_NAMES,
    PREVIOUS_ORDER,
    PREVIOUS_DESCRIPTION,
    PREVIOUS_PERMISSIONS,
    PREVIOUS_TEXT,
];

/// Fields without those that the engine alone writes.
pub fn without_looked_up(fields: &JsonMap) -> JsonMap {
    let own = fields.iter().filter(|(name, _)| !LOOKED_UP.contains(&name.as_str()));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// How many members are named in a sentence.
const NAMED: usize = 3;

/// What a change is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'a> {
    /// Nothing that is there already.
    New,
    /// A policy of a kind.
    Policy(PolicyKind, PolicyId),
    /// The order of the policies of a kind.
    Order(PolicyKind),
    /// A role.
    Role(RoleId),
    /// A role of these members.
    Members(RoleId, &'a BTreeSet<UserId>),
    /// A document.
    Document(DocumentId),
    /// An integration.
    Integration(InstallationId),
}

/// What was found where a change points to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// Its name; `None` where there is nothing (any more).
    pub name: Option<String>,
    /// The names of the members it concerns, in the order of their ids.
    pub users: Vec<String>,
    /// What it says.
    pub before: Before,
}

/// What something said before a change, where no version of it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Before {
    /// Nothing, or its versions are kept.
    #[default]
    Nothing,
    /// The order.
    Order(Vec<PolicyId>),
    /// A role.
    Role {
        /// What it is for.
        description: String,
        /// What its members may do.
        permissions: BTreeSet<String>,
    },
    /// The text of a document.
    Text(String),
}

impl Subject {
    /// Something of this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }
}

impl Amendment {
    /// What it is about.
    pub const fn target(&self) -> Target<'_> {
        match self {
            Self::AddPolicy(_) | Self::AddRole(_) | Self::AddDocument(_) | Self::AddIntegration(_) => Target::New,
            Self::ChangePolicy { policy, draft, .. } => Target::Policy(draft.kind, *policy),
            Self::RemovePolicy { kind, policy } | Self::RecoverPolicy { kind, policy } => {
                Target::Policy(*kind, *policy)
            }
            Self::OrderPolicies { kind, .. } => Target::Order(*kind),
            Self::EditRole { role, .. } | Self::DeleteRole { role } => Target::Role(*role),
            Self::AddUserRole { role, users } | Self::RemoveUserRole { role, users } => Target::Members(*role, users),
            Self::ChangeDocument { document, .. }
            | Self::DeleteDocument { document }
            | Self::RecoverDocument { document } => Target::Document(*document),
            Self::RemoveIntegration { integration } => Target::Integration(*integration),
        }
    }

    /// Its fields as everybody sees them: its own, whether it was proposed with leave to lock everybody out, and what it
    /// is about. Of what else was proposed nothing is left.
    pub fn told(&self, proposed: &JsonMap, subject: &Subject) -> JsonMap {
        let mut fields = self.fields();
        if accepts_lockout(proposed) {
            fields.insert(ACCEPTS_LOCKOUT.to_owned(), true.into());
        }
        let rewritten = fields.contains_key("name");
        let of_name = |kept| if rewritten { PREVIOUS_NAME } else { kept };
        let name_field = match self.target() {
            Target::New | Target::Order(_) => None,
            Target::Policy(..) => Some(of_name(POLICY_NAME)),
            Target::Role(_) | Target::Members(..) => Some(of_name(ROLE_NAME)),
            Target::Document(_) => Some(of_name(DOC_NAME)),
            Target::Integration(_) => Some(INTEGRATION_NAME),
        };
        if let Some(field) = name_field {
            // Present even where nothing was found, so that a policy which reads it goes on.
            fields.insert(field.to_owned(), subject.name.clone().unwrap_or_default().into());
        }
        if let Target::Members(..) = self.target() {
            fields.insert(USER_NAMES.to_owned(), json!(subject.users));
        }
        match (self.target(), &subject.before) {
            (Target::Order(_), Before::Order(order)) => {
                fields.insert(PREVIOUS_ORDER.to_owned(), json!(order));
            }
            (Target::Role(_), Before::Role { description, permissions }) if rewritten => {
                fields.insert(PREVIOUS_DESCRIPTION.to_owned(), json!(description));
                fields.insert(PREVIOUS_PERMISSIONS.to_owned(), json!(permissions));
            }
            (Target::Document(_), Before::Text(text)) if rewritten => {
                fields.insert(PREVIOUS_TEXT.to_owned(), json!(text));
            }
            _ => {}
        }
        fields
    }
}

/// How a change reads in a sentence, with the name of what it changes: “change the rule “No spoilers””. `None` when there
/// is no such type; without names where the action was proposed before names were looked up.
pub fn described(action_type: &str, fields: &JsonMap) -> Option<String> {
    let label = types::label(action_type)?;
    Some(by_name(action_type, fields).unwrap_or_else(|| label.to_owned()))
}

fn by_name(action_type: &str, fields: &JsonMap) -> Option<String> {
    let name = |field: &str| {
        let name = fields.get(field).and_then(Json::as_str).map(shown)?;
        (!name.is_empty()).then_some(name)
    };
    let added = || name("name");
    let changed = |what: &str| {
        let (before, after) = (name(PREVIOUS_NAME)?, name("name")?);
        Some(if before == after {
            format!("change the {what} “{before}”")
        } else {
            format!("change the {what} “{before}” and call it “{after}”")
        })
    };
    let verb = action_type.strip_prefix("policykit")?;
    if let Some((verb, kind)) = of_policies(verb) {
        let what = types::noun(kind);
        return match verb {
            "add" => Some(format!("add the {what} “{}”", added()?)),
            "change" => changed(what),
            "remove" => Some(format!("take the {what} “{}” out of force", name(POLICY_NAME)?)),
            "recover" => Some(format!("put the {what} “{}” back in force", name(POLICY_NAME)?)),
            _ => None,
        };
    }
    match verb {
        "addrole" => Some(format!("add the role “{}”", added()?)),
        "editrole" => changed("role"),
        "deleterole" => Some(format!("remove the role “{}”", name(ROLE_NAME)?)),
        "adduserrole" => Some(format!("give the role “{}” to {}", name(ROLE_NAME)?, people(fields)?)),
        "removeuserrole" => Some(format!("take the role “{}” from {}", name(ROLE_NAME)?, people(fields)?)),
        "addcommunitydoc" => Some(format!("add the document “{}”", added()?)),
        "changecommunitydoc" => changed("document"),
        "deletecommunitydoc" => Some(format!("take the document “{}” out of force", name(DOC_NAME)?)),
        "recovercommunitydoc" => Some(format!("put the document “{}” back in force", name(DOC_NAME)?)),
        _ if action_type == ADD_INTEGRATION_TYPE => Some(format!("add the integration “{}”", added()?)),
        _ if action_type == REMOVE_INTEGRATION_TYPE => {
            Some(format!("remove the integration “{}”", name(INTEGRATION_NAME)?))
        }
        _ => None,
    }
}

/// The first members by name, and how many more there are.
fn people(fields: &JsonMap) -> Option<String> {
    let names: Vec<String> = fields.get(USER_NAMES)?.as_array()?.iter().filter_map(Json::as_str).map(shown).collect();
    let (named, more) = match names.len() {
        all if all <= NAMED => (names.as_slice(), 0),
        all => (names.get(..NAMED)?, all - NAMED),
    };
    let (last, rest) = named.split_last()?;
    Some(match (rest.is_empty(), more) {
        (_, 1..) => format!("{} and {more} more", named.join(", ")),
        (true, 0) => last.clone(),
        (false, 0) => format!("{} and {last}", rest.join(", ")),
    })
}
