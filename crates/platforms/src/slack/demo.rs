//! The demo's workspace: six people, four channels, four policies, a guided tour, and a chat page to act in it.

mod page;
mod people;
mod tour;

use std::{collections::BTreeMap, io};

use secrecy::SecretString;

use super::{
    ID,
    fake::{Denied, Fake, RunningFake},
};
use crate::{
    demo::{Props, Scenery},
    platform::AppConfig,
};

/// The stand-in behind the page.
#[derive(Debug)]
pub(crate) struct StandIn(RunningFake);

/// Sets everything up on free ports of this machine.
pub(crate) async fn set(props: Props) -> io::Result<Scenery> {
    let fake = Fake::start_with(people::workspace(props.seed), props.clock.clone()).await?;
    let page = page::router(Fake::clone(&fake), props);
    Ok(Scenery::new(StandIn(fake), page))
}

/// Roles and the accounts that hold them.
pub(crate) fn roles() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![("Steward", people::with(people::Standing::Steward)), ("Newcomer", people::with(people::Standing::Newcomer))]
}

/// The policies, first things first.
pub(crate) fn policies() -> Vec<&'static str> {
    vec![
        include_str!("demo/policies/no_spoilers.json"),
        include_str!("demo/policies/renames_by_vote.json"),
        include_str!("demo/policies/newcomers_links.json"),
        include_str!("demo/policies/house_rules.json"),
    ]
}

impl StandIn {
    pub(crate) fn app(&self) -> AppConfig {
        AppConfig {
            settings: [("api_url".to_owned(), format!("{}/api/", self.0.base_url()))].into(),
            secrets: [("signing_secret".to_owned(), SecretString::from(people::SIGNING_SECRET))].into(),
        }
    }

    pub(crate) fn credentials(&self) -> BTreeMap<String, SecretString> {
        [("bot_token", people::BOT_TOKEN), ("admin_token", people::ADMIN_TOKEN)]
            .map(|(name, token)| (name.to_owned(), SecretString::from(token)))
            .into()
    }

    pub(crate) fn deliver_to(&self, base: &str) {
        let url = format!("{base}/api/hooks/{ID}");
        self.0.set_urls(&url, &url);
    }

    pub(crate) async fn prologue(&self) -> Result<(), Denied> {
        for (who, channel, text) in people::PROLOGUE {
            self.0.post(people::TEAM, who, channel, text).await?;
        }
        Ok(())
    }
}
