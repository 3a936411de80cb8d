//! Changes of a workspace. Each one changes the world, tells the witness, and puts the events Slack would send into
//! the outbox. Whether somebody *may* do it is decided before, by `api` for tokens and by `people` for persons.

mod channels;

use serde_json::{Value, json};

pub(super) use self::channels::Archival;
use super::{
    blocks,
    deliver::Audience,
    errors::{Refusal, add},
    ids::{ChannelId, TeamId, Ts, UserId},
    render::{self, MetadataView},
    state::{BotRef, Channel, Draft, Ephemeral, Message, Pin, Subtype, Team, World},
    witness::{Cause, Change, What},
};

/// Who does something, and on whose account the witness books it.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    pub(super) team: TeamId,
    pub(super) user: UserId,
    pub(super) bot: Option<BotRef>,
    pub(super) cause: Cause,
}

/// Where in a channel a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Channel,
    Thread(Ts),
    ThreadAndChannel(Ts),
}

/// Longest text Slack keeps, in characters; the rest is cut off.
const LONGEST_TEXT: usize = 40_000;

impl World {
    pub(super) fn note_effect(&mut self, team: &TeamId, cause: Cause, change: Change) {
        self.witness.note(self.now, What::Effect { team: team.clone(), cause, change });
    }

    fn parts(&self, team: &TeamId, channel: &ChannelId) -> Result<(&Team, &Channel), Refusal> {
        let team = self.teams.get(team).ok_or(Refusal::ChannelNotFound)?;
        Ok((team, team.channels.get(channel).ok_or(Refusal::ChannelNotFound)?))
    }

    fn open(&mut self, team: &TeamId, channel: &ChannelId) -> Result<&mut Channel, Refusal> {
        self.channel_mut(team, channel).ok_or(Refusal::ChannelNotFound)
    }

    /// What the app sees of metadata in events.
    fn event_view(&self, message: &Message) -> MetadataView {
        let kind = message.draft.metadata.as_ref().and_then(|m| m.get("event_type")).and_then(Value::as_str);
        match (&self.app.seed.metadata_event_types, kind) {
            (Some(declared), Some(kind)) if !declared.iter().any(|name| name == kind) => MetadataView::TypeOnly,
            _ => MetadataView::Full,
        }
    }

    /// Writes a message and returns its id.
    pub(super) fn post(
        &mut self,
        actor: &Actor,
        channel: &ChannelId,
        place: Place,
        mut draft: Draft,
    ) -> Result<Ts, Refusal> {
        self.parts(&actor.team, channel)?;
        truncate(&mut draft.text);
        self.fill_block_ids(&mut draft);
        let (thread, subtype) = match place {
            Place::Channel => (None, None),
            Place::Thread(parent) => (Some(parent), None),
            Place::ThreadAndChannel(parent) => (Some(parent), Some(Subtype::ThreadBroadcast)),
        };
        let client_msg_id = actor.bot.is_none().then(|| self.mint("m").to_lowercase());
        let ts = self.next_ts();
        let message = Message {
            ts: ts.clone(),
            user: actor.user.clone(),
            bot: actor.bot.clone(),
            subtype,
            draft,
            thread_ts: thread.clone(),
            client_msg_id,
            edited: None,
            reactions: Vec::new(),
            deleted: false,
            extra: serde_json::Map::new(),
        };
        let change = Change::Posted {
            channel: channel.clone(),
            ts: ts.clone(),
            user: actor.user.clone(),
            text: message.draft.text.clone(),
            metadata: message.draft.metadata.clone(),
            thread_ts: thread.clone(),
        };
        if let Some(parent) = thread {
            let parent_message = self.open(&actor.team, channel)?.messages.get_mut(&parent);
            if let Some(parent_message) = parent_message {
                parent_message.thread_ts = Some(parent);
            }
        }
        self.write(&actor.team, channel, &message)?;
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(ts)
    }

    fn fill_block_ids(&mut self, draft: &mut Draft) {
        if let Some(blocks) = &mut draft.blocks {
            blocks::fill_ids(blocks, || self.mint("b"));
        }
    }

