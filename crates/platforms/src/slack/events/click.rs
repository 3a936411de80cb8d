//! Pressed buttons and menus as ballots.

use policykit_core::{
    Timestamp,
    event::{Event, EventBody, Heard},
};
use serde_json::Value;
use url::Url;

use super::{Us, moment, nothing, str_of};
use crate::{
    platform::Unreadable,
    slack::vote::{ACTION_PREFIX, said},
};

/// Reads a `block_actions` payload.
pub(super) fn read(payload: &Value, us: &Us) -> Result<Vec<Event>, Unreadable> {
    let inside = |outer: &str, name: &str| payload.get(outer).and_then(|o| str_of(o.get(name))).map(str::to_owned);
    let voter = inside("user", "id").ok_or_else(|| Unreadable("`user.id` is missing".to_owned()))?;
    let post_id = inside("container", "message_ts").or_else(|| inside("message", "ts"));
    let reply_to = str_of(payload.get("response_url")).filter(|url| is_web_address(url)).map(str::to_owned);
    // An organisation of several workspaces shares its people among them.
    let is_organisation = payload.get("enterprise").is_some_and(Value::is_object);
    let team = inside("user", "team_id").filter(|_| !is_organisation);
    let home = us.home(team.as_deref());
    let actions = payload.get("actions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut events = Vec::new();
    for action in actions {
        let at = str_of(action.get("action_ts")).and_then(moment).unwrap_or_default();
        let action_id = str_of(action.get("action_id")).unwrap_or_default();
        match (action_id.starts_with(ACTION_PREFIX), said(action), &post_id) {
            (true, Some((proposal, cast)), Some(post_id)) => events.push(Event {
                actor: Some(voter.clone()),
                at,
                echo_keys: Vec::new(),
                heard: Heard::Openly,
                home,
                body: EventBody::Ballot { proposal, post_id: post_id.clone(), cast, reply_to: reply_to.clone() },
            }),
            (true, ..) => events.extend(nothing(Some(voter.clone()), at, "the button says nothing that can be read")),
            (false, ..) => {
                events.extend(nothing(Some(voter.clone()), at, format!("`{action_id}` is not a button of ours")));
            }
        }
    }
    if events.is_empty() {
        return Ok(nothing(Some(voter), Timestamp::default(), "nothing was pressed"));
    }
    Ok(events)
}

/// Whether it can be an address to answer to at all. Whether it may be used is decided when it is.
fn is_web_address(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}
