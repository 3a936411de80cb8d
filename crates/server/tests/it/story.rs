//! What people do and what they see, from one end to the other.

use std::time::Duration;

use policykit_core::{
    action::Standing,
    ballot::BallotValue,
    proposal::{EffectStatus, Status},
};
use policykit_testkit::{Draft, TestApp, shared_policy};

use crate::{
    policies::{POST, RENAME, no_forbidden_word, renames_by_vote},
    run_test,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";
const DAY: Duration = Duration::from_hours(24);

#[test]
fn a_forbidden_message_disappears_and_only_its_author_is_told() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        let kept = t.slack.post("bob", GENERAL, "good morning").await;
        let gone = t.slack.post("alice", GENERAL, "a forbidden word").await;
        t.settle().await;
        assert!(t.slack.message(GENERAL, &kept).is_some());
        assert_eq!(t.slack.message(GENERAL, &gone), None);
        assert_eq!(t.slack.whispers("alice", GENERAL), ["Removed by the policy 'No forbidden word'."]);
        assert_eq!(t.slack.whispers("bob", GENERAL), Vec::<String>::new());
        let proposal = t.proposal().await;
        assert_eq!((proposal.status, proposal.effect), (Status::Failed, EffectStatus::Done));
    });
}

#[test]
fn what_no_policy_forbids_stays_and_leaves_no_proposal() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        t.slack.post("bob", GENERAL, "good morning").await;
        t.slack.rename("carol", RANDOM, "lounge").await;
        t.settle().await;
        assert_eq!(t.slack.texts(GENERAL), ["good morning"]);
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
        assert!(t.proposals(&t.slack).await.is_empty());
    });
}

#[test]
fn a_contested_rename_is_undone_voted_on_and_comes_back_when_it_passes() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        assert_eq!(t.slack.name_of(RANDOM), "random", "undone while it is open");
        let vote = t.slack.vote_message(GENERAL).expect("a message with buttons");
        assert!(vote.text.contains("Rename the channel to lounge?"), "{}", vote.text);
        assert_eq!(t.proposal().await.status, Status::Proposed);

        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        assert_eq!(t.slack.name_of(RANDOM), "random", "one vote is not enough");
        t.slack.vote("carol", GENERAL, "Yes").await;
        t.settle().await;

        assert_eq!(t.slack.name_of(RANDOM), "lounge", "done again");
        let proposal = t.proposal().await;
        assert_eq!((proposal.status, proposal.effect), (Status::Passed, EffectStatus::Done));
        let closed = t.slack.message(GENERAL, &vote.ts).expect("the vote's message");
        assert!(closed.controls.is_empty(), "no buttons after the end: {:?}", closed.controls);
        assert!(t.slack.texts(GENERAL).contains(&"The rename was accepted.".to_owned()));
        // The channel went from name to name exactly as often as the story says, and not once more.
        let actions = t.survey().await.actions;
        assert_eq!(
            actions.iter().filter(|a| a.action_type == RENAME).count(),
            1,
            "no echo became an action: {actions:?}"
        );
    });
}

#[test]
fn a_rename_that_fails_its_vote_stays_undone() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        t.slack.vote("alice", GENERAL, "No").await;
        t.slack.vote("carol", GENERAL, "No").await;
        t.settle().await;
        assert_eq!(t.slack.name_of(RANDOM), "random");
        let proposal = t.proposal().await;
        assert_eq!(proposal.status, Status::Failed);
        assert_eq!(t.story(&proposal).await.bundle.action.standing, Standing::Undone);
        assert!(t.slack.texts(GENERAL).contains(&"The rename was rejected.".to_owned()));
        assert!(t.slack.vote_message(GENERAL).is_none());
    });
}

#[test]
fn counts_are_live_and_a_voter_has_one_ballot() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let vote = t.slack.vote_message(GENERAL).expect("a message with buttons").ts;
        let shown = |t: &TestApp| t.slack.message(GENERAL, &vote).expect("the vote").text;
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        assert!(shown(t).contains("Yes  `1`\n<@U01>"), "{}", shown(t));
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        assert!(shown(t).contains("Yes  `1`\n<@U01>"), "twice is once: {}", shown(t));
        t.slack.vote("alice", GENERAL, "No").await;
        t.settle().await;
        assert!(shown(t).contains("Yes  `0`") && shown(t).contains("No  `1`\n<@U01>"), "moved: {}", shown(t));
        let ballots = t.survey().await.ballots;
        assert_eq!(ballots.len(), 1);
        assert_eq!(ballots[0].value, Some(BallotValue::Boolean(false)));
        assert_eq!(t.proposal().await.status, Status::Proposed);
    });
}

