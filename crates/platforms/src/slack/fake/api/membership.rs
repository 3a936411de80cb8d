//! `conversations.invite`, `.kick` and `.join`: who belongs to a channel.

use serde_json::{Value, json};

use super::{
    super::{
        errors::{Refusal, add},
        ids::UserId,
        state::ChannelKind,
    },
    caller::{Caller, Deed},
    conversations::answer_with_channel,
};

pub(super) fn invite(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let names = call.args.list("users");
    if names.is_empty() {
        return Err(Refusal::NoUser);
    }
    if names.len() > 100 {
        return Err(Refusal::TooManyUsers);
    }
    let channel = call.own_channel_for(Deed::Manage)?;
    if matches!(channel.kind, ChannelKind::Im | ChannelKind::Mpim) {
        return Err(Refusal::MethodNotSupportedForChannelType);
    }
    if channel.archived {
        return Err(Refusal::IsArchived);
    }
    let users: Vec<UserId> = names.into_iter().map(UserId::new).collect();
    for user in &users {
        let known = call.team()?.users.get(user).ok_or(Refusal::UserNotFound)?;
        if *user == call.actor.user {
            return Err(Refusal::CantInviteSelf);
        }
        if channel.has(user) {
            return Err(Refusal::AlreadyInChannel);
        }
        if known.deleted {
            return Err(Refusal::CantInvite);
        }
    }
    let (id, actor) = (channel.id.clone(), call.actor.clone());
    for user in &users {
        call.world.add_member(&actor, &id, user)?;
    }
    answer_with_channel(call, &id)
}

pub(super) fn kick(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let user = call.user("user")?;
    let channel = call.own_channel_for(Deed::Manage)?;
    if matches!(channel.kind, ChannelKind::Im | ChannelKind::Mpim) {
        return Err(Refusal::MethodNotSupportedForChannelType);
    }
    if channel.is_general {
        return Err(Refusal::CantKickFromGeneral);
    }
    if user == call.actor.user {
        return Err(Refusal::CantKickSelf);
    }
    if !channel.has(&user) {
        return Err(Refusal::NotInChannel);
    }
    if call.team()?.prefs.only_admins_kick && !call.is_admin() {
        return Err(Refusal::RestrictedAction);
    }
    let (id, actor) = (channel.id.clone(), call.actor.clone());
    call.world.remove_member(&actor, &id, &user)?;
    Ok(json!({ "ok": true }))
}

pub(super) fn join(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let channel = call.channel()?;
    if channel.kind != ChannelKind::Public {
        return Err(Refusal::MethodNotSupportedForChannelType);
    }
    if channel.archived {
        return Err(Refusal::IsArchived);
    }
    let (id, actor, member) = (channel.id.clone(), call.actor.clone(), channel.has(&call.actor.user));
    if !member {
        call.world.add_member(&actor, &id, &actor.user)?;
    }
    let mut body = answer_with_channel(call, &id)?;
    if member {
        add(&mut body, "warning", json!("already_in_channel"));
        add(&mut body, "response_metadata", json!({ "warnings": ["already_in_channel"] }));
    }
    Ok(body)
}
