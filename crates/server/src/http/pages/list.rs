//! The list of proposals of a community: newest first, by how they stand or by rule, page by page.

use std::str::FromStr;

use askama::Template;
use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
    routing::get,
};
use policykit_core::{
    Timestamp,
    ids::{PolicyId, ProposalId},
    proposal::Status,
};
use policykit_store::{Page, ProposalFilter};
use serde::Deserialize;

use super::{
    line::{LineView, line},
    mentions::name_lines,
    sight::sight,
    words::count,
};
use crate::http::{
    AppState,
    auth::Inside,
    chrome::Chrome,
    errors::{PageError, page},
};

/// How many proposals a page shows.
const PER_PAGE: usize = 25;

/// Where a list goes on: after this proposal, by time and id.
type Cursor = (Timestamp, ProposalId);

/// The routes of this part.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/main/proposals", get(show))
}

/// The page of the list.
#[derive(Debug, Template)]
#[template(path = "list.html")]
struct ListPage {
    chrome: Chrome,
    heading: String,
    views: Vec<ViewLink>,
    /// Name of the rule that is listed, with the address of all of them.
    only: Option<(String, String)>,
    caption: String,
    rows: Vec<LineView>,
    empty: &'static str,
    newest: Option<String>,
    older: Option<String>,
}

/// A choice of what to list.
#[derive(Debug, Clone)]
struct ViewLink {
    href: String,
    word: &'static str,
    current: bool,
}

/// What to list, as it stands in the address. Unknown words list everything rather than fail.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    status: String,
    policy: String,
    before: String,
}

const VIEWS: [(Option<Status>, &str); 5] = [
    (None, "All"),
    (Some(Status::Proposed), "Open"),
    (Some(Status::Held), "Held"),
    (Some(Status::Passed), "Passed"),
    (Some(Status::Failed), "Refused"),
];

async fn show(
    State(app): State<AppState>,
    inside: Inside,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let before = cursor(&asked.before);
    let filter = ProposalFilter {
        status: Status::parse(&asked.status),
        policy: asked.policy.parse().ok(),
        sight: sight(&app, &inside.viewer),
    };
    let scope = app.engine().db().community(inside.community);
    let mut found = scope.proposal_lines(&filter, Page { before, limit: PER_PAGE + 1 }).await?;
    let more = found.len() > PER_PAGE;
    found.truncate(PER_PAGE);
    let voted: Vec<ProposalId> = found.iter().filter(|p| p.poll.is_some()).map(|p| p.id).collect();
    let tallies = scope.tallies(&voted).await?;
    let mut rows: Vec<LineView> =
        found.iter().map(|p| line(&app, p, tallies.get(&p.id).map(Vec::as_slice).unwrap_or_default())).collect();
    name_lines(&app, &scope, &inside.viewer, &found, &mut rows).await?;
    let next = found.last().filter(|_| more).map(|last| (last.created_at, last.id));
    let only = filter.policy.and_then(|_| found.first()).map(|p| p.policy_name.clone());
    Ok(page(&ListPage {
        heading: heading(filter.status, before.is_some(), rows.len(), more),
        views: VIEWS
            .iter()
            .map(|(status, word)| ViewLink {
                href: address(*status, filter.policy, None),
                word,
                current: *status == filter.status,
            })
            .collect(),
        only: only.map(|name| (name, address(filter.status, None, None))),
        caption: format!("{}, newest first", count(rows.len(), "proposal", "proposals")),
        empty: empty(filter.status, filter.policy, before.is_some()),
        newest: before.map(|_| address(filter.status, filter.policy, None)),
        older: next.map(|next| address(filter.status, filter.policy, Some(next))),
        rows,
        chrome: inside.chrome(),
    }))
}

fn heading(status: Option<Status>, further: bool, shown: usize, more: bool) -> String {
    if further {
        return "Earlier proposals".to_owned();
    }
    let many = match (shown, more) {
        (0, _) => "No".to_owned(),
        (n, true) => format!("More than {n}"),
        (1, false) => "One".to_owned(),
        (n, false) => n.to_string(),
    };
    let noun = if shown == 1 && !more { "proposal" } else { "proposals" };
    let verb = if shown == 1 && !more { "is" } else { "are" };
    match status {
        None if shown == 0 => "Nothing has been governed yet".to_owned(),
        None => "What was proposed, and what became of it".to_owned(),
        Some(Status::Proposed) => format!("{many} {noun} {verb} open"),
        Some(Status::Held) => format!("{many} {noun} {verb} held for a person to settle"),
        Some(Status::Passed) => "What passed".to_owned(),
        Some(Status::Failed) => "What was refused".to_owned(),
        Some(Status::Superseded) => "What was handed on".to_owned(),
    }
}

fn empty(status: Option<Status>, policy: Option<PolicyId>, further: bool) -> &'static str {
    match (status, policy, further) {
        (_, _, true) => "There is nothing further back.",
        (None, None, false) => {
            "Proposals appear here as soon as a member does something that a rule is about, or proposes a change of the \
             rules."
        }
        _ => "There is none at the moment.",
    }
}

fn address(status: Option<Status>, policy: Option<PolicyId>, before: Option<Cursor>) -> String {
    let mut parts = Vec::new();
    if let Some(status) = status {
        parts.push(format!("status={}", status.as_str()));
    }
    if let Some(policy) = policy {
        parts.push(format!("policy={policy}"));
    }
    if let Some((at, id)) = before {
        parts.push(format!("before={}.{id}", at.micros()));
    }
    if parts.is_empty() { "/main/proposals".to_owned() } else { format!("/main/proposals?{}", parts.join("&")) }
}

/// Reads back where a list goes on. What cannot be read is the beginning.
pub(super) fn cursor<I: FromStr>(text: &str) -> Option<(Timestamp, I)> {
    let (at, id) = text.split_once('.')?;
    Some((Timestamp::from_micros(at.parse().ok()?), id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_is_listed_and_where_it_goes_on() {
        let id = "00000000-0000-0000-0000-000000000007";
        let next: Option<Cursor> = cursor(&format!("1500000.{id}"));
        assert_eq!(next.map(|(at, _)| at.micros()), Some(1_500_000));
        assert_eq!(address(Some(Status::Held), None, next), format!("/main/proposals?status=held&before=1500000.{id}"));
        assert_eq!(address(None, None, None), "/main/proposals");
    }

    #[test]
    fn an_address_that_cannot_be_read_is_the_beginning() {
        for text in ["", "x", "1.x", "x.y", "99999999999999999999.00000000-0000-0000-0000-000000000007"] {
            assert_eq!(cursor::<ProposalId>(text), None, "{text}");
        }
    }

    #[test]
    fn the_heading_is_the_answer() {
        assert_eq!(heading(Some(Status::Proposed), false, 1, false), "One proposal is open");
        assert_eq!(heading(Some(Status::Proposed), false, 25, true), "More than 25 proposals are open");
        assert_eq!(heading(None, false, 0, false), "Nothing has been governed yet");
    }
}
