//! The network breaks in every way it can, and what people see is the same.

use policykit_core::{
    call::{CallState, OperationClass},
    decider::Decider,
    proposal::{EffectStatus, Status},
};
use policykit_platforms::slack::fake::{CallFault, CallRule, Chaos, DeliveryFault, DeliveryRule, Order};
use policykit_testkit::{Setup, TestApp, run_test_with};

use crate::{
    policies::{answers, no_forbidden_word, renames_by_vote},
    run_test, serve,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";
const QUIET: &str = "C025LDZ76R3";

/// Requests time out quickly, so that a lost reply does not take the test long.
fn impatient(body: impl AsyncFn(&mut TestApp)) {
    let setup = Setup { http_timeout: std::time::Duration::from_millis(400), ..Setup::default() };
    run_test_with(serve, &setup, body);
}

/// Every fault that a call can meet.
const FAULTS: [CallFault; 9] = [
    CallFault::DropBeforeEffect,
    CallFault::DropAfterEffect,
    CallFault::StatusBeforeEffect { status: 500 },
    CallFault::StatusAfterEffect { status: 503 },
    CallFault::RateLimited { retry_after_secs: 7 },
    CallFault::TruncateBody,
    CallFault::EchoBeforeReply,
    CallFault::EchoThenDrop,
    CallFault::DelayAfterEffect { ms: 900 },
];

#[test]
fn a_message_is_answered_once_whatever_happens_to_the_answer() {
    impatient(async |t: &mut TestApp| {
        t.policy(answers()).await;
        for (n, fault) in FAULTS.into_iter().enumerate() {
            t.fake().fault_calls(CallRule::next("chat.postMessage", fault));
            t.slack.post("alice", GENERAL, &format!("question {n}")).await;
            t.recover().await;
            let text = format!("Heard: question {n}");
            let heard = t.slack.bot_messages(GENERAL).into_iter().filter(|m| m.text == text).count();
            assert_eq!(heard, 1, "{fault:?}");
        }
    });
}

#[test]
fn a_forbidden_message_is_gone_whatever_happens_to_its_deletion() {
    impatient(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        for (n, fault) in FAULTS.into_iter().enumerate() {
            t.fake().fault_calls(CallRule::next("chat.delete", fault));
            let gone = t.slack.post("alice", GENERAL, &format!("forbidden {n}")).await;
            t.recover().await;
            assert_eq!(t.slack.message(GENERAL, &gone), None, "{fault:?}");
        }
        let ends: Vec<_> = t.proposals(&t.slack).await.iter().map(|p| (p.status, p.effect)).collect();
        assert_eq!(ends, vec![(Status::Failed, EffectStatus::Done); FAULTS.len()]);
    });
}

#[test]
fn a_rename_is_undone_and_comes_back_whatever_happens_to_the_requests() {
    impatient(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        for (n, fault) in FAULTS.into_iter().enumerate() {
            let (old, new) = (t.slack.name_of(RANDOM), format!("name-{n}"));
            t.fake().fault_calls(CallRule::next("conversations.rename", fault));
            t.slack.rename("bob", RANDOM, &new).await;
            t.recover().await;
            assert_eq!(t.slack.name_of(RANDOM), old, "undone: {fault:?}");
            t.fake().fault_calls(CallRule::next("conversations.rename", fault));
            t.slack.vote("alice", GENERAL, "Yes").await;
            t.slack.vote("carol", GENERAL, "Yes").await;
            t.recover().await;
            assert_eq!(t.slack.name_of(RANDOM), new, "done again: {fault:?}");
            assert!(t.slack.vote_message(GENERAL).is_none(), "the vote is closed: {fault:?}");
        }
        assert_eq!(t.survey().await.actions.len(), FAULTS.len(), "no echo became an action");
    });
}

