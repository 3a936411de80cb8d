//! One ballot box: what is said here and what is said on the platform is counted together.

use policykit_core::{
    Timestamp,
    ballot::{BallotValue, Cast, Refusal},
    ids::UserId,
    proposal::Status,
};
use policykit_engine::{VoteError, VoteHere};
use policykit_testkit::{Draft, PEOPLE, TestApp, Workspace};
use serde_json::json;

use crate::{
    policies::{RENAME, renames_by_vote},
    run_test,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";

/// Somebody of a workspace says something in the only vote there is.
async fn vote(t: &TestApp, whose: &Workspace, who: &str, cast: Cast) -> Result<(), VoteError> {
    t.clock.advance(std::time::Duration::from_millis(1));
    let account = PEOPLE.iter().find(|(name, _)| *name == who).expect("somebody known").1;
    let vote = VoteHere {
        community: whose.community,
        proposal: t.proposal().await.id,
        voter: UserId::derive(whose.installation, account),
        cast,
        shown: None,
    };
    let engine = t.engine();
    t.node().on(async move { engine.vote(vote).await }).await.map(drop)
}

fn to(option: &str) -> Cast {
    Cast::For(option.to_owned())
}

#[test]
fn a_vote_cast_here_and_one_on_the_platform_decide_together_and_both_are_shown_there() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let post = t.slack.vote_message(GENERAL).expect("a message with buttons").ts;
        vote(t, &t.slack, "alice", to("yes")).await.expect("it is taken");
        t.settle().await;
        let shown = t.slack.message(GENERAL, &post).expect("the vote").text;
        assert!(shown.contains("Yes  `1`\n<@U01>"), "drawn anew with the vote cast here: {shown}");
        assert_eq!(t.proposal().await.status, Status::Proposed);
        t.slack.vote("carol", GENERAL, "Yes").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
    });
}

#[test]
fn who_votes_in_both_places_has_one_ballot_and_the_last_word_counts() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        vote(t, &t.slack, "alice", to("no")).await.expect("it is taken");
        t.settle().await;
        let ballots = t.survey().await.ballots;
        assert_eq!(ballots.iter().map(|b| b.value.clone()).collect::<Vec<_>>(), [Some(BallotValue::Boolean(false))]);
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        let ballots = t.survey().await.ballots;
        assert_eq!(ballots.iter().map(|b| b.value.clone()).collect::<Vec<_>>(), [Some(BallotValue::Boolean(true))]);
    });
}

#[test]
fn the_last_word_counts_also_when_the_clock_is_set_back_in_between() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        vote(t, &t.slack, "alice", to("yes")).await.expect("it is taken");
        t.settle().await;
        t.clock.set(Timestamp::from_micros(t.engine().now().micros() - 3_600_000_000));
        let said = [
            (to("no"), Some(BallotValue::Boolean(false))),
            (Cast::Retract, None),
            (to("yes"), Some(BallotValue::Boolean(true))),
        ];
        for (cast, counted) in said {
            vote(t, &t.slack, "alice", cast).await.expect("it is taken");
            t.settle().await;
            let ballots = t.survey().await.ballots;
            assert_eq!(ballots.iter().map(|b| b.value.clone()).collect::<Vec<_>>(), [counted]);
        }
        vote(t, &t.slack, "carol", to("yes")).await.expect("it is taken");
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
    });
}

/// What alice has said, as it counts.
async fn said(t: &TestApp) -> Option<BallotValue> {
    let mut ballots = t.survey().await.ballots;
    assert_eq!(ballots.len(), 1, "she has one ballot: {ballots:?}");
    ballots.remove(0).value
}

#[test]
fn the_last_word_on_the_platform_counts_too_when_the_clock_was_ahead_before() {
    run_test(async |t: &mut TestApp| {
        let (yes, no) = (Some(BallotValue::Boolean(true)), Some(BallotValue::Boolean(false)));
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        for first_here in [true, false] {
            match first_here {
                true => vote(t, &t.slack, "alice", to("yes")).await.expect("it is taken"),
                false => drop(t.slack.vote("alice", GENERAL, "Yes").await),
            }
            t.settle().await;
            assert_eq!(said(t).await, yes);
            t.clock.set(Timestamp::from_micros(t.engine().now().micros() - 3_600_000_000));
            t.slack.vote("alice", GENERAL, "No").await;
            t.settle().await;
            assert_eq!(said(t).await, no, "it is the later one, whatever the clock said");
            t.slack.vote("alice", GENERAL, "Take my vote back").await;
            t.settle().await;
            assert_eq!(said(t).await, None);
            t.slack.vote("alice", GENERAL, "No").await;
            t.settle().await;
            assert_eq!(said(t).await, no, "also where it was taken back last");
            // Once the clock is there again, everything is as ever.
            t.advance(std::time::Duration::from_secs(7_200)).await;
        }
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.slack.vote("carol", GENERAL, "Yes").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
    });
}

