//! The first page inside a community: what waits for its reader first, then what was decided and what governs.

use askama::Template;
use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
    routing::get,
};
use policykit_core::{
    Timestamp,
    ids::ProposalId,
    permission::{SETTLE_CALLS, SETTLE_HELD},
    policy::PolicyKind,
    proposal::Status,
};
use policykit_store::{COUNTED, Part, PolicyState, RecordFilter, RuleLine};
use serde::Deserialize;

use super::{
    decisions::{EntryView, entry},
    line::{LineView, line},
    mentions::name_lines,
    sight::sight,
    story::{Notice, UncertainView, said, uncertain},
    words::{Mark, Moment, in_words, moment},
};
use crate::http::{
    AppState,
    auth::Inside,
    chrome::Chrome,
    errors::{PageError, page},
};

/// How many votes that wait for the reader are shown.
const VOTES: usize = 8;
/// How many waiting votes are counted: as many as for the top of the page.
const COUNTED_VOTES: usize = Chrome::MOST_WAITING + 1;
/// How many of everything else.
const FEW: usize = 5;
/// How many rules.
const RULES: usize = 12;

/// The routes of this part.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/main", get(show))
}

#[derive(Debug, Template)]
#[template(path = "dashboard.html")]
struct Dashboard {
    chrome: Chrome,
    today: Moment,
    heading: String,
    lede: String,
    notice: Option<Notice>,
    /// What is still to be chosen before the community has rules.
    begin: Option<Begin>,
    is_member: bool,
    votes: Vec<LineView>,
    more_votes: Option<String>,
    held: Option<String>,
    may_settle: bool,
    uncertain: Vec<UncertainView>,
    uncertain_words: String,
    decided: Vec<EntryView>,
    rules: Vec<RuleView>,
    more_rules: bool,
    documents: Vec<(String, String)>,
    roles: Vec<(String, String)>,
}

/// The choice of a starter kit, where it was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// It is the reader's.
    Yours,
    /// It is somebody else's.
    Others,
}

#[derive(Debug, Clone)]
struct RuleView {
    id: String,
    name: String,
    when: String,
    mark: Mark,
    recent: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    said: String,
}

async fn show(
    State(app): State<AppState>,
    inside: Inside,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let notice = asked.ok().and_then(|Query(asked)| said(&asked.said));
    let scope = app.engine().db().community(inside.community);
    let sight = sight(&app, &inside.viewer);
    let member = inside.viewer.member();
    let (mut votes, mut waiting) = (Vec::new(), 0);
    if let Some(m) = member {
        let found = scope.waiting_for(m.user, &m.external_id, m.installation, &sight, VOTES + 1).await?;
        waiting = i64::try_from(found.len().max(inside.chrome().waiting)).unwrap_or(i64::MAX);
        let ids: Vec<ProposalId> = found.iter().take(VOTES).map(|p| p.id).collect();
        let tallies = scope.tallies(&ids).await?;
        votes = found
            .iter()
            .take(VOTES)
            .map(|p| line(&app, p, tallies.get(&p.id).map(Vec::as_slice).unwrap_or_default()))
            .collect();
        name_lines(&app, &scope, &inside.viewer, &found, &mut votes).await?;
    }
    let open = scope.count_proposals(Status::Proposed, &sight).await?;
    let held = scope.count_proposals(Status::Held, &sight).await?;
    let settles_calls = member.is_none_or(|m| m.may(SETTLE_CALLS));
    let unclear = if settles_calls { scope.uncertain_calls(&sight, FEW).await? } else { Vec::new() };
    let filter = |kinds: &[&str]| RecordFilter {
        kinds: kinds.iter().map(|k| (*k).to_owned()).collect(),
        policy: None,
        sight: sight.clone(),
    };
    let decisions = ["proposal.passed", "proposal.failed", "proposal.held", "action.not_permitted", "action.refused"];
    let decided = scope.record(&filter(&decisions), Part::Latest, FEW).await?;
    let changed = scope.record(&filter(&["amendment.done"]), Part::Latest, 1).await?;
    let since = super::decisions::month_before(app.engine().now());
    let mut rules = scope.first_rules(since, RULES + 1).await?;
    let more_rules = rules.len() > RULES;
    rules.truncate(RULES);
    let documents = scope.document_names(FEW).await?;
    // Looked up only where it can be: whoever installed PolicyKit may have been cut short before the choice.
    let begin = match member {
        Some(m) if rules.is_empty() && scope.kit().await?.is_none() => {
            Some(if m.is_integration_admin() { Begin::Yours } else { Begin::Others })
        }
        _ => None,
    };
    Ok(page(&Dashboard {
        chrome: inside.chrome(),
        today: moment(app.engine().now()),
        heading: heading(member.is_some(), waiting, open, held),
        lede: lede(open, changed.first().map(|c| c.entry.at)),
        notice,
        begin,
        is_member: member.is_some(),
        more_votes: (waiting > i64::try_from(VOTES).unwrap_or(i64::MAX)).then(|| {
            let more = waiting - i64::try_from(VOTES).unwrap_or(0);
            let more = usize::try_from(more).unwrap_or(0);
            if more == 1 {
                "One more waits for you".to_owned()
            } else {
                format!("{} more wait for you", in_words(more))
            }
        }),
        votes,
        held: (held > 0).then(|| match held {
            1 => "One proposal is held, because its rule broke before it could decide".to_owned(),
            n => format!("{} proposals are held, because their rules broke before they could decide", many(n)),
        }),
        may_settle: member.is_none_or(|m| m.may(SETTLE_HELD)),
        uncertain_words: match unclear.len() {
            1 => "Nobody can tell whether a call to a platform happened".to_owned(),
            _ => "Nobody can tell whether some calls to platforms happened".to_owned(),
        },
        uncertain: unclear
            .iter()
            .map(|(call, withheld)| UncertainView { withheld: *withheld, ..uncertain(call) })
            .collect(),
        decided: decided.iter().map(|line| entry(&app, line)).collect(),
        rules: rules.iter().map(|rule| rule_view(&app, rule)).collect(),
        more_rules,
        documents: documents.into_iter().map(|(id, name)| (id.to_string(), name)).collect(),
        roles: member
            .map(|m| m.roles.iter().map(|(id, name)| (id.to_string(), name.clone())).collect())
            .unwrap_or_default(),
    }))
}

