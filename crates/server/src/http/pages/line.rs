//! A proposal in a line of a list: what it is, how it stands, and why in one sentence.

use policykit_core::{
    action::Origin,
    ballot::{BallotValue, Poll, PollKind},
    descriptor::FieldKind,
};
use policykit_store::{Counted, ProposalLine};

use super::{
    finding::{Facts, Sentence, finding},
    seats::{Seats, Sides},
    words::{self, Mark, Moment, decision, effect, moment},
};
use crate::http::AppState;

/// How much of what somebody wrote is taken, in letters. Lists show less of it, see `mentions::name_lines`.
const EXCERPT: usize = 600;

/// A proposal in a list.
#[derive(Debug, Clone)]
pub(crate) struct LineView {
    /// Its id.
    pub(crate) id: String,
    /// Who did or wants what.
    pub(crate) title: String,
    /// The words of the action, where it has any.
    pub(crate) excerpt: Option<String>,
    /// What sort of value they are.
    pub(crate) excerpt_kind: FieldKind,
    /// What has been decided.
    pub(crate) mark: Mark,
    /// Whether it has happened.
    pub(crate) effect: Option<&'static str>,
    /// Why.
    pub(crate) reason: Sentence,
    /// When it began.
    pub(crate) began: Moment,
    /// The vote drawn as people, where they are few.
    pub(crate) seats: Option<Seats>,
    /// The vote in words.
    pub(crate) tally: Option<String>,
    /// Whether the answers are yes and no.
    pub(crate) is_boolean: bool,
    /// Which vote it is, as forms send it.
    pub(crate) vote: String,
    /// What is asked.
    pub(crate) question: String,
}

/// Puts a proposal into a line.
pub(crate) fn line(app: &AppState, found: &ProposalLine, counted: &[Counted]) -> LineView {
    let label = app.engine().describe(&found.action_type, &found.fields);
    let rows = found.poll.as_ref().map(|poll| tally(poll, counted));
    let sides = found.poll.as_ref().and_then(|poll| sides(poll, counted, found.asked));
    LineView {
        id: found.id.to_string(),
        title: words::heading(words::title(&label, found.initiator.as_deref(), found.origin), found.withheld),
        excerpt: words::excerpt(found.kind, &found.fields, EXCERPT),
        excerpt_kind: words::excerpt_kind(&found.fields, app.engine().fields(&found.action_type)),
        mark: mark(found),
        effect: effect(found.effect, found.status).map(|mark| mark.word),
        reason: reason(found, rows.as_deref()),
        began: moment(found.created_at),
        seats: sides.and_then(Sides::line),
        tally: match (sides, rows) {
            (Some(sides), _) => Some(sides.words()),
            (None, Some(rows)) => Some(in_words(&rows)),
            (None, None) => None,
        },
        vote: found.poll.as_ref().map(|poll| poll.key().as_str().to_owned()).unwrap_or_default(),
        is_boolean: found.poll.as_ref().is_some_and(|poll| poll.kind == PollKind::Boolean),
        question: found.poll.as_ref().map(|poll| poll.text.clone()).unwrap_or_default(),
    }
}

/// The sentence of a proposal in a list.
pub(crate) fn reason(found: &ProposalLine, rows: Option<&[(String, usize)]>) -> Sentence {
    finding(&Facts {
        policy: &found.policy_name,
        origin: found.origin,
        status: found.status,
        effect: found.effect,
        effect_note: found.effect_note.as_deref(),
        reverted: found.reverted,
        votes: rows,
        by: None,
    })
}

/// What was decided, in one word: what was refused on the platform is undone.
fn mark(found: &ProposalLine) -> Mark {
    use policykit_core::proposal::{EffectStatus, Status};
    let undone = found.status == Status::Failed
        && found.effect == EffectStatus::Done
        && found.origin == Origin::Platform
        && found.reverted;
    if undone { Mark { icon: "undo", tone: "undone", word: "Undone" } } else { decision(found.status) }
}

/// The answers of a vote with how many chose each, in the order of the options; with candidates, those that somebody
/// picked for one of them.
pub(crate) fn tally(poll: &Poll, counted: &[Counted]) -> Vec<(String, usize)> {
    if poll.kind == PollKind::Select {
        let rows = by_candidate(poll, counted).into_iter().flat_map(|(candidate, rows)| {
            rows.into_iter().map(move |(option, n)| (format!("{option} for {candidate}"), n))
        });
        return rows.filter(|(_, n)| *n > 0).collect();
    }
    let chose = |option: &String| how_many(counted, |value| value.options().contains(&option.as_str()));
    poll.options.iter().map(|option| (option.clone(), chose(option))).collect()
}

/// A candidate, and the options with how many picked each.
pub(crate) type Picked = (String, Vec<(String, usize)>);

/// The candidates of a vote that has some, in its order.
pub(crate) fn by_candidate(poll: &Poll, counted: &[Counted]) -> Vec<Picked> {
    let picked = |candidate: &String, option: &String| {
        how_many(counted, |value| value.picks().any(|pick| pick == (candidate.as_str(), option.as_str())))
    };
    let rows = |candidate| poll.options.iter().map(|option| (option.clone(), picked(candidate, option))).collect();
    poll.candidates.iter().map(|candidate| (candidate.clone(), rows(candidate))).collect()
}

fn how_many(counted: &[Counted], says: impl Fn(&BallotValue) -> bool) -> usize {
    let found = counted.iter().filter(|counted| says(&counted.value));
    found.map(|counted| usize::try_from(counted.count).unwrap_or(0)).sum()
}

/// What a ballot says.
pub(crate) fn said(value: &BallotValue) -> String {
    if matches!(value, BallotValue::Select(_)) { value.in_words() } else { value.options().join(", ") }
}

/// Whether a ballot says anything: of one with candidates everything may have been taken back.
pub(crate) fn says_something(value: &BallotValue) -> bool {
    !matches!(value, BallotValue::Select(_)) || value.picks().next().is_some()
}

/// The two sides of a vote that has two.
pub(crate) fn sides(poll: &Poll, counted: &[Counted], asked: Option<i64>) -> Option<Sides> {
    if poll.kind != PollKind::Boolean {
        return None;
    }
    let many = |wanted: bool| how_many(counted, |value| *value == BallotValue::Boolean(wanted));
    let (yes, no) = (many(true), many(false));
    let open = asked.map(|asked| usize::try_from(asked).unwrap_or(0).saturating_sub(yes + no));
    Some(Sides { yes, no, open })
}

/// How many have voted at all.
pub(crate) fn voters(counted: &[Counted]) -> usize {
    how_many(counted, says_something)
}

fn in_words(rows: &[(String, usize)]) -> String {
    if rows.is_empty() {
        return "no votes".to_owned();
    }
    let parts: Vec<String> = rows.iter().map(|(option, n)| format!("{n} {option}")).collect();
    parts.join(", ")
}
