//! Votes as Slack messages: the text, a line per option or candidate with its voters, and what people vote with.

mod controls;
mod words;

use policykit_core::{
    JsonMap, Timestamp,
    ballot::{Poll, PollKind, TallyRow},
    call::PlannedCall,
    ids::ProposalId,
    proposal::Status,
};
use serde_json::{Value, json};

use super::{actions::call, harmless::shown};
use crate::platform::VoteDrawing;
use controls::{MAX_CANDIDATE_BYTES, MAX_MENU_CHARS, MAX_OPTION_CHARS};
use words::{cut, people_list, split};

pub(super) use controls::{ACTION_PREFIX, said};

/// Most options or candidates a vote may have: a message holds 50 blocks, of which each takes one.
pub(super) const MAX_OPTIONS: usize = 40;

/// Slack's limits, in characters or pieces.
const SECTION_CHARS: usize = 3_000;
const TEXT_SECTIONS: usize = 4;
/// The plain text shown in notifications; `chat.update` refuses more than 4,000.
const MESSAGE_CHARS: usize = 3_900;

/// The call that brings the message up to date.
pub(super) fn draw(drawing: &VoteDrawing<'_>) -> Option<PlannedCall> {
    let poll = drawing.poll;
    if poll.channel.is_empty() || poll.post_id.is_empty() {
        return None;
    }
    let mut args = message(&Look::of(drawing.proposal, poll), drawing.tally, drawing.status);
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
    pub(super) candidates: &'a [String],
    pub(super) electorate: Option<&'a [String]>,
    pub(super) closes_at: Option<Timestamp>,
}

impl<'a> Look<'a> {
    pub(super) fn of(proposal: ProposalId, poll: &'a Poll) -> Self {
        Self {
            proposal,
            kind: poll.kind,
            text: &poll.text,
            options: &poll.options,
            candidates: &poll.candidates,
            electorate: poll.electorate.as_deref(),
            closes_at: poll.closes_at,
        }
    }
}

