//! What codes, refresh tokens and tokens are exchanged for.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    super::{
        api::{Args, caller::Caller},
        errors::{Refusal, add},
        state::{TokenKind, World},
    },
    CODE_SECS, Code, Wish,
};

impl World {
    /// Takes a code out of circulation, if it may be used by who brings it.
    fn redeem(&mut self, args: &Args) -> Result<Code, Refusal> {
        let code = args.text("code").ok_or(Refusal::InvalidCode)?;
        let now = self.now.secs();
        let client_id = self.app.seed.client_id.clone();
        let known = self.oauth.codes.get_mut(&code).ok_or(Refusal::InvalidCode)?;
        if known.client_id != client_id || known.issued.saturating_add(CODE_SECS) < now {
            return Err(Refusal::InvalidCode);
        }
        if known.used {
            return Err(Refusal::CodeAlreadyUsed);
        }
        // The address must be the one the browser was sent with, letter for letter.
        if args.text("redirect_uri").as_deref() != Some(&known.redirect_uri) {
            return Err(Refusal::BadRedirectUri);
        }
        known.used = true;
        Ok(known.clone())
    }
}

/// `oauth.v2.access`.
pub(super) fn install(world: &mut World, args: &Args) -> Result<Value, Refusal> {
    match args.text("grant_type").as_deref() {
        Some("refresh_token") => return renew(world, args),
        None | Some("authorization_code") => {}
        Some(_) => return Err(Refusal::InvalidGrantType),
    }
    let code = world.redeem(args)?;
    let Wish::Install { bot, person } = &code.wish else { return Err(Refusal::InvalidCode) };
    let team = world.teams.get(&code.team).ok_or(Refusal::InvalidCode)?;
    let (name, bot_user) = (team.name.clone(), team.bot_user.clone());
    let mut body = json!({
        "ok": true,
        "app_id": world.app.id,
        "team": { "id": code.team, "name": name },
        "enterprise": null,
        "is_enterprise_install": false,
    });
    let mut authed = json!({ "id": code.user });
    if !bot.is_empty() {
        let secret = world.grant(&code.team, &bot_user, TokenKind::Bot, bot);
        merge(&mut body, world.token_fields(&secret));
        add(&mut body, "bot_user_id", json!(bot_user));
    }
    if !person.is_empty() {
        let secret = world.grant(&code.team, &code.user, TokenKind::User, person);
        merge(&mut authed, world.token_fields(&secret));
    }
    add(&mut body, "authed_user", authed);
    world.installed(&code.team);
    Ok(body)
}

/// A refresh token works once; the token it renews lives on until its own end.
fn renew(world: &mut World, args: &Args) -> Result<Value, Refusal> {
    let given = args.text("refresh_token").ok_or(Refusal::InvalidRefreshToken)?;
    let refresh = world.oauth.refresh.get_mut(&given).ok_or(Refusal::InvalidRefreshToken)?;
    if refresh.used {
        return Err(Refusal::InvalidRefreshToken);
    }
    let old = world.tokens.get(&refresh.token).cloned().ok_or(Refusal::InvalidRefreshToken)?;
    if old.revoked {
        return Err(Refusal::TokenRevoked);
    }
    refresh.used = true;
    let secret = world.hand_out(&old.team, &old.user, old.kind, &old.scopes);
    let name = world.teams.get(&old.team).map(|team| team.name.clone());
    let mut body = json!({
        "ok": true,
        "app_id": world.app.id,
        "team": { "id": old.team, "name": name },
        "enterprise": null,
        "is_enterprise_install": false,
    });
    match old.kind {
        TokenKind::Bot => add(&mut body, "bot_user_id", json!(old.user)),
        TokenKind::User => add(&mut body, "user_id", json!(old.user)),
    }
    merge(&mut body, world.token_fields(&secret));
    Ok(body)
}

/// `openid.connect.token`.
pub(super) fn identify(world: &mut World, args: &Args) -> Result<Value, Refusal> {
    let code = world.redeem(args)?;
    let Wish::Identity { scopes, nonce } = &code.wish else { return Err(Refusal::InvalidCode) };
    let secret = world.hand_out(&code.team, &code.user, TokenKind::User, scopes);
    let now = world.now.secs();
    let mut claims = json!({
        "iss": "https://slack.com",
        "sub": code.user,
        "aud": world.app.seed.client_id,
        "exp": now.saturating_add(300),
        "iat": now,
        "auth_time": now,
        "at_hash": "fake",
        "https://slack.com/user_id": code.user,
        "https://slack.com/team_id": code.team,
    });
    if let Some(nonce) = nonce {
        add(&mut claims, "nonce", json!(nonce));
    }
    // Nobody holds Slack's key, so the signature is none. It is not what an identity from the token endpoint rests on.
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let id_token =
        format!("{}.{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(&claims), part(&json!("fake")));
    Ok(json!({ "ok": true, "access_token": secret, "token_type": "Bearer", "id_token": id_token }))
}

/// `openid.connect.userInfo`.
pub(in super::super) fn user_info(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let id = call.actor.user.clone();
    let team = call.team()?;
    let user = team.users.get(&id).ok_or(Refusal::UserNotFound)?;
    let mut body = json!({
        "ok": true,
        "sub": id,
        "https://slack.com/user_id": id,
        "https://slack.com/team_id": team.id,
    });
    if call.has_scope("profile") {
        add(&mut body, "name", json!(user.real_name));
        add(&mut body, "https://slack.com/team_name", json!(team.name));
        add(&mut body, "https://slack.com/team_domain", json!(team.domain));
    }
    if call.has_scope("email")
        && let Some(email) = &user.email
    {
        add(&mut body, "email", json!(email));
        add(&mut body, "email_verified", json!(true));
    }
    Ok(body)
}

/// `auth.revoke`.
pub(in super::super) fn revoke(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    if !call.args.on("test") {
        let secret = call.secret.clone();
        call.world.revoke_token(&secret).ok_or(Refusal::InvalidAuth)?;
    }
    Ok(json!({ "ok": true, "revoked": !call.args.on("test") }))
}

/// `apps.uninstall`.
pub(in super::super) fn uninstall(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    call.world.check_client(None, &call.args)?;
    let team = call.actor.team.clone();
    call.world.remove_app(&team);
    Ok(json!({ "ok": true }))
}

fn merge(into: &mut Value, fields: Value) {
    if let (Value::Object(into), Value::Object(fields)) = (into, fields) {
        into.extend(fields);
    }
}
