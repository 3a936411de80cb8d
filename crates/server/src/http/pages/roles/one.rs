//! One role: what it allows, who has it, and how both change.

use std::collections::BTreeSet;

use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use policykit_core::{
    community::Role,
    constitution::{Amendment, RoleDraft, is_protected},
    ids::{RoleId, UserId},
};
use policykit_store::{CommunityState, PeopleFilter};
use serde::Deserialize;

use super::{
    super::proposing::{Lockout, Outcome, Problems, Tried, WhatNext, outcome, propose, proposer, told_at, what_next},
    permissions::{PermissionBox, PermissionGroup, groups},
};
use crate::http::{
    AppState,
    auth::{Inside, Posted},
    chrome::Chrome,
    errors::{PageError, page},
};

/// How many holders, and how many people found, are shown.
const MOST: usize = 200;
const FOUND: usize = 20;

/// The page of a role, and the one on which a new one is written.
#[derive(Debug, Template)]
#[template(path = "roles/one.html")]
struct RolePage {
    chrome: Chrome,
    address: String,
    title: String,
    known: Option<Known>,
    form: RoleForm,
    groups: Vec<PermissionGroup>,
    others: Vec<PermissionBox>,
    next: WhatNext,
    problems: Problems,
    outcome: Option<Outcome>,
}

/// What is known about a role that exists.
#[derive(Debug, Clone)]
struct Known {
    id: String,
    is_base: bool,
    keeps_name: bool,
    may_go: bool,
    holders: Vec<Person>,
    more: usize,
    find: String,
    found: Vec<Person>,
    grant: WhatNext,
    revoke: WhatNext,
    delete: WhatNext,
}

/// A member to tick.
#[derive(Debug, Clone)]
struct Person {
    id: String,
    name: String,
    account: String,
}

/// The form as it is sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RoleForm {
    name: String,
    description: String,
    permissions: Vec<String>,
    accepts_lockout: Option<String>,
}

impl RoleForm {
    fn draft(&self) -> RoleDraft {
        RoleDraft {
            name: self.name.trim().to_owned(),
            description: self.description.trim().replace("\r\n", "\n"),
            permissions: self.permissions.iter().cloned().collect(),
        }
    }
}

/// What the page is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    proposed: String,
    find: String,
}

type Place = Result<Path<String>, PathRejection>;

async fn find(app: &AppState, inside: &Inside, id: Place) -> Result<(CommunityState, Role), PageError> {
    let id: RoleId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or(PageError::NotFound)?;
    let state = app.engine().db().community(inside.community).state().await?;
    let role = state.roles.iter().find(|r| r.id == id).cloned().ok_or(PageError::NotFound)?;
    Ok((state, role))
}

/// `GET /main/roles/{id}`.
pub(super) async fn show(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    // First, so that what is shown is what came of it.
    let told = outcome(&app, &inside, &asked.proposed).await?;
    let (state, role) = find(&app, &inside, id).await?;
    let mut shown = render(&app, &inside, &state, Some(&role), form_of(&role), &asked.find).await?;
    shown.outcome = told;
    Ok(page(&shown))
}

fn form_of(role: &Role) -> RoleForm {
    RoleForm {
        name: role.name.clone(),
        description: role.description.clone(),
        permissions: role.permissions.iter().cloned().collect(),
        accepts_lockout: None,
    }
}

/// `POST /main/roles/{id}`: proposes what it is and allows.
pub(super) async fn change(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Posted(form): Posted<RoleForm>,
) -> Result<Response, PageError> {
    let (state, role) = find(&app, &inside, id).await?;
    let draft = form.draft();
    let amendment = Amendment::EditRole { role: role.id, draft: draft.clone() };
    proposer(&app, &inside.viewer, &amendment.action_type()).await?;
    let same =
        draft.name == role.name && draft.description == role.description && draft.permissions == role.permissions;
    let problems = if same {
        Problems::of("", "Nothing is different from the role as it is, so there is nothing to propose.")
    } else if draft.name != role.name && is_protected(&role.name, false) {
        Problems::of("name", format!("must stay `{}`; the integrations are guarded under this name", role.name))
    } else if taken(&state, &draft.name, Some(role.id)) {
        Problems::of("name", format!("is taken: there is a role `{}` already", draft.name))
    } else {
        let lockout = Lockout::said(form.accepts_lockout.as_ref());
        match propose(&app, &inside.viewer, &amendment, lockout).await? {
            Tried::Proposed(action) => return Ok(told_at(&format!("/main/roles/{}", role.id), action)),
            Tried::Wrong(problems) => problems,
        }
    };
    wrong(&app, &inside, &state, Some(&role), form, problems).await
}

/// `GET /main/roles/new`.
pub(super) async fn blank(State(app): State<AppState>, inside: Inside) -> Result<Response, PageError> {
    let state = app.engine().db().community(inside.community).state().await?;
    Ok(page(&render(&app, &inside, &state, None, RoleForm::default(), "").await?))
}

/// `POST /main/roles/new`.
pub(super) async fn add(
    State(app): State<AppState>,
    inside: Inside,
    Posted(form): Posted<RoleForm>,
) -> Result<Response, PageError> {
    let state = app.engine().db().community(inside.community).state().await?;
    let draft = form.draft();
    let amendment = Amendment::AddRole(draft.clone());
    proposer(&app, &inside.viewer, &amendment.action_type()).await?;
    let problems = if taken(&state, &draft.name, None) {
        Problems::of("name", format!("is taken: there is a role `{}` already", draft.name))
    } else {
        match propose(&app, &inside.viewer, &amendment, Lockout::Refused).await? {
            Tried::Proposed(action) => return Ok(told_at("/main/members", action)),
            Tried::Wrong(problems) => problems,
        }
    };
    wrong(&app, &inside, &state, None, form, problems).await
}

