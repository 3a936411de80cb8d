//! People who come from a platform: to install PolicyKit, or to sign in. What they may begin is decided here; browsers
//! and sessions are the caller's.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    community::{Installation, InstallationStatus, Profile, Role, User},
    ids::{CommunityId, InboxId, RoleId, UserId},
    permission,
};
use policykit_platforms::platform::{
    Arrival, ArrivalError, Arrived, Departure, Grant, Identity, Journey, Leaving, Platform,
};
use policykit_store::{Changes, CommunityState, DecisionEntry, StoreError};
use secrecy::SecretString;
use serde_json::json;

use crate::{
    Again, Engine, EngineError, Expected, InstallError, Installed,
    integrations::{Admission, addition, has_people_somewhere, may_add_without_asking},
};

/// A browser about to be sent to a platform.
#[derive(Debug, Clone, Copy)]
pub struct SetOut<'a> {
    /// The platform's id.
    pub platform: &'a str,
    /// Why.
    pub journey: Journey,
    /// Comes back unchanged; bound to the browser and used once.
    pub state: &'a str,
    /// Comes back inside the identity; used once.
    pub nonce: &'a str,
    /// Where the platform sends the browser afterwards.
    pub redirect_uri: &'a str,
    /// Answers to the platform's questions, by name.
    pub answers: &'a BTreeMap<String, String>,
}

/// A browser that came back. Its state has been compared and is used up.
#[derive(Debug, Clone, Copy)]
pub struct CameBack<'a> {
    /// The platform's id.
    pub platform: &'a str,
    /// Why it was sent.
    pub journey: Journey,
    /// The parameters it came back with.
    pub params: &'a BTreeMap<String, String>,
    /// The nonce it was sent with.
    pub nonce: &'a str,
    /// The address it was to come back to, exactly as it was sent.
    pub redirect_uri: &'a str,
    /// What the platform's module wanted kept.
    pub kept: Option<&'a SecretString>,
    /// The answers given before.
    pub answers: &'a BTreeMap<String, String>,
    /// Where what was let in may belong.
    pub to: Whereto,
}

/// Where what a browser lets in may belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereto {
    /// To the community that has it, or to a new one.
    Anywhere,
    /// Only to the community from which it was removed.
    WhereRemoved,
    /// Only to the community that was founded for it and got no further.
    WhereCutShort,
    /// To this community, to which this member adds it.
    Into(CommunityId, UserId),
    /// To this community, as whoever runs the server says.
    Given(CommunityId),
}

impl Whereto {
    /// The community that it is to belong to, where that is known beforehand.
    const fn community(self) -> Option<CommunityId> {
        match self {
            Self::Into(community, _) | Self::Given(community) => Some(community),
            Self::Anywhere | Self::WhereRemoved | Self::WhereCutShort => None,
        }
    }
}

/// What a journey came to.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A member has shown who they are.
    SignedIn(Box<User>),
    /// PolicyKit has been let in.
    Installed {
        /// What was installed.
        installed: Box<Installed>,
        /// Who let it in, as a member; nobody where that was not asked of an account there.
        installer: Option<UserId>,
        /// Whether the community has chosen its starter kit, or has rules of another origin.
        begun: Begun,
    },
    /// Whether PolicyKit is to be present there is for the community to decide; the keys were not kept.
    Proposed {
        /// The delivery with which it was proposed.
        written: InboxId,
        /// Name of the place.
        name: String,
    },
}

/// Whether a community has rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It has.
    Yes,
    /// Its starter kit is still to be chosen.
    No,
}

