//! Forms: taken only from pages of the visitor's own session.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::cookie::{self, Kind};
use crate::http::{AppState, errors::PageError};

/// A form that was sent from a page of this session. Every form has a hidden field `csrf` that holds
/// what [`Chrome::csrf`](crate::http::chrome::Chrome::csrf) says. A field may come several times: it is a list then.
///
/// Whether the session is still open is for [`Viewer`](super::Viewer) to say: take both.
#[derive(Debug, Clone)]
pub(crate) struct Posted<T>(pub(crate) T);

/// A form that holds nothing but its signature.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Signed {}

impl<T: DeserializeOwned + Send> FromRequest<AppState> for Posted<T> {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, PageError> {
        let session = cookie::brought(Kind::Session, app.transport(), request.headers());
        let session = session.ok_or(PageError::SignedOut { next: None })?;
        if !is_form(request.headers()) {
            return Err(PageError::BadForm("it was not sent as a form".to_owned()));
        }
        let body = Bytes::from_request(request, &()).await.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => PageError::TooLarge,
            _ => PageError::BadForm("it did not arrive as a whole".to_owned()),
        })?;
        let mut signatures = url::form_urlencoded::parse(&body).filter(|(name, _)| name == "csrf");
        match (signatures.next(), signatures.next()) {
            (Some((_, csrf)), None) if session.signs(&csrf) => {}
            _ => return Err(PageError::Forged),
        }
        // The signature goes first: a stranger's form is not told what is wrong with it.
        serde_html_form::from_bytes(&body).map(Self).map_err(|error| PageError::BadForm(in_words(&error.to_string())))
    }
}

/// What the reader of forms complains about. Our own pages send forms that it can read, so there is little to explain; what
/// it says itself is for whoever writes programs.
fn in_words(complaint: &str) -> String {
    match complaint.strip_prefix("missing field ") {
        Some(field) => format!("the field {field} is missing"),
        None => format!("one of its fields cannot be read ({complaint})"),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.split(';').next().is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded"))
}
