//! What a channel's topic was before: Slack tells of a new one without the old one, but the messages that told of the
//! earlier ones are still in the channel. Reads only, with the bot's token.

use policykit_core::call::{CallOutcome, PlannedCall};
use serde_json::Value;

use super::{Token, Trouble, Web, next_cursor, pairs, refusal};
use crate::{
    platform::CallError,
    slack::actions::{BEFORE, set_topic, text},
};

/// How many pages of a channel are searched before giving up.
const MOST_PAGES: usize = 20;
/// A channel whose first message is this close to its making, in seconds, is known from its beginning.
const FROM_THE_BEGINNING: i64 = 60;

/// The call that gives a channel the topic it had before a message told of another one; else why there is none.
pub(super) async fn put_back(web: &Web<'_>, call: &PlannedCall) -> Result<Result<PlannedCall, CallOutcome>, CallError> {
    let refused = |code: &str, message: String| Ok(Err(CallOutcome::Refused { code: code.to_owned(), message }));
    let (Some(channel), Some(ts)) = (text(&call.args, "channel"), text(&call.args, BEFORE)) else {
        return refused("channel_not_found", "the call names no channel or no message".to_owned());
    };
    match before(web, &channel, &ts).await {
        Ok(Some(topic)) => Ok(Ok(set_topic(&channel, &topic))),
        Ok(None) => refused(
            "earlier_topic_unknown",
            "the channel's messages do not reach back to where its earlier topic was set; set it by hand".to_owned(),
        ),
        Err(Trouble::Refused { code, body }) => {
            let why = refusal::explain(&code, &body);
            refused(&code, format!("what the topic was before cannot be read: {why}"))
        }
        // Nothing was changed, so asking again does no harm.
        Err(Trouble::Call(CallError::Unknown { reason })) => Err(CallError::Retry { after_ms: 1_000, reason }),
        Err(Trouble::Call(error)) => Err(error),
    }
}

/// The topic that was set last before that message; none was where the channel is known from its beginning.
async fn before(web: &Web<'_>, channel: &str, ts: &str) -> Result<Option<String>, Trouble> {
    let params = [("channel", channel), ("latest", ts), ("inclusive", "false"), ("limit", "200")];
    let (mut oldest, mut cursor) = (secs(ts), None);
    for _ in 0..MOST_PAGES {
        let mut query = pairs(&params);
        query.extend(cursor.take().map(|cursor| ("cursor".to_owned(), cursor)));
        let page = web.get("conversations.history", Token::Bot, query).await?;
        for message in page.get("messages").and_then(Value::as_array).into_iter().flatten() {
            let field = |name: &str| message.get(name).and_then(Value::as_str);
            if matches!(field("subtype"), Some("channel_topic" | "group_topic")) {
                return Ok(field("topic").map(str::to_owned));
            }
            oldest = field("ts").and_then(secs).or(oldest);
        }
        cursor = next_cursor(&page);
        if cursor.is_none() {
            let info = web.get("conversations.info", Token::Bot, pairs(&[("channel", channel)])).await?;
            let made = info.get("channel").and_then(|c| c.get("created")).and_then(Value::as_i64);
            // Old messages go away where the workspace keeps them for a while only, and a topic with them.
            let whole =
                made.zip(oldest).is_some_and(|(made, oldest)| oldest.saturating_sub(made) <= FROM_THE_BEGINNING);
            return Ok(whole.then(String::new));
        }
    }
    Ok(None)
}

/// The seconds of a message's id.
fn secs(ts: &str) -> Option<i64> {
    ts.split('.').next()?.parse().ok()
}
