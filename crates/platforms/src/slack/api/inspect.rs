//! Finding out what a pair of tokens gives access to.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::JsonMap;
use secrecy::SecretString;
use serde_json::Value;

use super::{Token, Web, pairs};
use crate::{
    http::{Effect, Http, Payload},
    platform::{AppConfig, Inspection},
};

/// What the bot must be allowed to govern public channels; private ones and direct messages need more.
const BOT_SCOPES: &[&str] = &["channels:history", "channels:read", "chat:write", "users:read"];
/// What the administrator's token must be allowed.
const ADMIN_SCOPES: &[&str] = &["channels:write", "chat:write"];

/// Asks Slack whose the tokens are.
pub(in crate::slack) async fn inspect(
    http: &Http,
    credentials: &BTreeMap<String, SecretString>,
    app: &AppConfig,
) -> Result<Inspection, String> {
    let web = Web::new(http, app, credentials, None);
    let bot = who(&web, Token::Bot, BOT_SCOPES).await?;
    let admin = who(&web, Token::Admin, ADMIN_SCOPES).await?;
    if bot.bot_id.is_empty() {
        return Err("`bot_token` belongs to a person; give the bot's token, which begins with xoxb-".to_owned());
    }
    if !admin.bot_id.is_empty() || admin.user == bot.user {
        return Err("`admin_token` belongs to a bot; give an administrator's token, which begins with xoxp-".to_owned());
    }
    if bot.team != admin.team {
        return Err(format!("the tokens belong to different workspaces, `{}` and `{}`", bot.team, admin.team));
    }
    let person = web
        .get("users.info", Token::Bot, pairs(&[("user", &admin.user)]))
        .await
        .map_err(|trouble| format!("the owner of `admin_token` cannot be looked up: {}", trouble.describe()))?;
    let is = |flag: &str| person.get("user").and_then(|u| u.get(flag)).and_then(Value::as_bool) == Some(true);
    if !is("is_admin") && !is("is_owner") && !is("is_primary_owner") {
        return Err(format!("`admin_token` belongs to `{}`, who does not administer the workspace", admin.user));
    }
    let mut settings = JsonMap::new();
    for (name, value) in [
        ("url", &bot.url),
        ("bot_user_id", &bot.user),
        ("bot_id", &bot.bot_id),
        ("app_id", &app_id(&web, &bot).await),
        ("admin_user_id", &admin.user),
    ] {
        if !value.is_empty() {
            settings.insert(name.to_owned(), value.clone().into());
        }
    }
    Ok(Inspection { external_id: bot.team, name: bot.team_name, acts_as: vec![bot.user, admin.user], settings })
}

struct Who {
    team: String,
    team_name: String,
    user: String,
    bot_id: String,
    url: String,
    app_id: String,
}

async fn who(web: &Web<'_>, token: Token, scopes: &[&str]) -> Result<Who, String> {
    let credential = token.credential();
    let (body, reply) = web
        .request("auth.test", token, Payload::Query(Vec::new()), Effect::Read)
        .await
        .map_err(|trouble| format!("`{credential}` cannot be used: {}", trouble.describe()))?;
    // Slack tells a token's permissions in a header of every answer.
    if let Some(granted) = reply.header("x-oauth-scopes") {
        let granted: BTreeSet<&str> = granted.split(',').map(str::trim).collect();
        let missing: Vec<&str> = scopes.iter().copied().filter(|scope| !granted.contains(scope)).collect();
        if !missing.is_empty() {
            return Err(format!(
                "`{credential}` lacks the permissions {}; add them to the app, re-install it in the workspace and use the new token",
                missing.join(", ")
            ));
        }
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let who = Who {
        team: text("team_id"),
        team_name: text("team"),
        user: text("user_id"),
        bot_id: text("bot_id"),
        url: text("url"),
        app_id: text("app_id"),
    };
    if who.team.is_empty() || who.user.is_empty() {
        return Err(format!("Slack does not say whose `{credential}` is"));
    }
    Ok(who)
}

/// Helps to recognise what the app does; without it the bot's ids must do.
async fn app_id(web: &Web<'_>, bot: &Who) -> String {
    if !bot.app_id.is_empty() {
        return bot.app_id.clone();
    }
    let info = web.get("bots.info", Token::Bot, pairs(&[("bot", &bot.bot_id)])).await.unwrap_or_default();
    info.get("bot").and_then(|b| b.get("app_id")).and_then(Value::as_str).unwrap_or_default().to_owned()
}
