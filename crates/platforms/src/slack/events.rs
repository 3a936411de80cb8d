//! What Slack tells us: verifying deliveries and reading them as events.

mod click;
mod envelope;
mod message;
mod receive;

use policykit_core::{
    JsonMap, Timestamp,
    community::{Channel, Installation, Profile},
    event::{Event, EventBody, Heard, Home},
};
use serde_json::Value;

use crate::platform::Unreadable;

pub(super) use receive::receive;

/// Kind of delivery: an event of the Events API.
pub(super) const EVENT: &str = "event";
/// Kind of delivery: somebody pressed a button.
pub(super) const BLOCK_ACTIONS: &str = "block_actions";

/// Reads a kept delivery.
pub(super) fn normalise(kind: &str, body: &[u8], installation: &Installation) -> Result<Vec<Event>, Unreadable> {
    match kind {
        EVENT => {
            let json: Value = serde_json::from_slice(body).map_err(|e| Unreadable(format!("it is not JSON: {e}")))?;
            envelope::read(&json, &Us::of(installation))
        }
        BLOCK_ACTIONS => {
            let payload =
                receive::payload(body).ok_or_else(|| Unreadable("it has no readable `payload`".to_owned()))?;
            click::read(&payload, &Us::of(installation))
        }
        other => Err(Unreadable(format!("`{other}` is not a kind of delivery"))),
    }
}

/// The identities we act as in a workspace.
#[derive(Debug, Clone, Default)]
struct Us {
    team: String,
    bot_user: String,
    bot_id: String,
    app_id: String,
    acts_as: Vec<String>,
}

impl Us {
    fn of(installation: &Installation) -> Self {
        let setting = |name: &str| str_of(installation.settings.get(name)).unwrap_or_default().to_owned();
        Self {
            team: installation.id_there().to_owned(),
            bot_user: setting("bot_user_id"),
            bot_id: setting("bot_id"),
            app_id: setting("app_id"),
            acts_as: installation.acts_as.clone(),
        }
    }

    /// Where somebody of this workspace belongs.
    fn home(&self, team: Option<&str>) -> Home {
        if team.is_some_and(|team| !self.team.is_empty() && team != self.team) { Home::Elsewhere } else { Home::Here }
    }

    /// Whether the bot user did it, by any of the names it goes by.
    fn is_bot(&self, doer: &Value) -> bool {
        let same = |name: &str, ours: &str| !ours.is_empty() && str_of(doer.get(name)) == Some(ours);
        same("user", &self.bot_user) || same("bot_id", &self.bot_id) || same("app_id", &self.app_id)
    }
}

pub(super) fn str_of(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// `1700000000.123456` as a moment.
fn moment(ts: &str) -> Option<Timestamp> {
    let (secs, fraction) = ts.split_once('.').unwrap_or((ts, ""));
    let secs: i64 = secs.parse().ok()?;
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    (secs >= 0 && micros >= 0).then(|| Timestamp::from_micros(secs.saturating_mul(1_000_000).saturating_add(micros)))
}

fn nothing(actor: Option<String>, at: Timestamp, reason: impl Into<String>) -> Vec<Event> {
    vec![Event {
        actor,
        at,
        echo_keys: Vec::new(),
        heard: Heard::Openly,
        home: Home::Here,
        body: EventBody::Nothing { reason: reason.into() },
    }]
}

fn trigger(actor: Option<String>, at: Timestamp, echo_keys: Vec<String>, event_type: &str, data: &Value) -> Event {
    let data: JsonMap = data.as_object().cloned().unwrap_or_default();
    Event {
        actor,
        at,
        echo_keys,
        heard: Heard::Openly,
        home: Home::Here,
        body: EventBody::Trigger { event_type: format!("slack.{event_type}"), data },
    }
}

/// A channel as Slack's directory and its events show it.
pub(super) fn channel(channel: &Value) -> Option<Channel> {
    let flag = |name: &str| channel.get(name).and_then(Value::as_bool).unwrap_or(false);
    Some(Channel {
        external_id: str_of(channel.get("id"))?.to_owned(),
        name: str_of(channel.get("name"))?.to_owned(),
        is_private: ["is_private", "is_group", "is_mpim"].into_iter().any(flag),
    })
}

/// A person as Slack's directory and its events show them.
pub(super) fn profile(user: &Value) -> Option<Profile> {
    let id = str_of(user.get("id"))?;
    let flag = |name: &str| user.get(name).and_then(Value::as_bool).unwrap_or(false);
    let shown = user.get("profile");
    let name = str_of(user.get("real_name"))
        .or_else(|| str_of(shown.and_then(|p| p.get("real_name"))))
        .or_else(|| str_of(shown.and_then(|p| p.get("display_name"))))
        .or_else(|| str_of(user.get("name")))
        .unwrap_or(id);
    Some(Profile {
        external_id: id.to_owned(),
        name: name.to_owned(),
        is_admin: flag("is_admin") || flag("is_owner") || flag("is_primary_owner"),
        // Slack's own helper is a program although it is not marked as one.
        is_bot: flag("is_bot") || flag("is_workflow_bot") || id == "USLACKBOT",
        is_gone: flag("deleted"),
    })
}

#[cfg(test)]
#[path = "events/tests.rs"]
mod tests;
