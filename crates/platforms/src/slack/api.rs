//! Slack's Web API: one request at a time, with the right token, and its answers sorted by what they mean.

mod confirm;
mod directory;
mod inspect;
mod journey;
mod put_back;
pub(in crate::slack) mod refusal;
mod send;
mod tokens;
mod topic;

use std::{collections::BTreeMap, time::Duration};

use policykit_core::{JsonMap, community::Installation};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::{
    actions::{RENAME, TOPIC},
    descriptor::{ADMIN_TOKEN, BOT_TOKEN},
};
use crate::{
    http::{Authorization, Effect, Http, Pace, Payload, Redirect, Reply, Request, Trust},
    platform::{AppConfig, CallError, SendContext},
};

pub(super) use confirm::confirm;
pub(super) use directory::{channels, people, read, tells_private};
pub(super) use inspect::inspect;
pub(super) use journey::{arrive, depart};
pub(super) use put_back::REPLACED;
pub(super) use send::send;
pub(super) use tokens::{RENEWED, renew};

const SLACK_API: &str = "https://slack.com/api/";

/// Longest that one [`send`] may take, with all its requests: below what the engine reckons with.
const SEND_BUDGET: Duration = Duration::from_secs(9);

/// On whose behalf a method is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Bot,
    Admin,
}

impl Token {
    const fn credential(self) -> &'static str {
        match self {
            Self::Bot => BOT_TOKEN,
            Self::Admin => ADMIN_TOKEN,
        }
    }

    /// The token an operation needs: only administrators may undo what others did.
    fn for_operation(operation: &str) -> Self {
        match operation {
            // A bot may not open an archived channel again, so the same token does both.
            "chat.delete"
            | RENAME
            | "conversations.invite"
            | "conversations.kick"
            | "conversations.archive"
            | "conversations.unarchive" => Self::Admin,
            _ => Self::Bot,
        }
    }
}

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq)]
enum Trouble {
    /// Sorted already.
    Call(CallError),
    /// Slack refused for good; nothing was done.
    Refused {
        /// Slack's code.
        code: String,
        /// The whole answer.
        body: Value,
    },
}

impl Trouble {
    fn retry(after_ms: u64, reason: impl Into<String>) -> Self {
        Self::Call(CallError::Retry { after_ms, reason: reason.into() })
    }

    fn unknown(reason: impl Into<String>) -> Self {
        Self::Call(CallError::Unknown { reason: reason.into() })
    }

    fn is_refusal(&self, codes: &[&str]) -> bool {
        matches!(self, Self::Refused { code, .. } if codes.contains(&code.as_str()))
    }

    /// In one sentence.
    fn describe(&self) -> String {
        match self {
            Self::Call(error) => error.to_string(),
            Self::Refused { code, body } => format!("{} ({code})", refusal::explain(code, body)),
        }
    }
}

/// Slack as one installation sees it.
struct Web<'a> {
    http: &'a Http,
    app: &'a AppConfig,
    base: Result<(Url, Trust), String>,
    credentials: &'a BTreeMap<String, SecretString>,
    /// Whose rate limits count: Slack's are per method and workspace.
    scope: String,
}

impl<'a> Web<'a> {
    fn of(http: &'a Http, context: &'a SendContext) -> Self {
        Self::new(http, &context.app, &context.credentials, Some(&context.installation))
    }

    fn new(
        http: &'a Http,
        app: &'a AppConfig,
        credentials: &'a BTreeMap<String, SecretString>,
        installation: Option<&Installation>,
    ) -> Self {
        let scope = installation.map_or_else(|| "new".to_owned(), |i| i.id.to_string());
        Self { http, app, base: base_url(app, installation), credentials, scope }
    }

    /// Reads: `GET`, parameters in the address, the token in the header.
    async fn get(&self, method: &str, token: Token, params: Vec<(String, String)>) -> Result<Value, Trouble> {
        self.request(method, token, Payload::Query(params), Effect::Read).await.map(|(body, _)| body)
    }

    /// Changes: `POST` with a form.
    async fn post(&self, method: &str, token: Token, params: Vec<(String, String)>) -> Result<Value, Trouble> {
        self.request(method, token, Payload::Form(params), Effect::Change).await.map(|(body, _)| body)
    }

    async fn request(
        &self,
        method: &str,
        token: Token,
        payload: Payload,
        effect: Effect,
    ) -> Result<(Value, Reply), Trouble> {
        let (base, trust) = self.base.as_ref().map_err(|why| Trouble::retry(60_000, why.clone()))?;
        let url = base.join(method).map_err(|e| Trouble::retry(60_000, format!("`api_url` cannot be used: {e}")))?;
        let credential = token.credential();
        let bearer = self.credentials.get(credential).cloned().ok_or_else(|| {
            Trouble::Call(CallError::AccessLost { reason: format!("`{credential}` is missing; install Slack again") })
        })?;
        let bucket = format!("{method}:{}", self.scope);
        let pace = if self.paced(base) { tier(method) } else { None };
        let request = Request {
            url,
            trust: *trust,
            payload,
            authorization: Authorization::Bearer(bearer),
            effect,
            bucket: bucket.clone(),
            pace,
            slow_down: None,
            redirect: Redirect::Refused,
        };
        let reply = self.http.send(request).await.map_err(Trouble::Call)?;
        let sorted = sort(&reply, effect, credential).map_err(|trouble| match trouble {
            Trouble::Call(CallError::Expired { .. }) if !tokens::is_renewable(self.credentials, credential) => {
                lost(credential, "token_expired")
            }
            other => other,
        });
        let body = sorted.inspect_err(|trouble| {
            if let Trouble::Call(CallError::Retry { after_ms, .. }) = trouble {
                self.http.hold(&bucket, *after_ms);
            }
        })?;
        Ok((body, reply))
    }

