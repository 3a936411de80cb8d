//! Two communities of equal names, people and policies never touch.

use policykit_core::proposal::Status;
use policykit_store::{Page, StoreError};
use policykit_testkit::TestApp;

use crate::{
    policies::{no_forbidden_word, renames_by_vote},
    run_test,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";

#[test]
fn the_same_people_in_two_workspaces_vote_only_where_they_press() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.other.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.other.vote("carol", GENERAL, "Yes").await;
        t.settle().await;
        assert_eq!((t.slack.name_of(RANDOM), t.other.name_of(RANDOM)), ("random".to_owned(), "random".to_owned()));
        t.slack.vote("carol", GENERAL, "Yes").await;
        t.other.vote("alice", GENERAL, "No").await;
        t.settle().await;
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
        assert_eq!(t.other.name_of(RANDOM), "random");
        assert_eq!(t.proposals(&t.slack).await[0].status, Status::Passed);
        assert_eq!(t.proposals(&t.other).await[0].status, Status::Proposed);
    });
}

#[test]
fn a_button_of_one_workspace_is_worth_nothing_in_the_other() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let proposal = t.proposal().await;
        let vote = t.slack.vote_message(GENERAL).expect("a vote").ts;
        // Signed by the platform for the other workspace, with this workspace's proposal in the button.
        for (n, who) in ["U01", "U03"].into_iter().enumerate() {
            let payload = serde_json::json!({
                "type": "block_actions", "team": {"id": "T0B", "domain": "x"}, "user": {"id": who, "team_id": "T0B"},
                "api_app_id": "A1", "token": "x", "trigger_id": format!("9.9.{n}"),
                "container": {"type": "message", "message_ts": vote.as_str(), "channel_id": GENERAL},
                "channel": {"id": GENERAL, "name": "general"}, "message": {"ts": vote.as_str()},
                "response_url": "http://127.0.0.1:9/none",
                "actions": [{"action_id": "policykit_vote:0", "block_id": "b", "type": "button",
                    "value": format!(r#"{{"p":"{}","o":"yes"}}"#, proposal.id), "action_ts": format!("1767603601.{n}")}],
            });
            let encoded: String = payload.to_string().bytes().map(|b| format!("%{b:02X}")).collect();
            let reply = t.send(&t.signed("application/x-www-form-urlencoded", format!("payload={encoded}"))).await;
            assert!(reply.status < 500, "{} {}", reply.status, reply.body);
        }
        t.settle().await;
        assert_eq!(t.slack.name_of(RANDOM), "random");
        assert_eq!(t.proposal().await.status, Status::Proposed);
        assert!(t.survey().await.ballots.is_empty());
        t.expect_rows_from_outside();
    });
}

#[test]
fn an_id_of_another_community_finds_nothing() {
    run_test(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        t.slack.post("alice", GENERAL, "a forbidden word").await;
        t.settle().await;
        let proposal = t.proposal().await;
        let evaluation = t.story(&proposal).await.evaluations[0].evaluation.id;
        let (db, foreign, installation) = (t.db(), t.other.community, t.slack.installation);
        t.node()
            .on(async move {
                let scope = db.community(foreign);
                let missing = |result: Result<(), StoreError>| matches!(result, Err(StoreError::NotFound { .. }));
                assert!(missing(scope.proposal(proposal.id).await.map(drop)));
                assert!(missing(scope.action(proposal.action).await.map(drop)));
                assert!(missing(scope.evaluation(evaluation).await.map(drop)));
                assert!(scope.evaluations(proposal.id).await.expect("a list").is_empty());
                assert!(scope.calls_of(proposal.id).await.expect("a list").is_empty());
                assert!(scope.logs(proposal.id).await.expect("a list").is_empty());
                assert!(scope.proposals(Page::first(10)).await.expect("a list").is_empty());
                assert!(scope.users(installation).await.expect("a list").is_empty());
                assert!(!matches!(scope.get_secret(installation, "bot_token").await, Ok(Some(_))));
            })
            .await;
    });
}
