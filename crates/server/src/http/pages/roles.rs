//! Members and roles: who is here, who has which role, and what a role allows. Every change is a proposal.

mod members;
mod one;
mod permissions;

pub(super) use permissions::lines;

use axum::{
    Router,
    routing::{get, post},
};

use crate::http::AppState;

/// The routes of this part.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/main/members", get(members::show))
        .route("/main/roles/new", get(one::blank).post(one::add))
        .route("/main/roles/{id}", get(one::show).post(one::change))
        .route("/main/roles/{id}/delete", post(one::delete))
        .route("/main/roles/{id}/grant", post(one::grant))
        .route("/main/roles/{id}/revoke", post(one::revoke))
}
