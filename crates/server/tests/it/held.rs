//! What is held is decided once, by whichever door the decision comes, and only when nothing about it is under way.

use std::time::Duration;

use policykit_core::{
    community::User,
    constitution::{Amendment, DocumentDraft},
    ids::{ActionId, InboxId, UserId},
    permission::SETTLE_HELD,
    policy::OnError,
    proposal::{Proposal, Status},
};
use policykit_engine::{HELD_TOO_LONG, Held, HeldAs, SettleError, Settler};
use policykit_platforms::slack::fake::{CallFault, CallRule, Change, What};
use policykit_store::{Changes, NewDelivery};
use policykit_testkit::{Draft, TestApp};
use serde_json::json;

use crate::{policies::RENAME, run_test, visitor::Visitor};

const RANDOM: &str = "C0RANDOM";

async fn settle(t: &TestApp, held: Held, settled: HeldAs) -> Result<(), SettleError> {
    let (engine, community) = (t.engine(), t.slack.community);
    let said = t.node().on(async move { engine.settle_held(community, held, settled, Settler::Operator).await }).await;
    t.settle().await;
    said.map(|_| ())
}

/// The operator's decision about an action as it is written down, whatever has been asked before that.
async fn settle_action_unasked(t: &TestApp, action: ActionId, key: &str) {
    settle_unasked(t, json!({ "action": action }), "operator", key).await;
}

async fn settle_unasked(t: &TestApp, held: serde_json::Value, by: &str, key: &str) {
    let body = json!({ "held": held, "settled": "passed", "by": by, "at": t.engine().now() });
    let kind = "policykit.settle";
    let delivery = NewDelivery {
        id: InboxId::derive(kind, &t.slack.community.to_string(), key),
        platform: "slack".to_owned(),
        installation: t.slack.installation,
        community: t.slack.community,
        scope: format!("{kind}:{}", t.slack.community),
        delivery_key: key.to_owned(),
        kind: kind.to_owned(),
        body: body.to_string().into_bytes(),
        received_at: t.engine().now(),
    };
    let db = t.db();
    t.node().on(async move { db.receive(vec![delivery]).await }).await.expect("it is written down");
    t.settle().await;
}

async fn last(t: &TestApp) -> Proposal {
    t.proposals(&t.slack).await.pop().expect("a proposal")
}

async fn in_force(t: &TestApp) -> Vec<String> {
    let (db, community) = (t.db(), t.slack.community);
    let state = t.node().on(async move { db.community(community).state().await }).await.expect("a state");
    state.policies.into_iter().map(|p| p.draft.name).collect()
}

/// What somebody was told alone.
fn told(t: &TestApp, needle: &str) -> Vec<String> {
    let record = t.fake().record();
    let posted = |what: &What| match what {
        What::Effect { change: Change::Posted { channel, text, .. }, .. } if text.contains(needle) => {
            Some(channel.to_string())
        }
        _ => None,
    };
    record.iter().filter_map(|entry| posted(&entry.what)).collect()
}

#[test]
fn what_is_held_for_three_days_is_told_to_those_who_may_decide_once() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol", "dave"]).await;
        let broken = Draft::constitution("Broken", &[]).check("return action.no_such_thing");
        t.policy_in(t.slack.community, broken.into()).await;
        let change = Amendment::AddDocument(DocumentDraft { name: "Charter".to_owned(), ..DocumentDraft::default() });
        t.propose(&t.slack, "bob", &change.action_type(), change.fields()).await;
        t.settle().await;
        assert_eq!(last(t).await.status, Status::Held);
        t.advance(HELD_TOO_LONG - Duration::from_secs(3_600)).await;
        assert!(told(t, "has waited for three days").is_empty(), "not before its time");
        t.advance(Duration::from_secs(2 * 3_600)).await;
        t.recover().await;
        let first = told(t, "has waited for three days");
        assert_eq!(first.len(), 2, "carol and dave, each alone: {first:?}");
        assert_ne!(first[0], first[1]);
        assert_eq!(told(t, "add the document “Charter”, wanted by bob").len(), 2, "it says what it is about");
        t.advance(HELD_TOO_LONG).await;
        assert_eq!(told(t, "has waited for three days").len(), 2, "once");
        let (db, community) = (t.db(), t.slack.community);
        let record = t.node().on(async move { db.community(community).decisions(0, 100).await }).await;
        let entries = record.expect("the record").into_iter().filter(|entry| entry.kind == "held.overdue");
        assert_eq!(entries.count(), 1);
    });
}

