//! What waits for a person: a policy broke while it decided, or nobody governs it. Whoever has the permission says what
//! becomes of it.

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State, rejection::PathRejection},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use policykit_core::{
    action::Action,
    ids::{ActionId, ProposalId},
    permission::SETTLE_HELD,
    policy::PolicyKind,
};
use policykit_engine::{Held, HeldAs, SettleError, Settler};
use policykit_store::{HeldRow, Matter, Page, StoreError};
use serde::Deserialize;

use super::{
    list::cursor,
    mentions::{Written, name_all},
    proposing::sentence,
    sight::sight,
    waiting::until_taken_in,
    words::{self, Moment, heading, moment},
};
use crate::http::{
    AppState,
    auth::{Inside, Posted, Viewer},
    chrome::Chrome,
    errors::{PageError, page},
};

/// How many a page shows.
const PER_PAGE: usize = 25;
/// How much is quoted of what somebody wrote, in letters.
const EXCERPT: usize = 600;
/// What somebody does who settles what is held.
const DECIDING: &str = "decide about what is held";

/// The routes of this part.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/main/held", get(show))
        .route("/main/held/{id}", post(settle_action))
        .route("/proposals/{id}/settle", post(settle_proposal))
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "held.html")]
struct HeldPage {
    chrome: Chrome,
    heading: String,
    may: bool,
    who: String,
    rows: Vec<Row>,
    said: Option<&'static str>,
    newest: Option<String>,
    older: Option<String>,
}

/// Something that is held.
#[derive(Debug, Clone)]
struct Row {
    /// Where the buttons send to.
    address: String,
    title: String,
    /// The words of the action, where it has any.
    excerpt: Option<String>,
    why: String,
    error: Option<String>,
    proposal: Option<String>,
    at: Moment,
    /// Whether what it says is withheld from this visitor: then somebody else decides.
    withheld: bool,
    /// Whether this visitor proposed to change the rules: then somebody else lets it pass.
    own: bool,
    /// What each button does.
    pass: &'static str,
    refuse: &'static str,
}

/// What the address says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// What was decided just now.
    said: String,
    /// Where the list goes on.
    before: String,
}

async fn show(State(app): State<AppState>, inside: Inside, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let scope = app.engine().db().community(inside.community);
    let before = cursor(&asked.before);
    let mut found = scope.held(&sight(&app, &inside.viewer), Page { before, limit: PER_PAGE + 1 }).await?;
    let more = found.len() > PER_PAGE;
    found.truncate(PER_PAGE);
    let next = found.last().filter(|_| more).map(HeldRow::place);
    let mut rows: Vec<Row> = found
        .iter()
        .map(|held| {
            let action = &held.action;
            let label = app.engine().describe(&action.action_type, &action.fields);
            let title = held.initiator.as_ref().map_or_else(|| sentence(&label), |who| format!("{who}: {label}"));
            let happened = action.kind == PolicyKind::Platform
                && action.origin == policykit_core::action::Origin::Platform
                && !action.reverted;
            let (pass, refuse) = match (action.kind, happened) {
                (PolicyKind::Trigger, _) => ("Close it as passed", "Close it as failed"),
                (_, true) => ("Let it stand", "Undo it"),
                (_, false) => ("Let it pass", "Refuse it"),
            };
            Row {
                address: held.proposal.as_ref().map_or_else(
                    || format!("/main/held/{}", action.id),
                    |(p, _)| format!("/proposals/{}/settle", p.id),
                ),
                why: held.proposal.as_ref().map_or_else(
                    || "No policy governs it.".to_owned(),
                    |(_, policy)| format!("“{policy}” broke while it decided."),
                ),
                error: held.proposal.as_ref().and_then(|(p, _)| p.error.clone()),
                proposal: held.proposal.as_ref().map(|(p, _)| p.id.to_string()),
                at: moment(action.occurred_at),
                withheld: held.withheld,
                own: is_own(action, &inside.viewer),
                title: heading(title, held.withheld),
                excerpt: words::excerpt(action.kind, &action.fields, EXCERPT),
                pass,
                refuse,
            }
        })
        .collect();
    let quoted = found.iter().zip(&mut rows).filter_map(|(held, row)| {
        let kind = words::excerpt_kind(&held.action.fields, app.engine().fields(&held.action.action_type));
        row.excerpt.as_mut().map(|text| Written::said(held.action.installation, text, kind))
    });
    name_all(&app, &scope, &inside.viewer, quoted.collect()).await?;
    let roles = scope.roles_with(SETTLE_HELD).await?;
    let may = inside.viewer.is_operator() || inside.viewer.member().is_some_and(|m| m.may(SETTLE_HELD));
    let heading = match rows.len() {
        _ if before.is_some() => "What has waited longer for a person".to_owned(),
        0 => "Nothing waits for a person".to_owned(),
        1 => "One thing waits for a person".to_owned(),
        n if more => format!("More than {n} things wait for a person"),
        n => format!("{n} things wait for a person"),
    };
    Ok(page(&HeldPage {
        chrome: inside.chrome().at("/main/proposals"),
        heading,
        may,
        who: roles.join(", "),
        rows,
        newest: before.map(|_| "/main/held".to_owned()),
        older: next.map(|(at, id)| format!("/main/held?before={}.{id}", at.micros())),
        said: match asked.said.as_str() {
            "passed" => Some("It was let through, and the record says by whom."),
            "failed" => Some("It was refused, and the record says by whom."),
            _ => None,
        },
    }))
}

