//! People of another company in a channel that is shared with it: what they do is governed, and nothing that every member
//! may do is theirs to do.

use policykit_core::{permission, proposal::Status};
use policykit_testkit::{Draft, TestApp};
use serde_json::{Value, json};

use crate::{
    policies::{POST, RENAME},
    run_test,
};

const GENERAL: &str = "C0GENERAL";

/// A message of an account in a channel that is shared, as the platform tells of it.
async fn posts(t: &TestApp, account: &str, team: &str, event: &str) {
    let ts = format!("{}.000100", t.clock_secs());
    let body = json!({
        "token": "x", "team_id": "T0A", "api_app_id": "A1", "type": "event_callback", "event_id": event,
        "event_time": t.clock_secs(), "is_ext_shared_channel": true,
        "event": { "type": "message", "channel": GENERAL, "channel_type": "channel", "user": account,
                   "user_team": team, "source_team": team, "text": "hello", "ts": ts },
    });
    let reply = t.send(&t.signed("application/json", body.to_string())).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    t.settle().await;
}

/// An account presses yes.
async fn presses(t: &TestApp, account: &str, team: &str, proposal: &Value) {
    let post = t.slack.vote_message(GENERAL).expect("a message with buttons").ts;
    let payload = json!({
        "type": "block_actions", "team": { "id": "T0A" }, "user": { "id": account, "team_id": team }, "enterprise": null,
        "api_app_id": "A1", "token": "x", "trigger_id": format!("{account}.2.3"),
        "container": { "type": "message", "message_ts": post.as_str(), "channel_id": GENERAL },
        "channel": { "id": GENERAL }, "message": { "ts": post.as_str() },
        "actions": [{ "action_id": "policykit_vote:0", "block_id": "b", "type": "button",
                      "value": json!({ "p": proposal, "o": "yes" }).to_string(),
                      "action_ts": format!("{}.000100", t.clock_secs()) }],
    });
    let encoded: String = payload.to_string().bytes().map(|b| format!("%{b:02X}")).collect();
    let reply = t.send(&t.signed("application/x-www-form-urlencoded", format!("payload={encoded}"))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    t.settle().await;
}

#[test]
fn what_every_member_may_do_without_asking_a_stranger_asks_for_and_is_not_kept_from() {
    run_test(async |t: &mut TestApp| {
        t.expect_rows_from_outside();
        t.policy(Draft::platform("Looks", &[POST]).check("return PASSED")).await;
        let (db, community) = (t.db(), t.slack.community);
        let set = async |permissions: Vec<String>| {
            let db = db.clone();
            let set = async move {
                let scope = db.community(community);
                let base = scope.roles().await?.into_iter().find(|role| role.is_base).expect("everybody's role");
                scope.set_permissions(base.id, permissions.into_iter().collect()).await
            };
            t.node().on(set).await.expect("the role is changed");
        };
        set(vec![permission::execute(POST)]).await;
        posts(t, "U01", "T0A", "Ev1").await;
        assert!(t.proposals(&t.slack).await.is_empty(), "a member does it without asking");
        posts(t, "U9STRANGER", "T0Z", "Ev2").await;
        assert_eq!(t.proposals(&t.slack).await.len(), 1, "of a stranger the rules are asked");
        // Where members may not even ask, a stranger is governed all the same.
        set(Vec::new()).await;
        posts(t, "U9STRANGER", "T0Z", "Ev3").await;
        let all = t.proposals(&t.slack).await;
        assert_eq!(all.iter().map(|p| p.status).collect::<Vec<_>>(), [Status::Passed, Status::Passed]);
    });
}

#[test]
fn a_vote_of_everybody_does_not_ask_strangers_and_one_that_names_them_does() {
    for (users, counted) in [("", 0), (", users=['U01', 'U9STRANGER']", 1)] {
        run_test(async |t: &mut TestApp| {
            t.expect_rows_from_outside();
            t.policy(
                Draft::platform("Votes", &[RENAME])
                    .check("return PROPOSED")
                    .notify(&format!("slack.initiate_vote(text='Shall we?', channel='C0GENERAL'{users})")),
            )
            .await;
            t.slack.rename("bob", "C0RANDOM", "lounge").await;
            t.settle().await;
            let proposal = json!(t.proposal().await.id);
            presses(t, "U9STRANGER", "T0Z", &proposal).await;
            assert_eq!(t.survey().await.ballots.len(), counted);
            presses(t, "U01", "T0A", &proposal).await;
            assert_eq!(t.survey().await.ballots.len(), counted + 1, "a member's is counted");
        });
    }
}
