//! The list of proposals: what was decided, newest first, over all communities of this server.

use std::collections::BTreeMap;

use askama::Template;
use policykit_core::{Timestamp, ids::CommunityId, proposal::Status};
use policykit_store::ProposalSummary;

use super::words::{self, Mark, Moment, count, decision, effect, moment};
use crate::{http::chrome::Chrome, records::Cursor};

/// How many proposals a page shows.
pub(crate) const PER_PAGE: usize = 25;

/// The page of the list.
#[derive(Debug, Template)]
#[template(path = "list.html")]
pub(crate) struct ListPage {
    /// What every page needs.
    pub(crate) chrome: Chrome,
    heading: String,
    lede: &'static str,
    caption: String,
    uncertain: usize,
    uncertain_words: String,
    views: Vec<ViewLink>,
    rows: Vec<Row>,
    empty: String,
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

/// One proposal.
#[derive(Debug, Clone)]
struct Row {
    id: String,
    title: String,
    excerpt: Option<String>,
    community: String,
    policy: String,
    decision: Mark,
    effect: Option<&'static str>,
    began: Moment,
}

/// What the list is made of.
#[derive(Debug)]
pub(crate) struct Content {
    /// Which status is listed; `None` is all of them.
    pub(crate) status: Option<Status>,
    /// Whether this is the beginning of the list.
    pub(crate) place: Place,
    /// The proposals, each with how its action reads in a sentence.
    pub(crate) rows: Vec<(ProposalSummary, String)>,
    /// Where the list goes on, if it does.
    pub(crate) next: Option<Cursor>,
    /// Names of the communities.
    pub(crate) communities: BTreeMap<CommunityId, String>,
    /// How many calls a person must settle.
    pub(crate) uncertain: usize,
}

/// Which part of the list is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The latest proposals.
    Beginning,
    /// Earlier ones.
    Further,
}

const VIEWS: [(Option<Status>, &str); 5] = [
    (None, "All"),
    (Some(Status::Proposed), "Open"),
    (Some(Status::Held), "Held"),
    (Some(Status::Passed), "Passed"),
    (Some(Status::Failed), "Refused"),
];

impl ListPage {
    /// Puts the list into words.
    pub(crate) fn new(chrome: Chrome, content: &Content) -> Self {
        let more = content.next.is_some();
        let shown = content.rows.len();
        let rows = content
            .rows
            .iter()
            .map(|(summary, label)| row(summary, label, content.communities.get(&summary.proposal.community)))
            .collect();
        Self {
            chrome,
            heading: heading(content.status, content.place, shown, more),
            lede: "What members did or proposed, which rule decided, and why.",
            caption: format!("{}, newest first", count(shown, "proposal", "proposals")),
            uncertain: content.uncertain,
            uncertain_words: match content.uncertain {
                1 => "Nobody can tell whether 1 call to a platform happened".to_owned(),
                n => format!("Nobody can tell whether {n} calls to platforms happened"),
            },
            views: VIEWS
                .iter()
                .map(|(status, word)| ViewLink {
                    href: address(*status, None),
                    word,
                    current: *status == content.status,
                })
                .collect(),
            rows,
            empty: empty(content.status, content.place),
            newest: (content.place == Place::Further).then(|| address(content.status, None)),
            older: content.next.map(|next| address(content.status, Some(next))),
        }
    }
}

fn heading(status: Option<Status>, place: Place, shown: usize, more: bool) -> String {
    if place == Place::Further {
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
        None => "What was decided".to_owned(),
        Some(Status::Proposed) => format!("{many} {noun} {verb} open"),
        Some(Status::Held) => format!("{many} {noun} {verb} held for a person to settle"),
        Some(Status::Passed) => "What passed".to_owned(),
        Some(Status::Failed) => "What was refused".to_owned(),
        Some(Status::Superseded) => "What was handed on".to_owned(),
    }
}

fn empty(status: Option<Status>, place: Place) -> String {
    match (status, place) {
        (_, Place::Further) => "There is nothing further back.".to_owned(),
        (None, _) => "Proposals appear here as soon as a member does something that a rule is about. \
                      Add a rule with `policykit policy import`, and install a community with `policykit install`."
            .to_owned(),
        (Some(_), _) => "There is none at the moment.".to_owned(),
    }
}

fn address(status: Option<Status>, before: Option<Cursor>) -> String {
    let mut parts = Vec::new();
    if let Some(status) = status {
        parts.push(format!("status={}", status.as_str()));
    }
    if let Some((at, id)) = before {
        parts.push(format!("before={}.{id}", at.micros()));
    }
    if parts.is_empty() { "/main".to_owned() } else { format!("/main?{}", parts.join("&")) }
}

/// Reads back where a list goes on. What cannot be read is the beginning.
pub(crate) fn cursor(text: &str) -> Option<Cursor> {
    let (at, id) = text.split_once('.')?;
    Some((Timestamp::from_micros(at.parse().ok()?), id.parse().ok()?))
}

fn row(summary: &ProposalSummary, label: &str, community: Option<&String>) -> Row {
    let proposal = &summary.proposal;
    Row {
        id: proposal.id.to_string(),
        title: words::title(label, summary.initiator_name.as_deref(), summary.action.origin),
        excerpt: words::excerpt(&summary.action.fields, 80),
        community: community.cloned().unwrap_or_default(),
        policy: summary.policy_name.clone(),
        decision: decision(proposal.status),
        effect: effect(proposal.effect, proposal.status).map(|mark| mark.word),
        began: moment(proposal.created_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty_page(status: Option<Status>, place: Place, next: Option<Cursor>) -> String {
        let content = Content { status, place, rows: Vec::new(), next, communities: BTreeMap::new(), uncertain: 2 };
        ListPage::new(Chrome::default(), &content).render().expect("it renders")
    }

    #[test]
    fn an_empty_list_says_what_will_appear_and_how_to_make_the_first_one() {
        let html = empty_page(None, Place::Beginning, None);
        assert!(html.contains("<h1>Nothing has been governed yet</h1>"), "{html}");
        assert!(html.contains("policykit policy import"), "{html}");
    }

    #[test]
    fn calls_that_nobody_can_tell_about_are_shown_with_what_to_do() {
        let html = empty_page(Some(Status::Proposed), Place::Beginning, None);
        assert!(html.contains("Nobody can tell whether 2 calls to platforms happened"), "{html}");
        assert!(html.contains("policykit calls list --state uncertain"), "{html}");
    }

    #[test]
    fn the_chosen_view_is_marked_and_pages_keep_it() {
        let id = "00000000-0000-0000-0000-000000000007";
        let next = cursor(&format!("1500000.{id}"));
        assert_eq!(next.map(|(at, _)| at.micros()), Some(1_500_000));
        let html = empty_page(Some(Status::Held), Place::Further, next);
        assert!(html.contains("<a href=\"/main?status=held\" aria-current=\"page\">Held</a>"), "{html}");
        assert!(html.contains(&format!("/main?status=held&#38;before=1500000.{id}")), "{html}");
        assert!(html.contains("rel=\"next\"") && html.contains("rel=\"first\""), "{html}");
    }

    #[test]
    fn an_address_that_cannot_be_read_is_the_beginning() {
        for text in ["", "x", "1.x", "x.y", "99999999999999999999.00000000-0000-0000-0000-000000000007"] {
            assert_eq!(cursor(text), None, "{text}");
        }
    }
}
