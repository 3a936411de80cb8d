//! Tokens: asking for them as the app, keeping what renews them, renewing them, and reading the token of an identity.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use policykit_core::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{Trouble, base_url, pairs, sort};
use crate::{
    http::{Authorization, Effect, Http, Payload, Redirect, Request},
    platform::{AppConfig, CallError, Renewal, SendContext},
    slack::descriptor::{ADMIN_TOKEN, BOT_TOKEN},
};

/// How long before its end a token is renewed. Slack's last twelve hours, and the old one stays valid until its end.
const AHEAD: Duration = Duration::from_secs(20 * 60);
/// How far Slack's clock may be from ours.
const SKEW: Duration = Duration::from_secs(120);
/// Claim: the person's account id.
const USER_CLAIM: &str = "https://slack.com/user_id";
/// Claim: the workspace.
pub(super) const TEAM_CLAIM: &str = "https://slack.com/team_id";
/// Who may have issued an identity.
const ISSUERS: [&str; 2] = ["https://slack.com", "https://slack-gov.com"];

/// The app as Slack knows it.
pub(super) struct Client<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a SecretString,
}

impl<'a> Client<'a> {
    /// From the configuration, or what is missing there.
    pub(super) fn of(app: &'a AppConfig) -> Result<Self, String> {
        let id = app.settings.get("client_id").map(String::as_str).filter(|id| !id.is_empty());
        let id = id.ok_or("set `platforms.slack.client_id`; it is on the app's page under Basic Information")?;
        let secret = app.secrets.get("client_secret").filter(|secret| !secret.expose_secret().is_empty());
        let secret =
            secret.ok_or("set `platforms.slack.client_secret`; it is on the app's page under Basic Information")?;
        Ok(Self { id, secret })
    }
}

/// Calls a method as the app itself.
pub(super) async fn ask(
    http: &Http,
    app: &AppConfig,
    client: &Client<'_>,
    method: &str,
    payload: Payload,
    effect: Effect,
) -> Result<Value, Trouble> {
    let (base, trust) = base_url(app, None).map_err(|why| Trouble::retry(60_000, why))?;
    let url = base.join(method).map_err(|e| Trouble::retry(60_000, format!("`api_url` cannot be used: {e}")))?;
    let request = Request {
        url,
        trust,
        payload,
        authorization: Authorization::Basic(client.id.to_owned(), client.secret.clone()),
        effect,
        bucket: format!("{method}:app"),
        pace: None,
        slow_down: None,
        redirect: Redirect::Refused,
    };
    let reply = http.send(request).await.map_err(Trouble::Call)?;
    sort(&reply, effect, "client_secret")
}

/// Name under which the secret that renews a token is kept.
fn refresh_of(credential: &str) -> String {
    credential.replace("_token", "_refresh_token")
}

/// Name under which the end of a token is kept, in microseconds since 1970.
fn end_of(credential: &str) -> String {
    credential.replace("_token", "_expires_at")
}

/// All that comes along with tokens that run out.
pub(in crate::slack) const RENEWED: [&str; 4] =
    ["bot_refresh_token", "bot_expires_at", "admin_refresh_token", "admin_expires_at"];

/// Takes a token and what renews it from an answer. `None` when there is no token in it.
pub(super) fn take(
    from: &Value,
    credential: &str,
    now: Timestamp,
    into: &mut BTreeMap<String, SecretString>,
) -> Option<()> {
    let text = |name: &str| from.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    into.insert(credential.to_owned(), text("access_token")?.into());
    if let Some(refresh) = text("refresh_token") {
        into.insert(refresh_of(credential), refresh.into());
        let seconds = from.get("expires_in").and_then(Value::as_u64).unwrap_or_default();
        let end = now + Duration::from_secs(seconds);
        into.insert(end_of(credential), end.micros().to_string().into());
    }
    Some(())
}

/// Whether a token can be renewed.
pub(super) fn is_renewable(credentials: &BTreeMap<String, SecretString>, credential: &str) -> bool {
    credentials.contains_key(&refresh_of(credential))
}

