//! All policies in the order in which they are tried, and that order to change.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use policykit_core::{
    constitution::{self, Amendment, LIST_ENTRIES},
    ids::PolicyId,
    policy::PolicyKind,
};
use policykit_engine::Engine;
use policykit_store::{PolicyCount, PolicyState, Shelf, ShelvedPolicy};
use serde::Deserialize;

use super::{
    super::proposing::{
        Badge, Lockout, Outcome, Problems, Tried, WhatNext, outcome, propose, proposer, told_at, what_next, wrong,
    },
    form::kind_words,
    one::mark,
    order::{Draft, OrderForm},
};
use crate::http::{
    AppState,
    auth::{Inside, Posted},
    chrome::Chrome,
    errors::{PageError, page},
};

/// How many policies of a list a page holds.
const PER_PAGE: usize = 50;

/// The page.
#[derive(Debug, Template)]
#[template(path = "policies/list.html")]
struct ListPage {
    chrome: Chrome,
    heading: String,
    /// Whether there are so many that looking for one is offered.
    searchable: bool,
    search: String,
    /// Whether not all lists are shown, or not all of them.
    narrowed: bool,
    groups: Vec<Group>,
    resting: Vec<Row>,
    resting_before: Option<String>,
    resting_after: Option<String>,
    outcome: Option<Outcome>,
    problems: Problems,
    may_add: bool,
    recovery: bool,
    /// How many can be put in order at once.
    most: usize,
}

/// Policies of one kind that are in force.
#[derive(Debug, Clone)]
struct Group {
    kind: &'static str,
    words: (&'static str, &'static str),
    rows: Vec<Row>,
    next: WhatNext,
    /// How many there are, on this page or not.
    total: usize,
    /// How many stand before those on the page.
    from: usize,
    /// Whether some are on other pages.
    paged: bool,
    /// Whether this visitor may put them in another order here.
    movable: bool,
    /// Whether nobody can, because there are too many.
    too_many: bool,
    /// Whether the order on the page is another one than the one in force.
    moved: bool,
    /// Whether some apply to everything and come after those that name their actions.
    tiers: bool,
    before: Option<String>,
    after: Option<String>,
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
    /// The place that was written beside it; its number unless it is to move.
    wanted: String,
    is_first: bool,
    is_last: bool,
}

/// What to list, as it stands in the address. What cannot be read lists everything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// The change that was proposed on this page last.
    proposed: String,
    /// Only this list: a kind, or `resting`.
    kind: String,
    /// How many of the list stand before the page.
    from: String,
    /// Part of a name.
    q: String,
}

impl Asked {
    fn skipped(&self) -> usize {
        self.from.parse().unwrap_or_default()
    }

    /// The pages before and after this one of a list.
    fn around(&self, word: &str, further: bool) -> (Option<String>, Option<String>) {
        let from = if self.kind == word { self.skipped() } else { 0 };
        let address = |from: usize| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("kind", word).append_pair("from", &from.to_string());
            if !self.q.trim().is_empty() {
                query.append_pair("q", &self.q);
            }
            format!("/main/policies?{}", query.finish())
        };
        let before = (from > 0).then(|| address(from.saturating_sub(PER_PAGE)));
        (before, further.then(|| address(from.saturating_add(PER_PAGE))))
    }
}

/// `GET /main/policies`.
pub(super) async fn show(
    State(app): State<AppState>,
    inside: Inside,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let told = outcome(&app, &inside, &asked.proposed).await?;
    let mut shown = render(&app, &inside, &asked, None).await?;
    shown.outcome = told;
    Ok(page(&shown))
}

/// `POST /main/policies/order`: moves a policy on the page, or proposes the order as it is there.
pub(super) async fn order(
    State(app): State<AppState>,
    inside: Inside,
    Posted(form): Posted<OrderForm>,
) -> Result<Response, PageError> {
    let mut draft = Draft::read(&form)?;
    // The same page again.
    let asked = match draft.from {
        0 => Asked::default(),
        from => Asked { kind: form.kind.clone(), from: from.to_string(), ..Asked::default() },
    };
    if let Some(step) = &form.step {
        draft.step(step);
        return Ok(page(&render(&app, &inside, &asked, Some(&draft)).await?));
    }
    let all = app.engine().db().community(inside.community).policy_order(draft.kind).await?;
    let amendment = Amendment::OrderPolicies { kind: draft.kind, order: draft.whole(all) };
    proposer(&app, &inside.viewer, &amendment.action_type()).await?;
    let lockout = Lockout::said(form.accepts_lockout.as_ref());
    let problems = match propose(&app, &inside.viewer, &amendment, lockout).await? {
        Tried::Proposed(action) => return Ok(told_at("/main/policies", action)),
        Tried::Wrong(problems) => problems,
    };
    let mut shown = render(&app, &inside, &asked, Some(&draft)).await?;
    shown.problems = problems;
    Ok(wrong(&shown))
}

