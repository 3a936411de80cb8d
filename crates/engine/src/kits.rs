//! Starter kits, and the permissions that a community has from the beginning.

use std::collections::BTreeSet;

use policykit_core::{
    constitution::{self, RoleDraft},
    ids::{CommunityId, PolicyId, PolicyVersionId, RoleId, UserId},
    kit::{Holders, Kit},
    permission,
};
use policykit_store::{Base, DefaultPermissions, KitOutcome, NewKit, StoreError};

use crate::{Engine, EngineError, govern::WEBHOOK_TRIGGER, parts::Parts};

/// The kits of this build, in the order in which they are offered.
const FILES: [&str; 3] = [
    include_str!("../../../policies/kits/testing.json"),
    include_str!("../../../policies/kits/dictator.json"),
    include_str!("../../../policies/kits/moderators.json"),
];

/// Why a starter kit was not installed. Nothing is changed then.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    /// There is no such kit.
    #[error("there is no starter kit `{0}`; choose one of: {1}")]
    Unknown(String, String),
    /// The community has begun already.
    #[error("this community began with `{0}`; its rules are changed by proposals from now on")]
    Another(String),
    /// The community has rules, in force or not: it has begun without a kit.
    #[error("this community has rules already; they are changed by proposals from now on")]
    HasRules,
    /// The installer is nobody here.
    #[error("whoever installs a starter kit must be a member of the community")]
    NotAMember,
    /// The database.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for KitError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what: "member" } => Self::NotAMember,
            other => Self::Store(other),
        }
    }
}

/// Whether a starter kit was put in force now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KitInstalled {
    /// The community begins with it.
    Now,
    /// The community had it already; nothing was changed.
    Before,
}

impl Engine {
    /// The starter kits, in the order in which they are offered.
    pub fn kits(&self) -> Vec<Kit> {
        kits()
    }

    /// Puts a starter kit in force, once: policies, roles and who has them, in one transaction. `installer` becomes an
    /// integration admin.
    ///
    /// # Errors
    /// See [`KitError`]; nothing is changed then.
    pub async fn install_kit(
        &self,
        community: CommunityId,
        kit: &str,
        installer: UserId,
    ) -> Result<KitInstalled, KitError> {
        let parts = &self.0;
        let all = kits();
        let Some(kit) = all.iter().find(|k| k.id == kit) else {
            let known: Vec<_> = all.iter().map(|k| k.id.as_str()).collect();
            return Err(KitError::Unknown(kit.to_owned(), known.join(", ")));
        };
        let outcome = parts.db.community(community).install_kit(parts.new_kit(kit, installer)).await?;
        parts.outdate(community);
        match outcome {
            KitOutcome::Installed => Ok(KitInstalled::Now),
            KitOutcome::Already => Ok(KitInstalled::Before),
            KitOutcome::HasRules => Err(KitError::HasRules),
            KitOutcome::Another(id) => {
                let name = all.into_iter().find(|k| k.id == id).map_or(id, |k| k.name);
                Err(KitError::Another(name))
            }
        }
    }

    /// Gives every community the permissions that go with what it has not heard of: action types of this build that the
    /// build before did not know. What a community has taken away since is not given again.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn give_new_permissions(&self) -> Result<(), EngineError> {
        let parts = &self.0;
        let codenames = parts.defaults().into_iter().map(|d| d.codename).collect();
        for community in parts.db.system().communities_unaware(&codenames).await? {
            let given = parts.give_defaults(community).await?;
            tracing::info!(%community, ?given, "permissions that come with this version were given");
        }
        Ok(())
    }
}

impl Parts {
    /// Gives one community the permissions that it has from the beginning. Returns what it had not heard of.
    pub(crate) async fn give_defaults(&self, community: CommunityId) -> Result<Vec<String>, StoreError> {
        let given = self.db.community(community).give_defaults(&self.defaults()).await?;
        self.outdate(community);
        Ok(given)
    }

    /// Adds the roles that every community has, where they are missing, with what they have from the beginning.
    pub(crate) async fn ensure_roles(&self, community: CommunityId) -> Result<(), StoreError> {
        let scope = self.db.community(community);
        let known = scope.state().await?.roles;
        let (defaults, now) = (self.defaults(), self.clock.now());
        if !known.iter().any(|role| role.is_base) {
            let permissions = defaults.iter().flat_map(|d| d.everybody.iter().cloned()).collect();
            scope.add_role("Base Role", Base::Yes, permissions, self.ids.uuid(now)).await?;
        }
        if !known.iter().any(|role| role.name == permission::INTEGRATION_ADMIN) {
            let permissions = defaults.iter().flat_map(|d| d.integration_admins.iter().cloned()).collect();
            scope.add_role(permission::INTEGRATION_ADMIN, Base::No, permissions, self.ids.uuid(now)).await?;
        }
        self.give_defaults(community).await?;
        Ok(())
    }

