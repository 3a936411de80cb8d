//! What is answered when something cannot be done: problem+json for programs, a page in plain words for people.

use askama::Template;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use policykit_store::StoreError;
use serde::Serialize;

use super::chrome::Chrome;
use crate::shown::spelt_out;

/// An answer for a program (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    remedy: String,
}

impl Problem {
    /// A problem: the status, what is wrong, and what to do about it.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json; charset=utf-8"));
        response
    }
}

/// A page that says what happened, and what to do.
#[derive(Debug, Clone, Template)]
#[template(path = "message.html")]
pub(crate) struct Message {
    /// What every page needs.
    pub(crate) chrome: Chrome,
    /// The answer.
    pub(crate) heading: &'static str,
    /// What it means.
    pub(crate) lede: String,
    /// What can be done.
    pub(crate) steps: Vec<&'static str>,
    /// A command that helps.
    pub(crate) command: Option<&'static str>,
}

impl Message {
    /// The page under a status.
    pub(crate) fn with_status(&self, status: StatusCode) -> Response {
        (status, page(self)).into_response()
    }
}

/// Renders a page. A template that cannot be written out is answered as the fault it is.
pub(crate) fn page(template: &impl Template) -> Response {
    match template.render() {
        // The whole page at once: whatever is shown on it may be a stranger's.
        Ok(html) => Html(spelt_out(&html).into_owned()).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be written out. Nothing was changed.")
                .into_response()
        }
    }
}

/// What a page handler fails with. Each is logged here and nowhere else.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// There is no such thing, or not for this visitor.
    #[error("there is no such page")]
    NotFound,
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    SignedOut,
    /// A form that was not ours, or is too old.
    #[error("the form is too old")]
    Forged,
    /// Something of ours is broken.
    #[error("{0}")]
    Internal(String),
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => not_found(),
            Self::SignedOut => axum::response::Redirect::to("/login").into_response(),
            Self::Forged => Message {
                chrome: Chrome::default(),
                heading: "This form is too old",
                lede: "It was not sent from a page of your present session. Nothing was changed.".to_owned(),
                steps: vec!["Go back, load the page again, and repeat what you did."],
                command: None,
            }
            .with_status(StatusCode::FORBIDDEN),
            Self::Internal(error) => {
                tracing::error!(%error, "a page could not be made");
                broken()
            }
        }
    }
}

/// The page for an address that leads nowhere.
pub(super) fn not_found() -> Response {
    Message {
        chrome: Chrome::default(),
        heading: "There is nothing at this address",
        lede: "It may be misspelt, or what it led to is not for you to see.".to_owned(),
        steps: vec!["Start again from the list of proposals."],
        command: None,
    }
    .with_status(StatusCode::NOT_FOUND)
}

/// The page for a fault of ours.
pub(super) fn broken() -> Response {
    Message {
        chrome: Chrome::default(),
        heading: "Something broke on our side",
        lede: "What you asked for could not be done. Nothing was changed; what the server was working on goes on."
            .to_owned(),
        steps: vec!["Try again. If it breaks again, ask whoever runs this server to look at its log and run this:"],
        command: Some("policykit doctor"),
    }
    .with_status(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Whatever no route matches.
pub(super) async fn fallback(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") { nowhere() } else { not_found() }
}

/// The answer for a program that asks for an address that leads nowhere.
pub(super) fn nowhere() -> Response {
    Problem::new(
        StatusCode::NOT_FOUND,
        "there is nothing at this address",
        "check the address; webhooks go to `/api/hooks/PLATFORM`",
    )
    .into_response()
}

/// An address that exists, asked for in a way that it is not meant for.
pub(super) async fn wrong_method() -> Response {
    Message {
        chrome: Chrome::default(),
        heading: "This cannot be done here",
        lede: "The address exists, but it does not take what was sent to it. Nothing was changed.".to_owned(),
        steps: vec!["Start again from the list of proposals."],
        command: None,
    }
    .with_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// A request that panicked.
pub(super) fn panicked(_cause: Box<dyn std::any::Any + Send + 'static>) -> Response {
    // The cause was printed where it happened; it may quote what must not be shown.
    tracing::error!("a request handler panicked");
    broken()
}
