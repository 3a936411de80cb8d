//! Installing a community from credentials: what they give access to is asked of the platform before anything is kept.

use std::collections::BTreeMap;

use policykit_core::{
    community::{Installation, InstallationStatus},
    ids::{CommunityId, InstallationId},
};
use policykit_platforms::platform::{CallError, Grant, Inspection};
use policykit_store::{Others, StoreError};
use secrecy::SecretString;

use crate::{Engine, EngineError};

/// What to install.
#[derive(Debug)]
pub struct Install {
    /// The platform's id.
    pub platform: String,
    /// Its credentials by name.
    pub credentials: BTreeMap<String, SecretString>,
    /// Name of the community here; the platform's own when left out.
    pub community: Option<String>,
}

/// What was installed.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The community.
    pub community: CommunityId,
    /// The installation.
    pub installation: InstallationId,
    /// The community's name.
    pub name: String,
    /// The platform's id of the community.
    pub external_id: String,
    /// How many people the directory holds.
    pub people: usize,
    /// Whether it was there before.
    pub again: Again,
}

/// Whether an installation is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It is new.
    No,
    /// It was there; its credentials have been replaced.
    Yes,
}

/// Why nothing was installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is no such integration.
    #[error("there is no integration `{0}`")]
    UnknownPlatform(String),
    /// A credential is missing.
    #[error("`{0}` is missing: {1}")]
    MissingCredential(String, String),
    /// The platform says that this is not enough.
    #[error("{0}")]
    NotEnough(String),
    /// It could be installed, but the directory of people could not be read.
    #[error("the directory of people cannot be read: {0}")]
    Directory(#[from] CallError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Inside.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Engine {
    /// Installs a community, or replaces the credentials of one that is installed.
    ///
    /// # Errors
    /// See [`InstallError`]. Nothing is kept unless the platform accepts the credentials.
    pub async fn install(&self, wanted: Install) -> Result<Installed, InstallError> {
        let parts = &self.0;
        let platform = parts
            .registry
            .get(&wanted.platform)
            .ok_or_else(|| InstallError::UnknownPlatform(wanted.platform.clone()))?;
        let descriptor = platform.descriptor();
        if let Some(missing) = descriptor.credentials.iter().find(|c| !wanted.credentials.contains_key(c.name)) {
            return Err(InstallError::MissingCredential(missing.name.to_owned(), missing.doc.to_owned()));
        }
        let app = parts.app(&wanted.platform);
        let found = platform.inspect(&wanted.credentials, &app).await.map_err(InstallError::NotEnough)?;
        self.keep(&wanted.platform, found, wanted.credentials, wanted.community).await
    }

    /// Installs a community from what an administrator of it granted on the platform's own page, or puts one that is
    /// installed in order again.
    ///
    /// # Errors
    /// See [`InstallError`].
    pub async fn install_granted(&self, platform: &str, grant: Grant) -> Result<Installed, InstallError> {
        if self.0.registry.get(platform).is_none() {
            return Err(InstallError::UnknownPlatform(platform.to_owned()));
        }
        self.keep(platform, grant.inspection, grant.credentials, None).await
    }

    async fn keep(
        &self,
        platform: &str,
        found: Inspection,
        credentials: BTreeMap<String, SecretString>,
        community: Option<String>,
    ) -> Result<Installed, InstallError> {
        let parts = &self.0;
        let now = parts.clock.now();
        let system = parts.db.system();
        let existing = system.installation_by_external(platform, &found.external_id).await?;
        let (installation, again) = match existing {
            Some(known) => {
                let renewed = Installation {
                    name: found.name,
                    acts_as: found.acts_as,
                    settings: found.settings,
                    status: InstallationStatus::Active,
                    ..known
                };
                // Before it counts as working: a call that still fails with the old keys says nothing of these.
                parts.db.community(renewed.community).put_secrets(renewed.id, &credentials, Others::Go).await?;
                system.update_installation(&renewed).await?;
                (renewed, Again::Yes)
            }
            None => {
                let name = community.unwrap_or_else(|| found.name.clone());
                let installation = Installation {
                    id: InstallationId::from_uuid(parts.ids.uuid(now)),
                    community: CommunityId::from_uuid(parts.ids.uuid(now)),
                    platform: platform.to_owned(),
                    external_id: found.external_id,
                    name: found.name,
                    acts_as: found.acts_as,
                    settings: found.settings,
                    status: InstallationStatus::Active,
                };
                system.found_community(&name, &installation, now).await?;
                parts
                    .db
                    .community(installation.community)
                    .put_secrets(installation.id, &credentials, Others::Go)
                    .await?;
                (installation, Again::No)
            }
        };
        // Also for one that was there: the process may have ended before it had any.
        parts.ensure_roles(installation.community).await?;
        let scope = parts.db.community(installation.community);
        crate::parts::lock(&parts.communities).remove(&installation.community);
        parts.homes.add(&installation);
        let people = self.refresh_people(&installation).await?;
        let name = scope.state().await?.community.name;
        Ok(Installed {
            community: installation.community,
            installation: installation.id,
            name,
            external_id: installation.external_id,
            people,
            again,
        })
    }
}
