//! What a node cannot go on with is tried again at once, and then less and less often.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use policykit_core::{
    policy::{Block, Blocks},
    proposal::Status,
};
use policykit_policy::{
    Budget, Diagnostic, Failure, FailureKind, Filters, MontySandbox, Program, Sandbox, Scope, Step,
};
use policykit_testkit::{Draft, Setup, TestApp, run_test_with};

use crate::{
    policies::{POST, answers},
    serve,
};

const GENERAL: &str = "C0GENERAL";

/// Has nowhere to run filters for a while.
#[derive(Default)]
struct Failing {
    asked: AtomicUsize,
    until: AtomicUsize,
}

impl Sandbox for Failing {
    fn build(&self) -> &str {
        MontySandbox.build()
    }

    fn compile(&self, blocks: &Blocks) -> Result<Program, Vec<Diagnostic>> {
        MontySandbox.compile(blocks)
    }

    fn begin(&self, program: &Program, block: Block, scope: Scope, budget: Budget) -> Step {
        if block == Block::Filter && self.asked.fetch_add(1, Ordering::SeqCst) < self.until.load(Ordering::SeqCst) {
            let kind = FailureKind::Nowhere;
            return Step::Failed(Failure { block, line: 0, column: 0, kind, message: String::new() });
        }
        MontySandbox.begin(program, block, scope, budget)
    }

    fn join(&self, programs: &[Option<&Program>]) -> Arc<dyn Filters> {
        // Each is run by itself, so that each is asked about.
        MontySandbox.join(&vec![None; programs.len()])
    }
}

#[test]
fn an_evaluation_that_cannot_be_ended_is_tried_again_at_once_and_then_with_pauses() {
    let sandbox = Arc::new(Failing::default());
    let setup = Setup { sandbox: Arc::clone(&sandbox) as _, ..Setup::default() };
    run_test_with(serve, &setup, async |t: &mut TestApp| {
        sandbox.asked.store(0, Ordering::SeqCst);
        sandbox.until.store(30, Ordering::SeqCst);
        let asked = || sandbox.asked.load(Ordering::SeqCst);
        t.policy(answers()).await;
        t.policy(Draft::trigger("Hears of answers", &[POST]).filter("return action.text == 'never'")).await;
        // Its call is sent, and whoever is to hear of its end cannot be asked.
        t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        assert_eq!(asked(), 2);
        for (pause, times) in [(1, 3), (2, 4), (4, 5)] {
            t.advance(Duration::from_millis(pause * 1000 - 10)).await;
            assert_eq!(asked(), times - 1, "not before its time");
            t.advance(Duration::from_millis(10)).await;
            assert_eq!(asked(), times);
        }
        assert_eq!(t.proposal().await.status, Status::Proposed);
        sandbox.until.store(0, Ordering::SeqCst);
        t.advance(Duration::from_secs(8)).await;
        assert_eq!((asked(), t.proposal().await.status), (6, Status::Passed));
        assert_eq!(t.slack.bot_messages(GENERAL).len(), 1, "answered once");
    });
}
