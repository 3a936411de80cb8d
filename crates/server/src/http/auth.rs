//! Signing in as the operator of this server: a link that works once opens a session.
//!
//! Tokens are 256 random bits; the database holds their SHA-256 alone. Only the transport decides the name of the
//! cookie: `__Host-` binds it to https and to this host.

use std::time::Duration;

use axum::{
    Form, Router,
    extract::{
        FromRequestParts, Path, State,
        rejection::{FormRejection, PathRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    AppState,
    chrome::{Chrome, Theme},
    errors::{Message, PageError},
    layers::Transport,
};

/// How long a link can be used.
pub(crate) const LINK_LASTS: Duration = Duration::from_secs(15 * 60);
/// How long a session lasts.
const SESSION_LASTS: Duration = Duration::from_secs(12 * 60 * 60);

/// A secret token, as the visitor holds it.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// A fresh one.
    pub(crate) fn fresh() -> Self {
        Self(hex::encode(rand::random::<[u8; 32]>()))
    }

    /// The text, for the visitor alone.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }

    /// The token of a session's forms: follows from the session, tells nothing about it.
    fn csrf(&self) -> String {
        hex::encode(Sha256::digest(format!("form\n{}", self.0)))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A visitor who has redeemed an operator's link.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    session: Token,
    theme: Option<Theme>,
}

impl Operator {
    /// What pages need to know of the visitor.
    pub(crate) fn chrome(&self) -> Chrome {
        Chrome::signed_in(self.session.csrf()).seen_by("Operator").themed(self.theme)
    }
}

impl FromRequestParts<AppState> for Operator {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, PageError> {
        let jar = CookieJar::from_headers(&parts.headers);
        let session = jar.get(cookie_name(app.transport())).map(|c| Token(c.value().to_owned()));
        let session = session.ok_or(PageError::SignedOut)?;
        let theme = jar.get(Theme::COOKIE).and_then(|cookie| Theme::parse(cookie.value()));
        let known = app.engine().db().system().session_lives(&session.hash(), app.engine().now()).await?;
        if known { Ok(Self { session, theme }) } else { Err(PageError::SignedOut) }
    }
}

/// The routes of signing in and out.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/operator/{token}", get(redeem)).route("/logout", post(sign_out))
}

const fn cookie_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Https => "__Host-policykit",
        Transport::LocalHttp => "policykit",
    }
}

fn cookie(transport: Transport, value: &str, lasts: Duration) -> String {
    let mut cookie = Cookie::new(cookie_name(transport), value.to_owned());
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(transport == Transport::Https);
    // Written here because the cookie type counts in a time library of its own.
    format!("{cookie}; Max-Age={}", lasts.as_secs())
}

async fn redeem(
    State(app): State<AppState>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    // Browsers fetch pages ahead and chat programs look links up: neither may use up the link.
    let ahead = ["purpose", "sec-purpose", "x-moz"].iter().any(|name| {
        headers
            .get(*name)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.contains("prefetch") || v.contains("preview"))
    });
    if ahead {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    // What is no text is no link of ours; the answer is the same as for any other wrong one.
    let token = token.map_or_else(|_| String::new(), |Path(token)| token);
    let now = app.engine().now();
    let db = app.engine().db();
    let session = Token::fresh();
    let opened = db.system().redeem_link(&Token(token).hash(), &session.hash(), now, now + SESSION_LASTS).await?;
    if !opened {
        return Ok(Message {
            chrome: Chrome::default(),
            heading: "This link no longer works",
            lede: "It was used before, or it is older than fifteen minutes. Nobody was signed in.".to_owned(),
            steps: vec!["Make a new one where PolicyKit runs, then open the address it prints:"],
            command: Some("policykit operator-link"),
        }
        .with_status(StatusCode::GONE));
    }
    tracing::info!("an operator signed in");
    with_cookie(Redirect::to("/main"), &cookie(app.transport(), session.reveal(), SESSION_LASTS))
}

/// The form that signs out.
#[derive(Debug, Deserialize)]
struct SignOut {
    csrf: String,
}

async fn sign_out(
    State(app): State<AppState>,
    operator: Operator,
    form: Result<Form<SignOut>, FormRejection>,
) -> Result<Response, PageError> {
    let Form(form) = form.map_err(|_| PageError::Forged)?;
    let genuine = operator.session.csrf();
    if !bool::from(form.csrf.as_bytes().ct_eq(genuine.as_bytes())) {
        return Err(PageError::Forged);
    }
    app.engine().db().system().close_session(&operator.session.hash()).await?;
    with_cookie(Redirect::to("/login"), &cookie(app.transport(), "", Duration::ZERO))
}

fn with_cookie(to: Redirect, cookie: &str) -> Result<Response, PageError> {
    let value = HeaderValue::from_str(cookie).map_err(|e| PageError::Internal(e.to_string()))?;
    let mut response = to.into_response();
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_bound_to_https_where_there_is_https() {
        let secure = cookie(Transport::Https, "x", Duration::from_secs(5));
        for part in ["__Host-policykit=x", "HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=5"] {
            assert!(secure.contains(part), "{part} in {secure}");
        }
        assert!(!secure.contains("Domain"), "{secure}");
        let local = cookie(Transport::LocalHttp, "x", Duration::from_secs(5));
        assert!(local.starts_with("policykit=x") && !local.contains("Secure"), "{local}");
    }

    #[test]
    fn tokens_differ_do_not_print_and_are_stored_as_something_else() {
        let (a, b) = (Token::fresh(), Token::fresh());
        assert_ne!(a.reveal(), b.reveal());
        assert_eq!(a.reveal().len(), 64);
        assert!(!format!("{a:?}").contains(a.reveal()));
        assert_ne!(hex::encode(a.hash()), a.csrf());
        assert!(!a.csrf().contains(a.reveal()) && a.hash() != a.reveal().as_bytes());
    }
}
