//! Whole stories with policies in workers.

use std::sync::Arc;

use policykit_core::proposal::Status;
use policykit_policy::{Sandbox, Workers};
use policykit_testkit::{Draft, Setup, TestApp, run_test_with};

use super::{kill, workers};
use crate::{
    costs::take,
    policies::{POST, RENAME, no_forbidden_word, renames_by_vote},
    serve,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";

/// Runs a body on every database, with policies in this many workers.
fn story(count: usize, body: &impl AsyncFn(&mut TestApp, &Workers)) {
    let pool = workers(count);
    let setup = Setup { sandbox: Arc::clone(&pool) as Arc<dyn Sandbox>, ..Setup::default() };
    run_test_with(serve, &setup, async |t: &mut TestApp| body(t, &pool).await);
}

#[test]
fn a_vote_goes_its_way_although_workers_die_in_the_middle() {
    story(2, &async |t: &mut TestApp, pool: &Workers| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        for voter in ["alice", "bob"] {
            assert_eq!(t.proposal().await.status, Status::Proposed);
            pool.processes().into_iter().for_each(kill);
            t.slack.vote(voter, GENERAL, "Yes").await;
            t.settle().await;
        }
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
        let said = t.slack.texts(GENERAL);
        assert_eq!(said.iter().filter(|text| *text == "The rename was accepted.").count(), 1, "{said:?}");
        assert!(pool.lost() > 0, "some died");
    });
}

#[test]
fn a_batch_of_events_is_looked_at_in_few_questions() {
    story(1, &async |t: &mut TestApp, pool: &Workers| {
        for n in 0..9 {
            let filter = format!("return action.text.startswith('number {n}')");
            t.policy(Draft::trigger(&format!("trigger {n}"), &[POST]).filter(&filter).check("return PASSED")).await;
            t.policy(Draft::platform(&format!("platform {n}"), &[]).filter(&filter).check("return PASSED")).await;
        }
        t.expect_rows_from_outside();
        take(t, 1, "warm").await;
        t.settle().await;
        let before = pool.asked();
        take(t, 60, "other").await;
        t.settle().await;
        // Two lists of filters, in however many batches the deliveries were read.
        let asked = pool.asked() - before;
        assert!(asked <= 12, "{asked} questions for 60 events and 18 filters");
        assert!(t.proposals(&t.slack).await.is_empty());
        take(t, 5, "number 3").await;
        t.settle().await;
        // Each is governed by one policy and noticed by another.
        let names: Vec<String> = t.proposals(&t.slack).await.iter().map(|p| p.status.as_str().to_owned()).collect();
        assert_eq!(names, ["passed"; 10]);
    });
}

#[test]
fn a_rule_that_takes_all_memory_is_held_and_its_neighbours_are_decided() {
    story(2, &async |t: &mut TestApp, pool: &Workers| {
        let greedy = "x = ['0123456789' * 100]\nwhile True:\n  x = x + [y + 'x' for y in x]";
        t.policy(Draft::platform("Greedy", &[RENAME]).check(greedy)).await;
        t.policy(no_forbidden_word()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        let gone = t.slack.post("bob", GENERAL, "a forbidden word").await;
        t.settle().await;
        let proposals = t.proposals(&t.slack).await;
        let held: Vec<_> = proposals.iter().filter(|p| p.status == Status::Held).collect();
        assert_eq!((proposals.len(), held.len()), (2, 1), "{proposals:#?}");
        assert!(t.slack.message(GENERAL, &gone).is_none(), "the other rule is carried out");
        let why = t.story(held[0]).await.evaluations.pop().and_then(|e| e.evaluation.error).unwrap_or_default();
        assert!(why.contains("the rule used more memory than it may") || why.contains("computed for more"), "{why}");
        assert!(pool.processes().len() <= 2);
    });
}
