//! An older version of a policy: what it said, how it differs from what is in force, and the way back to it.

use askama::Template;
use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use policykit_core::{
    constitution::told_apart,
    policy::{Block, PolicyDraft},
};
use policykit_engine::{Change, PartDiff, difference};
use serde::Deserialize;

use super::{
    super::{
        proposing::{Lockout, Tried, WhatNext, propose, told_at, what_next},
        words::{Moment, moment},
    },
    one::find,
};
use crate::http::{
    AppState,
    auth::{Inside, Posted},
    chrome::Chrome,
    errors::{PageError, page},
};

/// The page.
#[derive(Debug, Template)]
#[template(path = "policies/version.html")]
struct VersionPage {
    chrome: Chrome,
    id: String,
    name: String,
    number: i64,
    current: i64,
    in_force: bool,
    at: Moment,
    by: Option<String>,
    proposal: Option<String>,
    is_constitution: bool,
    blocks: Vec<(&'static str, String)>,
    to_current: Vec<DiffPart>,
    next: WhatNext,
}

/// A part in which two versions differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http::pages) struct DiffPart {
    pub(in crate::http::pages) name: &'static str,
    pub(in crate::http::pages) lines: Vec<DiffLine>,
}

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http::pages) struct DiffLine {
    /// Class of the line.
    pub(in crate::http::pages) class: &'static str,
    /// What it is, for those who do not see its colour.
    pub(in crate::http::pages) word: &'static str,
    pub(in crate::http::pages) text: String,
}

/// The difference between two versions as pages show it.
pub(super) fn parts(old: &PolicyDraft, new: &PolicyDraft) -> Vec<DiffPart> {
    shown(difference(old, new))
}

/// A difference as pages show it. What cannot be seen, turns the direction of the text, or looks like something else is spelled
/// out: nobody votes for code that reads differently from how it runs.
pub(in crate::http::pages) fn shown(parts: Vec<PartDiff>) -> Vec<DiffPart> {
    parts
        .into_iter()
        .map(|part| DiffPart {
            name: part.part,
            lines: part
                .lines
                .into_iter()
                .map(|(change, text)| {
                    let (class, word) = match change {
                        Change::Same => ("l", ""),
                        Change::Added => ("l add", "added: "),
                        Change::Removed => ("l del", "removed: "),
                    };
                    DiffLine { class, word, text: told_apart(&text) }
                })
                .collect(),
        })
        .collect()
}

type Place = Result<Path<(String, i64)>, PathRejection>;

/// `GET /main/policies/{id}/versions/{number}`.
pub(super) async fn show(State(app): State<AppState>, inside: Inside, place: Place) -> Result<Response, PageError> {
    let Path((id, number)) = place.map_err(|_| PageError::NotFound)?;
    let history = find(&app, &inside, Ok(Path(id))).await?;
    let version = history.version(number).ok_or(PageError::NotFound)?;
    let deciders = app.engine().db().community(inside.community).deciders().await?;
    let kind = history.current.draft.kind;
    let draft = &version.policy.draft;
    Ok(page(&VersionPage {
        chrome: inside.chrome().at("/main/policies"),
        id: history.current.id.to_string(),
        name: history.current.draft.name.clone(),
        number,
        current: history.current.version,
        in_force: number == history.current.version,
        at: moment(version.saved_at),
        by: version.author.clone(),
        proposal: version.proposal.map(|id| id.to_string()),
        is_constitution: kind == policykit_core::policy::PolicyKind::Constitution,
        blocks: Block::ALL
            .iter()
            .map(|block| (block.as_str(), draft.blocks.get(*block).to_owned()))
            .filter(|(_, code)| !code.trim().is_empty())
            .collect(),
        to_current: parts(&history.current.draft, draft),
        next: what_next(&inside, &deciders, &format!("policykitchange{}policy", kind.as_str())),
    }))
}

/// What goes with going back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Restore {
    accepts_lockout: Option<String>,
}

/// `POST /main/policies/{id}/versions/{number}`: proposes to go back to it.
pub(super) async fn restore(
    State(app): State<AppState>,
    inside: Inside,
    place: Place,
    Posted(restore): Posted<Restore>,
) -> Result<Response, PageError> {
    let Path((id, number)) = place.map_err(|_| PageError::NotFound)?;
    let history = find(&app, &inside, Ok(Path(id))).await?;
    let amendment = history.roll_back(number).ok_or(PageError::NotFound)?;
    let lockout = Lockout::said(restore.accepts_lockout.as_ref());
    match propose(&app, &inside.viewer, &amendment, lockout).await? {
        Tried::Proposed(action) => Ok(told_at(&format!("/main/policies/{}", history.current.id), action)),
        Tried::Wrong(problems) => {
            let why = problems.first().unwrap_or_default();
            Err(PageError::BadForm(format!(
                "this version cannot be put back as it is: {why}; open the policy, mend it there and propose that"
            )))
        }
    }
}
