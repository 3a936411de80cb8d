//! Signing in as the operator of this server: a link that works once opens a session.

use std::time::Duration;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use policykit_store::NewSession;

use super::{Token, cookie::SESSION_LASTS_OPERATOR, limit::Within, session_cookie, viewer::agent};
use crate::http::{
    AppState,
    chrome::Chrome,
    errors::{Message, PageError},
};

/// How long a link can be used.
pub(crate) const LINK_LASTS: Duration = Duration::from_secs(15 * 60);

/// `GET /operator/{token}`.
pub(super) async fn redeem(
    State(app): State<AppState>,
    _within: Within,
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
    let session = Token::fresh();
    let new =
        NewSession { hash: session.hash(), now, expires_at: now + SESSION_LASTS_OPERATOR, agent: agent(&headers) };
    let opened = app.engine().db().system().redeem_link(&Token::brought(token).hash(), new).await?;
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
    session_cookie(Redirect::to("/main"), app.transport(), session.reveal(), SESSION_LASTS_OPERATOR)
}
