//! People, channels and messages as Slack's Web API and events show them. Only reads.

use serde_json::{Map, Value, json};

use super::{
    errors::{add, add_some},
    ids::{Ts, UserId},
    state::{BotRef, Channel, ChannelKind, Message, Pin, Subtype, Team, User, Usergroup},
};

/// How much of a message's metadata the reader gets. Slack withholds the payload unless it is asked for by
/// `include_all_metadata` or declared in the app's manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetadataView {
    Full,
    TypeOnly,
}

/// Whether a person's address is shown: needs the scope `users:read.email`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EmailView {
    Shown,
    Hidden,
}

pub(super) fn user(team: &Team, user: &User, email: EmailView) -> Value {
    let image = |size: u32| format!("https://a.slack-edge.com/fake/{}-{size}.png", user.id);
    let mut profile = json!({
        "title": user.title,
        "phone": "",
        "skype": "",
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.display_name,
        "display_name_normalized": user.display_name,
        "status_text": user.status_text,
        "status_emoji": "",
        "status_expiration": 0,
        "avatar_hash": "g0000000000",
        "image_24": image(24),
        "image_32": image(32),
        "image_48": image(48),
        "image_72": image(72),
        "image_192": image(192),
        "image_512": image(512),
        "team": team.id,
    });
    if email == EmailView::Shown {
        add_some(&mut profile, "email", user.email.as_ref().map(|email| json!(email)));
    }
    if user.id == team.bot_user {
        add(&mut profile, "bot_id", json!(team.bot.bot_id));
        add(&mut profile, "api_app_id", json!(team.bot.app_id));
        add(&mut profile, "always_active", json!(true));
    }
    json!({
        "id": user.id,
        "team_id": team.id,
        "name": user.name,
        "deleted": user.deleted,
        "color": "9f69e7",
        "real_name": user.real_name,
        "tz": "Etc/UTC",
        "tz_label": "Coordinated Universal Time",
        "tz_offset": 0,
        "profile": profile,
        "is_admin": user.is_admin || user.is_owner,
        "is_owner": user.is_owner,
        "is_primary_owner": false,
        "is_restricted": false,
        "is_ultra_restricted": false,
        "is_bot": user.is_bot,
        "is_app_user": false,
        "updated": user.updated,
    })
}

pub(super) fn usergroup(team: &Team, group: &Usergroup) -> Value {
    json!({
        "id": group.id,
        "team_id": team.id,
        "is_usergroup": true,
        "is_subteam": true,
        "name": group.name,
        "description": "",
        "handle": group.handle,
        "is_external": false,
        "date_create": group.created,
        "date_update": group.created,
        "date_delete": 0,
        "auto_type": null,
        "auto_provision": false,
        "enterprise_subteam_id": "",
        "created_by": group.created_by,
        "updated_by": group.created_by,
        "deleted_by": null,
        "prefs": { "channels": [], "groups": [] },
        "user_count": group.users.len(),
    })
}

/// A channel as `viewer` sees it.
pub(super) fn channel(team: &Team, channel: &Channel, viewer: &UserId) -> Value {
    let is_im = channel.kind == ChannelKind::Im;
    if is_im {
        let other = channel.members.iter().find(|member| *member != viewer).unwrap_or(viewer);
        return json!({
            "id": channel.id,
            "created": channel.created,
            "is_archived": channel.archived,
            "is_im": true,
            "is_org_shared": false,
            "user": other,
            "is_user_deleted": team.users.get(other).is_some_and(|user| user.deleted),
            "priority": 0,
        });
    }
    let (topic, topic_by, topic_at) = &channel.topic;
    json!({
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": channel.kind == ChannelKind::Public,
        "is_group": channel.kind == ChannelKind::Private,
        "is_im": false,
        "is_mpim": channel.kind == ChannelKind::Mpim,
        "is_private": channel.kind != ChannelKind::Public,
        "created": channel.created,
        "is_archived": channel.archived,
        "is_general": channel.is_general,
        "unlinked": 0,
        "is_shared": false,
        "is_org_shared": false,
        "is_ext_shared": false,
        "is_pending_ext_shared": false,
        "pending_shared": [],
        "creator": channel.creator,
        "is_member": channel.has(viewer),
        "topic": { "value": topic, "creator": topic_by, "last_set": topic_at },
        "purpose": { "value": "", "creator": "", "last_set": 0 },
        "previous_names": channel.previous_names,
        "num_members": channel.members.len(),
    })
}

