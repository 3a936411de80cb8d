//! What the engine keeps in memory about a community: its state, its compiled policies and the members it has met.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use policykit_core::{
    community::{Installation, User},
    ids::{CommunityId, InstallationId, PolicyVersionId, UserId},
    policy::{Block, OnError, Policy},
    snapshot::{CommunityView, PlatformView, UserView},
};
use policykit_policy::Program;
use policykit_store::CommunityState;

use crate::{
    EngineError,
    candidates::Index,
    evaluation::{EXECUTE, REVERT},
    parts::{Parts, lock},
};

/// Accounts that events name, by the installation they belong to.
pub(crate) type Accounts = BTreeMap<InstallationId, BTreeSet<String>>;

/// A policy with its compiled code, or with why it cannot be compiled.
pub(crate) struct Compiled {
    pub(crate) policy: Policy,
    pub(crate) program: Result<Arc<Program>, String>,
}

impl Compiled {
    /// Whether later evaluations may undo or do the action otherwise than by carrying out what has passed: then they have to
    /// know what was undone and done before. The words are looked for in the source, so it says yes too often at most.
    pub(crate) fn may_act(&self) -> bool {
        let draft = &self.policy.draft;
        let says = |source: &str| source.contains(REVERT) || source.contains(EXECUTE);
        draft.on_error == OnError::HoldReverted || Block::ALL.iter().any(|block| says(draft.blocks.get(*block)))
    }
}

/// A community as loaded at one version.
pub(crate) struct CommunityHandle {
    pub(crate) state: CommunityState,
    /// Active policies in order.
    pub(crate) policies: Vec<Arc<Compiled>>,
    /// The same by what they are asked about.
    pub(crate) index: Index,
    members: Mutex<HashMap<(InstallationId, String), User>>,
}

impl CommunityHandle {
    pub(crate) fn installation(&self, id: InstallationId) -> Option<&Installation> {
        self.state.installations.iter().find(|i| i.id == id)
    }

    pub(crate) fn view(&self) -> CommunityView {
        CommunityView { id: self.state.community.id, name: self.state.community.name.clone() }
    }

    /// Where the community lives. A removed installation is named only where no other has taken its place.
    pub(crate) fn platforms(&self) -> Vec<PlatformView> {
        self.state
            .installations
            .iter()
            .filter(|i| self.state.on(&i.platform).is_none_or(|present| present.id == i.id))
            .map(|i| PlatformView {
                id: i.platform.clone(),
                external_id: i.id_there().to_owned(),
                name: i.name.clone(),
            })
            .collect()
    }

    pub(crate) fn member(&self, installation: InstallationId, external_id: &str) -> Option<User> {
        lock(&self.members).get(&(installation, external_id.to_owned())).cloned()
    }

    pub(crate) fn remember(&self, user: &User) {
        lock(&self.members).insert((user.installation, user.external_id.clone()), user.clone());
    }

    /// Names of the roles a member has, the base role included.
    pub(crate) fn role_names(&self, user: UserId) -> Vec<String> {
        let own = self.state.role_members.get(&user);
        self.state
            .roles
            .iter()
            .filter(|role| role.is_base || own.is_some_and(|ids| ids.contains(&role.id)))
            .map(|role| role.name.clone())
            .collect()
    }

    /// Permissions of all the roles a member has.
    pub(crate) fn permissions(&self, user: UserId) -> BTreeSet<String> {
        let own = self.state.role_members.get(&user);
        self.state
            .roles
            .iter()
            .filter(|role| role.is_base || own.is_some_and(|ids| ids.contains(&role.id)))
            .flat_map(|role| role.permissions.iter().cloned())
            .collect()
    }

    /// Permissions of the roles that somebody was given, without the one that every member has.
    pub(crate) fn permissions_given(&self, user: UserId) -> BTreeSet<String> {
        let own = self.state.role_members.get(&user);
        let given =
            self.state.roles.iter().filter(|role| !role.is_base && own.is_some_and(|ids| ids.contains(&role.id)));
        given.flat_map(|role| role.permissions.iter().cloned()).collect()
    }

