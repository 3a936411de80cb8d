//! Installing a community from credentials: what they give access to is asked of the platform before anything is kept.

use std::collections::BTreeMap;

use policykit_core::{
    community::{Installation, InstallationStatus},
    ids::{CommunityId, InstallationId},
};
use policykit_platforms::platform::{CallError, Entered, Grant, Inspection};
use policykit_store::StoreError;
use secrecy::SecretString;

use crate::{Engine, EngineError, parts::Parts};

/// What to install.
#[derive(Debug, Default)]
pub struct Install {
    /// The platform's id.
    pub platform: String,
    /// Its credentials by name.
    pub credentials: BTreeMap<String, SecretString>,
    /// Answers to its questions by name. Those of a platform to which people are sent are not needed.
    pub answers: BTreeMap<String, String>,
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
    /// What a person has to do on the platform, in plain words, because its keys do not let us.
    pub to_do: Option<String>,
}

/// Whether an installation is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It is new.
    No,
    /// It was there; its credentials have been replaced.
    Yes,
}

/// How often keys are handed over anew when something else changes the place at the same moment.
const HANDOVERS: u8 = 5;

/// What is there by what was decided about the keys at hand. Where it is something else by then, they are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is: whoever runs the server says so.
    Anything,
    /// Nothing: a community of its own is founded.
    Nothing,
    /// A place of this community that is not removed.
    Place(CommunityId),
    /// A place of this community that may be removed, and may return.
    Removed(CommunityId),
}

impl Expected {
    const fn nothing(self) -> bool {
        matches!(self, Self::Anything | Self::Nothing)
    }

    fn allows(self, there: &Installation) -> bool {
        match self {
            Self::Anything => true,
            Self::Nothing => false,
            Self::Place(community) => there.community == community && there.status != InstallationStatus::Uninstalled,
            Self::Removed(community) => there.community == community,
        }
    }
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
    /// A question is not answered.
    #[error("`{0}` is missing: {1}")]
    MissingAnswer(String, String),
    /// The platform says that this is not enough.
    #[error("{0}")]
    NotEnough(String),
    /// What was decided about it no longer fits.
    #[error("{0} was added or removed here while it was being let in, so the keys were not kept")]
    Meanwhile(String),
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

impl Parts {
    /// Asks the platform what that which was entered gives access to.
    pub(crate) async fn inspect(&self, wanted: &Install) -> Result<Inspection, InstallError> {
        let platform = self
            .registry
            .get(&wanted.platform)
            .ok_or_else(|| InstallError::UnknownPlatform(wanted.platform.clone()))?;
        let descriptor = platform.descriptor();
        if let Some(missing) = descriptor.credentials.iter().find(|c| !wanted.credentials.contains_key(c.name)) {
            return Err(InstallError::MissingCredential(missing.name.to_owned(), missing.doc.to_owned()));
        }
        // Of a platform that takes no form, the keys say which community they are for.
        let asked = descriptor.questions.iter().filter(|_| descriptor.is_entered());
        if let Some(missing) = asked.into_iter().find(|q| !wanted.answers.contains_key(q.name)) {
            return Err(InstallError::MissingAnswer(missing.name.to_owned(), missing.doc.to_owned()));
        }
        let app = self.app(&wanted.platform);
        let entered = Entered { credentials: &wanted.credentials, answers: &wanted.answers, app: &app };
        platform.inspect(entered).await.map_err(InstallError::NotEnough)
    }
}

impl Engine {
    /// Installs a community, or replaces the credentials of one that is installed.
    ///
    /// # Errors
    /// See [`InstallError`]. Nothing is kept unless the platform accepts the credentials.
    pub async fn install(&self, wanted: Install) -> Result<Installed, InstallError> {
        let parts = &self.0;
        let found = parts.inspect(&wanted).await?;
        self.keep(&wanted.platform, found, wanted.credentials, wanted.community, Expected::Anything).await
    }

    /// Installs a community from what an administrator of it granted on the platform's own page, or puts one that is
    /// installed in order again.
    ///
    /// # Errors
    /// See [`InstallError`].
    pub async fn install_granted(
        &self,
        platform: &str,
        grant: Grant,
        expected: Expected,
    ) -> Result<Installed, InstallError> {
        if self.0.registry.get(platform).is_none() {
            return Err(InstallError::UnknownPlatform(platform.to_owned()));
        }
        self.keep(platform, grant.inspection, grant.credentials, None, expected).await
    }

    async fn keep(
        &self,
        platform: &str,
        found: Inspection,
        mut credentials: BTreeMap<String, SecretString>,
        community: Option<String>,
        expected: Expected,
    ) -> Result<Installed, InstallError> {
        let parts = &self.0;
        let now = parts.clock.now();
        let system = parts.db.system();
        let mut again = Again::Yes;
        let mut tries = 0_u8;
        let installation = loop {
            tries = tries.saturating_add(1);
            let Some(was) = system.known_place(platform, &found.external_id).await? else {
                if !expected.nothing() {
                    return Err(InstallError::Meanwhile(found.name));
                }
                let new = Installation {
                    id: InstallationId::from_uuid(parts.ids.uuid(now)),
                    community: CommunityId::from_uuid(parts.ids.uuid(now)),
                    platform: platform.to_owned(),
                    external_id: found.external_id.clone(),
                    name: found.name.clone(),
                    acts_as: found.acts_as.clone(),
                    settings: found.settings.clone(),
                    status: InstallationStatus::Active,
                };
                let name = community.clone().unwrap_or_else(|| found.name.clone());
                system.found_community(&name, &new, now).await?;
                again = Again::No;
                continue;
            };
            if again == Again::Yes && !expected.allows(&was.installation) {
                return Err(InstallError::Meanwhile(found.name));
            }
            let renewed = Installation {
                name: found.name.clone(),
                acts_as: found.acts_as.clone(),
                settings: found.settings.clone(),
                status: InstallationStatus::Active,
                ..was.installation.clone()
            };
            parts.sign_with(&was.installation, &mut credentials).await?;
            match parts.db.community(renewed.community).hand_over(&was, &renewed, &credentials, now).await {
                Ok(_) => break renewed,
                // It was renewed, lost or removed between reading and writing it: whether it may be is asked again.
                Err(StoreError::Conflict { .. }) if tries < HANDOVERS => {}
                Err(error) => return Err(error.into()),
            }
        };
        // Also for one that was there: the process may have ended before it had any.
        parts.ensure_roles(installation.community).await?;
        let scope = parts.db.community(installation.community);
        crate::parts::lock(&parts.communities).remove(&installation.community);
        parts.homes.add(&installation);
        let people = self.refresh_people(&installation).await?;
        // Without their names pages show ids: no reason not to be installed.
        if let Err(error) = self.refresh_channels(&installation).await {
            tracing::warn!(%error, platform = %installation.platform, "engine.install.channels");
        }
        let to_do = parts.announce(&installation).await?;
        let name = scope.state().await?.community.name;
        Ok(Installed {
            community: installation.community,
            installation: installation.id,
            name,
            external_id: installation.id_there().to_owned(),
            people,
            again,
            to_do,
        })
    }
}
