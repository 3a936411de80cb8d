//! Judges a day: what people did, what the witness saw, what the database says. Knows nothing of how the server works.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    books::{Action, Books, Call, Proposal},
    play::{Played, Press},
    script::{Choice, Post, PostKind, Rename, SQUARE, Script, TEAMS, announcement, answer, question, reason},
    witness::{Change, Entry, What, changes, doubles, posts},
};

/// The types of what people do on a day.
const MESSAGE: &str = "slackpostmessage";
const RENAME: &str = "slackrenameconversation";

/// Everything there is to judge by.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// What people meant to do.
    pub(super) script: &'a Script,
    /// What they did.
    pub(super) played: &'a Played,
    /// What the witness saw.
    pub(super) record: &'a [Entry],
    /// What the database says.
    pub(super) books: &'a Books,
    /// Ids of the calls that the server lists for a person to settle.
    pub(super) listed: &'a BTreeSet<String>,
}

/// What must not be, each in one sentence. None when nothing was lost and nothing was done twice.
pub(super) fn judge(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (post, ts) in &evidence.played.posts {
        judge_post(evidence, post, ts, &mut broken);
    }
    for (index, rename) in evidence.script.renames.iter().enumerate() {
        judge_rename(evidence, index, rename, &mut broken);
    }
    for team in TEAMS {
        for mark in doubles(evidence.record, team) {
            broken.push(format!("{team}: two messages carry the mark {mark}"));
        }
    }
    judge_inbox(evidence, &mut broken);
    judge_outcomes(evidence, &mut broken);
    judge_books(evidence, &mut broken);
    broken
}

fn judge_post(evidence: &Evidence<'_>, post: &Post, id: &str, broken: &mut Vec<String>) {
    let name = format!("{}: message {} ({:?})", post.team, post.number, post.kind);
    let deleted = changes(evidence.record, post.team)
        .filter(|(_, change)| matches!(change, Change::Deleted { channel, ts } if channel == SQUARE && ts == id))
        .count();
    let told = changes(evidence.record, post.team)
        .filter(|(_, change)| {
            matches!(change, Change::Ephemeral { user, text } if user == post.user && *text == reason(post.number))
        })
        .count();
    let answers = posts(evidence.record, post.team, &answer(post.number));
    let forbidden = post.kind == PostKind::Forbidden;
    let standings: Vec<&str> = governable(evidence.books)
        .filter(|a| a.team == post.team && a.action_type == MESSAGE && text_of(&a.fields, "timestamp") == Some(id))
        .map(|a| a.standing.as_str())
        .collect();
    if standings != [if forbidden { "undone" } else { "stands" }] {
        broken.push(format!("{name}: its outcomes are {standings:?}"));
    }
    if deleted != usize::from(forbidden) {
        broken.push(format!("{name}: deleted {deleted} times"));
    }
    once(evidence, post.team, &name, "its author was told", told, usize::from(forbidden), &reason(post.number), broken);
    let wanted = usize::from(post.kind == PostKind::Question);
    once(evidence, post.team, &name, "it was answered", answers, wanted, &answer(post.number), broken);
}

/// Something was said as often as it should have been, or at most so often and a person is asked to look.
#[expect(clippy::too_many_arguments, reason = "every argument is another part of the sentence")]
fn once(
    evidence: &Evidence<'_>,
    team: &str,
    name: &str,
    what: &str,
    count: usize,
    wanted: usize,
    text: &str,
    broken: &mut Vec<String>,
) {
    let doubtful = evidence.books.uncertain(team).any(|call| says(call, text));
    if count > wanted || (count < wanted && !doubtful) {
        broken.push(format!("{name}: {what} {count} times, not {wanted}"));
    }
}

fn says(call: &Call, text: &str) -> bool {
    call.args.get("text").and_then(Value::as_str).is_some_and(|said| said.contains(text))
}

fn judge_rename(evidence: &Evidence<'_>, index: usize, rename: &Rename, broken: &mut Vec<String>) {
    let name = format!("{}: {} → {}", rename.team, rename.old, rename.new);
    let Some(proposal) = proposal_of(evidence.books, rename, &name, broken) else { return };
    let ballots = &proposal.ballots;
    judge_ballots(evidence, index, &name, ballots, broken);
    let count = |choice: Choice| ballots.values().filter(|b| b.as_str() == choice.as_str()).count();
    let verdict = match (count(Choice::Yes), count(Choice::No)) {
        (2.., _) => "passed",
        (_, 2..) => "failed",
        _ => "proposed",
    };
    if proposal.status != verdict {
        broken.push(format!("{name}: {}, but by its ballots {verdict}: {ballots:?}", proposal.status));
    }
    let passed = verdict == "passed";
    let mut wanted = vec![(false, rename.old.as_str(), rename.new.as_str()), (true, &rename.new, &rename.old)];
    if passed {
        wanted.push((true, &rename.old, &rename.new));
    }
    let seen: Vec<(bool, &str, &str)> = changes(evidence.record, rename.team)
        .filter_map(|(cause, change)| match change {
            Change::Renamed { channel, from, to } if *channel == rename.channel => {
                Some((cause.is_ours(), from.as_str(), to.as_str()))
            }
            _ => None,
        })
        .collect();
    if seen != wanted {
        broken.push(format!("{name}: renamed (by us, from, to) {seen:?}, not {wanted:?}"));
    }
    let asked = posts(evidence.record, rename.team, &question(rename));
    if asked != 1 {
        broken.push(format!("{name}: {asked} votes were posted, not 1"));
    }
    let told = posts(evidence.record, rename.team, &announcement(rename));
    let text = announcement(rename);
    once(evidence, rename.team, &name, "the result was announced", told, usize::from(passed), &text, broken);
}