    /// Names of those of a member's roles, the base role included, that have a permission.
    pub(crate) fn roles_that_may(&self, user: UserId, permission: &str) -> Vec<String> {
        let own = self.state.role_members.get(&user);
        self.state
            .roles
            .iter()
            .filter(|role| role.is_base || own.is_some_and(|ids| ids.contains(&role.id)))
            .filter(|role| role.permissions.contains(permission))
            .map(|role| role.name.clone())
            .collect()
    }

    pub(crate) fn user_view(&self, user: &User) -> UserView {
        UserView {
            external_id: user.external_id.clone(),
            platform: self.installation(user.installation).map(|i| i.platform.clone()).unwrap_or_default(),
            name: user.name.clone(),
            is_admin: user.is_admin,
            roles: self.role_names(user.id),
        }
    }
}

impl Parts {
    /// The community at `version` or newer; `None` takes whatever is in memory.
    pub(crate) async fn community(
        &self,
        id: CommunityId,
        version: Option<i64>,
    ) -> Result<Arc<CommunityHandle>, EngineError> {
        let cached = lock(&self.communities).get(&id).cloned();
        if let Some(handle) = &cached
            && version.is_none_or(|v| handle.state.version >= v)
        {
            return Ok(Arc::clone(handle));
        }
        let state = self.db.community(id).state().await?;
        let mut known: HashMap<PolicyVersionId, Arc<Compiled>> = cached
            .iter()
            .flat_map(|handle| handle.policies.iter().map(|p| (p.policy.version_id, Arc::clone(p))))
            .collect();
        let policies: Vec<Arc<Compiled>> = state
            .policies
            .iter()
            .map(|policy| match known.remove(&policy.version_id) {
                // Only the place in the order may differ between two loads of the same version.
                Some(compiled) if compiled.policy == *policy => compiled,
                _ => Arc::new(self.compile(policy)),
            })
            .collect();
        let index = Index::new(&policies, cached.as_ref().map(|handle| &handle.index));
        let members = cached.map(|handle| lock(&handle.members).clone()).unwrap_or_default();
        let handle = Arc::new(CommunityHandle { state, policies, index, members: Mutex::new(members) });
        lock(&self.communities).insert(id, Arc::clone(&handle));
        Ok(handle)
    }

    /// Compiles a policy that is not active any more, or another version of one that is.
    pub(crate) fn compile(&self, policy: &Policy) -> Compiled {
        let program = self
            .sandbox
            .compile(&policy.draft.blocks)
            .map(Arc::new)
            .map_err(|diagnostics| diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        Compiled { policy: policy.clone(), program }
    }

    /// Makes sure that these accounts are in memory; accounts nobody has heard of become members by their id, to be
    /// written with the next commit.
    pub(crate) async fn meet(&self, community: &CommunityHandle, wanted: &Accounts) -> Result<Vec<User>, EngineError> {
        let mut fresh = Vec::new();
        for (installation, accounts) in wanted {
            let missing: Vec<String> =
                accounts.iter().filter(|a| community.member(*installation, a).is_none()).cloned().collect();
            if missing.is_empty() {
                continue;
            }
            for user in
                self.db.community(community.state.community.id).users_by_external(*installation, &missing).await?
            {
                community.remember(&user);
            }
            for account in missing {
                if community.member(*installation, &account).is_none() {
                    let user = User {
                        id: UserId::derive(*installation, &account),
                        community: community.state.community.id,
                        installation: *installation,
                        name: account.clone(),
                        external_id: account,
                        is_admin: false,
                        is_bot: false,
                        is_gone: false,
                    };
                    community.remember(&user);
                    fresh.push(user);
                }
            }
        }
        Ok(fresh)
    }
}
