//! Pages for people. Each area has a file of its own; whoever is not signed in is shown how to.

mod communities;
mod documents;
mod finding;
mod held;
mod kits;
mod list;
mod login;
mod policies;
mod proposing;
mod roles;
mod settings;
mod setup;
mod story;
mod words;
mod you;

use axum::{
    Router,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    response::{Redirect, Response},
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
    errors::{PageError, page},
};
use crate::records;

/// The routes of the pages.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(start))
        .route("/login", get(login::login))
        .route("/main", get(main))
        .route("/main/you", get(you::you))
        .route("/main/you/sessions/end", post(you::end_session))
        .route("/main/you/sessions/end-all", post(you::end_all))
        .route("/main/communities", get(communities::communities))
        .route("/main/community", post(communities::choose))
        .route("/main/setup", get(setup::setup))
        .route("/main/kit", get(kits::kits).post(kits::choose))
        .route("/main/settings", get(settings::settings))
        .route("/main/settings/integrations", get(settings::integrations))
        .route("/main/settings/integrations/{id}/remove", post(settings::remove))
        .route("/logout", post(you::sign_out))
        .route("/proposals/{id}", get(proposal))
        .merge(policies::routes())
        .merge(roles::routes())
        .merge(documents::routes())
        .merge(held::routes())
}

async fn start(viewer: Option<Viewer>) -> Redirect {
    Redirect::to(if viewer.is_some() { "/main" } else { "/login" })
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
