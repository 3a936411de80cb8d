//! Which community an operator looks at.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use policykit_core::community::{Installation, InstallationStatus};
use serde::Deserialize;

use super::words::{Moment, moment};
use crate::{
    http::{
        AppState,
        auth::{Operator, Posted, Viewer},
        chrome::Chrome,
        errors::{PageError, page},
    },
    records,
};

/// The page.
#[derive(Debug, Template)]
#[template(path = "communities.html")]
struct CommunitiesPage {
    chrome: Chrome,
    rows: Vec<Row>,
}

/// One community.
#[derive(Debug, Clone)]
struct Row {
    id: String,
    name: String,
    places: String,
    since: Moment,
    chosen: bool,
}

/// `GET /main/communities`.
pub(super) async fn communities(State(app): State<AppState>, operator: Operator) -> Result<Response, PageError> {
    let db = app.engine().db();
    let installations = db.system().installations().await?;
    let chosen = operator.looks_at.as_ref().map(|(id, _)| *id);
    let rows: Vec<Row> = records::communities(db)
        .await?
        .into_iter()
        .map(|community| Row {
            places: places(&app, installations.iter().filter(|i| i.community == community.id)),
            id: community.id.to_string(),
            since: moment(community.created_at),
            chosen: Some(community.id) == chosen,
            name: community.name,
        })
        .collect();
    if rows.is_empty() {
        return Ok(Redirect::to("/main/setup").into_response());
    }
    Ok(page(&CommunitiesPage { chrome: Viewer::Operator(operator).chrome(), rows }))
}

fn places<'a>(app: &AppState, installations: impl Iterator<Item = &'a Installation>) -> String {
    let names: Vec<String> = installations
        .map(|i| {
            let platform = app.engine().registry().get(&i.platform);
            let name = platform.map_or(i.platform.as_str(), |p| p.descriptor().name);
            match i.status {
                InstallationStatus::Active => name.to_owned(),
                InstallationStatus::CredentialsDead => format!("{name} (no longer lets us in)"),
                InstallationStatus::Uninstalled => format!("{name} (removed)"),
            }
        })
        .collect();
    if names.is_empty() { "nowhere at present".to_owned() } else { names.join(", ") }
}

/// The choice.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    community: String,
}

/// `POST /main/community`.
pub(super) async fn choose(
    State(app): State<AppState>,
    operator: Operator,
    Posted(Choice { community }): Posted<Choice>,
) -> Result<Response, PageError> {
    let id = community.parse().map_err(|_| PageError::NotFound)?;
    if app.engine().db().system().choose_community(&operator.session.hash(), id).await? {
        Ok(Redirect::to("/main").into_response())
    } else {
        Err(PageError::NotFound)
    }
}
