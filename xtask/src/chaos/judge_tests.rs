//! A day that went well is accepted; every way in which it can go wrong is seen.

use serde_json::json;

use super::*;
use crate::chaos::{
    books::Delivery,
    script::{Moment, Vote},
};

/// A day with a forbidden message, a question and a rename that passes.
struct Case {
    script: Script,
    played: Played,
    record: Vec<Value>,
    books: Books,
    listed: BTreeSet<String>,
}

const TEAM: &str = "T0EAST";

impl Case {
    fn good() -> Self {
        let forbidden = Post { team: TEAM, user: "U0BEN", kind: PostKind::Forbidden, number: 1 };
        let asked = Post { team: TEAM, user: "U0CYD", kind: PostKind::Question, number: 2 };
        let vote = |voter| Vote { voter, choice: Choice::Yes };
        let rename = Rename {
            team: TEAM,
            user: "U0BEN",
            channel: "C0ROOM00".into(),
            old: "room-00".into(),
            new: "hall-00".into(),
            votes: vec![vote("U0CYD"), vote("U0DAN")],
        };
        let press = |voter| Press { rename: 0, voter, choice: Choice::Yes, acked: true };
        let effect = |seq: u64, by: Value, change: Value| {
            let mut entry = json!({ "seq": seq, "at": 0, "what": "effect", "team": TEAM, "cause": by });
            entry.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            entry
        };
        let ours = json!({ "call": 1 });
        let posted = |seq, text: String, mark: &str| {
            let mark = json!({ "event_payload": { "call": mark } });
            effect(
                seq,
                ours.clone(),
                json!({ "effect": "posted", "channel": "C", "ts": "9", "user": "B", "text": text, "metadata": mark, "thread_ts": null }),
            )
        };
        let renamed = |seq, by: Value, from: &str, to: &str| {
            effect(seq, by, json!({ "effect": "renamed", "channel": "C0ROOM00", "from": from, "to": to }))
        };
        let record = vec![
            json!({ "seq": 1, "at": 0, "what": "attempt", "event_id": "Ev1", "team": TEAM, "event_type": "message", "retry": 0, "answer": "status", "status": 200, "ack_lost": false }),
            json!({ "seq": 2, "at": 0, "what": "call", "method": "chat.delete", "team": TEAM, "args": {} }),
            effect(3, ours.clone(), json!({ "effect": "deleted", "channel": SQUARE, "ts": "1.1", "text": "x" })),
            effect(
                4,
                ours.clone(),
                json!({ "effect": "ephemeral", "channel": SQUARE, "user": "U0BEN", "ts": "1.3", "text": reason(1) }),
            ),
            posted(5, answer(2), "a"),
            renamed(6, json!({ "person": "U0BEN" }), "room-00", "hall-00"),
            renamed(7, ours.clone(), "hall-00", "room-00"),
            posted(8, question(&rename), "b"),
            renamed(9, ours.clone(), "room-00", "hall-00"),
            posted(10, announcement(&rename), "c"),
        ];
        let ballots = [("U0CYD", "yes"), ("U0DAN", "yes")].map(|(who, how)| (who.to_owned(), how.to_owned())).into();
        let books = Books {
            inbox: vec![Delivery { team: TEAM.into(), key: "Ev1".into(), state: "done".into() }],
            calls: Vec::new(),
            actions: vec![
                action("a1", MESSAGE, json!({ "timestamp": "1.1" }), "undone"),
                action("a2", MESSAGE, json!({ "timestamp": "1.2" }), "stands"),
                action("a3", RENAME, json!({ "channel": "C0ROOM00", "name": "hall-00" }), "stands"),
            ],
            broken_chains: Vec::new(),
            proposals: vec![Proposal {
                team: TEAM.into(),
                action: "a3".into(),
                effect: "done".into(),
                action_type: "slackrenameconversation".into(),
                fields: json!({ "channel": "C0ROOM00", "name": "hall-00" }),
                status: "passed".into(),
                error: None,
                ballots,
            }],
            running: 0,
            due: 0,
        };
        Self {
            script: Script {
                steps: Vec::new(),
                renames: vec![rename],
                moments: vec![Moment { step: 0, delay: std::time::Duration::ZERO }],
            },
            played: Played {
                posts: vec![(forbidden, "1.1".into()), (asked, "1.2".into())],
                presses: vec![press("U0CYD"), press("U0DAN")],
                hurts: Vec::new(),
            },
            record,
            books,
            listed: BTreeSet::new(),
        }
    }

    fn verdict(&self) -> Vec<String> {
        let record: Vec<Entry> =
            self.record.iter().map(|entry| serde_json::from_value(entry.clone()).unwrap()).collect();
        judge(&Evidence {
            script: &self.script,
            played: &self.played,
            record: &record,
            books: &self.books,
            listed: &self.listed,
        })
    }

    /// Takes out what was recorded under this number.
    fn without(mut self, seq: u64) -> Self {
        self.record.retain(|entry| entry["seq"] != json!(seq));
        self
    }

    /// Lets something that was recorded happen once more.
    fn again(mut self, seq: u64) -> Self {
        let twice = self.record.iter().find(|entry| entry["seq"] == json!(seq)).unwrap().clone();
        self.record.push(twice);
        self
    }

