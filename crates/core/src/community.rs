//! Communities, where they live, and who is in them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    JsonMap, Timestamp,
    ids::{CommunityId, DocumentId, InstallationId, RoleId, UserId},
};

/// A community: the tenant that owns everything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Community {
    /// Its id.
    pub id: CommunityId,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Whether an installation works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstallationStatus {
    /// It works.
    Active,
    /// The platform no longer accepts our credentials; re-install to repair.
    CredentialsDead,
    /// It was removed; its record is kept.
    Uninstalled,
}

impl InstallationStatus {
    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::CredentialsDead => "credentials_dead",
            Self::Uninstalled => "uninstalled",
        }
    }

    /// The status with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::CredentialsDead, Self::Uninstalled].into_iter().find(|s| s.as_str() == text)
    }
}

/// One community's presence on one platform. Secrets are kept apart, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// Its id.
    pub id: InstallationId,
    /// The tenant.
    pub community: CommunityId,
    /// The platform's id.
    pub platform: String,
    /// The community's id there; unique per platform on the whole server. See [`Self::id_there`].
    pub external_id: String,
    /// The community's name there.
    pub name: String,
    /// Account ids that PolicyKit acts as there: what they do may be our own echo.
    pub acts_as: Vec<String>,
    /// Public settings of the platform module, such as bot id and base URL.
    pub settings: JsonMap,
    /// Whether it works.
    pub status: InstallationStatus,
}

/// Stands between the id of a place that several communities use and the one that uses it.
const USED_BY: char = '#';

impl Installation {
    /// The id under which a community keeps a place that others may use too. What is read by everybody belongs to nobody,
    /// so the key of an installation says whose it is. A key that says so already stays as it is.
    pub fn key_of_shared(id_there: &str, community: CommunityId) -> String {
        let whose = format!("{USED_BY}{community}");
        if id_there.ends_with(&whose) { id_there.to_owned() } else { format!("{id_there}{whose}") }
    }

    /// The id by which the place is known there: of one that several communities may use, without whose it is here.
    pub fn id_there(&self) -> &str {
        let own = self.external_id.strip_suffix(&self.community.to_string());
        own.and_then(|rest| rest.strip_suffix(USED_BY)).unwrap_or(&self.external_id)
    }
}

/// Begins the id of an account by which nobody there calls anybody: people go by names that may be changed, and taken by
/// others afterwards. Such an id is never a name there.
const NUMBERED: char = '#';

/// What policies call the account with this id and this name (`username`): what people there are called by. Who somebody
/// is, is told by the id alone.
pub fn username<'a>(external_id: &'a str, name: &'a str) -> &'a str {
    if external_id.starts_with(NUMBERED) && !name.is_empty() { name } else { external_id }
}

/// A member, as one account on one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Derived from installation and account id.
    pub id: UserId,
    /// The tenant.
    pub community: CommunityId,
    /// Where the account is.
    pub installation: InstallationId,
    /// The account's id there.
    pub external_id: String,
    /// The name to show.
    pub name: String,
    /// Whether the platform says they administer the community there.
    pub is_admin: bool,
    /// Whether it is a program.
    pub is_bot: bool,
    /// Whether they have left.
    pub is_gone: bool,
}

/// What a platform's directory says about an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The account's id.
    pub external_id: String,
    /// The name to show.
    pub name: String,
    /// Whether they administer the community there.
    pub is_admin: bool,
    /// Whether it is a program.
    pub is_bot: bool,
    /// Whether they have left.
    pub is_gone: bool,
}

/// A place on a platform where people talk, as its directory and its events call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The platform's id of it.
    pub external_id: String,
    /// Its name there, without a sign before it.
    pub name: String,
    /// Whether only those who are in it may know its name.
    pub is_private: bool,
}

/// A role: a named set of members and permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// The tenant.
    pub community: CommunityId,
    /// Its name, unique within the community.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether every member has it.
    pub is_base: bool,
    /// Permissions by codename, see [`crate::permission`].
    pub permissions: BTreeSet<String>,
}

/// A document of a community: a text that members have agreed on, for people and for policy code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its id.
    pub id: DocumentId,
    /// The tenant.
    pub community: CommunityId,
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Whether it is in force; a deleted one is kept and can be recovered.
    pub is_active: bool,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_place_that_several_use_is_kept_once_for_each_and_known_there_by_one_id() {
        let at = "https://cred.example.org/#/explorer";
        let [first, second] = [1, 2].map(|n| CommunityId::from_uuid(Uuid::from_u128(n)));
        let place = |community: CommunityId, external_id: String| Installation {
            id: InstallationId::from_uuid(Uuid::from_u128(9)),
            community,
            platform: "cred".to_owned(),
            external_id,
            name: "cred".to_owned(),
            acts_as: Vec::new(),
            settings: JsonMap::new(),
            status: InstallationStatus::Active,
        };
        let keys = [first, second].map(|community| Installation::key_of_shared(at, community));
        assert_ne!(keys[0], keys[1]);
        assert_eq!(Installation::key_of_shared(&keys[0], first), keys[0]);
        assert_ne!(Installation::key_of_shared(&keys[0], second), keys[0]);
        let [own, foreign] = keys;
        assert_eq!(place(first, own.clone()).id_there(), at);
        assert_eq!(place(first, foreign.clone()).id_there(), foreign, "no mark of another community is taken away");
        assert_eq!(place(first, "T0A".to_owned()).id_there(), "T0A");
        assert_eq!(place(second, own.clone()).id_there(), own);
    }
}