pub(super) fn bot_profile(team: &Team, bot: &BotRef) -> Value {
    json!({
        "id": bot.bot_id,
        "deleted": false,
        "name": bot.name,
        "updated": 0,
        "app_id": bot.app_id,
        "icons": bot_icons(bot),
        "team_id": team.id,
    })
}

pub(super) fn bot_icons(bot: &BotRef) -> Value {
    let image = |size: u32| format!("https://a.slack-edge.com/fake/{}-{size}.png", bot.bot_id);
    json!({ "image_36": image(36), "image_48": image(48), "image_72": image(72) })
}

/// A message as history, replies and events show it, without its channel.
pub(super) fn message(team: &Team, channel: &Channel, message: &Message, view: MetadataView) -> Value {
    let mut out = base(team, message, view);
    if let Some(thread) = &message.thread_ts {
        add(&mut out, "thread_ts", json!(thread));
        if *thread == message.ts {
            thread_summary(channel, thread, &mut out);
        } else if let Some(parent) = channel.living(thread) {
            add(&mut out, "parent_user_id", json!(parent.user));
        }
    }
    if !message.reactions.is_empty() {
        add(&mut out, "reactions", reactions(message));
    }
    if channel.pins.iter().any(|pin| pin.ts == message.ts) {
        add(&mut out, "pinned_to", json!([channel.id]));
    }
    out
}

fn base(team: &Team, message: &Message, view: MetadataView) -> Value {
    let mut out = json!({ "type": "message", "text": message.draft.text, "user": message.user, "ts": message.ts });
    add_some(&mut out, "subtype", message.subtype.map(|subtype| json!(subtype.as_str())));
    add_some(&mut out, "client_msg_id", message.client_msg_id.as_ref().map(|id| json!(id)));
    if message.subtype.is_none() || message.subtype == Some(Subtype::ThreadBroadcast) {
        add(&mut out, "team", json!(team.id));
    }
    if let Some(bot) = &message.bot {
        add(&mut out, "bot_id", json!(bot.bot_id));
        add(&mut out, "app_id", json!(bot.app_id));
        add(&mut out, "bot_profile", bot_profile(team, bot));
    }
    add_some(&mut out, "blocks", message.draft.blocks.clone());
    add_some(&mut out, "attachments", message.draft.attachments.clone());
    add_some(&mut out, "metadata", message.draft.metadata.as_ref().map(|full| metadata(full, view)));
    add_some(&mut out, "edited", message.edited.as_ref().map(|(user, ts)| json!({ "user": user, "ts": ts })));
    if let Value::Object(map) = &mut out {
        map.extend(message.extra.clone());
    }
    out
}

fn metadata(full: &Value, view: MetadataView) -> Value {
    match view {
        MetadataView::Full => full.clone(),
        MetadataView::TypeOnly => json!({ "event_type": full.get("event_type"), "event_payload": {} }),
    }
}

fn thread_summary(channel: &Channel, thread: &Ts, out: &mut Value) {
    let mut users: Vec<&UserId> = Vec::new();
    let (mut count, mut latest) = (0_u32, None);
    for reply in channel.replies(thread) {
        count += 1;
        latest = Some(&reply.ts);
        if !users.contains(&&reply.user) {
            users.push(&reply.user);
        }
    }
    if let Some(latest) = latest {
        add(out, "reply_count", json!(count));
        add(out, "reply_users_count", json!(users.len()));
        add(out, "reply_users", json!(users));
        add(out, "latest_reply", json!(latest));
    }
}

fn reactions(message: &Message) -> Value {
    message
        .reactions
        .iter()
        .map(|(name, users)| json!({ "name": name, "users": users, "count": users.len() }))
        .collect()
}

/// An entry of `pins.list`, and the `item` of pin events.
pub(super) fn pin(team: &Team, channel: &Channel, pin: &Pin, pinned: &Message, view: MetadataView) -> Value {
    let mut message = message(team, channel, pinned, view);
    add(&mut message, "permalink", json!(team.permalink(&channel.id, &pinned.ts)));
    json!({
        "type": "message",
        "created": pin.at,
        "created_by": pin.by,
        "channel": channel.id,
        "message": message,
    })
}

/// `name` and `old_name` and their like, for system messages.
pub(super) fn fields(pairs: &[(&str, &str)]) -> Map<String, Value> {
    pairs.iter().map(|(field, value)| ((*field).to_owned(), json!(value))).collect()
}
