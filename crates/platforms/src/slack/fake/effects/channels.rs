//! Changes of a channel itself: its name, topic, members and whether it is open.

use serde_json::json;

use super::{
    super::{
        deliver::Audience,
        errors::{Refusal, add_some},
        ids::{ChannelId, UserId},
        state::{ChannelKind, Subtype, World},
        witness::Change,
    },
    Actor,
};

/// Whether a channel is closed for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Archival {
    Archived,
    Open,
}

impl World {
    /// Gives a channel another name, which must be normalised and free.
    pub(in super::super) fn rename(&mut self, actor: &Actor, channel: &ChannelId, to: &str) -> Result<(), Refusal> {
        let place = self.open(&actor.team, channel)?;
        let from = std::mem::replace(&mut place.name, to.to_owned());
        place.previous_names.insert(0, from.clone());
        let (created, kind) = (place.created, place.kind);
        let text = format!("has renamed the channel from \"{from}\" to \"{to}\"");
        self.system_message(actor, channel, Subtype::ChannelName, &text, &[("name", to), ("old_name", &from)])?;
        let event_ts = self.next_ts();
        let event = json!({
            "type": if kind == ChannelKind::Public { "channel_rename" } else { "group_rename" },
            "channel": {
                "id": channel,
                "name": to,
                "name_normalized": to,
                "created": created,
                "is_channel": kind == ChannelKind::Public,
                "is_mpim": false,
            },
            "event_ts": event_ts,
        });
        let audience = if kind == ChannelKind::Public { Audience::Team } else { Audience::Channel(channel) };
        self.emit(&actor.team, audience, &event);
        let change = Change::Renamed { channel: channel.clone(), from, to: to.to_owned() };
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(())
    }

    /// Makes `user` a member, invited by the actor unless it is themselves.
    pub(in super::super) fn add_member(
        &mut self,
        actor: &Actor,
        channel: &ChannelId,
        user: &UserId,
    ) -> Result<(), Refusal> {
        let place = self.open(&actor.team, channel)?;
        place.members.push(user.clone());
        let kind = place.kind;
        let inviter = (actor.user != *user).then(|| actor.user.clone());
        let joiner = Actor { user: user.clone(), bot: None, ..actor.clone() };
        let extra: Vec<(&str, &str)> = inviter.iter().map(|inviter| ("inviter", inviter.as_str())).collect();
        self.system_message(
            &joiner,
            channel,
            Subtype::ChannelJoin,
            &format!("<@{user}> has joined the channel"),
            &extra,
        )?;
        let event_ts = self.next_ts();
        let mut event = json!({
            "type": "member_joined_channel",
            "user": user,
            "channel": channel,
            "channel_type": if kind == ChannelKind::Public { "C" } else { "G" },
            "team": actor.team,
            "event_ts": event_ts,
        });
        add_some(&mut event, "inviter", inviter.as_ref().map(|inviter| json!(inviter)));
        self.emit(&actor.team, Audience::Channel(channel), &event);
        let change = Change::Joined { channel: channel.clone(), user: user.clone(), inviter };
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(())
    }

    /// Ends `user`'s membership.
    pub(in super::super) fn remove_member(
        &mut self,
        actor: &Actor,
        channel: &ChannelId,
        user: &UserId,
    ) -> Result<(), Refusal> {
        let leaver = Actor { user: user.clone(), bot: None, ..actor.clone() };
        self.system_message(&leaver, channel, Subtype::ChannelLeave, &format!("<@{user}> has left the channel"), &[])?;
        let event_ts = self.next_ts();
        let kind = self.open(&actor.team, channel)?.kind;
        let event = json!({
            "type": "member_left_channel",
            "user": user,
            "channel": channel,
            "channel_type": if kind == ChannelKind::Public { "C" } else { "G" },
            "team": actor.team,
            "event_ts": event_ts,
        });
        // Sent while the one who leaves still counts: a bot learns of its own removal.
        self.emit(&actor.team, Audience::Channel(channel), &event);
        self.open(&actor.team, channel)?.members.retain(|member| member != user);
        let change = Change::Left { channel: channel.clone(), user: user.clone() };
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(())
    }

    /// Sets a channel's topic.
    pub(in super::super) fn set_topic(
        &mut self,
        actor: &Actor,
        channel: &ChannelId,
        topic: &str,
    ) -> Result<(), Refusal> {
        let now = self.now.secs();
        let place = self.open(&actor.team, channel)?;
        place.topic = (topic.to_owned(), actor.user.clone(), now);
        let subtype = if place.kind == ChannelKind::Private { Subtype::GroupTopic } else { Subtype::ChannelTopic };
        let text = if topic.is_empty() {
            "cleared channel topic".to_owned()
        } else {
            format!("set the channel topic: {topic}")
        };
        self.system_message(actor, channel, subtype, &text, &[("topic", topic)])?;
        let change = Change::TopicSet { channel: channel.clone(), topic: topic.to_owned() };
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(())
    }

    /// Closes a channel for writing or opens it again.
    pub(in super::super) fn archive(
        &mut self,
        actor: &Actor,
        channel: &ChannelId,
        to: Archival,
    ) -> Result<(), Refusal> {
        let (subtype, kind, text, change) = match to {
            Archival::Archived => (
                Subtype::ChannelArchive,
                "channel_archive",
                "archived the channel",
                Change::Archived { channel: channel.clone() },
            ),
            Archival::Open => (
                Subtype::ChannelUnarchive,
                "channel_unarchive",
                "un-archived the channel",
                Change::Unarchived { channel: channel.clone() },
            ),
        };
        self.open(&actor.team, channel)?.archived = to == Archival::Archived;
        self.system_message(actor, channel, subtype, text, &[])?;
        let event_ts = self.next_ts();
        let event = json!({ "type": kind, "channel": channel, "user": actor.user, "event_ts": event_ts });
        self.emit(&actor.team, Audience::Team, &event);
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(())
    }
}
