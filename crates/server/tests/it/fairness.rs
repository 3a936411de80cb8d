//! One community in trouble takes nothing from the others on its node, however much of its own has to wait.

use std::{sync::Arc, time::Duration};

use policykit_core::proposal::Status;
use policykit_platforms::slack::fake::{CallFault, CallRule, Ts};
use policykit_store::InboxState;
use policykit_testkit::{Draft, Gate, Kind, Setup, TestApp, Workspace, run_test_on, run_test_with};

use crate::{
    lease::Both,
    policies::{RENAME, renames_by_vote, whispers},
    serve,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";
/// How long the platform asks the community in trouble to wait.
const TROUBLE: u64 = 3600;

/// Two at a time are looked at, so that three that wait fill every look.
fn two_at_a_time(body: impl AsyncFn(&mut TestApp)) {
    run_test_with(serve, &Setup { batch: Some(2), ..Setup::default() }, body);
}

/// The platform asks a workspace to wait with calls of a method, until it is told otherwise.
fn ask_to_wait(t: &TestApp, workspace: &Workspace, method: &str, secs: u64, times: u32) {
    let fault = CallFault::RateLimited { retry_after_secs: secs };
    t.fake().fault_calls(CallRule { team: Some(workspace.team.clone()), times, ..CallRule::next(method, fault) });
}

async fn press(workspace: &Workspace, who: &str, vote: &Ts) {
    let click = workspace.press(who, GENERAL, vote, "Yes").await.expect("there is such a button");
    assert!(click.taken(), "{:?}", click.answer);
}

async fn ends(t: &TestApp, workspace: &Workspace) -> Vec<Status> {
    t.proposals(workspace).await.iter().map(|p| p.status).collect()
}

/// Whispers of an installation are sent one after the other, and all that wait for their turn are under way.
#[test]
fn calls_that_wait_for_their_turn_do_not_hide_those_that_are_due_after_them() {
    for kind in Kind::available() {
        let (sending, beginning) = (Gate::new("E3.before"), Gate::new("T4.after"));
        sending.open();
        beginning.open();
        let probe = Both(sending.clone(), beginning.clone());
        let setup = Setup { batch: Some(2), probe: Some(Arc::new(probe)), ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            t.policy(whispers()).await;
            ask_to_wait(t, &t.slack, "chat.postEphemeral", 3, 1);
            ask_to_wait(t, &t.other, "chat.postEphemeral", 5, 1);
            for n in 0..3 {
                t.slack.post("alice", GENERAL, &format!("hello {n}")).await;
            }
            t.other.post("alice", GENERAL, "hello").await;
            t.settle().await;
            sending.shut();
            t.clock.advance(Duration::from_secs(3));
            let node = t.node().drain_aside();
            sending.reached().await;
            // One is about to be sent, the next one waits for its turn: no more are looked at at once.
            beginning.shut();
            t.clock.advance(Duration::from_secs(2));
            let began = tokio::time::timeout(Duration::from_secs(20), beginning.reached()).await;
            sending.open();
            beginning.open();
            node.await.expect("no panic").expect("drains");
            t.settle().await;
            assert!(began.is_ok(), "it waits for calls of another community");
            assert_eq!((t.slack.whispers("alice", GENERAL).len(), t.other.whispers("alice", GENERAL).len()), (3, 1));
        });
    }
}

#[test]
fn votes_that_wait_for_a_platform_that_is_down_do_not_keep_others_from_being_counted() {
    two_at_a_time(async |t: &mut TestApp| {
        t.policy(
            Draft::platform("Renames are voted on aloud", &[RENAME])
                .check(
                    "votes = proposal.get_yes_votes().count() if proposal.vote_post_id else 0\n\
                     if votes == 0:\n  return PROPOSED\n\
                     slack.post_message(text='Somebody has voted.', channel='C0GENERAL')\n\
                     return PASSED if votes >= 2 else PROPOSED",
                )
                .notify("slack.initiate_vote(text=f'Rename the channel to {action.name}?', channel='C0GENERAL')"),
        )
        .await;
        let mut votes = Vec::new();
        for name in ["one", "two", "three"] {
            t.slack.rename("bob", RANDOM, name).await;
            t.settle().await;
            votes.push(t.slack.vote_message(GENERAL).expect("a vote").ts);
        }
        ask_to_wait(t, &t.slack, "chat.postMessage", TROUBLE, 3);
        for who in ["alice", "carol"] {
            for vote in &votes {
                press(&t.slack, who, vote).await;
            }
            t.settle().await;
        }
        t.other.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        for who in ["alice", "carol"] {
            t.other.vote(who, GENERAL, "Yes").await;
            t.settle().await;
        }
        assert_eq!(ends(t, &t.slack).await, [Status::Proposed; 3], "these wait for the platform");
        assert_eq!(ends(t, &t.other).await, [Status::Passed], "and this one need not wait for them");
        t.advance(Duration::from_secs(TROUBLE)).await;
        t.recover().await;
        assert_eq!(ends(t, &t.slack).await, [Status::Passed; 3]);
    });
}

#[test]
fn ballots_for_a_vote_in_doubt_do_not_keep_others_from_being_counted() {
    two_at_a_time(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        // Both votes are posted, which is not known for a while: in one place shortly, in the other for long.
        for (workspace, secs) in [(&t.slack, TROUBLE), (&t.other, 60)] {
            let rule = CallRule::next("chat.postMessage", CallFault::DropAfterEffect);
            t.fake().fault_calls(CallRule { team: Some(workspace.team.clone()), ..rule });
            ask_to_wait(t, workspace, "conversations.history", secs, 1);
            workspace.rename("bob", RANDOM, "lounge").await;
            t.settle().await;
        }
        for who in ["alice", "carol", "dave"] {
            t.slack.vote(who, GENERAL, "Yes").await;
        }
        t.other.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        let survey = t.survey().await;
        assert_eq!(survey.inbox.iter().filter(|row| row.state == InboxState::Parked).count(), 4);
        // Asked about when it can no longer be under way, and again a minute later.
        for _ in 0..4 {
            t.advance(Duration::from_secs(60)).await;
        }
        let counted = t.survey().await.ballots;
        let whose: Vec<_> = counted.iter().map(|ballot| ballot.community).collect();
        assert_eq!(whose, [t.other.community], "the vote that is in doubt no longer");
        t.other.vote("carol", GENERAL, "Yes").await;
        t.settle().await;
        assert_eq!(ends(t, &t.other).await, [Status::Passed]);
        t.advance(Duration::from_secs(TROUBLE)).await;
        t.recover().await;
        let counted = t.survey().await.ballots;
        assert_eq!(counted.iter().filter(|b| b.community == t.slack.community).count(), 3, "all before it is decided");
        assert_eq!(ends(t, &t.slack).await, [Status::Passed]);
    });
}
