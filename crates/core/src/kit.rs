//! Starter kits: the policies and roles a community begins with. A kit is data; nothing in it runs before it is
//! installed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{permission, policy::PolicyDraft};

/// A starter kit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kit {
    /// Its id, kept with the community that chose it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who decides under it, for the person who chooses.
    pub description: String,
    /// Its policies, in the order in which they are tried.
    pub policies: Vec<PolicyDraft>,
    /// What integration admins may do about integrations: without [`Allow::Execute`] its policies decide.
    pub integration_admins: BTreeSet<Allow>,
    /// Its roles, of which one is everybody's.
    pub roles: Vec<KitRole>,
}

/// A role of a kit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KitRole {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Who has it at first.
    pub holders: Holders,
    /// What it allows with every type of action of every platform.
    pub platform: BTreeSet<Allow>,
    /// What it allows with every type of change of the rules.
    pub constitution: BTreeSet<Allow>,
    /// Further permissions by codename.
    #[serde(default)]
    pub permissions: BTreeSet<String>,
}

/// Who has a role of a kit at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holders {
    /// Everybody, for ever: the kit's words for the base role.
    Everybody,
    /// Whoever administers the community on its platform, and the installer.
    Administrators,
    /// The person who installs.
    Installer,
}

/// What a role may allow with a type of action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allow {
    /// To see proposals about it.
    View,
    /// To propose it, or to do it and be governed.
    Propose,
    /// To do it without asking.
    Execute,
}

impl Allow {
    /// The codename of the permission for a type of action.
    pub fn codename(self, action_type: &str) -> String {
        match self {
            Self::View => permission::view(action_type),
            Self::Propose => permission::propose(action_type),
            Self::Execute => permission::execute(action_type),
        }
    }
}

impl KitRole {
    /// All permissions of the role, given the types of actions there are.
    pub fn all_permissions<'a>(
        &self,
        platform: impl Iterator<Item = &'a str>,
        constitution: impl Iterator<Item = &'a str>,
    ) -> BTreeSet<String> {
        // Who may add and remove integrations is said of integration admins alone.
        let of = |allowed: &BTreeSet<Allow>, codename: &str| -> Vec<String> {
            let guarded = permission::is_guarded(codename);
            let allowed = allowed.iter().filter(|allow| !guarded || **allow == Allow::View);
            allowed.map(|allow| allow.codename(codename)).collect()
        };
        let mut all = self.permissions.clone();
        all.extend(platform.flat_map(|codename| of(&self.platform, codename)));
        all.extend(constitution.flat_map(|codename| of(&self.constitution, codename)));
        all
    }
}
