//! What a post that asks to vote says, while people vote and afterwards.

use policykit_core::{JsonMap, ballot::Poll, call::PlannedCall, ids::ProposalId, proposal::Status};

use super::{
    actions::{rewrite, texts},
    harmless,
};
use crate::platform::VoteDrawing;

/// Argument of a call that writes something: the proposal to whose page what is written leads.
const LEADS_TO: &str = "leads_to";

/// A call that writes something, with the way to where people vote.
pub(super) fn leading_to(mut call: PlannedCall, proposal: ProposalId) -> PlannedCall {
    call.args.insert(LEADS_TO.to_owned(), proposal.to_string().into());
    call
}

/// Argument of a call that writes something: whom it asks.
const ASKS: &str = "asks";
/// How many people are called by name: more are called by no forum.
const MOST_CALLED: usize = 10;

/// A call that writes something, with whom it asks. They are called by the names they have when it is written.
pub(super) fn asking(mut call: PlannedCall, electorate: Option<&[String]>) -> PlannedCall {
    if let Some(people) = electorate.filter(|people| people.len() <= MOST_CALLED) {
        call.args.insert(ASKS.to_owned(), people.into());
    }
    call
}

/// Whom a call asks by name.
pub(super) fn asks(args: &JsonMap) -> Vec<String> {
    texts(args.get(ASKS))
}

/// What is written, with whom it asks and the way to where people vote, where it is asked for.
pub(super) fn with_way(raw: &str, asked: &[String], args: &JsonMap, pages: Option<&str>) -> String {
    let names: Vec<String> = asked.iter().map(|name| format!("@{name}")).collect();
    let asked = if names.is_empty() { String::new() } else { format!("\n\nAsked are: {}", names.join(", ")) };
    let raw = format!("{raw}{asked}");
    match (args.get(LEADS_TO).and_then(serde_json::Value::as_str), pages) {
        (None, _) => raw,
        (Some(proposal), Some(pages)) => format!("{raw}\n\n[Vote here]({pages}/proposals/{proposal})"),
        (Some(_), None) => format!("{raw}\n\nVote on PolicyKit's page, under Decisions."),
    }
}

/// What is asked, and of how many.
pub(super) fn asked(poll: &Poll) -> String {
    let mut text = poll.text.trim_end().to_owned();
    text.push_str("\n\n");
    for option in &poll.options {
        text.push_str(&format!("* {}\n", harmless::shown(option)));
    }
    if let Some(people) = poll.electorate.as_ref().filter(|people| people.len() > MOST_CALLED) {
        text.push_str(&format!("\nAsked are {} people.", people.len()));
    }
    text.trim_end().to_owned()
}

/// The post after the vote: what was asked and what came of it. While people vote it stays as it is.
pub(super) fn draw(drawing: &VoteDrawing<'_>) -> Option<PlannedCall> {
    let result = match drawing.status {
        Status::Proposed => return None,
        Status::Passed => "**Passed.** The vote is closed.",
        Status::Failed => "**Not passed.** The vote is closed.",
        Status::Held | Status::Superseded => "**The vote is closed without a decision.**",
    };
    let mut text = drawing.poll.text.trim_end().to_owned();
    text.push_str("\n\n");
    for option in &drawing.poll.options {
        let votes = drawing.tally.iter().find(|row| row.option == *option).map_or(0, |row| row.voters.len());
        text.push_str(&format!("* {}: {votes}\n", harmless::shown(option)));
    }
    text.push_str(&format!("\n{result}"));
    Some(rewrite(drawing.poll.post_id.parse().ok()?, &text, None))
}