#[test]
fn whoever_may_not_vote_is_told_so_alone_and_is_not_counted() {
    run_test(async |t: &mut TestApp| {
        t.policy(
            Draft::platform("Core decides", &[RENAME])
                .check("return PASSED if proposal.get_yes_votes() else PROPOSED")
                .notify("slack.initiate_vote(text='Core only', channel='C0GENERAL', users=['U03', 'U04'])"),
        )
        .await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        let told = t.slack.whispers("alice", GENERAL);
        assert_eq!(told, ["You are not among the people who may vote here, so your choice was not counted."]);
        assert!(t.survey().await.ballots.is_empty());
        assert_eq!(t.proposal().await.status, Status::Proposed);
        t.slack.vote("carol", GENERAL, "Yes").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
    });
}

#[test]
fn a_press_after_the_end_is_refused_and_changes_nothing() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        // Both press before anybody sees the end: the third ballot reaches a vote that is over.
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.slack.vote("carol", GENERAL, "Yes").await;
        let vote = t.slack.vote_message(GENERAL).expect("still open on the screen").ts;
        t.fake().fault_calls(policykit_platforms::slack::fake::CallRule::next(
            "chat.update",
            policykit_platforms::slack::fake::CallFault::RateLimited { retry_after_secs: 30 },
        ));
        t.settle().await;
        if t.slack.message(GENERAL, &vote).is_some_and(|m| !m.controls.is_empty()) {
            t.slack.vote("dave", GENERAL, "No").await;
            t.settle().await;
            assert_eq!(t.slack.whispers("dave", GENERAL), ["This vote is closed, so your choice was not counted."]);
        }
        t.recover().await;
        assert_eq!(t.survey().await.ballots.len(), 2);
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert!(t.slack.vote_message(GENERAL).is_none(), "closed once the platform lets us");
    });
}

#[test]
fn a_choice_vote_takes_one_option_of_several() {
    run_test(async |t: &mut TestApp| {
        t.policy(
            Draft::platform("Which way", &[RENAME])
                .check(
                    "if proposal.get_choice_votes(value='keep').count() >= 2:\n  return FAILED\n\
                     if proposal.get_choice_votes(value='change').count() >= 2:\n  return PASSED\n\
                     return PROPOSED",
                )
                .notify(
                    "slack.initiate_vote(text='Which?', channel='C0GENERAL', options=['keep', 'change', 'whatever'])",
                ),
        )
        .await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let labels: Vec<String> =
            t.slack.vote_message(GENERAL).expect("a vote").controls.into_iter().map(|c| c.label).collect();
        assert_eq!(labels, ["1. keep", "2. change", "3. whatever", "Take my vote back"]);
        t.slack.vote("alice", GENERAL, "change").await;
        t.slack.vote("dave", GENERAL, "whatever").await;
        t.slack.vote("carol", GENERAL, "keep").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Proposed);
        t.slack.vote("carol", GENERAL, "change").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
    });
}

#[test]
fn the_published_post_guard_runs_unchanged() {
    let Some(guard) = shared_policy("Don_t_allow_posts_in_Slack_channel.json") else { return };
    run_test(async |t: &mut TestApp| {
        t.policy(guard.clone()).await;
        let gone = t.slack.post("alice", "C025LDZ76R3", "hello").await;
        let kept = t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        assert_eq!(t.slack.message("C025LDZ76R3", &gone), None);
        assert!(t.slack.message(GENERAL, &kept).is_some());
        assert_eq!(
            t.slack.whispers("alice", "C025LDZ76R3"),
            [format!("Post was deleted because of policy '{}'", guard.name)]
        );
        assert_eq!(t.proposal().await.status, Status::Failed);
    });
}

const CONSENSUS: &str = "Consensus_vote_in_Slack_with_restricted_voting___reminder.json";
const CORE: &str = "C0ABC123";

