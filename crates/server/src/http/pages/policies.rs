//! The rules: which are in force and in which order, what each says and said before, and how to change them.

mod exchange;
mod form;
mod list;
mod one;
mod order;
mod recovery;
mod versions;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use policykit_core::policy::{Blocks, OnError, PolicyDraft, PolicyKind};
use policykit_policy::Diagnostic;
use serde::{Deserialize, Serialize};

pub(super) use versions::{DiffPart, shown};

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
    severity: &'static str,
}

impl From<Diagnostic> for Found {
    fn from(diagnostic: Diagnostic) -> Self {
        let Diagnostic { code, severity, block, line, column, end_line, end_column, message } = diagnostic;
        Self { block: block.as_str(), line, column, end_line, end_column, message, code, severity: severity.as_str() }
    }
}

/// What is asked about: the blocks, and what they are for where that is known already.
#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    kind: Option<PolicyKind>,
    #[serde(default)]
    action_types: Vec<String>,
    #[serde(flatten)]
    blocks: Blocks,
}

/// `POST /api/v1/policies/check`: looks at code and changes nothing.
async fn check(_viewer: Viewer, State(app): State<AppState>, Json(asked): Json<Asked>) -> Json<Checked> {
    let draft = PolicyDraft {
        kind: asked.kind.unwrap_or(PolicyKind::Platform),
        name: String::new(),
        description: String::new(),
        action_types: asked.action_types,
        blocks: asked.blocks,
        on_error: OnError::default(),
    };
    Json(Checked { diagnostics: app.engine().diagnose(draft).await.into_iter().map(Found::from).collect() })
}
