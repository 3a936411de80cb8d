//! Two nodes on one database: one is frozen past its lease, the other goes on, and the first one can do no more harm.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use policykit_core::{
    Clock as _, Timestamp,
    ids::{NodeId, WakeId, shard_of},
    proposal::Status,
};
use policykit_engine::{EngineError, Probe, ReplayReport};
use policykit_platforms::slack::fake::{CallFault, CallRule, Entry, What, posts_containing};
use policykit_store::{Changes, WakeRow};
use policykit_testkit::{Draft, Gate, Kind, Setup, TestApp, Workspace, run_test_on};
use uuid::Uuid;

use crate::{
    policies::{POST, answers, no_forbidden_word, renames_by_vote},
    run_test, serve,
};

const GENERAL: &str = "C0GENERAL";
/// Longer than a lease and a request together.
const FROZEN: Duration = Duration::from_secs(30);

/// A node that works until it is told to stop.
struct Running(tokio::task::JoinHandle<Result<(), EngineError>>);

/// Has the first node held at the gate in the middle of dealing with a message, by a rule that was there before.
async fn held_while_answering(
    t: &TestApp,
    gate: &Gate,
    rule: Draft,
    text: &str,
) -> tokio::task::JoinHandle<Result<(), EngineError>> {
    gate.open();
    t.policy(rule).await;
    t.slack.post("alice", GENERAL, text).await;
    t.fake().quiesce().await;
    gate.shut();
    let held = t.node().drain_aside();
    gate.reached().await;
    held
}

/// Freezes the first node at `point` in the middle of answering a message, lets a second one take over, thaws the first.
fn frozen_at(point: &str) {
    for kind in Kind::available() {
        let gate = Gate::new(point);
        let setup = Setup { probe: Some(gate.clone()), ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            t.policy(answers()).await;
            t.slack.post("alice", GENERAL, "hello").await;
            t.fake().quiesce().await;
            let frozen = t.node().drain_aside();
            gate.reached().await;

            let second = t.another_node(None).await;
            second.drain().await.expect("it finds nothing to do yet");
            t.clock.advance(FROZEN);
            for _ in 0..5 {
                second.drain().await.expect("it goes on where the first one stood");
                t.clock.advance(FROZEN);
            }
            assert_eq!(posts_containing(&t.fake().record(), "Heard: hello").len(), 1, "the second one answered");
            assert_eq!(t.proposal().await.status, Status::Passed);

            let thawed_at = t.fake().record().last().map_or(0, |entry| entry.seq);
            gate.open();
            let _lost_its_lease = frozen.await.expect("the first one does not panic");
            t.fake().quiesce().await;
            let sent: Vec<_> = t
                .fake()
                .record_after(thawed_at)
                .into_iter()
                .filter(|entry| matches!(entry.what, What::Call { .. }))
                .collect();
            assert!(sent.is_empty(), "the thawed node sent something: {sent:?}");
            assert_eq!(t.survey().await.evaluations.len(), 1);
            second.kill().await;
            // The first one may take its shards again, and finds everything done.
            t.clock.advance(FROZEN);
        });
    }
}

#[test]
fn a_node_frozen_before_it_settles_a_batch_settles_nothing() {
    frozen_at("T2.before");
}

#[test]
fn a_node_frozen_before_it_sends_sends_nothing() {
    frozen_at("E3.before");
}

/// The call is young, and the lease it was written down under is not.
#[test]
fn a_node_whose_lease_ends_while_it_is_about_to_send_sends_nothing() {
    let a_while = Duration::from_secs(8);
    for kind in Kind::available() {
        let gate = Gate::new("T2.read");
        let setup = Setup { probe: Some(gate.clone()), ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            let frozen = held_while_answering(t, &gate, answers(), "hello").await;
            t.clock.advance(a_while);
            gate.put_at("E3.before");
            gate.reached().await;
            let second = t.another_node(None).await;
            t.clock.advance(a_while);
            second.drain().await.expect("it takes over what the first one has no lease for any more");

            gate.open();
            let _lost_its_lease = frozen.await.expect("the first one does not panic");
            t.fake().quiesce().await;
            assert_eq!(posts_containing(&t.fake().record(), "Heard: hello").len(), 0, "the first one sent nothing");
            for _ in 0..5 {
                t.clock.advance(FROZEN);
                second.drain().await.expect("it goes on where the first one stood");
            }
            assert_eq!(posts_containing(&t.fake().record(), "Heard: hello").len(), 1, "the second one answered");
            second.kill().await;
            t.clock.advance(FROZEN);
        });
    }
}