/// Renews the tokens that run out soon, or both.
///
/// Each refresh token works once. When the second renewal fails, the first still has to be kept: it is returned, and
/// the other is due the next time.
pub(in crate::slack) async fn renew(
    http: &Http,
    renewal: Renewal,
    context: &SendContext,
) -> Result<Option<BTreeMap<String, SecretString>>, CallError> {
    let mut renewed = BTreeMap::new();
    for credential in [BOT_TOKEN, ADMIN_TOKEN] {
        let Some(refresh) = context.credentials.get(&refresh_of(credential)) else { continue };
        if renewal == Renewal::WhenDue && !runs_out(context, credential) {
            continue;
        }
        match renew_one(http, credential, refresh, context, &mut renewed).await {
            Ok(()) => {}
            Err(error) if renewed.is_empty() => return Err(error),
            Err(error) => {
                tracing::warn!(%error, credential, "slack.tokens.renew");
                break;
            }
        }
    }
    Ok((!renewed.is_empty()).then_some(renewed))
}

fn runs_out(context: &SendContext, credential: &str) -> bool {
    let end = context.credentials.get(&end_of(credential)).and_then(|end| end.expose_secret().parse().ok());
    end.is_none_or(|end| Timestamp::from_micros(end) <= context.now + AHEAD)
}

async fn renew_one(
    http: &Http,
    credential: &str,
    refresh: &SecretString,
    context: &SendContext,
    into: &mut BTreeMap<String, SecretString>,
) -> Result<(), CallError> {
    let lost = |reason: String| CallError::AccessLost { reason };
    let client = Client::of(&context.app).map_err(lost)?;
    let form = pairs(&[("grant_type", "refresh_token"), ("refresh_token", refresh.expose_secret())]);
    let asked = ask(http, &context.app, &client, "oauth.v2.access", Payload::Form(form), Effect::Change).await;
    let body = match asked {
        Ok(body) => body,
        Err(Trouble::Call(error)) => return Err(error),
        Err(Trouble::Refused { code, .. }) => {
            return Err(lost(format!("Slack does not renew `{credential}` any more ({code}); install Slack again")));
        }
    };
    let person = body.get("authed_user").filter(|person| person.get("access_token").is_some());
    let from = if credential == ADMIN_TOKEN { person.unwrap_or(&body) } else { &body };
    take(from, credential, context.now, into)
        .ok_or_else(|| lost(format!("Slack's answer has no new `{credential}`; install Slack again")))
}

/// What an identity must say to be believed.
pub(super) struct Expected<'a> {
    pub(super) audience: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

/// What an identity says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) subject: String,
    pub(super) user: String,
    pub(super) team: String,
}

/// Reads the token of an identity.
///
/// It comes straight from Slack over TLS, in the answer to a request that only the app can make, which OpenID Connect
/// (Core, 3.1.3.7) accepts in place of its signature. What would make it somebody else's is checked.
pub(super) fn claims(id_token: &str, expected: &Expected<'_>) -> Result<Claims, String> {
    let payload = id_token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value =
        payload.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or("the identity cannot be read")?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if !text("iss").is_some_and(|issuer| ISSUERS.contains(&issuer)) {
        return Err("the identity was not issued by Slack".to_owned());
    }
    let audiences = match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ => Vec::new(),
    };
    if audiences != [expected.audience] {
        return Err("the identity was issued for another app".to_owned());
    }
    if expected.nonce.is_empty() || text("nonce") != Some(expected.nonce) {
        return Err("the identity belongs to another attempt to sign in".to_owned());
    }
    let end = claims.get("exp").and_then(Value::as_i64).map(Timestamp::from_secs);
    if end.is_none_or(|end| end + SKEW <= expected.now) {
        return Err("the identity is too old".to_owned());
    }
    match (text("sub"), text(USER_CLAIM).or(text("sub")), text(TEAM_CLAIM)) {
        (Some(subject), Some(user), Some(team)) => {
            Ok(Claims { subject: subject.to_owned(), user: user.to_owned(), team: team.to_owned() })
        }
        _ => Err("the identity names no person or no workspace".to_owned()),
    }
}
