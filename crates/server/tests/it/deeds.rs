//! Undoing and doing by a policy's own code, together with what the engine undoes and does by itself: each takes effect
//! once, whoever asked for it, and the proposal always comes to its end.

use std::time::Duration;

use policykit_core::{
    JsonMap,
    action::Standing,
    proposal::{EffectStatus, Status},
};
use policykit_platforms::slack::fake::{Act, CallFault, CallRule, posts_containing};
use policykit_testkit::{Draft, TestApp};

use crate::{
    policies::{POST, RENAME},
    run_test,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";
const ARCHIVE: &str = "slackarchiveconversation";

/// Posts need one vote for, and fall with one against.
fn posts_by_vote() -> Draft {
    Draft::platform("Posts need a vote", &[POST])
        .filter("return 'proposed' in action.text")
        .check(
            "if proposal.get_yes_votes().count() >= 1:\n  return PASSED\n\
             if proposal.get_no_votes().count() >= 1:\n  return FAILED\n\
             return PROPOSED",
        )
        .notify("slack.initiate_vote(text='Shall it stand?', channel='C0RANDOM')")
}

fn standing(t: &TestApp, text: &str) -> usize {
    t.slack.texts(GENERAL).iter().filter(|found| found.contains(text)).count()
}

#[test]
fn what_the_success_block_has_done_is_not_done_again_by_the_engine() {
    run_test(async |t: &mut TestApp| {
        t.policy(posts_by_vote().success("action.execute()")).await;
        t.slack.post("bob", GENERAL, "proposed: a picnic").await;
        t.settle().await;
        assert_eq!(standing(t, "a picnic"), 0, "undone until it is decided");
        t.slack.vote("alice", RANDOM, "Yes").await;
        t.recover().await;
        assert_eq!(standing(t, "a picnic"), 1);
        assert_eq!(posts_containing(&t.fake().record(), "a picnic").len(), 2, "bob's, and ours once");
        let proposal = t.proposal().await;
        assert_eq!((proposal.status, proposal.effect), (Status::Passed, EffectStatus::Done));
    });
}

#[test]
fn a_check_that_does_the_action_at_every_look_does_it_once() {
    run_test(async |t: &mut TestApp| {
        let check = "if proposal.get_all_boolean_votes().count() >= 1:\n  action.execute()\n\
                     if proposal.get_all_boolean_votes().count() >= 3:\n  return PASSED\n\
                     return PROPOSED";
        t.policy(posts_by_vote().check(check)).await;
        t.slack.post("bob", GENERAL, "proposed: a picnic").await;
        t.settle().await;
        for voter in ["alice", "carol", "bob"] {
            t.slack.vote(voter, RANDOM, "Yes").await;
            t.recover().await;
            assert_eq!(standing(t, "a picnic"), 1, "after the vote of {voter}");
        }
        let proposal = t.proposal().await;
        assert_eq!((proposal.status, proposal.effect), (Status::Passed, EffectStatus::Done));
    });
}

#[test]
fn what_is_undone_already_is_not_undone_again_and_the_proposal_ends() {
    run_test(async |t: &mut TestApp| {
        t.policy(posts_by_vote().fail("action.revert()\nslack.post_message(text='It fell.', channel='C0RANDOM')"))
            .await;
        t.slack.post("bob", GENERAL, "proposed: a picnic").await;
        t.settle().await;
        t.slack.vote("alice", RANDOM, "No").await;
        t.recover().await;
        let proposal = t.proposal().await;
        assert_eq!((proposal.status, proposal.effect), (Status::Failed, EffectStatus::Done));
        assert_eq!(posts_containing(&t.fake().record(), "It fell.").len(), 1);
        let undone = t.survey().await.calls.into_iter().filter(|call| call.purpose == "revert").count();
        assert_eq!(undone, 1);
    });
}

#[test]
fn what_code_does_and_undoes_in_turn_takes_effect_each_time() {
    run_test(async |t: &mut TestApp| {
        let check = "votes = proposal.get_all_boolean_votes().count()\n\
                     if votes == 1:\n  action.execute()\n\
                     if votes == 2:\n  action.revert()\n\
                     if votes >= 3:\n  return PASSED\n\
                     return PROPOSED";
        let draft = Draft::platform("Back and forth", &[RENAME])
            .check(check)
            .notify("slack.initiate_vote(text='Rename?', channel='C0GENERAL')");
        t.policy(draft).await;
        let old = t.slack.name_of(RANDOM);
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        assert_eq!(t.slack.name_of(RANDOM), old, "undone until it is decided");
        for (voter, name) in [("alice", "lounge"), ("carol", old.as_str()), ("bob", "lounge")] {
            t.slack.vote(voter, GENERAL, "Yes").await;
            t.recover().await;
            assert_eq!(t.slack.name_of(RANDOM), name, "after the vote of {voter}");
        }
        assert_eq!(t.proposal().await.status, Status::Passed);
    });
}

#[test]
fn nobody_votes_once_it_is_decided_although_telling_of_it_takes_long() {
    run_test(async |t: &mut TestApp| {
        t.policy(posts_by_vote().success("slack.post_message(text='It passed.', channel='C0RANDOM')")).await;
        t.slack.post("bob", GENERAL, "proposed: a picnic").await;
        t.settle().await;
        t.fake().fault_calls(CallRule::next("chat.postMessage", CallFault::RateLimited { retry_after_secs: 600 }));
        t.slack.vote("alice", RANDOM, "Yes").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Proposed, "the message that tells of it must wait");
        t.slack.vote("carol", RANDOM, "No").await;
        t.settle().await;
        let told = t.slack.whispers("carol", RANDOM);
        assert!(told.iter().any(|text| text.contains("closed") || text.contains("over")), "{told:?}");
        t.advance(Duration::from_secs(601)).await;
        t.recover().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert_eq!(t.survey().await.ballots.len(), 1, "carol was told that hers does not count");
    });
}

