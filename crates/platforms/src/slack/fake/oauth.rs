//! OAuth and OpenID Connect as Slack offers them: a page on which somebody lets the app in, codes that work once, and
//! tokens that are granted, renewed, revoked and run out.

mod exchange;
mod page;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::exchange::{identify, install};
use super::{
    api::Args,
    deliver::Audience,
    errors::Refusal,
    ids::{TeamId, UserId, mint_secret},
    state::{Installed, Token, TokenKind, World},
    witness::{Cause, Change},
};

pub(super) use self::{
    exchange::{revoke, uninstall, user_info},
    page::{ask, decide},
};

/// How long a code can be exchanged, in seconds.
const CODE_SECS: i64 = 600;

/// What has been handed out and not come back yet.
#[derive(Debug, Default)]
pub(super) struct OAuthBook {
    codes: BTreeMap<String, Code>,
    refresh: BTreeMap<String, Refresh>,
}

/// A code on its way through the browser.
#[derive(Debug, Clone)]
struct Code {
    client_id: String,
    redirect_uri: String,
    team: TeamId,
    user: UserId,
    wish: Wish,
    issued: i64,
    used: bool,
}

/// What was asked for on the page.
#[derive(Debug, Clone)]
enum Wish {
    Install { bot: BTreeSet<String>, person: BTreeSet<String> },
    Identity { scopes: BTreeSet<String>, nonce: Option<String> },
}

/// What a refresh token renews. It works once.
#[derive(Debug, Clone)]
struct Refresh {
    token: String,
    used: bool,
}

/// A method that is called as the app, not with a token.
pub(super) type AppMethod = fn(&mut World, &Args) -> Result<Value, Refusal>;

/// The method of this name, if it is one of those.
pub(super) fn app_method(name: &str) -> Option<AppMethod> {
    match name {
        "oauth.v2.access" => Some(install),
        "openid.connect.token" => Some(identify),
        _ => None,
    }
}

impl World {
    /// Checks who the app says it is.
    pub(super) fn check_client(&self, client: Option<&(String, String)>, args: &Args) -> Result<(), Refusal> {
        let (id, secret) = match client {
            Some((id, secret)) => (Some(id.clone()), Some(secret.clone())),
            None => (args.text("client_id"), args.text("client_secret")),
        };
        let seed = &self.app.seed;
        if id.is_none_or(|id| id != seed.client_id) {
            return Err(Refusal::InvalidClientId);
        }
        if secret.is_none_or(|secret| secret != seed.client_secret) {
            return Err(Refusal::BadClientSecret);
        }
        Ok(())
    }

    /// A token of this kind for somebody. Without rotation Slack hands out the same one again, with the scopes of both.
    fn grant(&mut self, team: &TeamId, user: &UserId, kind: TokenKind, scopes: &BTreeSet<String>) -> String {
        if !self.app.seed.token_rotation {
            let known = self.tokens.iter_mut().find(|(_, token)| {
                !token.revoked
                    && token.team == *team
                    && token.user == *user
                    && token.kind == kind
                    && token.expires_at.is_none()
                    && !token.scopes.contains("openid")
            });
            if let Some((secret, token)) = known {
                token.scopes.extend(scopes.iter().cloned());
                return secret.clone();
            }
        }
        self.hand_out(team, user, kind, scopes)
    }

    fn hand_out(&mut self, team: &TeamId, user: &UserId, kind: TokenKind, scopes: &BTreeSet<String>) -> String {
        let rotates = self.app.seed.token_rotation;
        let prefix = match (kind, rotates) {
            (TokenKind::Bot, false) => "xoxb-",
            (TokenKind::User, false) => "xoxp-",
            (TokenKind::Bot, true) => "xoxe.xoxb-1-",
            (TokenKind::User, true) => "xoxe.xoxp-1-",
        };
        let nth = self.mint("");
        let secret = mint_secret(self.seed, prefix, &[team.as_str(), user.as_str(), &nth]);
        let expires_at = rotates.then(|| self.now.secs().saturating_add(self.app.seed.token_lifetime_secs));
        let token =
            Token { kind, team: team.clone(), user: user.clone(), scopes: scopes.clone(), revoked: false, expires_at };
        self.tokens.insert(secret.clone(), token);
        secret
    }

