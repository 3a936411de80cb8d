//! What a change of the rules must be like to be put to anybody: it has a name, and nothing of it is without measure. What
//! is proposed is stored, shown and carried out in one transaction, so one change must not be able to fill any of these.

use std::collections::BTreeSet;

use super::{Amendment, Invalid, names::is_misleading};
use crate::policy::{OnError, PolicyKind};

/// Longest name of a policy, in characters.
pub const POLICY_NAME_CHARS: usize = 100;
/// Longest name of a role or document, in characters.
pub const NAME_CHARS: usize = 300;
/// Longest description of a policy or role, in characters.
pub const DESCRIPTION_CHARS: usize = 5_000;
/// Longest text of a document, in characters.
pub const TEXT_CHARS: usize = 100_000;
/// Longest name of a permission or a type of action, in characters.
pub const CODENAME_CHARS: usize = 200;
/// Most members, permissions, policies or types of actions that one change may name.
pub const LIST_ENTRIES: usize = 500;

impl Amendment {
    /// Whether it can be proposed at all, whatever the community is like.
    ///
    /// # Errors
    /// Names the field and says what would be right.
    pub fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::AddPolicy(draft) | Self::ChangePolicy { draft, .. } => {
                named("name", &draft.name, POLICY_NAME_CHARS)?;
                at_most("description", &draft.description, DESCRIPTION_CHARS)?;
                codenames("action_types", &draft.action_types)?;
                if draft.kind == PolicyKind::Trigger && draft.action_types.is_empty() {
                    return Err(Invalid::field(
                        "action_types",
                        "is empty; a trigger policy must say what it reacts to",
                    ));
                }
                if draft.kind == PolicyKind::Constitution && draft.on_error == OnError::Next {
                    return Err(Invalid::field(
                        "on_error",
                        "is `next`, which a constitution policy cannot have: whoever finds a change that breaks it would \
                         choose who decides; take `hold`",
                    ));
                }
                Ok(())
            }
            Self::AddRole(draft) | Self::EditRole { draft, .. } => {
                named("name", &draft.name, NAME_CHARS)?;
                at_most("description", &draft.description, DESCRIPTION_CHARS)?;
                codenames("permissions", &draft.permissions)
            }
            Self::AddUserRole { users, .. } | Self::RemoveUserRole { users, .. } => {
                if users.is_empty() {
                    return Err(Invalid::field("users", "is empty; name at least one member"));
                }
                entries("users", users.len())
            }
            Self::AddDocument(draft) | Self::ChangeDocument { draft, .. } => {
                named("name", &draft.name, NAME_CHARS)?;
                at_most("text", &draft.text, TEXT_CHARS)
            }
            Self::AddIntegration(draft) => {
                filled("platform", &draft.platform, NAME_CHARS)?;
                filled("external_id", &draft.external_id, NAME_CHARS)?;
                // The platform's own, whatever it is like.
                filled("name", &draft.name, NAME_CHARS)
            }
            Self::OrderPolicies { order, .. } => {
                entries("order", order.len())?;
                let once: BTreeSet<_> = order.iter().collect();
                if once.len() == order.len() {
                    Ok(())
                } else {
                    Err(Invalid::field("order", "names a policy twice; every policy has one place"))
                }
            }
            Self::RemovePolicy { .. }
            | Self::RecoverPolicy { .. }
            | Self::DeleteRole { .. }
            | Self::DeleteDocument { .. }
            | Self::RecoverDocument { .. }
            | Self::RemoveIntegration { .. } => Ok(()),
        }
    }
}

/// A name that people give: everything of it can be seen.
fn named(field: &'static str, name: &str, most: usize) -> Result<(), Invalid> {
    filled(field, name, most)?;
    match name.chars().find(|c| is_misleading(*c)) {
        None => Ok(()),
        Some(c) => {
            let problem = format!(
                "has a character that cannot be seen (U+{:04X}), which may make one name look like another; write the \
                 name without it",
                u32::from(c)
            );
            Err(Invalid::field(field, problem))
        }
    }
}

fn filled(field: &'static str, name: &str, most: usize) -> Result<(), Invalid> {
    if name.trim().is_empty() {
        return Err(Invalid::field(field, "is empty; give it a name"));
    }
    at_most(field, name, most)
}

/// Whether a text keeps to a length, counted in characters.
///
/// # Errors
/// When it does not; names the field and both lengths.
pub fn at_most(field: &'static str, text: &str, most: usize) -> Result<(), Invalid> {
    let chars = text.chars().count();
    if chars > most {
        return Err(Invalid::field(field, format!("has {chars} characters; at most {most} are allowed")));
    }
    Ok(())
}

fn entries(field: &'static str, found: usize) -> Result<(), Invalid> {
    if found > LIST_ENTRIES {
        let problem = format!("has {found} entries; at most {LIST_ENTRIES} are allowed, propose the rest after it");
        return Err(Invalid::field(field, problem));
    }
    Ok(())
}

fn codenames<'a>(
    field: &'static str,
    names: impl IntoIterator<Item = &'a String, IntoIter: ExactSizeIterator>,
) -> Result<(), Invalid> {
    let names = names.into_iter();
    entries(field, names.len())?;
    for name in names {
        let chars = name.chars().count();
        if chars > CODENAME_CHARS {
            let problem = format!("has an entry of {chars} characters; at most {CODENAME_CHARS} are allowed");
            return Err(Invalid::field(field, problem));
        }
    }
    Ok(())
}
