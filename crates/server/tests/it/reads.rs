//! A platform that cannot be asked just now: what a policy reads there is read later, and nothing is decided before.

use std::time::Duration;

use policykit_core::{
    Timestamp,
    proposal::{Proposal, Status},
};
use policykit_engine::ReplayReport;
use policykit_platforms::slack::fake::{CallFault, CallRule, What, posts_containing};
use policykit_testkit::{Draft, TestApp};

use crate::{policies::POST, run_test, visitor::Visitor};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";
const MEMBERS: &str = "conversations.members";
/// More often than anything is tried.
const ALWAYS: u32 = 10_000;

/// Asks twice who is where, and says something.
const ASKS: &str = "here = slack.get_users_in_channel(channel='C0GENERAL')\n\
                    logger.info('asked once')\n\
                    there = slack.get_users_in_channel(channel='C0RANDOM')\n\
                    if len(here) < 1 or len(there) < 1:\n  return FAILED\n\
                    slack.post_message(text='Counted', channel='C0RANDOM')\n\
                    return PASSED";

/// How often the people of a channel were asked for.
fn asked(t: &TestApp, channel: &str) -> usize {
    let is_it = |entry: &policykit_platforms::slack::fake::Entry| match &entry.what {
        What::Call { method, args, .. } => method == MEMBERS && args["channel"] == channel,
        _ => false,
    };
    t.fake().record().iter().filter(|entry| is_it(entry)).count()
}

/// After so many reads that go well, so many are answered so.
fn fault(t: &TestApp, skip: u32, times: u32, fault: CallFault) {
    t.fake().fault_calls(CallRule { skip, times, ..CallRule::next(MEMBERS, fault) });
}

async fn page(t: &TestApp, proposal: &Proposal) -> String {
    let page = Visitor::member(t, &t.slack, "alice").await.get(&format!("/proposals/{}", proposal.id)).await;
    page.body
}

/// What is stored of an evaluation comes out again.
async fn replays(t: &TestApp, proposal: &Proposal) {
    let evaluation = t.story(proposal).await.evaluations[0].evaluation.id;
    let (engine, community) = (t.engine(), t.slack.community);
    let report = t.node().on(async move { engine.replay(community, evaluation).await }).await;
    assert_eq!(report.expect("it is replayed"), ReplayReport::Same);
}

#[test]
fn a_read_that_a_platform_puts_off_is_made_again_after_its_pause_and_holds_nothing() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Counts", &[POST]).check(ASKS)).await;
        fault(t, 1, 1, CallFault::RateLimited { retry_after_secs: 30 });
        t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        let waiting = t.proposal().await;
        assert_eq!((waiting.status, waiting.error.as_deref()), (Status::Proposed, None));
        assert_eq!((asked(t, GENERAL), asked(t, RANDOM)), (1, 1));
        let body = page(t, &waiting).await;
        assert!(body.contains("Slack could not be read: the platform asks to slow down"), "{body}");
        assert!(body.contains("asks again at about this time"), "{body}");

        t.advance(Duration::from_secs(29)).await;
        assert_eq!((asked(t, RANDOM), t.proposal().await.status), (1, Status::Proposed), "not before its time");
        t.advance(Duration::from_secs(1)).await;
        let decided = t.proposal().await;
        assert_eq!(decided.status, Status::Passed);
        assert_eq!((asked(t, GENERAL), asked(t, RANDOM)), (1, 2), "what was answered is not asked again");
        assert_eq!(posts_containing(&t.fake().record(), "Counted").len(), 1);
        assert!(!page(t, &decided).await.contains("could not be read"));
        replays(t, &decided).await;
    });
}

