//! One role: what it allows, who has it, and how both change.

use std::collections::BTreeSet;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use policykit_core::{
    community::Role,
    constitution::{Amendment, RoleDraft, is_protected},
    ids::{RoleId, UserId},
};
use policykit_store::{Crowd, Decider, PeopleFilter};
use serde::Deserialize;

use super::{
    super::{
        proposing::{
            self, Lockout, Outcome, Place, Problems, Tried, WhatNext, finish, named, outcome, propose, proposer,
            told_at, what_next,
        },
        words::count,
    },
    permissions::{PermissionBox, PermissionGroup, groups},
};
use crate::http::{
    AppState,
    auth::{Inside, Posted},
    chrome::Chrome,
    errors::{PageError, page},
};

/// How many holders a page holds, and how many people found are shown.
const PER_PAGE: usize = 50;
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
    /// How many have it, where not all of them are on the page.
    many: Option<String>,
    /// Part of a name by which holders were looked for.
    who: String,
    next: Option<String>,
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
    /// Part of a name of somebody to give the role to.
    find: String,
    /// Part of a name of somebody who has it.
    who: String,
    /// The last holder of the page before.
    after: String,
    after_name: String,
}

/// What the pages of roles know of the community.
struct Here {
    roles: Vec<Role>,
    deciders: Vec<Decider>,
}

async fn here(app: &AppState, inside: &Inside) -> Result<Here, PageError> {
    let scope = app.engine().db().community(inside.community);
    Ok(Here { roles: scope.roles().await?, deciders: scope.deciders().await? })
}

async fn find(app: &AppState, inside: &Inside, id: Place) -> Result<(Here, Role), PageError> {
    let id: RoleId = named(id)?;
    let here = here(app, inside).await?;
    let role = here.roles.iter().find(|r| r.id == id).cloned().ok_or(PageError::NotFound)?;
    Ok((here, role))
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
    let (here, role) = find(&app, &inside, id).await?;
    let mut shown = render(&app, &inside, &here, Some(&role), form_of(&role), &asked).await?;
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
    let (here, role) = find(&app, &inside, id).await?;
    let draft = form.draft();
    let amendment = Amendment::EditRole { role: role.id, draft: draft.clone() };
    proposer(&app, &inside.viewer, &amendment.action_type()).await?;
    let same =
        draft.name == role.name && draft.description == role.description && draft.permissions == role.permissions;
    let problems = if same {
        Problems::of("", "Nothing is different from the role as it is, so there is nothing to propose.")
    } else if draft.name != role.name && is_protected(&role.name, false) {
        Problems::of("name", format!("must stay `{}`; the integrations are guarded under this name", role.name))
    } else if taken(&here, &draft.name, Some(role.id)) {
        Problems::of("name", format!("is taken: there is a role `{}` already", draft.name))
    } else {
        let lockout = Lockout::said(form.accepts_lockout.as_ref());
        match propose(&app, &inside.viewer, &amendment, lockout).await? {
            Tried::Proposed(action) => return Ok(told_at(&format!("/main/roles/{}", role.id), action)),
            Tried::Wrong(problems) => problems,
        }
    };
    wrong(&app, &inside, &here, Some(&role), form, problems).await
}

/// `GET /main/roles/new`.
pub(super) async fn blank(State(app): State<AppState>, inside: Inside) -> Result<Response, PageError> {
    let here = here(&app, &inside).await?;
    Ok(page(&render(&app, &inside, &here, None, RoleForm::default(), &Asked::default()).await?))
}

/// `POST /main/roles/new`.
pub(super) async fn add(
    State(app): State<AppState>,
    inside: Inside,
    Posted(form): Posted<RoleForm>,
) -> Result<Response, PageError> {
    let here = here(&app, &inside).await?;
    let draft = form.draft();
    let amendment = Amendment::AddRole(draft.clone());
    proposer(&app, &inside.viewer, &amendment.action_type()).await?;
    let problems = if taken(&here, &draft.name, None) {
        Problems::of("name", format!("is taken: there is a role `{}` already", draft.name))
    } else {
        match propose(&app, &inside.viewer, &amendment, Lockout::Refused).await? {
            Tried::Proposed(action) => return Ok(told_at("/main/members", action)),
            Tried::Wrong(problems) => problems,
        }
    };
    wrong(&app, &inside, &here, None, form, problems).await
}

fn taken(here: &Here, name: &str, by_other_than: Option<RoleId>) -> bool {
    here.roles.iter().any(|r| r.name == name && Some(r.id) != by_other_than)
}

async fn wrong(
    app: &AppState,
    inside: &Inside,
    here: &Here,
    role: Option<&Role>,
    form: RoleForm,
    problems: Problems,
) -> Result<Response, PageError> {
    let mut shown = render(app, inside, here, role, form, &Asked::default()).await?;
    shown.problems = problems;
    Ok(proposing::wrong(&shown))
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
    let (here, role) = find(&app, &inside, id).await?;
    let amendment = Amendment::AddUserRole { role: role.id, users: ticked.users() };
    moved(&app, &inside, &here, &role, &amendment, &ticked).await
}

