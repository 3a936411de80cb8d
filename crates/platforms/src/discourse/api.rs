//! A forum's own interface: one request at a time, with the key there is, and its answers sorted by what they mean.

mod confirm;
mod directory;
mod edits;
mod free;
mod hook;
mod inspect;
mod journey;
mod recover;
mod redo;
mod send;

use std::collections::BTreeMap;

use policykit_core::JsonMap;
use secrecy::SecretString;
use serde_json::Value;

use super::descriptor::{API_KEY, API_USERNAME, CLIENT_ID, URL, USER_API_KEY};
use crate::{
    http::{Authorization, Effect, Http, Pace, Payload, Redirect, Reply, Request, Trust},
    place::Place,
    platform::{AppConfig, CallError, SendContext},
};

pub(super) use confirm::confirm;
pub(super) use directory::{channels, people, read};
pub(super) use edits::digest_of;
pub(super) use hook::announce;
pub(super) use inspect::inspect;
pub(super) use journey::{arrive, depart};
pub(super) use send::send;

/// The setting by which an operator has the published limits kept, or not: `on` or `off`.
const PACING: &str = "pacing";

/// With which key the forum is asked.
#[derive(Debug, Clone)]
enum Key {
    /// One that an administrator granted on the forum's own page.
    OfUser { key: SecretString, client: SecretString },
    /// One that the forum's administrators made.
    OfAdmin { key: SecretString, username: SecretString },
}

impl Key {
    fn of(credentials: &BTreeMap<String, SecretString>) -> Option<Self> {
        let get = |name: &str| credentials.get(name).cloned();
        match (get(USER_API_KEY), get(CLIENT_ID), get(API_KEY), get(API_USERNAME)) {
            (Some(key), Some(client), ..) => Some(Self::OfUser { key, client }),
            (_, _, Some(key), Some(username)) => Some(Self::OfAdmin { key, username }),
            _ => None,
        }
    }

    fn headers(&self) -> Vec<(&'static str, SecretString)> {
        match self {
            Self::OfUser { key, client } => {
                vec![("User-Api-Key", key.clone()), ("User-Api-Client-Id", client.clone())]
            }
            Self::OfAdmin { key, username } => vec![("Api-Key", key.clone()), ("Api-Username", username.clone())],
        }
    }

    /// What to do when the forum does not take it any more.
    const fn remedy(&self) -> &'static str {
        match self {
            Self::OfUser { .. } => {
                "the key was revoked, has run out, or its owner may no longer use one; install Discourse again"
            }
            Self::OfAdmin { .. } => {
                "make a new key on the forum and enter it in the settings, or install Discourse again"
            }
        }
    }

    /// How often a forum that nobody has set otherwise lets it ask in a minute.
    const fn per_minute(&self) -> u32 {
        match self {
            Self::OfUser { .. } => 20,
            Self::OfAdmin { .. } => 60,
        }
    }
}

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq)]
enum Trouble {
    /// Sorted already.
    Call(CallError),
    /// The forum refused for good; nothing was done.
    Refused {
        /// The status of its answer.
        status: u16,
        /// Its code, or ours where it has none.
        code: String,
        /// What it says.
        message: String,
    },
}

impl Trouble {
    fn unknown(reason: impl Into<String>) -> Self {
        Self::Call(CallError::Unknown { reason: reason.into() })
    }

    fn retry(after_ms: u64, reason: impl Into<String>) -> Self {
        Self::Call(CallError::Retry { after_ms, reason: reason.into() })
    }

    /// Whether there is nothing there, or nothing that may be seen.
    fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404 | 410, .. })
    }

    /// In one sentence.
    fn describe(&self) -> String {
        match self {
            Self::Call(error) => error.to_string(),
            Self::Refused { code, message, .. } => format!("{message} ({code})"),
        }
    }
}

impl From<Trouble> for CallError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Call(error) => error,
            refused @ Trouble::Refused { .. } => never(&refused.describe()),
        }
    }
}

/// A read that asking again will not help.
fn never(reason: &str) -> CallError {
    CallError::Retry { after_ms: 0, reason: reason.to_owned() }
}

/// A forum as one installation sees it.
struct Web<'a> {
    http: &'a Http,
    app: &'a AppConfig,
    place: Result<Place, String>,
    key: Option<Key>,
    /// Whose rate limits count.
    scope: String,
}

impl<'a> Web<'a> {
    fn of(http: &'a Http, context: &'a SendContext) -> Self {
        let url = context.installation.settings.get(URL).and_then(Value::as_str).unwrap_or_default();
        let scope = context.installation.id.to_string();
        Self { http, app: &context.app, place: Place::at(url, &context.app), key: Key::of(&context.credentials), scope }
    }

    /// A forum that is not installed yet.
    fn new(http: &'a Http, app: &'a AppConfig, place: Place, key: Option<Key>) -> Self {
        let scope = format!("new:{}", place.address());
        Self { http, app, place: Ok(place), key, scope }
    }

    /// Reads: `GET`, parameters in the address.
    async fn get(&self, path: &str, params: Vec<(String, String)>) -> Result<Value, Trouble> {
        self.request(path, Payload::Query(params), Effect::Read).await
    }

