//! The scenery of the demo: a stand-in with people in it, a page to act on it, and what is installed before the curtain
//! rises. The server knows none of the names in it.

use std::{collections::BTreeMap, fmt, io, sync::Arc, time::Duration};

use axum::Router;
use futures::future::BoxFuture;
use policykit_core::Clock;
use secrecy::SecretString;

use crate::{platform::AppConfig, slack};

/// What the scenery asks of whoever runs it.
pub trait Stagehand: Send + Sync + fmt::Debug {
    /// Moves the clock of everything on stage ahead.
    fn skip(&self, by: Duration);

    /// Proposes a change of a rule as a member would on the web. Errors are sentences for the visitor.
    fn amend(&self, wanted: Wanted) -> BoxFuture<'_, Result<(), String>>;
}

/// A change of a rule that somebody on stage wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The account of who proposes it.
    pub account: &'static str,
    /// The name of the rule.
    pub rule: String,
    /// What is to become of it.
    pub amend: Amend,
}

/// What is to become of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amend {
    /// Its filter says `new` where it says `old`.
    Replace {
        /// What it says.
        old: &'static str,
        /// What it is to say.
        new: &'static str,
    },
    /// It is as it was in its first version.
    RollBack,
}

/// What a scenery is set up with.
#[derive(Debug, Clone)]
pub struct Props {
    /// The clock of everything on stage.
    pub clock: Arc<dyn Clock>,
    /// Who moves that clock.
    pub stagehand: Arc<dyn Stagehand>,
    /// Ids of messages and deliveries follow from this number. Take another one for each start on the same data:
    /// deliveries that were seen before are not taken twice.
    pub seed: u64,
    /// Names, words and channels follow from this number. The same data must meet the same people again.
    pub cast: u64,
    /// Address of the style sheet whose colours and letters the page uses.
    pub stylesheet: String,
    /// Address of the page's sign.
    pub icon: String,
    /// Address that signs a member in to the web pages of PolicyKit; `{platform}` stands for the platform's id.
    pub web: String,
    /// Address that opens them as whoever runs the server.
    pub operator: String,
}

/// A scenery that stands.
#[derive(Debug)]
pub struct Scenery {
    /// The platform's id.
    pub platform: &'static str,
    /// Server-wide settings of the platform.
    pub app: AppConfig,
    /// What installs the community.
    pub credentials: BTreeMap<String, SecretString>,
    /// Roles to be made: their names and the accounts that hold them.
    pub roles: Vec<(&'static str, Vec<&'static str>)>,
    /// Policies in PolicyKit's exchange format; the first is tried first.
    pub policies: Vec<String>,
    /// The page, to be mounted at `/demo`.
    pub page: Router,
    stand_in: slack::demo::StandIn,
}

impl Scenery {
    /// Sets the scenery up. It stands until it is dropped.
    ///
    /// # Errors
    /// When no port is free on this machine.
    pub async fn set(props: Props) -> io::Result<Self> {
        slack::demo::set(props).await
    }

    pub(crate) fn new(stand_in: slack::demo::StandIn, page: Router) -> Self {
        Self {
            platform: slack::ID,
            app: stand_in.app(),
            credentials: stand_in.credentials(),
            roles: slack::demo::roles(),
            policies: stand_in.policies(),
            page,
            stand_in,
        }
    }

    /// Tells the stand-in where PolicyKit listens.
    pub fn deliver_to(&self, base: &str) {
        self.stand_in.deliver_to(base);
    }

    /// Plays what was said in the community before the visitor came in.
    ///
    /// # Errors
    /// Says what the stand-in refused.
    pub async fn prologue(&self) -> io::Result<()> {
        self.stand_in.prologue().await.map_err(|denied| io::Error::other(denied.to_string()))
    }
}
