//! The way back when nobody can change the rules any more: announced here for everybody to see, carried out days later.

use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use policykit_core::{
    constitution::{self, Amendment},
    ids::{ActionId, PolicyId},
    permission::RECOVER,
    policy::{Policy, PolicyKind},
};
use policykit_engine::{Changeable, EngineError, RECOVERY_WAITS, RecoveryError, Rescuer};
use policykit_store::{Page, PolicyState, RecoveryState, Scoped, Shelf, StoreError};
use serde::Deserialize;

use super::super::{
    list::cursor,
    proposing::{Badge, Problems, of_engine, sentence},
    words::{Moment, moment},
};
use crate::http::{
    AppState,
    auth::{Inside, Posted, Viewer},
    chrome::Chrome,
    errors::{PageError, page},
};

/// Where the page is.
const HERE: &str = "/main/policies/recovery";

/// The page.
#[derive(Debug, Template)]
#[template(path = "policies/recovery.html")]
struct RecoveryPage {
    chrome: Chrome,
    heading: &'static str,
    lede: String,
    may: bool,
    hours: u64,
    choices: Vec<(String, String)>,
    form: RecoveryForm,
    problems: Problems,
    rows: Vec<Row>,
    newest: Option<String>,
    older: Option<String>,
    /// Further policies to choose from.
    before: Option<String>,
    after: Option<String>,
    /// Policies of which not all versions can be chosen: name, and the address where they can.
    cut: Vec<(String, String)>,
}

/// How many recoveries a page shows, and how many policies can be chosen from.
const PER_PAGE: usize = 25;
/// How many versions of each policy can be chosen, the latest first; of one alone all can.
const VERSIONS: i64 = 10;

/// What the address says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// Where the list of recoveries goes on.
    before: String,
    /// How many policies stand before those to choose from.
    from: String,
    /// Only this policy is chosen from, in all its versions.
    policy: String,
}

/// One recovery.
#[derive(Debug, Clone)]
struct Row {
    id: String,
    what: String,
    reason: String,
    by: String,
    at: Moment,
    opens: Moment,
    state: Badge,
    note: Option<String>,
    waits: bool,
    open: bool,
}

/// What is to be announced.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RecoveryForm {
    /// `remove:ID` or `restore:ID:VERSION`.
    what: String,
    reason: String,
}

/// `GET /main/policies/recovery`.
pub(super) async fn show(
    State(app): State<AppState>,
    inside: Inside,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    Ok(page(&render(&app, &inside, &asked, RecoveryForm::default(), Problems::default()).await?))
}

fn rescuer(viewer: &Viewer) -> Rescuer {
    viewer.member().map_or(Rescuer::Operator, |member| Rescuer::Member(member.user))
}

/// `POST /main/policies/recovery`: announces.
pub(super) async fn announce(
    State(app): State<AppState>,
    inside: Inside,
    Posted(form): Posted<RecoveryForm>,
) -> Result<Response, PageError> {
    allowed(&app, &inside).await?;
    let problems = match amendment(&app, &inside, &form.what).await? {
        None => Problems::of("what", "is not one of the choices; choose what is to be changed"),
        Some(amendment) => {
            let by = rescuer(&inside.viewer);
            match app.engine().announce_recovery(inside.community, amendment, &form.reason, &by).await {
                Ok(_) => return Ok(Redirect::to(HERE).into_response()),
                Err(RecoveryError::Engine(error)) => return Err(of_engine(error)),
                Err(RecoveryError::NoReason) => Problems::of("reason", "is empty; say why, for everybody to read"),
                Err(other) => Problems::of("what", sentence(&other.to_string())),
            }
        }
    };
    let shown = render(&app, &inside, &Asked::default(), form, problems).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shown)).into_response())
}

/// What is to become of a recovery.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Decision {
    /// `withdraw` or `carry_out`.
    what: String,
}

