//! The rules: which are in force and in which order, what each says and said before, and how to change them.

mod exchange;
mod form;
mod list;
mod one;
mod recovery;
mod versions;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use policykit_core::policy::Blocks;
use policykit_policy::Diagnostic;
use serde::Serialize;

pub(super) use list::labels;

use crate::http::{AppState, auth::Viewer};

/// The routes of this part.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/main/policies", get(list::show))
        .route("/main/policies/order", post(list::order))
        .route("/main/policies/new", get(one::blank).post(one::add))
        .route("/main/policies/import", get(exchange::form).post(exchange::import))
        .route("/main/policies/export", get(exchange::all))
        .route("/main/policies/recovery", get(recovery::show).post(recovery::announce))
        .route("/main/policies/recovery/{id}", post(recovery::decide))
        .route("/main/policies/{id}", get(one::show).post(one::change))
        .route("/main/policies/{id}/export", get(exchange::one))
        .route("/main/policies/{id}/remove", post(one::remove))
        .route("/main/policies/{id}/recover", post(one::recover))
        .route("/main/policies/{id}/versions/{number}", get(versions::show).post(versions::restore))
        .route("/api/v1/policies/check", post(check))
}

/// What is wrong with the blocks of a policy.
#[derive(Debug, Serialize)]
struct Checked {
    diagnostics: Vec<Found>,
}

/// Something found in a block. Lines and columns count from 1, columns in characters.
#[derive(Debug, Serialize)]
struct Found {
    block: &'static str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    message: String,
    code: &'static str,
}

impl Found {
    fn of(diagnostic: Diagnostic, blocks: &Blocks) -> Self {
        let Diagnostic { code, block, line, column, message } = diagnostic;
        let text = blocks.get(block).lines().nth(line.saturating_sub(1)).unwrap_or_default();
        // The word at that place; at least one character, so that there is something to mark.
        let word = text.chars().skip(column.saturating_sub(1)).take_while(|c| c.is_alphanumeric() || *c == '_').count();
        let end_column = column.saturating_add(word.max(1));
        Self { block: block.as_str(), line, column, end_line: line, end_column, message, code }
    }
}

/// `POST /api/v1/policies/check`: looks at code and changes nothing.
async fn check(_viewer: Viewer, State(app): State<AppState>, Json(blocks): Json<Blocks>) -> Json<Checked> {
    let found = app.engine().check_code(blocks.clone()).await.err().unwrap_or_default();
    Json(Checked { diagnostics: found.into_iter().map(|d| Found::of(d, &blocks)).collect() })
}