    /// Changes something.
    async fn change(&self, path: &str, payload: Payload) -> Result<Value, Trouble> {
        self.request(path, payload, Effect::Change).await
    }

    async fn request(&self, path: &str, payload: Payload, effect: Effect) -> Result<Value, Trouble> {
        let reply = self.raw(path, payload, effect, Redirect::Refused).await?;
        match sort(&reply) {
            // The forum answers the same to a dead key and to one that may not do this: who it belongs to is told to one
            // that lives.
            Err(Trouble::Refused { status: 401 | 403, code, message }) => match self.alive().await? {
                Alive::Yes => Err(Trouble::Refused { status: 403, code, message }),
                Alive::No => Err(self.lost()),
            },
            other => other,
        }
    }

    fn lost(&self) -> Trouble {
        let remedy = self.key.as_ref().map_or("install Discourse again", Key::remedy);
        let reason = format!("the forum does not accept the key any more: {remedy}");
        Trouble::Call(CallError::AccessLost { reason })
    }

    /// Whether the key still belongs to somebody.
    async fn alive(&self) -> Result<Alive, Trouble> {
        // The request that brought this up had no effect, so whatever stands in the way now, it may be made again.
        let again = |trouble: Trouble| match trouble {
            Trouble::Call(CallError::Unknown { reason }) => Trouble::retry(1_000, reason),
            other => other,
        };
        let whose = self
            .raw("session/current.json", Payload::Query(Vec::new()), Effect::Read, Redirect::Refused)
            .await
            .map_err(again)?;
        match sort(&whose) {
            Ok(body) if body.get("current_user").is_some_and(Value::is_object) => Ok(Alive::Yes),
            Ok(_) | Err(Trouble::Refused { .. }) => Ok(Alive::No),
            Err(trouble) => Err(again(trouble)),
        }
    }

    /// The answer as it comes.
    async fn raw(&self, path: &str, payload: Payload, effect: Effect, redirect: Redirect) -> Result<Reply, Trouble> {
        let place = self.place.as_ref().map_err(|why| Trouble::retry(60_000, why.clone()))?;
        let url = place.file(path).map_err(|why| Trouble::retry(60_000, why))?;
        let key = self.key.as_ref().ok_or_else(|| {
            Trouble::Call(CallError::AccessLost {
                reason: "there is no key for it; install Discourse again".to_owned(),
            })
        })?;
        let request = Request {
            url,
            trust: place.trust(),
            payload,
            authorization: Authorization::Headers(key.headers()),
            effect,
            // The forum counts all requests with a key together.
            bucket: format!("discourse:{}", self.scope),
            pace: self.is_paced(place).then(|| Pace::per_minute(key.per_minute())),
            slow_down: Some(wait),
            redirect,
        };
        self.http.send(request).await.map_err(Trouble::Call)
    }

    /// The limits of forums as they come; a stand-in has none unless the operator says so.
    fn is_paced(&self, place: &Place) -> bool {
        match self.app.settings.get(PACING).map(String::as_str) {
            Some("on") => true,
            Some("off") => false,
            _ => place.trust() == Trust::Outside,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alive {
    Yes,
    No,
}

/// How long a forum wants to be left alone, as the body of its answer says.
fn wait(body: &[u8]) -> Option<u64> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let seconds = body.get("extras")?.get("wait_seconds")?.as_u64().filter(|seconds| *seconds <= 86_400)?;
    seconds.checked_mul(1_000)
}

/// What an answer means.
fn sort(reply: &Reply) -> Result<Value, Trouble> {
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    if (200..300).contains(&reply.status) {
        // Some changes are answered by nothing at all.
        return match body {
            Some(body) => Ok(body),
            None if reply.body.iter().all(u8::is_ascii_whitespace) => Ok(Value::Null),
            None => Err(Trouble::unknown("the answer is incomplete or not JSON; check the forum's address")),
        };
    }
    let body = body.unwrap_or_default();
    let said: Vec<&str> =
        body.get("errors").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let code = body.get("error_type").and_then(Value::as_str).map_or_else(
        || match reply.status {
            404 | 410 => "not_found".to_owned(),
            422 => "invalid".to_owned(),
            status => format!("status_{status}"),
        },
        str::to_owned,
    );
    let message = match (said.as_slice(), reply.status) {
        ([], 404 | 410) => "it is not there, or the account may not see it".to_owned(),
        ([], 401 | 403) => "the account may not do this".to_owned(),
        ([], status) => format!("the forum answered {status}"),
        (said, _) => said.join(" "),
    };
    Err(Trouble::Refused { status: reply.status, code, message })
}

/// Parameters of an address.
fn pairs(params: &[(&str, &str)]) -> Vec<(String, String)> {
    params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A name as part of a path.
fn segment(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A whole number of an answer.
fn number(body: &Value, name: &str) -> Option<i64> {
    body.get(name).and_then(Value::as_i64)
}

/// An id that a call must have.
fn need(args: &JsonMap, name: &str) -> Result<i64, Trouble> {
    super::actions::id(args, name).ok_or_else(|| Trouble::retry(0, format!("`{name}` is missing")))
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
