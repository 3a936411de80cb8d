//! `conversations.*` that read, and those that change the channel itself.

use serde_json::{Value, json};

use super::{
    super::{
        effects::Archival,
        errors::{Refusal, add},
        ids::{ChannelId, TeamId, Ts, UserId},
        render::{self, MetadataView},
        state::{Channel, ChannelKind, Message, Subtype, World},
    },
    caller::{Caller, Deed},
    page,
};

/// Longest channel name, in characters.
const LONGEST_NAME: usize = 80;
/// Longest topic, in characters.
pub(in super::super) const LONGEST_TOPIC: usize = 250;

pub(super) fn list(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let wanted = call.args.text("types").unwrap_or_else(|| "public_channel".into());
    let viewer = &call.actor.user;
    let team = call.team()?;
    let exclude_archived = call.args.on("exclude_archived");
    let wants = |kind: ChannelKind| {
        let name = match kind {
            ChannelKind::Public => "public_channel",
            ChannelKind::Private => "private_channel",
            ChannelKind::Im => "im",
            ChannelKind::Mpim => "mpim",
        };
        wanted.split(',').any(|part| part.trim() == name)
    };
    for kind in [ChannelKind::Public, ChannelKind::Private, ChannelKind::Im, ChannelKind::Mpim] {
        let scope = format!("{}:read", kind.scope_prefix());
        if wants(kind) && !call.has_scope(&scope) {
            let provided: Vec<&str> = call.token.scopes.iter().map(String::as_str).collect();
            return Err(Refusal::MissingScope { needed: scope, provided: provided.join(",") });
        }
    }
    let all: Vec<Value> = team
        .channels
        .values()
        .filter(|channel| wants(channel.kind))
        .filter(|channel| channel.kind == ChannelKind::Public || channel.has(viewer))
        .filter(|channel| !(exclude_archived && channel.archived))
        .map(|channel| render::channel(team, channel, viewer))
        .collect();
    let (channels, next) = page(call, "chan", all, 100)?;
    Ok(json!({ "ok": true, "channels": channels, "response_metadata": { "next_cursor": next } }))
}

pub(super) fn info(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let channel = call.channel_for(Deed::Read)?;
    let mut shown = render::channel(call.team()?, channel, &call.actor.user);
    if !call.args.on("include_num_members")
        && let Value::Object(map) = &mut shown
    {
        map.remove("num_members");
    }
    Ok(json!({ "ok": true, "channel": shown }))
}

pub(super) fn members(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let members = call.channel_for(Deed::Read)?.members.clone();
    let (members, next) = page(call, "user", members, 100)?;
    Ok(json!({ "ok": true, "members": members, "response_metadata": { "next_cursor": next } }))
}

fn history_view(call: &Caller<'_>) -> MetadataView {
    if call.args.on("include_all_metadata") { MetadataView::Full } else { MetadataView::TypeOnly }
}

/// The channel, if its past may be read: bots must be members, people of public channels need not.
fn readable<'a>(call: &'a Caller<'_>) -> Result<&'a Channel, Refusal> {
    let channel = call.channel_for(Deed::History)?;
    if call.is_bot() && !channel.has(&call.actor.user) {
        return Err(Refusal::NotInChannel);
    }
    Ok(channel)
}

/// Whether a message lies between `oldest` and `latest`.
fn in_window(call: &Caller<'_>, ts: &Ts) -> bool {
    let inclusive = call.args.on("inclusive");
    let after = call.args.text("oldest").is_none_or(|oldest| match ts.as_str().cmp(padded(&oldest).as_str()) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => inclusive,
        std::cmp::Ordering::Greater => true,
    });
    let before = call.args.text("latest").is_none_or(|latest| match ts.as_str().cmp(padded(&latest).as_str()) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => inclusive,
        std::cmp::Ordering::Greater => false,
    });
    after && before
}

/// A moment given as `1700000000`, `1700000000.5` or `1700000000.500000`, so that it compares with message ids as text.
fn padded(moment: &str) -> String {
    let (secs, fraction) = moment.split_once('.').unwrap_or((moment, ""));
    format!("{secs:0>10}.{fraction:0<6}")
}

