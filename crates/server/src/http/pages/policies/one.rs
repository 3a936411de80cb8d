//! One policy: what it says, what would become of a change, and how it came to be what it is.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use policykit_core::{
    constitution::Amendment,
    ids::PolicyId,
    policy::{Policy, PolicyKind},
};
use policykit_engine::{PolicyHistory, difference};
use policykit_store::PolicyState;
use serde::Deserialize;

use super::{
    super::{
        proposing::{
            Asked, Badge, Lockout, Outcome, Place, Problems, Tried, WhatNext, finish, named, of_engine, outcome,
            propose, proposer, told_at, what_next, wrong,
        },
        words::{Moment, moment},
    },
    form::{BlockField, OnErrorChoice, PolicyForm, TypeGroup, blocks, kind_words, on_error_choices, type_groups},
    versions::{DiffPart, parts},
};
use crate::http::{
    AppState,
    auth::{Inside, Posted},
    chrome::Chrome,
    errors::{PageError, page},
};

/// The page of a policy, and the one on which a new one is written.
#[derive(Debug, Template)]
#[template(path = "policies/one.html")]
struct PolicyPage {
    chrome: Chrome,
    /// Where the form goes.
    address: String,
    /// The policy, unless it is new.
    known: Option<Known>,
    title: String,
    kind: &'static str,
    kind_words: (&'static str, &'static str),
    is_constitution: bool,
    form: PolicyForm,
    blocks: Vec<BlockField>,
    types: Vec<TypeGroup>,
    on_error: Vec<OnErrorChoice>,
    next: WhatNext,
    problems: Problems,
    outcome: Option<Outcome>,
    save: String,
}

/// What is known about a policy that exists.
#[derive(Debug, Clone)]
struct Known {
    id: String,
    place: String,
    state: Badge,
    version: i64,
    is_active: bool,
    is_suspended: bool,
    versions: Vec<VersionRow>,
    latest: Vec<DiffPart>,
    latest_words: String,
}

/// One version in the list.
#[derive(Debug, Clone)]
struct VersionRow {
    number: i64,
    in_force: bool,
    what: String,
    at: Moment,
    by: String,
    proposal: Option<String>,
}

/// The policy that an address names, of this community.
pub(super) async fn find(app: &AppState, inside: &Inside, id: Place) -> Result<PolicyHistory, PageError> {
    let id: PolicyId = named(id)?;
    app.engine().policy_history(inside.community, id).await.map_err(of_engine)
}

/// `GET /main/policies/{id}`.
pub(super) async fn show(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let history = find(&app, &inside, id).await?;
    let told = outcome(&app, &inside, &asked.proposed).await?;
    // Read again: what was just proposed may have changed it.
    let history = match &told {
        Some(_) => app.engine().policy_history(inside.community, history.current.id).await.map_err(of_engine)?,
        None => history,
    };
    let form = PolicyForm::of(&history.current.draft, Some(history.current.version));
    let mut shown = render(&app, &inside, Some(&history), history.current.draft.kind, form).await?;
    shown.outcome = told;
    Ok(page(&shown))
}

/// `POST /main/policies/{id}`: proposes a new version.
pub(super) async fn change(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Posted(form): Posted<PolicyForm>,
) -> Result<Response, PageError> {
    let history = find(&app, &inside, id).await?;
    let Policy { id, draft, .. } = &history.current;
    let wanted = form.draft(draft.kind);
    let lockout = Lockout::said(form.accepts_lockout.as_ref());
    let amendment = Amendment::ChangePolicy { policy: *id, version: form.version, draft: wanted.clone() };
    proposer(&app, &inside.viewer, &amendment.action_type()).await?;
    let current = form.version.and_then(|n| history.version(n)).map_or(draft, |v| &v.policy.draft);
    let problems = if wanted == *current && history.state == PolicyState::Active {
        Problems::of("", "Nothing is different from the version in force, so there is nothing to propose.")
    } else {
        match propose(&app, &inside.viewer, &amendment, lockout).await? {
            Tried::Proposed(action) => return Ok(told_at(&format!("/main/policies/{id}"), action)),
            Tried::Wrong(problems) => problems,
        }
    };
    let mut shown = render(&app, &inside, Some(&history), draft.kind, form).await?;
    shown.problems = problems;
    Ok(wrong(&shown))
}

/// Which kind of policy is to be written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    kind: String,
}

/// `GET /main/policies/new`.
pub(super) async fn blank(
    State(app): State<AppState>,
    inside: Inside,
    Query(which): Query<Which>,
) -> Result<Response, PageError> {
    let kind = PolicyKind::parse(&which.kind).unwrap_or(PolicyKind::Platform);
    let form = PolicyForm {
        kind: kind.as_str().to_owned(),
        check: "return PASSED".to_owned(),
        on_error: "hold".to_owned(),
        ..PolicyForm::default()
    };
    Ok(page(&render(&app, &inside, None, kind, form).await?))
}

