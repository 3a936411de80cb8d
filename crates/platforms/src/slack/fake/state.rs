//! The world the fake keeps: workspaces, people, channels, messages, tokens. Held behind one mutex, never across an await.
//!
//! Only data and look-ups live here; changes that people can notice are made in `effects`, which also tells the app.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    config::{AppSeed, Prefs, RateLimits},
    deliver::{DeliveryBook, Outgoing},
    faults::Faults,
    ids::{ChannelId, TeamId, Ts, UserId, mint},
    interact::Interactions,
    limits::Budgets,
    oauth::OAuthBook,
    witness::Witness,
};

/// Everything the fake knows.
#[derive(Debug)]
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) app: App,
    pub(super) teams: BTreeMap<TeamId, Team>,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) witness: Witness,
    pub(super) faults: Faults,
    pub(super) deliveries: DeliveryBook,
    pub(super) interactions: Interactions,
    pub(super) rate_limits: RateLimits,
    pub(super) budgets: Budgets,
    pub(super) oauth: OAuthBook,
    /// Events decided while the lock is held; posted after it is released.
    pub(super) outbox: Vec<Outgoing>,
    /// The moment the lock was taken.
    pub(super) now: Timestamp,
    last_ts: i64,
    minted: u64,
}

/// The app and where it listens.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) id: String,
    pub(super) seed: AppSeed,
}

/// A workspace.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) id: TeamId,
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) prefs: Prefs,
    pub(super) users: BTreeMap<UserId, User>,
    pub(super) channels: BTreeMap<ChannelId, Channel>,
    pub(super) usergroups: Vec<Usergroup>,
    pub(super) scheduled: Vec<Scheduled>,
    pub(super) bot: BotRef,
    pub(super) bot_user: UserId,
    pub(super) installed: Installed,
}

/// Whether the app is part of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Installed {
    Yes,
    No,
}

/// The bot of an app in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BotRef {
    pub(super) bot_id: String,
    pub(super) app_id: String,
    pub(super) name: String,
}

/// A person or bot user.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: UserId,
    pub(super) name: String,
    pub(super) real_name: String,
    pub(super) display_name: String,
    pub(super) title: String,
    pub(super) status_text: String,
    pub(super) email: Option<String>,
    pub(super) is_admin: bool,
    pub(super) is_owner: bool,
    pub(super) is_bot: bool,
    pub(super) deleted: bool,
    pub(super) updated: i64,
}

/// A group of people.
#[derive(Debug, Clone)]
pub(super) struct Usergroup {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) handle: String,
    pub(super) users: Vec<UserId>,
    pub(super) created_by: UserId,
    pub(super) created: i64,
}

/// What sort of conversation a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// Open to the whole workspace.
    Public,
    /// Members only.
    Private,
    /// Two people.
    Im,
    /// Several people.
    Mpim,
}

impl ChannelKind {
    /// `channel_type` of message events.
    pub(super) const fn event_type(self) -> &'static str {
        match self {
            Self::Public => "channel",
            Self::Private => "group",
            Self::Im => "im",
            Self::Mpim => "mpim",
        }
    }

    /// Prefix of the scopes that concern this kind.
    pub(super) const fn scope_prefix(self) -> &'static str {
        match self {
            Self::Public => "channels",
            Self::Private => "groups",
            Self::Im => "im",
            Self::Mpim => "mpim",
        }
    }
}

/// A channel and all that was ever written in it.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    pub(super) id: ChannelId,
    pub(super) name: String,
    pub(super) previous_names: Vec<String>,
    pub(super) kind: ChannelKind,
    pub(super) is_general: bool,
    pub(super) archived: bool,
    pub(super) creator: UserId,
    pub(super) created: i64,
    pub(super) topic: (String, UserId, i64),
    pub(super) members: Vec<UserId>,
    pub(super) messages: BTreeMap<Ts, Message>,
    pub(super) pins: Vec<Pin>,
    pub(super) ephemerals: Vec<Ephemeral>,
}

impl Channel {
    /// An empty channel.
    pub(super) fn new(
        id: ChannelId,
        name: String,
        kind: ChannelKind,
        creator: UserId,
        members: Vec<UserId>,
        created: i64,
    ) -> Self {
        Self {
            id,
            name,
            previous_names: Vec::new(),
            kind,
            is_general: false,
            archived: false,
            topic: (String::new(), creator.clone(), 0),
            creator,
            created,
            members,
            messages: BTreeMap::new(),
            pins: Vec::new(),
            ephemerals: Vec::new(),
        }
    }

    pub(super) fn has(&self, user: &UserId) -> bool {
        self.members.contains(user)
    }

    /// A message that has not been deleted.
    pub(super) fn living(&self, ts: &Ts) -> Option<&Message> {
        self.messages.get(ts).filter(|message| !message.deleted)
    }

    /// Living replies of a thread, oldest first, without its parent.
    pub(super) fn replies<'a>(&'a self, parent: &'a Ts) -> impl Iterator<Item = &'a Message> {
        self.messages.values().filter(move |m| !m.deleted && m.ts != *parent && m.thread_ts.as_ref() == Some(parent))
    }
}

/// Why a message is not an ordinary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subtype {
    ChannelName,
    ChannelJoin,
    ChannelLeave,
    ChannelTopic,
    GroupTopic,
    ChannelArchive,
    ChannelUnarchive,
    ThreadBroadcast,
}