/// Whether this visitor proposed this change of the rules.
pub(super) fn is_own(action: &Action, viewer: &Viewer) -> bool {
    let member = viewer.member().map(|member| member.user);
    action.kind == PolicyKind::Constitution && member.is_some() && action.initiator == member
}

/// The answer to whoever would decide about what they may not read.
pub(super) fn unseen(inside: &Inside) -> PageError {
    PageError::CannotBe {
        chrome: Box::new(inside.chrome()),
        heading: "Somebody else has to decide this",
        why: "It happened in a private conversation, and none of your roles may read those".to_owned(),
        advice: "Somebody who may decide about it and has a role that may read private conversations does it, or whoever runs \
                 this server.",
    }
}

/// What is to become of it: what the buttons say is read only for those who may decide.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Decision {
    settled: String,
}

impl Decision {
    fn read(&self) -> Result<HeldAs, PageError> {
        match self.settled.as_str() {
            "passed" => Ok(HeldAs::Passed),
            "failed" => Ok(HeldAs::Failed),
            _ => Err(PageError::BadForm("it does not say what is to become of it".to_owned())),
        }
    }
}

async fn settle_proposal(
    State(app): State<AppState>,
    inside: Inside,
    id: Result<Path<String>, PathRejection>,
    Posted(decision): Posted<Decision>,
) -> Result<Response, PageError> {
    let id: ProposalId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or(PageError::NotFound)?;
    settle(&app, &inside, Held::Proposal(id), &decision).await?;
    Ok(Redirect::to(&format!("/proposals/{id}")).into_response())
}

async fn settle_action(
    State(app): State<AppState>,
    inside: Inside,
    id: Result<Path<String>, PathRejection>,
    Posted(decision): Posted<Decision>,
) -> Result<Response, PageError> {
    let id: ActionId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or(PageError::NotFound)?;
    let settled = settle(&app, &inside, Held::Action(id), &decision).await?;
    let word = if settled == HeldAs::Passed { "passed" } else { "failed" };
    Ok(Redirect::to(&format!("/main/held?said={word}")).into_response())
}

/// Says what was decided, by whoever was first.
async fn settle(app: &AppState, inside: &Inside, held: Held, decision: &Decision) -> Result<HeldAs, PageError> {
    // What is hidden from them is not there.
    let scope = app.engine().db().community(inside.community);
    let action = match held {
        Held::Proposal(id) => scope.proposal(id).await.map(|bundle| bundle.action),
        Held::Action(id) => scope.action(id).await,
    };
    match action {
        Ok(action) if sight(app, &inside.viewer).sees(&action.action_type) => {}
        Ok(_) | Err(StoreError::NotFound { .. }) => return Err(PageError::NotFound),
        Err(error) => return Err(error.into()),
    }
    let matter = match held {
        Held::Proposal(id) => Matter::Proposal(id),
        Held::Action(id) => Matter::Action(id),
    };
    if scope.withholds(matter, &sight(app, &inside.viewer)).await? {
        return Err(unseen(inside));
    }
    let by = match inside.viewer.member() {
        None => Settler::Operator,
        Some(member) => {
            inside.viewer.allow(app, SETTLE_HELD, DECIDING).await?;
            Settler::Member(member.user)
        }
    };
    let settled = decision.read()?;
    match app.engine().settle_held(inside.community, held, settled, by).await {
        Ok(written) => {
            until_taken_in(app, inside.community, written).await?;
            Ok(settled)
        }
        // Somebody was faster: the page they come to says what was decided.
        Err(SettleError::NotHeld) => Ok(settled),
        Err(SettleError::NotFound) => Err(PageError::NotFound),
        // Lost since the page was asked for.
        Err(SettleError::NotAllowed) => {
            let roles = scope.roles_with(SETTLE_HELD).await?;
            Err(PageError::NotAllowed { chrome: Box::new(inside.chrome()), what: DECIDING, roles })
        }
        Err(error @ SettleError::OwnChange) => Err(PageError::CannotBe {
            chrome: Box::new(inside.chrome()),
            heading: "Somebody else has to let this pass",
            why: sentence(&error.to_string()),
            advice: "You can take it back by refusing it. Where nobody else may decide, ask whoever runs this server, or \
                     announce a recovery of the rules.",
        }),
        Err(error @ SettleError::Nowhere) => Err(PageError::CannotBe {
            chrome: Box::new(inside.chrome()),
            heading: "This cannot be decided at present",
            why: sentence(&error.to_string()),
            advice: "Integrations are added again on the page of the integrations.",
        }),
        Err(SettleError::Store(error)) => Err(error.into()),
    }
}