/// Exactly one proposal is about the person's own rename; there is none about ours.
fn proposal_of<'a>(books: &'a Books, rename: &Rename, name: &str, broken: &mut Vec<String>) -> Option<&'a Proposal> {
    let about: Vec<&Proposal> = books
        .proposals
        .iter()
        .filter(|p| {
            p.team == rename.team
                && p.action_type == RENAME
                && text_of(&p.fields, "channel") == Some(rename.channel.as_str())
        })
        .collect();
    match about.as_slice() {
        [one] => Some(one),
        others => {
            broken.push(format!("{name}: {} proposals are about it, not 1", others.len()));
            None
        }
    }
}

/// A vote that was taken counts, unless the same person pressed something else later whose answer got lost.
fn judge_ballots(
    evidence: &Evidence<'_>,
    index: usize,
    name: &str,
    ballots: &BTreeMap<String, String>,
    broken: &mut Vec<String>,
) {
    let pressed: Vec<&Press> = evidence.played.presses.iter().filter(|p| p.rename == index).collect();
    let voters: BTreeSet<&str> = pressed.iter().map(|p| p.voter).collect();
    for voter in &voters {
        let own: Vec<&&Press> = pressed.iter().filter(|p| p.voter == *voter).collect();
        let taken = own.iter().rposition(|p| p.acked);
        let since = taken.unwrap_or_default();
        let may: BTreeSet<&str> = own.iter().skip(since).map(|p| p.choice.as_str()).collect();
        match ballots.get(*voter) {
            None if taken.is_none() => {}
            None => broken.push(format!("{name}: the vote of {voter} was taken and is lost")),
            Some(counted) if !may.contains(counted.as_str()) => {
                broken.push(format!("{name}: the vote of {voter} counts as {counted}, but was {may:?}"));
            }
            Some(_) => {}
        }
    }
    for stranger in ballots.keys().filter(|voter| !voters.contains(voter.as_str())) {
        broken.push(format!("{name}: {stranger} never voted and has a ballot"));
    }
}

fn judge_inbox(evidence: &Evidence<'_>, broken: &mut Vec<String>) {
    let kept: BTreeSet<(&str, &str)> = evidence.books.inbox.iter().map(|d| (d.team.as_str(), d.key.as_str())).collect();
    let mut missing = BTreeSet::new();
    for entry in evidence.record {
        match &entry.what {
            What::Attempt { event_id, team, event_type, status: Some(200..=299) }
                if event_type != "block_actions" && !kept.contains(&(team.as_str(), event_id.as_str())) =>
            {
                missing.insert(format!("{team}: the event {event_id} ({event_type}) was taken and is not kept"));
            }
            What::Lost { event_id } => {
                missing.insert(format!("the event {event_id} was never taken, so the day proves nothing"));
            }
            _ => {}
        }
    }
    broken.extend(missing);
    if kept.len() != evidence.books.inbox.len() {
        broken.push("a delivery is kept twice under one key".to_owned());
    }
    for dead in evidence.books.inbox.iter().filter(|d| d.state == "dead") {
        broken.push(format!("{}: the delivery {} could not be read", dead.team, dead.key));
    }
}

/// Whatever people did that can be governed has one action, and that action at most one proposal with the last word.
fn judge_outcomes(evidence: &Evidence<'_>, broken: &mut Vec<String>) {
    for (action_type, done) in [(MESSAGE, evidence.played.posts.len()), (RENAME, evidence.script.renames.len())] {
        let known = governable(evidence.books).filter(|action| action.action_type == action_type).count();
        if known != done {
            broken.push(format!("{known} actions {action_type} are known, but people did {done}"));
        }
    }
    for action in &evidence.books.actions {
        let words: Vec<&str> = evidence
            .books
            .proposals
            .iter()
            .filter(|p| p.action == action.id && p.status != "superseded")
            .map(|p| p.status.as_str())
            .collect();
        let open = words.contains(&"proposed");
        if words.len() > 1 || (action.standing == "contested") != open {
            broken.push(format!(
                "{}: the {} {} {} and its proposals are {words:?}",
                action.team, action.kind, action.action_type, action.standing
            ));
        }
    }
    for proposal in &evidence.books.proposals {
        let doubtful = evidence.books.uncertain(&proposal.team).next().is_some();
        let fits = matches!(proposal.effect.as_str(), "none" | "done") || (proposal.effect == "uncertain" && doubtful);
        if !fits {
            broken.push(format!(
                "{}: what was decided about {} {} is {}",
                proposal.team, proposal.action_type, proposal.fields, proposal.effect
            ));
        }
    }
}

/// What people did that a policy may undo.
fn governable(books: &Books) -> impl Iterator<Item = &Action> {
    books.actions.iter().filter(|action| action.kind == "platform")
}

fn text_of<'a>(fields: &'a Value, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

fn judge_books(evidence: &Evidence<'_>, broken: &mut Vec<String>) {
    let books = evidence.books;
    broken.extend(books.unfinished());
    broken.extend(books.broken_chains.iter().cloned());
    for proposal in &books.proposals {
        if proposal.error.is_some() || proposal.status == "held" {
            broken.push(format!(
                "{}: a proposal about {} {} is {}: {}",
                proposal.team,
                proposal.action_type,
                proposal.fields,
                proposal.status,
                proposal.error.as_deref().unwrap_or("no error")
            ));
        }
    }
    let uncertain: BTreeSet<String> = TEAMS.iter().flat_map(|t| books.uncertain(t)).map(|c| c.id.clone()).collect();
    for hidden in uncertain.symmetric_difference(evidence.listed) {
        broken.push(format!("the call {hidden} is either uncertain and not listed, or listed and not uncertain"));
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