#[test]
fn the_published_consensus_vote_passes_at_once_when_everybody_consents_or_abstains() {
    let Some(consensus) = shared_policy(CONSENSUS) else { return };
    run_test(async |t: &mut TestApp| {
        t.policy(consensus.clone()).await;
        t.slack.post("alice", GENERAL, "core-group-vote paint it green").await;
        t.settle().await;
        let vote = t.slack.vote_message(CORE).expect("a vote in the core group's channel");
        assert!(vote.text.contains("please respond to this proposal: paint it green"), "{}", vote.text);
        let thread: Vec<String> = t
            .slack
            .bot_messages(CORE)
            .into_iter()
            .filter(|m| m.thread_ts.as_ref() == Some(&vote.ts) && m.ts != vote.ts)
            .map(|m| m.text)
            .collect();
        assert_eq!(thread, ["Discuss here! :meow-wave:"]);
        t.slack.vote("ada", CORE, "consent").await;
        t.settle().await;
        assert!(t.slack.whispers("ada", CORE).iter().any(|text| text.contains("not among the people who may vote")));
        for (voter, choice) in
            [("alice", "consent"), ("bob", "consent"), ("carol", "abstain"), ("dave", "consent"), ("erin", "consent")]
        {
            t.slack.vote(voter, CORE, choice).await;
        }
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Proposed, "one is missing");
        t.slack.vote("frank", CORE, "abstain").await;
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert!(
            t.slack.texts(GENERAL).iter().any(|text| text == "<@U01>'s proposal passed!"),
            "{:?}",
            t.slack.texts(GENERAL)
        );
    });
}

#[test]
fn the_published_consensus_vote_reminds_after_four_days_and_ends_after_five() {
    let Some(consensus) = shared_policy(CONSENSUS) else { return };
    run_test(async |t: &mut TestApp| {
        t.policy(consensus.clone()).await;
        t.slack.post("alice", GENERAL, "core-group-vote paint it green").await;
        t.settle().await;
        t.slack.vote("bob", CORE, "consent").await;
        t.slack.vote("carol", CORE, "consent").await;
        t.advance(4 * DAY - Duration::from_secs(60)).await;
        let reminders = |t: &TestApp| {
            let all = t.slack.texts(GENERAL);
            all.into_iter().filter(|text| text.starts_with("There is one day left")).collect::<Vec<_>>()
        };
        assert_eq!(reminders(t), Vec::<String>::new(), "not yet");
        t.advance(Duration::from_secs(120)).await;
        assert_eq!(
            reminders(t),
            ["There is one day left to vote on this proposal. <@U01>, <@U04>, <@U05>, <@U06> have not voted yet."]
        );
        t.advance(DAY - Duration::from_secs(300)).await;
        assert_eq!(reminders(t).len(), 1, "reminded once");
        assert_eq!(t.proposal().await.status, Status::Proposed);
        t.advance(Duration::from_secs(600)).await;
        assert_eq!(t.proposal().await.status, Status::Passed, "no objection and two consents");
        assert!(t.slack.vote_message(CORE).is_none(), "closed");
    });
}

#[test]
fn the_published_consensus_vote_fails_after_five_days_with_an_objection() {
    let Some(consensus) = shared_policy(CONSENSUS) else { return };
    run_test(async |t: &mut TestApp| {
        t.policy(consensus.clone()).await;
        t.slack.post("alice", GENERAL, "core-group-vote paint it green").await;
        t.settle().await;
        for (voter, choice) in [("bob", "consent"), ("carol", "consent"), ("dave", "object")] {
            t.slack.vote(voter, CORE, choice).await;
        }
        t.advance(5 * DAY + Duration::from_secs(1)).await;
        assert_eq!(t.proposal().await.status, Status::Failed);
        assert!(t.slack.texts(GENERAL).iter().any(|text| text == "<@U01>'s proposal failed."));
    });
}

#[test]
fn a_direct_message_and_a_thread_reach_whom_they_are_meant_for() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::platform("Greeter", &[POST]).filter("return action.text == 'hello'").check(
            "slack.post_message(text='Welcome!', users=[action.initiator], post_type='im')\n\
                 ts = slack.post_message(text='A newcomer', channel=action.channel)\n\
                 slack.post_message(text='Say hi', channel=action.channel, thread_ts=ts)\n\
                 return PASSED",
        ))
        .await;
        t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        let posts = t.slack.bot_messages(GENERAL);
        assert_eq!(posts.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["A newcomer", "Say hi"]);
        assert_eq!(posts[1].thread_ts.as_ref(), Some(&posts[0].ts));
        let record = t.fake().record();
        let welcomed = policykit_platforms::slack::fake::posts_containing(&record, "Welcome!");
        assert_eq!(welcomed.len(), 1);
    });
}