pub(super) fn history(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let view = history_view(call);
    let channel = readable(call)?;
    let team = call.team()?;
    let in_channel = |message: &&Message| {
        let is_reply = message.thread_ts.as_ref().is_some_and(|thread| *thread != message.ts);
        !message.deleted && (!is_reply || message.subtype == Some(Subtype::ThreadBroadcast))
    };
    let all: Vec<Value> = channel
        .messages
        .values()
        .rev()
        .filter(in_channel)
        .filter(|message| in_window(call, &message.ts))
        .map(|message| render::message(team, channel, message, view))
        .collect();
    let pin_count = channel.pins.len();
    let (messages, next) = page(call, "next", all, 100)?;
    let mut body = json!({
        "ok": true,
        "messages": messages,
        "has_more": !next.is_empty(),
        "pin_count": pin_count,
        "channel_actions_ts": null,
        "channel_actions_count": 0,
    });
    if !next.is_empty() {
        add(&mut body, "response_metadata", json!({ "next_cursor": next }));
    }
    Ok(body)
}

pub(super) fn replies(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let view = history_view(call);
    let ts = Ts::new(call.args.need("ts")?);
    let channel = readable(call)?;
    let team = call.team()?;
    let goes_on = |message: &&Message| !message.deleted || channel.replies(&ts).next().is_some();
    let parent = channel.messages.get(&ts).filter(goes_on).ok_or(Refusal::ThreadNotFound)?;
    let mut shown = render::message(team, channel, parent, view);
    if let (true, Value::Object(map)) = (parent.deleted, &mut shown) {
        // What is left of a deleted message whose thread goes on.
        map.retain(|name, _| name == "type" || name == "ts" || name == "thread_ts" || name.starts_with("repl"));
        map.insert("subtype".into(), "tombstone".into());
        map.insert("text".into(), "This message was deleted.".into());
        map.insert("user".into(), "USLACKBOT".into());
    }
    let mut all = vec![shown];
    all.extend(
        channel
            .replies(&ts)
            .filter(|message| in_window(call, &message.ts))
            .map(|message| render::message(team, channel, message, view)),
    );
    let (messages, next) = page(call, "next", all, 1_000)?;
    let mut body = json!({ "ok": true, "messages": messages, "has_more": !next.is_empty() });
    if !next.is_empty() {
        add(&mut body, "response_metadata", json!({ "next_cursor": next }));
    }
    Ok(body)
}

/// The name as Slack stores it: lower case, hyphens for spaces.
pub(in super::super) fn normalised(name: &str) -> Result<String, Refusal> {
    let name: String =
        name.trim().chars().flat_map(char::to_lowercase).map(|c| if c.is_whitespace() { '-' } else { c }).collect();
    if name.is_empty() {
        return Err(Refusal::InvalidNameRequired);
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(Refusal::InvalidNameMaxlength);
    }
    if !name.chars().any(char::is_alphanumeric) {
        return Err(Refusal::InvalidNamePunctuation);
    }
    if name.chars().any(|c| !(c.is_alphanumeric() || c == '-' || c == '_')) {
        return Err(Refusal::InvalidNameSpecials);
    }
    Ok(name)
}

pub(super) fn rename(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let name = call.args.text("name").unwrap_or_default();
    let channel = call.own_channel_for(Deed::Manage)?;
    if matches!(channel.kind, ChannelKind::Im | ChannelKind::Mpim) {
        return Err(Refusal::MethodNotSupportedForChannelType);
    }
    if channel.archived {
        return Err(Refusal::IsArchived);
    }
    if channel.creator != call.actor.user && !call.is_admin() {
        return Err(Refusal::NotAuthorized);
    }
    let id = channel.id.clone();
    let name = normalised(&name)?;
    let unchanged = channel.name == name;
    if call.team()?.channels.values().any(|other| other.name == name && other.id != id) {
        return Err(Refusal::NameTaken);
    }
    if !unchanged {
        let actor = call.actor.clone();
        call.world.rename(&actor, &id, &name)?;
    }
    answer_with_channel(call, &id)
}