#[test]
fn what_nobody_can_look_up_is_uncertain_and_listed_and_a_person_settles_it() {
    impatient(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        t.fake().fault_calls(CallRule::next("chat.postEphemeral", CallFault::DropAfterEffect));
        t.slack.post("alice", GENERAL, "a forbidden word").await;
        t.recover().await;
        assert_eq!(t.slack.whispers("alice", GENERAL).len(), 1, "said once, and not again to make sure");
        let db = t.db();
        let listed = t
            .node()
            .on(async move { db.system().calls(CallState::Uncertain, 10).await })
            .await
            .expect("the list can be read");
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].class, OperationClass::Blind);
        assert_eq!(t.proposal().await.status, Status::Failed, "the decision does not wait for it");

        let (engine, id) = (t.engine(), listed[0].id);
        t.node()
            .on(async move {
                let happened = policykit_engine::SettleAs::Happened(serde_json::json!({}));
                engine.settle_call(id, happened, Decider::Operator, Some("ada")).await
            })
            .await
            .expect("an uncertain call can be settled");
        t.settle().await;
        let again = (t.engine(), id);
        let refused = t
            .node()
            .on(async move {
                again.0.settle_call(again.1, policykit_engine::SettleAs::DidNotHappen, Decider::Operator, None).await
            })
            .await;
        assert!(refused.is_err(), "it is settled already");
        assert_eq!(t.survey().await.calls.iter().filter(|c| c.state == CallState::SettledByPerson).count(), 1);
    });
}

#[test]
fn a_rate_limit_is_waited_for_as_long_as_the_platform_says() {
    run_test(async |t: &mut TestApp| {
        t.policy(answers()).await;
        t.fake().fault_calls(CallRule::next("chat.postMessage", CallFault::RateLimited { retry_after_secs: 30 }));
        t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        assert!(t.slack.bot_messages(GENERAL).is_empty());
        t.advance(std::time::Duration::from_secs(29)).await;
        assert!(t.slack.bot_messages(GENERAL).is_empty(), "not before the time is up");
        let tried = |t: &TestApp| {
            t.fake()
                .record()
                .iter()
                .filter(|e| {
                    matches!(&e.what, policykit_platforms::slack::fake::What::Call { method, .. } if method == "chat.postMessage")
                })
                .count()
        };
        assert_eq!(tried(t), 1, "and nothing is asked in the meantime");
        t.advance(std::time::Duration::from_secs(2)).await;
        assert_eq!(t.slack.bot_messages(GENERAL).len(), 1);
    });
}

#[test]
fn deliveries_in_any_order_end_in_the_same_place() {
    run_test(async |t: &mut TestApp| {
        t.policy(renames_by_vote()).await;
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        for who in ["alice", "carol"] {
            t.fake().fault_deliveries(DeliveryRule::next("block_actions", DeliveryFault::LoseAck));
            let vote = t.slack.vote_message(GENERAL).expect("a vote").ts;
            let _shown = t.slack.press(who, GENERAL, &vote, "Yes").await;
        }
        t.fake().pause();
        t.slack.rename("dave", QUIET, "loud").await;
        t.slack.post("erin", GENERAL, "in between").await;
        t.fake().release(Order::Reversed);
        t.fake().resume();
        t.settle().await;
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
        assert_eq!(t.slack.name_of(QUIET), "quiet", "contested like every rename");
        let mut ends: Vec<_> = t.proposals(&t.slack).await.iter().map(|p| p.status).collect();
        ends.sort_by_key(|s| s.as_str());
        assert_eq!(ends, [Status::Passed, Status::Proposed]);
    });
}

#[test]
fn a_day_on_a_bad_network_loses_nothing_and_does_nothing_twice() {
    impatient(async |t: &mut TestApp| {
        t.policy(no_forbidden_word()).await;
        t.policy(renames_by_vote()).await;
        t.fake().set_chaos(Some(Chaos::moderate(7)));
        for n in 0..12 {
            let text = if n % 3 == 0 { format!("forbidden {n}") } else { format!("fine {n}") };
            t.slack.post("alice", GENERAL, &text).await;
        }
        t.recover().await;
        t.fake().clear_faults();
        t.fake().set_chaos(None);
        t.recover().await;
        let left: Vec<_> = t.slack.texts(GENERAL).into_iter().filter(|text| text.starts_with("forbidden")).collect();
        assert_eq!(left, Vec::<String>::new());
        assert_eq!(t.slack.texts(GENERAL).iter().filter(|text| text.starts_with("fine")).count(), 8);
        let uncertain: Vec<_> =
            t.survey().await.calls.into_iter().filter(|c| c.state == CallState::Uncertain).collect();
        assert!(uncertain.iter().all(|c| c.class == OperationClass::Blind), "{uncertain:?}");
        let told = t.slack.whispers("alice", GENERAL).len();
        assert!(told <= 4 && told + uncertain.len() >= 4, "told {told}, uncertain {}", uncertain.len());
        t.expect_uncertain(uncertain.len());
    });
}