    /// Everybody may see and propose everything; whether it is done is for the policies.
    fn defaults(&self) -> Vec<DefaultPermissions> {
        let admins = permission::OF_INTEGRATION_ADMINS.into_iter().map(|codename| DefaultPermissions {
            codename: codename.to_owned(),
            everybody: BTreeSet::new(),
            integration_admins: [codename.to_owned()].into(),
        });
        let (platform, constitution) = self.codenames();
        let types = platform.into_iter().chain(constitution).map(|codename| DefaultPermissions {
            codename: codename.to_owned(),
            everybody: match permission::is_guarded(codename) {
                true => [permission::view(codename)].into(),
                false => [permission::propose(codename), permission::view(codename)].into(),
            },
            // Who looked after the integrations before there were rules about them goes on doing so.
            integration_admins: match permission::is_guarded(codename) {
                true => [permission::execute(codename)].into(),
                false => BTreeSet::new(),
            },
        });
        // Nobody proposes an event that triggers react to; what came of it is seen as everything else is.
        let own = self.registry.descriptors().flat_map(|d| d.own_triggers().map(|t| t.event_type));
        let events = own.chain([WEBHOOK_TRIGGER]).map(|event| DefaultPermissions {
            codename: event.to_owned(),
            everybody: [permission::view(event)].into(),
            integration_admins: BTreeSet::new(),
        });
        admins.chain(types).chain(events).collect()
    }

    /// Types of actions of all platforms, and types of changes of the rules.
    fn codenames(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let platform = self.registry.descriptors().flat_map(|d| d.governable.iter().map(|t| t.codename)).collect();
        let constitution = constitution::action_types().iter().map(|t| t.codename).collect();
        (platform, constitution)
    }

    fn new_kit(&self, kit: &Kit, installer: UserId) -> NewKit {
        let now = self.clock.now();
        let (platform, constitution) = self.codenames();
        let draft = |role: &policykit_core::kit::KitRole| RoleDraft {
            name: role.name.clone(),
            description: role.description.clone(),
            permissions: role.all_permissions(platform.iter().copied(), constitution.iter().copied()),
        };
        let (everybody, others): (Vec<_>, Vec<_>) =
            kit.roles.iter().partition(|role| role.holders == Holders::Everybody);
        NewKit {
            kit: kit.id.clone(),
            policies: kit
                .policies
                .iter()
                .map(|draft| {
                    let id = PolicyId::from_uuid(self.ids.uuid(now));
                    (draft.clone(), id, PolicyVersionId::from_uuid(self.ids.uuid(now)))
                })
                .collect(),
            base: everybody.first().map(|role| draft(role)).unwrap_or_default(),
            roles: others
                .into_iter()
                .map(|role| (draft(role), RoleId::from_uuid(self.ids.uuid(now)), role.holders))
                .collect(),
            integration_admins: permission::GUARDED
                .iter()
                .flat_map(|(codename, _)| kit.integration_admins.iter().map(|allow| allow.codename(codename)))
                .collect(),
            installer,
            at: now,
        }
    }

    /// Drops what is kept in memory of a community, because it was changed around the engine's own commits.
    pub(crate) fn outdate(&self, community: CommunityId) {
        crate::parts::lock(&self.communities).remove(&community);
    }
}

fn kits() -> Vec<Kit> {
    FILES
        .iter()
        .filter_map(|text| match serde_json::from_str(text) {
            Ok(kit) => Some(kit),
            // The files are part of the program and tested with it.
            Err(error) => {
                tracing::error!(%error, "a starter kit cannot be read");
                None
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use policykit_policy::{MontySandbox, Sandbox as _};

    use super::*;

    #[test]
    fn every_kit_is_whole() {
        let kits = kits();
        assert_eq!(kits.iter().map(|k| k.name.as_str()).collect::<Vec<_>>(), ["Testing", "Dictator", "Moderators"]);
        for kit in kits {
            assert_eq!(kit.roles.iter().filter(|r| r.holders == Holders::Everybody).count(), 1, "{}", kit.id);
            assert!(kit.roles.iter().all(|r| r.name != permission::INTEGRATION_ADMIN), "{}", kit.id);
            let deciding: Vec<_> =
                kit.roles.iter().filter(|r| r.permissions.contains(permission::SETTLE_HELD)).collect();
            assert!(!deciding.is_empty(), "{}", kit.id);
            assert!(deciding.iter().all(|r| r.holders != Holders::Everybody), "{}: not everybody", kit.id);
            for policy in kit.policies {
                assert!(policy.action_types.is_empty(), "{} applies to everything", policy.name);
                assert!(MontySandbox.compile(&policy.blocks).is_ok(), "{}", policy.name);
            }
        }
    }
}