/// `text` and `blocks` of a vote's message.
pub(super) fn message(look: &Look<'_>, tally: &[TallyRow], status: Status) -> JsonMap {
    let mut blocks: Vec<Value> = split(look.text, SECTION_CHARS, TEXT_SECTIONS).iter().map(|t| section(t)).collect();
    for candidate in look.candidates {
        let mut block = section(&candidate_lines(candidate, tally));
        if let (Status::Proposed, Value::Object(map)) = (status, &mut block) {
            map.insert("accessory".to_owned(), controls::of_candidate(look, candidate));
        }
        blocks.push(block);
    }
    if look.kind != PollKind::Select {
        for (index, option) in look.options.iter().enumerate() {
            let voters = tally.iter().find(|row| row.option == *option).map_or(&[][..], |row| &row.voters);
            blocks.push(section(&option_line(look.kind, index, option, voters)));
        }
    }
    if status == Status::Proposed {
        blocks.extend(controls::blocks(look));
        if let Some(people) = look.electorate {
            blocks.push(context(&format!("Only {} may vote.", people_list(people, 1_900))));
        }
        if let Some(at) = look.closes_at {
            // Slack writes the moment in each reader's own time.
            let secs = at.secs();
            blocks.push(context(&format!("Open until <!date^{secs}^{{date_short_pretty}} at {{time}}|{at}>.")));
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

fn label(kind: PollKind, index: usize, option: &str) -> String {
    match (kind, option) {
        (PollKind::Boolean, "yes") => ":thumbsup: Yes".to_owned(),
        (PollKind::Boolean, _) => ":thumbsdown: No".to_owned(),
        (_, option) => format!("{}. {option}", index + 1),
    }
}

fn option_line(kind: PollKind, index: usize, option: &str, voters: &[String]) -> String {
    let head = format!("{}  `{}`", cut(&shown(&label(kind, index, option)), 1_020), voters.len());
    if voters.is_empty() {
        return head;
    }
    let room = SECTION_CHARS.saturating_sub(head.chars().count() + 1);
    format!("{head}\n{}", people_list(voters, room))
}

/// A candidate with what was picked for it, each option that somebody picked on a line of its own.
fn candidate_lines(candidate: &str, tally: &[TallyRow]) -> String {
    let mut text = format!("*{}*", shown(candidate));
    let picked: Vec<&TallyRow> =
        tally.iter().filter(|r| r.candidate.as_deref() == Some(candidate) && !r.voters.is_empty()).collect();
    // Each line has an equal part of the room, so that none is left out.
    let room = (SECTION_CHARS - 600) / picked.len().max(1);
    for row in picked {
        let head = format!("\n{}  `{}`", cut(&shown(&row.option), MAX_MENU_CHARS), row.voters.len());
        text.push_str(&head);
        let rest = room.saturating_sub(head.chars().count() + 1);
        if rest > 60 {
            text.push(' ');
            text.push_str(&people_list(&row.voters, rest));
        }
    }
    cut(&text, SECTION_CHARS)
}

const fn result_line(status: Status) -> &'static str {
    match status {
        Status::Proposed => "The vote is open.",
        Status::Passed => ":white_check_mark: *Passed.* The vote is closed.",
        Status::Failed => ":x: *Not passed.* The vote is closed.",
        Status::Held | Status::Superseded => ":no_entry: *The vote is closed without a decision.*",
    }
}

/// Where a message of a workspace can be seen: `workspace_url` is the address of the workspace.
pub(super) fn permalink(workspace_url: &str, channel: &str, ts: &str) -> Option<String> {
    if workspace_url.is_empty() || channel.is_empty() || ts.is_empty() {
        return None;
    }
    Some(format!("{}/archives/{channel}/p{}", workspace_url.trim_end_matches('/'), ts.replace('.', "")))
}

/// Why this cannot be voted on here, if so.
pub(super) fn problem(kind: PollKind, options: &[String], candidates: &[String]) -> Option<String> {
    let longest = match kind {
        PollKind::Boolean | PollKind::Choice => MAX_OPTION_CHARS,
        PollKind::Multi | PollKind::Select => MAX_MENU_CHARS,
    };
    if let Some(problem) = list_problem("options", "option", options) {
        return Some(problem);
    }
    // Quotes and the like take more room in the button's value than on the screen.
    let too_long = |o: &&String| o.chars().count() > longest || json!(o).to_string().chars().count() > 1_900;
    if let Some(long) = options.iter().find(too_long) {
        return Some(format!("the option `{}` is too long; {longest} characters are allowed", cut(long, 40)));
    }
    if kind != PollKind::Select {
        return None;
    }
    if candidates.is_empty() || options.is_empty() {
        return Some("`candidates` and `options` must each hold at least one text".to_owned());
    }
    if let Some(long) = candidates.iter().find(|c| c.len() > MAX_CANDIDATE_BYTES) {
        return Some(format!("the candidate `{}` is too long; {MAX_CANDIDATE_BYTES} bytes are allowed", cut(long, 40)));
    }
    list_problem("candidates", "candidate", candidates)
}

fn list_problem(name: &str, one: &str, list: &[String]) -> Option<String> {
    if list.len() > MAX_OPTIONS {
        return Some(format!("`{name}` has {} entries; a message on Slack holds {MAX_OPTIONS}", list.len()));
    }
    let mut seen: Vec<&String> = Vec::new();
    for entry in list {
        if entry.trim().is_empty() {
            return Some(format!("`{name}` contains an empty text"));
        }
        if seen.contains(&entry) {
            return Some(format!("`{name}` contains the {one} `{}` twice", cut(entry, 40)));
        }
        seen.push(entry);
    }
    None
}

#[cfg(test)]
#[path = "vote_tests.rs"]
mod tests;
