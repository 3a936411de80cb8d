//! The record of decisions: everything the rules did, in order, with the reason; it grows at its end and nowhere else.

mod entry;
mod live;
mod logs;

use askama::Template;
use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
    routing::{get, post},
};
use policykit_core::{Timestamp, ids::PolicyId};
use policykit_store::{ChainReport, Part, RecordFilter};
use serde::Deserialize;

use super::{
    sight::sight,
    words::{Mark, Moment, day, moment},
};
use crate::http::{
    AppState,
    auth::{Inside, Posted, Signed},
    chrome::Chrome,
    errors::{PageError, page},
};

pub(super) use entry::{EntryView, entry, kind_words};

/// How many entries a page shows.
const PER_PAGE: usize = 40;
/// How many rules can be chosen from; of more the name in the address still works.
const RULES: usize = 100;

/// The routes of this part.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/main/decisions", get(show))
        .route("/main/decisions/live", get(live::stream))
        .route("/main/decisions/check", post(check))
        .route("/main/decisions/logs", get(logs::show))
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "decisions.html")]
struct DecisionsPage {
    chrome: Chrome,
    total: i64,
    began: Option<Moment>,
    fingerprint: String,
    seal: Option<Seal>,
    outcomes: Vec<Choice>,
    rules: Vec<Choice>,
    days: Vec<Day>,
    live: Option<String>,
    empty: &'static str,
    shown: String,
    newest: Option<String>,
    older: Option<String>,
}

/// What checking the chain has shown.
#[derive(Debug, Clone)]
struct Seal {
    mark: Mark,
    text: String,
}

/// Something to choose.
#[derive(Debug, Clone)]
struct Choice {
    value: String,
    word: String,
    chosen: bool,
}

/// The entries of one day.
#[derive(Debug, Clone)]
struct Day {
    name: String,
    entries: Vec<EntryView>,
}

/// What to show, as it stands in the address. Unknown words show everything rather than fail.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Asked {
    outcome: String,
    policy: String,
    before: String,
    after: String,
}

/// Outcomes that can be chosen, with the kinds of entries they stand for.
const OUTCOMES: [(&str, &str, &[&str]); 5] = [
    ("passed", "Passed", &["proposal.passed"]),
    ("refused", "Refused", &["proposal.failed", "action.not_permitted", "action.refused"]),
    ("done", "Done or undone", &["action.revert.done", "action.execute.done"]),
    (
        "rules",
        "Rules changed",
        &[
            "amendment.done",
            "amendment.refused",
            "kit.installed",
            "recovery.announced",
            "recovery.withdrawn",
            "recovery.done",
            "recovery.refused",
        ],
    ),
    (
        "problem",
        "Problem",
        &[
            "proposal.held",
            "proposal.superseded",
            "proposal.settled_by_person",
            "ballot.refused",
            "policy.suspended",
            "action.revert.refused",
            "action.revert.uncertain",
            "action.execute.refused",
            "action.execute.uncertain",
            "action.ungoverned",
            "action.settled_by_person",
        ],
    ),
];

impl Asked {
    fn filter(&self, app: &AppState, inside: &Inside) -> RecordFilter {
        let kinds = OUTCOMES.iter().find(|(value, ..)| *value == self.outcome);
        RecordFilter {
            kinds: kinds.map(|(_, _, kinds)| kinds.iter().map(|k| (*k).to_owned()).collect()).unwrap_or_default(),
            policy: self.policy.parse::<PolicyId>().ok(),
            sight: sight(app, &inside.viewer),
        }
    }

    fn address(&self, path: &str, place: Option<(&str, i64)>) -> String {
        let mut parts = Vec::new();
        if OUTCOMES.iter().any(|(value, ..)| *value == self.outcome) {
            parts.push(format!("outcome={}", self.outcome));
        }
        if let Ok(policy) = self.policy.parse::<PolicyId>() {
            parts.push(format!("policy={policy}"));
        }
        if let Some((word, seq)) = place {
            parts.push(format!("{word}={seq}"));
        }
        if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
    }
}

async fn show(
    State(app): State<AppState>,
    inside: Inside,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    render(&app, &inside, asked.map(|Query(asked)| asked).unwrap_or_default(), None).await
}