/// `POST /main/roles/{id}/revoke`.
pub(super) async fn revoke(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Posted(ticked): Posted<Ticked>,
) -> Result<Response, PageError> {
    let (here, role) = find(&app, &inside, id).await?;
    let amendment = Amendment::RemoveUserRole { role: role.id, users: ticked.users() };
    moved(&app, &inside, &here, &role, &amendment, &ticked).await
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
    finish(&app, &inside.viewer, &Amendment::DeleteRole { role: role.id }, lockout, "/main/members").await
}

async fn moved(
    app: &AppState,
    inside: &Inside,
    here: &Here,
    role: &Role,
    amendment: &Amendment,
    ticked: &Ticked,
) -> Result<Response, PageError> {
    proposer(app, &inside.viewer, &amendment.action_type()).await?;
    if role.is_base {
        let problems = Problems::of("users", "cannot be chosen here: everybody has this role, always");
        return wrong(app, inside, here, Some(role), form_of(role), problems).await;
    }
    let lockout = Lockout::said(ticked.accepts_lockout.as_ref());
    match propose(app, &inside.viewer, amendment, lockout).await? {
        Tried::Proposed(action) => Ok(told_at(&format!("/main/roles/{}", role.id), action)),
        Tried::Wrong(problems) => wrong(app, inside, here, Some(role), form_of(role), problems).await,
    }
}

async fn render(
    app: &AppState,
    inside: &Inside,
    here: &Here,
    role: Option<&Role>,
    form: RoleForm,
    asked: &Asked,
) -> Result<RolePage, PageError> {
    let chosen = form.permissions.iter().cloned().collect();
    let (groups, others) = groups(app.engine(), &chosen);
    let action_type = if role.is_some() { "policykiteditrole" } else { "policykitaddrole" };
    let known = match role {
        None => None,
        Some(role) => Some(known(app, inside, here, role, asked).await?),
    };
    Ok(RolePage {
        chrome: inside.chrome().at("/main/members"),
        address: role.map_or_else(|| "/main/roles/new".to_owned(), |r| format!("/main/roles/{}", r.id)),
        title: role.map_or_else(|| "A new role".to_owned(), |r| r.name.clone()),
        known,
        form,
        groups,
        others,
        next: what_next(inside, &here.deciders, action_type),
        problems: Problems::default(),
        outcome: None,
    })
}

async fn known(app: &AppState, inside: &Inside, here: &Here, role: &Role, asked: &Asked) -> Result<Known, PageError> {
    let scope = app.engine().db().community(inside.community);
    let person = |user: policykit_core::community::User| Person {
        id: user.id.to_string(),
        name: user.name,
        account: user.external_id,
    };
    let (mut holders, mut many) = (Vec::new(), None);
    if !role.is_base {
        let filter = PeopleFilter {
            // Whoever has left, and a program, can have it still, and it can be taken from them.
            crowd: Crowd::Everybody,
            role: Some(role.id),
            search: asked.who.clone(),
            after: asked.after.parse().ok().map(|id| (asked.after_name.clone(), id)),
            limit: PER_PAGE + 1,
        };
        holders = scope.people(&filter).await?;
        if holders.len() > PER_PAGE || filter.after.is_some() || !filter.search.trim().is_empty() {
            let all = scope.role_sizes().await?.get(&role.id).copied().unwrap_or_default();
            many = Some(count(all, "person has it", "people have it"));
        }
    }
    let further = holders.len() > PER_PAGE;
    holders.truncate(PER_PAGE);
    let next = holders.last().filter(|_| further).map(|last| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("who", &asked.who)
            .append_pair("after_name", &last.name)
            .append_pair("after", &last.id.to_string())
            .finish();
        format!("/main/roles/{}?{query}", role.id)
    });
    let found = if asked.find.trim().is_empty() || role.is_base {
        Vec::new()
    } else {
        let filter = PeopleFilter { search: asked.find.clone(), limit: FOUND, ..PeopleFilter::default() };
        let found = scope.people(&filter).await?;
        let ids: Vec<UserId> = found.iter().map(|user| user.id).collect();
        let roles = scope.roles_of(&ids).await?;
        let has = |user: &UserId| roles.get(user).is_some_and(|roles| roles.contains(&role.id));
        found.into_iter().filter(|user| !has(&user.id)).map(person).collect()
    };
    Ok(Known {
        id: role.id.to_string(),
        is_base: role.is_base,
        keeps_name: is_protected(&role.name, false),
        may_go: !is_protected(&role.name, role.is_base),
        holders: holders.into_iter().map(person).collect(),
        many,
        who: asked.who.clone(),
        next,
        find: asked.find.clone(),
        found,
        grant: what_next(inside, &here.deciders, "policykitadduserrole"),
        revoke: what_next(inside, &here.deciders, "policykitremoveuserrole"),
        delete: what_next(inside, &here.deciders, "policykitdeleterole"),
    })
}
