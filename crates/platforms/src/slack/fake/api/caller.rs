//! Who calls, what their token allows, and which channels they get to see.

use serde_json::Value;

use super::{
    super::{
        blocks,
        effects::{Actor, Place},
        errors::Refusal,
        ids::{ChannelId, Ts, UserId},
        state::{Channel, ChannelKind, Draft, Message, Team, Token, TokenKind, World},
    },
    args::Args,
};

/// What a method does with channels; decides its scopes together with the kind of channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Read,
    History,
    Manage,
    Join,
}

/// Scopes of which a token needs one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scopes {
    None,
    One(&'static str),
    /// One of those for the kind of channel at hand.
    Channels(Deed),
}

const KINDS: [ChannelKind; 4] = [ChannelKind::Public, ChannelKind::Private, ChannelKind::Im, ChannelKind::Mpim];

impl Deed {
    fn scopes(self, kind: ChannelKind) -> Vec<String> {
        let prefix = kind.scope_prefix();
        match (self, kind) {
            (Self::Read, _) => vec![format!("{prefix}:read")],
            (Self::History, _) => vec![format!("{prefix}:history")],
            // Bots have `manage` where people have `write`.
            (Self::Manage, ChannelKind::Public) => vec!["channels:manage".into(), "channels:write".into()],
            (Self::Manage, _) => vec![format!("{prefix}:write")],
            (Self::Join, ChannelKind::Public) => vec!["channels:join".into(), "channels:write".into()],
            (Self::Join, _) => Vec::new(),
        }
    }
}

impl Scopes {
    fn alternatives(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(scope) => vec![scope.to_owned()],
            Self::Channels(deed) => KINDS.into_iter().flat_map(|kind| deed.scopes(kind)).collect(),
        }
    }

    /// Refuses a token that has none of the alternatives.
    pub(super) fn check(self, token: &Token) -> Result<(), Refusal> {
        allow(token, &self.alternatives())
    }
}

fn allow(token: &Token, alternatives: &[String]) -> Result<(), Refusal> {
    if alternatives.is_empty() || alternatives.iter().any(|scope| token.scopes.contains(scope)) {
        return Ok(());
    }
    let provided: Vec<&str> = token.scopes.iter().map(String::as_str).collect();
    Err(Refusal::MissingScope { needed: alternatives.join(","), provided: provided.join(",") })
}

/// A call with a valid token.
pub(in super::super) struct Caller<'a> {
    pub(in super::super) world: &'a mut World,
    /// The token itself.
    pub(in super::super) secret: String,
    pub(super) token: Token,
    pub(in super::super) actor: Actor,
    pub(in super::super) args: Args,
}

