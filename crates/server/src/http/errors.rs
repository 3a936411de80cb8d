//! What is answered when something cannot be done: problem+json for programs, a page in plain words for people.

use askama::Template;
use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use policykit_store::StoreError;
use serde::Serialize;

use super::chrome::Chrome;
use crate::{config::Registration, shown::spelt_out};

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
    /// Nobody is signed in, at a page.
    #[error("nobody is signed in")]
    SignedOut {
        /// The page that was wanted: a path of this site.
        next: Option<String>,
    },
    /// Nobody is signed in, at an address for programs.
    #[error("nobody is signed in")]
    NoSession,
    /// An operator who has not said which community they want to look at.
    #[error("no community is chosen")]
    NoCommunity,
    /// None of the visitor's roles allows it.
    #[error("the visitor may not {what}")]
    NotAllowed {
        /// What the page needs around it.
        chrome: Box<Chrome>,
        /// What was wanted, such as `remove integrations`.
        what: &'static str,
        /// Names of the roles that can.
        roles: Vec<String>,
    },
    /// Something only members do, wanted by an operator.
    #[error("only members can do this")]
    MembersOnly {
        /// What the page needs around it.
        chrome: Box<Chrome>,
    },
    /// Somebody cannot be sent to a platform, or came back from one with what nothing here knows of.
    #[error("{heading}")]
    NoJourney {
        /// The answer.
        heading: String,
        /// Why.
        lede: String,
        /// What to do.
        advice: String,
    },
    /// Somebody who may not connect a new community wants to.
    #[error("new communities are not taken")]
    Unregistered {
        /// What the page needs around it.
        chrome: Box<Chrome>,
        /// Who may.
        registration: Registration,
    },
    /// What was asked for cannot be as things are, whoever asks.
    #[error("{why}")]
    CannotBe {
        /// The frame of the page.
        chrome: Box<Chrome>,
        /// The answer.
        heading: &'static str,
        /// The reason, as a sentence without its full stop.
        why: String,
        /// What helps.
        advice: &'static str,
    },
    /// One address has tried to sign in too often.
    #[error("too many attempts")]
    TooMany,
    /// A form that was not ours, or is too old.
    #[error("the form is too old")]
    Forged,
    /// A form with more in it than a form may hold.
    #[error("the form is too large")]
    TooLarge,
    /// A form that cannot be read.
    #[error("the form cannot be read: {0}")]
    BadForm(String),
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
            Self::SignedOut { next } => Redirect::to(&login(next.as_deref())).into_response(),
            Self::NoSession => Problem::new(
                StatusCode::UNAUTHORIZED,
                "nobody is signed in",
                "sign in at `/login`, and send the cookie of the session",
            )
            .into_response(),
            Self::NoCommunity => Redirect::to("/main/communities").into_response(),
            Self::NotAllowed { chrome, what, roles } => Refusal {
                chrome: *chrome,
                heading: format!("You cannot {what}"),
                lede: "None of your roles allows it. Nothing was changed.".to_owned(),
                heard: "Who can",
                advice: who_can(&roles),
            }
            .into_response(),
            Self::MembersOnly { chrome } => Refusal {
                chrome: *chrome,
                heading: "Only members can do this".to_owned(),
                lede:
                    "You are signed in as the operator of this server. An operator sees everything and takes no part: \
                       it is the community that proposes, votes and writes its rules. Nothing was changed."
                        .to_owned(),
                heard: "Who can",
                advice: "To take part, sign out, and sign in with your account in the community.".to_owned(),
            }
            .into_response(),
            Self::NoJourney { heading, lede, advice } => {
                let refusal = Refusal { chrome: Chrome::default(), heading, lede, heard: "What to do", advice };
                (StatusCode::BAD_REQUEST, page(&refusal)).into_response()
            }
            Self::Unregistered { chrome, registration } => Refusal {
                chrome: *chrome,
                heading: "New communities are not connected here by everybody".to_owned(),
                lede: "You are not signed in as somebody who may connect one. Nothing was changed.".to_owned(),
                heard: "Who can",
                advice: match registration {
                    Registration::Open | Registration::Operator => {
                        "Whoever runs this server can. Ask them, and tell them which community it is."
                    }
                    Registration::Closed => "Whoever runs this server can, where it runs. Ask them.",
                }
                .to_owned(),
            }
            .into_response(),
            Self::CannotBe { chrome, heading, why, advice } => Refusal {
                chrome: *chrome,
                heading: heading.to_owned(),
                lede: format!("{why}. Nothing was changed."),
                heard: "What to do",
                advice: advice.to_owned(),
            }
            .into_response(),
            Self::TooMany => {
                let mut response = Message {
                    chrome: Chrome::default(),
                    heading: "Too many attempts",
                    lede:
                        "From your address somebody tried to sign in very often within a minute. Nobody was signed in."
                            .to_owned(),
                    steps: vec!["Wait a minute, then start again from the sign-in page."],
                    command: None,
                }
                .with_status(StatusCode::TOO_MANY_REQUESTS);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
                response
            }
            Self::BadForm(error) => Message {
                chrome: Chrome::default(),
                heading: "This form could not be read",
                lede: format!("Nothing was changed. What is wrong with it: {error}."),
                steps: vec!["Go back, load the page again, and fill in the form once more."],
                command: None,
            }
            .with_status(StatusCode::UNPROCESSABLE_ENTITY),
            Self::TooLarge => Message {
                chrome: Chrome::default(),
                heading: "This is more than a form may hold",
                lede: "What was sent is longer than two megabytes. Nothing was changed.".to_owned(),
                steps: vec!["Go back and shorten what you wrote, then send it again."],
                command: None,
            }
            .with_status(StatusCode::PAYLOAD_TOO_LARGE),
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

/// A page that says that a visitor may not, and who can.
#[derive(Debug, Clone, Template)]
#[template(path = "refusal.html")]
struct Refusal {
    chrome: Chrome,
    heading: String,
    lede: String,
    heard: &'static str,
    advice: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (StatusCode::FORBIDDEN, page(&self)).into_response()
    }
}

fn who_can(roles: &[String]) -> String {
    let names: Vec<String> = roles.iter().map(|name| format!("“{name}”")).collect();
    match names.split_last() {
        None => "No role of this community can do it at present. Whoever may change roles can propose one that can."
            .to_owned(),
        Some((only, [])) => format!("The role {only} can. Ask somebody who has it, or propose to be given it."),
        Some((last, first)) => {
            format!(
                "The roles {} and {last} can. Ask somebody who has one, or propose to be given it.",
                first.join(", ")
            )
        }
    }
}

/// Where to sign in, and to come back from to the page that was wanted.
fn login(next: Option<&str>) -> String {
    match next.filter(|next| *next != "/main") {
        Some(next) => {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
            format!("/login?{query}")
        }
        None => "/login".to_owned(),
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
pub(super) async fn fallback(method: Method, uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        return nowhere();
    }
    match without_slash(&uri).filter(|_| method == Method::GET) {
        Some(address) => Redirect::permanent(&address).into_response(),
        None => not_found(),
    }
}

/// The same address without the slash at its end, which people type. What would then be another site is left alone.
fn without_slash(uri: &Uri) -> Option<String> {
    let path = uri.path().strip_suffix('/')?;
    let is_path = path.starts_with('/') && !path.starts_with("//") && !path.ends_with('/') && !path.contains('\\');
    is_path.then(|| uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
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