/// Nobody can find out whether a message to one person alone has arrived: said to be under way without having been sent, it
/// would be left to a person.
#[test]
fn what_could_not_be_sent_because_the_heartbeat_was_late_is_sent_later() {
    for kind in Kind::available() {
        let gate = Gate::new("E3.before");
        let setup = Setup { probe: Some(gate.clone()), ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            let late = held_while_answering(t, &gate, no_forbidden_word(), "one forbidden word").await;
            // Past the margin, and the lease is still held.
            t.clock.advance(Duration::from_secs(10));
            gate.open();
            late.await.expect("no panic").expect("drains");
            t.recover().await;
            assert_eq!(t.slack.whispers("alice", GENERAL).len(), 1, "alice is told");
            assert!(!t.slack.texts(GENERAL).iter().any(|text| text.contains("forbidden")));
        });
    }
}

#[test]
fn what_lost_its_shard_before_it_was_begun_is_gone_on_with_when_the_shard_comes_back() {
    for kind in Kind::available() {
        let gate = Gate::new("T2.after");
        let setup = Setup { probe: Some(gate.clone()), ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            let slow = held_while_answering(t, &gate, answers(), "hello").await;
            t.clock.advance(Duration::from_secs(13));
            let second = t.another_node(None).await;
            second.drain().await.expect("it takes the shards, and waits until the call cannot be under way any more");
            // Its own heartbeat tells the first one what it has lost; only then does it come to what it wrote down.
            let other = t.node().drain_aside();
            other.await.expect("no panic").expect("there is nothing that it may do");
            gate.open();
            let _lost_its_lease = slow.await.expect("the first one does not panic");
            second.kill().await;
            t.clock.advance(FROZEN);
            t.recover().await;
            assert_eq!(posts_containing(&t.fake().record(), "Heard: hello").len(), 1);
            assert_eq!(t.proposal().await.status, Status::Passed);
        });
    }
}

#[test]
fn a_node_frozen_with_the_answer_in_its_hands_records_nothing() {
    frozen_at("E3.after");
}

#[test]
fn a_node_frozen_before_it_records_an_outcome_records_nothing() {
    frozen_at("T5.before");
}

#[test]
fn a_node_frozen_before_its_verdict_writes_none() {
    frozen_at("T6.before");
}

/// The machine was an hour ahead, died in the middle of answering, and its clock was put right before it was started again.
#[test]
fn what_was_under_way_when_the_clock_was_ahead_goes_on_as_soon_as_nobody_can_be_at_it_any_more() {
    for point in ["E3.before", "E3.after"] {
        for kind in Kind::available() {
            let gate = Gate::new(point);
            let setup = Setup { probe: Some(gate.clone()), ..Setup::default() };
            run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
                t.policy(answers()).await;
                t.slack.post("alice", GENERAL, "hello").await;
                t.fake().quiesce().await;
                let dying = t.node().drain_aside();
                gate.reached().await;
                t.kill().await;
                let _died = dying.await;
                gate.open();
                t.fake().hung_up().await.expect("the stand-in listens");
                t.clock.set(Timestamp::from_micros(t.clock.now().micros() - 3_600_000_000));
                t.revive().await;
                t.settle().await;
                assert_eq!(t.proposal().await.status, Status::Proposed, "it may still be under way");
                t.advance(FROZEN).await;
                assert_eq!(posts_containing(&t.fake().record(), "Heard: hello").len(), 1, "{point}");
                assert_eq!(t.proposal().await.status, Status::Passed, "{point}");
            });
        }
    }
}

