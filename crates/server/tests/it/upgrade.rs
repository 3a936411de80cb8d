//! A new version of the program cannot run the code of a policy that is in force, and proposals of it are open.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use policykit_core::{
    action::Standing,
    call::CallState,
    policy::{Block, Blocks},
    proposal::Status,
};
use policykit_platforms::slack::fake::{CallFault, CallRule};
use policykit_policy::{Budget, Diagnostic, Filters, MontySandbox, Program, Sandbox, Scope, Step};
use policykit_store::EvaluationState;
use policykit_testkit::{Draft, Setup, TestApp, run_test_with};

use crate::{
    policies::{RENAME, renames_by_vote},
    serve,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";

/// Understands what is written in capital letters in older versions only.
#[derive(Default)]
struct Upgraded {
    done: AtomicBool,
}

impl Sandbox for Upgraded {
    fn build(&self) -> &str {
        MontySandbox.build()
    }

    fn compile(&self, blocks: &Blocks) -> Result<Program, Vec<Diagnostic>> {
        if self.done.load(Ordering::SeqCst) && blocks.check.contains("PASSED") {
            return Err(vec![Diagnostic::at("PK000", Block::Check, (1, 1), "capital letters are not understood")]);
        }
        MontySandbox.compile(blocks)
    }

    fn begin(&self, program: &Program, block: Block, scope: Scope, budget: Budget) -> Step {
        MontySandbox.begin(program, block, scope, budget)
    }

    fn join(&self, programs: &[Option<&Program>]) -> Arc<dyn Filters> {
        MontySandbox.join(programs)
    }
}

/// Runs a test that says when the program is another one, from the next start on.
#[expect(clippy::needless_pass_by_value, reason = "a story is written where it is told")]
fn upgraded(body: impl AsyncFn(&mut TestApp, &Upgraded)) {
    let sandbox = Arc::new(Upgraded::default());
    let setup = Setup { sandbox: Arc::clone(&sandbox) as _, ..Setup::default() };
    run_test_with(serve, &setup, async |t: &mut TestApp| {
        sandbox.done.store(false, Ordering::SeqCst);
        body(t, &sandbox).await;
        // Everything that was run before is run again at the end, by the old version.
        sandbox.done.store(false, Ordering::SeqCst);
        t.crash().await;
        t.settle().await;
    });
}

async fn is_held_with_the_reason(t: &TestApp) {
    let proposal = t.proposal().await;
    assert_eq!(proposal.status, Status::Held);
    let why = proposal.error.unwrap_or_default();
    assert!(why.starts_with("this version of PolicyKit cannot run the code of the policy any more: "), "{why}");
    assert!(why.contains("capital letters are not understood"), "{why}");
    let survey = t.survey().await;
    assert!(survey.wakes.iter().all(|wake| wake.proposal != proposal.id), "nothing is left to be looked at");
    assert!(survey.evaluations.iter().all(|evaluation| evaluation.state != EvaluationState::Running));
    let action = survey.actions.iter().find(|action| action.id == proposal.action).expect("its action");
    assert_eq!(action.standing, Standing::Held);
}

#[test]
fn a_vote_whose_policy_can_no_longer_be_run_is_held_for_a_person() {
    upgraded(async |t: &mut TestApp, program: &Upgraded| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        program.done.store(true, Ordering::SeqCst);
        t.crash().await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Proposed, "nobody has looked at it yet");
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        is_held_with_the_reason(t).await;
    });
}

#[test]
fn an_evaluation_whose_policy_can_no_longer_be_run_ends_and_what_it_was_sending_is_sent() {
    upgraded(async |t: &mut TestApp, program: &Upgraded| {
        t.policy(
            Draft::platform("Renames are announced", &[RENAME])
                .check("slack.post_message(text='A rename.', channel='C0GENERAL')\nreturn PASSED"),
        )
        .await;
        let fault = CallFault::RateLimited { retry_after_secs: 600 };
        t.fake().fault_calls(CallRule::next("chat.postMessage", fault));
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        program.done.store(true, Ordering::SeqCst);
        t.crash().await;
        t.settle().await;
        is_held_with_the_reason(t).await;
        t.advance(Duration::from_secs(600)).await;
        assert_eq!(t.slack.bot_messages(GENERAL).len(), 1, "it had been written down to be sent");
        let calls = t.survey().await.calls;
        assert!(calls.iter().all(|call| call.state == CallState::Sent), "{calls:?}");
    });
}
