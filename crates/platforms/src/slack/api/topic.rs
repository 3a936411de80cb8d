//! What a channel's topic was before: Slack tells of a new one without the old one, but the messages that told of the
//! earlier ones are still in the channel. Reads only, with the bot's token.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use policykit_core::{
    call::{CallOutcome, PlannedCall},
    state::{Force, StateChange, Undoing},
};
use serde_json::Value;

use super::{Token, Trouble, Web, next_cursor, pairs, put_back, refusal};
use crate::{
    platform::{CallError, SendContext},
    slack::{
        actions::{BEFORE, set_topic, text},
        events::str_of,
        readable::same_words,
    },
};

/// How many messages are asked for at once: the most that Slack gives.
const PAGE: &str = "999";
/// How many pages of a channel are searched before giving up.
const MOST_PAGES: usize = 4;
/// Longest that the search may take, so that time is left for putting back what it finds.
const SEARCH_BUDGET: Duration = Duration::from_secs(5);
/// A channel whose first message is this close to its making, in seconds, is known from its beginning.
const FROM_THE_BEGINNING: i64 = 60;
/// How far a topic's own time may be behind its message's, in seconds.
const SAME_MOMENT: i64 = 1;

/// A channel's topic as it is now.
pub(super) struct Now {
    pub(super) topic: String,
    by: String,
    set_at: i64,
    made_at: Option<i64>,
}

/// The call that gives a channel the topic it had before a message told of another one; else what comes of it without one.
pub(super) async fn put_back(
    web: &Web<'_>,
    call: &PlannedCall,
    context: &SendContext,
) -> Result<put_back::Instead, CallError> {
    let (Some(channel), Some(ts)) = (text(&call.args, "channel"), text(&call.args, BEFORE)) else {
        return Ok(Err(refused("channel_not_found", "the call names no channel or no message".to_owned())));
    };
    let pages = AtomicUsize::new(0);
    let search = async {
        let now = now(web, &channel).await?;
        if let Some(undoing) = &context.undoing
            && !is_still(&now, undoing, &ts, context)
        {
            return Ok(Err(put_back::replaced(&now.topic, None)));
        }
        Ok::<_, Trouble>(
            before(web, &channel, &ts, context, now.made_at, &pages)
                .await?
                .map(|topic| set_topic(&channel, &topic))
                .ok_or_else(unknown),
        )
    };
    let found = tokio::time::timeout(SEARCH_BUDGET, search).await;
    let seen = pages.load(Ordering::Relaxed);
    match found {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(Trouble::Refused { code, body })) => {
            let why = refusal::explain(&code, &body);
            Ok(Err(refused(&code, format!("what the topic was before cannot be read: {why}"))))
        }
        // From the beginning again it would take as long as this time.
        Err(_) if seen > 0 => Ok(Err(unknown())),
        Ok(Err(Trouble::Call(CallError::Retry { .. }))) if seen > 0 => Ok(Err(unknown())),
        // Nothing was changed, so asking again does no harm.
        Err(_) => Err(CallError::Retry { after_ms: 1_000, reason: "Slack took too long to answer".to_owned() }),
        Ok(Err(Trouble::Call(CallError::Unknown { reason }))) => Err(CallError::Retry { after_ms: 1_000, reason }),
        Ok(Err(Trouble::Call(error))) => Err(error),
    }
}

fn refused(code: &str, message: String) -> CallOutcome {
    CallOutcome::Refused { code: code.to_owned(), message }
}

fn unknown() -> CallOutcome {
    let message = "what the topic was before is not to be found among the channel's latest messages; set it by hand";
    refused("earlier_topic_unknown", message.to_owned())
}

/// The topic that a channel has.
pub(super) async fn now(web: &Web<'_>, channel: &str) -> Result<Now, Trouble> {
    let body = web.get("conversations.info", Token::Bot, pairs(&[("channel", channel)])).await?;
    let channel = body.get("channel");
    let topic = channel.and_then(|c| c.get("topic"));
    let field = |name: &str| topic.and_then(|t| t.get(name));
    Ok(Now {
        topic: field("value").and_then(Value::as_str).unwrap_or_default().to_owned(),
        by: field("creator").and_then(Value::as_str).unwrap_or_default().to_owned(),
        set_at: field("last_set").and_then(Value::as_i64).unwrap_or_default(),
        made_at: channel.and_then(|c| c.get("created")).and_then(Value::as_i64),
    })
}

/// Whether the topic is the one that the message with this id told of: the same words, and set then, or by us, who may
/// have put them back without knowing that they are to be undone.
fn is_still(now: &Now, undoing: &Undoing, ts: &str, context: &SendContext) -> bool {
    let then = secs(ts).is_none_or(|at| now.set_at <= at.saturating_add(SAME_MOMENT));
    same_words(&now.topic, &undoing.change.value) && (then || is_ours(&now.by, context))
}

/// Whether the bot did it, by whom alone topics are set for us.
fn is_ours(account: &str, context: &SendContext) -> bool {
    str_of(context.installation.settings.get("bot_user_id")) == Some(account)
}

/// The topic that was set last before that message and stands; none was where the channel is known from its beginning.
async fn before(
    web: &Web<'_>,
    channel: &str,
    ts: &str,
    context: &SendContext,
    made_at: Option<i64>,
    pages: &AtomicUsize,
) -> Result<Option<String>, Trouble> {
    let params = [("channel", channel), ("latest", ts), ("inclusive", "false"), ("limit", PAGE)];
    let (mut oldest, mut cursor) = (secs(ts), None);
    while pages.load(Ordering::Relaxed) < MOST_PAGES {
        let mut query = pairs(&params);
        query.extend(cursor.take().map(|cursor| ("cursor".to_owned(), cursor)));
        let page = web.get("conversations.history", Token::Bot, query).await?;
        pages.fetch_add(1, Ordering::Relaxed);
        for message in page.get("messages").and_then(Value::as_array).into_iter().flatten() {
            let field = |name: &str| message.get(name).and_then(Value::as_str);
            if matches!(field("subtype"), Some("channel_topic" | "group_topic")) && stands(message, context) {
                return Ok(field("topic").map(str::to_owned));
            }
            oldest = field("ts").and_then(secs).or(oldest);
        }
        cursor = next_cursor(&page);
        if cursor.is_none() {
            // Old messages go away where the workspace keeps them for a while only, and a topic with them.
            let whole =
                made_at.zip(oldest).is_some_and(|(made, oldest)| oldest.saturating_sub(made) <= FROM_THE_BEGINNING);
            return Ok(whole.then(String::new));
        }
    }
    Ok(None)
}

/// Whether the topic that a message told of stands, as far as is written down.
fn stands(message: &Value, context: &SendContext) -> bool {
    let Some(undoing) = &context.undoing else { return true };
    let field = |name: &str| message.get(name).and_then(Value::as_str);
    if is_ours(field("user").unwrap_or_default(), context) {
        // What was put back while nobody knew yet that it would be undone too.
        return !field("topic").is_some_and(|topic| undoing.is_undone(topic));
    }
    let told = |change: &StateChange| text(&change.fields, "timestamp").as_deref() == field("ts");
    // What was done again by a decision later had been undone at its time.
    undoing.others.iter().find(|other| told(other)).is_none_or(|other| other.force == Force::Happened)
}

/// The seconds of a message's id.
fn secs(ts: &str) -> Option<i64> {
    ts.split('.').next()?.parse().ok()
}