impl Caller<'_> {
    pub(in super::super) fn team(&self) -> Result<&Team, Refusal> {
        self.world.teams.get(&self.token.team).ok_or(Refusal::InvalidAuth)
    }

    pub(super) fn is_bot(&self) -> bool {
        self.token.kind == TokenKind::Bot
    }

    pub(super) fn is_admin(&self) -> bool {
        self.team().is_ok_and(|team| team.is_admin(&self.actor.user))
    }

    pub(in super::super) fn has_scope(&self, scope: &str) -> bool {
        self.token.scopes.contains(scope)
    }

    /// The channel named by the argument `channel`, if the caller may know of it. Private ones hide from outsiders.
    pub(super) fn channel(&self) -> Result<&Channel, Refusal> {
        let wanted = self.args.need("channel")?;
        let channel = self.team()?.channels.get(&ChannelId::new(wanted)).ok_or(Refusal::ChannelNotFound)?;
        if channel.kind != ChannelKind::Public && !channel.has(&self.actor.user) {
            return Err(Refusal::ChannelNotFound);
        }
        Ok(channel)
    }

    /// Like [`channel`](Self::channel), with the scope for its kind.
    pub(super) fn channel_for(&self, deed: Deed) -> Result<&Channel, Refusal> {
        let channel = self.channel()?;
        allow(&self.token, &deed.scopes(channel.kind))?;
        Ok(channel)
    }

    /// Like [`channel_for`](Self::channel_for), for members only.
    pub(super) fn own_channel_for(&self, deed: Deed) -> Result<&Channel, Refusal> {
        let channel = self.channel_for(deed)?;
        if channel.has(&self.actor.user) { Ok(channel) } else { Err(Refusal::NotInChannel) }
    }

    /// A living message of a visible channel, by the argument of this name.
    pub(super) fn message(&self, argument: &str) -> Result<(&Channel, &Message), Refusal> {
        let channel = self.channel()?;
        let ts = Ts::new(self.args.text(argument).ok_or(Refusal::NoItemSpecified)?);
        if !well_formed(&ts) {
            return Err(Refusal::BadTimestamp);
        }
        Ok((channel, channel.living(&ts).ok_or(Refusal::MessageNotFound)?))
    }

    /// A person by the argument of this name.
    pub(super) fn user(&self, argument: &str) -> Result<UserId, Refusal> {
        let id = UserId::new(self.args.need(argument)?);
        if self.team()?.users.contains_key(&id) { Ok(id) } else { Err(Refusal::UserNotFound) }
    }

    /// Where the caller may write: the channel, also addressed by a person's id for a direct message.
    pub(super) fn writable_channel(&mut self) -> Result<ChannelId, Refusal> {
        let wanted = self.args.need("channel")?;
        let as_user = UserId::new(wanted.clone());
        if self.team()?.users.contains_key(&as_user) {
            return Ok(self.world.direct_message(&self.token.team, &[self.actor.user.clone(), as_user]));
        }
        let team = self.team()?;
        let channel = team.find_channel(&wanted).ok_or(Refusal::ChannelNotFound)?;
        let member = channel.has(&self.actor.user);
        if channel.kind != ChannelKind::Public && !member {
            return Err(Refusal::ChannelNotFound);
        }
        if channel.archived {
            return Err(Refusal::IsArchived);
        }
        let anywhere = self.is_bot() && self.has_scope("chat:write.public");
        if !member && !anywhere {
            return Err(Refusal::NotInChannel);
        }
        if channel.is_general && team.prefs.only_admins_post_in_general && !self.is_admin() {
            return Err(Refusal::RestrictedAction);
        }
        Ok(channel.id.clone())
    }

    /// The message the arguments describe.
    pub(super) fn draft(&self) -> Result<Draft, Refusal> {
        draft(&self.args)
    }

    /// In or out of a thread.
    pub(super) fn place(&self) -> Place {
        match (self.args.text("thread_ts"), self.args.on("reply_broadcast")) {
            (None, _) => Place::Channel,
            (Some(ts), false) => Place::Thread(Ts::new(ts)),
            (Some(ts), true) => Place::ThreadAndChannel(Ts::new(ts)),
        }
    }
}

/// A message from arguments: needs a text, blocks or attachments.
pub(in super::super) fn draft(args: &Args) -> Result<Draft, Refusal> {
    let blocks = args.json("blocks")?;
    if let Some(blocks) = &blocks {
        blocks::check(blocks)?;
    }
    let attachments = args.json("attachments")?;
    let metadata = args.json("metadata")?;
    if let Some(metadata) = &metadata {
        let kind = metadata.get("event_type").and_then(Value::as_str);
        if kind.is_none() || !metadata.get("event_payload").is_some_and(Value::is_object) {
            return Err(Refusal::InvalidArguments(vec!["metadata needs `event_type` and `event_payload`".into()]));
        }
    }
    let blocks = blocks.filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    let attached = attachments.as_ref().and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let text = args.text("text").unwrap_or_default();
    if text.is_empty() && blocks.is_none() && !attached {
        return Err(Refusal::NoText);
    }
    Ok(Draft { text, blocks, attachments, metadata })
}

pub(super) fn well_formed(ts: &Ts) -> bool {
    ts.as_str().split_once('.').is_some_and(|(secs, fraction)| {
        !secs.is_empty()
            && !fraction.is_empty()
            && [secs, fraction].iter().all(|p| p.bytes().all(|b| b.is_ascii_digit()))
    })
}
