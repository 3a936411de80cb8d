//! What a fake starts with: the app, the workspaces, timing and limits. Plain data, read from JSON or built in code.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Everything a fake starts with. Every field has a default; `FakeConfig::default()` is an app without workspaces.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FakeConfig {
    /// All ids, tokens and chaos follow from this number.
    pub seed: u64,
    /// The one app, installed in every workspace.
    pub app: AppSeed,
    /// The workspaces.
    pub teams: Vec<TeamSeed>,
    /// Milliseconds to wait before each retry of a delivery. Slack: at once, one minute, five minutes.
    pub retry_delays_ms: Vec<u64>,
    /// Milliseconds a delivery may take before it counts as timed out. Slack: 3,000.
    pub ack_timeout_ms: u64,
    /// How many calls of a method a workspace may make.
    pub rate_limits: RateLimits,
    /// The witness also appends its record to this file, one JSON object per line, flushed line by line.
    pub record: Option<PathBuf>,
    /// The address under which the app reaches the fake, for `response_url`; by default the bound address.
    pub public_url: Option<String>,
}

impl Default for FakeConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            app: AppSeed::default(),
            teams: Vec::new(),
            retry_delays_ms: vec![0, 60_000, 300_000],
            ack_timeout_ms: 3_000,
            rate_limits: RateLimits::default(),
            record: None,
            public_url: None,
        }
    }
}

/// The app as its developer configured it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppSeed {
    /// `A…`; derived from the seed when absent.
    pub app_id: Option<String>,
    /// Name of the app, its bot and its bot user.
    pub name: String,
    /// Key of the request signatures.
    pub signing_secret: String,
    /// The app's name in OAuth.
    pub client_id: String,
    /// The app's password in OAuth.
    pub client_secret: String,
    /// Beginnings of the addresses a browser may be sent back to; any address when absent.
    pub redirect_urls: Option<Vec<String>>,
    /// Whether tokens run out and are renewed.
    pub token_rotation: bool,
    /// How long a token lives then. Slack: 43,200 seconds.
    pub token_lifetime_secs: i64,
    /// The deprecated `token` field of deliveries.
    pub verification_token: String,
    /// Where events are posted (`http://` only); nothing is delivered while it is absent.
    pub events_url: Option<String>,
    /// Where clicks are posted (`http://` only).
    pub interactivity_url: Option<String>,
    /// Subscribed event types (`message`, `pin_added`, …); all of them when absent.
    pub event_types: Option<Vec<String>>,
    /// Metadata event types declared in the app's manifest; message events carry the payload of these only.
    /// All of them when absent.
    pub metadata_event_types: Option<Vec<String>>,
}

impl Default for AppSeed {
    fn default() -> Self {
        Self {
            app_id: None,
            name: "policykit".into(),
            signing_secret: "8f742231b10e8888abcd99yyyzzz85a5".into(),
            client_id: "3336676.569200954261".into(),
            client_secret: "0ab1c2d3e4f5a6b7c8d9e0f1a2b3c4d5".into(),
            redirect_urls: None,
            token_rotation: false,
            token_lifetime_secs: 43_200,
            verification_token: "fake-verification-token".into(),
            events_url: None,
            interactivity_url: None,
            event_types: None,
            metadata_event_types: None,
        }
    }
}

/// A workspace with its people and channels.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TeamSeed {
    /// `T…`; derived from the seed when absent.
    pub id: Option<String>,
    /// Name shown to people.
    pub name: String,
    /// First label of the workspace's host name; derived from the name when absent.
    pub domain: Option<String>,
    /// What the workspace's administrators allow.
    pub prefs: Prefs,
    /// People; the app's bot user is added to them.
    pub users: Vec<UserSeed>,
    /// Channels; give one of them `is_general`.
    pub channels: Vec<ChannelSeed>,
    /// Groups of people.
    pub usergroups: Vec<UsergroupSeed>,
    /// The app is not installed there yet: nobody has a token, and nothing is delivered.
    pub not_installed: bool,
    /// The bot token; derived from the seed when absent.
    pub bot_token: Option<String>,
    /// Scopes of the bot token; all that PolicyKit asks for when absent.
    pub bot_scopes: Option<Vec<String>>,
    /// Tokens of people.
    pub user_tokens: Vec<UserTokenSeed>,
}

