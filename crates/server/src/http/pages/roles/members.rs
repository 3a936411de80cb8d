//! Who is here and who has which role.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use policykit_core::ids::{RoleId, UserId};
use policykit_store::PeopleFilter;
use serde::Deserialize;

use super::{
    super::{
        proposing::{Outcome, outcome, what_next},
        words::count,
    },
    permissions::summary,
};
use crate::http::{
    AppState,
    auth::Inside,
    chrome::Chrome,
    errors::{PageError, page},
};

/// How many members a page holds.
const PER_PAGE: usize = 50;

/// The page.
#[derive(Debug, Template)]
#[template(path = "roles/members.html")]
struct MembersPage {
    chrome: Chrome,
    lede: String,
    outcome: Option<Outcome>,
    may_add: bool,
    roles: Vec<RoleCard>,
    search: String,
    chosen: String,
    people: Vec<Person>,
    next: Option<String>,
}

/// A role in the list.
#[derive(Debug, Clone)]
struct RoleCard {
    id: String,
    name: String,
    holders: String,
    description: String,
    allows: Vec<String>,
    is_base: bool,
}

/// A member in the list.
#[derive(Debug, Clone)]
struct Person {
    name: String,
    account: String,
    place: String,
    roles: Vec<(String, String)>,
    is_you: bool,
    is_admin: bool,
}

/// What to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    role: String,
    after: String,
    after_name: String,
    proposed: String,
}

/// `GET /main/members`.
pub(super) async fn show(
    State(app): State<AppState>,
    inside: Inside,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let told = outcome(&app, &inside, &asked.proposed).await?;
    let scope = app.engine().db().community(inside.community);
    let (all_roles, installations) = (scope.roles().await?, scope.installations().await?);
    let total = scope.count_people().await?;
    let after = asked.after.parse::<UserId>().ok().map(|id| (asked.after_name.clone(), id));
    let wanted: Option<RoleId> = asked.role.parse().ok();
    let base = all_roles.iter().find(|r| r.is_base).map(|r| r.id);
    let filter = PeopleFilter {
        search: asked.q.clone(),
        // Everybody has the base role.
        role: wanted.filter(|id| Some(*id) != base),
        after,
        limit: PER_PAGE + 1,
        ..PeopleFilter::default()
    };
    let mut people = scope.people(&filter).await?;
    let further = people.len() > PER_PAGE;
    people.truncate(PER_PAGE);
    let next = people.last().filter(|_| further).map(|last| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", &asked.q)
            .append_pair("role", &asked.role)
            .append_pair("after_name", &last.name)
            .append_pair("after", &last.id.to_string())
            .finish();
        format!("/main/members?{query}")
    });
    let ids: Vec<UserId> = people.iter().map(|user| user.id).collect();
    let (holders, roles_of) = (scope.role_sizes().await?, scope.roles_of(&ids).await?);
    let me = inside.viewer.member().map(|m| m.user);
    let place = |id| installations.iter().find(|i| i.id == id).map(|i| i.name.clone()).unwrap_or_default();
    let rows = people
        .into_iter()
        .map(|user| {
            let own = roles_of.get(&user.id);
            let roles = all_roles.iter().filter(|r| own.is_some_and(|ids| ids.contains(&r.id)));
            Person {
                roles: roles.map(|r| (r.id.to_string(), r.name.clone())).collect(),
                place: place(user.installation),
                is_you: Some(user.id) == me,
                is_admin: user.is_admin,
                account: user.external_id,
                name: user.name,
            }
        })
        .collect();
    let mut roles: Vec<RoleCard> = all_roles
        .iter()
        .map(|role| RoleCard {
            id: role.id.to_string(),
            name: role.name.clone(),
            holders: if role.is_base {
                format!("Everyone, {total}")
            } else {
                count(holders.get(&role.id).copied().unwrap_or_default(), "person", "people")
            },
            description: role.description.clone(),
            allows: summary(app.engine(), &role.permissions),
            is_base: role.is_base,
        })
        .collect();
    roles.sort_by_key(|role| !role.is_base);
    let accounts = usize::try_from(total).unwrap_or_default();
    Ok(page(&MembersPage {
        chrome: inside.chrome().at("/main/members"),
        lede: format!(
            "{}, {}. Granting or taking a role is a proposal and passes as the rules say.",
            count(accounts, "account", "accounts"),
            count(all_roles.len(), "role", "roles")
        ),
        outcome: told,
        may_add: what_next(&inside, &scope.deciders().await?, "policykitaddrole").may,
        roles,
        search: asked.q,
        chosen: asked.role,
        people: rows,
        next,
    }))
}
