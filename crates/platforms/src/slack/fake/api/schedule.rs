//! Messages to be posted later.

use serde_json::{Value, json};

use super::{
    super::{
        effects::{Actor, Place},
        errors::{Refusal, add},
        ids::TeamId,
        render,
        state::{Draft, Scheduled, World},
        witness::{Cause, Change},
    },
    caller::Caller,
};

/// How far ahead a message may be scheduled, in seconds: 120 days.
const FARTHEST: i64 = 120 * 24 * 3_600;

pub(super) fn schedule_message(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let channel = call.writable_channel()?;
    let draft = call.draft()?;
    let post_at = call.args.int("post_at").ok_or(Refusal::InvalidTime)?;
    let now = call.world.now.secs();
    if post_at <= now {
        return Err(Refusal::TimeInPast);
    }
    if post_at > now.saturating_add(FARTHEST) {
        return Err(Refusal::TimeTooFar);
    }
    let id = call.world.mint("Q");
    let scheduled = Scheduled {
        id: id.clone(),
        channel: channel.clone(),
        post_at,
        created: now,
        user: call.actor.user.clone(),
        bot: call.actor.bot.clone(),
        thread_ts: match call.place() {
            Place::Channel => None,
            Place::Thread(ts) | Place::ThreadAndChannel(ts) => Some(ts),
        },
        draft: draft.clone(),
    };
    let team_id = call.token.team.clone();
    if let Some(team) = call.world.teams.get_mut(&team_id) {
        team.scheduled.push(scheduled);
    }
    let change = Change::Scheduled { channel: channel.clone(), id: id.clone(), post_at, text: draft.text.clone() };
    call.world.note_effect(&team_id, call.actor.cause.clone(), change);
    let team = call.team()?;
    let mut message = json!({
        "type": "delayed_message",
        "text": draft.text,
        "user": call.actor.user,
        "team": team_id,
        "bot_id": team.bot.bot_id,
    });
    if call.is_bot() {
        add(&mut message, "bot_profile", render::bot_profile(team, &team.bot));
    }
    Ok(json!({ "ok": true, "channel": channel, "scheduled_message_id": id, "post_at": post_at, "message": message }))
}

pub(super) fn delete_scheduled_message(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let channel = call.channel()?.id.clone();
    let id = call.args.need("scheduled_message_id")?;
    let user = call.actor.user.clone();
    let team = call.world.teams.get_mut(&call.token.team).ok_or(Refusal::InvalidAuth)?;
    let found = team.scheduled.iter().position(|s| s.id == id && s.channel == channel && s.user == user);
    team.scheduled.remove(found.ok_or(Refusal::InvalidScheduledMessageId)?);
    let team = call.token.team.clone();
    call.world.note_effect(&team, call.actor.cause.clone(), Change::Unscheduled { id });
    Ok(json!({ "ok": true }))
}

pub(super) fn list_scheduled_messages(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let channel = call.args.text("channel");
    let latest = call.args.int("latest").unwrap_or(i64::MAX);
    let oldest = call.args.int("oldest").unwrap_or(i64::MIN);
    let all: Vec<Value> = call
        .team()?
        .scheduled
        .iter()
        .filter(|s| s.user == call.actor.user)
        .filter(|s| channel.as_ref().is_none_or(|channel| s.channel.as_str() == channel))
        .filter(|s| s.post_at <= latest && s.post_at >= oldest)
        .map(|s| {
            json!({ "id": s.id, "channel_id": s.channel, "post_at": s.post_at, "date_created": s.created, "text": s.draft.text })
        })
        .collect();
    let (page, next) = super::page(call, "sch", all, 100)?;
    Ok(json!({ "ok": true, "scheduled_messages": page, "response_metadata": { "next_cursor": next } }))
}

impl World {
    /// Posts what has fallen due.
    pub(in super::super) fn post_due(&mut self) {
        let now = self.now.secs();
        let mut due: Vec<(TeamId, Scheduled)> = Vec::new();
        for team in self.teams.values_mut() {
            let (ready, later) = std::mem::take(&mut team.scheduled).into_iter().partition(|s| s.post_at <= now);
            team.scheduled = later;
            let ready: Vec<Scheduled> = ready;
            due.extend(ready.into_iter().map(|scheduled| (team.id.clone(), scheduled)));
        }
        for (team, scheduled) in due {
            let actor = Actor { team, user: scheduled.user, bot: scheduled.bot, cause: Cause::Slack };
            let place = scheduled.thread_ts.map_or(Place::Channel, Place::Thread);
            // Metadata of scheduled messages does not survive on Slack either.
            let draft = Draft { metadata: None, ..scheduled.draft };
            // The channel may be gone by now; then nothing is posted, as on Slack.
            let _posted = self.post(&actor, &scheduled.channel, place, draft);
        }
    }
}
