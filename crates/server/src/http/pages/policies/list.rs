//! All policies in the order in which they are tried, and that order to change.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use policykit_core::{
    constitution::{self, Amendment},
    ids::PolicyId,
    policy::{Policy, PolicyKind},
};
use policykit_engine::Engine;
use policykit_store::PolicyState;
use serde::Deserialize;

use super::{
    super::proposing::{
        Asked, Badge, Lockout, Outcome, Problems, Tried, WhatNext, outcome, propose, proposer, told_at, what_next,
    },
    form::kind_words,
    one::mark,
};
use crate::http::{
    AppState,
    auth::{Inside, Posted},
    chrome::Chrome,
    errors::{PageError, page},
};

/// The page.
#[derive(Debug, Template)]
#[template(path = "policies/list.html")]
struct ListPage {
    chrome: Chrome,
    heading: String,
    groups: Vec<Group>,
    resting: Vec<Row>,
    outcome: Option<Outcome>,
    problems: Problems,
    may_add: bool,
    recovery: bool,
}

/// Policies of one kind that are in force.
#[derive(Debug, Clone)]
struct Group {
    kind: &'static str,
    words: (&'static str, &'static str),
    rows: Vec<Row>,
    next: WhatNext,
    /// Whether the order on the page is another one than the one in force.
    moved: bool,
    /// Whether some apply to everything and come after those that name their actions.
    tiers: bool,
}

/// One policy.
#[derive(Debug, Clone)]
struct Row {
    id: String,
    name: String,
    description: String,
    applies: String,
    state: Badge,
    number: usize,
    is_first: bool,
    is_last: bool,
}

/// `GET /main/policies`.
pub(super) async fn show(
    State(app): State<AppState>,
    inside: Inside,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let told = outcome(&app, &inside, &asked.proposed).await?;
    let mut shown = render(&app, &inside, None).await?;
    shown.outcome = told;
    Ok(page(&shown))
}

/// A new order of the policies of a kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OrderForm {
    kind: String,
    order: Vec<String>,
    /// `up:ID` or `down:ID`: one step on the page, nothing is proposed yet.
    #[serde(rename = "move")]
    step: Option<String>,
    accepts_lockout: Option<String>,
}

/// `POST /main/policies/order`: moves a policy on the page, or proposes the order as it is there.
pub(super) async fn order(
    State(app): State<AppState>,
    inside: Inside,
    Posted(form): Posted<OrderForm>,
) -> Result<Response, PageError> {
    let kind = PolicyKind::parse(&form.kind).ok_or_else(|| PageError::BadForm("`kind` is missing".to_owned()))?;
    let mut order: Vec<PolicyId> = form.order.iter().filter_map(|id| id.parse().ok()).collect();
    if let Some((way, id)) = form.step.as_deref().and_then(|step| step.split_once(':')) {
        let at = id.parse().ok().and_then(|id: PolicyId| order.iter().position(|known| *known == id));
        let to = at.and_then(|at| if way == "up" { at.checked_sub(1) } else { Some(at + 1) });
        if let (Some(at), Some(to)) = (at, to)
            && to < order.len()
        {
            order.swap(at, to);
        }
        return Ok(page(&render(&app, &inside, Some((kind, &order))).await?));
    }
    let amendment = Amendment::OrderPolicies { kind, order: order.clone() };
    proposer(&app, &inside.viewer, &amendment.action_type()).await?;
    let lockout = Lockout::said(form.accepts_lockout.as_ref());
    let problems = match propose(&app, &inside.viewer, &amendment, lockout).await? {
        Tried::Proposed(action) => return Ok(told_at("/main/policies", action)),
        Tried::Wrong(problems) => problems,
    };
    let mut shown = render(&app, &inside, Some((kind, &order))).await?;
    shown.problems = problems;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shown)).into_response())
}

async fn render(
    app: &AppState,
    inside: &Inside,
    draft: Option<(PolicyKind, &[PolicyId])>,
) -> Result<ListPage, PageError> {
    let scope = app.engine().db().community(inside.community);
    let state = scope.state().await?;
    let labels = labels(app.engine());
    let mut groups = Vec::new();
    for kind in [PolicyKind::Constitution, PolicyKind::Platform, PolicyKind::Trigger] {
        let mut policies: Vec<&Policy> = state.policies.iter().filter(|p| p.draft.kind == kind).collect();
        let tiers = policies.iter().any(|p| p.draft.action_types.is_empty())
            && policies.iter().any(|p| !p.draft.action_types.is_empty());
        let before: Vec<PolicyId> = policies.iter().map(|p| p.id).collect();
        if let Some((_, order)) = draft.filter(|(wanted, _)| *wanted == kind) {
            policies.sort_by_key(|p| order.iter().position(|id| *id == p.id).unwrap_or(usize::MAX));
        }
        let moved = policies.iter().map(|p| p.id).ne(before.iter().copied());
        let last = policies.len();
        let rows = policies
            .into_iter()
            .enumerate()
            .map(|(at, policy)| {
                let mut row = row(policy, PolicyState::Active, &labels);
                row.number = at.saturating_add(1);
                row.is_first = at == 0;
                row.is_last = row.number == last;
                row
            })
            .collect();
        let action_type = format!("policykitorder{}policies", kind.as_str());
        let next = what_next(inside, &state, &action_type);
        groups.push(Group { kind: kind.as_str(), words: kind_words(kind), rows, next, moved, tiers });
    }
    let resting = scope
        .policies()
        .await?
        .into_iter()
        .filter(|(_, state)| *state != PolicyState::Active)
        .map(|(policy, state)| row(&policy, state, &labels))
        .collect();
    let heading = match state.policies.len() {
        0 => "No policy is in force".to_owned(),
        1 => "One policy is in force".to_owned(),
        n => format!("{n} policies are in force"),
    };
    let may_add = what_next(inside, &state, "policykitaddplatformpolicy").may;
    let recovery = scope.recoveries().await?.iter().any(|r| r.state == policykit_store::RecoveryState::Announced);
    Ok(ListPage {
        chrome: inside.chrome().at("/main/policies"),
        heading,
        groups,
        resting,
        outcome: None,
        problems: Problems::default(),
        may_add,
        recovery,
    })
}

/// How types of actions read, by codename.
pub(in crate::http::pages) fn labels(engine: &Engine) -> BTreeMap<String, String> {
    let platforms = engine.registry().descriptors().flat_map(|d| d.governable.iter());
    let all = platforms.cloned().chain(constitution::action_types());
    all.map(|t| (t.codename.to_owned(), t.label.to_owned())).collect()
}

fn row(policy: &Policy, state: PolicyState, labels: &BTreeMap<String, String>) -> Row {
    let types: Vec<&str> = policy
        .draft
        .action_types
        .iter()
        .map(|codename| labels.get(codename).map_or(codename.as_str(), String::as_str))
        .collect();
    let applies = match types.as_slice() {
        [] => "everything of its kind that no policy above decided".to_owned(),
        few if few.len() <= 3 => few.join(", "),
        [first, second, rest @ ..] => format!("{first}, {second} and {} more", rest.len()),
        [one] => (*one).to_owned(),
    };
    Row {
        id: policy.id.to_string(),
        name: policy.draft.name.clone(),
        description: policy.draft.description.clone(),
        applies,
        state: mark(state, policy.version),
        number: 0,
        is_first: false,
        is_last: false,
    }
}