    fn uncertain(mut self, text: &str) -> Self {
        self.books.calls.push(Call {
            id: "c1".into(),
            team: TEAM.into(),
            operation: "chat.postEphemeral".into(),
            args: json!({ "text": text }),
            state: "uncertain".into(),
        });
        self.listed.insert("c1".into());
        self
    }
}

fn action(id: &str, action_type: &str, fields: Value, standing: &str) -> Action {
    Action {
        id: id.into(),
        team: TEAM.into(),
        kind: "platform".into(),
        action_type: action_type.into(),
        fields,
        standing: standing.into(),
    }
}

fn refused(case: &Case, why: &str) {
    let verdict = case.verdict();
    assert!(verdict.iter().any(|line| line.contains(why)), "no `{why}` in {verdict:#?}");
}

#[test]
fn a_day_on_which_everything_happened_once_is_accepted() {
    assert_eq!(Case::good().verdict(), Vec::<String>::new());
}

#[test]
fn what_did_not_happen_is_seen() {
    refused(&Case::good().without(3), "deleted 0 times");
    refused(&Case::good().without(4), "its author was told 0 times");
    refused(&Case::good().without(5), "it was answered 0 times");
    refused(&Case::good().without(7), "renamed");
    refused(&Case::good().without(8), "0 votes were posted");
    refused(&Case::good().without(9), "renamed");
    refused(&Case::good().without(10), "announced 0 times");
}

#[test]
fn what_happened_twice_is_seen() {
    refused(&Case::good().again(3), "deleted 2 times");
    refused(&Case::good().again(4), "its author was told 2 times");
    refused(&Case::good().again(5), "it was answered 2 times");
    refused(&Case::good().again(5), "two messages carry the mark");
    refused(&Case::good().again(8), "2 votes were posted");
    refused(&Case::good().again(9), "renamed");
}

#[test]
fn what_may_have_happened_is_accepted_only_when_a_person_is_asked() {
    assert_eq!(Case::good().without(4).uncertain(&reason(1)).verdict(), Vec::<String>::new());
    refused(&Case::good().without(4).uncertain(&reason(7)), "its author was told 0 times");
    refused(&Case::good().again(4).uncertain(&reason(1)), "its author was told 2 times");
    let mut hidden = Case::good().uncertain(&reason(1));
    hidden.listed.clear();
    refused(&hidden, "not listed");
}

#[test]
fn a_lost_vote_is_seen() {
    let mut lost = Case::good();
    lost.books.proposals[0].ballots.remove("U0DAN");
    refused(&lost, "the vote of U0DAN was taken and is lost");
    let mut turned = Case::good();
    turned.books.proposals[0].ballots.insert("U0DAN".into(), "no".into());
    refused(&turned, "counts as no");
    let mut made_up = Case::good();
    made_up.books.proposals[0].ballots.insert("U0EVE".into(), "yes".into());
    refused(&made_up, "U0EVE never voted");
}

#[test]
fn a_vote_whose_answer_got_lost_may_count_or_not() {
    let mut case = Case::good();
    case.played.presses[1].acked = false;
    assert_eq!(case.verdict(), Vec::<String>::new());
    let mut changed = Case::good();
    changed.played.presses.push(Press { rename: 0, voter: "U0DAN", choice: Choice::No, acked: false });
    assert_eq!(changed.verdict(), Vec::<String>::new());
}

#[test]
fn a_decision_that_does_not_follow_from_the_ballots_is_seen() {
    let mut case = Case::good();
    case.books.proposals[0].status = "failed".into();
    refused(&case, "by its ballots passed");
    let mut twice = Case::good();
    let second = twice.books.proposals[0].clone();
    twice.books.proposals.push(second);
    refused(&twice, "2 proposals are about it");
}

#[test]
fn an_event_that_was_taken_and_not_kept_is_seen() {
    let mut case = Case::good();
    case.books.inbox.clear();
    refused(&case, "taken and is not kept");
}

#[test]
fn unfinished_work_is_seen() {
    let mut waiting = Case::good();
    waiting.books.inbox[0].state = "parked".into();
    refused(&waiting, "1 deliveries");
    let mut held = Case::good();
    held.books.proposals[0].status = "held".into();
    refused(&held, "is held");
}

#[test]
fn an_action_without_its_one_outcome_is_seen() {
    let mut gone = Case::good();
    gone.books.actions.remove(1);
    refused(&gone, "its outcomes are []");
    let mut wrong = Case::good();
    wrong.books.actions[0].standing = "stands".into();
    refused(&wrong, "its outcomes are [\"stands\"]");
    let mut echo = Case::good();
    echo.books.actions.push(action("a4", MESSAGE, json!({ "timestamp": "9.9" }), "stands"));
    refused(&echo, "3 actions slackpostmessage are known, but people did 2");
    let mut torn = Case::good();
    torn.books.actions[2].standing = "contested".into();
    refused(&torn, "contested and its proposals are [\"passed\"]");
    let mut pending = Case::good();
    pending.books.proposals[0].effect = "pending".into();
    refused(&pending, "is pending");
}

#[test]
fn a_broken_chain_is_seen() {
    let mut broken = Case::good();
    broken.books.broken_chains.push("T0EAST: entry 3: it is missing".into());
    refused(&broken, "entry 3");
}
