//! What an event costs, counted in statements and commits: a count is the same on every machine, a rate is not.

use std::ops::Sub;

use futures::future::join_all;
use policykit_platforms::{platform::RawRequest, slack::fake::signature};
use policykit_store::Stats;
use policykit_testkit::{Draft, TestApp};

use crate::run_test;

const GENERAL: &str = "C0GENERAL";

/// What was asked of the database between two moments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    statements: u64,
    commits: u64,
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            statements: self.statements.saturating_sub(before.statements),
            commits: self.commits.saturating_sub(before.commits),
        }
    }
}

fn now(t: &TestApp) -> Cost {
    let Stats { statements, transactions, .. } = t.db().stats();
    Cost { statements, commits: transactions }
}

/// A signed delivery of a message.
fn delivery(t: &TestApp, team: &str, event: &str, text: &str) -> (Vec<(String, String)>, Vec<u8>) {
    let at = t.clock_secs();
    let body = serde_json::json!({
        "token": "x", "team_id": team, "api_app_id": "A1", "type": "event_callback", "event_id": event, "event_time": at,
        "event": {
            "type": "message", "channel": GENERAL, "user": "U01", "text": text, "ts": format!("{at}.000100"),
            "channel_type": "channel",
        },
    })
    .to_string()
    .into_bytes();
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("x-slack-request-timestamp".to_owned(), at.to_string()),
        ("x-slack-signature".to_owned(), signature(TestApp::signing_secret(), at, &body)),
    ];
    (headers, body)
}

/// Takes as many messages at once as a busy minute brings, and says what taking them cost.
pub(crate) async fn take(t: &TestApp, count: usize, text: &str) -> Cost {
    let before = now(t);
    let requests: Vec<_> = (0..count).map(|n| delivery(t, "T0A", &format!("{text}{n}"), text)).collect();
    let engine = t.engine();
    t.node()
        .on(async move {
            let taken = requests
                .iter()
                .map(|(headers, body)| engine.receive("slack", RawRequest { headers, body, at: None, home: None }));
            for answer in join_all(taken).await {
                answer.expect("it is taken");
            }
        })
        .await;
    now(t) - before
}

/// What dealing with everything that waits costs, beyond the looks of a node that finds nothing.
async fn settle(t: &TestApp) -> Cost {
    let before = now(t);
    t.node().drain().await.expect("draining goes well");
    let worked = now(t) - before;
    let before = now(t);
    t.node().drain().await.expect("draining goes well");
    worked - (now(t) - before)
}

/// Policies as a community has them, one of which passes every message that begins with `pass`.
async fn policies(t: &mut TestApp) {
    t.policy(
        Draft::platform("passes", &["slackpostmessage"])
            .filter("return action.text.startswith('pass')")
            .check("return PASSED"),
    )
    .await;
    for n in 0..9 {
        let filter = format!("return action.text.startswith('number {n}')");
        t.policy(Draft::trigger(&format!("trigger {n}"), &[]).filter(&filter).check("return PASSED")).await;
        t.policy(Draft::platform(&format!("platform {n}"), &[]).filter(&filter).check("return PASSED")).await;
    }
    t.expect_rows_from_outside();
    // Whatever is read once and kept has been read.
    take(t, 1, "pass warm").await;
    settle(t).await;
}

#[test]
fn twenty_passing_events_taken_as_one_batch_cost_eight_statements_and_one_commit() {
    run_test(async |t: &mut TestApp| {
        policies(t).await;
        let taken = take(t, 20, "pass").await;
        assert!(taken.statements <= 2 && taken.commits <= 2, "taking: {taken:?}");
        let settled = settle(t).await;
        assert_eq!(t.proposals(&t.slack).await.len(), 21);
        assert!(settled.statements <= 8 && settled.commits <= 1, "settling: {settled:?}");
    });
}

#[test]
fn an_event_that_no_policy_is_about_costs_a_tenth_of_a_statement() {
    run_test(async |t: &mut TestApp| {
        policies(t).await;
        let taken = take(t, 200, "other").await;
        let settled = settle(t).await;
        assert_eq!(t.proposals(&t.slack).await.len(), 1, "only the first one");
        let statements = taken.statements + settled.statements;
        assert!(statements * 10 <= 200, "{taken:?}, {settled:?}");
        assert!(taken.commits + settled.commits <= 5, "{taken:?}, {settled:?}");
    });
}

#[test]
fn a_node_that_does_not_hold_a_community_asks_once_whose_its_deliveries_are() {
    run_test(async |t: &mut TestApp| {
        t.expect_rows_from_outside();
        let other = t.another_node(None).await;
        let (engine, db) = (other.engine(), other.db());
        let requests: Vec<_> = (0..20).map(|n| delivery(t, "T0A", &format!("Ev{n}"), "hello")).collect();
        let before = db.stats();
        other
            .on(async move {
                for (headers, body) in requests {
                    engine
                        .receive("slack", RawRequest { headers: &headers, body: &body, at: None, home: None })
                        .await
                        .expect("it is taken");
                }
            })
            .await;
        let after = db.stats();
        assert_eq!(after.transactions - before.transactions, 20, "each was promised by itself");
        assert!(after.statements - before.statements <= 20 * 2 + 1, "{before:?} {after:?}");
        other.kill().await;
    });
}

#[test]
fn strangers_who_knock_without_end_cost_a_statement_a_second() {
    run_test(async |t: &mut TestApp| {
        let knock = async |t: &TestApp| {
            let (headers, body) = delivery(t, "T0STRANGER", "Ev1", "let me in");
            let engine = t.engine();
            t.node()
                .on(async move {
                    let answers = (0..50).map(|_| {
                        engine.receive("slack", RawRequest { headers: &headers, body: &body, at: None, home: None })
                    });
                    join_all(answers).await.iter().filter(|answer| answer.is_err()).count()
                })
                .await
        };
        let before = now(t);
        assert_eq!(knock(t).await, 50);
        assert_eq!(knock(t).await, 50);
        assert_eq!((now(t) - before).statements, 1, "once, however many knock at the same time");
        t.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(knock(t).await, 50);
        assert_eq!((now(t) - before).statements, 2);
    });
}

#[test]
fn a_workspace_that_another_node_installs_is_heard_by_all_a_moment_later() {
    run_test(async |t: &mut TestApp| {
        t.expect_rows_from_outside();
        let (headers, body) = delivery(t, "T0LATER", "Ev1", "hello");
        let deliver = async |t: &TestApp| {
            let (engine, headers, body) = (t.engine(), headers.clone(), body.clone());
            t.node()
                .on(async move {
                    engine.receive("slack", RawRequest { headers: &headers, body: &body, at: None, home: None }).await
                })
                .await
        };
        deliver(t).await.expect_err("nobody has installed it");
        // Another node does, with a handle to the database of its own.
        let other = t.another_node(None).await;
        let db = other.db();
        let mut installation = {
            let (db, community) = (db.clone(), t.other.community);
            let state = other.on(async move { db.community(community).state().await }).await.expect("the community");
            state.installations[0].clone()
        };
        installation.id = policykit_core::ids::InstallationId::from_uuid(uuid::Uuid::from_u128(77));
        installation.external_id = "T0LATER".to_owned();
        t.expect_installation(installation.clone());
        let at = policykit_core::Timestamp::from_secs(t.clock_secs());
        other
            .on(async move { db.system().create_installation(&installation, at).await })
            .await
            .expect("it is installed");
        t.clock.advance(std::time::Duration::from_secs(1));
        deliver(t).await.expect("it is heard");
        other.kill().await;
    });
}
