//! Finding out whether a call that may have been sent took effect. Reads only, with the bot's token.

use std::time::Duration;

use policykit_core::call::PlannedCall;
use serde_json::{Value, json};

use super::{Token, Trouble, Web, put_back, send::MARK, topic};
use crate::{
    http::Http,
    platform::{CallError, Confirmation, SendContext},
    slack::{
        actions::{RENAME, TOPIC, people, text, whole},
        readable::same_words,
    },
};

/// How far Slack's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(300);
/// How many pages of a channel are searched for our mark before giving up.
const MOST_PAGES: usize = 20;

/// Looks back at a call.
pub(in crate::slack) async fn confirm(http: &Http, call: &PlannedCall, context: &SendContext) -> Confirmation {
    let web = Web::of(http, context);
    match look(&web, call, context).await {
        Ok(Some(reply)) => Confirmation::Done { reply },
        Ok(None) => Confirmation::NotDone,
        Err(trouble) => Confirmation::Unknown { reason: trouble.describe() },
    }
}

/// The reply it would have given, or `None` when it did not take effect.
async fn look(web: &Web<'_>, call: &PlannedCall, context: &SendContext) -> Result<Option<Value>, Trouble> {
    match put_back::found(web, call, context).await? {
        Some(put_back::Found::Still) => return Ok(None),
        Some(put_back::Found::Gone(reply)) => return Ok(Some(reply)),
        None => {}
    }
    match call.operation.as_str() {
        "chat.postMessage" => marked(web, call, context).await,
        "chat.delete" => match alive(web, call).await {
            Ok(alive) => Ok((!alive).then(|| json!({}))),
            // What cannot be looked at can still be deleted again without harm.
            Err(Trouble::Refused { .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        },
        "chat.scheduleMessage" => scheduled(web, call, context).await,
        "chat.deleteScheduledMessage" => Ok((!still_scheduled(web, call).await?).then(|| json!({}))),
        TOPIC => {
            let now = topic::now(web, &need(call, "channel")?).await?.topic;
            // An empty one takes it away.
            let wanted = text(&call.args, "topic").unwrap_or_default();
            Ok(same_words(&now, &wanted).then(|| json!({ "channel": call.args.get("channel") })))
        }
        RENAME => {
            let name = channel_name(web, call).await?;
            Ok((Some(normal_name(&need(call, "name")?)) == name)
                .then(|| json!({ "channel": call.args.get("channel"), "name": name })))
        }
        "conversations.invite" | "conversations.kick" => Ok(membership(web, call).await?.then(|| json!({}))),
        "pins.add" => Ok(pinned(web, call).await?.then(|| json!({}))),
        "pins.remove" => Ok((!pinned(web, call).await?).then(|| json!({}))),
        "conversations.open" | "conversations.join" | "chat.update" => Ok(None),
        other => Err(Trouble::unknown(format!("`{other}` leaves nothing that could be looked for"))),
    }
}

/// Whether the state a call wants is the state there is, after Slack refused it as if it were.
pub(super) async fn is_so(web: &Web<'_>, call: &PlannedCall) -> Result<bool, CallError> {
    let found = match call.operation.as_str() {
        RENAME => {
            let name = text(&call.args, "name").map(|name| normal_name(&name));
            channel_name(web, call).await.map(|now| name.is_some() && now == name)
        }
        _ => membership(web, call).await,
    };
    match found {
        Ok(so) => Ok(so),
        Err(Trouble::Refused { .. }) => Ok(false),
        // The call itself was refused, so asking again does no harm.
        Err(Trouble::Call(CallError::Unknown { reason })) => Err(CallError::Retry { after_ms: 1_000, reason }),
        Err(Trouble::Call(error)) => Err(error),
    }
}

/// Looks for the mark in everything posted there since the call was planned.
async fn marked(web: &Web<'_>, call: &PlannedCall, context: &SendContext) -> Result<Option<Value>, Trouble> {
    let channel = place(web, call).await?;
    let since = format!("{}.000000", (context.planned_at - SKEW).secs());
    let thread = text(&call.args, "thread_ts");
    let id = context.call.to_string();
    let posted = written(web, &channel, thread.as_deref(), &since).await?;
    let mut ours = with_mark(&posted, &id);
    if ours.is_none()
        && let Some(parent) = thread.and_then(|ts| parent_of(&posted, &ts))
    {
        // A reply was answered. Slack asks for the parent's id instead and does not say where such a post goes.
        for place in [Some(parent.as_str()), None] {
            ours = ours.or(with_mark(&written(web, &channel, place, &since).await?, &id));
        }
    }
    Ok(ours.map(|ts| json!({ "channel": channel, "ts": ts })))
}

/// Everything written in a channel, or in a thread of it, since then.
async fn written(web: &Web<'_>, channel: &str, thread: Option<&str>, since: &str) -> Result<Vec<Value>, Trouble> {
    let mut params = vec![("channel", channel), ("oldest", since), ("limit", "200"), ("include_all_metadata", "true")];
    let method = match thread {
        None => "conversations.history",
        Some(ts) => {
            params.push(("ts", ts));
            "conversations.replies"
        }
    };
    let mut found = web.pages(method, Token::Bot, &params, "messages", MOST_PAGES).await;
    if found.as_ref().is_err_and(|trouble| trouble.is_refusal(&["not_in_channel"])) {
        // The bot may post in public channels without being in them, but not read them.
        web.post("conversations.join", Token::Bot, super::pairs(&[("channel", channel)])).await?;
        found = web.pages(method, Token::Bot, &params, "messages", MOST_PAGES).await;
    }
    found?.ok_or_else(|| Trouble::unknown("too much was posted since to look through all of it"))
}

/// `ts` of the message that carries the mark of this call.
fn with_mark(messages: &[Value], id: &str) -> Option<Value> {
    let ours = messages.iter().find(|message| {
        let metadata = message.get("metadata");
        let field = |name: &str| metadata.and_then(|m| m.get(name));
        field("event_type").and_then(Value::as_str) == Some(MARK)
            && field("event_payload").and_then(|p| p.get("call")).and_then(Value::as_str) == Some(id)
    });
    ours?.get("ts").cloned()
}

/// The thread a message belongs to as a reply, if it does.
fn parent_of(messages: &[Value], ts: &str) -> Option<String> {
    let field = |message: &Value, name: &str| message.get(name).and_then(Value::as_str).map(str::to_owned);
    let answered = messages.iter().find(|message| field(message, "ts").as_deref() == Some(ts))?;
    field(answered, "thread_ts").filter(|parent| parent != ts)
}

/// The id of the conversation a post went to; one addressed by a person's id is the direct message with them.
async fn place(web: &Web<'_>, call: &PlannedCall) -> Result<String, Trouble> {
    let channel = need(call, "channel")?;
    if !super::directory::is_id(&channel) {
        // Slack posts to names too, but reads by ids only. Whoever has the name now may not have had it then.
        let found = super::directory::channel_called(web, &channel).await?;
        return found.ok_or_else(|| Trouble::unknown(format!("no channel is called `{channel}` now")));
    }
    if !channel.starts_with(['U', 'W']) {
        return Ok(channel);
    }
    let body = web.post("conversations.open", Token::Bot, super::pairs(&[("users", &channel)])).await?;
    let id = body.get("channel").and_then(|c| c.get("id")).and_then(Value::as_str);
    id.map(str::to_owned).ok_or_else(|| Trouble::unknown("Slack did not name the direct message"))
}

/// Whether a message is still there, in a thread or out of it.
async fn alive(web: &Web<'_>, call: &PlannedCall) -> Result<bool, Trouble> {
    let (channel, ts) = (need(call, "channel")?, need(call, "ts")?);
    let params = [
        ("channel", channel.as_str()),
        ("ts", &ts),
        ("oldest", &ts),
        ("latest", &ts),
        ("inclusive", "true"),
        ("limit", "1"),
    ];
    match web.get("conversations.replies", Token::Bot, super::pairs(&params)).await {
        Ok(body) => Ok(body.get("messages").and_then(Value::as_array).into_iter().flatten().any(|message| {
            let is = |name: &str, value: &str| message.get(name).and_then(Value::as_str) == Some(value);
            // A deleted message whose thread goes on leaves a tombstone.
            is("ts", &ts) && !is("subtype", "tombstone")
        })),
        Err(trouble) if trouble.is_refusal(&["thread_not_found", "message_not_found"]) => Ok(false),
        Err(trouble) => Err(trouble),
    }
}

async fn scheduled(web: &Web<'_>, call: &PlannedCall, context: &SendContext) -> Result<Option<Value>, Trouble> {
    let (channel, wanted) = (need(call, "channel")?, need(call, "text")?);
    let post_at = call.args.get("post_at").and_then(whole).unwrap_or_default();
    let params = [("channel", channel.as_str())];
    let all = web
        .pages("chat.scheduledMessages.list", Token::Bot, &params, "scheduled_messages", MOST_PAGES)
        .await?
        .ok_or_else(|| Trouble::unknown("too many messages are scheduled to look through all of them"))?;
    let since = (context.planned_at - SKEW).secs();
    let found = all.iter().find(|message| {
        let number = |name: &str| message.get(name).and_then(whole);
        number("post_at") == Some(post_at)
            && number("date_created").is_none_or(|at| at >= since)
            && message.get("text").and_then(Value::as_str) == Some(&wanted)
    });
    Ok(found.map(|message| json!({ "channel": channel, "scheduled_message_id": message.get("id") })))
}

async fn still_scheduled(web: &Web<'_>, call: &PlannedCall) -> Result<bool, Trouble> {
    let (channel, id) = (need(call, "channel")?, need(call, "scheduled_message_id")?);
    let params = [("channel", channel.as_str())];
    let all = web
        .pages("chat.scheduledMessages.list", Token::Bot, &params, "scheduled_messages", MOST_PAGES)
        .await?
        .ok_or_else(|| Trouble::unknown("too many messages are scheduled to look through all of them"))?;
    Ok(all.iter().any(|message| message.get("id").and_then(Value::as_str) == Some(&id)))
}

pub(super) async fn channel_name(web: &Web<'_>, call: &PlannedCall) -> Result<Option<String>, Trouble> {
    let channel = need(call, "channel")?;
    let body = web.get("conversations.info", Token::Bot, super::pairs(&[("channel", &channel)])).await?;
    Ok(body.get("channel").and_then(|c| c.get("name")).and_then(Value::as_str).map(str::to_owned))
}

/// What Slack makes of a channel's name, as far as it documents it.
pub(super) fn normal_name(name: &str) -> String {
    name.trim().trim_start_matches('#').to_lowercase().replace(' ', "-")
}

/// Whether everybody named is in the channel (invite) or nobody of them is (kick).
async fn membership(web: &Web<'_>, call: &PlannedCall) -> Result<bool, Trouble> {
    let channel = need(call, "channel")?;
    let members = super::directory::members(web, &channel).await?;
    let wanted = call.args.get("users").or_else(|| call.args.get("user")).map(people).unwrap_or_default();
    let mut inside = wanted.iter().map(|user| members.contains(user));
    Ok(if call.operation == "conversations.kick" { !inside.any(|is_in| is_in) } else { inside.all(|is_in| is_in) })
}

async fn pinned(web: &Web<'_>, call: &PlannedCall) -> Result<bool, Trouble> {
    let (channel, ts) = (need(call, "channel")?, need(call, "timestamp")?);
    let body = web.get("pins.list", Token::Bot, super::pairs(&[("channel", &channel)])).await?;
    let items = body.get("items").and_then(Value::as_array);
    Ok(items
        .into_iter()
        .flatten()
        .any(|item| item.get("message").and_then(|message| message.get("ts")).and_then(Value::as_str) == Some(&ts)))
}

fn need(call: &PlannedCall, name: &str) -> Result<String, Trouble> {
    text(&call.args, name).ok_or_else(|| Trouble::unknown(format!("the call has no `{name}`")))
}
