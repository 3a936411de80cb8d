//! Pages for people. Whoever sees them has redeemed an operator's link; whoever has not is told how to get one.

mod finding;
mod list;
mod story;
mod words;

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use policykit_core::{
    action::Action,
    call::CallState,
    ids::{CommunityId, ProposalId},
    proposal::Status,
};
use serde::Deserialize;

use self::{
    list::{Content, ListPage, PER_PAGE, Place},
    story::ProposalPage,
};
use super::{
    AppState,
    auth::Operator,
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
        .route("/proposals/{id}", get(proposal))
}

async fn start(operator: Result<Operator, PageError>) -> Redirect {
    Redirect::to(if operator.is_ok() { "/main" } else { "/login" })
}

async fn login(operator: Result<Operator, PageError>) -> Response {
    if operator.is_ok() {
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
    operator: Operator,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let db = app.engine().db();
    let status = Status::parse(&asked.status);
    let before = list::cursor(&asked.before);
    let listed = records::proposals(db, status, before, PER_PAGE).await?;
    let communities: BTreeMap<CommunityId, String> =
        records::communities(db).await?.into_iter().map(|c| (c.id, c.name)).collect();
    let rows = listed
        .rows
        .into_iter()
        .map(|row| {
            let label = label(&app, &row.action);
            (row, label)
        })
        .collect();
    let content = Content {
        status,
        place: if before.is_some() { Place::Further } else { Place::Beginning },
        rows,
        next: listed.next,
        communities,
        uncertain: db.system().calls(CallState::Uncertain, 1_000).await?.len(),
    };
    Ok(page(&ListPage::new(operator.chrome().at("/main"), &content)))
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
    operator: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, PageError> {
    let id: ProposalId = id.ok().and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
    let db = app.engine().db();
    let community = records::community_of(db, id).await?.ok_or(PageError::NotFound)?;
    let story = app.engine().story(community.id, id).await.map_err(|e| PageError::Internal(e.to_string()))?;
    let chrome = operator.chrome().inside(&community.name).at("/proposals");
    Ok(page(&ProposalPage { chrome, page: story::view(&story, &community.name) }))
}
