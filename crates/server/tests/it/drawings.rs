//! The messages that show a vote: however late one of them comes, a vote that is over has no buttons.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use policykit_core::proposal::Status;
use policykit_engine::Probe;
use policykit_platforms::slack::fake::{CallFault, CallRule};
use policykit_testkit::{Kind, Setup, TestApp, run_test_on};
use tokio::sync::watch;

use crate::{policies::renames_by_vote, serve};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";
/// Points at which a batch is about to be written down.
const BATCH: &str = "T2.before";
/// Points at which a verdict has been.
const VERDICT: &str = "T6.after";
/// Longer than it takes until it is looked what became of a call that was not answered.
const UNTIL_LOOKED: Duration = Duration::from_secs(15);

/// Holds the second batch after it was armed until the verdict is written down and the test lets go.
#[derive(Debug)]
struct SecondBatch {
    /// How many batches there are until the one that is held; none where it is not armed.
    left: AtomicUsize,
    held: watch::Sender<bool>,
    open: watch::Sender<bool>,
    decided: watch::Sender<bool>,
}

impl SecondBatch {
    fn new() -> Arc<Self> {
        let not = || watch::Sender::new(false);
        Arc::new(Self { left: AtomicUsize::new(0), held: not(), open: not(), decided: not() })
    }
}

async fn is(signal: &watch::Sender<bool>) {
    let mut signal = signal.subscribe();
    // The sender lives as long as the probe.
    let _closed = signal.wait_for(|is| *is).await;
}

impl Probe for SecondBatch {
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()> {
        if point == VERDICT {
            self.decided.send_replace(true);
        }
        let left = |left: usize| left.checked_sub(1);
        let last = point == BATCH && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left) == Ok(1);
        if !last {
            return Box::pin(std::future::ready(()));
        }
        self.held.send_replace(true);
        let mut open = self.open.subscribe();
        Box::pin(async move {
            let _closed = open.wait_for(|is| *is).await;
        })
    }
}

#[test]
fn a_drawing_that_is_given_up_does_not_let_the_vote_be_closed_before_another_that_is_being_written_down() {
    for kind in Kind::available() {
        let probe = SecondBatch::new();
        let setup = Setup { probe: Some(probe.clone()), ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            t.policy(renames_by_vote()).await;
            t.slack.rename("bob", RANDOM, "lounge").await;
            t.settle().await;
            // A drawing of which nobody knows whether it arrived.
            t.fake().fault_calls(CallRule::next("chat.update", CallFault::DropAfterEffect));
            t.slack.vote("alice", GENERAL, "Yes").await;
            t.settle().await;
            // The vote passes, and its policy waits for the platform before that is written down.
            let busy = CallFault::RateLimited { retry_after_secs: 5 };
            t.fake().fault_calls(CallRule::next("chat.postMessage", busy));
            t.slack.vote("bob", GENERAL, "Yes").await;
            t.settle().await;
            assert_eq!(t.proposal().await.status, Status::Proposed);
            // Then everything is due at once: the drawing that is given up, the verdict, and a drawing for another ballot,
            // which is held after it was announced and before it is written down.
            t.slack.vote("carol", GENERAL, "Yes").await;
            t.clock.advance(UNTIL_LOOKED);
            probe.left.store(2, Ordering::SeqCst);
            let look = t.node().drain_aside();
            is(&probe.held).await;
            is(&probe.decided).await;
            // Time enough to close it wrongly.
            for _ in 0..50 {
                t.survey().await;
            }
            probe.open.send_replace(true);
            look.await.expect("no panic").expect("the look goes well");
            t.recover().await;
            assert_eq!(t.proposal().await.status, Status::Passed);
            let vote = t.slack.bot_messages(GENERAL).into_iter().find(|m| m.text.contains("Rename the channel"));
            let vote = vote.expect("the vote");
            assert!(vote.controls.is_empty() && vote.text.contains("Passed"), "{vote:#?}");
        });
    }
}