/// Why a journey came to nothing. The texts are for the person who travelled; nothing was changed here.
#[derive(Debug, thiserror::Error)]
pub enum JourneyError {
    /// There is no such integration.
    #[error("there is no integration `{0}`")]
    UnknownPlatform(String),
    /// The platform, or what the person did there.
    #[error(transparent)]
    Arrival(#[from] ArrivalError),
    /// Nobody has installed PolicyKit where they come from.
    #[error("PolicyKit is not installed in the {0} community that you signed in from")]
    NotInstalled(String),
    /// Nobody has installed PolicyKit where they want to come from.
    #[error("PolicyKit is not installed at {0}; check the address, or install it there first")]
    NotInstalledAt(String),
    /// It was installed there once.
    #[error("PolicyKit was removed from {0}; its record is kept")]
    Removed(String),
    /// The account is a program's, or the platform says it has been closed.
    #[error("the account {0} cannot sign in: it is a program's, or it has been closed")]
    NoPerson(String),
    /// It was removed by people who look after it, and this is none of them.
    #[error("PolicyKit was removed from {0}, which has people who may add integrations, and you are none of them")]
    NotYours(String),
    /// Only what was removed may be connected, and this was never here.
    #[error("PolicyKit was never connected to {0} here")]
    NeverHere(String),
    /// Only what was removed may be connected, and this is not.
    #[error("{0} is connected here and was not removed")]
    NotRemoved(String),
    /// Only what was cut short may be gone on with, and this was not.
    #[error("PolicyKit was connected to {0} and somebody looks after it already")]
    NotCutShort(String),
    /// Only those who look after the integrations may connect it again, and this is none of them.
    #[error("PolicyKit was removed from {0}, and you are not one of those who may add integrations there")]
    NotOneOfThem(String),
    /// The community would have to decide about it, and cannot be asked.
    #[error("adding it could not be proposed: {0}")]
    NotProposed(String),
    /// It was decided and could not be made.
    #[error("it could not be added: {0}")]
    NotMade(String),
    /// What was let in belongs to another community here.
    #[error("{0} is governed on this server already, as a community of its own")]
    Elsewhere(String),
    /// The community is on the same platform already, with another installation.
    #[error("this community is connected to {here} already, and you chose {there}")]
    Another {
        /// What it is connected to.
        here: String,
        /// What was chosen.
        there: String,
    },
    /// It could not be installed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<EngineError> for JourneyError {
    fn from(error: EngineError) -> Self {
        Self::Install(error.into())
    }
}

impl Engine {
    /// Where to send a browser. Nothing is written.
    ///
    /// # Errors
    /// When there is no such platform, or the server lacks what it needs.
    pub async fn set_out(&self, wanted: &SetOut<'_>) -> Result<Leaving, JourneyError> {
        let app = self.0.app(wanted.platform);
        let departure = Departure {
            journey: wanted.journey,
            state: wanted.state,
            nonce: wanted.nonce,
            redirect_uri: wanted.redirect_uri,
            app: &app,
            answers: wanted.answers,
        };
        let platform = self.platform_of(wanted.platform)?;
        let leaving = platform.depart(&departure).await?;
        // Nobody is sent anywhere in vain, or by us to wherever a link says.
        if let (Journey::SignIn, Some(to)) = (wanted.journey, &leaving.to)
            && self.0.db.system().installation_by_external(wanted.platform, to).await?.is_none()
        {
            return Err(JourneyError::NotInstalledAt(to.clone()));
        }
        Ok(leaving)
    }

    /// Takes in what a browser brought back.
    ///
    /// # Errors
    /// See [`JourneyError`].
    pub async fn came_back(&self, back: &CameBack<'_>) -> Result<Outcome, JourneyError> {
        let app = self.0.app(back.platform);
        let arrival = Arrival {
            journey: back.journey,
            params: back.params,
            nonce: back.nonce,
            redirect_uri: back.redirect_uri,
            kept: back.kept,
            answers: back.answers,
            app: &app,
            now: self.now(),
        };
        match (self.platform_of(back.platform)?.arrive(&arrival).await?, back.journey) {
            (Arrived::SignedIn(identity), Journey::SignIn) => self.sign_in(back.platform, identity).await,
            (Arrived::Installed(grant), Journey::Install) => self.let_in(back.platform, *grant, back.to).await,
            _ => Err(ArrivalError::Forged("it answers another question".to_owned()).into()),
        }
    }

