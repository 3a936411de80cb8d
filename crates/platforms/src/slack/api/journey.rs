//! Installing by OAuth and signing in by OpenID Connect: where the browser is sent, and what its code is exchanged for.

use std::collections::BTreeMap;

use policykit_core::{Timestamp, community::Profile, descriptor::Holder};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::{Token, Trouble, Web, base_url, inspect, pairs, tokens};
use crate::{
    http::{Effect, Http, Payload},
    platform::{AppConfig, Arrival, ArrivalError, Arrived, Departure, Grant, Identity, Journey, Leaving},
    slack::{
        descriptor::{ADMIN_TOKEN, BOT_TOKEN, scopes},
        events::profile,
    },
};

/// Setting: where browsers are sent, when it is not where the Web API is.
const AUTHORIZE_URL: &str = "authorize_url";
/// What is asked of a person who signs in.
const SIGN_IN_SCOPES: &str = "openid profile";
/// Answer that says which workspace is meant, where it is known beforehand.
const TEAM: &str = "team";

/// Where the browser is sent.
pub(in crate::slack) fn depart(departure: &Departure<'_>) -> Result<Leaving, ArrivalError> {
    let client = tokens::Client::of(departure.app).map_err(ArrivalError::NotConfigured)?;
    let path = match departure.journey {
        Journey::Install => "oauth/v2/authorize",
        Journey::SignIn => "openid/connect/authorize",
    };
    let mut url = authorize_base(departure.app)
        .and_then(|base| base.join(path).map_err(|e| format!("`{AUTHORIZE_URL}` cannot be used: {e}")))
        .map_err(ArrivalError::NotConfigured)?;
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", client.id)
            .append_pair("state", departure.state)
            .append_pair("redirect_uri", departure.redirect_uri);
        match departure.journey {
            Journey::Install => {
                query.append_pair("scope", &names(Holder::Program)).append_pair("user_scope", &names(Holder::Installer))
            }
            Journey::SignIn => query
                .append_pair("response_type", "code")
                .append_pair("scope", SIGN_IN_SCOPES)
                .append_pair("nonce", departure.nonce),
        };
        if let Some(team) = wanted_team(departure.answers) {
            query.append_pair("team", team);
        }
    }
    Ok(Leaving { url: url.into(), keep: None, to: None })
}

fn names(holder: Holder) -> String {
    let names: Vec<&str> = scopes().iter().filter(|s| s.holder == holder).map(|s| s.name).collect();
    names.join(",")
}

fn wanted_team(answers: &BTreeMap<String, String>) -> Option<&str> {
    answers.get(TEAM).map(String::as_str).filter(|team| !team.is_empty())
}