    /// Slack's published limits are Slack's; an emulator has none unless the operator says so.
    fn paced(&self, base: &Url) -> bool {
        match self.app.settings.get("pacing").map(String::as_str) {
            Some("on") => true,
            Some("off") => false,
            _ => is_slack_host(base.host_str().unwrap_or_default()),
        }
    }

    /// All pages of a list: the items under `field`, up to `most` pages. `None` when there are more.
    async fn pages(
        &self,
        method: &str,
        token: Token,
        params: &[(&str, &str)],
        field: &str,
        most: usize,
    ) -> Result<Option<Vec<Value>>, Trouble> {
        let mut all = Vec::new();
        let mut cursor = None;
        for _ in 0..most {
            let mut query = pairs(params);
            query.extend(cursor.take().map(|cursor| ("cursor".to_owned(), cursor)));
            let mut body = self.get(method, token, query).await?;
            if let Some(Value::Array(items)) = body.get_mut(field).map(Value::take) {
                all.extend(items);
            }
            match next_cursor(&body) {
                None => return Ok(Some(all)),
                next => cursor = next,
            }
        }
        Ok(None)
    }
}

fn next_cursor(body: &Value) -> Option<String> {
    let cursor = body.get("response_metadata")?.get("next_cursor")?.as_str()?;
    (!cursor.is_empty()).then(|| cursor.to_owned())
}

fn pairs(params: &[(&str, &str)]) -> Vec<(String, String)> {
    params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Arguments as form fields: structures travel as JSON text.
fn form(args: &JsonMap) -> Vec<(String, String)> {
    args.iter()
        .filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name.clone(), text.clone())),
            other => Some((name.clone(), other.to_string())),
        })
        .collect()
}

/// The base of the Web API, and who vouches for it: the operator's setting goes before the installation's.
fn base_url(app: &AppConfig, installation: Option<&Installation>) -> Result<(Url, Trust), String> {
    let of_app = app.settings.get("api_url").map(String::as_str).filter(|url| !url.is_empty());
    let of_installation = installation.and_then(|i| i.settings.get("api_url")).and_then(Value::as_str);
    let (text, trust) = match (of_app, of_installation) {
        (Some(url), _) => (url, Trust::Operator),
        (None, Some(url)) => (url, Trust::Outside),
        (None, None) => (SLACK_API, Trust::Outside),
    };
    let mut url = Url::parse(text).map_err(|e| format!("`api_url` is not an address: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("`api_url` must begin with https:// or http://".to_owned());
    }
    if url.path() == "/" {
        url.set_path("/api/");
    } else if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok((url, trust))
}

fn is_slack_host(host: &str) -> bool {
    ["slack.com", "slack-gov.com"].iter().any(|ours| host == *ours || host.ends_with(&format!(".{ours}")))
}

/// What an answer means.
fn sort(reply: &Reply, effect: Effect, credential: &str) -> Result<Value, Trouble> {
    let Ok(body) = serde_json::from_slice::<Value>(&reply.body) else {
        return Err(if reply.status >= 400 {
            Trouble::retry(60_000, format!("the answer is {} and not Slack's; check `api_url`", reply.status))
        } else {
            Trouble::unknown("the answer is incomplete or not JSON")
        });
    };
    match body.get("ok").and_then(Value::as_bool) {
        Some(true) => return Ok(body),
        Some(false) => {}
        None => return Err(Trouble::unknown("the answer does not say whether it was done")),
    }
    let code = body.get("error").and_then(Value::as_str).unwrap_or("no_error_given").to_owned();
    Err(match code.as_str() {
        "ratelimited" | "rate_limited" => Trouble::retry(30_000, "Slack asks to slow down"),
        "service_unavailable" | "request_timeout" | "team_added_to_org" => {
            Trouble::retry(5_000, format!("Slack cannot do it at the moment ({code})"))
        }
        // Slack documents for both that part of it may have been done.
        "internal_error" | "fatal_error" => match effect {
            Effect::Read => Trouble::retry(1_000, format!("Slack has an error of its own ({code})")),
            Effect::Change => Trouble::unknown(format!("Slack has an error of its own ({code})")),
        },
        "token_expired" => {
            Trouble::Call(CallError::Expired { reason: format!("Slack says that `{credential}` has run out") })
        }
        "invalid_auth" | "not_authed" | "token_revoked" | "account_inactive" => lost(credential, &code),
        _ => Trouble::Refused { code, body },
    })
}

fn lost(credential: &str, code: &str) -> Trouble {
    let reason = format!("Slack does not accept `{credential}` any more ({code}); install Slack again");
    Trouble::Call(CallError::AccessLost { reason })
}

/// How often a method may be called, as Slack publishes it; `None` where it only says so when it is too often.
fn tier(method: &str) -> Option<Pace> {
    let per_minute = match method {
        RENAME | TOPIC | "conversations.list" | "pins.add" | "pins.remove" | "pins.list" | "users.list" => 20,
        "chat.delete"
        | "chat.update"
        | "chat.scheduleMessage"
        | "chat.scheduledMessages.list"
        | "conversations.open"
        | "conversations.join"
        | "conversations.invite"
        | "conversations.kick"
        | "conversations.info"
        | "conversations.history"
        | "conversations.replies"
        | "bots.info" => 50,
        "chat.postEphemeral" | "conversations.members" | "users.info" => 100,
        _ => return None,
    };
    Some(Pace::per_minute(per_minute))
}

#[cfg(test)]
#[path = "api/tests.rs"]
mod tests;
