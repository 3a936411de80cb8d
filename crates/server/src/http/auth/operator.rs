//! Signing in as the operator of this server: a link that works once leads to a page with one button, and the button opens
//! a session. Opening the link uses nothing up: browsers fetch pages ahead, and chat programs look links up.

use std::time::Duration;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
    response::{Redirect, Response},
};
use policykit_store::NewSession;
use serde::Deserialize;

use super::{
    Token,
    cookie::{self, Kind, SESSION_LASTS_OPERATOR},
    limit::Within,
    session_cookie,
    viewer::agent,
};
use crate::http::{
    AppState,
    chrome::Chrome,
    errors::{Message, PageError, page},
};

/// How long a link can be used.
pub(crate) const LINK_LASTS: Duration = Duration::from_secs(15 * 60);

/// The page that a link leads to.
#[derive(Debug, Template)]
#[template(path = "operator.html")]
struct LinkPage {
    chrome: Chrome,
    token: String,
}

/// What its button sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Redeemed {
    token: String,
}

/// `GET /operator/{token}`: whether the link still works is not said here.
pub(super) async fn ask(token: Result<Path<String>, PathRejection>) -> Response {
    // What is no text is no link of ours; the answer is the same as for any other wrong one.
    let token = token.map_or_else(|_| String::new(), |Path(token)| token);
    page(&LinkPage { chrome: Chrome::default(), token })
}

/// `POST /operator`.
pub(super) async fn redeem(
    State(app): State<AppState>,
    within: Within,
    headers: HeaderMap,
    form: Result<Form<Redeemed>, FormRejection>,
) -> Result<Response, PageError> {
    if is_foreign(&headers) {
        return Err(PageError::Forged);
    }
    let form = form.map(|Form(form)| form).unwrap_or_default();
    match open(&app, &headers, &Token::brought(form.token)).await? {
        Some(response) => Ok(response),
        None => {
            within.failed(&app);
            Ok(Message {
                chrome: Chrome::default(),
                heading: "This link no longer works",
                lede: "It was used before, or it is older than fifteen minutes. Nobody was signed in.".to_owned(),
                steps: vec!["Make a new one where PolicyKit runs, then open the address it prints:"],
                command: Some("policykit operator-link"),
            }
            .with_status(StatusCode::GONE))
        }
    }
}

/// Uses a link up and opens a session with it; `None` when the link does not work.
pub(crate) async fn open(app: &AppState, headers: &HeaderMap, link: &Token) -> Result<Option<Response>, PageError> {
    let (system, now) = (app.engine().db().system(), app.engine().now());
    let session = Token::fresh();
    let new = NewSession { hash: session.hash(), now, expires_at: now + SESSION_LASTS_OPERATOR, agent: agent(headers) };
    if !system.redeem_link(&link.hash(), new).await? {
        return Ok(None);
    }
    // The browser forgets the session it had, so nobody could end it any more.
    if let Some(earlier) = cookie::brought(Kind::Session, app.transport(), headers) {
        system.close_session(&earlier.hash()).await?;
    }
    tracing::info!("an operator signed in");
    session_cookie(Redirect::to("/main"), app.transport(), session.reveal(), SESSION_LASTS_OPERATOR).map(Some)
}

/// Whether a form was sent from a page of another site, as browsers say themselves. `Origin` would say nothing: pages
/// here tell nobody where one comes from.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_sites_are_foreign_also_from_another_port_of_this_machine() {
        let from = |site: &str| {
            HeaderMap::from_iter([("sec-fetch-site".parse().expect("a name"), site.parse().expect("a value"))])
        };
        for site in ["same-origin", "none"] {
            assert!(!is_foreign(&from(site)), "{site}");
        }
        for site in ["cross-site", "same-site", "anything"] {
            assert!(is_foreign(&from(site)), "{site}");
        }
        assert!(!is_foreign(&HeaderMap::new()), "a browser too old to say");
    }
}
