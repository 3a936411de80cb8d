//! The process dies at every numbered point of the sequence, and nothing of the story changes.
//!
//! One story is told once to find out which points it passes and how often; then it is told again for every one of them,
//! with the world standing still there for ever, the node killed, and another one started on the same database.

use std::{collections::BTreeMap, sync::Arc};

use policykit_core::{
    call::{CallState, OperationClass},
    proposal::{EffectStatus, Status},
};
use policykit_platforms::slack::fake::{CallFault, CallRule, What};
use policykit_store::Survey;
use policykit_testkit::{Count, Kind, Setup, StopAt, TestApp, run_test_on};

use crate::{
    policies::{no_forbidden_word, renames_by_vote, whispers},
    serve,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";

/// Tells the story; when the world stops, lets the node die and goes on with another one.
struct Telling<'a> {
    t: &'a mut TestApp,
    probe: Option<Arc<StopAt>>,
    crashed: bool,
}

impl Telling<'_> {
    /// The story: a forbidden message, and a contested rename that passes. The vote's first post is asked to wait, so
    /// that there is a call that is sent again.
    async fn tell(&mut self) {
        self.t.policy(no_forbidden_word()).await;
        self.t.policy(renames_by_vote()).await;
        self.t.slack.post("alice", GENERAL, "one forbidden word").await;
        self.settle().await;
        self.t.fake().fault_calls(CallRule::next("chat.postMessage", CallFault::RateLimited { retry_after_secs: 5 }));
        self.t.slack.rename("bob", RANDOM, "lounge").await;
        self.settle().await;
        self.vote("carol").await;
        self.vote("dave").await;
    }

    async fn settle(&mut self) {
        if let Some(probe) = self.probe.clone().filter(|_| !self.crashed) {
            let t = &*self.t;
            let stopped = tokio::select! {
                () = probe.stopped() => true,
                () = t.recover() => false,
            };
            if !stopped {
                return;
            }
            self.crash().await;
        }
        self.t.recover().await;
    }

    /// Somebody votes yes. Whoever is shown an error presses again, as people do.
    async fn vote(&mut self, who: &str) {
        let message = self.t.slack.vote_message(GENERAL).expect("there is a vote").ts;
        for _ in 0..3 {
            let pressed = {
                let (t, probe) = (&*self.t, self.probe.clone().filter(|_| !self.crashed));
                let press = t.slack.press(who, GENERAL, &message, "Yes");
                match probe {
                    None => Some(press.await),
                    Some(probe) => tokio::select! {
                        () = probe.stopped() => None,
                        click = press => Some(click),
                    },
                }
            };
            match pressed {
                Some(Ok(click)) if click.taken() => break,
                // The buttons are gone: the press before was counted although nobody was told.
                Some(Err(_)) if self.crashed => break,
                Some(other) => panic!("{who} cannot vote: {other:?}"),
                None => {
                    self.crash().await;
                    self.t.recover().await;
                }
            }
        }
        self.settle().await;
    }

    async fn crash(&mut self) {
        self.t.crash().await;
        self.crashed = true;
    }
}

/// Everything that is written down, a line each, for whoever has to find out why a death changed something.
fn state(survey: &Survey) -> String {
    let mut lines = Vec::new();
    for r in &survey.inbox {
        lines.push(format!("inbox {} {:?} {:?}", r.delivery.kind, r.state, r.note));
    }
    for p in &survey.proposals {
        lines.push(format!("proposal {:?} {:?} {:?} open {}", p.status, p.effect, p.effect_note, p.poll_open));
    }
    for e in &survey.evaluations {
        lines.push(format!("evaluation {} {} {:?} {:?} {:?}", e.seq, e.cause, e.state, e.verdict, e.error));
    }
    for c in &survey.calls {
        lines.push(format!(
            "call {} {:?} {} due {} {:?} {:?}",
            c.purpose, c.state, c.attempt, c.due_at, c.outcome, c.note
        ));
    }
    for w in &survey.wakes {
        lines.push(format!("wake {} {}", w.cause, w.due_at));
    }
    lines.push(format!("{} ballots", survey.ballots.len()));
    lines.join("\n")
}

/// What is so at the end, whether or not anything died on the way.
async fn assert_ending(t: &mut TestApp) {
    let survey = t.survey().await;
    let uncertain: Vec<_> = survey.calls.iter().filter(|c| c.state == CallState::Uncertain).collect();
    for call in &uncertain {
        assert_eq!(call.class, OperationClass::Blind, "only what nobody can look up is uncertain: {call:?}");
    }
    assert!(uncertain.len() <= 1, "{uncertain:?}");
    t.expect_uncertain(uncertain.len());

    assert_eq!(t.slack.name_of(RANDOM), "lounge", "{}", state(&survey));
    assert!(!t.slack.texts(GENERAL).iter().any(|text| text == "one forbidden word"), "{:?}", t.slack.texts(GENERAL));
    let told = t.slack.whispers("alice", GENERAL).len();
    assert!(told == 1 || told == 0 && uncertain.len() == 1, "told {told} times, {} uncertain", uncertain.len());
    let bot = t.slack.bot_messages(GENERAL);
    let texts: Vec<&str> = bot.iter().map(|m| m.text.lines().next().unwrap_or_default()).collect();
    assert_eq!(texts, ["Rename the channel to lounge?", "The rename was accepted."]);
    assert!(t.slack.vote_message(GENERAL).is_none(), "the vote is closed: {:?}\n{}", bot[0].text, state(&survey));

    let proposals = t.proposals(&t.slack).await;
    let ends: Vec<_> = proposals.iter().map(|p| (p.status, p.effect)).collect();
    assert_eq!(ends, [(Status::Failed, EffectStatus::Done), (Status::Passed, EffectStatus::Done)]);
    assert_eq!(survey.ballots.len(), 2, "no vote is lost and none is counted twice: {:?}", survey.ballots);
    assert_eq!(survey.actions.len(), 2, "no echo became an action: {:?}", survey.actions);
}

