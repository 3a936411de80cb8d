//! How Discourse refuses: a status, and JSON with `errors` in words and mostly an `error_type`.

use serde_json::{Value, json};

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody in particular asked for what only members get.
    NotLoggedIn,
    /// The member may not.
    InvalidAccess,
    /// The key is unknown, revoked, or does not belong to the name.
    InvalidKey,
    /// There is no such thing, or none that the member may know of.
    NotFound,
    /// A parameter is absent or empty.
    Missing(&'static str),
    /// A parameter has a value that is none.
    InvalidParameters(&'static str),
    /// The body is not what its type says.
    BadBody,
    /// What was asked for breaks a rule of the forum.
    Unprocessable {
        /// Which deed, where Discourse says so.
        action: Option<&'static str>,
        /// Which rules.
        errors: Vec<String>,
    },
    /// Too many calls.
    RateLimited {
        /// How long to wait.
        wait_seconds: u64,
        /// Which limit.
        code: &'static str,
    },
}

impl Refusal {
    /// One broken rule.
    pub(super) fn rule(message: impl Into<String>) -> Self {
        Self::Unprocessable { action: None, errors: vec![message.into()] }
    }

    /// The status of the answer, its body, and the headers that only some have.
    pub(super) fn answer(&self) -> (u16, Value, Vec<(&'static str, String)>) {
        let typed = |status, message: &str, kind: &str| {
            (status, json!({ "errors": [message], "error_type": kind }), Vec::new())
        };
        match self {
            Self::NotLoggedIn => typed(403, "You need to be logged in to do that.", "not_logged_in"),
            Self::InvalidAccess => {
                typed(403, "You are not permitted to view the requested resource.", "invalid_access")
            }
            Self::InvalidKey => typed(
                403,
                "You are not permitted to view the requested resource. The API username or key is invalid.",
                "invalid_access",
            ),
            Self::NotFound => typed(404, "The requested URL or resource could not be found.", "not_found"),
            Self::Missing(name) => {
                (400, json!({ "errors": [format!("param is missing or the value is empty: {name}")] }), Vec::new())
            }
            Self::InvalidParameters(name) => {
                typed(400, &format!("You supplied invalid parameters to the request: {name}"), "invalid_parameters")
            }
            Self::BadBody => (400, json!({ "status": 400, "error": "Bad Request" }), Vec::new()),
            Self::Unprocessable { action: Some(action), errors } => {
                (422, json!({ "action": action, "errors": errors }), Vec::new())
            }
            Self::Unprocessable { action: None, errors } => (422, json!({ "errors": errors }), Vec::new()),
            Self::RateLimited { wait_seconds, code } => {
                let left = if *wait_seconds == 1 { "1 second".to_owned() } else { format!("{wait_seconds} seconds") };
                let message =
                    format!("You’ve performed this action too many times. Please wait {left} before trying again.");
                let body = json!({
                    "errors": [message],
                    "error_type": "rate_limit",
                    "extras": { "wait_seconds": wait_seconds, "time_left": left },
                });
                let headers = vec![
                    ("retry-after", wait_seconds.to_string()),
                    ("discourse-rate-limit-error-code", (*code).to_owned()),
                ];
                (429, body, headers)
            }
        }
    }
}