#[test]
fn a_ballot_taken_back_no_longer_counts_and_is_gone_from_the_platform_too() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let post = t.slack.vote_message(GENERAL).expect("a message with buttons").ts;
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        vote(t, &t.slack, "alice", Cast::Retract).await.expect("it is taken back");
        t.settle().await;
        let shown = t.slack.message(GENERAL, &post).expect("the vote").text;
        assert!(shown.contains("Yes  `0`"), "{shown}");
        t.slack.vote("carol", GENERAL, "Yes").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Proposed, "one of two is left");
    });
}

#[test]
fn whoever_may_not_vote_or_comes_too_late_or_says_nonsense_is_told_and_nothing_is_written() {
    run_test(async |t: &mut TestApp| {
        t.policy(
            Draft::platform("Core decides", &[RENAME])
                .check("return PASSED if proposal.get_yes_votes() else PROPOSED")
                .notify("slack.initiate_vote(text='Core only', channel='C0GENERAL', users=['U03', 'U04'])"),
        )
        .await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let refused = |said: Result<(), VoteError>| match said {
            Err(VoteError::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(vote(t, &t.slack, "alice", to("yes")).await), Refusal::NotEligible);
        assert_eq!(refused(vote(t, &t.slack, "alice", Cast::Retract).await), Refusal::NotEligible);
        assert_eq!(refused(vote(t, &t.slack, "carol", to("perhaps")).await), Refusal::NoSuchOption);
        assert!(matches!(vote(t, &t.other, "carol", to("yes")).await, Err(VoteError::NotFound("proposal"))));
        vote(t, &t.slack, "carol", to("yes")).await.expect("she may");
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert_eq!(refused(vote(t, &t.slack, "dave", to("no")).await), Refusal::Closed);
        assert_eq!(t.survey().await.ballots.len(), 1);
    });
}

#[test]
fn a_vote_that_was_accepted_is_counted_although_the_node_dies_before_counting_it() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        vote(t, &t.slack, "alice", to("yes")).await.expect("it is taken");
        vote(t, &t.slack, "carol", to("yes")).await.expect("it is taken");
        t.crash().await;
        t.recover().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
    });
}

#[test]
fn a_correction_made_here_counts_although_the_platform_is_ahead_of_time() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let post = t.slack.vote_message(GENERAL).expect("a message with buttons").ts;
        let value = json!({ "p": t.proposal().await.id, "o": "yes" }).to_string();
        let in_a_minute = format!("{}.000100", t.clock_secs() + 60);
        let payload = json!({
            "type": "block_actions", "team": { "id": "T0A", "domain": "x" }, "user": { "id": "U01", "team_id": "T0A" },
            "api_app_id": "A1", "token": "x", "trigger_id": "1.2.3",
            "container": { "type": "message", "message_ts": post.as_str(), "channel_id": GENERAL },
            "channel": { "id": GENERAL, "name": "general" }, "message": { "ts": post.as_str() },
            "response_url": "http://127.0.0.1:9/none",
            "actions": [{ "action_id": "policykit_vote:0", "block_id": "b", "type": "button", "value": value,
                          "action_ts": in_a_minute }],
        });
        let encoded: String = payload.to_string().bytes().map(|b| format!("%{b:02X}")).collect();
        let reply = t.send(&t.signed("application/x-www-form-urlencoded", format!("payload={encoded}"))).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        t.settle().await;
        assert_eq!(t.survey().await.ballots[0].value, Some(BallotValue::Boolean(true)));
        vote(t, &t.slack, "alice", to("no")).await.expect("it is taken");
        t.settle().await;
        assert_eq!(t.survey().await.ballots[0].value, Some(BallotValue::Boolean(false)), "the last word counts");
        t.expect_rows_from_outside();
    });
}
