//! Whether this process lives, and whether it can work.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use super::{AppState, errors::Problem};

/// How long the database may take to answer before we say that we are not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// `/healthz` and `/readyz`.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready))
}

async fn alive() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

async fn ready(State(app): State<AppState>) -> Response {
    match tokio::time::timeout(PATIENCE, app.engine().db().system().ping()).await {
        Ok(Ok(())) => Json(json!({ "status": "ok" })).into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "the database does not answer");
            not_ready()
        }
        Err(_) => not_ready(),
    }
}

fn not_ready() -> Response {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "the database does not answer",
        "run `policykit doctor` where the server runs",
    )
    .into_response()
}
