//! Who is asking: sessions, what their holders may do, and the forms that belong to them.
//!
//! Tokens are 256 random bits; the database holds their SHA-256 alone. Only the transport decides the names of cookies:
//! `__Host-` binds them to https and to this host. Roles and permissions are read afresh with every request.

mod cookie;
mod form;
mod journey;
mod limit;
mod note;
mod operator;
mod question;
mod token;
mod viewer;

use axum::{
    Router,
    routing::{get, post},
};

pub(crate) use cookie::session_cookie;
pub(crate) use form::{Posted, Signed};
pub(crate) use journey::{explain as explain_journey, may_register, redirect_uri};
pub(crate) use limit::Attempts;
pub(crate) use note::{Note, leave as leave_note, read as read_note};
pub(crate) use operator::LINK_LASTS;
#[cfg(feature = "demo")]
pub(crate) use operator::{is_foreign, open as open_for_operator};
pub(crate) use token::Token;
pub(crate) use viewer::{Inside, Member, Operator, Viewer};

use policykit_platforms::Registry;

use super::AppState;

/// The routes of signing in and out, with those to which browsers come back from these platforms.
pub(super) fn routes(platforms: &Registry) -> Router<AppState> {
    let returns = platforms.descriptors().filter_map(|d| Some((d.id, d.returns_to?)));
    returns
        .fold(Router::new(), |router, (platform, path)| {
            let back = move |state, within, viewer, headers, params| {
                journey::came_back_to(platform, state, within, viewer, headers, params)
            };
            router.route(path, get(back))
        })
        .route("/operator", post(operator::redeem))
        .route("/operator/{token}", get(operator::ask))
        .route("/auth/{platform}/login", get(journey::login).post(journey::login_with))
        .route("/auth/{platform}/install", get(journey::install).post(journey::install_with))
        .route("/auth/{platform}/callback", get(journey::callback))
}