    fn platform_of(&self, id: &str) -> Result<&dyn Platform, JourneyError> {
        self.0.registry.get(id).ok_or_else(|| JourneyError::UnknownPlatform(id.to_owned()))
    }

    async fn sign_in(&self, platform: &str, identity: Identity) -> Result<Outcome, JourneyError> {
        let found = self.0.db.system().installation_by_external(platform, &identity.external_id).await?;
        let Some(installation) = found else {
            return Err(JourneyError::NotInstalled(self.platform_of(platform)?.descriptor().name.to_owned()));
        };
        // Lost access is no reason to keep people out: they may want to see why, and what was decided.
        if installation.status == InstallationStatus::Uninstalled {
            return Err(JourneyError::Removed(installation.name));
        }
        if identity.account.is_bot || identity.account.is_gone {
            return Err(JourneyError::NoPerson(identity.account.name));
        }
        Ok(Outcome::SignedIn(Box::new(self.meet_person(&installation, identity.account).await?)))
    }

    pub(crate) async fn let_in(&self, platform: &str, mut grant: Grant, to: Whereto) -> Result<Outcome, JourneyError> {
        let parts = &self.0;
        if let Some(into) = to.community()
            && self.platform_of(platform)?.descriptor().is_shared()
        {
            grant.inspection.external_id = Installation::key_of_shared(&grant.inspection.external_id, into);
        }
        let external = grant.inspection.external_id.clone();
        let known = parts.db.system().installation_by_external(platform, &external).await?;
        if known.as_ref().is_some_and(|known| to.community().is_some_and(|into| known.community != into)) {
            return Err(JourneyError::Elsewhere(grant.inspection.name));
        }
        let expected = match (&known, to) {
            (Some(known), Whereto::Anywhere | Whereto::WhereRemoved)
                if known.status == InstallationStatus::Uninstalled =>
            {
                self.may_return(known, &grant, to).await?;
                Expected::Removed(known.community)
            }
            (Some(_), Whereto::WhereRemoved) => return Err(JourneyError::NotRemoved(grant.inspection.name)),
            (Some(known), Whereto::WhereCutShort) => {
                let there = known.status != InstallationStatus::Uninstalled;
                if !(there && parts.db.community(known.community).is_cut_short().await?) {
                    return Err(JourneyError::NotCutShort(grant.inspection.name));
                }
                Expected::Place(known.community)
            }
            (None, Whereto::WhereRemoved | Whereto::WhereCutShort) => {
                return Err(JourneyError::NeverHere(grant.inspection.name));
            }
            (Some(known), Whereto::Into(into, _) | Whereto::Given(into))
                if known.status != InstallationStatus::Uninstalled =>
            {
                Expected::Place(into)
            }
            (_, Whereto::Given(into)) => {
                another(&parts.db.community(into).state().await?, platform, &grant)?;
                self.make_place(into, None, &addition(platform, &grant)).await?;
                Expected::Place(into)
            }
            (_, Whereto::Into(into, by)) => {
                let state = parts.db.community(into).state().await?;
                another(&state, platform, &grant)?;
                if let Admission::Proposed(written) = self.admit(&state, by, platform, &grant).await? {
                    return Ok(Outcome::Proposed { written, name: grant.inspection.name });
                }
                Expected::Place(into)
            }
            (Some(known), Whereto::Anywhere) => Expected::Place(known.community),
            (None, Whereto::Anywhere) => Expected::Nothing,
        };
        let installer = grant.installer.clone();
        let member = if let Whereto::Into(_, member) = to { Some(member) } else { None };
        let mut installed = self.install_granted(platform, grant, expected).await?;
        if known.is_none() {
            installed.again = Again::No;
        }
        let there = parts.db.system().installation_by_external(platform, &external).await?;
        let there = there.ok_or(StoreError::NotFound { what: "installation" })?;
        let scope = parts.db.community(installed.community);
        let (mut by, mut looks_after) = (None, false);
        if let Some(installer) = installer {
            let installer = self.meet_person(&there, installer).await?;
            looks_after = scope.ensure_integration_admin(installer.id).await?;
            by = Some(installer.id);
        }
        if let Some(known) = known {
            let entry = DecisionEntry {
                community: known.community,
                at: self.now(),
                kind: "integration.renewed".to_owned(),
                body: json!({
                    "installation": known.id,
                    "platform": platform,
                    "by": by.or(member),
                    "was": known.status,
                    "became_integration_admin": looks_after,
                }),
            };
            parts.db.commit(Changes { decisions: vec![entry], label: "renewed", ..Changes::default() }).await?;
        }
        parts.outdate(installed.community);
        let begun = if scope.kit().await?.is_some() || !scope.state().await?.policies.is_empty() {
            Begun::Yes
        } else {
            Begun::No
        };
        Ok(Outcome::Installed { installed: Box::new(installed), installer: by, begun })
    }

