//! Policies in and out, in the original PolicyKit's JSON.

use askama::Template;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use policykit_core::{
    constitution::{Amendment, clash},
    policy::PolicyDraft,
};
use policykit_policy::{from_policykit_json, to_policykit_json};
use serde::Deserialize;

use super::{
    super::proposing::{Lockout, Place, Problems, Tried, WhatNext, propose, proposer, told_at, what_next, wrong},
    one::find,
};
use crate::http::{
    AppState,
    auth::{Inside, Posted},
    chrome::Chrome,
    errors::{PageError, page},
};

/// How many policies one import may hold: each becomes a proposal of its own.
const MOST: usize = 50;

/// The page.
#[derive(Debug, Template)]
#[template(path = "policies/import.html")]
struct ImportPage {
    chrome: Chrome,
    text: String,
    problems: Problems,
    next: WhatNext,
}

/// The form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ImportForm {
    policies: String,
}

/// `GET /main/policies/import`.
pub(super) async fn form(State(app): State<AppState>, inside: Inside) -> Result<Response, PageError> {
    Ok(page(&render(&app, &inside, String::new(), Problems::default()).await?))
}

/// `POST /main/policies/import`: proposes each policy of the file.
pub(super) async fn import(
    State(app): State<AppState>,
    inside: Inside,
    Posted(form): Posted<ImportForm>,
) -> Result<Response, PageError> {
    let drafts = match read(&app, &inside, &form.policies).await {
        Ok(drafts) => drafts,
        Err(why) => return refuse(&app, &inside, form.policies, why).await,
    };
    for draft in &drafts {
        proposer(&app, &inside.viewer, &Amendment::AddPolicy(draft.clone()).action_type()).await?;
    }
    let alone = drafts.len() == 1;
    let mut last = None;
    // New policies go on top: the first of the file is proposed last, so that the file's order is the order in force.
    for draft in drafts.into_iter().rev() {
        let name = draft.name.clone();
        match propose(&app, &inside.viewer, &Amendment::AddPolicy(draft), Lockout::Refused).await? {
            Tried::Proposed(action) => last = Some(action),
            Tried::Wrong(problems) => {
                let why = problems.first().unwrap_or_else(|| "cannot be proposed".to_owned());
                return refuse(&app, &inside, form.policies, format!("policy `{name}`: {why}")).await;
            }
        }
    }
    Ok(match last {
        Some(action) if alone => told_at("/main/policies", action),
        _ => Redirect::to("/main/proposals").into_response(),
    })
}

/// The policies of a file, all of which can run.
async fn read(app: &AppState, inside: &Inside, text: &str) -> Result<Vec<PolicyDraft>, String> {
    let drafts = from_policykit_json(text).map_err(|error| error.to_string())?;
    if drafts.is_empty() || drafts.len() > MOST {
        return Err(format!("holds {} policies; between 1 and {MOST} can be proposed at once", drafts.len()));
    }
    for draft in &drafts {
        if let Err(found) = app.engine().check_code(draft.blocks.clone()).await {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            return Err(format!("policy `{}` cannot run as it is written: {}", draft.name, found.join("; ")));
        }
    }
    // All of them before any is proposed, so that none is when one cannot be.
    let mut names: Vec<(usize, String)> = Vec::new();
    for (place, draft) in drafts.iter().enumerate() {
        let name = &draft.name;
        if let Some(other) = clash(&names, None, name) {
            return Err(format!("policy `{name}`: its name cannot be told from that of `{other}`; take another name"));
        }
        names.push((place, name.clone()));
        let change = Amendment::AddPolicy(draft.clone());
        let checked = app.engine().check_change(inside.community, &change).await;
        checked.map_err(|why| format!("policy `{name}`: {why}"))?;
    }
    Ok(drafts)
}

async fn refuse(app: &AppState, inside: &Inside, text: String, why: String) -> Result<Response, PageError> {
    Ok(wrong(&render(app, inside, text, Problems::of("policies", why)).await?))
}

async fn render(app: &AppState, inside: &Inside, text: String, problems: Problems) -> Result<ImportPage, PageError> {
    let deciders = app.engine().db().community(inside.community).deciders().await?;
    let next = what_next(inside, &deciders, "policykitaddplatformpolicy");
    Ok(ImportPage { chrome: inside.chrome().at("/main/policies"), text, problems, next })
}

/// `GET /main/policies/export`: everything in force, in order.
pub(super) async fn all(State(app): State<AppState>, inside: Inside) -> Result<Response, PageError> {
    let state = app.engine().db().community(inside.community).state().await?;
    let drafts: Vec<PolicyDraft> = state.policies.into_iter().map(|p| p.draft).collect();
    Ok(file("policies.json", to_policykit_json(&drafts)))
}

/// `GET /main/policies/{id}/export`.
pub(super) async fn one(State(app): State<AppState>, inside: Inside, id: Place) -> Result<Response, PageError> {
    let policy = find(&app, &inside, id).await?.current;
    Ok(file("policy.json", to_policykit_json(&[policy.draft])))
}

fn file(name: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, text).into_response()
}
