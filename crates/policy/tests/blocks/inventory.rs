//! What the original lets policy code touch, and what its own tests say of that, line by line: each line is tried here, or
//! names the test that tries it.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use policykit_core::{
    Timestamp, Value,
    ballot::{BallotValue, Pick},
    call::LocalEffect,
    policy::Block,
    snapshot::Snapshot,
};
use policykit_policy::{ActionEffect, Answer, FailureKind, MontySandbox, Progress, Run, Sandbox, Severity};

use crate::{
    common::{ballot, blocks, methods, snapshot},
    diagnosing::found,
};

fn lines(name: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/blocks/inventory").join(name);
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// A vote of each sort.
fn with_ballots() -> Snapshot {
    let mut snapshot = snapshot();
    let pick = Pick { at: Timestamp::from_secs(1), option: Some("yes".to_owned()) };
    snapshot.ballots = vec![
        ballot("U1", BallotValue::Boolean(true)),
        ballot("U2", BallotValue::Boolean(false)),
        ballot("U3", BallotValue::Choice("tea".to_owned())),
        ballot("U4", BallotValue::Select(BTreeMap::from([("Ann".to_owned(), pick)]))),
    ];
    snapshot
}

/// What comes of a check, where whatever is asked is answered with its name.
fn outcome(source: &str) -> String {
    // What is said of the block alone: warnings are about the whole of a policy.
    if let Some(said) = found(Block::Check, source).iter().find(|said| said.severity == Severity::Error) {
        return format!("? {}", said.code);
    }
    let program = MontySandbox.compile(&blocks(Block::Check, source)).unwrap();
    let mut run = Run::new(Arc::new(MontySandbox), Arc::new(program), with_ballots(), methods());
    let mut progress = run.start(Block::Check);
    loop {
        let answer = match progress {
            Progress::Done(value) => return format!("{value:?}"),
            Progress::Failed(failure) => match failure.kind {
                FailureKind::Exception(class) => return format!("! {class}"),
                other => return format!("! {other:?}"),
            },
            Progress::Read(read) => Value::str(format!("read {}", read.method)),
            Progress::Call(call) => Value::str(format!("call {}", call.method)),
            Progress::ActionEffect(effect) => {
                run.apply(match effect {
                    ActionEffect::Revert => LocalEffect::Reverted,
                    ActionEffect::Execute => LocalEffect::Executed,
                });
                Value::None
            }
        };
        progress = run.answer(Answer::Value(answer));
    }
}

#[test]
fn everything_that_policy_code_may_touch_is_there_or_is_left_out_on_purpose() {
    let all = lines("names.txt");
    assert!(all.len() > 150, "{}", all.len());
    let mut wrong = Vec::new();
    for line in &all {
        let (_, what) = line.split_once(' ').unwrap();
        let what = what.strip_prefix("- ").unwrap_or(what);
        let (expected, source) = match what.split_once(' ') {
            Some(("!", rest)) => {
                let (class, source) = rest.split_once(' ').unwrap();
                (format!("! {class}"), source.to_owned())
            }
            Some(("?", rest)) => {
                let (code, source) = rest.split_once(' ').unwrap();
                (format!("? {code}"), source.to_owned())
            }
            _ => (format!("{:?}", Value::Bool(true)), format!("return {what}")),
        };
        let found = outcome(&source);
        if found != expected {
            wrong.push(format!("{line}\n    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

#[test]
fn every_behaviour_that_the_original_tests_names_a_test_that_is_there() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let all = lines("conformance.txt");
    for line in &all {
        let parts: Vec<&str> = line.split(" | ").collect();
        let [_, _, file, function] = parts.as_slice() else { panic!("{line}") };
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(text.contains(&format!("fn {function}(")), "there is no such test: {line}");
    }
    for case in (17..=25).chain([34]) {
        assert!(all.iter().any(|line| line.starts_with(&format!("{case} | "))), "nothing proves case {case}");
    }
}