    /// Whether what was removed may be put in order again. Removing it was the decision of those who look after the
    /// integrations, so while there are any, only they take it back: signed in here, or known by the account with which
    /// they install. Where nobody is left to do so any administrator of the place may, but only one who could connect a new
    /// community too.
    async fn may_return(&self, known: &Installation, grant: &Grant, to: Whereto) -> Result<(), JourneyError> {
        let scope = self.0.db.community(known.community);
        let state = scope.state().await?;
        another(&state, &known.platform, grant)?;
        // Where the community can be asked, it is: from its settings, by somebody who is signed in.
        // Whoever has no account there is nobody who could be known by it.
        let Some(installer) = &grant.installer else { return Err(JourneyError::NotOneOfThem(known.name.clone())) };
        let installer = UserId::derive(known.id, &installer.external_id);
        let registry = &self.0.registry;
        let asks = !may_add_without_asking(registry, &state, installer, &known.platform);
        if has_people_somewhere(registry, &state) && asks {
            return Err(JourneyError::NotYours(known.name.clone()));
        }
        let adding = |role: &&Role| role.permissions.contains(permission::ADD_INTEGRATION);
        let able: BTreeSet<RoleId> = state.roles.iter().filter(adding).map(|role| role.id).collect();
        let is_able = |user: UserId| state.role_members.get(&user).is_some_and(|held| !held.is_disjoint(&able));
        let everybody = state.roles.iter().filter(adding).any(|role| role.is_base);
        if everybody || is_able(installer) {
            return Ok(());
        }
        if to == Whereto::WhereRemoved {
            return Err(JourneyError::NotOneOfThem(known.name.clone()));
        }
        let mut looked_after = has_people_somewhere(registry, &state);
        for installation in &state.installations {
            if looked_after {
                break;
            }
            let people = scope.users(installation.id).await?;
            looked_after = people.iter().any(|user| !user.is_gone && !user.is_bot && is_able(user.id));
        }
        if looked_after { Err(JourneyError::NotYours(known.name.clone())) } else { Ok(()) }
    }

    /// Writes down a person who has shown who they are. What only the directory knows about them stays.
    async fn meet_person(&self, installation: &Installation, account: Profile) -> Result<User, JourneyError> {
        let scope = self.0.db.community(installation.community);
        let known = scope.users_by_external(installation.id, std::slice::from_ref(&account.external_id)).await?;
        let user = User {
            id: UserId::derive(installation.id, &account.external_id),
            community: installation.community,
            installation: installation.id,
            is_admin: account.is_admin || known.first().is_some_and(|known| known.is_admin),
            external_id: account.external_id,
            name: account.name,
            is_bot: false,
            is_gone: false,
        };
        let changes = Changes { users: vec![user.clone()], label: "people", ..Changes::default() };
        self.0.db.commit(changes).await?;
        Ok(user)
    }
}

/// Refuses a second installation on a platform on which the community is already.
fn another(state: &CommunityState, platform: &str, grant: &Grant) -> Result<(), JourneyError> {
    let here =
        state.installations.iter().find(|i| i.platform == platform && i.status != InstallationStatus::Uninstalled);
    here.map_or(Ok(()), |here| {
        Err(JourneyError::Another { here: here.name.clone(), there: grant.inspection.name.clone() })
    })
}
