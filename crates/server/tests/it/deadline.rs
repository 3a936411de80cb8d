//! A deadline is acted upon after everything that came in before it, also when the process is slow just then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use policykit_core::proposal::Status;
use policykit_engine::Probe;
use policykit_testkit::{Draft, Gate, Kind, Setup, TestApp, run_test_on};

use crate::{policies::RENAME, run_test, serve};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";

/// A gate that nobody meets before it is set up.
#[derive(Debug)]
struct Later {
    gate: Arc<Gate>,
    up: AtomicBool,
}

impl Probe for Later {
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()> {
        if self.up.load(Ordering::SeqCst) { self.gate.at(point) } else { Box::pin(std::future::ready(())) }
    }
}

/// One vote for it within the hour, or it falls.
fn within_the_hour() -> Draft {
    Draft::platform("Within the hour", &["slackrenameconversation"])
        .check(
            "if proposal.get_yes_votes().count() >= 1:\n  return PASSED\n\
             if proposal.get_time_elapsed() > datetime.timedelta(hours=1):\n  return FAILED\n\
             return PROPOSED",
        )
        .notify("slack.initiate_vote(text='Rename?', channel='C0GENERAL')")
}

#[test]
fn a_vote_that_was_acknowledged_before_the_deadline_counts_although_the_node_reads_it_after() {
    for kind in Kind::available() {
        let probe = Arc::new(Later { gate: Gate::new("T2.after"), up: AtomicBool::new(false) });
        let setup = Setup { probe: Some(probe.clone()), ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            t.policy(within_the_hour()).await;
            t.slack.rename("bob", RANDOM, "lounge").await;
            t.settle().await;
            t.advance(Duration::from_secs(3_595)).await;
            assert_eq!(t.proposal().await.status, Status::Proposed);

            // The node is held in the middle of a look around: it has read what there was to read.
            probe.up.store(true, Ordering::SeqCst);
            t.slack.post("alice", GENERAL, "something to deal with").await;
            t.fake().quiesce().await;
            let look = t.node().drain_aside();
            probe.gate.reached().await;
            // Meanwhile somebody votes in time and is told that it counts; then the time is up.
            t.slack.vote("carol", GENERAL, "Yes").await;
            t.clock.advance(Duration::from_secs(7));
            probe.gate.open();
            look.await.expect("no panic").expect("the look goes well");
            t.settle().await;
            assert_eq!(t.proposal().await.status, Status::Passed);
            assert_eq!(t.slack.name_of(RANDOM), "lounge");
        });
    }
}

#[test]
fn what_is_looked_at_again_by_the_clock_is_judged_by_the_roles_of_that_moment() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Elders, in their own time", &[RENAME]).check(
            "waited = proposal.get_time_elapsed()\nreturn PASSED if action.initiator.has_role('Elders') else PROPOSED",
        ))
        .await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Proposed);
        // As another node would write it: nobody tells this one.
        t.role(&t.slack, "Elders", &[], &["bob"]).await;
        t.advance(Duration::from_secs(61)).await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
    });
}

#[test]
fn a_ballot_after_the_end_that_people_were_told_does_not_count_although_the_policy_looks_later() {
    run_test(async |t: &mut TestApp| {
        let end = t.clock_secs() + 3_600;
        let draft = Draft::platform("Two hours at most", &["slackrenameconversation"])
            .check(
                "if proposal.get_yes_votes().count() >= 1:\n  return PASSED\n\
                 if proposal.get_time_elapsed() > datetime.timedelta(hours=2):\n  return FAILED\n\
                 return PROPOSED",
            )
            .notify(&format!("slack.initiate_vote(text='Rename?', channel='C0GENERAL', closes_at={end})"));
        t.policy(draft).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        t.advance(Duration::from_secs(3_700)).await;
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Proposed);
        assert_eq!(t.slack.whispers("alice", GENERAL).len(), 1, "she is told that the vote is over");
        t.advance(Duration::from_secs(3_600)).await;
        assert_eq!(t.proposal().await.status, Status::Failed);
    });
}
