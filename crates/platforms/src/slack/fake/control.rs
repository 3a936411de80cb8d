//! How tests and the demo steer a fake: what people do, what is set up, what is read back. The same data types serve
//! the methods of [`Fake`](super::Fake) and the routes under `/control`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    blocks::Control,
    config::{ChannelSeed, Prefs, TeamSeed, UserSeed, UserTokenSeed, UsergroupSeed},
    ids::{ChannelId, TeamId, Ts, UserId},
    interact::{Click, Press},
    state::ChannelKind,
};

/// Why the fake did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Denied {
    /// No workspace has this id or name.
    #[error("no workspace `{0}`; use its id, or its name if only one has it")]
    UnknownTeam(String),
    /// Nobody has this id or handle.
    #[error("no user `{0}` in the workspace; use an id or a handle")]
    UnknownUser(String),
    /// No channel has this id or name.
    #[error("no channel `{0}` in the workspace; use an id or a name")]
    UnknownChannel(String),
    /// Nobody was given this token.
    #[error("no such token")]
    UnknownToken,
    /// The id is in use.
    #[error("`{0}` exists already; choose another")]
    Taken(String),
    /// The message shows nothing like that.
    #[error("the message shows no control {0:?}")]
    NoSuchControl(Press),
    /// The select offers nothing like that.
    #[error("the select offers no option `{0}`")]
    NoSuchOption(String),
    /// Nobody listens for clicks.
    #[error("the app has no `interactivity_url`; set one")]
    NoInteractivityUrl,
    /// Slack would not let the person; Slack's own code.
    #[error("slack refuses: {0}")]
    Refused(&'static str),
    /// The manifest is not one.
    #[error("the manifest is refused: {0}")]
    BadManifest(String),
    /// The app did not answer the `url_verification` challenge as it must.
    #[error("the app failed the challenge: {0}")]
    ChallengeFailed(String),
}

/// Something a person does in the client. Channels and users are named by id, name or handle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "named as in the client; fields as in the Web API")]
pub enum Act {
    Post {
        channel: String,
        text: String,
        #[serde(default)]
        thread_ts: Option<Ts>,
    },
    Edit {
        channel: String,
        ts: Ts,
        text: String,
    },
    Delete {
        channel: String,
        ts: Ts,
    },
    Rename {
        channel: String,
        name: String,
    },
    SetTopic {
        channel: String,
        topic: String,
    },
    Invite {
        channel: String,
        user: String,
    },
    Kick {
        channel: String,
        user: String,
    },
    Join {
        channel: String,
    },
    Leave {
        channel: String,
    },
    Pin {
        channel: String,
        ts: Ts,
    },
    Unpin {
        channel: String,
        ts: Ts,
    },
    React {
        channel: String,
        ts: Ts,
        name: String,
    },
    Unreact {
        channel: String,
        ts: Ts,
        name: String,
    },
    Archive {
        channel: String,
    },
    Unarchive {
        channel: String,
    },
    CreateChannel {
        name: String,
        #[serde(default)]
        is_private: bool,
    },
    SetProfile {
        #[serde(default)]
        real_name: Option<String>,
        #[serde(default)]
        display_name: Option<String>,
        #[serde(default)]
        title: Option<String>,
        #[serde(default)]
        status_text: Option<String>,
    },
    Press {
        channel: String,
        ts: Ts,
        on: Press,
        #[serde(default)]
        option: Option<String>,
    },
}

/// What came of an act.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Acted {
    /// The message that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<Ts>,
    /// The channel concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// The name a channel really got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the app answered to a press.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click: Option<Click>,
}

