//! Votes as Slack messages: the text, a line per option with its voters, and a button per option.

use policykit_core::{
    JsonMap,
    ballot::{PollKind, TallyRow},
    call::PlannedCall,
    ids::ProposalId,
    proposal::Status,
};
use serde_json::{Value, json};

use super::actions::call;
use crate::platform::VoteDrawing;

/// What the ids of our buttons begin with.
pub(super) const ACTION_PREFIX: &str = "policykit_vote:";

/// Most options a vote may have: a message holds 50 blocks, of which an option takes one.
pub(super) const MAX_OPTIONS: usize = 40;
/// Longest option: a button's value holds 2,000 characters, of which the proposal takes some.
pub(super) const MAX_OPTION_CHARS: usize = 1_000;

/// Slack's limits, in characters or pieces.
const SECTION_CHARS: usize = 3_000;
const TEXT_SECTIONS: usize = 4;
const BUTTON_CHARS: usize = 75;
const BUTTONS_PER_BLOCK: usize = 25;
/// The plain text shown in notifications; `chat.update` refuses more than 4,000.
const MESSAGE_CHARS: usize = 3_900;

/// What a button's value says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ButtonValue {
    pub(super) proposal: ProposalId,
    pub(super) option: String,
}

impl ButtonValue {
    fn write(&self) -> String {
        json!({ "p": self.proposal, "o": self.option }).to_string()
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(Self { proposal: value.get("p")?.as_str()?.parse().ok()?, option: value.get("o")?.as_str()?.to_owned() })
    }
}

/// The call that brings the message up to date.
pub(super) fn draw(drawing: &VoteDrawing<'_>) -> Option<PlannedCall> {
    let poll = drawing.poll;
    if poll.channel.is_empty() || poll.post_id.is_empty() {
        return None;
    }
    let look = Look {
        proposal: drawing.proposal,
        kind: poll.kind,
        text: &poll.text,
        options: &poll.options,
        electorate: poll.electorate.as_deref(),
    };
    let mut args = message(&look, drawing.tally, drawing.status);
    args.insert("channel".to_owned(), poll.channel.clone().into());
    args.insert("ts".to_owned(), poll.post_id.clone().into());
    Some(call("chat.update", args.into()))
}

/// What a vote's message is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) proposal: ProposalId,
    pub(super) kind: PollKind,
    pub(super) text: &'a str,
    pub(super) options: &'a [String],
    pub(super) electorate: Option<&'a [String]>,
}

/// `text` and `blocks` of a vote's message.
pub(super) fn message(look: &Look<'_>, tally: &[TallyRow], status: Status) -> JsonMap {
    let mut blocks: Vec<Value> = split(look.text, SECTION_CHARS, TEXT_SECTIONS).iter().map(|t| section(t)).collect();
    for (index, option) in look.options.iter().enumerate() {
        let voters = tally.iter().find(|row| row.option == *option).map_or(&[][..], |row| &row.voters);
        blocks.push(section(&option_line(look.kind, index, option, voters)));
    }
    if status == Status::Proposed {
        let buttons: Vec<Value> =
            look.options.iter().enumerate().map(|(index, option)| button(look, index, option)).collect();
        blocks.extend(buttons.chunks(BUTTONS_PER_BLOCK).map(|some| json!({ "type": "actions", "elements": some })));
        if let Some(people) = look.electorate {
            blocks.push(context(&format!("Only {} may vote.", people_list(people, 1_900))));
        }
    } else {
        blocks.push(section(result_line(status)));
    }
    let mut args = JsonMap::new();
    args.insert("text".to_owned(), cut(look.text, MESSAGE_CHARS).into());
    args.insert("blocks".to_owned(), blocks.into());
    args
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": text }] })
}

fn button(look: &Look<'_>, index: usize, option: &str) -> Value {
    let value = ButtonValue { proposal: look.proposal, option: option.to_owned() };
    json!({
        "type": "button",
        "action_id": format!("{ACTION_PREFIX}{index}"),
        "text": { "type": "plain_text", "text": cut(&label(look.kind, index, option), BUTTON_CHARS), "emoji": true },
        "value": value.write(),
    })
}