#[test]
fn what_a_vote_weighs_by_the_roles_of_voters_survives_a_death() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Steward", &[], &["alice"]).await;
        let check = "if proposal.get_time_elapsed() < datetime.timedelta(minutes=5):\n  return PROPOSED\n\
                     balance = 0\n\
                     for vote in proposal.get_all_boolean_votes():\n\
                     \x20 weight = 2 if vote.user.has_role('Steward') else 1\n\
                     \x20 balance += weight if vote.boolean_value else -weight\n\
                     return PASSED if balance > 0 else FAILED";
        let draft = Draft::platform("Stewards count twice", &[RENAME])
            .check(check)
            .notify("slack.initiate_vote(text='Rename?', channel='C0GENERAL')");
        t.policy(draft).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.slack.vote("carol", GENERAL, "No").await;
        t.settle().await;
        t.crash().await;
        t.advance(Duration::from_secs(301)).await;
        t.recover().await;
        assert_eq!(t.proposal().await.status, Status::Passed, "a steward's yes outweighs a no");
    });
}

#[test]
fn what_stands_is_not_done_once_more() {
    run_test(async |t: &mut TestApp| {
        let draft = Draft::platform("Thanks for posting", &[POST])
            .filter("return 'proposed' in action.text")
            .check("return PASSED")
            .success("action.execute()");
        t.policy(draft).await;
        t.slack.post("bob", GENERAL, "proposed: a picnic").await;
        t.recover().await;
        assert_eq!(posts_containing(&t.fake().record(), "a picnic").len(), 1, "bob's own, and no copy");
        assert_eq!(t.proposal().await.status, Status::Passed);
    });
}

#[test]
fn what_a_proposal_never_did_is_not_undone() {
    run_test(async |t: &mut TestApp| {
        t.slack.act("bob", Act::Archive { channel: RANDOM.into() }).await.expect("bob may archive");
        t.settle().await;
        t.policy(Draft::platform("No archiving", &[ARCHIVE]).check("return FAILED").fail("action.revert()")).await;
        let fields: JsonMap = [("channel".to_owned(), RANDOM.into())].into_iter().collect();
        t.propose(&t.slack, "carol", ARCHIVE, fields).await;
        t.recover().await;
        assert_eq!(t.proposal().await.status, Status::Failed);
        assert!(t.slack.channel(RANDOM).channel.archived, "bob archived it, and nobody decided about that");
    });
}

#[test]
fn what_code_has_done_stands_although_the_vote_falls_in_the_same_look() {
    run_test(async |t: &mut TestApp| {
        let check = "if proposal.get_yes_votes().count() >= 1:\n  action.execute()\n\
                     if proposal.get_no_votes().count() >= 1:\n  return FAILED\n\
                     return PROPOSED";
        t.policy(posts_by_vote().check(check)).await;
        t.slack.post("bob", GENERAL, "proposed: a picnic").await;
        t.settle().await;
        t.slack.vote("alice", RANDOM, "Yes").await;
        t.slack.vote("carol", RANDOM, "No").await;
        t.recover().await;
        assert_eq!(t.proposal().await.status, Status::Failed);
        assert_eq!(standing(t, "a picnic"), 1, "the code had it done");
        let mut actions = t.survey().await.actions;
        actions.retain(|action| action.community == t.slack.community);
        assert_eq!((actions[0].standing, actions[0].reverted), (Standing::Stands, false));
    });
}

#[test]
fn what_code_does_again_before_it_says_no_is_undone_all_the_same() {
    run_test(async |t: &mut TestApp| {
        t.policy(posts_by_vote().check("action.revert()\naction.execute()\nreturn FAILED")).await;
        t.slack.post("bob", GENERAL, "proposed: a picnic").await;
        t.recover().await;
        assert_eq!(t.proposal().await.status, Status::Failed);
        assert_eq!(standing(t, "a picnic"), 0);
    });
}

#[test]
fn a_trigger_policy_that_asks_to_undo_is_told_that_it_cannot() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::trigger("Hears", &[POST]).check("action.revert()\naction.execute()\nreturn PASSED")).await;
        t.slack.post("bob", GENERAL, "a picnic").await;
        t.recover().await;
        assert_eq!(posts_containing(&t.fake().record(), "a picnic").len(), 1);
        assert_eq!(standing(t, "a picnic"), 1);
        let proposal = t.proposal().await;
        let logs = t.story(&proposal).await.logs;
        assert_eq!(logs.iter().filter(|line| line.message.contains("does nothing in a trigger policy")).count(), 2);
    });
}
