//! What persons do in the client, under the rules the client applies to them, and what they see.

use super::{
    api::conversations::{LONGEST_TOPIC, normalised},
    blocks,
    control::{Act, Acted, ChannelSummary, ChannelView, Denied, MessageView},
    deliver::Audience,
    effects::{Actor, Archival, Place, Reaction},
    errors::Refusal,
    ids::{ChannelId, TeamId, Ts, UserId},
    interact::{Press, Spot},
    render::{self, EmailView},
    state::{Channel, ChannelKind, Draft, Team, World},
    witness::{Cause, Change},
};

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.code())
    }
}

/// An act either happens at once or is a press, which waits for the app.
#[derive(Debug)]
pub(super) enum Step {
    Done(Acted),
    Press { spot: Spot, on: Press, option: Option<String> },
}

impl World {
    pub(super) fn find_team(&self, id_or_name: &str) -> Result<&Team, Denied> {
        if let Some(team) = self.teams.get(&TeamId::from(id_or_name)) {
            return Ok(team);
        }
        let mut named = self.teams.values().filter(|team| team.name == id_or_name);
        match (named.next(), named.next()) {
            (Some(team), None) => Ok(team),
            _ => Err(Denied::UnknownTeam(id_or_name.to_owned())),
        }
    }

    /// Does what a person asks for.
    pub(super) fn act(&mut self, team: &str, user: &str, act: Act) -> Result<Step, Denied> {
        let team = self.find_team(team)?;
        let person = team.find_user(user).ok_or_else(|| Denied::UnknownUser(user.to_owned()))?.id.clone();
        let team_id = team.id.clone();
        let actor =
            Actor { team: team_id.clone(), user: person.clone(), bot: None, cause: Cause::Person(person.clone()) };
        let mut acted = Acted::default();
        match act {
            Act::Press { channel, ts, on, option } => {
                let channel = self.joined(&actor, &channel)?.id.clone();
                return Ok(Step::Press { spot: Spot { team: team_id, user: person, channel, ts }, on, option });
            }
            Act::CreateChannel { name, is_private } => {
                let kind = if is_private { ChannelKind::Private } else { ChannelKind::Public };
                let name = normalised(&name)?;
                acted.channel = Some(self.create_channel(&actor, &name, kind)?);
                acted.name = Some(name);
            }
            Act::SetProfile { real_name, display_name, title, status_text } => {
                let now = self.now.secs();
                let team = self.teams.get_mut(&team_id);
                if let Some(user) = team.and_then(|team| team.users.get_mut(&person)) {
                    user.real_name = real_name.unwrap_or_else(|| user.real_name.clone());
                    user.display_name = display_name.unwrap_or_else(|| user.display_name.clone());
                    user.title = title.unwrap_or_else(|| user.title.clone());
                    user.status_text = status_text.unwrap_or_else(|| user.status_text.clone());
                    user.updated = now;
                }
                self.emit_user(&team_id, &person, "user_change");
            }
            Act::Join { channel } => {
                let place = self.seen(&actor, &channel)?;
                let id = place.id.clone();
                match (place.kind, place.archived, place.has(&person)) {
                    (_, true, _) => return Err(Refusal::IsArchived.into()),
                    (_, _, true) => return Err(Refusal::AlreadyInChannel.into()),
                    (ChannelKind::Public, ..) => self.add_member(&actor, &id, &person)?,
                    _ => return Err(Refusal::MethodNotSupportedForChannelType.into()),
                }
                acted.channel = Some(id);
            }
            act => self.act_within(&actor, act, &mut acted)?,
        }
        Ok(Step::Done(acted))
    }