async fn render(app: &AppState, inside: &Inside, asked: &Asked, draft: Option<&Draft>) -> Result<ListPage, PageError> {
    let scope = app.engine().db().community(inside.community);
    let labels = labels(app.engine());
    let counts = scope.policy_counts().await?;
    let total = |fits: &dyn Fn(&PolicyCount) -> bool| counts.iter().filter(|c| fits(c)).map(|c| c.count).sum::<usize>();
    let deciders = scope.deciders().await?;
    let only = [PolicyKind::Constitution, PolicyKind::Platform, PolicyKind::Trigger]
        .into_iter()
        .find(|kind| kind.as_str() == asked.kind);
    let rests = asked.kind == RESTING;
    let mut groups = Vec::new();
    for kind in [PolicyKind::Constitution, PolicyKind::Platform, PolicyKind::Trigger] {
        if rests || only.is_some_and(|only| only != kind) {
            continue;
        }
        let of_kind = |c: &PolicyCount| c.state == PolicyState::Active && c.kind == kind;
        let all = total(&of_kind);
        let general = total(&|c| of_kind(c) && c.is_general);
        let from = if only.is_some() { asked.skipped() } else { 0 };
        let found = match all {
            0 => Vec::new(),
            _ => scope.shelved(Shelf::InForce(kind), &asked.q, from, PER_PAGE + 1).await?,
        };
        let next = what_next(inside, &deciders, &format!("policykitorder{}policies", kind.as_str()));
        let mut group = Group {
            kind: kind.as_str(),
            words: kind_words(kind),
            rows: Vec::new(),
            total: all,
            from,
            paged: all > PER_PAGE,
            movable: next.may && all > 1 && all <= LIST_ENTRIES && asked.q.trim().is_empty(),
            too_many: all > LIST_ENTRIES,
            next,
            moved: false,
            tiers: general > 0 && general < all,
            before: None,
            after: None,
        };
        (group.before, group.after) = asked.around(kind.as_str(), found.len() > PER_PAGE);
        fill(&mut group, found, draft.filter(|draft| draft.kind == kind), &labels);
        groups.push(group);
    }
    let (mut resting, mut resting_leaves) = (Vec::new(), (None, None));
    if only.is_none() && total(&|c| c.state != PolicyState::Active) > 0 {
        let from = if rests { asked.skipped() } else { 0 };
        let found = scope.shelved(Shelf::Resting, &asked.q, from, PER_PAGE + 1).await?;
        resting_leaves = asked.around(RESTING, found.len() > PER_PAGE);
        resting = found.iter().take(PER_PAGE).map(|found| row(found, &labels)).collect();
    }
    let heading = match total(&|c| c.state == PolicyState::Active) {
        0 => "No policy is in force".to_owned(),
        1 => "One policy is in force".to_owned(),
        n => format!("{n} policies are in force"),
    };
    let recovery = scope.has_announced_recovery().await?;
    let narrowed = rests || only.is_some() || !asked.q.trim().is_empty();
    Ok(ListPage {
        chrome: inside.chrome().at("/main/policies"),
        heading,
        searchable: narrowed || total(&|_| true) > PER_PAGE,
        search: asked.q.clone(),
        narrowed,
        groups,
        resting,
        resting_before: resting_leaves.0,
        resting_after: resting_leaves.1,
        outcome: None,
        problems: Problems::default(),
        may_add: what_next(inside, &deciders, "policykitaddplatformpolicy").may,
        recovery,
        most: LIST_ENTRIES,
    })
}

/// The list of policies that are not in force, in addresses.
const RESTING: &str = "resting";

/// Puts the policies of a page into their group, in the order of the draft when there is one.
fn fill(group: &mut Group, mut found: Vec<ShelvedPolicy>, draft: Option<&Draft>, labels: &BTreeMap<String, String>) {
    found.truncate(PER_PAGE);
    let before: Vec<PolicyId> = found.iter().map(|p| p.policy.id).collect();
    let places: Vec<usize> = found.iter().map(|p| p.place).collect();
    if let Some(draft) = draft {
        found.sort_by_key(|p| draft.order.iter().position(|id| *id == p.policy.id).unwrap_or(usize::MAX));
    }
    let wanted = |id: &PolicyId| draft.and_then(|draft| draft.places.get(id));
    group.moved = found.iter().map(|p| p.policy.id).ne(before) || found.iter().any(|p| wanted(&p.policy.id).is_some());
    let last = found.len();
    group.rows = found
        .iter()
        .zip(places)
        .enumerate()
        .map(|(at, (found, place))| Row {
            number: place,
            wanted: wanted(&found.policy.id).unwrap_or(&place).to_string(),
            is_first: at == 0,
            is_last: at + 1 == last,
            ..row(found, labels)
        })
        .collect();
}

/// How types of actions read, by codename.
fn labels(engine: &Engine) -> BTreeMap<String, String> {
    let platforms = engine.registry().descriptors().flat_map(|d| d.governable.iter());
    let all = platforms.cloned().chain(constitution::action_types());
    all.map(|t| (t.codename.to_owned(), t.label.to_owned())).collect()
}

fn row(found: &ShelvedPolicy, labels: &BTreeMap<String, String>) -> Row {
    let policy = &found.policy;
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
        state: mark(found.state, policy.version),
        number: found.place,
        wanted: String::new(),
        is_first: false,
        is_last: false,
    }
}