/// Computes the whole chain again, which takes longer the longer the record is, and says whether it holds. No link does
/// that, and not twice at a time.
async fn check(
    State(app): State<AppState>,
    inside: Inside,
    Posted(Signed {}): Posted<Signed>,
) -> Result<Response, PageError> {
    let Some(_slot) = app.checks().take(inside.community) else {
        let seal = Seal {
            mark: Mark { icon: "clock", tone: "bad", word: "The record is being checked already" },
            text: "Somebody asked for it a moment ago. Ask again when that has ended.".to_owned(),
        };
        return render(&app, &inside, Asked::default(), Some(seal)).await;
    };
    let report = app.engine().db().community(inside.community).verify_decisions().await?;
    let now = moment(app.engine().now()).text;
    let seal = match report {
        ChainReport::Intact { entries } => Seal {
            mark: Mark { icon: "seal", tone: "ok", word: "Record complete and unaltered" },
            text: format!("All {entries} entries were computed again and are as they were written. Checked {now} UTC."),
        },
        ChainReport::Broken { seq, why } => Seal {
            mark: Mark { icon: "warn", tone: "bad", word: "Record altered" },
            text: format!("Entry {seq} is not as it was written: {why}. Checked {now} UTC."),
        },
    };
    render(&app, &inside, Asked::default(), Some(seal)).await
}

async fn render(app: &AppState, inside: &Inside, asked: Asked, seal: Option<Seal>) -> Result<Response, PageError> {
    let scope = app.engine().db().community(inside.community);
    let filter = asked.filter(app, inside);
    let before = asked.before.parse::<i64>().ok();
    let part = before.map_or(Part::Latest, Part::Before);
    let head = scope.record_head().await?;
    let mut found = scope.record(&filter, part, PER_PAGE + 1).await?;
    let more = found.len() > PER_PAGE;
    found.truncate(PER_PAGE);
    let next = found.last().filter(|_| more).map(|last| last.entry.seq);
    let (total, fingerprint) = head.unwrap_or_default();
    let began = scope.record_began().await?.map(moment);
    let rules = scope.first_rules(app.engine().now(), RULES).await?;
    let shown = found.len();
    let mut days: Vec<Day> = Vec::new();
    for line in &found {
        let name = day(line.entry.at);
        let entry = entry(app, line);
        match days.last_mut() {
            Some(last) if last.name == name => last.entries.push(entry),
            _ => days.push(Day { name, entries: vec![entry] }),
        }
    }
    if days.is_empty() && before.is_none() {
        days.push(Day { name: day(app.engine().now()), entries: Vec::new() });
    }
    Ok(page(&DecisionsPage {
        // The answer to a form cannot be loaded again by its address.
        chrome: if seal.is_some() { inside.chrome().at("/main/decisions") } else { inside.chrome() },
        total,
        began,
        fingerprint: grouped(&fingerprint),
        seal,
        outcomes: OUTCOMES
            .iter()
            .map(|(value, word, _)| Choice {
                value: (*value).to_owned(),
                word: (*word).to_owned(),
                chosen: *value == asked.outcome,
            })
            .collect(),
        rules: rules
            .into_iter()
            .map(|rule| Choice { chosen: filter.policy == Some(rule.id), value: rule.id.to_string(), word: rule.name })
            .collect(),
        live: before.is_none().then(|| asked.address("/main/decisions/live", Some(("after", total)))),
        empty: if filter.kinds.is_empty() && filter.policy.is_none() {
            "What the rules do is written down here as soon as they do something."
        } else {
            "There is no such entry yet."
        },
        shown: if filter.kinds.is_empty() && filter.policy.is_none() {
            format!("{shown} of {total}.")
        } else {
            format!("{shown} shown.")
        },
        newest: before.map(|_| asked.address("/main/decisions", None)),
        older: next.map(|seq| asked.address("/main/decisions", Some(("before", seq)))),
        days,
    }))
}

/// A fingerprint in groups of four.
fn grouped(hash: &str) -> String {
    let mut out = String::with_capacity(hash.len() + hash.len() / 4);
    for (at, letter) in hash.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            out.push(' ');
        }
        out.push(letter);
    }
    out
}

/// Thirty days before `now`.
pub(super) fn month_before(now: Timestamp) -> Timestamp {
    Timestamp::from_micros(now.micros().saturating_sub(30 * 24 * 3_600 * 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_the_filters_and_drops_what_it_does_not_know() {
        let policy = "00000000-0000-0000-0000-000000000007";
        let asked = Asked { outcome: "problem".to_owned(), policy: policy.to_owned(), ..Asked::default() };
        assert_eq!(
            asked.address("/main/decisions", Some(("before", 9))),
            format!("/main/decisions?outcome=problem&policy={policy}&before=9")
        );
        let strange = Asked { outcome: "<x>".to_owned(), policy: "y".to_owned(), ..Asked::default() };
        assert_eq!(strange.address("/main/decisions", None), "/main/decisions");
    }

    #[test]
    fn fingerprints_are_read_in_groups() {
        assert_eq!(grouped("0123456789"), "0123 4567 89");
        assert_eq!(grouped(""), "");
    }
}
