//! Archiving a channel and opening it again are governed like everything else that people do there.

use policykit_core::{
    JsonMap,
    proposal::{EffectStatus, Status},
};
use policykit_platforms::slack::fake::{Act, CallFault, CallRule};
use policykit_testkit::{Draft, TestApp};

use crate::run_test;

const ARCHIVE: &str = "slackarchiveconversation";
const UNARCHIVE: &str = "slackunarchiveconversation";
const RANDOM: &str = "C0RANDOM";
const A_DAY: std::time::Duration = std::time::Duration::from_hours(25);

fn is_archived(t: &TestApp) -> bool {
    t.fake().channel("T0A", RANDOM, None).expect("the channel").channel.archived
}

async fn act(t: &TestApp, act: Act) {
    t.fake().act("T0A", "bob", act).await.expect("bob may");
    t.settle().await;
}

async fn archive(t: &TestApp) {
    act(t, Act::Archive { channel: RANDOM.into() }).await;
}

/// Undecided at first; a day later it is `then`.
fn a_day_later(types: &[&str], then: &str) -> Draft {
    let check = format!("if proposal.get_time_elapsed().days >= 1:\n  return {then}\nreturn PROPOSED");
    Draft::platform("A day later", types).check(check.as_str())
}

#[test]
fn an_archived_channel_is_opened_until_it_is_decided_and_archived_again_when_it_passes() {
    run_test(async |t: &mut TestApp| {
        t.policy(a_day_later(&[ARCHIVE], "PASSED")).await;
        archive(t).await;
        assert!(!is_archived(t), "undone while it is not decided");
        assert_eq!(t.proposal().await.status, Status::Proposed);
        t.advance(A_DAY).await;
        assert!(is_archived(t), "done again");
        let decided = t.proposal().await;
        assert_eq!((decided.status, decided.effect), (Status::Passed, EffectStatus::Done));
        assert_eq!(t.survey().await.actions.len(), 1, "what we did ourselves is nobody's action");
    });
}

#[test]
fn what_was_done_at_an_attempt_whose_answer_was_lost_is_not_governed_as_somebodys_own() {
    run_test(async |t: &mut TestApp| {
        t.policy(a_day_later(&[ARCHIVE], "PASSED")).await;
        t.policy(a_day_later(&[UNARCHIVE], "PASSED")).await;
        t.fake().fault_calls(CallRule::next("conversations.unarchive", CallFault::DropAfterEffect));
        archive(t).await;
        t.recover().await;
        assert!(!is_archived(t), "undone while it is not decided");
        let actions = t.survey().await.actions;
        assert_eq!(actions.len(), 1, "what we did ourselves is nobody's action: {actions:?}");
    });
}

#[test]
fn a_channel_that_was_opened_again_is_archived_until_it_is_decided() {
    run_test(async |t: &mut TestApp| {
        archive(t).await;
        t.policy(a_day_later(&[UNARCHIVE], "FAILED")).await;
        act(t, Act::Unarchive { channel: RANDOM.into() }).await;
        assert!(is_archived(t));
        t.advance(A_DAY).await;
        assert!(is_archived(t), "it stays as it was before");
        assert_eq!(t.proposal().await.status, Status::Failed);
    });
}

#[test]
fn what_is_proposed_here_is_done_with_the_administrators_token() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Everything passes", &[]).check("return PASSED")).await;
        for (action_type, archived) in [(ARCHIVE, true), (UNARCHIVE, false)] {
            let fields: JsonMap = [("channel".to_owned(), RANDOM.into())].into_iter().collect();
            t.propose(&t.slack, "bob", action_type, fields).await;
            t.settle().await;
            assert_eq!(is_archived(t), archived, "{action_type}");
        }
        assert!(t.proposals(&t.slack).await.iter().all(|p| p.effect == EffectStatus::Done));
    });
}
