//! Journeys: a browser is sent to the platform, and what it brings back is a grant or somebody's identity.
//!
//! Whoever sends people on a journey keeps `state` and `nonce` bound to the browser's session, lets each be used once,
//! and compares `state` before anything here is asked.

use std::collections::BTreeMap;

use policykit_core::{Timestamp, community::Profile};
use secrecy::SecretString;

use super::{AppConfig, Inspection};

/// Why a person is sent to the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Journey {
    /// To let PolicyKit into a community.
    Install,
    /// To show who they are.
    SignIn,
}

/// What leaving needs.
#[derive(Debug, Clone, Copy)]
pub struct Departure<'a> {
    /// Why.
    pub journey: Journey,
    /// Comes back unchanged; bound to the browser's session and used once.
    pub state: &'a str,
    /// Comes back inside the identity; used once.
    pub nonce: &'a str,
    /// Where the platform sends the browser afterwards.
    pub redirect_uri: &'a str,
    /// The platform's server-wide configuration.
    pub app: &'a AppConfig,
    /// Answers to the descriptor's questions, by name.
    pub answers: &'a BTreeMap<String, String>,
}

/// Where to send the browser.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// The address.
    pub url: String,
    /// What must be kept, sealed, until the browser comes back.
    pub keep: Option<SecretString>,
    /// The platform's id of the community it leads to, where that is known beforehand.
    pub to: Option<String>,
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Why the person was sent.
    pub journey: Journey,
    /// The parameters of the address the browser came back with. `state` has been compared already.
    pub params: &'a BTreeMap<String, String>,
    /// The nonce it was sent with.
    pub nonce: &'a str,
    /// The address it was to come back to, exactly as in the departure.
    pub redirect_uri: &'a str,
    /// What was kept.
    pub kept: Option<&'a SecretString>,
    /// The answers given before leaving.
    pub answers: &'a BTreeMap<String, String>,
    /// The platform's server-wide configuration.
    pub app: &'a AppConfig,
    /// Now.
    pub now: Timestamp,
}

/// What a journey came to.
#[derive(Debug)]
pub enum Arrived {
    /// PolicyKit has been let in.
    Installed(Box<Grant>),
    /// Somebody has shown who they are.
    SignedIn(Identity),
}

/// What an installation is made of.
#[derive(Debug)]
pub struct Grant {
    /// What the credentials give access to.
    pub inspection: Inspection,
    /// The credentials by name, to be sealed; also those the descriptor lists as renewed.
    pub credentials: BTreeMap<String, SecretString>,
    /// Who let us in; an administrator there. Nobody where it was not asked of an account there.
    pub installer: Option<Profile>,
}

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The platform's id of the community they signed in from.
    pub external_id: String,
    /// Their account. Whether they administer the community is known only where the platform says so here.
    pub account: Profile,
}

/// Why a journey came to nothing. Nothing is kept of it. The texts are for the person who travelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArrivalError {
    /// The platform is not set up on this server.
    #[error("this server is not set up for it: {0}")]
    NotConfigured(String),
    /// A question of the platform's is not answered, or with something that is no answer.
    #[error("{0}")]
    Unanswered(String),
    /// The person said no.
    #[error("{0}")]
    Denied(String),
    /// Only administrators may let PolicyKit in.
    #[error("{who} does not administer {community}; {remedy}")]
    NotAdmin {
        /// Who tried.
        who: String,
        /// Where.
        community: String,
        /// What to do.
        remedy: String,
    },
    /// It leads to another community than it began for.
    #[error("{0}")]
    WrongCommunity(String),
    /// What came back is not what was asked for: an old, copied or invented answer.
    #[error("what came back cannot be trusted: {0}; start again from the login page")]
    Forged(String),
    /// The platform did not do its part.
    #[error("{0}")]
    Failed(String),
}

/// Why credentials are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Before a request: only when they run out soon.
    WhenDue,
    /// The platform said that they have run out.
    Refused,
}