pub(super) fn set_topic(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let topic = call.args.text("topic").unwrap_or_default();
    if topic.chars().count() > LONGEST_TOPIC {
        return Err(Refusal::TooLong);
    }
    let channel = call.own_channel_for(Deed::Manage)?;
    if channel.kind == ChannelKind::Im {
        return Err(Refusal::MethodNotSupportedForChannelType);
    }
    if channel.archived {
        return Err(Refusal::IsArchived);
    }
    let (id, actor) = (channel.id.clone(), call.actor.clone());
    call.world.set_topic(&actor, &id, &topic)?;
    answer_with_channel(call, &id)
}

pub(super) fn answer_with_channel(call: &Caller<'_>, id: &ChannelId) -> Result<Value, Refusal> {
    let team = call.team()?;
    let channel = team.channels.get(id).ok_or(Refusal::ChannelNotFound)?;
    let mut shown = render::channel(team, channel, &call.actor.user);
    if let Value::Object(map) = &mut shown {
        map.remove("num_members");
    }
    Ok(json!({ "ok": true, "channel": shown }))
}

pub(super) fn archive(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let channel = call.channel_for(Deed::Manage)?;
    if channel.kind == ChannelKind::Im {
        return Err(Refusal::MethodNotSupportedForChannelType);
    }
    if channel.archived {
        return Err(Refusal::AlreadyArchived);
    }
    if channel.is_general {
        return Err(Refusal::CantArchiveGeneral);
    }
    if call.team()?.prefs.only_admins_archive && !call.is_admin() {
        return Err(Refusal::RestrictedAction);
    }
    let (id, actor) = (channel.id.clone(), call.actor.clone());
    call.world.archive(&actor, &id, Archival::Archived)?;
    Ok(json!({ "ok": true }))
}

pub(super) fn unarchive(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    if call.is_bot() {
        return Err(Refusal::NotAllowedTokenType);
    }
    let channel = call.channel_for(Deed::Manage)?;
    if !channel.archived {
        return Err(Refusal::NotArchived);
    }
    let (id, actor) = (channel.id.clone(), call.actor.clone());
    call.world.archive(&actor, &id, Archival::Open)?;
    Ok(json!({ "ok": true }))
}

pub(super) fn open(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let id = if call.args.text("channel").is_some() {
        call.channel()?.id.clone()
    } else {
        let names = call.args.list("users");
        if names.is_empty() {
            return Err(Refusal::UsersListNotSupplied);
        }
        if names.len() > 8 {
            return Err(Refusal::TooManyUsers);
        }
        let mut people = vec![call.actor.user.clone()];
        for name in names {
            let id = UserId::new(name);
            let user = call.team()?.users.get(&id).ok_or(Refusal::UserNotFound)?;
            if user.deleted {
                return Err(Refusal::UserDisabled);
            }
            if !people.contains(&id) {
                people.push(id);
            }
        }
        call.world.direct_message(&call.token.team, &people)
    };
    if call.args.on("return_im") {
        return answer_with_channel(call, &id);
    }
    Ok(json!({ "ok": true, "channel": { "id": id } }))
}

impl World {
    /// The direct conversation of exactly these people, made when there is none.
    pub(in super::super) fn direct_message(&mut self, team_id: &TeamId, people: &[UserId]) -> ChannelId {
        let kind = if people.len() > 2 { ChannelKind::Mpim } else { ChannelKind::Im };
        let same = |channel: &Channel| {
            channel.kind == kind
                && channel.members.len() == people.len()
                && people.iter().all(|person| channel.has(person))
        };
        if let Some(found) = self.teams.get(team_id).and_then(|team| team.channels.values().find(|c| same(c))) {
            return found.id.clone();
        }
        let id = ChannelId::new(self.mint(if kind == ChannelKind::Im { "D" } else { "G" }));
        let creator = people.first().cloned().unwrap_or_else(|| UserId::from(""));
        let name =
            if kind == ChannelKind::Mpim { format!("mpdm-{}", id.as_str().to_lowercase()) } else { String::new() };
        let channel = Channel::new(id.clone(), name, kind, creator, people.to_vec(), self.now.secs());
        if let Some(team) = self.teams.get_mut(team_id) {
            team.channels.insert(id.clone(), channel);
        }
        id
    }
}
