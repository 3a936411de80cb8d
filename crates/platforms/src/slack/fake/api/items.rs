//! `pins.*` and `reactions.*`: what people attach to messages.

use serde_json::{Value, json};

use super::{
    super::{
        effects::Reaction,
        errors::Refusal,
        ids::{ChannelId, Ts},
        render::{self, MetadataView},
    },
    caller::Caller,
};

fn target(call: &Caller<'_>) -> Result<(ChannelId, Ts), Refusal> {
    let (channel, message) = call.message("timestamp")?;
    if !channel.has(&call.actor.user) {
        return Err(Refusal::NotInChannel);
    }
    Ok((channel.id.clone(), message.ts.clone()))
}

pub(super) fn pin(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let (channel, ts) = target(call)?;
    if call.channel()?.pins.iter().any(|pin| pin.ts == ts) {
        return Err(Refusal::AlreadyPinned);
    }
    let actor = call.actor.clone();
    call.world.pin(&actor, &channel, &ts)?;
    Ok(json!({ "ok": true }))
}

pub(super) fn unpin(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let (channel, ts) = target(call)?;
    let actor = call.actor.clone();
    call.world.unpin(&actor, &channel, &ts)?;
    Ok(json!({ "ok": true }))
}

pub(super) fn list_pins(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let (team, channel) = (call.team()?, call.channel()?);
    let items: Vec<Value> = channel
        .pins
        .iter()
        .rev()
        .filter_map(|pin| {
            let message = channel.living(&pin.ts)?;
            Some(render::pin(team, channel, pin, message, MetadataView::TypeOnly))
        })
        .collect();
    Ok(json!({ "ok": true, "items": items }))
}

fn emoji(call: &Caller<'_>) -> Result<String, Refusal> {
    let name = call.args.text("name").ok_or(Refusal::InvalidName)?;
    let name = name.trim_matches(':').to_owned();
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-+':".contains(c);
    if name.is_empty() || !name.chars().all(valid) { Err(Refusal::InvalidName) } else { Ok(name) }
}

fn change_reaction(call: &mut Caller<'_>, reaction: Reaction) -> Result<Value, Refusal> {
    let name = emoji(call)?;
    let (channel, ts) = target(call)?;
    let actor = call.actor.clone();
    call.world.react(&actor, &channel, &ts, &name, reaction)?;
    Ok(json!({ "ok": true }))
}

pub(super) fn react(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    change_reaction(call, Reaction::Add)
}

pub(super) fn unreact(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    change_reaction(call, Reaction::Remove)
}

pub(super) fn get_reactions(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let (channel, message) = call.message("timestamp")?;
    let shown = render::message(call.team()?, channel, message, MetadataView::TypeOnly);
    Ok(json!({ "ok": true, "type": "message", "channel": channel.id, "message": shown }))
}