    /// Acts that need membership of the channel.
    fn act_within(&mut self, actor: &Actor, act: Act, acted: &mut Acted) -> Result<(), Denied> {
        let channel = match &act {
            Act::Post { channel, .. }
            | Act::Edit { channel, .. }
            | Act::Delete { channel, .. }
            | Act::Rename { channel, .. }
            | Act::SetTopic { channel, .. }
            | Act::Invite { channel, .. }
            | Act::Kick { channel, .. }
            | Act::Leave { channel }
            | Act::Pin { channel, .. }
            | Act::Unpin { channel, .. }
            | Act::React { channel, .. }
            | Act::Unreact { channel, .. }
            | Act::Archive { channel }
            | Act::Unarchive { channel } => channel,
            Act::Press { .. } | Act::CreateChannel { .. } | Act::SetProfile { .. } | Act::Join { .. } => return Ok(()),
        };
        let id = self.joined(actor, channel)?.id.clone();
        acted.channel = Some(id.clone());
        let (team, place) = self.here(actor, &id)?;
        let (prefs, admin) = (team.prefs, team.is_admin(&actor.user));
        if place.archived && !matches!(act, Act::Unarchive { .. }) {
            return Err(Refusal::IsArchived.into());
        }
        match act {
            Act::Post { text, thread_ts, .. } => {
                if place.is_general && prefs.only_admins_post_in_general && !admin {
                    return Err(Refusal::RestrictedAction.into());
                }
                let place = thread_ts.map_or(Place::Channel, Place::Thread);
                acted.ts = Some(self.post(actor, &id, place, Draft { text, ..Draft::default() })?);
            }
            Act::Edit { ts, text, .. } => {
                let message = place.living(&ts).ok_or(Refusal::MessageNotFound)?;
                if message.user != actor.user || !prefs.edit_messages {
                    return Err(Refusal::CantUpdateMessage.into());
                }
                self.edit(actor, &id, &ts, Draft { text, ..Draft::default() })?;
            }
            Act::Delete { ts, .. } => {
                let own = place.living(&ts).ok_or(Refusal::MessageNotFound)?.user == actor.user;
                let allowed = (own && prefs.members_delete_own_messages) || (admin && prefs.admins_delete_messages);
                if prefs.compliance_exports || !allowed {
                    return Err(Refusal::CantDeleteMessage.into());
                }
                self.delete(actor, &id, &ts)?;
            }
            Act::Rename { name, .. } => {
                let name = normalised(&name)?;
                if prefs.only_admins_rename && !admin && place.creator != actor.user {
                    return Err(Refusal::NotAuthorized.into());
                }
                if team.channels.values().any(|other| other.name == name && other.id != id) {
                    return Err(Refusal::NameTaken.into());
                }
                if place.name != name {
                    self.rename(actor, &id, &name)?;
                }
                acted.name = Some(name);
            }
            Act::SetTopic { topic, .. } => {
                if topic.chars().count() > LONGEST_TOPIC {
                    return Err(Refusal::TooLong.into());
                }
                self.set_topic(actor, &id, &as_kept(&topic))?;
            }
            Act::Invite { user, .. } => {
                let user = team.find_user(&user).ok_or(Denied::UnknownUser(user))?.id.clone();
                if place.has(&user) {
                    return Err(Refusal::AlreadyInChannel.into());
                }
                self.add_member(actor, &id, &user)?;
            }
            Act::Kick { user, .. } => {
                let user = team.find_user(&user).ok_or(Denied::UnknownUser(user))?.id.clone();
                if place.is_general {
                    return Err(Refusal::CantKickFromGeneral.into());
                }
                if !place.has(&user) {
                    return Err(Refusal::NotInChannel.into());
                }
                if prefs.only_admins_kick && !admin {
                    return Err(Refusal::RestrictedAction.into());
                }
                self.remove_member(actor, &id, &user)?;
            }
            Act::Leave { .. } => {
                if place.is_general {
                    return Err(Refusal::CantKickFromGeneral.into());
                }
                self.remove_member(actor, &id, &actor.user)?;
            }
            Act::Pin { ts, .. } => {
                place.living(&ts).ok_or(Refusal::MessageNotFound)?;
                if place.pins.iter().any(|pin| pin.ts == ts) {
                    return Err(Refusal::AlreadyPinned.into());
                }
                self.pin(actor, &id, &ts)?;
            }
            Act::Unpin { ts, .. } => self.unpin(actor, &id, &ts)?,
            Act::React { ts, name, .. } => self.react(actor, &id, &ts, &name, Reaction::Add)?,
            Act::Unreact { ts, name, .. } => self.react(actor, &id, &ts, &name, Reaction::Remove)?,
            Act::Archive { .. } => {
                if prefs.only_admins_archive && !admin {
                    return Err(Refusal::RestrictedAction.into());
                }
                self.archive(actor, &id, Archival::Archived)?;
            }
            Act::Unarchive { .. } => self.archive(actor, &id, Archival::Open)?,
            Act::Press { .. } | Act::CreateChannel { .. } | Act::SetProfile { .. } | Act::Join { .. } => {}
        }
        Ok(())
    }

    fn here(&self, actor: &Actor, channel: &ChannelId) -> Result<(&Team, &Channel), Denied> {
        let team = self.teams.get(&actor.team).ok_or_else(|| Denied::UnknownTeam(actor.team.to_string()))?;
        Ok((team, team.channels.get(channel).ok_or_else(|| Denied::UnknownChannel(channel.to_string()))?))
    }

    /// A channel the person knows of.
    fn seen(&self, actor: &Actor, channel: &str) -> Result<&Channel, Denied> {
        let team = self.teams.get(&actor.team).ok_or_else(|| Denied::UnknownTeam(actor.team.to_string()))?;
        team.find_channel(channel)
            .filter(|found| found.kind == ChannelKind::Public || found.has(&actor.user))
            .ok_or_else(|| Denied::UnknownChannel(channel.to_owned()))
    }

    /// A channel the person is a member of.
    fn joined(&self, actor: &Actor, channel: &str) -> Result<&Channel, Denied> {
        let found = self.seen(actor, channel)?;
        if found.has(&actor.user) { Ok(found) } else { Err(Refusal::NotInChannel.into()) }
    }