/// `POST /main/policies/recovery/{id}`: withdraws it or carries it out.
pub(super) async fn decide(
    State(app): State<AppState>,
    inside: Inside,
    id: Result<Path<String>, PathRejection>,
    Posted(decision): Posted<Decision>,
) -> Result<Response, PageError> {
    allowed(&app, &inside).await?;
    let id: ActionId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or(PageError::NotFound)?;
    let by = rescuer(&inside.viewer);
    let done = match decision.what.as_str() {
        "withdraw" => app.engine().withdraw_recovery(inside.community, id, &by).await,
        "carry_out" => app.engine().carry_out_recovery(inside.community, id, &by).await.map(|_| ()),
        _ => return Err(PageError::BadForm("`what` must be `withdraw` or `carry_out`".to_owned())),
    };
    match done {
        Ok(()) => Ok(Redirect::to(HERE).into_response()),
        Err(RecoveryError::Engine(error)) => Err(of_engine(error)),
        Err(RecoveryError::NotFound) => Err(PageError::NotFound),
        Err(other) => {
            let problems = Problems::of("", sentence(&other.to_string()));
            let shown = render(&app, &inside, &Asked::default(), RecoveryForm::default(), problems).await?;
            Ok((StatusCode::CONFLICT, page(&shown)).into_response())
        }
    }
}

/// Operators and whoever has the permission.
async fn allowed(app: &AppState, inside: &Inside) -> Result<(), PageError> {
    if inside.viewer.is_operator() {
        return Ok(());
    }
    inside.viewer.allow(app, RECOVER, "recover the rules").await.map(|_| ())
}

async fn amendment(app: &AppState, inside: &Inside, what: &str) -> Result<Option<Amendment>, PageError> {
    let mut parts = what.split(':');
    let (verb, id) = (parts.next(), parts.next().and_then(|id| id.parse::<PolicyId>().ok()));
    let Some(id) = id else { return Ok(None) };
    let history = match app.engine().policy_history(inside.community, id).await {
        Ok(history) => history,
        Err(EngineError::Store(StoreError::NotFound { .. })) => return Ok(None),
        Err(error) => return Err(of_engine(error)),
    };
    let kind = history.current.draft.kind;
    Ok(match (verb, parts.next().and_then(|n| n.parse::<i64>().ok())) {
        (Some("remove"), None) => Some(Amendment::RemovePolicy { kind, policy: id }),
        (Some("recover"), None) => Some(Amendment::RecoverPolicy { kind, policy: id }),
        (Some("restore"), Some(number)) => history.roll_back(number),
        _ => None,
    })
}

async fn render(
    app: &AppState,
    inside: &Inside,
    asked: &Asked,
    form: RecoveryForm,
    problems: Problems,
) -> Result<RecoveryPage, PageError> {
    let engine = app.engine();
    let scope = engine.db().community(inside.community);
    let is_operator = inside.viewer.is_operator();
    let has_permission = inside.viewer.member().is_some_and(|m| m.may(RECOVER));
    let (heading, lede, stuck) = match engine.changeable_lately(inside.community).await.map_err(of_engine)? {
        Changeable::Yes(how) => (
            "The rules can be changed by a proposal",
            format!("For example, {how}. A recovery is only for when no proposal can pass any more."),
            false,
        ),
        Changeable::No => (
            "No proposal can change the rules about the rules",
            "Whatever people vote, as far as can be worked out without asking a platform. This is the way back."
                .to_owned(),
            true,
        ),
        // It is looked at more thoroughly when somebody announces or carries one out.
        Changeable::Unknown => (
            "It is not known whether a proposal can change the rules about the rules",
            "The policies about them take too long to find out. A recovery is only for when no proposal can pass any more."
                .to_owned(),
            true,
        ),
    };
    let may = is_operator || (has_permission && stuck);
    let choices = if may { choices(&scope, asked).await? } else { Choices::default() };
    let now = engine.now();
    let before = cursor(&asked.before);
    let mut recoveries = scope.recoveries(Page { before, limit: PER_PAGE + 1 }).await?;
    let more = recoveries.len() > PER_PAGE;
    recoveries.truncate(PER_PAGE);
    let next = recoveries.last().filter(|_| more).map(|r| (r.announced_at, r.id));
    let withdrawn = |note: &str| note.strip_prefix("withdrawn by ").map(str::to_owned);
    let deciders = recoveries
        .iter()
        .flat_map(|r| [Some(r.announced_by.clone()), r.note.as_deref().and_then(withdrawn)].into_iter().flatten());
    let names = scope.decider_names(&deciders.collect()).await?;
    let rows = recoveries
        .into_iter()
        .map(|r| {
            let waits = r.state == RecoveryState::Announced;
            Row {
                id: r.id.to_string(),
                what: sentence(
                    constitution::described(&r.action_type, &r.fields).as_deref().unwrap_or("change the rules"),
                ),
                reason: r.reason,
                by: names.get(&r.announced_by).cloned().unwrap_or_default(),
                at: moment(r.announced_at),
                opens: moment(r.opens_at),
                state: match r.state {
                    RecoveryState::Announced => Badge::of("wait", "clock", "Announced".to_owned()),
                    RecoveryState::Withdrawn => Badge::of("quiet", "dash", "Withdrawn".to_owned()),
                    RecoveryState::Done => Badge::of("good", "tick", "Carried out".to_owned()),
                    RecoveryState::Expired => Badge::of("quiet", "clock", "Expired".to_owned()),
                    RecoveryState::Refused => Badge::of("bad", "cross", "Could not be made".to_owned()),
                },
                note: r.note.map(|note| match withdrawn(&note).and_then(|by| names.get(&by)) {
                    Some(name) => format!("withdrawn by {name}"),
                    None => note,
                }),
                waits,
                open: waits && now >= r.opens_at,
            }
        })
        .collect();
    Ok(RecoveryPage {
        chrome: inside.chrome().at("/main/policies"),
        heading,
        lede,
        may,
        hours: RECOVERY_WAITS.as_secs() / 3600,
        choices: choices.all,
        cut: choices.cut,
        before: choices.before,
        after: choices.after,
        form,
        problems,
        rows,
        newest: before.map(|_| HERE.to_owned()),
        older: next.map(|(at, id)| format!("{HERE}?before={}.{id}", at.micros())),
    })
}