/// The machine was an hour ahead and died with a vote that no look had been taken at, and a call that was to be made again.
#[test]
fn what_was_to_be_done_at_once_or_again_when_the_clock_was_ahead_is_done_when_it_is_put_right() {
    run_test(async |t: &mut TestApp| {
        t.policy(answers()).await;
        t.fake().fault_calls(CallRule::next("chat.postMessage", CallFault::RateLimited { retry_after_secs: 30 }));
        t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        let proposal = t.proposal().await;
        let wake = |cause: &str| WakeRow {
            id: WakeId::derive(proposal.id, cause),
            community: proposal.community,
            proposal: proposal.id,
            cause: cause.to_owned(),
            due_at: t.clock.now(),
            token: 0,
        };
        let (db, changes) = (t.db(), Changes { wakes: vec![wake("vote"), wake("timer")], ..Changes::default() });
        t.node().on(async move { db.commit(changes).await }).await.expect("it is written");
        t.kill().await;
        t.clock.set(Timestamp::from_micros(t.clock.now().micros() - 3_600_000_000));
        t.revive().await;
        t.settle().await;
        assert_eq!(posts_containing(&t.fake().record(), "Heard: hello").len(), 1, "it is made again");
        let survey = t.survey().await;
        let left: Vec<&str> = survey.wakes.iter().map(|wake| wake.cause.as_str()).collect();
        assert_eq!(left, ["timer"], "a deadline is a moment");
        t.advance(Duration::from_secs(3_700)).await;
    });
}

#[test]
fn what_was_to_be_done_at_once_is_done_when_the_clock_of_a_running_node_is_put_right() {
    run_test(async |t: &mut TestApp| {
        t.policy(answers()).await;
        t.fake().fault_calls(CallRule::next("chat.postMessage", CallFault::StatusBeforeEffect { status: 503 }));
        t.slack.post("alice", GENERAL, "hello").await;
        t.settle().await;
        let proposal = t.proposal().await;
        let wake = |cause: &str| WakeRow {
            id: WakeId::derive(proposal.id, cause),
            community: proposal.community,
            proposal: proposal.id,
            cause: cause.to_owned(),
            due_at: t.clock.now(),
            token: 0,
        };
        let wakes = vec![wake("vote"), wake("redraw"), wake("timer")];
        let (db, changes) = (t.db(), Changes { wakes, ..Changes::default() });
        t.node().on(async move { db.commit(changes).await }).await.expect("it is written");
        t.clock.set(Timestamp::from_micros(t.clock.now().micros() - 3_600_000_000));
        t.settle().await;
        t.advance(FROZEN).await;
        assert_eq!(t.proposal().await.status, Status::Passed);
        let survey = t.survey().await;
        let left: Vec<&str> = survey.wakes.iter().map(|wake| wake.cause.as_str()).collect();
        assert_eq!(left, ["timer"], "a deadline is a moment");
        t.advance(Duration::from_secs(3_700)).await;
    });
}

/// Holds at two points, each opened by itself.
pub(crate) struct Both(pub(crate) Arc<Gate>, pub(crate) Arc<Gate>);

impl Probe for Both {
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()> {
        let (one, other) = (self.0.at(point), self.1.at(point));
        Box::pin(async move {
            one.await;
            other.await;
        })
    }
}

#[test]
fn whoever_loses_one_shard_goes_on_knowing_what_is_under_way_in_the_others() {
    for kind in Kind::available() {
        let (sending, settling) = (Gate::new("E3.before"), Gate::new("T2.before"));
        settling.open();
        let setup = Setup { probe: Some(Arc::new(Both(sending.clone(), settling.clone()))), ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            // Shards are taken in their order: the higher one stays with its node.
            let shard = |workspace: &Workspace| shard_of(workspace.community);
            let (kept, lost) =
                if shard(&t.slack) > shard(&t.other) { (&t.slack, &t.other) } else { (&t.other, &t.slack) };
            assert_ne!(shard(kept), shard(lost));
            t.policy_in(kept.community, answers().into()).await;
            t.policy_in(lost.community, Draft::platform("Passes", &[POST]).check("return PASSED").into()).await;
            kept.post("alice", GENERAL, "hello").await;
            t.fake().quiesce().await;
            let first = t.node().drain_aside();
            sending.reached().await;

            // While the answer is about to be sent, the other community's shard is lost without a word.
            settling.shut();
            lost.post("alice", GENERAL, "elsewhere").await;
            settling.reached().await;
            let (db, thief, at) =
                (t.db(), NodeId::from_uuid(Uuid::from_u128(77)), t.clock.now() + Duration::from_secs(13));
            let most = shard(lost) + 1;
            let taken = t.node().on(async move {
                let taken = db.lease(thief, at, Duration::from_secs(12), most).await?;
                db.release(thief).await.map(|()| taken)
            });
            assert_eq!(taken.await.expect("they are taken").len(), usize::from(most));
            settling.put_at("T2.after");
            assert!(first.await.expect("no panic").is_err_and(|error| matches!(error, EngineError::Store(_))));

            // The next look takes the shard back and picks up what was running: not what is under way.
            let second = t.node().drain_aside();
            settling.reached().await;
            settling.open();
            sending.open();
            second.await.expect("no panic").expect("drains");
            t.recover().await;
            let record = t.fake().record();
            assert_eq!(posts_containing(&record, "Heard: hello").len(), 1);
            let looks_for_it =
                |entry: &&Entry| matches!(&entry.what, What::Call { method, .. } if method == "conversations.history");
            assert_eq!(record.iter().filter(looks_for_it).count(), 0, "taken for abandoned");
            assert_eq!(t.proposals(lost).await.len(), 1);
        });
    }
}

