//! Requests as they arrive: signature first, then their kind, then the few fields under which they are kept.

use policykit_core::Timestamp;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{BLOCK_ACTIONS, EVENT, str_of};
use crate::{
    platform::{AppConfig, Delivery, RawRequest, Receipt, Reject},
    signature::{check_fresh, verify_hmac_sha256},
    slack::vote::{ACTION_PREFIX, said},
};

/// How far the platform's clock may be from ours, in seconds.
const WINDOW_SECS: i64 = 300;
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Verifies a request and says what to do with it.
pub(in crate::slack) fn receive(request: RawRequest<'_>, app: &AppConfig, now: Timestamp) -> Result<Receipt, Reject> {
    let content_type = content_type(request);
    if content_type == FORM && form_field(request.body, "ssl_check").as_deref() == Some("1") {
        // Slack tries our certificate, unsigned; nothing else in it counts.
        return Ok(Receipt::Ignore);
    }
    verify(request, app, now)?;
    match content_type.as_str() {
        JSON => event(request.body),
        FORM => interaction(request.body),
        other => Err(Reject::ContentType(other.to_owned())),
    }
}

fn content_type(request: RawRequest<'_>) -> String {
    let value = request.header("content-type").unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn verify(request: RawRequest<'_>, app: &AppConfig, now: Timestamp) -> Result<(), Reject> {
    let secret = app
        .secrets
        .get("signing_secret")
        .filter(|secret| !secret.expose_secret().is_empty())
        .ok_or_else(|| Reject::NotConfigured("`signing_secret` is not set for `slack`".to_owned()))?;
    let missing = |name: &str| Reject::Unauthenticated(format!("the header `{name}` is missing"));
    let timestamp = request.header("x-slack-request-timestamp").ok_or_else(|| missing("X-Slack-Request-Timestamp"))?;
    let signature = request.header("x-slack-signature").ok_or_else(|| missing("X-Slack-Signature"))?;
    let digits = signature
        .strip_prefix("v0=")
        .ok_or_else(|| Reject::Unauthenticated("`X-Slack-Signature` does not begin with v0=".to_owned()))?;
    let parts: [&[u8]; 4] = [b"v0:", timestamp.as_bytes(), b":", request.body];
    let refuse = |bad: crate::signature::BadSignature| Reject::Unauthenticated(bad.to_string());
    verify_hmac_sha256(secret.expose_secret().as_bytes(), &parts, digits).map_err(refuse)?;
    let signed_at = timestamp
        .parse::<i64>()
        .map_err(|_| Reject::Unauthenticated("`X-Slack-Request-Timestamp` is not a number".to_owned()))?;
    check_fresh(signed_at, now, WINDOW_SECS).map_err(refuse)
}

fn event(body: &[u8]) -> Result<Receipt, Reject> {
    let json: Value = serde_json::from_slice(body).map_err(|e| Reject::Malformed(format!("it is not JSON: {e}")))?;
    let need = |name: &str| {
        str_of(json.get(name)).map(str::to_owned).ok_or_else(|| Reject::Malformed(format!("`{name}` is missing")))
    };
    match need("type")?.as_str() {
        "url_verification" => {
            Ok(Receipt::Answer { content_type: "text/plain; charset=utf-8", body: need("challenge")? })
        }
        "event_callback" => {
            let (team, id) = (need("team_id")?, need("event_id")?);
            if !json.get("event").is_some_and(Value::is_object) {
                return Err(Reject::Malformed("`event` is missing".to_owned()));
            }
            Ok(keep(team, id, EVENT, body))
        }
        "app_rate_limited" => {
            let team = str_of(json.get("team_id")).unwrap_or_default();
            tracing::warn!(team, "slack.app_rate_limited");
            Ok(Receipt::Ignore)
        }
        other => Err(Reject::Malformed(format!("`{other}` is not a type of delivery known here"))),
    }
}

fn interaction(body: &[u8]) -> Result<Receipt, Reject> {
    if form_field(body, "payload").is_none() {
        // Slash commands and the like: none is declared, so nobody waits for an answer.
        return if form_field(body, "command").is_some() {
            Ok(Receipt::Ignore)
        } else {
            Err(Reject::Malformed("the form has no `payload`".to_owned()))
        };
    }
    let payload = payload(body).ok_or_else(|| Reject::Malformed("`payload` is not JSON".to_owned()))?;
    if str_of(payload.get("type")) != Some("block_actions") {
        return Ok(Receipt::Ignore);
    }
    let missing = |name: &str| Reject::Malformed(format!("`{name}` is missing"));
    let inside = |outer: &str, name: &str| payload.get(outer).and_then(|o| str_of(o.get(name))).map(str::to_owned);
    let team = inside("team", "id").or_else(|| inside("user", "team_id")).ok_or_else(|| missing("team.id"))?;
    let user = inside("user", "id").ok_or_else(|| missing("user.id"))?;
    let action = payload.get("actions").and_then(|a| a.get(0)).ok_or_else(|| missing("actions"))?;
    let action_id = str_of(action.get("action_id")).ok_or_else(|| missing("actions.action_id"))?;
    let action_ts = str_of(action.get("action_ts")).ok_or_else(|| missing("actions.action_ts"))?;
    if !action_id.starts_with(ACTION_PREFIX) {
        return Err(Reject::Malformed(format!("there is no button `{action_id}` here")));
    }
    if said(action).is_none() {
        return Err(Reject::Malformed(format!("the value of the button `{action_id}` cannot be read")));
    }
    Ok(keep(team, format!("{action_ts}+{user}+{action_id}"), BLOCK_ACTIONS, body))
}

fn keep(external_id: String, key: String, kind: &str, body: &[u8]) -> Receipt {
    Receipt::Keep {
        delivery: Delivery { external_id, key, kind: kind.to_owned(), body: body.to_vec() },
        answer: String::new(),
    }
}

fn form_field(body: &[u8], name: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body).ok()?;
    pairs.into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
}

/// The `payload` of an interaction.
pub(super) fn payload(body: &[u8]) -> Option<Value> {
    serde_json::from_str(&form_field(body, "payload")?).ok()
}