    fn create_channel(&mut self, actor: &Actor, name: &str, kind: ChannelKind) -> Result<ChannelId, Denied> {
        let team = self.find_team(actor.team.as_str())?;
        if team.channels.values().any(|other| other.name == name) {
            return Err(Refusal::NameTaken.into());
        }
        let id = ChannelId::new(self.mint("C"));
        let created = self.now.secs();
        let members = vec![actor.user.clone()];
        let channel = Channel::new(id.clone(), name.to_owned(), kind, actor.user.clone(), members, created);
        if let Some(team) = self.teams.get_mut(&actor.team) {
            team.channels.insert(id.clone(), channel);
        }
        let event_ts = self.next_ts();
        let event = serde_json::json!({
            "type": "channel_created",
            "channel": {
                "id": id,
                "is_channel": true,
                "name": name,
                "name_normalized": name,
                "created": created,
                "creator": actor.user,
                "is_shared": false,
                "is_org_shared": false,
            },
            "event_ts": event_ts,
        });
        let audience = if kind == ChannelKind::Public { Audience::Team } else { Audience::Channel(&id) };
        self.emit(&actor.team, audience, &event);
        let change = Change::ChannelCreated { channel: id.clone(), name: name.to_owned() };
        self.note_effect(&actor.team, actor.cause.clone(), change);
        Ok(id)
    }

    /// Tells the app about a person: `team_join` or `user_change`.
    pub(super) fn emit_user(&mut self, team_id: &TeamId, user: &UserId, kind: &str) {
        let event_ts = self.next_ts();
        let Some(team) = self.teams.get(team_id) else { return };
        let Some(user) = team.users.get(user) else { return };
        let shown = render::user(team, user, EmailView::Shown);
        let mut event = serde_json::json!({ "type": kind, "user": shown });
        if kind == "user_change" {
            super::errors::add(&mut event, "event_ts", serde_json::json!(event_ts));
        }
        self.emit(team_id, Audience::Team, &event);
    }

    /// A channel as somebody sees it.
    pub(super) fn view(&self, team: &str, channel: &str, user: Option<&str>) -> Result<ChannelView, Denied> {
        let team = self.find_team(team)?;
        let place = team.find_channel(channel).ok_or_else(|| Denied::UnknownChannel(channel.to_owned()))?;
        let viewer = match user {
            None => None,
            Some(name) => Some(team.find_user(name).ok_or_else(|| Denied::UnknownUser(name.to_owned()))?.id.clone()),
        };
        if let Some(viewer) = &viewer
            && place.kind != ChannelKind::Public
            && !place.has(viewer)
        {
            return Err(Refusal::ChannelNotFound.into());
        }
        let mut messages: Vec<MessageView> =
            place.messages.values().filter(|m| !m.deleted).map(|m| seen_as(place, m)).collect();
        let whispered = place.ephemerals.iter().filter(|shown| viewer.as_ref() == Some(&shown.user));
        messages.extend(whispered.map(|shown| {
            let mut view = shown_draft(&shown.ts, &team.bot_user, &shown.draft);
            view.ephemeral = true;
            view
        }));
        messages.sort_by(|a, b| a.ts.cmp(&b.ts));
        Ok(ChannelView { channel: summary(place), messages })
    }
}

pub(super) fn summary(channel: &Channel) -> ChannelSummary {
    ChannelSummary {
        id: channel.id.clone(),
        name: channel.name.clone(),
        previous_names: channel.previous_names.clone(),
        kind: channel.kind,
        archived: channel.archived,
        topic: channel.topic.0.clone(),
        creator: channel.creator.clone(),
        members: channel.members.clone(),
    }
}

fn shown_draft(ts: &Ts, user: &UserId, draft: &Draft) -> MessageView {
    MessageView {
        ts: ts.clone(),
        user: user.clone(),
        text: blocks::visible_text(draft.blocks.as_ref()).unwrap_or_else(|| draft.text.clone()),
        fallback: draft.text.clone(),
        subtype: None,
        thread_ts: None,
        blocks: draft.blocks.clone(),
        controls: blocks::controls(draft.blocks.as_ref()),
        reactions: Vec::new(),
        pinned: false,
        edited: false,
        ephemeral: false,
        metadata: draft.metadata.clone(),
    }
}

fn seen_as(channel: &Channel, message: &super::state::Message) -> MessageView {
    MessageView {
        subtype: message.subtype.map(|subtype| subtype.as_str().to_owned()),
        thread_ts: message.thread_ts.clone(),
        reactions: message.reactions.iter().map(|(name, users)| (name.clone(), users.len())).collect(),
        pinned: channel.pins.iter().any(|pin| pin.ts == message.ts),
        edited: message.edited.is_some(),
        ..shown_draft(&message.ts, &message.user, &message.draft)
    }
}

/// What somebody typed, in the notation in which it is kept and told.
fn as_kept(typed: &str) -> String {
    typed.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