/// Which points the story passes, and how often.
fn points(kind: Kind) -> BTreeMap<&'static str, usize> {
    let count = Arc::new(Count::default());
    let setup = Setup { probe: Some(count.clone()), ..Setup::patient() };
    run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
        Telling { t, probe: None, crashed: false }.tell().await;
        assert_ending(t).await;
    });
    count.points()
}

/// Dies at every occurrence of every point whose name begins with `label`.
fn die_at(label: &str) {
    for kind in Kind::available() {
        let points = points(kind);
        let mine: Vec<_> = points.iter().filter(|(point, _)| point.starts_with(label)).collect();
        let total: usize = mine.iter().map(|(_, count)| **count).sum();
        assert!(total > 0, "the story never passes {label}; it passes {points:?}");
        eprintln!("{label} on {kind:?}: {total} deaths at {mine:?}");
        let mut died = 0;
        for (point, count) in mine {
            for nth in 1..=*count {
                eprintln!("dying at {point} number {nth}");
                let probe = StopAt::new(point, nth);
                let setup = Setup { probe: Some(probe.clone()), ..Setup::patient() };
                run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
                    let mut telling = Telling { t, probe: Some(probe.clone()), crashed: false };
                    telling.tell().await;
                    telling.settle().await;
                    assert_ending(t).await;
                });
                died += usize::from(probe.has_stopped());
            }
        }
        // What runs at the same time may come in another order, so that the last occurrence of a point is now and then
        // not reached; but a test in which hardly anything dies would prove nothing.
        assert!(died * 4 >= total * 3, "only {died} of {total} deaths happened");
    }
}

macro_rules! deaths {
    ($($name:ident: $label:literal,)*) => {$(
        #[test]
        fn $name() {
            die_at($label);
        }
    )*};
}

deaths! {
    dying_around_writing_a_delivery_down_changes_nothing: "T1.",
    dying_around_settling_a_batch_changes_nothing: "T2.",
    dying_around_writing_an_intent_down_changes_nothing: "T3.",
    dying_around_sending_again_changes_nothing: "T4.",
    dying_around_recording_an_outcome_changes_nothing: "T5.",
    dying_around_writing_a_verdict_down_changes_nothing: "T6.",
    dying_around_a_request_changes_nothing: "E3.",
}

#[test]
fn dying_with_the_echo_delivered_and_the_answer_not_yet_there_changes_nothing() {
    for kind in Kind::available() {
        let probe = StopAt::new("E3.after", 4);
        let setup = Setup { probe: Some(probe.clone()), ..Setup::patient() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            for method in ["chat.postMessage", "conversations.rename", "chat.delete"] {
                let fault = CallFault::EchoBeforeReply;
                t.fake().fault_calls(CallRule { times: 10, ..CallRule::next(method, fault) });
            }
            let mut telling = Telling { t, probe: Some(probe.clone()), crashed: false };
            telling.tell().await;
            telling.settle().await;
            assert_ending(t).await;
        });
    }
}

#[test]
fn a_death_among_many_calls_that_nobody_can_look_up_leaves_at_most_one_in_doubt() {
    const PEOPLE_TO_TELL: usize = 6;
    for kind in Kind::available() {
        for (point, nth) in [("E3.before", 1), ("E3.before", 3), ("E3.after", 2), ("T4.after", 2), ("T5.before", 4)] {
            let probe = StopAt::new(point, nth);
            let setup = Setup { probe: Some(probe.clone()), ..Setup::patient() };
            run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
                t.policy(whispers()).await;
                // All of them are dealt with in one batch.
                for n in 0..PEOPLE_TO_TELL {
                    t.slack.post("alice", GENERAL, &format!("message {n}")).await;
                }
                t.fake().quiesce().await;
                let _never_ends = t.node().drain_aside();
                probe.stopped().await;
                t.crash().await;
                t.recover().await;
                let survey = t.survey().await;
                let doubtful = survey.calls.iter().filter(|c| c.state == CallState::Uncertain).count();
                assert!(doubtful <= 1, "{point} {nth}: {doubtful}\n{}", state(&survey));
                t.expect_uncertain(doubtful);
                let mut told = t.slack.whispers("alice", GENERAL);
                let said = told.len();
                told.sort();
                told.dedup();
                assert_eq!(told.len(), said, "nothing is said twice");
                assert!(
                    said + doubtful >= PEOPLE_TO_TELL && said <= PEOPLE_TO_TELL,
                    "{said} told, {doubtful} in doubt"
                );
            });
            assert!(probe.has_stopped());
        }
    }
}

#[test]
fn everything_acknowledged_before_a_death_is_dealt_with_after_it() {
    for kind in Kind::available() {
        run_test_on(kind, serve, &Setup::patient(), async |t: &mut TestApp| {
            t.policy(no_forbidden_word()).await;
            for n in 0..20 {
                t.slack.post("alice", GENERAL, &format!("forbidden {n}")).await;
            }
            // Delivered and acknowledged, and nothing done about any of it.
            t.fake().quiesce().await;
            assert!(
                t.fake()
                    .record()
                    .iter()
                    .all(|e| !matches!(&e.what, What::Call { method, .. } if method == "chat.delete"))
            );
            t.crash().await;
            t.recover().await;
            assert!(t.slack.texts(GENERAL).is_empty(), "{:?}", t.slack.texts(GENERAL));
            assert_eq!(t.slack.whispers("alice", GENERAL).len(), 20);
            assert_eq!(t.proposals(&t.slack).await.len(), 20);
        });
    }
}