/// Something set up from outside, without anybody of the workspace doing it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "make", rename_all = "snake_case", deny_unknown_fields)]
pub enum Setup {
    /// Another workspace with the app installed.
    Team {
        /// The workspace.
        team: TeamSeed,
    },
    /// Somebody joins a workspace; the app hears of it.
    User {
        /// Id or name of the workspace.
        team: String,
        /// The newcomer.
        user: UserSeed,
    },
    /// A channel; the app does not hear of it.
    Channel {
        /// Id or name of the workspace.
        team: String,
        /// The channel.
        channel: ChannelSeed,
    },
    /// A group of people.
    Usergroup {
        /// Id or name of the workspace.
        team: String,
        /// The group.
        usergroup: UsergroupSeed,
    },
    /// A token that acts as a person.
    UserToken {
        /// Id or name of the workspace.
        team: String,
        /// Whom it acts as and what it allows.
        token: UserTokenSeed,
    },
    /// Takes a token back; the app hears of it.
    RevokeToken {
        /// The token.
        token: String,
    },
    /// Replaces what a token allows.
    Scopes {
        /// The token.
        token: String,
        /// Its scopes from now on.
        scopes: Vec<String>,
    },
    /// What administrators allow from now on.
    Prefs {
        /// Id or name of the workspace.
        team: String,
        /// All preferences.
        prefs: Prefs,
    },
    /// Makes somebody an administrator or an ordinary member; the app hears of it.
    Admin {
        /// Id or name of the workspace.
        team: String,
        /// Id or handle.
        user: String,
        /// Whether they administer from now on.
        is_admin: bool,
    },
    /// Deactivates somebody; the app hears of it.
    Deactivate {
        /// Id or name of the workspace.
        team: String,
        /// Id or handle.
        user: String,
    },
    /// Where the app listens from now on.
    Urls {
        /// For events; unchanged when absent.
        #[serde(default)]
        events_url: Option<String>,
        /// For clicks; unchanged when absent.
        #[serde(default)]
        interactivity_url: Option<String>,
    },
    /// The app as its manifest describes it, as if it had been pasted on the app's page.
    Manifest {
        /// The manifest.
        manifest: Value,
    },
    /// Ends a token's life early, as its time would; only with rotation do tokens run out.
    Expire {
        /// The token.
        token: String,
    },
    /// Whether tokens granted from now on run out, and after how many seconds.
    Rotation {
        /// Seconds; tokens live for ever when absent.
        #[serde(default)]
        lifetime_secs: Option<i64>,
    },
    /// Removes the app from a workspace; its tokens die and it hears of it.
    Uninstall {
        /// Id or name of the workspace.
        team: String,
    },
}

/// What was set up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Id of the new thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The new token; of a workspace its bot token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// A workspace with everything a test needs to address it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TeamView {
    /// `T…`.
    pub id: TeamId,
    /// Name shown to people.
    pub name: String,
    /// `A…`.
    pub app_id: String,
    /// `B…`.
    pub bot_id: String,
    /// `U…` of the bot.
    pub bot_user: UserId,
    /// The living bot token, if there is one.
    pub bot_token: Option<String>,
    /// Everybody, bots too.
    pub users: Vec<UserView>,
    /// All channels.
    pub channels: Vec<ChannelSummary>,
}

impl TeamView {
    /// Somebody by id or handle.
    pub fn user(&self, id_or_name: &str) -> Option<&UserView> {
        self.users.iter().find(|user| user.id.as_str() == id_or_name || user.name == id_or_name)
    }

    /// A channel by id or name.
    pub fn channel(&self, id_or_name: &str) -> Option<&ChannelSummary> {
        self.channels.iter().find(|channel| channel.id.as_str() == id_or_name || channel.name == id_or_name)
    }
}

/// Somebody of a workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserView {
    /// `U…`.
    pub id: UserId,
    /// Handle.
    pub name: String,
    /// Full name.
    pub real_name: String,
    /// Administers the workspace.
    pub is_admin: bool,
    /// Is a bot user.
    pub is_bot: bool,
    /// Was deactivated.
    pub deleted: bool,
    /// A living token acting as them, if there is one.
    pub token: Option<String>,
}

/// A channel without its messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelSummary {
    /// `C…`, `D…` or `G…`.
    pub id: ChannelId,
    /// Name now.
    pub name: String,
    /// Names before, newest first.
    pub previous_names: Vec<String>,
    /// What sort of conversation.
    pub kind: ChannelKind,
    /// Closed for writing.
    pub archived: bool,
    /// The topic.
    pub topic: String,
    /// Who made it.
    pub creator: UserId,
    /// Who belongs to it.
    pub members: Vec<UserId>,
}

/// A channel as somebody sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelView {
    /// The channel.
    pub channel: ChannelSummary,
    /// Its messages, oldest first, with those only this person sees.
    pub messages: Vec<MessageView>,
}

/// A message as somebody sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageView {
    /// Its id.
    pub ts: Ts,
    /// Whose message.
    pub user: UserId,
    /// What is read: the blocks' text when there are blocks, else the text.
    pub text: String,
    /// The text below the blocks, shown in notifications.
    pub fallback: String,
    /// Why it is no ordinary message, such as `channel_name`.
    pub subtype: Option<String>,
    /// The thread it belongs to.
    pub thread_ts: Option<Ts>,
    /// The blocks it is made of, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Value>,
    /// What can be pressed.
    pub controls: Vec<Control>,
    /// Emoji and how many chose each.
    pub reactions: Vec<(String, usize)>,
    /// Is pinned.
    pub pinned: bool,
    /// Shows "(edited)".
    pub edited: bool,
    /// Seen by this person only.
    pub ephemeral: bool,
    /// Invisible data of its author.
    pub metadata: Option<Value>,
}