/// What can be announced.
#[derive(Debug, Default)]
struct Choices {
    all: Vec<(String, String)>,
    cut: Vec<(String, String)>,
    before: Option<String>,
    after: Option<String>,
}

/// What can be announced about the policies that decide about the rules: a page of them, or one with all its versions.
async fn choices(scope: &Scoped, asked: &Asked) -> Result<Choices, PageError> {
    let one: Option<PolicyId> = asked.policy.parse().ok();
    let from: usize = asked.from.parse().unwrap_or_default();
    let address = |from: usize| format!("{HERE}?from={from}#new");
    let mut found = Choices::default();
    let policies: Vec<(Policy, PolicyState)> = match one {
        Some(id) => match scope.policy(id).await {
            Ok(policy) if policy.0.draft.kind == PolicyKind::Constitution => vec![policy],
            Ok(_) | Err(StoreError::NotFound { .. }) => return Err(PageError::NotFound),
            Err(error) => return Err(error.into()),
        },
        None => {
            let shelf = Shelf::OfKind(PolicyKind::Constitution);
            let mut shelved = scope.shelved(shelf, "", from, PER_PAGE + 1).await?;
            found.after = (shelved.len() > PER_PAGE).then(|| address(from.saturating_add(PER_PAGE)));
            shelved.truncate(PER_PAGE);
            shelved.into_iter().map(|shelved| (shelved.policy, shelved.state)).collect()
        }
    };
    found.before = match one {
        Some(_) => Some(address(0)),
        None => (from > 0).then(|| address(from.saturating_sub(PER_PAGE))),
    };
    for (policy, state) in policies {
        let (id, name) = (policy.id, &policy.draft.name);
        if state == PolicyState::Active {
            found.all.push((format!("remove:{id}"), format!("Take “{name}” out of force")));
        } else {
            found.all.push((format!("recover:{id}"), format!("Put “{name}” back in force")));
        }
        let oldest = if one.is_some() { 1 } else { policy.version.saturating_sub(VERSIONS).max(1) };
        for number in (oldest..policy.version).rev() {
            let words = format!("Put version {number} of “{name}” in force again");
            found.all.push((format!("restore:{id}:{number}"), words));
        }
        if oldest > 1 {
            found.cut.push((name.clone(), format!("{HERE}?policy={id}#new")));
        }
    }
    Ok(found)
}