fn label(kind: PollKind, index: usize, option: &str) -> String {
    match (kind, option) {
        (PollKind::Boolean, "yes") => ":thumbsup: Yes".to_owned(),
        (PollKind::Boolean, _) => ":thumbsdown: No".to_owned(),
        (_, option) => format!("{}. {option}", index + 1),
    }
}

fn option_line(kind: PollKind, index: usize, option: &str, voters: &[String]) -> String {
    let head = format!("{}  `{}`", cut(&label(kind, index, option), 1_020), voters.len());
    if voters.is_empty() {
        return head;
    }
    let room = SECTION_CHARS.saturating_sub(head.chars().count() + 1);
    format!("{head}\n{}", people_list(voters, room))
}

/// Mentions separated by commas, as many as fit; the others are counted.
fn people_list(people: &[String], room: usize) -> String {
    let mut list = String::new();
    for (index, id) in people.iter().enumerate() {
        let next = if index == 0 { format!("<@{id}>") } else { format!(", <@{id}>") };
        // Leaves room for the count of those who do not fit.
        if list.len() + next.len() + 24 > room {
            list.push_str(&format!(" and {} more", people.len() - index));
            break;
        }
        list.push_str(&next);
    }
    list
}

const fn result_line(status: Status) -> &'static str {
    match status {
        Status::Proposed => "The vote is open.",
        Status::Passed => ":white_check_mark: *Passed.* The vote is closed.",
        Status::Failed => ":x: *Not passed.* The vote is closed.",
        Status::Held | Status::Superseded => ":no_entry: *The vote is closed without a decision.*",
    }
}

/// At most `limit` characters, with an ellipsis where something is missing.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

/// A text in at most `most` pieces of at most `size` characters, split at line ends where there are any.
fn split(text: &str, size: usize, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > size && pieces.len() + 1 < most {
        let window = rest.get(..size).unwrap_or(&rest);
        let at = window.iter().rposition(|c| *c == '\n').filter(|at| *at > 0).unwrap_or(size);
        let tail = rest.split_off(at);
        pieces.push(rest.into_iter().collect::<String>());
        rest = tail.into_iter().skip_while(|c| *c == '\n').collect();
    }
    if !rest.is_empty() {
        pieces.push(cut(&rest.into_iter().collect::<String>(), size));
    }
    pieces
}

/// Where a message of a workspace can be seen: `workspace_url` is the address of the workspace.
pub(super) fn permalink(workspace_url: &str, channel: &str, ts: &str) -> Option<String> {
    if workspace_url.is_empty() || channel.is_empty() || ts.is_empty() {
        return None;
    }
    Some(format!("{}/archives/{channel}/p{}", workspace_url.trim_end_matches('/'), ts.replace('.', "")))
}

/// Why these options cannot be voted on here, if so.
pub(super) fn options_problem(options: &[String]) -> Option<String> {
    if options.len() > MAX_OPTIONS {
        return Some(format!("`options` has {} entries; a message on Slack holds {MAX_OPTIONS}", options.len()));
    }
    // Quotes and the like take more room in the button's value than on the screen.
    let too_long = |o: &&String| o.chars().count() > MAX_OPTION_CHARS || json!(o).to_string().chars().count() > 1_900;
    if let Some(long) = options.iter().find(too_long) {
        return Some(format!("the option `{}` is too long; {MAX_OPTION_CHARS} characters are allowed", cut(long, 40)));
    }
    let mut seen: Vec<&String> = Vec::new();
    for option in options {
        if option.trim().is_empty() {
            return Some("`options` contains an empty text".to_owned());
        }
        if seen.contains(&option) {
            return Some(format!("`options` contains `{option}` twice"));
        }
        seen.push(option);
    }
    None
}

#[cfg(test)]
#[path = "vote_tests.rs"]
mod tests;