    /// A message Slack writes itself about what somebody did.
    fn system_message(
        &mut self,
        actor: &Actor,
        channel: &ChannelId,
        subtype: Subtype,
        text: &str,
        extra: &[(&str, &str)],
    ) -> Result<(), Refusal> {
        let ts = self.next_ts();
        let message = Message {
            ts,
            user: actor.user.clone(),
            bot: None,
            subtype: Some(subtype),
            draft: Draft { text: text.to_owned(), ..Draft::default() },
            thread_ts: None,
            client_msg_id: None,
            edited: None,
            reactions: Vec::new(),
            deleted: false,
            extra: render::fields(extra),
        };
        self.write(&actor.team, channel, &message)
    }

    /// Stores a message and sends its event.
    fn write(&mut self, team: &TeamId, channel: &ChannelId, message: &Message) -> Result<(), Refusal> {
        let ts = message.ts.clone();
        let view = self.event_view(message);
        self.open(team, channel)?.messages.insert(ts.clone(), message.clone());
        let (team_ref, channel_ref) = self.parts(team, channel)?;
        let mut event = render::message(team_ref, channel_ref, message, view);
        for (field, value) in [
            ("channel", json!(channel)),
            ("event_ts", json!(ts)),
            ("channel_type", json!(channel_ref.kind.event_type())),
        ] {
            add(&mut event, field, value);
        }
        self.emit(team, Audience::Channel(channel), &event);
        Ok(())
    }

    /// Shows a message to one person and returns its id.
    pub(super) fn whisper(
        &mut self,
        actor: &Actor,
        channel: &ChannelId,
        user: &UserId,
        mut draft: Draft,
    ) -> Result<Ts, Refusal> {
        self.fill_block_ids(&mut draft);
        let ts = self.next_ts();
        let text = draft.text.clone();
        let shown = Ephemeral { ts: ts.clone(), user: user.clone(), draft };
        self.open(&actor.team, channel)?.ephemerals.push(shown);
        let change = Change::Ephemeral { channel: channel.clone(), user: user.clone(), ts: ts.clone(), text };
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(ts)
    }

    /// Replaces what a message says.
    pub(super) fn edit(
        &mut self,
        actor: &Actor,
        channel: &ChannelId,
        ts: &Ts,
        mut draft: Draft,
    ) -> Result<(), Refusal> {
        truncate(&mut draft.text);
        self.fill_block_ids(&mut draft);
        let edited_at = self.next_ts();
        let message = self.open(&actor.team, channel)?.messages.get_mut(ts).ok_or(Refusal::MessageNotFound)?;
        let before = message.clone();
        if draft.metadata.is_none() {
            draft.metadata = before.draft.metadata.clone();
        }
        message.draft = draft;
        // An app repainting its own message leaves no "(edited)" behind.
        if actor.bot.is_none() {
            message.edited = Some((actor.user.clone(), edited_at.clone()));
        }
        let after = message.clone();
        let view = self.event_view(&after);
        let (team, place) = self.parts(&actor.team, channel)?;
        let event = json!({
            "type": "message",
            "subtype": "message_changed",
            "hidden": true,
            "message": render::message(team, place, &after, view),
            "previous_message": render::message(team, place, &before, view),
            "channel": channel,
            "ts": edited_at,
            "event_ts": edited_at,
            "channel_type": place.kind.event_type(),
        });
        self.emit(&actor.team, Audience::Channel(channel), &event);
        let (from, text) = (before.draft.text, after.draft.text);
        let change = Change::Updated { channel: channel.clone(), ts: ts.clone(), from, text };
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(())
    }

    /// Removes a message from everybody's view.
    pub(super) fn delete(&mut self, actor: &Actor, channel: &ChannelId, ts: &Ts) -> Result<(), Refusal> {
        let deleted_at = self.next_ts();
        let (team, place) = self.parts(&actor.team, channel)?;
        let message = place.living(ts).ok_or(Refusal::MessageNotFound)?;
        let text = message.draft.text.clone();
        let event = json!({
            "type": "message",
            "subtype": "message_deleted",
            "hidden": true,
            "deleted_ts": ts,
            "previous_message": render::message(team, place, message, self.event_view(message)),
            "channel": channel,
            "ts": deleted_at,
            "event_ts": deleted_at,
            "channel_type": place.kind.event_type(),
        });
        let place = self.open(&actor.team, channel)?;
        place.pins.retain(|pin| pin.ts != *ts);
        if let Some(message) = place.messages.get_mut(ts) {
            message.deleted = true;
        }
        self.emit(&actor.team, Audience::Channel(channel), &event);
        let change = Change::Deleted { channel: channel.clone(), ts: ts.clone(), text };
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(())
    }