#[test]
fn what_somebody_is_called_calls_nobody_when_it_is_told() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol"]).await;
        let (db, community, bob) = (t.db(), t.slack.community, UserId::derive(t.slack.installation, "U02"));
        let renamed = async move {
            let user = User { name: "<!channel> & co".to_owned(), ..db.community(community).user(bob).await? };
            db.commit(Changes { users: vec![user], label: "people", ..Changes::default() }).await
        };
        t.node().on(renamed).await.expect("he has another name");
        let change = Amendment::AddDocument(DocumentDraft { name: "Charter".to_owned(), ..DocumentDraft::default() });
        t.propose(&t.slack, "bob", &change.action_type(), change.fields()).await;
        t.settle().await;
        t.advance(HELD_TOO_LONG + Duration::from_secs(3_600)).await;
        t.recover().await;
        assert_eq!(told(t, "wanted by &lt;!channel&gt; &amp; co").len(), 1);
        assert!(told(t, "<!channel>").is_empty());
    });
}

#[test]
fn what_a_thing_is_called_calls_nobody_when_a_policy_quotes_it() {
    run_test(async |t: &mut TestApp| {
        let quoting = Draft::constitution("Quotes", &[]).check("return PROPOSED").notify(
            "slack.initiate_vote(text=f'{action.initiator.readable_name} wants “{action.name}”: {action.text} \
             <https://rules.example/7|the rule>', channel='C0GENERAL')",
        );
        t.policy_in(t.slack.community, quoting.into()).await;
        let bait = "<!channel> <https://evil.example|Confirm your account>";
        let document = DocumentDraft { name: bait.to_owned(), text: bait.repeat(20) };
        let change = Amendment::AddDocument(document);
        t.propose(&t.slack, "bob", &change.action_type(), change.fields()).await;
        t.settle().await;
        assert_eq!(told(t, "&lt;!channel&gt; Confirm your account (<https://evil.example>)").len(), 1);
        assert_eq!(told(t, "<https://rules.example/7|the rule>").len(), 1, "what the policy links stays as it is");
        assert!(told(t, "<!channel>").is_empty() && told(t, "|Confirm").is_empty());
        let asked = t.proposals(&t.slack).await.pop().expect("a proposal");
        let story = t.story(&asked).await;
        assert_eq!(story.bundle.action.fields["name"], bait, "it is called what he called it");
    });
}

#[test]
fn what_nobody_governs_is_told_of_as_well_and_what_was_decided_in_time_is_not() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol"]).await;
        let change = Amendment::AddDocument(DocumentDraft { name: "Charter".to_owned(), ..DocumentDraft::default() });
        for _ in 0..2 {
            t.propose(&t.slack, "bob", &change.action_type(), change.fields()).await;
            t.settle().await;
        }
        let actions = t.survey().await.actions;
        settle(t, Held::Action(actions[0].id), HeldAs::Failed).await.expect("the operator may");
        t.advance(HELD_TOO_LONG + Duration::from_secs(3_600)).await;
        t.recover().await;
        assert_eq!(told(t, "has waited for three days").len(), 1);
    });
}

async fn recorded(t: &TestApp, kind: &str) -> Vec<serde_json::Value> {
    let (db, community) = (t.db(), t.slack.community);
    let record = t.node().on(async move { db.community(community).decisions(0, 100).await }).await;
    record.expect("the record").into_iter().filter(|entry| entry.kind == kind).map(|entry| entry.body).collect()
}

#[test]
fn whoever_may_decide_is_told_once_of_all_that_waits_and_where_to_decide() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol"]).await;
        let change = Amendment::AddDocument(DocumentDraft { name: "Charter".to_owned(), ..DocumentDraft::default() });
        for _ in 0..3 {
            t.propose(&t.slack, "bob", &change.action_type(), change.fields()).await;
            t.settle().await;
        }
        t.advance(HELD_TOO_LONG + Duration::from_secs(3_600)).await;
        t.recover().await;
        assert_eq!(told(t, "waited for three days").len(), 1);
        assert_eq!(told(t, "3 matters have waited for three days").len(), 1);
        assert_eq!(told(t, "https://rules.example.org/main/held").len(), 1);
        let entries = recorded(t, "held.overdue").await;
        assert_eq!(entries.iter().map(|body| body["told"].as_u64()).collect::<Vec<_>>(), [Some(1); 3]);
    });
}

#[test]
fn a_decision_of_which_only_a_name_was_kept_is_not_carried_out_and_the_matter_waits_on() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol"]).await;
        let broken = Draft::constitution("Broken", &[]).check("return action.no_such_thing");
        t.policy_in(t.slack.community, broken.into()).await;
        let change = Amendment::AddDocument(DocumentDraft { name: "Charter".to_owned(), ..DocumentDraft::default() });
        t.propose(&t.slack, "bob", &change.action_type(), change.fields()).await;
        t.settle().await;
        let held = last(t).await;
        settle_unasked(t, json!({ "proposal": held.id }), "carol", "by name").await;
        assert_eq!(last(t).await.status, Status::Held, "anybody may be called carol");
        let tried = recorded(t, "settlement.unidentified").await;
        assert_eq!(tried.len(), 1);
        assert_eq!(tried[0]["proposal"], held.id.to_string());
        assert!(!tried[0].to_string().contains("carol"), "{tried:?}");
        settle(t, Held::Proposal(held.id), HeldAs::Passed).await.expect("it still waits");
        assert_eq!(last(t).await.status, Status::Passed);
    });
}

