//! Policies that communities have published run as they are.

use std::{path::PathBuf, time::Duration};

use policykit_core::{
    Value,
    ballot::BallotValue,
    policy::{Block, PolicyDraft},
    snapshot::Snapshot,
};
use policykit_policy::{Answer, MontySandbox, Progress, Run, Sandbox, from_policykit_json};

use crate::common::{ballot, run_on, snapshot, with_vote};

fn published(name: &str) -> Option<PolicyDraft> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/policykit").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(from_policykit_json(&text).unwrap().remove(0)),
        Err(_) => {
            eprintln!("skipped: {name} is not here");
            None
        }
    }
}

/// Runs a block, answering every call with a timestamp; returns its value and the calls.
fn through(run: &mut Run, block: Block) -> (Value, Vec<String>) {
    let mut calls = Vec::new();
    let mut progress = run.start(block);
    loop {
        progress = match progress {
            Progress::Done(value) => return (value, calls),
            Progress::Call(call) => {
                calls.push(format!("{}({})", call.method, serde_json::Value::Object(call.args)));
                run.answer(Answer::Value(Value::str("1700000000.000100")))
            }
            other => panic!("{other:?}"),
        };
    }
}

fn at_day(mut snapshot: Snapshot, days: u64) -> Snapshot {
    snapshot.now = snapshot.now + Duration::from_secs(days * 86_400 + 60);
    snapshot
}

#[test]
fn the_post_guard_fails_and_tells_the_author_alone() {
    let Some(policy) = published("Don_t_allow_posts_in_Slack_channel.json") else { return };
    let mut snapshot = snapshot();
    snapshot.action.fields.insert("channel".into(), "C025LDZ76R3".into());
    let mut run = run_on(snapshot, &policy.blocks);
    assert_eq!(run.start(Block::Filter), Progress::Done(Value::Bool(true)));
    assert_eq!(through(&mut run, Block::Check).0, Value::str("failed"));
    let (_, calls) = through(&mut run, Block::Fail);
    assert_eq!(calls.len(), 1);
    assert!(
        calls[0].contains("ephemeral") && calls[0].contains("U1") && calls[0].contains("policy 'rule'"),
        "{calls:?}"
    );
}

#[test]
fn the_consensus_vote_opens_reminds_once_and_decides() {
    let Some(policy) = published("Consensus_vote_in_Slack_with_restricted_voting___reminder.json") else { return };
    let mut run = run_on(snapshot(), &policy.blocks);
    assert_eq!(through(&mut run, Block::Check).0, Value::str("proposed"));
    let (_, calls) = through(&mut run, Block::Notify);
    assert!(
        calls[0].starts_with("initiate_vote") && calls[0].contains("\"abstain\"") && calls[0].contains("more tea"),
        "{calls:?}"
    );

    let mut late = at_day(with_vote(snapshot()), 4);
    late.ballots = vec![ballot("U01", BallotValue::Choice("consent".into()))];
    let mut run = run_on(late.clone(), &policy.blocks);
    let (verdict, calls) = through(&mut run, Block::Check);
    assert_eq!(verdict, Value::str("proposed"));
    assert_eq!(calls.len(), 1);
    assert!(calls[0].contains("<@U02>") && !calls[0].contains("<@U01>"), "{calls:?}");
    late.proposal.data = run.overlay().data.clone();
    assert_eq!(through(&mut run_on(late.clone(), &policy.blocks), Block::Check).1.len(), 0, "reminded once");

    late.ballots = ["U01", "U02", "U03", "U04", "U05", "U06"]
        .map(|u| ballot(u, BallotValue::Choice(if u == "U06" { "abstain" } else { "consent" }.into())))
        .to_vec();
    assert_eq!(through(&mut run_on(late, &policy.blocks), Block::Check).0, Value::str("passed"));

    let mut over = at_day(with_vote(snapshot()), 5);
    over.proposal.data.insert("reminder_sent".into(), true.into());
    over.ballots = vec![ballot("U01", BallotValue::Choice("object".into()))];
    assert_eq!(through(&mut run_on(over, &policy.blocks), Block::Check).0, Value::str("failed"));
}

#[test]
fn every_published_policy_compiles() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/policykit");
    let Ok(files) = std::fs::read_dir(&folder) else { return eprintln!("skipped: published policies are not here") };
    let mut count = 0;
    for file in files.flatten().filter(|f| f.path().extension().is_some_and(|e| e == "json")) {
        let text = std::fs::read_to_string(file.path()).unwrap();
        // Starter kits have another form; their blocks are tested where kits are.
        let Ok(policies) = from_policykit_json(&text) else { continue };
        for policy in policies {
            count += 1;
            assert!(MontySandbox.compile(&policy.blocks).is_ok(), "{}", policy.name);
        }
    }
    assert!(count >= 4, "{count}");
}
