//! The demo's workspace: six people, four channels, six policies, a guided tour, and a chat page to act in it.

mod cast;
mod page;
mod people;
mod tour;

use std::{collections::BTreeMap, io};

use secrecy::SecretString;

use self::cast::{Cast, Standing};
use super::{
    ID,
    fake::{Act, Denied, Fake, RunningFake},
};
use crate::{
    demo::{Props, Scenery},
    platform::AppConfig,
};

/// The stand-in behind the page.
#[derive(Debug)]
pub(crate) struct StandIn {
    fake: RunningFake,
    cast: Cast,
}

/// Sets everything up on free ports of this machine.
pub(crate) async fn set(props: Props) -> io::Result<Scenery> {
    let cast = Cast::of(props.cast);
    let fake = Fake::start_with(people::workspace(props.seed, &cast), props.clock.clone()).await?;
    let page = page::router(Fake::clone(&fake), cast.clone(), props);
    Ok(Scenery::new(StandIn { fake, cast }, page))
}

/// Roles and the accounts that hold them.
pub(crate) fn roles() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![("Steward", people::with(Standing::Steward)), ("Newcomer", people::with(Standing::Newcomer))]
}

impl StandIn {
    /// The policies in the words of this community, first things first.
    pub(crate) fn policies(&self) -> Vec<String> {
        [
            include_str!("demo/policies/no_word.json"),
            include_str!("demo/policies/renames_by_vote.json"),
            include_str!("demo/policies/newcomers_links.json"),
            include_str!("demo/policies/topics.json"),
            include_str!("demo/policies/house_rules.json"),
            include_str!("demo/policies/changes_by_vote.json"),
        ]
        .map(|policy| self.cast.fill(policy))
        .into()
    }

    pub(crate) fn app(&self) -> AppConfig {
        AppConfig {
            settings: [
                ("api_url".to_owned(), format!("{}/api/", self.fake.base_url())),
                ("client_id".to_owned(), people::CLIENT_ID.to_owned()),
            ]
            .into(),
            secrets: [("signing_secret", people::SIGNING_SECRET), ("client_secret", people::CLIENT_SECRET)]
                .map(|(name, secret)| (name.to_owned(), SecretString::from(secret)))
                .into(),
        }
    }

    pub(crate) fn credentials(&self) -> BTreeMap<String, SecretString> {
        [("bot_token", people::BOT_TOKEN), ("admin_token", people::ADMIN_TOKEN)]
            .map(|(name, token)| (name.to_owned(), SecretString::from(token)))
            .into()
    }

    pub(crate) fn deliver_to(&self, base: &str) {
        let url = format!("{base}/api/hooks/{ID}");
        self.fake.set_urls(&url, &url);
    }

    pub(crate) async fn prologue(&self) -> Result<(), Denied> {
        for (part, room, text) in self.cast.prologue() {
            self.fake.post(people::TEAM, part.account(), room.id(), &text).await?;
        }
        // Read by whoever opens the channel, and what comes back there when somebody else sets another.
        let topic = Act::SetTopic { channel: people::SHOW.to_owned(), topic: cast::TOPIC.to_owned() };
        self.fake.act(people::TEAM, cast::Part::Grace.account(), topic).await?;
        Ok(())
    }
}
