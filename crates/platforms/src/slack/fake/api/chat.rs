//! `chat.*` except scheduling.

use serde_json::{Value, json};

use super::{
    super::{
        errors::{Refusal, add_some},
        ids::{ChannelId, Ts, UserId},
        render::{self, MetadataView},
        state::{Draft, Subtype},
    },
    caller::Caller,
};

/// Longest text of `chat.update`, in characters; posting cuts off after 40,000 instead of refusing.
const LONGEST_UPDATE: usize = 4_000;
/// Longest text of an ephemeral message, in characters.
const LONGEST_EPHEMERAL: usize = 40_000;

pub(super) fn post_message(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let channel = call.writable_channel()?;
    let draft = call.draft()?;
    let place = call.place();
    let actor = call.actor.clone();
    let ts = call.world.post(&actor, &channel, place, draft)?;
    let team = call.team()?;
    let place = team.channels.get(&channel).ok_or(Refusal::ChannelNotFound)?;
    let message = place.living(&ts).ok_or(Refusal::MessageNotFound)?;
    let shown = render::message(team, place, message, MetadataView::Full);
    Ok(json!({ "ok": true, "channel": channel, "ts": ts, "message": shown }))
}

pub(super) fn post_ephemeral(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let channel = call.writable_channel()?;
    let user = UserId::new(call.args.need("user")?);
    let draft = call.draft()?;
    if draft.text.chars().count() > LONGEST_EPHEMERAL {
        return Err(Refusal::MsgTooLong);
    }
    let place = call.world.channel(&call.token.team, &channel).ok_or(Refusal::ChannelNotFound)?;
    if !place.has(&user) {
        return Err(Refusal::UserNotInChannel);
    }
    let actor = call.actor.clone();
    let ts = call.world.whisper(&actor, &channel, &user, draft)?;
    Ok(json!({ "ok": true, "message_ts": ts }))
}

fn addressed(call: &Caller<'_>) -> Result<(ChannelId, Ts), Refusal> {
    let ts = Ts::new(call.args.need("ts")?);
    Ok((call.channel()?.id.clone(), ts))
}

pub(super) fn update(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let (channel, ts) = addressed(call)?;
    let place = call.channel()?;
    let message = place.living(&ts).ok_or(Refusal::MessageNotFound)?;
    if message.user != call.actor.user || message.subtype.is_some_and(|s| !matches!(s, Subtype::ThreadBroadcast)) {
        return Err(Refusal::CantUpdateMessage);
    }
    if place.archived {
        return Err(Refusal::IsArchived);
    }
    if !call.is_bot() && !call.team()?.prefs.edit_messages {
        return Err(Refusal::CantUpdateMessage);
    }
    let before = message.draft.clone();
    let given = call.draft()?;
    if given.text.chars().count() > LONGEST_UPDATE {
        return Err(Refusal::MsgTooLong);
    }
    // A text alone replaces blocks; attachments stay until an empty list is given.
    let draft = Draft { attachments: given.attachments.or(before.attachments), ..given };
    let actor = call.actor.clone();
    call.world.edit(&actor, &channel, &ts, draft)?;
    let team = call.team()?;
    let place = call.channel()?;
    let message = place.living(&ts).ok_or(Refusal::MessageNotFound)?;
    let shown = render::message(team, place, message, MetadataView::Full);
    Ok(json!({ "ok": true, "channel": channel, "ts": ts, "text": message.draft.text, "message": shown }))
}

pub(super) fn delete(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let (channel, ts) = addressed(call)?;
    let team = call.team()?;
    let message = call.channel()?.living(&ts).ok_or(Refusal::MessageNotFound)?;
    let own = message.user == call.actor.user;
    if team.prefs.compliance_exports {
        return Err(Refusal::CompliancePreventsDeletion);
    }
    let allowed = match (call.is_bot(), own) {
        (true, own) => own,
        (false, true) => team.prefs.members_delete_own_messages || call.is_admin(),
        (false, false) => call.is_admin() && team.prefs.admins_delete_messages,
    };
    if !allowed {
        return Err(Refusal::CantDeleteMessage);
    }
    let actor = call.actor.clone();
    call.world.delete(&actor, &channel, &ts)?;
    Ok(json!({ "ok": true, "channel": channel, "ts": ts }))
}

pub(super) fn get_permalink(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let ts = Ts::new(call.args.need("message_ts")?);
    let channel = call.channel()?;
    let message = channel.living(&ts).ok_or(Refusal::MessageNotFound)?;
    let mut permalink = call.team()?.permalink(&channel.id, &ts);
    if let Some(thread) = message.thread_ts.as_ref().filter(|thread| **thread != ts) {
        permalink.push_str(&format!("?thread_ts={thread}&cid={}", channel.id));
    }
    let mut body = json!({ "ok": true, "channel": channel.id });
    add_some(&mut body, "permalink", Some(json!(permalink)));
    Ok(body)
}