#[test]
fn an_hour_without_the_platform_loses_nothing_and_the_platform_is_asked_now_and_then() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::trigger("Hears", &[POST]).check(ASKS)).await;
        fault(t, 1, ALWAYS, CallFault::StatusBeforeEffect { status: 503 });
        t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        for _ in 0..3_600 / 20 {
            t.advance(Duration::from_secs(20)).await;
        }
        assert_eq!(t.proposal().await.status, Status::Proposed);
        let times = asked(t, RANDOM);
        assert!((10..=25).contains(&times), "{times} times within an hour");
        t.fake().clear_faults();
        t.advance(Duration::from_secs(300)).await;
        let decided = t.proposal().await;
        assert_eq!(decided.status, Status::Passed);
        assert_eq!((asked(t, GENERAL), asked(t, RANDOM)), (1, times + 1));
        replays(t, &decided).await;
    });
}

#[test]
fn whoever_takes_over_goes_on_waiting_with_what_was_answered_before() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Counts", &[POST]).check(ASKS)).await;
        fault(t, 1, 1, CallFault::RateLimited { retry_after_secs: 600 });
        t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        // A new process does not know how long the platform wants to be left alone, but for what is written down.
        t.crash().await;
        t.settle().await;
        assert_eq!((asked(t, GENERAL), asked(t, RANDOM)), (1, 1));
        assert_eq!(t.proposal().await.status, Status::Proposed);
        t.advance(Duration::from_secs(600)).await;
        let decided = t.proposal().await;
        assert_eq!(decided.status, Status::Passed);
        assert_eq!((asked(t, GENERAL), asked(t, RANDOM)), (1, 2));
        assert_eq!(posts_containing(&t.fake().record(), "Counted").len(), 1);
        replays(t, &decided).await;
    });
}

#[test]
fn what_waits_for_a_platform_waits_no_longer_when_the_clock_is_set_back() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Counts", &[POST]).check(ASKS)).await;
        fault(t, 0, 1, CallFault::StatusBeforeEffect { status: 503 });
        t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Proposed);
        t.clock.set(Timestamp::from_micros(t.engine().now().micros() - 3_600_000_000));
        t.settle().await;
        assert_eq!((asked(t, GENERAL), t.proposal().await.status), (2, Status::Passed));
    });
}

#[test]
fn a_platform_that_never_answers_is_given_up_after_hours_and_the_policy_meets_the_reason() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Counts", &[POST]).check(ASKS)).await;
        fault(t, 0, ALWAYS, CallFault::StatusBeforeEffect { status: 503 });
        t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        let mut waited = 0;
        while t.proposal().await.status == Status::Proposed {
            t.advance(Duration::from_secs(300)).await;
            waited += 300;
            assert!(waited <= 6 * 3_600, "it comes to an end");
        }
        let held = t.proposal().await;
        assert_eq!(held.status, Status::Held);
        assert!(waited > 3 * 3_600, "{waited} seconds");
        let error = held.error.clone().unwrap_or_default();
        assert!(error.contains("Slack could not be read: the platform's server answered 503 (tried "), "{error}");
        assert!(asked(t, GENERAL) <= 60, "{} times", asked(t, GENERAL));
        replays(t, &held).await;
    });
}

#[test]
fn a_refusal_and_a_pause_that_is_too_long_are_answers_at_once() {
    run_test(async |t: &mut TestApp| {
        let check = "try:\n    slack.get_users_in_channel(channel='C0NOWHERE')\nexcept Exception as e:\n    \
                     proposal.data.set('why', str(e))\n    return PASSED\nreturn FAILED";
        t.policy(Draft::platform("Counts", &[POST]).check(check)).await;
        t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        let refused = t.proposal().await;
        assert_eq!(refused.status, Status::Passed);
        let why = refused.data["why"].to_string();
        assert!(why.contains("Slack could not be read:") && why.contains("channel_not_found"), "{why}");
        assert_eq!(asked(t, "C0NOWHERE"), 1);

        fault(t, 0, 1, CallFault::RateLimited { retry_after_secs: 80_000 });
        t.slack.post("alice", GENERAL, "hello again").await;
        t.settle().await;
        let second = t.proposals(&t.slack).await.remove(1);
        assert_eq!(second.status, Status::Passed);
        assert!(second.data["why"].to_string().contains("asks for more time than there is"), "{:?}", second.data);
    });
}
