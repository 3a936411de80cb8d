//! The page on which a member grants an application a key: who they are is chosen there, for the fake knows no passwords.
//!
//! `GET /user-api-key/new` asks, `POST /user-api-key` decides. The key goes to the application sealed with its public key.

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use url::{Url, form_urlencoded};

use super::{
    Fake,
    api::json_response,
    errors::Refusal,
    keys::UserKey,
    page,
    params::Params,
    seal::{Padding, PublicKey},
    show::posts::escape,
    witness::{Cause, Change},
    world::{Actor, SYSTEM, World},
};

/// The version of this protocol that Discourse speaks.
const API_VERSION: u32 = 4;
/// What an application must say.
const REQUIRED: [&str; 5] = ["public_key", "nonce", "scopes", "client_id", "application_name"];
/// What a page of asking hands on to the one that decides.
const HANDED_ON: [&str; 10] = [
    "application_name",
    "client_id",
    "scopes",
    "nonce",
    "auth_redirect",
    "push_url",
    "public_key",
    "padding",
    "expires_in_seconds",
    "as",
];

/// What was decided.
enum Decided {
    /// The member is sent there.
    Away(String),
    /// The sealed key is shown.
    Shown(String),
}

/// Asks a member, who may be named by `as`.
pub(super) async fn ask(State(fake): State<Fake>, method: Method, RawQuery(query): RawQuery) -> Response {
    if method == Method::HEAD {
        return ([("auth-api-version", HeaderValue::from(API_VERSION))], StatusCode::OK).into_response();
    }
    let Ok(params) = Params::read(query.as_deref(), "", &[]) else { return StatusCode::BAD_REQUEST.into_response() };
    let page = fake.shared.with(|world| {
        if let Some(name) = REQUIRED.into_iter().find(|name| params.text(name).unwrap_or_default().is_empty()) {
            return Err(Refusal::Missing(name));
        }
        let Some(user) = params.text("as").and_then(|name| world.find_user(&name)) else {
            return Ok(sign_in(world, query.as_deref().unwrap_or_default()));
        };
        if !world.may_grant_keys(user) {
            let words = "Unfortunately you do not have the required trust level to grant this application access to your account.";
            return Ok(framed(&world.title, &format!("<p>{words}</p>")));
        }
        if world.check_request(&params).is_err() {
            return Ok(framed(&world.title, "<p>Sorry, we are unable to issue user API keys, this feature may be disabled by the site admin</p>"));
        }
        Ok(authorize(world, &user.username.clone(), &params))
    });
    match page {
        Ok(page) => Html(page).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

/// Grants or denies.
pub(super) async fn decide(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    if page::foreign(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let params = match Params::read(None, content_type, &body) {
        Ok(params) => params,
        Err(refusal) => return refused(&refusal),
    };
    match fake.shared.with(|world| world.grant(&params)) {
        Ok(Decided::Away(to)) => match HeaderValue::from_str(&to) {
            Ok(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
            Err(_) => StatusCode::BAD_REQUEST.into_response(),
        },
        Ok(Decided::Shown(payload)) => {
            let page = framed(&params.text("application_name").unwrap_or_default(), &format!("<pre>{payload}</pre>"));
            Html(page).into_response()
        }
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let (status, body, _) = refusal.answer();
    json_response(status, &body)
}

impl World {
    /// What an application asks for: scopes that the forum allows, a key that can be read, a place to be sent to.
    fn check_request(&self, params: &Params) -> Result<(Vec<String>, PublicKey), Refusal> {
        for name in REQUIRED {
            params.required(name)?;
        }
        let scopes = params.list("scopes").unwrap_or_default();
        let allowed = &self.settings.allow_user_api_key_scopes;
        if scopes.is_empty() || !scopes.iter().all(|scope| allowed.contains(scope)) {
            return Err(Refusal::InvalidAccess);
        }
        if let Some(to) = params.text("auth_redirect")
            && !self.settings.allowed_user_api_auth_redirects.iter().any(|pattern| allows(pattern, &to))
        {
            return Err(Refusal::InvalidAccess);
        }
        let key = params.required("public_key")?;
        let key = PublicKey::read(&key).ok_or(Refusal::InvalidParameters("public_key"))?;
        Ok((scopes, key))
    }

    fn grant(&mut self, params: &Params) -> Result<Decided, Refusal> {
        if params.text("decision").as_deref() == Some("deny") {
            return Ok(Decided::Away("/".to_owned()));
        }
        let user = params.text("as").and_then(|name| self.find_user(&name).cloned()).ok_or(Refusal::NotLoggedIn)?;
        let (scopes, public_key) = self.check_request(params)?;
        if !self.may_grant_keys(&user) {
            return Err(Refusal::InvalidAccess);
        }
        let client_id = params.required("client_id")?;
        let seconds = params.int("expires_in_seconds").filter(|seconds| *seconds > 0);
        let expires = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let key = UserKey {
            key: self.mint("user api key"),
            user: user.id,
            client_id: client_id.clone(),
            application: params.required("application_name")?,
            scopes: scopes.clone(),
            push_url: params.text("push_url").filter(|url| !url.is_empty()),
            expires: expires.map(|seconds| self.now + std::time::Duration::from_secs(seconds)),
            revoked: false,
        };
        let content = json!({
            "key": key.key,
            "nonce": params.required("nonce")?,
            "push": key.push_url.is_some() && scopes.iter().any(|scope| scope == "push"),
            "api": API_VERSION,
        });
        let padding = if params.text("padding").as_deref() == Some("oaep") { Padding::Oaep } else { Padding::Pkcs1 };
        let sealed = public_key.seal(content.to_string().as_bytes(), padding, &mut rand::rng());
        let sealed = sealed.map_err(|too_long| {
            tracing::info!(most = too_long.most, "a nonce is too long for the application's key");
            Refusal::InvalidParameters("nonce")
        })?;
        // An application has one key of each member.
        self.keys.user.retain(|other| other.user != user.id || other.client_id != client_id);
        self.keys.user.push(key);
        let actor = Actor { user: user.id, cause: Cause::Person(user.username.clone()) };
        self.note(&actor, Change::KeyGranted { client_id, scopes, user: user.username });
        let payload = lines(&BASE64_STANDARD.encode(sealed));
        Ok(match params.text("auth_redirect").filter(|to| !to.is_empty()) {
            None => Decided::Shown(payload),
            Some(to) => {
                let query: String =
                    form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload).finish();
                let (base, fragment) = to.split_once('#').map_or((to.as_str(), ""), |(base, rest)| (base, rest));
                let joint = if base.contains('?') { '&' } else { '?' };
                let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
                Decided::Away(format!("{base}{joint}{query}{fragment}"))
            }
        })
    }

    /// The keys that members granted, for control: whose, to whom, for what.
    pub(super) fn granted(&self) -> Vec<(String, String, String, Vec<String>, bool)> {
        let view = |key: &UserKey| {
            (self.name_of(key.user), key.client_id.clone(), key.application.clone(), key.scopes.clone(), key.revoked)
        };
        self.keys.user.iter().map(view).collect()
    }
}

/// Base64 as Ruby writes it: lines of sixty letters, each with its end.
fn lines(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(60).map(|line| line.iter().collect::<String>() + "\n").collect()
}

/// Whether an address is one that the forum sends members to.
fn allows(pattern: &str, address: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => {
            // The star stands for a part of the path, never for one of the host.
            Url::parse(address).is_ok() && address.starts_with(beginning) && beginning.matches('/').count() >= 3
        }
        None => pattern == address,
    }
}

fn sign_in(world: &World, query: &str) -> String {
    let members = world.users.values().filter(|user| user.id != SYSTEM).map(|user| {
        let name = escape(&user.username);
        let standing = if user.admin {
            "administrator".to_owned()
        } else if user.moderator {
            "moderator".to_owned()
        } else {
            format!("trust level {}", user.trust_level)
        };
        format!("<li><a href=\"/user-api-key/new?{}&amp;as={name}\">{name}</a> ({standing})</li>", escape(query))
    });
    let members: String = members.collect();
    framed(&world.title, &format!("<p>Log in as</p><ul>{members}</ul>"))
}

fn authorize(world: &World, username: &str, params: &Params) -> String {
    let fields: String = HANDED_ON
        .into_iter()
        .filter_map(|name| Some((name, params.text(name)?)))
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(&value)))
        .collect();
    let application = escape(&params.text("application_name").unwrap_or_default());
    let scopes: String =
        params.list("scopes").unwrap_or_default().iter().map(|scope| format!("<li>{}</li>", escape(scope))).collect();
    framed(
        &world.title,
        &format!(
            "<p>You are {}.</p><p>“{application}” is requesting the following access to your account:</p><ul>{scopes}</ul>\
             <form method=\"post\" action=\"/user-api-key\">{fields}\
             <button name=\"decision\" value=\"approve\">Authorize</button> \
             <button name=\"decision\" value=\"deny\">Cancel</button></form>",
            escape(username)
        ),
    )
}

/// A page of the forum that is no part of its application.
fn framed(title: &str, content: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"stylesheet\" href=\"/pages/forum.css\"></head>\
         <body><div class=\"sides\"><span></span><main><h1>{title}</h1>{content}</main></div></body></html>"
    )
}