/// A person or a foreign bot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserSeed {
    /// `U…`; derived from the seed when absent.
    pub id: Option<String>,
    /// Handle, unique in the workspace.
    pub name: String,
    /// Full name; the handle when absent.
    pub real_name: Option<String>,
    /// Address; none when absent.
    pub email: Option<String>,
    /// May administer the workspace.
    pub is_admin: bool,
    /// Owns the workspace.
    pub is_owner: bool,
    /// Is a bot user.
    pub is_bot: bool,
    /// Was deactivated.
    pub deleted: bool,
}

/// A channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelSeed {
    /// `C…`; derived from the seed when absent.
    pub id: Option<String>,
    /// Name, unique in the workspace.
    pub name: String,
    /// Visible to members only.
    pub is_private: bool,
    /// The channel nobody can be removed from.
    pub is_general: bool,
    /// Closed for writing.
    pub archived: bool,
    /// Handle of the creator; the first person of the workspace when absent.
    pub creator: Option<String>,
    /// Handles of the members; every living person when absent.
    pub members: Option<Vec<String>>,
    /// Whether the app's bot user is a member: it receives messages of its channels only.
    pub bot_is_member: bool,
}

impl Default for ChannelSeed {
    fn default() -> Self {
        Self {
            id: None,
            name: String::new(),
            is_private: false,
            is_general: false,
            archived: false,
            creator: None,
            members: None,
            bot_is_member: true,
        }
    }
}

/// A group of people.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UsergroupSeed {
    /// `S…`; derived from the seed when absent.
    pub id: Option<String>,
    /// Name shown to people.
    pub name: String,
    /// Mention handle.
    pub handle: String,
    /// Handles of the members.
    pub users: Vec<String>,
}

/// A token acting as a person.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserTokenSeed {
    /// Handle of the person.
    pub user: String,
    /// The token; derived from the seed when absent.
    pub token: Option<String>,
    /// Scopes; all that PolicyKit asks an installer for when absent.
    pub scopes: Option<Vec<String>>,
}

/// What the administrators of a workspace allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prefs {
    /// Administrators may delete messages of others.
    pub admins_delete_messages: bool,
    /// People may delete their own messages.
    pub members_delete_own_messages: bool,
    /// Compliance exports forbid any deletion.
    pub compliance_exports: bool,
    /// Only administrators may remove people from channels.
    pub only_admins_kick: bool,
    /// Only administrators may archive channels.
    pub only_admins_archive: bool,
    /// Only administrators and creators may rename channels in the client (through the API this always holds).
    pub only_admins_rename: bool,
    /// Only administrators may write in the general channel.
    pub only_admins_post_in_general: bool,
    /// People may edit their messages.
    pub edit_messages: bool,
}

impl Default for Prefs {
    fn default() -> Self {
        Self {
            admins_delete_messages: true,
            members_delete_own_messages: true,
            compliance_exports: false,
            only_admins_kick: false,
            only_admins_archive: false,
            only_admins_rename: false,
            only_admins_post_in_general: false,
            edit_messages: true,
        }
    }
}

/// Calls allowed per method and workspace within a window. The default allows any number.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Calls per window of a tier 2 method; unlimited when absent.
    pub tier2: Option<u32>,
    /// Calls per window of a tier 3 method.
    pub tier3: Option<u32>,
    /// Calls per window of a tier 4 method.
    pub tier4: Option<u32>,
    /// Calls per window of posting methods.
    pub posting: Option<u32>,
    /// Calls per window of single methods; goes before the tier.
    pub methods: BTreeMap<String, u32>,
    /// Length of the window in milliseconds; a minute when absent.
    pub window_ms: Option<u64>,
}

impl RateLimits {
    /// Slack's published tiers per minute.
    pub fn slack() -> Self {
        Self { tier2: Some(20), tier3: Some(50), tier4: Some(100), posting: Some(60), ..Self::default() }
    }
}

/// Scopes PolicyKit asks for its bot.
pub const BOT_SCOPES: &[&str] = &[
    "channels:history",
    "channels:join",
    "channels:manage",
    "channels:read",
    "chat:write",
    "chat:write.public",
    "commands",
    "groups:history",
    "groups:read",
    "groups:write",
    "im:history",
    "im:read",
    "im:write",
    "mpim:history",
    "mpim:read",
    "mpim:write",
    "pins:read",
    "pins:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "usergroups:write",
    "users:read",
    "users:read.email",
];

/// Scopes PolicyKit asks for the installer's own token.
pub const INSTALLER_SCOPES: &[&str] = &["channels:write", "chat:write", "groups:write", "im:write", "mpim:write"];
