//! Pages for people. Each area has a file of its own; whoever is not signed in is shown how to.

mod communities;
mod finding;
mod list;
mod story;
mod words;
mod you;

use axum::{
    Router,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use policykit_core::{action::Action, call::CallState, ids::ProposalId, proposal::Status};
use policykit_engine::EngineError;
use policykit_store::StoreError;
use serde::Deserialize;

use self::{
    list::{Content, ListPage, PER_PAGE, Place},
    story::ProposalPage,
};
use super::{
    AppState,
    auth::{Inside, Viewer},
    chrome::Chrome,
    errors::{Message, PageError, page},
};
use crate::records;

/// The routes of the pages.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(start))
        .route("/login", get(login))
        .route("/main", get(main))
        .route("/main/you", get(you::you))
        .route("/main/you/sessions/end", post(you::end_session))
        .route("/main/you/sessions/end-all", post(you::end_all))
        .route("/main/communities", get(communities::communities))
        .route("/main/community", post(communities::choose))
        .route("/logout", post(you::sign_out))
        .route("/proposals/{id}", get(proposal))
}

async fn start(viewer: Option<Viewer>) -> Redirect {
    Redirect::to(if viewer.is_some() { "/main" } else { "/login" })
}

async fn login(viewer: Option<Viewer>) -> Response {
    if viewer.is_some() {
        return Redirect::to("/main").into_response();
    }
    Message {
        chrome: Chrome::default(),
        heading: "You need a link to sign in",
        lede: "This record is open to whoever runs this server. A link works once and lasts fifteen minutes."
            .to_owned(),
        steps: vec!["Run this where PolicyKit runs, then open the address it prints:"],
        command: Some("policykit operator-link"),
    }
    .with_status(StatusCode::OK)
}

/// What to list, as it stands in the address. Unknown words list everything rather than fail.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    status: String,
    before: String,
}

async fn main(
    State(app): State<AppState>,
    inside: Inside,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let db = app.engine().db();
    let status = Status::parse(&asked.status);
    let before = list::cursor(&asked.before);
    let listed = records::proposals(db, &[inside.community], status, before, PER_PAGE).await?;
    let rows = listed
        .rows
        .into_iter()
        .map(|row| {
            let label = label(&app, &row.action);
            (row, label)
        })
        .collect();
    let uncertain = db.system().calls(CallState::Uncertain, 1_000).await?.into_iter();
    let content = Content {
        status,
        place: if before.is_some() { Place::Further } else { Place::Beginning },
        rows,
        next: listed.next,
        communities: [(inside.community, inside.community_name().to_owned())].into(),
        uncertain: uncertain.filter(|call| call.community == inside.community).count(),
    };
    Ok(page(&ListPage::new(inside.chrome(), &content)))
}

/// How an action reads in a sentence, from the descriptors.
fn label(app: &AppState, action: &Action) -> String {
    app.engine()
        .registry()
        .descriptors()
        .find_map(|d| d.action_type(&action.action_type))
        .map_or_else(|| action.action_type.clone(), |t| t.label.to_owned())
}

async fn proposal(
    State(app): State<AppState>,
    inside: Inside,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, PageError> {
    let id: ProposalId = id.ok().and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
    // Of another community is not found, whoever asks.
    let story = app.engine().story(inside.community, id).await.map_err(|error| match error {
        EngineError::Store(StoreError::NotFound { .. }) => PageError::NotFound,
        error => PageError::Internal(error.to_string()),
    })?;
    Ok(page(&ProposalPage { chrome: inside.chrome(), page: story::view(&story, inside.community_name()) }))
}