#[test]
fn an_action_whose_proposal_is_held_is_decided_with_it_and_carried_out_once() {
    run_test(async |t: &mut TestApp| {
        let broken = Draft::constitution("Broken", &[]).check("return PASSED if action.no_such_thing else FAILED");
        t.policy_in(t.slack.community, broken.on_error(OnError::Hold).into()).await;
        let everything = Draft::constitution("Every change passes", &[]).check("return PASSED");
        let change = Amendment::AddPolicy(everything.into());
        t.propose(&t.slack, "bob", &change.action_type(), change.fields()).await;
        t.settle().await;
        let held = last(t).await;
        assert_eq!(held.status, Status::Held);

        let refused = settle(t, Held::Action(held.action), HeldAs::Passed).await;
        assert!(matches!(refused, Err(SettleError::NotHeld)), "{refused:?}");
        settle_action_unasked(t, held.action, "before").await;
        assert_eq!(in_force(t).await, ["Broken"], "it waits for the decision about its proposal");

        settle(t, Held::Proposal(held.id), HeldAs::Passed).await.expect("the operator may");
        settle_action_unasked(t, held.action, "after").await;
        assert_eq!(last(t).await.status, Status::Passed);
        assert_eq!(in_force(t).await, ["Every change passes", "Broken"]);
    });
}

#[test]
fn what_is_let_stand_while_it_is_being_undone_is_done_again() {
    run_test(async |t: &mut TestApp| {
        t.policy(
            Draft::platform("Broken", &[RENAME]).check("return action.no_such_thing").on_error(OnError::HoldReverted),
        )
        .await;
        t.fake().fault_calls(CallRule::next("conversations.rename", CallFault::RateLimited { retry_after_secs: 7 }));
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        let held = t.proposal().await;
        assert_eq!((held.status, t.slack.name_of(RANDOM)), (Status::Held, "lounge".to_owned()), "not undone yet");

        settle(t, Held::Proposal(held.id), HeldAs::Passed).await.expect("the operator may");
        assert_eq!(t.proposal().await.status, Status::Held, "the decision waits for the undoing");
        t.advance(Duration::from_secs(10)).await;
        t.recover().await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
    });
}

#[test]
fn what_is_held_is_shown_a_page_at_a_time_each_once_and_none_left_out() {
    run_test(async |t: &mut TestApp| {
        let propose = async |n: usize| {
            let draft = DocumentDraft { name: format!("Page {n:02}"), text: "Words.".to_owned() };
            let amendment = Amendment::AddDocument(draft);
            t.propose(&t.slack, "bob", &amendment.action_type(), amendment.fields()).await;
        };
        // Nobody governs the first ones; of the others the policy breaks.
        for n in 0..30 {
            propose(n).await;
        }
        t.settle().await;
        let broken = Draft::constitution("Broken", &[]).check("return 1 / 0").on_error(OnError::Hold);
        t.policy_in(t.slack.community, broken.into()).await;
        for n in 30..60 {
            propose(n).await;
        }
        t.settle().await;
        let operator = Visitor::operator(t, &t.slack).await;
        let (mut path, mut seen, mut pages) = ("/main/held".to_owned(), Vec::new(), 0);
        loop {
            let page = operator.get(&path).await;
            assert_eq!(page.status, 200, "{path}");
            let forms: Vec<String> = page
                .body
                .split("<form method=\"post\" action=\"")
                .skip(1)
                .filter_map(|rest| rest.split_once('"').map(|(to, _)| to.to_owned()))
                .filter(|to| to.starts_with("/main/held/") || to.ends_with("/settle"))
                .collect();
            assert!(forms.len() <= 25, "{} on {path}", forms.len());
            seen.extend(forms);
            pages += 1;
            let Some((before, _)) = page.body.split_once("\" rel=\"next\"") else { break };
            path = before.rsplit_once("href=\"").expect("an address").1.to_owned();
        }
        assert_eq!((seen.len(), pages), (60, 3));
        let proposals = seen.iter().filter(|to| to.ends_with("/settle")).count();
        assert!(
            seen.iter().take(30).all(|to| to.ends_with("/settle")) && proposals == 30,
            "the latest first: {seen:?}"
        );
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 60, "each once");
    });
}
