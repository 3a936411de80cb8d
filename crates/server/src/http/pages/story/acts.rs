//! The page of a proposal and what can be done on it: vote, take the vote back, say what became of a call.

use axum::{
    Router,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use policykit_core::{
    ballot::{Cast, Poll, Refusal, VoteKey},
    call::CallState,
    decider::Decider,
    ids::{CallId, ProposalId},
    permission::{SETTLE_CALLS, SETTLE_HELD},
};
use policykit_engine::{SettleAs, VoteError, VoteHere};
use policykit_store::{CallSettled, Matter, ProposalSheet, Reading, StoreError};
use serde::Deserialize;

use super::{
    Known, Notice, ProposalPage, Rights, Settles,
    booth::{self, Says},
    change::change,
    view,
};
use crate::http::{
    AppState,
    auth::{Inside, Posted},
    errors::{PageError, page},
    pages::{
        held::{is_own, unseen},
        mentions::name_all,
        sight::sight,
        waiting::until_taken_in,
    },
};

/// What somebody does who says what became of a call.
const SAYING: &str = "say what became of a call";

/// The routes of this part.
pub(in crate::http::pages) fn routes() -> Router<AppState> {
    Router::new()
        .route("/proposals/{id}", get(show))
        .route("/proposals/{id}/vote", post(vote))
        .route("/proposals/{id}/retract", post(retract))
        .route("/main/calls/{id}/settle", post(settle_call))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    said: String,
}

/// A ballot as it is sent. The same name may come several times.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BallotForm {
    /// The vote that the page showed.
    vote: Option<VoteKey>,
    choice: Vec<String>,
    /// Whom the picks are for, in their order.
    candidate: Vec<String>,
    /// What stood picked for each when the page was made; the options that stood chosen, where several may be.
    was: Vec<String>,
    pick: Vec<String>,
    /// `home` when it was sent from the first page.
    from: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RetractForm {
    /// The vote that the page showed.
    vote: Option<VoteKey>,
}

#[derive(Debug, Deserialize)]
struct CallForm {
    settled: Settled,
    /// The proposal whose page it was sent from.
    proposal: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Settled {
    Happened,
    DidNotHappen,
}

async fn show(
    State(app): State<AppState>,
    inside: Inside,
    id: Result<Path<String>, PathRejection>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let id = proposal_id(id)?;
    let notice = asked.ok().and_then(|Query(asked)| said(&asked.said));
    let sheet = visible(&app, &inside, id).await?;
    render(&app, &inside, &sheet, notice).await
}

/// The proposal, when this visitor may see it: what is hidden from them is not there.
async fn visible(app: &AppState, inside: &Inside, id: ProposalId) -> Result<ProposalSheet, PageError> {
    let reader = inside.viewer.member().map(|m| Reading {
        member: m.user,
        account: &m.external_id,
        installation: m.installation,
    });
    let scope = app.engine().db().community(inside.community);
    let sight = sight(app, &inside.viewer);
    let mut sheet = match scope.proposal_sheet(id, reader, &sight).await {
        Ok(sheet) => sheet,
        Err(StoreError::NotFound { .. }) => return Err(PageError::NotFound),
        Err(error) => return Err(error.into()),
    };
    if !sight.sees(&sheet.action.action_type) {
        return Err(PageError::NotFound);
    }
    if reader.is_some() {
        super::trace::hide_private(app.engine().registry(), &mut sheet);
    }
    Ok(sheet)
}

async fn render(
    app: &AppState,
    inside: &Inside,
    sheet: &ProposalSheet,
    notice: Option<Notice>,
) -> Result<Response, PageError> {
    let member = inside.viewer.member();
    let rights = Rights {
        votes: member.is_some(),
        settles_held: match member.is_none_or(|m| m.may(SETTLE_HELD)) {
            false => Settles::Nothing,
            true if sheet.withheld => Settles::Unseen,
            true if is_own(&sheet.action, &inside.viewer) => Settles::Refusal,
            true => Settles::Both,
        },
        settles_calls: member.is_none_or(|m| m.may(SETTLE_CALLS)),
    };
    let action_type = &sheet.action.action_type;
    let label = app.engine().describe(action_type, &sheet.action.fields);
    let known = Known { label: &label, fields: app.engine().fields(action_type) };
    let mut view = view(sheet, known, rights, notice);
    view.change = change(app, sheet).await?;
    let scope = app.engine().db().community(inside.community);
    name_all(app, &scope, &inside.viewer, view.written(sheet)).await?;
    Ok(page(&ProposalPage { chrome: inside.chrome(), page: view }))
}

async fn vote(
    State(app): State<AppState>,
    inside: Inside,
    id: Result<Path<String>, PathRejection>,
    Posted(form): Posted<BallotForm>,
) -> Result<Response, PageError> {
    let id = proposal_id(id)?;
    let sheet = visible(&app, &inside, id).await?;
    if sheet.withheld {
        return not_theirs(&app, &inside, &sheet).await;
    }
    let shown = match voter_shown(&app, &inside, &sheet, form.vote).await? {
        Ok(shown) => shown,
        Err(told) => return Ok(told),
    };
    // Its answers are those to another question.
    if sheet.proposal.poll.as_ref().map(Poll::key).is_none_or(|key| key != shown) {
        return refused(&app, &inside, &sheet, Refusal::Replaced).await;
    }
    let filled = booth::Filled { choices: form.choice, candidates: form.candidate, was: form.was, picks: form.pick };
    let own = sheet.own.ballot.as_ref().map(|(value, _)| value);
    let says = sheet.proposal.poll.as_ref().map_or(Says::Nothing, |poll| booth::cast(poll, own, filled));
    let cast = match says {
        Says::Ballot(cast) => cast,
        // The page they come to shows how it stands by now.
        Says::NothingNew => return Ok(Redirect::to(&format!("/proposals/{id}?said=unchanged")).into_response()),
        Says::Outdated => {
            let notice = Notice {
                tone: "bad",
                icon: "warn",
                heading: "Your vote was not counted",
                text: "Your choices changed after the page that you sent was made, perhaps by a vote of yours on the \
                       platform. They stand here as they are now: look at them, then change them again."
                    .to_owned(),
            };
            let shown = render(&app, &inside, &sheet, Some(notice)).await?;
            return Ok((StatusCode::CONFLICT, shown).into_response());
        }
        Says::Nothing => {
            let notice = Notice {
                tone: "bad",
                icon: "warn",
                heading: "Your vote was not counted",
                text: "No answer was chosen. Choose one of the answers, then cast your vote again.".to_owned(),
            };
            let shown = render(&app, &inside, &sheet, Some(notice)).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response());
        }
    };
    let back = if form.from.as_deref() == Some("home") {
        "/main?said=voted".to_owned()
    } else {
        format!("/proposals/{id}?said=voted")
    };
    put(&app, &inside, &sheet, cast, shown, &back).await
}

async fn retract(
    State(app): State<AppState>,
    inside: Inside,
    id: Result<Path<String>, PathRejection>,
    Posted(form): Posted<RetractForm>,
) -> Result<Response, PageError> {
    let id = proposal_id(id)?;
    let sheet = visible(&app, &inside, id).await?;
    if sheet.withheld {
        return not_theirs(&app, &inside, &sheet).await;
    }
    let shown = match voter_shown(&app, &inside, &sheet, form.vote).await? {
        Ok(shown) => shown,
        Err(told) => return Ok(told),
    };
    put(&app, &inside, &sheet, Cast::Retract, shown, &format!("/proposals/{id}?said=retracted")).await
}

/// The vote that a member was shown, as their form says; nobody else votes. Where it says nothing of it they get the page
/// again: their answers may be those to an earlier question.
async fn voter_shown(
    app: &AppState,
    inside: &Inside,
    sheet: &ProposalSheet,
    said: Option<VoteKey>,
) -> Result<Result<VoteKey, Response>, PageError> {
    if inside.viewer.member().is_none() {
        return Err(PageError::MembersOnly { chrome: Box::new(inside.chrome()) });
    }
    let Some(shown) = said else {
        let notice = Notice {
            tone: "bad",
            icon: "warn",
            heading: "Your vote was not counted",
            text:
                "The form did not say which vote it is for. Look at the question as it stands here, then answer it on \
                   this page."
                    .to_owned(),
        };
        let shown = render(app, inside, sheet, Some(notice)).await?;
        return Ok(Err((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response()));
    };
    Ok(Ok(shown))
}

/// Puts what a member says into the ballot box and waits a moment, so that the page they come to shows it counted.
async fn put(
    app: &AppState,
    inside: &Inside,
    sheet: &ProposalSheet,
    cast: Cast,
    shown: VoteKey,
    back: &str,
) -> Result<Response, PageError> {
    let Some(member) = inside.viewer.member() else {
        return Err(PageError::MembersOnly { chrome: Box::new(inside.chrome()) });
    };
    let ballot = VoteHere {
        community: inside.community,
        proposal: sheet.proposal.id,
        voter: member.user,
        cast,
        shown: Some(shown),
    };
    match app.engine().vote(ballot).await {
        Ok(written) => {
            until_taken_in(app, inside.community, written).await?;
            Ok(Redirect::to(back).into_response())
        }
        Err(VoteError::Refused(refusal)) => refused(app, inside, sheet, refusal).await,
        Err(VoteError::NotFound(_)) => Err(PageError::NotFound),
        Err(VoteError::Store(error)) => Err(error.into()),
    }
}

/// The page, for somebody who would vote about what they may not read.
async fn not_theirs(app: &AppState, inside: &Inside, sheet: &ProposalSheet) -> Result<Response, PageError> {
    let notice = Notice {
        tone: "bad",
        icon: "warn",
        heading: "Nothing was counted",
        text: "This is about a private conversation. If there is a vote, those who are in the conversation vote there."
            .to_owned(),
    };
    Ok((StatusCode::FORBIDDEN, render(app, inside, sheet, Some(notice)).await?).into_response())
}

/// The page, with the reason why what was sent does not count.
async fn refused(
    app: &AppState,
    inside: &Inside,
    sheet: &ProposalSheet,
    refusal: Refusal,
) -> Result<Response, PageError> {
    let status = match refusal {
        Refusal::NotEligible => StatusCode::FORBIDDEN,
        Refusal::Closed | Refusal::Replaced | Refusal::Unknown => StatusCode::CONFLICT,
        Refusal::NoSuchOption => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let notice =
        Notice { tone: "bad", icon: "warn", heading: "Your vote was not counted", text: refusal.message().to_owned() };
    Ok((status, render(app, inside, sheet, Some(notice)).await?).into_response())
}

async fn settle_call(
    State(app): State<AppState>,
    inside: Inside,
    id: Result<Path<String>, PathRejection>,
    Posted(form): Posted<CallForm>,
) -> Result<Response, PageError> {
    let id: CallId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or(PageError::NotFound)?;
    let system = app.engine().db().system();
    let call = match system.call(id).await {
        Ok(call) if call.community == inside.community => call,
        Ok(_) | Err(StoreError::NotFound { .. }) => return Err(PageError::NotFound),
        Err(error) => return Err(error.into()),
    };
    let by = match inside.viewer.member() {
        None => Decider::Operator,
        Some(member) => {
            inside.viewer.allow(&app, SETTLE_CALLS, SAYING).await?;
            Decider::Member(member.user)
        }
    };
    let about = call.proposal.map(Matter::Proposal).or(call.action.map(Matter::Action));
    if let Some(about) = about
        && app.engine().db().community(inside.community).withholds(about, &sight(&app, &inside.viewer)).await?
    {
        return Err(unseen(&inside));
    }
    let back = match form.proposal.and_then(|id| id.parse::<ProposalId>().ok()) {
        Some(proposal) => format!("/proposals/{proposal}?said=settled"),
        None => "/main?said=settled".to_owned(),
    };
    if call.state != CallState::Uncertain {
        // Somebody was faster: the page they come to says what they saw.
        return Ok(Redirect::to(&back).into_response());
    }
    let what = match form.settled {
        Settled::Happened => SettleAs::Happened(serde_json::json!({})),
        Settled::DidNotHappen => SettleAs::DidNotHappen,
    };
    match app.engine().settle_call(id, what, by, None).await {
        // Lost since the page was asked for.
        Ok(CallSettled::NotAllowed) => {
            let roles = app.engine().db().community(inside.community).roles_with(SETTLE_CALLS).await?;
            Err(PageError::NotAllowed { chrome: Box::new(inside.chrome()), what: SAYING, roles })
        }
        Ok(CallSettled::Yes) | Err(policykit_engine::EngineError::Store(StoreError::Conflict { .. })) => {
            Ok(Redirect::to(&back).into_response())
        }
        Err(error) => Err(PageError::Internal(error.to_string())),
    }
}

fn proposal_id(id: Result<Path<String>, PathRejection>) -> Result<ProposalId, PageError> {
    id.ok().and_then(|Path(id)| id.parse().ok()).ok_or(PageError::NotFound)
}

/// What has just been done, from the word in the address.
pub(in crate::http::pages) fn said(word: &str) -> Option<Notice> {
    let (heading, text) = match word {
        "voted" => ("Your vote is in the box", "You can change it or take it back as long as the vote is open."),
        "retracted" => {
            ("Your vote was taken back", "It counts no more. You can vote again as long as the vote is open.")
        }
        "unchanged" => (
            "Your vote is as it was",
            "Nothing was changed on the ballot, so nothing was sent. This is how it stands now.",
        ),
        "settled" => ("Written down", "What follows from it is done now."),
        _ => return None,
    };
    Some(Notice { tone: "good", icon: "tick", heading, text: text.to_owned() })
}
