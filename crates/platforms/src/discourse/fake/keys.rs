//! Keys, and who a call is made by: administrators' keys with the name of whom they act as, and keys that members
//! granted to an application.

use axum::http::HeaderMap;
use policykit_core::Timestamp;

use super::{
    config::Limits,
    errors::Refusal,
    limits::Limit,
    witness::{Change, KeyKind},
    world::{Actor, World},
};

/// All keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) admin: Vec<AdminKey>,
    pub(super) user: Vec<UserKey>,
    pub(super) limits: Limits,
}

/// A key made by an administrator.
#[derive(Debug, Clone)]
pub(super) struct AdminKey {
    pub(super) key: String,
    /// Good for this member alone.
    pub(super) user: Option<i64>,
    pub(super) revoked: bool,
}

/// A key that a member granted.
#[derive(Debug, Clone)]
pub(super) struct UserKey {
    pub(super) key: String,
    pub(super) user: i64,
    pub(super) client_id: String,
    pub(super) application: String,
    pub(super) scopes: Vec<String>,
    pub(super) push_url: Option<String>,
    pub(super) expires: Option<Timestamp>,
    pub(super) revoked: bool,
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) kind: KeyKind,
    pub(super) user: Option<i64>,
    /// The key that a member granted.
    pub(super) user_key: Option<String>,
}

impl Caller {
    const NOBODY: Self = Self { kind: KeyKind::Nobody, user: None, user_key: None };

    /// The member that the call is made as.
    pub(super) fn member(&self) -> Result<i64, Refusal> {
        self.user.ok_or(Refusal::NotLoggedIn)
    }
}

/// The headers that say who calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Credentials {
    api_key: Option<String>,
    api_username: Option<String>,
    user_api_key: Option<String>,
    client_id: Option<String>,
}

impl Credentials {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            api_key: text("api-key"),
            api_username: text("api-username"),
            user_api_key: text("user-api-key"),
            client_id: text("user-api-client-id"),
        }
    }

    /// Which sort of key is shown, good or not.
    pub(super) const fn kind(&self) -> KeyKind {
        match (&self.api_key, &self.user_api_key) {
            (Some(_), _) => KeyKind::Admin,
            (None, Some(_)) => KeyKind::User,
            (None, None) => KeyKind::Nobody,
        }
    }
}

impl World {
    /// Finds out who calls. A key that is no good refuses the call even where nobody needs one.
    pub(super) fn identify(
        &mut self,
        credentials: &Credentials,
        verb: &str,
        segments: &[&str],
    ) -> Result<Caller, Refusal> {
        match (&credentials.api_key, &credentials.user_api_key) {
            (Some(key), _) => self.by_admin_key(key, credentials.api_username.as_deref()),
            (None, Some(key)) => self.by_user_key(key, credentials.client_id.as_deref(), verb, segments),
            (None, None) => Ok(Caller::NOBODY),
        }
    }

    fn by_admin_key(&mut self, key: &str, username: Option<&str>) -> Result<Caller, Refusal> {
        let known = self.keys.admin.iter().find(|known| known.key == key && !known.revoked);
        let known = known.ok_or(Refusal::InvalidKey)?;
        let named = username.and_then(|name| self.find_user(name));
        let user = match (known.user.and_then(|id| self.users.get(&id)), username) {
            (Some(owner), None) => Some(owner),
            (Some(owner), Some(name)) => Some(owner).filter(|owner| owner.username.eq_ignore_ascii_case(name)),
            (None, _) => named,
        };
        let user = user.ok_or(Refusal::InvalidKey)?;
        if !user.usable(self.now) {
            return Err(Refusal::InvalidAccess);
        }
        let caller = Caller { kind: KeyKind::Admin, user: Some(user.id), user_key: None };
        // One budget for all keys of administrators.
        self.budgets.spend(Limit::AdminMinute, self.keys.limits.admin_per_minute, "", self.now)?;
        Ok(caller)
    }

    fn by_user_key(
        &mut self,
        key: &str,
        client_id: Option<&str>,
        verb: &str,
        segments: &[&str],
    ) -> Result<Caller, Refusal> {
        let limits = self.keys.limits;
        self.budgets.spend(Limit::UserDay, limits.user_per_day, key, self.now)?;
        self.budgets.spend(Limit::UserMinute, limits.user_per_minute, key, self.now)?;
        let now = self.now;
        let known = self
            .keys
            .user
            .iter_mut()
            .find(|known| known.key == key && !known.revoked && known.expires.is_none_or(|expires| expires > now));
        let known = known.ok_or(Refusal::InvalidAccess)?;
        // Whatever a key is good for, it may be given back with itself.
        let gives_back = verb == "POST" && segments == ["user-api-key", "revoke"];
        if !gives_back && !known.scopes.iter().any(|scope| permits(scope, verb, segments)) {
            return Err(Refusal::InvalidAccess);
        }
        let user = known.user;
        if let Some(client_id) = client_id.filter(|id| !id.is_empty() && *id != known.client_id) {
            client_id.clone_into(&mut known.client_id);
            self.keys.user.retain(|other| other.key == key || other.user != user || other.client_id != client_id);
        }
        if !self.user(user)?.usable(now) {
            return Err(Refusal::InvalidAccess);
        }
        Ok(Caller { kind: KeyKind::User, user: Some(user), user_key: Some(key.to_owned()) })
    }

    /// Revokes the key that a member granted.
    pub(super) fn revoke_user_key(&mut self, actor: &Actor, key: &str) -> Result<(), Refusal> {
        let known = self.keys.user.iter_mut().find(|known| known.key == key).ok_or(Refusal::NotFound)?;
        known.revoked = true;
        let client_id = known.client_id.clone();
        let user = self.name_of(actor.user);
        self.note(actor, Change::KeyRevoked { client_id, user });
        Ok(())
    }
}

/// Whether a scope is good for a call.
fn permits(scope: &str, verb: &str, segments: &[&str]) -> bool {
    match scope {
        "read" => verb == "GET",
        "write" => matches!(verb, "GET" | "POST" | "PATCH" | "PUT" | "DELETE"),
        "message_bus" => verb == "POST" && segments.first() == Some(&"message-bus"),
        "notifications" => {
            (verb == "GET" && segments == ["notifications"])
                || (verb == "PUT" && segments == ["notifications", "mark-read"])
                || (verb == "POST" && segments.first() == Some(&"message-bus"))
        }
        "session_info" => verb == "GET" && segments == ["session", "current"],
        "user_status" => segments == ["user-status"],
        _ => false,
    }
}
