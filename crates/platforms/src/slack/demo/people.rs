//! Who is in the demo's workspace, and where.

use crate::slack::fake::{AppSeed, ChannelSeed, FakeConfig, TeamSeed, UserSeed, UserTokenSeed};

/// The account that installed PolicyKit: what PolicyKit does with administrator's rights appears under its name, as it
/// would on the real platform. Nobody acts as it, so the page shows it as PolicyKit.
const HOUSE: &str = "house";

/// Id of the workspace.
pub(super) const TEAM: &str = "T0RIVERBEND";
/// Its name.
pub(super) const TEAM_NAME: &str = "Riverbend Makers";
/// These open a workspace that exists in the memory of this process alone.
pub(super) const BOT_TOKEN: &str = "xoxb-demo-bot";
pub(super) const ADMIN_TOKEN: &str = "xoxp-demo-steward";
pub(super) const SIGNING_SECRET: &str = "demo-signing-secret";

/// The channel where everybody is asked.
pub(super) const GENERAL: &str = "C0GENERAL";
/// The channel that the tour renames.
pub(super) const RANDOM: &str = "C0RANDOM";
/// The channel where a newcomer shows something.
pub(super) const SHOW: &str = "C0SHOW";
/// The channel where stewards are asked.
pub(super) const STEWARDS: &str = "C0STEWARDS";

/// What somebody is in the community.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Steward,
    Member,
    Newcomer,
}

impl Standing {
    /// As the page says it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Steward => "steward",
            Self::Member => "member",
            Self::Newcomer => "newcomer",
        }
    }
}

/// Somebody to act as.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: &'static str,
    pub(super) handle: &'static str,
    pub(super) name: &'static str,
    pub(super) standing: Standing,
}

const fn person(id: &'static str, handle: &'static str, name: &'static str, standing: Standing) -> Person {
    Person { id, handle, name, standing }
}

/// Everybody, in the order in which the page offers them.
pub(super) const PEOPLE: &[Person] = &[
    person("U0FEN", "fen", "Fen Li", Standing::Member),
    person("U0AMA", "ama", "Ama Owusu", Standing::Steward),
    person("U0BOB", "bob", "Bob Lindqvist", Standing::Newcomer),
    person("U0GRACE", "grace", "Grace Tamura", Standing::Steward),
    person("U0INES", "ines", "Ines Carvalho", Standing::Member),
    person("U0THEO", "theo", "Theo Marsh", Standing::Member),
];

/// Accounts of everybody of a standing.
pub(super) fn with(standing: Standing) -> Vec<&'static str> {
    PEOPLE.iter().filter(|p| p.standing == standing).map(|p| p.id).collect()
}

/// What was said before the visitor came in: who, where, what.
pub(super) const PROLOGUE: &[(&str, &str, &str)] = &[
    ("grace", GENERAL, "The bandsaw is back. New blade, please go easy on it."),
    ("ines", GENERAL, "Thank you! I will be in on Thursday evening."),
    ("theo", RANDOM, "Who left forty wooden spoons on the big table?"),
    ("fen", SHOW, "First bowl that holds soup."),
    ("ama", STEWARDS, "Bob is new since Monday. Say hello when you see him."),
];

/// The workspace as the fake sets it up.
pub(super) fn workspace(seed: u64) -> FakeConfig {
    let channel = |id: &str, name: &str| ChannelSeed {
        id: Some(id.into()),
        name: name.into(),
        creator: Some("grace".into()),
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
    let mut insiders: Vec<String> =
        PEOPLE.iter().filter(|p| p.standing == Standing::Steward).map(|p| p.handle.to_owned()).collect();
    insiders.push(HOUSE.to_owned());
    let team = TeamSeed {
        id: Some(TEAM.into()),
        name: TEAM_NAME.into(),
        domain: Some("riverbend".into()),
        users: PEOPLE
            .iter()
            .map(|p| UserSeed {
                id: Some(p.id.into()),
                name: p.handle.into(),
                real_name: Some(p.name.into()),
                is_admin: p.standing == Standing::Steward,
                ..UserSeed::default()
            })
            .chain([house])
            .collect(),
        channels: vec![
            ChannelSeed { is_general: true, ..channel(GENERAL, "general") },
            channel(RANDOM, "random"),
            channel(SHOW, "show-and-tell"),
            ChannelSeed { is_private: true, members: Some(insiders), ..channel(STEWARDS, "stewards") },
        ],
        bot_token: Some(BOT_TOKEN.into()),
        user_tokens: vec![UserTokenSeed { user: HOUSE.into(), token: Some(ADMIN_TOKEN.into()), scopes: None }],
        ..TeamSeed::default()
    };
    FakeConfig {
        seed,
        app: AppSeed { name: "PolicyKit".into(), signing_secret: SIGNING_SECRET.into(), ..AppSeed::default() },
        teams: vec![team],
        ..FakeConfig::default()
    }
}