#[test]
fn a_node_that_only_reads_what_is_due_takes_nothing_from_one_that_lives() {
    for kind in Kind::available() {
        run_test_on(kind, serve, &Setup::default(), async |t: &mut TestApp| {
            t.policy(answers()).await;
            let second = t.another_node(None).await;
            for n in 0..10 {
                t.slack.post("alice", GENERAL, &format!("hello {n}")).await;
                t.fake().quiesce().await;
                let (first, other) = (t.node().drain_aside(), second.drain_aside());
                first.await.expect("no panic").expect("drains");
                other.await.expect("no panic").expect("drains");
            }
            // Whoever holds the community's shard by now does what is left.
            for _ in 0..3 {
                second.drain().await.expect("drains");
                t.settle().await;
            }
            for n in 0..10 {
                assert_eq!(posts_containing(&t.fake().record(), &format!("Heard: hello {n}")).len(), 1, "message {n}");
            }
            second.kill().await;
            t.clock.advance(FROZEN);
        });
    }
}

#[test]
fn whoever_acts_while_the_rules_change_is_known() {
    for kind in Kind::available() {
        let gate = Gate::new("T2.read");
        let setup = Setup { probe: Some(gate.clone()), ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            t.policy(no_forbidden_word()).await;
            gate.open();
            let mut posts = vec![t.slack.post("carol", GENERAL, "forbidden, and dealt with").await];
            t.settle().await;
            let mut before = t.survey().await.evaluations;
            before.retain(|evaluation| evaluation.community == t.slack.community);
            let earlier = before.remove(0);
            gate.shut();
            for who in ["alice", "bob", "dave", "erin"] {
                posts.push(t.slack.post(who, GENERAL, &format!("forbidden, says {who}")).await);
            }
            t.fake().quiesce().await;
            // One of the batch is read; before the next one is, what was known of the community has to be read anew.
            let batch = t.node().drain_aside();
            gate.reached().await;
            t.policy(renames_by_vote()).await;
            let (engine, community, id) = (t.engine(), t.slack.community, earlier.id);
            let again = t.node().on(async move { engine.replay(community, id).await }).await;
            assert_eq!(
                again.expect("it can be read"),
                ReplayReport::Same,
                "whoever runs it again reads the community anew"
            );
            gate.open();
            batch.await.expect("no panic").expect("the batch is dealt with");
            t.settle().await;
            for proposal in t.proposals(&t.slack).await {
                assert_eq!((proposal.status, proposal.error), (Status::Failed, None), "it knows whom to tell");
            }
            for post in posts {
                assert!(t.slack.message(GENERAL, &post).is_none(), "no forbidden message stays");
            }
        });
    }
}

#[test]
fn a_node_that_stops_gives_its_shards_back_at_once() {
    for kind in Kind::available() {
        run_test_on(kind, serve, &Setup::default(), async |t: &mut TestApp| {
            t.policy(answers()).await;
            let second = t.another_node(None).await;
            let stop = Arc::new(tokio::sync::Notify::new());
            second.drain().await.expect("it takes its share");
            let (engine, told) = (second.engine(), stop.clone());
            let running = second
                .on(async move {
                    let token = tokio_util::sync::CancellationToken::new();
                    tokio::spawn({
                        let token = token.clone();
                        async move {
                            told.notified().await;
                            token.cancel();
                        }
                    });
                    Running(tokio::spawn(async move { engine.run(token).await }))
                })
                .await;
            stop.notify_one();
            running.0.await.expect("no panic").expect("it ends well");
            // No time passes: the first node has all the shards again and answers at once.
            t.slack.post("alice", GENERAL, "hello").await;
            t.settle().await;
            assert_eq!(posts_containing(&t.fake().record(), "Heard: hello").len(), 1);
            second.kill().await;
        });
    }
}
