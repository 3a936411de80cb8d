//! Who is in the demo's workspace, and where.

use super::cast::{Cast, PARTS, Part, Person, Room, Standing};
use crate::slack::fake::{AppSeed, ChannelSeed, FakeConfig, TeamSeed, UserSeed, UserTokenSeed};

/// The account that installed PolicyKit: what PolicyKit does with administrator's rights appears under its name, as it
/// would on the real platform. Nobody acts as it, so the page shows it as PolicyKit.
const HOUSE: &str = "house";

/// Id of the workspace.
pub(super) const TEAM: &str = "T0DEMO";
/// These open a workspace that exists in the memory of this process alone.
pub(super) const BOT_TOKEN: &str = "xoxb-demo-bot";
pub(super) const ADMIN_TOKEN: &str = "xoxp-demo-steward";
pub(super) const SIGNING_SECRET: &str = "demo-signing-secret";
/// With these the app says who it is when somebody signs in.
pub(super) const CLIENT_ID: &str = "1.demo";
pub(super) const CLIENT_SECRET: &str = "demo-client-secret";

/// The channel where everybody is asked.
pub(super) const GENERAL: &str = "C0GENERAL";
/// The channel that the tour renames.
pub(super) const LOUNGE: &str = "C0LOUNGE";
/// The channel where a newcomer shows something.
pub(super) const SHOW: &str = "C0SHOW";
/// The channel where stewards are asked.
pub(super) const COUNCIL: &str = "C0COUNCIL";

/// Accounts of everybody of a standing.
pub(super) fn with(standing: Standing) -> Vec<&'static str> {
    PARTS.into_iter().filter(|part| part.standing() == standing).map(Part::account).collect()
}

impl Room {
    /// The channel's id.
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::General => GENERAL,
            Self::Lounge => LOUNGE,
            Self::Show => SHOW,
            Self::Council => COUNCIL,
        }
    }
}

/// The workspace as the fake sets it up.
pub(super) fn workspace(seed: u64, cast: &Cast) -> FakeConfig {
    let grace = cast.person(Part::Grace).map(Person::handle);
    let channel = |id: &str, name: &str| ChannelSeed {
        id: Some(id.into()),
        name: name.into(),
        creator: grace.clone(),
        ..ChannelSeed::default()
    };
    let house = UserSeed {
        id: Some("U0HOUSE".into()),
        name: HOUSE.into(),
        real_name: Some("PolicyKit".into()),
        is_admin: true,
        is_owner: true,
        ..UserSeed::default()
    };
    let insiders = cast.people.iter().filter(|person| person.part.standing() == Standing::Steward);
    let mut insiders: Vec<String> = insiders.map(Person::handle).collect();
    insiders.push(HOUSE.to_owned());
    let team = TeamSeed {
        id: Some(TEAM.into()),
        name: cast.community.clone(),
        domain: Some("demo".into()),
        users: cast
            .people
            .iter()
            .map(|person| UserSeed {
                id: Some(person.part.account().into()),
                name: person.handle(),
                real_name: Some(person.name.clone()),
                is_admin: person.part.standing() == Standing::Steward,
                ..UserSeed::default()
            })
            .chain([house])
            .collect(),
        channels: vec![
            ChannelSeed { is_general: true, ..channel(GENERAL, "general") },
            channel(LOUNGE, cast.lounge),
            channel(SHOW, cast.show),
            ChannelSeed { is_private: true, members: Some(insiders), ..channel(COUNCIL, cast.council) },
        ],
        bot_token: Some(BOT_TOKEN.into()),
        user_tokens: vec![UserTokenSeed { user: HOUSE.into(), token: Some(ADMIN_TOKEN.into()), scopes: None }],
        ..TeamSeed::default()
    };
    FakeConfig {
        seed,
        app: AppSeed {
            name: "PolicyKit".into(),
            signing_secret: SIGNING_SECRET.into(),
            client_id: CLIENT_ID.into(),
            client_secret: CLIENT_SECRET.into(),
            ..AppSeed::default()
        },
        teams: vec![team],
        ..FakeConfig::default()
    }
}