fn many(n: i64) -> String {
    if n >= COUNTED { format!("{COUNTED} or more") } else { in_words(usize::try_from(n).unwrap_or(0)) }
}

/// The heading is the answer to what the reader came for.
fn heading(is_member: bool, waiting: i64, open: i64, held: i64) -> String {
    match (is_member, waiting) {
        (true, 1) => "One proposal needs your vote".to_owned(),
        (true, n) if n >= i64::try_from(COUNTED_VOTES).unwrap_or(i64::MAX) => {
            format!("{COUNTED_VOTES} or more proposals need your vote")
        }
        (true, n) if n > 1 => format!("{} proposals need your vote", many(n)),
        _ if held == 1 => "One proposal is held for a person to settle".to_owned(),
        _ if held > 1 => format!("{} proposals are held for a person to settle", many(held)),
        (true, _) => "Nothing needs your vote".to_owned(),
        (false, _) if open == 1 => "One proposal is open".to_owned(),
        (false, _) if open > 1 => format!("{} proposals are open", many(open)),
        (false, _) => "Nothing is open".to_owned(),
    }
}

fn lede(open: i64, changed: Option<Timestamp>) -> String {
    let open = match open {
        0 => "No proposal is open.".to_owned(),
        1 => "One proposal is open in all.".to_owned(),
        n => format!("{} proposals are open in all.", many(n)),
    };
    match changed {
        Some(at) => format!("{open} The rules last changed on {}.", moment(at).text),
        None => format!("{open} The rules have not been changed by a proposal yet."),
    }
}

fn rule_view(app: &AppState, rule: &RuleLine) -> RuleView {
    let labels: Vec<&str> = rule.action_types.iter().take(3).map(|t| app.engine().label(t)).collect();
    let more = rule.action_types.len().saturating_sub(labels.len());
    let when = match (labels.is_empty(), rule.kind) {
        (true, PolicyKind::Constitution) => "Any change of the rules".to_owned(),
        (true, _) => "Anything on the platform".to_owned(),
        (false, _) => {
            let mut text = labels.join(", ");
            if more > 0 {
                text.push_str(&format!(", and {more} more"));
            }
            let mut letters = text.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    };
    RuleView {
        id: rule.id.to_string(),
        name: rule.name.clone(),
        when,
        mark: match rule.state {
            PolicyState::Active => Mark { icon: "live", tone: "live", word: "In force" },
            PolicyState::Suspended => Mark { icon: "warn", tone: "bad", word: "Suspended: its code failed" },
            PolicyState::Inactive => Mark { icon: "dash", tone: "quiet", word: "Out of force" },
        },
        recent: if rule.recent >= COUNTED { format!("{COUNTED} or more") } else { rule.recent.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heading_says_what_waits_for_the_reader() {
        assert_eq!(heading(true, 2, 5, 0), "Two proposals need your vote");
        assert_eq!(heading(true, 1, 5, 3), "One proposal needs your vote");
        assert_eq!(heading(true, 100, 500, 0), "100 or more proposals need your vote");
        assert_eq!(heading(true, 0, 5, 1), "One proposal is held for a person to settle");
        assert_eq!(heading(true, 0, 5, 0), "Nothing needs your vote");
        assert_eq!(heading(false, 0, 5, 0), "Five proposals are open");
        assert_eq!(heading(false, 0, 0, 0), "Nothing is open");
    }
}
