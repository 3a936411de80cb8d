//! What a page costs, counted in statements and in rows read: both stay what they are when a community grows.

use policykit_core::{
    community::User,
    ids::{PolicyId, ProposalId, UserId},
};
use policykit_platforms::{platform::RawRequest, slack::fake::signature};
use policykit_store::Changes;
use policykit_testkit::{Draft, TestApp};

use crate::{
    policies::{POST, RENAME, renames_by_vote},
    run_test,
    visitor::{Visitor, hide_everything},
};

/// More than any page holds of anything.
const MANY: usize = 60;
/// How many statements a page may cost, whatever is on it.
const STATEMENTS: u64 = 22;
/// How many rows.
const ROWS: u64 = 500;

/// Adds as many people, rules and decided proposals to a community as no page shows at once.
async fn grow(t: &TestApp, round: usize) {
    let at = move |n: usize| round * MANY + n;
    let users = (0..MANY)
        .map(|n| User {
            id: UserId::derive(t.slack.installation, &format!("UMANY{:04}", at(n))),
            community: t.slack.community,
            installation: t.slack.installation,
            external_id: format!("UMANY{:04}", at(n)),
            name: format!("Newcomer {:04}", at(n)),
            is_admin: false,
            is_bot: false,
            is_gone: false,
        })
        .collect();
    let db = t.db();
    let changes = Changes { label: "T2", users, ..Changes::default() };
    t.node().on(async move { db.commit(changes).await }).await.expect("they are members");
    for n in 0..MANY {
        let draft = Draft::platform(&format!("Rule {:04}", at(n)), &[RENAME]).filter("return False");
        t.policy_in(t.slack.community, draft.into()).await;
    }
    let (engine, second) = (t.engine(), t.clock_secs());
    let taken = async move {
        for n in 0..MANY {
            let body = serde_json::json!({
                "token": "x", "team_id": "T0A", "api_app_id": "A1", "type": "event_callback",
                "event_id": format!("EvMany{}", at(n)), "event_time": second,
                "event": {
                    "type": "message", "channel": "C0GENERAL", "user": "U01", "text": "pass",
                    "ts": format!("{second}.{:06}", at(n)), "channel_type": "channel",
                },
            })
            .to_string()
            .into_bytes();
            let headers = [
                ("content-type".to_owned(), "application/json".to_owned()),
                ("x-slack-request-timestamp".to_owned(), second.to_string()),
                ("x-slack-signature".to_owned(), signature(TestApp::signing_secret(), second, &body)),
            ];
            let request = RawRequest { headers: &headers, body: &body, at: None, home: None };
            engine.receive("slack", request).await.expect("it is taken");
        }
    };
    t.node().on(taken).await;
    t.node().drain().await.expect("draining goes well");
}

/// Statements and rows that a page costs, the least of several looks: nodes look for work of their own beside it.
async fn cost(t: &TestApp, who: &Visitor, path: &str) -> (u64, u64) {
    cost_as(t, who, path, "text/html,*/*;q=0.8").await
}

/// The same for whoever asks for something of this kind.
async fn cost_as(t: &TestApp, who: &Visitor, path: &str, accept: &str) -> (u64, u64) {
    let mut least = (u64::MAX, u64::MAX);
    for _ in 0..3 {
        let before = t.db().stats();
        assert_eq!(who.get_as(path, accept).await.status, 200, "{path}");
        let after = t.db().stats();
        least = least.min((after.statements - before.statements, after.rows - before.rows));
    }
    least
}

#[test]
fn a_page_costs_the_same_however_large_the_community_is() {
    run_test(async |t: &mut TestApp| {
        t.expect_rows_from_outside();
        let passes = t.policy(Draft::platform("Everything passes", &[POST]).check("return PASSED")).await;
        let role = t.role(&t.slack, "Readers", &[&format!("view_{RENAME}")], &["bob"]).await;
        hide_everything(t, &t.slack).await;
        // More than the lists of choices hold, too.
        grow(t, 0).await;
        grow(t, 1).await;
        let proposal: ProposalId = t.proposals(&t.slack).await[0].id;
        let viewers = [
            ("an operator", Visitor::operator(t, &t.slack).await),
            ("somebody who sees little", Visitor::member(t, &t.slack, "bob").await),
        ];
        let pages = |policy: PolicyId| {
            let filtered = [
                format!("/main/proposals?policy={policy}"),
                format!("/main/decisions?policy={policy}"),
                format!("/main/policies/{policy}"),
                format!("/main/roles/{role}"),
            ];
            let plain = [
                "/main",
                "/main/proposals",
                "/main/proposals?status=passed",
                "/main/decisions",
                "/main/decisions?outcome=passed",
                "/main/decisions/logs",
                "/main/policies",
                "/main/policies?q=rule",
                "/main/policies?kind=platform&from=50",
                "/main/policies/new",
                "/main/members",
                "/main/documents",
                "/main/held",
                "/main/settings/integrations",
                "/main/you",
            ];
            plain.into_iter().map(str::to_owned).chain(filtered).collect::<Vec<_>>()
        };
        let mut before = Vec::new();
        for (_, who) in &viewers {
            for path in pages(passes) {
                before.push(cost(t, who, &path).await);
            }
        }
        let story = cost(t, &viewers[0].1, &format!("/proposals/{proposal}")).await;
        grow(t, 2).await;
        let mut small = before.into_iter();
        for (name, who) in &viewers {
            for path in pages(passes) {
                let (now, then) = (cost(t, who, &path).await, small.next().expect("as many pages"));
                assert!(now.0 <= then.0 && now.1 <= then.1, "{path} for {name}: {then:?} before, {now:?} after");
                assert!(now.0 <= STATEMENTS && now.1 <= ROWS, "{path} for {name}: {now:?}");
            }
        }
        assert!(cost(t, &viewers[0].1, &format!("/proposals/{proposal}")).await <= story, "a proposal");
    });
}

#[test]
fn the_votes_that_wait_for_somebody_are_counted_once_for_a_page_and_not_at_all_for_what_is_none() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        let rename = async |n: usize| {
            t.slack.rename("bob", "C0RANDOM", &format!("lounge-{n}")).await;
            t.settle().await;
        };
        rename(0).await;
        t.role(&t.slack, "Readers", &[&format!("view_{RENAME}")], &["alice"]).await;
        let (alice, operator) = (Visitor::member(t, &t.slack, "alice").await, Visitor::operator(t, &t.slack).await);
        let page = cost(t, &alice, "/main/you").await;
        let stream = cost_as(t, &alice, "/main/you", "text/event-stream").await;
        assert_eq!(page.0, stream.0 + 1, "one statement for the top of the page");
        let program = cost_as(t, &operator, "/main/you", "application/json").await;
        assert_eq!(cost(t, &operator, "/main/you").await.0, program.0, "nothing waits for an operator");

        rename(1).await;
        let two = cost(t, &alice, "/main").await;
        for n in 2..12 {
            rename(n).await;
        }
        let twelve = cost(t, &alice, "/main").await;
        assert_eq!(two.0, twelve.0, "more than the first page shows are not counted anew");
        let home = alice.get("/main").await.body;
        assert!(
            home.contains("<span class=\"count\">12<") && home.contains("Twelve proposals need your vote"),
            "{home}"
        );
    });
}
