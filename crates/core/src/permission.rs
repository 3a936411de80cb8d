//! Who may do what without asking, who may ask, and what happens to those who may not.

use std::collections::BTreeSet;

use crate::action::Origin;

/// The role whose members may add and remove integrations (name as in the original PolicyKit).
pub const INTEGRATION_ADMIN: &str = "Integration Admin";

/// Codename of the permission to say what becomes of a proposal that its policy failed to decide.
pub const SETTLE_HELD: &str = "can_settle_held";

/// Codename of the permission to say what became of a call that nobody can tell about.
pub const SETTLE_CALLS: &str = "can_settle_calls";

/// Codename of the permission to read what was said in private conversations. Nobody has it from the beginning.
pub const VIEW_PRIVATE: &str = "can_view_private";

/// Codename of the permission to announce a recovery of rules under which nothing can be changed any more.
pub const RECOVER: &str = "can_recover_rules";

/// Codename of the permission to add integrations.
pub const ADD_INTEGRATION: &str = "can_add_integration";

/// Codename of the permission to remove integrations.
pub const REMOVE_INTEGRATION: &str = "can_remove_integration";

/// Type of the change of the rules that makes a community present in a further place.
pub const ADD_INTEGRATION_TYPE: &str = "policykitaddintegration";

/// Type of the change of the rules that takes a community out of a place.
pub const REMOVE_INTEGRATION_TYPE: &str = "policykitremoveintegration";

/// Types of changes that not everybody may propose from the beginning, each with the permission to propose it: those of
/// the integrations, whose permissions are older than the types.
pub const GUARDED: [(&str, &str); 2] =
    [(ADD_INTEGRATION_TYPE, ADD_INTEGRATION), (REMOVE_INTEGRATION_TYPE, REMOVE_INTEGRATION)];

/// Whether an action type is one of [`GUARDED`].
pub fn is_guarded(action_type: &str) -> bool {
    GUARDED.iter().any(|(guarded, _)| *guarded == action_type)
}

/// What [`INTEGRATION_ADMIN`] may do from the beginning.
pub const OF_INTEGRATION_ADMINS: [&str; 5] = [ADD_INTEGRATION, REMOVE_INTEGRATION, SETTLE_HELD, SETTLE_CALLS, RECOVER];

/// Codename of the permission to propose an action type.
pub fn propose(action_type: &str) -> String {
    match GUARDED.iter().find(|(guarded, _)| *guarded == action_type) {
        Some((_, codename)) => (*codename).to_owned(),
        None => format!("add_{action_type}"),
    }
}

/// Codename of the permission to carry out an action type without asking.
pub fn execute(action_type: &str) -> String {
    format!("can_execute_{action_type}")
}

/// Codename of the permission to see proposals of an action type.
pub fn view(action_type: &str) -> String {
    format!("view_{action_type}")
}

/// What the permission rules say about a governable action, before any policy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The initiator may do this without asking: it stands, or is carried out at once.
    Stands,
    /// The initiator may not even propose this. What happened is undone.
    Undo,
    /// The initiator may not even propose this. Nothing has happened yet, so nothing needs undoing.
    Refuse,
    /// A policy decides.
    Govern,
}

/// Applies the rules of `policykit.md` §2.1. `permissions` are those of all the initiator's roles; `None` when the
/// initiator is not known, in which case policies decide.
pub fn gate(permissions: Option<&BTreeSet<String>>, action_type: &str, origin: Origin) -> Gate {
    let Some(permissions) = permissions else { return Gate::Govern };
    if permissions.contains(&execute(action_type)) {
        Gate::Stands
    } else if permissions.contains(&propose(action_type)) {
        Gate::Govern
    } else if origin == Origin::Platform {
        Gate::Undo
    } else {
        Gate::Refuse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(names: &[String]) -> BTreeSet<String> {
        names.iter().cloned().collect()
    }

    #[test]
    fn an_integration_is_proposed_with_the_permission_that_names_it() {
        assert_eq!(propose(ADD_INTEGRATION_TYPE), ADD_INTEGRATION);
        assert_eq!(propose(REMOVE_INTEGRATION_TYPE), REMOVE_INTEGRATION);
        assert!(is_guarded(REMOVE_INTEGRATION_TYPE) && !is_guarded("policykitaddrole"));
        let admin = with(&[REMOVE_INTEGRATION.to_owned()]);
        assert_eq!(gate(Some(&admin), REMOVE_INTEGRATION_TYPE, Origin::PolicyKit), Gate::Govern);
        let similar = with(&[format!("add_{REMOVE_INTEGRATION_TYPE}")]);
        assert_eq!(gate(Some(&similar), REMOVE_INTEGRATION_TYPE, Origin::PolicyKit), Gate::Refuse);
    }

    #[test]
    fn execute_goes_before_propose_and_the_unknown_are_governed() {
        let both = with(&[propose("pin"), execute("pin")]);
        assert_eq!(gate(Some(&both), "pin", Origin::Platform), Gate::Stands);
        assert_eq!(gate(Some(&with(&[propose("pin")])), "pin", Origin::Platform), Gate::Govern);
        assert_eq!(gate(Some(&with(&[propose("post")])), "pin", Origin::Platform), Gate::Undo);
        assert_eq!(gate(Some(&with(&[])), "pin", Origin::PolicyKit), Gate::Refuse);
        assert_eq!(gate(None, "pin", Origin::Platform), Gate::Govern);
    }
}
