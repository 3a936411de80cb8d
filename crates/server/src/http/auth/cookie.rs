//! The cookies: one of the session, one of a browser that is on its way to a platform and back.

use std::time::Duration;

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};

use super::token::Token;
use crate::http::{errors::PageError, layers::Transport};

/// How long the session of a member lasts.
pub(crate) const SESSION_LASTS_MEMBER: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How long the session of an operator lasts.
pub(crate) const SESSION_LASTS_OPERATOR: Duration = Duration::from_secs(12 * 60 * 60);

/// Which cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The session's.
    Session,
    /// That of a browser on its way to a platform and back.
    Journey,
    /// What belongs to the journey, where the platform does not bring it back.
    State,
}

impl Kind {
    const fn name(self, transport: Transport) -> &'static str {
        match (self, transport) {
            (Self::Session, Transport::Https) => "__Host-policykit",
            (Self::Session, Transport::LocalHttp) => "policykit",
            (Self::Journey, Transport::Https) => "__Host-policykit-journey",
            (Self::Journey, Transport::LocalHttp) => "policykit-journey",
            (Self::State, Transport::Https) => "__Host-policykit-state",
            (Self::State, Transport::LocalHttp) => "policykit-state",
        }
    }
}

/// The token that a browser brings in a cookie.
pub(super) fn brought(kind: Kind, transport: Transport, headers: &HeaderMap) -> Option<Token> {
    CookieJar::from_headers(headers).get(kind.name(transport)).map(|c| Token::brought(c.value()))
}

/// The header that sets a cookie.
pub(super) fn set(kind: Kind, transport: Transport, value: &str, lasts: Duration) -> String {
    let mut cookie = Cookie::new(kind.name(transport), value.to_owned());
    cookie.set_path("/");
    cookie.set_http_only(true);
    // Lax: the way back from a platform begins on its site.
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(transport == Transport::Https);
    // Written here because the cookie type counts in a time library of its own.
    format!("{cookie}; Max-Age={}", lasts.as_secs())
}

/// An answer that gives the browser a session, or takes it away with an empty value.
pub(crate) fn session_cookie(
    response: impl IntoResponse,
    transport: Transport,
    value: &str,
    lasts: Duration,
) -> Result<Response, PageError> {
    with(response.into_response(), &set(Kind::Session, transport, value, lasts))
}

/// Adds a cookie to an answer.
pub(super) fn with(mut response: Response, cookie: &str) -> Result<Response, PageError> {
    let value = HeaderValue::from_str(cookie).map_err(|e| PageError::Internal(e.to_string()))?;
    response.headers_mut().append(header::SET_COOKIE, value);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_bound_to_https_where_there_is_https() {
        let secure = set(Kind::Session, Transport::Https, "x", Duration::from_secs(5));
        for part in ["__Host-policykit=x", "HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=5"] {
            assert!(secure.contains(part), "{part} in {secure}");
        }
        assert!(!secure.contains("Domain"), "{secure}");
        let local = set(Kind::Session, Transport::LocalHttp, "x", Duration::from_secs(5));
        assert!(local.starts_with("policykit=x") && !local.contains("Secure"), "{local}");
    }
}
