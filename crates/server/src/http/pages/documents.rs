//! Guidelines: texts a community has agreed on. Adding, changing, removing and putting back are proposals.

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::Response,
    routing::{get, post},
};
use policykit_core::{
    community::Document,
    constitution::{Amendment, DocumentDraft},
};
use serde::Deserialize;

use super::proposing::{
    Asked, Lockout, Outcome, Place, Problems, Tried, WhatNext, finish, named, outcome, propose, proposer, told_at,
    what_next,
};
use crate::http::{
    AppState,
    auth::{Inside, Posted, Signed},
    chrome::Chrome,
    errors::{PageError, page},
};

/// The routes of this part.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/main/documents", get(list))
        .route("/main/documents/new", get(blank).post(add))
        .route("/main/documents/{id}", get(show).post(change))
        .route("/main/documents/{id}/remove", post(remove))
        .route("/main/documents/{id}/recover", post(recover))
}

/// All documents.
#[derive(Debug, Template)]
#[template(path = "documents/list.html")]
struct ListPage {
    chrome: Chrome,
    outcome: Option<Outcome>,
    may_add: bool,
    active: Vec<Shown>,
    resting: Vec<Shown>,
}

/// A document as it is read.
#[derive(Debug, Clone)]
struct Shown {
    id: String,
    name: String,
    paragraphs: Vec<String>,
}

/// The page on which one is written.
#[derive(Debug, Template)]
#[template(path = "documents/one.html")]
struct DocumentPage {
    chrome: Chrome,
    address: String,
    title: String,
    known: Option<Known>,
    form: DocumentForm,
    next: WhatNext,
    problems: Problems,
    outcome: Option<Outcome>,
}

/// What is known about a document that exists.
#[derive(Debug, Clone)]
struct Known {
    id: String,
    is_active: bool,
    remove: WhatNext,
    recover: WhatNext,
}

/// The form as it is sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct DocumentForm {
    name: String,
    text: String,
}

impl DocumentForm {
    fn draft(&self) -> DocumentDraft {
        DocumentDraft { name: self.name.trim().to_owned(), text: self.text.replace("\r\n", "\n") }
    }
}

async fn list(State(app): State<AppState>, inside: Inside, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let told = outcome(&app, &inside, &asked.proposed).await?;
    let scope = app.engine().db().community(inside.community);
    let deciders = scope.deciders().await?;
    let (active, resting): (Vec<_>, Vec<_>) = scope.documents().await?.into_iter().partition(|d| d.is_active);
    let shown = |document: Document| Shown {
        id: document.id.to_string(),
        name: document.name,
        paragraphs: document.text.split("\n\n").map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned).collect(),
    };
    Ok(page(&ListPage {
        chrome: inside.chrome().at("/main/documents"),
        outcome: told,
        may_add: what_next(&inside, &deciders, "policykitaddcommunitydoc").may,
        active: active.into_iter().map(shown).collect(),
        resting: resting.into_iter().map(shown).collect(),
    }))
}

async fn find(app: &AppState, inside: &Inside, id: Place) -> Result<Document, PageError> {
    let found = app.engine().db().community(inside.community).document(named(id)?).await?;
    found.ok_or(PageError::NotFound)
}

async fn show(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let told = outcome(&app, &inside, &asked.proposed).await?;
    let document = find(&app, &inside, id).await?;
    let form = DocumentForm { name: document.name.clone(), text: document.text.clone() };
    let mut shown = render(&app, &inside, Some(&document), form).await?;
    shown.outcome = told;
    Ok(page(&shown))
}

async fn change(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Posted(form): Posted<DocumentForm>,
) -> Result<Response, PageError> {
    let document = find(&app, &inside, id).await?;
    let draft = form.draft();
    let amendment = Amendment::ChangeDocument { document: document.id, draft: draft.clone() };
    proposer(&app, &inside.viewer, &amendment.action_type()).await?;
    let problems = if draft.name == document.name && draft.text == document.text {
        Problems::of("", "Nothing is different, so there is nothing to propose.")
    } else {
        match propose(&app, &inside.viewer, &amendment, Lockout::Refused).await? {
            Tried::Proposed(action) => return Ok(told_at(&format!("/main/documents/{}", document.id), action)),
            Tried::Wrong(problems) => problems,
        }
    };
    wrong(&app, &inside, Some(&document), form, problems).await
}

async fn blank(State(app): State<AppState>, inside: Inside) -> Result<Response, PageError> {
    Ok(page(&render(&app, &inside, None, DocumentForm::default()).await?))
}

async fn add(
    State(app): State<AppState>,
    inside: Inside,
    Posted(form): Posted<DocumentForm>,
) -> Result<Response, PageError> {
    match propose(&app, &inside.viewer, &Amendment::AddDocument(form.draft()), Lockout::Refused).await? {
        Tried::Proposed(action) => Ok(told_at("/main/documents", action)),
        Tried::Wrong(problems) => wrong(&app, &inside, None, form, problems).await,
    }
}

async fn wrong(
    app: &AppState,
    inside: &Inside,
    document: Option<&Document>,
    form: DocumentForm,
    problems: Problems,
) -> Result<Response, PageError> {
    let mut shown = render(app, inside, document, form).await?;
    shown.problems = problems;
    Ok(super::proposing::wrong(&shown))
}

async fn remove(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Posted(_): Posted<Signed>,
) -> Result<Response, PageError> {
    let document = find(&app, &inside, id).await?.id;
    let address = format!("/main/documents/{document}");
    finish(&app, &inside.viewer, &Amendment::DeleteDocument { document }, Lockout::Refused, &address).await
}

async fn recover(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Posted(_): Posted<Signed>,
) -> Result<Response, PageError> {
    let document = find(&app, &inside, id).await?.id;
    let address = format!("/main/documents/{document}");
    finish(&app, &inside.viewer, &Amendment::RecoverDocument { document }, Lockout::Refused, &address).await
}

async fn render(
    app: &AppState,
    inside: &Inside,
    document: Option<&Document>,
    form: DocumentForm,
) -> Result<DocumentPage, PageError> {
    let deciders = app.engine().db().community(inside.community).deciders().await?;
    let next = |action_type| what_next(inside, &deciders, action_type);
    let verb = if document.is_some() { "policykitchangecommunitydoc" } else { "policykitaddcommunitydoc" };
    Ok(DocumentPage {
        chrome: inside.chrome().at("/main/documents"),
        address: document.map_or_else(|| "/main/documents/new".to_owned(), |d| format!("/main/documents/{}", d.id)),
        title: document.map_or_else(|| "A new guideline".to_owned(), |d| d.name.clone()),
        known: document.map(|d| Known {
            id: d.id.to_string(),
            is_active: d.is_active,
            remove: next("policykitdeletecommunitydoc"),
            recover: next("policykitrecovercommunitydoc"),
        }),
        form,
        next: next(verb),
        problems: Problems::default(),
        outcome: None,
    })
}