/// Ends in a slash. Other Slacks have their pages where their Web API is.
fn authorize_base(app: &AppConfig) -> Result<Url, String> {
    let Some(given) = app.settings.get(AUTHORIZE_URL).filter(|url| !url.is_empty()) else {
        let (mut url, _) = base_url(app, None)?;
        url.set_path("/");
        return Ok(url);
    };
    let mut url = Url::parse(given).map_err(|e| format!("`{AUTHORIZE_URL}` is not an address: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{AUTHORIZE_URL}` must begin with https:// or http://"));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// What the browser brought back.
pub(in crate::slack) async fn arrive(http: &Http, arrival: &Arrival<'_>) -> Result<Arrived, ArrivalError> {
    let param = |name: &str| arrival.params.get(name).map(String::as_str).filter(|value| !value.is_empty());
    if let Some(error) = param("error") {
        return Err(match error {
            "access_denied" => ArrivalError::Denied("you said no on Slack's page, so nothing was changed".to_owned()),
            other => ArrivalError::Failed(format!("Slack ended it with `{other}`; try again")),
        });
    }
    let code = param("code").ok_or_else(|| ArrivalError::Forged("Slack's answer has no code".to_owned()))?;
    match arrival.journey {
        Journey::Install => install(http, arrival, code).await.map(|grant| Arrived::Installed(Box::new(grant))),
        Journey::SignIn => sign_in(http, arrival, code).await.map(Arrived::SignedIn),
    }
}

async fn install(http: &Http, arrival: &Arrival<'_>, code: &str) -> Result<Grant, ArrivalError> {
    let form = pairs(&[("code", code), ("redirect_uri", arrival.redirect_uri)]);
    let body = exchange(http, arrival, "oauth.v2.access", form).await?;
    if body.get("is_enterprise_install").and_then(Value::as_bool) == Some(true) {
        return Err(ArrivalError::Failed(
            "this was installed for a whole Enterprise Grid; install it in one workspace instead".to_owned(),
        ));
    }
    let team = inside(&body, "team", "id").ok_or_else(|| incomplete("the workspace"))?;
    let installer = inside(&body, "authed_user", "id").ok_or_else(|| incomplete("who installed it"))?;
    let credentials = granted(&body, arrival.now)?;
    let web = Web::new(http, arrival.app, &credentials, None);
    // First of all, before anything of the grant is used: may this person do it?
    let person = web
        .get("users.info", Token::Bot, pairs(&[("user", &installer)]))
        .await
        .map_err(|trouble| ArrivalError::Failed(format!("your account cannot be looked up: {}", trouble.describe())))?;
    let installer = person.get("user").and_then(profile).ok_or_else(|| incomplete("who installed it"))?;
    if !installer.is_admin {
        // Theirs alone: the bot's token may be the one an installation there works with.
        if let Err(trouble) = web.post("auth.revoke", Token::Admin, Vec::new()).await {
            tracing::warn!(error = %trouble.describe(), "slack.journey.revoke");
        }
        return Err(ArrivalError::NotAdmin {
            who: installer.name,
            community: inside(&body, "team", "name").unwrap_or(team),
            remedy: "ask an administrator or owner of the workspace to install PolicyKit".to_owned(),
        });
    }
    let inspection = inspect(http, &credentials, arrival.app).await.map_err(ArrivalError::Failed)?;
    if inspection.external_id != team {
        return Err(ArrivalError::Forged("the tokens belong to another workspace than Slack says".to_owned()));
    }
    if let Some(wanted) = wanted_team(arrival.answers).filter(|wanted| *wanted != team) {
        return Err(ArrivalError::WrongCommunity(format!(
            "this was to be `{wanted}`, but Slack's page was answered for `{}`; choose the workspace there",
            inspection.name
        )));
    }
    if inspection.settings.get("admin_user_id").and_then(Value::as_str) != Some(&installer.external_id) {
        return Err(ArrivalError::Forged("the tokens belong to somebody else than Slack says".to_owned()));
    }
    Ok(Grant { inspection, credentials, installer: Some(installer) })
}

/// The tokens of an answer, with what renews them.
fn granted(body: &Value, now: Timestamp) -> Result<BTreeMap<String, SecretString>, ArrivalError> {
    let mut credentials = BTreeMap::new();
    let person = body.get("authed_user").cloned().unwrap_or_default();
    tokens::take(body, BOT_TOKEN, now, &mut credentials).ok_or_else(|| {
        ArrivalError::Failed("Slack gave no token for the bot; the app needs a bot user and bot scopes".to_owned())
    })?;
    tokens::take(&person, ADMIN_TOKEN, now, &mut credentials).ok_or_else(|| {
        ArrivalError::Failed("Slack gave no token for your account; the app needs user scopes".to_owned())
    })?;
    Ok(credentials)
}

async fn sign_in(http: &Http, arrival: &Arrival<'_>, code: &str) -> Result<Identity, ArrivalError> {
    let form = pairs(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", arrival.redirect_uri)]);
    let body = exchange(http, arrival, "openid.connect.token", form).await?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let (Some(access), Some(id_token)) = (text("access_token"), text("id_token")) else {
        return Err(incomplete("who signed in"));
    };
    let client = tokens::Client::of(arrival.app).map_err(ArrivalError::NotConfigured)?;
    let expected = tokens::Expected { audience: client.id, nonce: arrival.nonce, now: arrival.now };
    let claims = tokens::claims(id_token, &expected).map_err(ArrivalError::Forged)?;
    let credentials = BTreeMap::from([(BOT_TOKEN.to_owned(), SecretString::from(access))]);
    let web = Web::new(http, arrival.app, &credentials, None);
    let info = web
        .get("openid.connect.userInfo", Token::Bot, Vec::new())
        .await
        .map_err(|trouble| ArrivalError::Failed(format!("Slack does not say who signed in: {}", trouble.describe())))?;
    let said = |name: &str| info.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
    if said("sub") != Some(&claims.subject) || said(tokens::TEAM_CLAIM) != Some(&claims.team) {
        return Err(ArrivalError::Forged("Slack's two answers speak of different people".to_owned()));
    }
    if let Some(wanted) = wanted_team(arrival.answers).filter(|wanted| *wanted != claims.team) {
        return Err(ArrivalError::WrongCommunity(format!(
            "this was to be `{wanted}`, but you signed in to another workspace; choose it on Slack's page"
        )));
    }
    let name = said("name").unwrap_or(&claims.user).to_owned();
    Ok(Identity {
        external_id: claims.team,
        account: Profile { external_id: claims.user, name, is_admin: false, is_bot: false, is_gone: false },
    })
}

/// Exchanges a code. Codes are bound to the client and to the address they were given for.
async fn exchange(
    http: &Http,
    arrival: &Arrival<'_>,
    method: &str,
    form: Vec<(String, String)>,
) -> Result<Value, ArrivalError> {
    let client = tokens::Client::of(arrival.app).map_err(ArrivalError::NotConfigured)?;
    match tokens::ask(http, arrival.app, &client, method, Payload::Form(form), Effect::Change).await {
        Ok(body) => Ok(body),
        Err(Trouble::Refused { code, .. }) => Err(match code.as_str() {
            "invalid_code" | "code_already_used" | "code_expired" => {
                ArrivalError::Forged("Slack's code was used already or is too old".to_owned())
            }
            "bad_client_secret" | "invalid_client_id" | "invalid_client_secret" => ArrivalError::NotConfigured(
                "Slack does not know `client_id` with this `client_secret`; both are on the app's page under Basic Information".to_owned(),
            ),
            "bad_redirect_uri" => ArrivalError::NotConfigured(format!(
                "add `{}` to the app's Redirect URLs, under OAuth & Permissions",
                arrival.redirect_uri
            )),
            other => ArrivalError::Failed(format!("Slack refuses it ({other}); try again")),
        }),
        Err(trouble) => Err(ArrivalError::Failed(format!("{}; try again", trouble.describe()))),
    }
}

fn inside(body: &Value, outer: &str, name: &str) -> Option<String> {
    let text = body.get(outer)?.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn incomplete(what: &str) -> ArrivalError {
    ArrivalError::Failed(format!("Slack's answer does not say {what}; try again"))
}

#[cfg(test)]
#[path = "journey_tests.rs"]
mod tests;
