//! The way back when nobody can change the rules any more: announced here for everybody to see, carried out days later.

use askama::Template;
use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use policykit_core::{
    constitution::{self, Amendment},
    ids::{ActionId, PolicyId},
    permission::RECOVER,
    policy::PolicyKind,
};
use policykit_engine::{Changeable, EngineError, RECOVERY_WAITS, RecoveryError, Rescuer};
use policykit_store::RecoveryState;
use serde::Deserialize;

use super::super::{
    proposing::{Badge, Problems, of_engine, sentence},
    words::{Moment, moment},
};
use crate::http::{
    AppState,
    auth::{Inside, Posted, Viewer},
    chrome::Chrome,
    errors::{PageError, page},
};

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
pub(super) async fn show(State(app): State<AppState>, inside: Inside) -> Result<Response, PageError> {
    Ok(page(&render(&app, &inside, RecoveryForm::default(), Problems::default()).await?))
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
                Ok(_) => return Ok(Redirect::to("/main/policies/recovery").into_response()),
                Err(RecoveryError::Engine(error)) => return Err(of_engine(error)),
                Err(RecoveryError::NoReason) => Problems::of("reason", "is empty; say why, for everybody to read"),
                Err(other) => Problems::of("what", sentence(&other.to_string())),
            }
        }
    };
    let shown = render(&app, &inside, form, problems).await?;
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
        Ok(()) => Ok(Redirect::to("/main/policies/recovery").into_response()),
        Err(RecoveryError::Engine(error)) => Err(of_engine(error)),
        Err(RecoveryError::NotFound) => Err(PageError::NotFound),
        Err(other) => {
            let problems = Problems::of("", sentence(&other.to_string()));
            let shown = render(&app, &inside, RecoveryForm::default(), problems).await?;
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
        Err(EngineError::Store(policykit_store::StoreError::NotFound { .. })) => return Ok(None),
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
    form: RecoveryForm,
    problems: Problems,
) -> Result<RecoveryPage, PageError> {
    let engine = app.engine();
    let scope = engine.db().community(inside.community);
    let is_operator = inside.viewer.is_operator();
    let has_permission = inside.viewer.member().is_some_and(|m| m.may(RECOVER));
    let (heading, lede, stuck) = match engine.changeable(inside.community).await.map_err(of_engine)? {
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
    };
    let may = is_operator || (has_permission && stuck);
    let mut choices = Vec::new();
    if may {
        for (policy, state) in scope.policies().await? {
            if policy.draft.kind != PolicyKind::Constitution {
                continue;
            }
            let name = &policy.draft.name;
            if state == policykit_store::PolicyState::Active {
                choices.push((format!("remove:{}", policy.id), format!("Take “{name}” out of force")));
            } else {
                choices.push((format!("recover:{}", policy.id), format!("Put “{name}” back in force")));
            }
            for number in (1..policy.version).rev() {
                choices.push((
                    format!("restore:{}:{number}", policy.id),
                    format!("Put version {number} of “{name}” in force again"),
                ));
            }
        }
    }
    let now = engine.now();
    let recoveries = scope.recoveries().await?;
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
                what: sentence(constitution::label(&r.action_type).unwrap_or("change the rules")),
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
        choices,
        form,
        problems,
        rows,
    })
}