impl Subtype {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ChannelName => "channel_name",
            Self::ChannelJoin => "channel_join",
            Self::ChannelLeave => "channel_leave",
            Self::ChannelTopic => "channel_topic",
            Self::GroupTopic => "group_topic",
            Self::ChannelArchive => "channel_archive",
            Self::ChannelUnarchive => "channel_unarchive",
            Self::ThreadBroadcast => "thread_broadcast",
        }
    }
}

/// A message. Deleted ones stay, for the witness.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) ts: Ts,
    pub(super) user: UserId,
    pub(super) bot: Option<BotRef>,
    pub(super) subtype: Option<Subtype>,
    pub(super) draft: Draft,
    pub(super) thread_ts: Option<Ts>,
    pub(super) client_msg_id: Option<String>,
    pub(super) edited: Option<(UserId, Ts)>,
    pub(super) reactions: Vec<(String, Vec<UserId>)>,
    pub(super) deleted: bool,
    /// Fields of system messages: `name`, `old_name`, `topic`, `inviter`.
    pub(super) extra: Map<String, Value>,
}

/// The part of a message its author writes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) blocks: Option<Value>,
    pub(super) attachments: Option<Value>,
    pub(super) metadata: Option<Value>,
}

/// A pinned message.
#[derive(Debug, Clone)]
pub(super) struct Pin {
    pub(super) ts: Ts,
    pub(super) by: UserId,
    pub(super) at: i64,
}

/// A message one person sees until they reload.
#[derive(Debug, Clone)]
pub(super) struct Ephemeral {
    pub(super) ts: Ts,
    pub(super) user: UserId,
    pub(super) draft: Draft,
}

/// A message to be posted later.
#[derive(Debug, Clone)]
pub(super) struct Scheduled {
    pub(super) id: String,
    pub(super) channel: ChannelId,
    pub(super) post_at: i64,
    pub(super) created: i64,
    pub(super) user: UserId,
    pub(super) bot: Option<BotRef>,
    pub(super) thread_ts: Option<Ts>,
    pub(super) draft: Draft,
}

/// Whom a token acts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// `xoxb-`: the app's bot user.
    Bot,
    /// `xoxp-`: a person.
    User,
}

/// A token and its state.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) team: TeamId,
    pub(super) user: UserId,
    pub(super) scopes: BTreeSet<String>,
    pub(super) revoked: bool,
    /// Seconds since 1970 after which it has run out; never when absent.
    pub(super) expires_at: Option<i64>,
}

impl World {
    pub(super) fn new(seed: u64, app: AppSeed, rate_limits: RateLimits, witness: Witness) -> Self {
        let id = app.app_id.clone().unwrap_or_else(|| mint(seed, "A", &["app", &app.name]));
        Self {
            seed,
            app: App { id, seed: app },
            teams: BTreeMap::new(),
            tokens: BTreeMap::new(),
            witness,
            faults: Faults::new(seed),
            deliveries: DeliveryBook::default(),
            interactions: Interactions::default(),
            rate_limits,
            budgets: Budgets::default(),
            oauth: OAuthBook::default(),
            outbox: Vec::new(),
            now: Timestamp::default(),
            last_ts: 0,
            minted: 0,
        }
    }

    /// A message id later than all before it, even when the clock stands still.
    pub(super) fn next_ts(&mut self) -> Ts {
        self.last_ts = self.now.micros().max(self.last_ts.saturating_add(1));
        Ts::at(Timestamp::from_micros(self.last_ts))
    }

    /// A fresh id with this prefix.
    pub(super) fn mint(&mut self, prefix: &str) -> String {
        self.minted = self.minted.saturating_add(1);
        mint(self.seed, prefix, &[&self.minted.to_string()])
    }

    pub(super) fn channel(&self, team: &TeamId, channel: &ChannelId) -> Option<&Channel> {
        self.teams.get(team)?.channels.get(channel)
    }

    pub(super) fn channel_mut(&mut self, team: &TeamId, channel: &ChannelId) -> Option<&mut Channel> {
        self.teams.get_mut(team)?.channels.get_mut(channel)
    }
}

impl Team {
    /// Whether a person may do what is reserved for administrators.
    pub(super) fn is_admin(&self, user: &UserId) -> bool {
        self.users.get(user).is_some_and(|u| u.is_admin || u.is_owner)
    }

    /// The address of a message, as people paste it.
    pub(super) fn permalink(&self, channel: &ChannelId, ts: &Ts) -> String {
        format!("https://{}.slack.com/archives/{channel}/p{}", self.domain, ts.as_str().replace('.', ""))
    }

    /// A user by id or handle.
    pub(super) fn find_user(&self, id_or_name: &str) -> Option<&User> {
        self.users.get(&UserId::from(id_or_name)).or_else(|| self.users.values().find(|user| user.name == id_or_name))
    }

    /// A channel by id or name (with or without `#`).
    pub(super) fn find_channel(&self, id_or_name: &str) -> Option<&Channel> {
        let name = id_or_name.strip_prefix('#').unwrap_or(id_or_name);
        self.channels
            .get(&ChannelId::from(id_or_name))
            .or_else(|| self.channels.values().find(|channel| !name.is_empty() && channel.name == name))
    }
}