    /// Pins a message.
    pub(super) fn pin(&mut self, actor: &Actor, channel: &ChannelId, ts: &Ts) -> Result<(), Refusal> {
        let pin = Pin { ts: ts.clone(), by: actor.user.clone(), at: self.now.secs() };
        self.open(&actor.team, channel)?.pins.push(pin.clone());
        self.emit_pin(actor, channel, &pin, "pin_added")?;
        let change = Change::Pinned { channel: channel.clone(), ts: ts.clone() };
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(())
    }

    /// Removes a pin.
    pub(super) fn unpin(&mut self, actor: &Actor, channel: &ChannelId, ts: &Ts) -> Result<(), Refusal> {
        let pins = &mut self.open(&actor.team, channel)?.pins;
        let at = pins.iter().position(|pin| pin.ts == *ts).ok_or(Refusal::NoPin)?;
        let pin = pins.remove(at);
        self.emit_pin(actor, channel, &pin, "pin_removed")?;
        let change = Change::Unpinned { channel: channel.clone(), ts: ts.clone() };
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(())
    }

    fn emit_pin(&mut self, actor: &Actor, channel: &ChannelId, pin: &Pin, kind: &str) -> Result<(), Refusal> {
        let event_ts = self.next_ts();
        let (team, place) = self.parts(&actor.team, channel)?;
        let message = place.living(&pin.ts).ok_or(Refusal::MessageNotFound)?;
        let mut event = json!({
            "type": kind,
            "user": actor.user,
            "channel_id": channel,
            "item": render::pin(team, place, pin, message, self.event_view(message)),
            "item_user": message.user,
            "pin_count": place.pins.len(),
            "pinned_info": { "channel": channel, "pinned_by": pin.by, "pinned_ts": pin.at },
            "event_ts": event_ts,
        });
        if kind == "pin_removed" {
            add(&mut event, "has_pins", json!(!place.pins.is_empty()));
        }
        self.emit(&actor.team, Audience::Channel(channel), &event);
        Ok(())
    }

    /// Adds or takes back a reaction; refuses what is so already.
    pub(super) fn react(
        &mut self,
        actor: &Actor,
        channel: &ChannelId,
        ts: &Ts,
        name: &str,
        reaction: Reaction,
    ) -> Result<(), Refusal> {
        let event_ts = self.next_ts();
        let place = self.open(&actor.team, channel)?;
        let message = place.messages.get_mut(ts).filter(|m| !m.deleted).ok_or(Refusal::MessageNotFound)?;
        let author = message.user.clone();
        let at = message.reactions.iter().position(|(emoji, _)| emoji == name);
        let users = at.and_then(|at| message.reactions.get_mut(at)).map(|(_, users)| users);
        match (reaction, users) {
            (Reaction::Add, Some(users)) if users.contains(&actor.user) => return Err(Refusal::AlreadyReacted),
            (Reaction::Add, Some(users)) => users.push(actor.user.clone()),
            (Reaction::Add, None) => message.reactions.push((name.to_owned(), vec![actor.user.clone()])),
            (Reaction::Remove, Some(users)) if users.contains(&actor.user) => users.retain(|u| *u != actor.user),
            (Reaction::Remove, _) => return Err(Refusal::NoReaction),
        }
        message.reactions.retain(|(_, users)| !users.is_empty());
        let (ts, user, name, channel_id) = (ts.clone(), actor.user.clone(), name.to_owned(), channel.clone());
        let (kind, change) = match reaction {
            Reaction::Add => {
                ("reaction_added", Change::Reacted { channel: channel_id, ts: ts.clone(), user, name: name.clone() })
            }
            Reaction::Remove => (
                "reaction_removed",
                Change::Unreacted { channel: channel_id, ts: ts.clone(), user, name: name.clone() },
            ),
        };
        let event = json!({
            "type": kind,
            "user": actor.user,
            "reaction": name,
            "item": { "type": "message", "channel": channel, "ts": ts },
            "item_user": author,
            "event_ts": event_ts,
        });
        self.emit(&actor.team, Audience::Channel(channel), &event);
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(())
    }
}

/// Which way a reaction goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaction {
    Add,
    Remove,
}

fn truncate(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.truncate(at);
    }
}