/// `POST /main/policies/new`: proposes a new policy.
pub(super) async fn add(
    State(app): State<AppState>,
    inside: Inside,
    Posted(form): Posted<PolicyForm>,
) -> Result<Response, PageError> {
    let kind = PolicyKind::parse(&form.kind).unwrap_or(PolicyKind::Platform);
    let lockout = Lockout::said(form.accepts_lockout.as_ref());
    match propose(&app, &inside.viewer, &Amendment::AddPolicy(form.draft(kind)), lockout).await? {
        Tried::Proposed(action) => Ok(told_at("/main/policies", action)),
        Tried::Wrong(problems) => {
            let mut shown = render(&app, &inside, None, kind, form).await?;
            shown.problems = problems;
            Ok(wrong(&shown))
        }
    }
}

/// What goes with taking a policy out of force, or putting it back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Force {
    accepts_lockout: Option<String>,
}

/// `POST /main/policies/{id}/remove`.
pub(super) async fn remove(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Posted(force): Posted<Force>,
) -> Result<Response, PageError> {
    let policy = find(&app, &inside, id).await?.current;
    let amendment = Amendment::RemovePolicy { kind: policy.draft.kind, policy: policy.id };
    let lockout = Lockout::said(force.accepts_lockout.as_ref());
    finish(&app, &inside.viewer, &amendment, lockout, &format!("/main/policies/{}", policy.id)).await
}

/// `POST /main/policies/{id}/recover`.
pub(super) async fn recover(
    State(app): State<AppState>,
    inside: Inside,
    id: Place,
    Posted(force): Posted<Force>,
) -> Result<Response, PageError> {
    let policy = find(&app, &inside, id).await?.current;
    let amendment = Amendment::RecoverPolicy { kind: policy.draft.kind, policy: policy.id };
    let lockout = Lockout::said(force.accepts_lockout.as_ref());
    finish(&app, &inside.viewer, &amendment, lockout, &format!("/main/policies/{}", policy.id)).await
}

async fn render(
    app: &AppState,
    inside: &Inside,
    history: Option<&PolicyHistory>,
    kind: PolicyKind,
    form: PolicyForm,
) -> Result<PolicyPage, PageError> {
    let scope = app.engine().db().community(inside.community);
    let place = match history {
        Some(history) => scope.policy_place(kind, history.current.id).await?,
        None => None,
    };
    let verb = if history.is_some() { "change" } else { "add" };
    let action_type = format!("policykit{verb}{}policy", kind.as_str());
    let save = history.map_or_else(
        || "Propose this policy".to_owned(),
        |h| format!("Propose version {}", h.versions.last().map_or(1, |v| v.policy.version + 1)),
    );
    Ok(PolicyPage {
        chrome: inside.chrome().at("/main/policies"),
        address: history
            .map_or_else(|| "/main/policies/new".to_owned(), |h| format!("/main/policies/{}", h.current.id)),
        title: history.map_or_else(|| "A new policy".to_owned(), |h| h.current.draft.name.clone()),
        known: history.map(|h| known(h, place)),
        kind: kind.as_str(),
        kind_words: kind_words(kind),
        is_constitution: kind == PolicyKind::Constitution,
        blocks: blocks(&form),
        types: type_groups(app.engine(), &scope.installations().await?, kind, &form.action_types),
        on_error: on_error_choices(&form),
        next: what_next(inside, &scope.deciders().await?, &action_type),
        problems: Problems::default(),
        outcome: None,
        form,
        save,
    })
}

fn known(history: &PolicyHistory, place: Option<usize>) -> Known {
    let PolicyHistory { current, state: stands, versions } = history;
    let place = place.map_or_else(|| "out of force".to_owned(), |place| format!("number {place} of its kind"));
    let mut rows = Vec::with_capacity(versions.len());
    let mut before: Option<&policykit_store::PolicyVersion> = None;
    for version in versions {
        let what = before.map_or_else(
            || "the first version".to_owned(),
            |before| {
                let parts: Vec<_> =
                    difference(&before.policy.draft, &version.policy.draft).iter().map(|d| d.part).collect();
                if parts.is_empty() { "nothing, saved again".to_owned() } else { parts.join(", ") }
            },
        );
        rows.push(VersionRow {
            number: version.policy.version,
            in_force: version.policy.version == current.version,
            what,
            at: moment(version.saved_at),
            by: version.author.clone().unwrap_or_else(|| "the beginning, or the operator".to_owned()),
            proposal: version.proposal.map(|id| id.to_string()),
        });
        before = Some(version);
    }
    rows.reverse();
    let previous = versions.iter().rev().find(|v| v.policy.version < current.version);
    let latest = previous.map(|p| parts(&p.policy.draft, &current.draft)).unwrap_or_default();
    let latest_words =
        previous.map_or_else(String::new, |p| format!("Version {} and version {}", p.policy.version, current.version));
    Known {
        id: current.id.to_string(),
        place,
        state: mark(*stands, current.version),
        version: current.version,
        is_active: *stands == PolicyState::Active,
        is_suspended: *stands == PolicyState::Suspended,
        versions: rows,
        latest,
        latest_words,
    }
}

/// How a policy stands.
pub(super) fn mark(state: PolicyState, version: i64) -> Badge {
    match state {
        PolicyState::Active => Badge::of("live", "live", format!("In force, version {version}")),
        PolicyState::Suspended => Badge::of("bad", "warn", format!("Failing, set aside at version {version}")),
        PolicyState::Inactive => Badge::of("quiet", "dash", "Out of force".to_owned()),
    }
}
