//! What the workloads put in: who there is, what they say, and the filters that look at it.

use policykit_core::{Clock as _, JsonMap, SystemClock};
use policykit_platforms::slack::fake::signature;
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "the signing secret of the workloads";
pub(crate) const PLATFORM: &str = "slack";
pub(crate) const MESSAGE: &str = "slackpostmessage";
const TEAM: &str = "T0BENCH";
const CHANNEL: &str = "C0BENCH";
/// 24 words.
const TEXT: &str = "the meeting about the garden is moved to friday because the room is taken by the choir and nobody \
                    wants to sing along with us";

/// 50 people, one channel.
pub(crate) fn town() -> Value {
    let people: Vec<Value> =
        (0..50).map(|n| json!({ "id": format!("U{n:03}"), "name": format!("p{n}"), "is_admin": n == 0 })).collect();
    json!({
        "app": { "signing_secret": SECRET },
        "teams": [{
            "id": TEAM, "name": "Bench", "domain": "bench", "users": people,
            "channels": [{ "id": CHANNEL, "name": "square", "is_general": true }],
            "bot_token": "xoxb-bench", "user_tokens": [{ "user": "U000", "token": "xoxp-bench" }],
        }],
    })
}

/// The five kinds of filter, round robin; none of them matches.
pub(crate) fn filter(n: usize) -> String {
    match n % 5 {
        0 => format!("return action.text.startswith('number {n}')"),
        1 => format!("return action.channel == 'C{n}'"),
        2 => {
            let words: Vec<String> = (0..8).map(|word| format!("'word{n}x{word}'")).collect();
            let words = words.join(", ");
            format!(
                "text = action.text.lower()\nfor word in [{words}]:\n  if word in text:\n    return True\nreturn False"
            )
        }
        3 => format!(
            "def prefix(text):\n  return text.startswith('number {n}')\ndef here(channel):\n  return channel == 'C{n}'\n\
             return prefix(action.text) and here(action.channel)"
        ),
        _ => format!("return len(action.text.split()) > {} and action.channel == 'C{n}'", 200 + n),
    }
}

/// What a message says, and where.
pub(crate) fn fields() -> JsonMap {
    let fields = [("channel", CHANNEL.into()), ("text", TEXT.into()), ("thread_ts", Value::Null)];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A signed message event with an id of its own.
pub(crate) fn delivery(number: usize) -> (Vec<(String, String)>, Vec<u8>) {
    let now = SystemClock.now().secs();
    let ts = format!("{now}.{number:06}");
    let body = json!({
        "token": "unused", "team_id": TEAM, "api_app_id": "A0BENCH", "type": "event_callback",
        "event_id": format!("Ev{number:09}"), "event_time": now,
        "event": {
            "type": "message", "channel": CHANNEL, "channel_type": "channel", "user": format!("U{:03}", number % 50),
            "text": TEXT, "ts": ts, "event_ts": ts, "team": TEAM,
        },
    })
    .to_string()
    .into_bytes();
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("x-slack-request-timestamp".to_owned(), now.to_string()),
        ("x-slack-signature".to_owned(), signature(SECRET, now, &body)),
    ];
    (headers, body)
}