    /// The token and what renews it, as the fields of an answer.
    fn token_fields(&mut self, secret: &str) -> Value {
        let token = self.tokens.get(secret);
        let (kind, scopes) = token.map_or((TokenKind::User, String::new()), |token| {
            (token.kind, Vec::from_iter(token.scopes.iter().cloned()).join(","))
        });
        let mut fields = json!({
            "access_token": secret,
            "token_type": match kind { TokenKind::Bot => "bot", TokenKind::User => "user" },
            "scope": scopes,
        });
        if self.app.seed.token_rotation {
            let nth = self.mint("");
            let refresh = mint_secret(self.seed, "xoxe-1-", &[secret, &nth]);
            super::errors::add(&mut fields, "refresh_token", json!(refresh));
            super::errors::add(&mut fields, "expires_in", json!(self.app.seed.token_lifetime_secs));
            self.oauth.refresh.insert(refresh, Refresh { token: secret.to_owned(), used: false });
        }
        fields
    }

    /// Somebody said yes on the page: a code for the browser to carry.
    fn issue(&mut self, redirect_uri: String, team: TeamId, user: UserId, wish: Wish) -> String {
        let nth = self.mint("");
        let code = mint_secret(self.seed, "", &["code", &nth]);
        let client_id = self.app.seed.client_id.clone();
        let issued = self.now.secs();
        self.oauth.codes.insert(code.clone(), Code { client_id, redirect_uri, team, user, wish, issued, used: false });
        code
    }

    /// The app belongs to the workspace from now on.
    fn installed(&mut self, team: &TeamId) {
        if let Some(team) = self.teams.get_mut(team) {
            team.installed = Installed::Yes;
        }
    }

    /// Takes a token back; the app hears of it.
    pub(super) fn revoke_token(&mut self, secret: &str) -> Option<()> {
        let token = self.tokens.get_mut(secret)?;
        token.revoked = true;
        let (team, user, kind) = (token.team.clone(), token.user.clone(), token.kind);
        // A token that only says who somebody is belongs to no installation.
        if token.scopes.contains("openid") {
            return Some(());
        }
        let (people, bots) = match kind {
            TokenKind::User => (vec![user.clone()], vec![]),
            TokenKind::Bot => (vec![], vec![user.clone()]),
        };
        let event = json!({ "type": "tokens_revoked", "tokens": { "oauth": people, "bot": bots } });
        self.emit(&team, Audience::Uninstalled, &event);
        self.note_effect(&team, Cause::Slack, Change::TokenRevoked { user });
        Some(())
    }

    /// Removes the app from a workspace: its tokens die, and it hears of both.
    pub(super) fn remove_app(&mut self, id: &TeamId) {
        let mut users: (Vec<UserId>, Vec<UserId>) = (Vec::new(), Vec::new());
        for token in self.tokens.values_mut().filter(|token| token.team == *id && !token.revoked) {
            token.revoked = true;
            match token.kind {
                TokenKind::User => users.0.push(token.user.clone()),
                TokenKind::Bot => users.1.push(token.user.clone()),
            }
        }
        if let Some(team) = self.teams.get_mut(id) {
            team.installed = Installed::No;
        }
        let revoked = json!({ "type": "tokens_revoked", "tokens": { "oauth": users.0, "bot": users.1 } });
        self.emit(id, Audience::Uninstalled, &json!({ "type": "app_uninstalled" }));
        self.emit(id, Audience::Uninstalled, &revoked);
        self.note_effect(id, Cause::Slack, Change::Uninstalled);
    }
}