fn taken(state: &CommunityState, name: &str, by_other_than: Option<RoleId>) -> bool {
    state.roles.iter().any(|r| r.name == name && Some(r.id) != by_other_than)
}

async fn wrong(
    app: &AppState,
    inside: &Inside,
    state: &CommunityState,
    role: Option<&Role>,
    form: RoleForm,
    problems: Problems,
) -> Result<Response, PageError> {
    let mut shown = render(app, inside, state, role, form, "").await?;
    shown.problems = problems;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shown)).into_response())
}

/// Members who were ticked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ticked {
    users: Vec<String>,
    accepts_lockout: Option<String>,
}

impl Ticked {
    fn users(&self) -> BTreeSet<UserId> {
        self.users.iter().filter_map(|id| id.parse().ok()).collect()
    }
}

/// `POST /main/roles/{id}/grant`.
pub(super) async fn grant(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Posted(ticked): Posted<Ticked>,
) -> Result<Response, PageError> {
    let (state, role) = find(&app, &inside, id).await?;
    let amendment = Amendment::AddUserRole { role: role.id, users: ticked.users() };
    moved(&app, &inside, &state, &role, &amendment, &ticked).await
}

/// `POST /main/roles/{id}/revoke`.
pub(super) async fn revoke(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Posted(ticked): Posted<Ticked>,
) -> Result<Response, PageError> {
    let (state, role) = find(&app, &inside, id).await?;
    let amendment = Amendment::RemoveUserRole { role: role.id, users: ticked.users() };
    moved(&app, &inside, &state, &role, &amendment, &ticked).await
}

/// `POST /main/roles/{id}/delete`.
pub(super) async fn delete(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Posted(ticked): Posted<Ticked>,
) -> Result<Response, PageError> {
    let (_, role) = find(&app, &inside, id).await?;
    let lockout = Lockout::said(ticked.accepts_lockout.as_ref());
    match propose(&app, &inside.viewer, &Amendment::DeleteRole { role: role.id }, lockout).await? {
        Tried::Proposed(action) => Ok(told_at("/main/members", action)),
        Tried::Wrong(problems) => Err(PageError::BadForm(problems.field("").unwrap_or_default().to_owned())),
    }
}

async fn moved(
    app: &AppState,
    inside: &Inside,
    state: &CommunityState,
    role: &Role,
    amendment: &Amendment,
    ticked: &Ticked,
) -> Result<Response, PageError> {
    proposer(app, &inside.viewer, &amendment.action_type()).await?;
    if role.is_base {
        let problems = Problems::of("users", "cannot be chosen here: everybody has this role, always");
        return wrong(app, inside, state, Some(role), form_of(role), problems).await;
    }
    let lockout = Lockout::said(ticked.accepts_lockout.as_ref());
    match propose(app, &inside.viewer, amendment, lockout).await? {
        Tried::Proposed(action) => Ok(told_at(&format!("/main/roles/{}", role.id), action)),
        Tried::Wrong(problems) => wrong(app, inside, state, Some(role), form_of(role), problems).await,
    }
}

async fn render(
    app: &AppState,
    inside: &Inside,
    state: &CommunityState,
    role: Option<&Role>,
    form: RoleForm,
    search: &str,
) -> Result<RolePage, PageError> {
    let chosen = form.permissions.iter().cloned().collect();
    let (groups, others) = groups(app.engine(), &chosen);
    let action_type = if role.is_some() { "policykiteditrole" } else { "policykitaddrole" };
    let known = match role {
        None => None,
        Some(role) => Some(known(app, inside, state, role, search).await?),
    };
    Ok(RolePage {
        chrome: inside.chrome().at("/main/members"),
        address: role.map_or_else(|| "/main/roles/new".to_owned(), |r| format!("/main/roles/{}", r.id)),
        title: role.map_or_else(|| "A new role".to_owned(), |r| r.name.clone()),
        known,
        form,
        groups,
        others,
        next: what_next(inside, state, action_type),
        problems: Problems::default(),
        outcome: None,
    })
}

async fn known(
    app: &AppState,
    inside: &Inside,
    state: &CommunityState,
    role: &Role,
    search: &str,
) -> Result<Known, PageError> {
    let scope = app.engine().db().community(inside.community);
    let person = |user: policykit_core::community::User| Person {
        id: user.id.to_string(),
        name: user.name,
        account: user.external_id,
    };
    let has = |user: &UserId| state.role_members.get(user).is_some_and(|roles| roles.contains(&role.id));
    let mut ids: Vec<UserId> = state.role_members.keys().copied().filter(|id| has(id)).collect();
    let more = ids.len().saturating_sub(MOST);
    ids.truncate(MOST);
    let holders = scope.people_by_id(&ids).await?.into_iter().map(person).collect();
    let found = if search.trim().is_empty() || role.is_base {
        Vec::new()
    } else {
        let filter = PeopleFilter { search: search.to_owned(), limit: FOUND, ..PeopleFilter::default() };
        scope.people(&filter).await?.into_iter().filter(|user| !has(&user.id)).map(person).collect()
    };
    Ok(Known {
        id: role.id.to_string(),
        is_base: role.is_base,
        keeps_name: is_protected(&role.name, false),
        may_go: !is_protected(&role.name, role.is_base),
        holders,
        more,
        find: search.to_owned(),
        found,
        grant: what_next(inside, state, "policykitadduserrole"),
        revoke: what_next(inside, state, "policykitremoveuserrole"),
        delete: what_next(inside, state, "policykitdeleterole"),
    })
}
