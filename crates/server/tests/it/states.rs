//! Topics and names of a channel that follow each other quickly: some stand, some are undone, some are voted upon, and what
//! is told of them comes late or in another order. In the end the last one stands that was allowed, and none that was not.

use policykit_core::{
    ids::UserId,
    permission,
    proposal::{EffectStatus, Proposal, Status},
};
use policykit_platforms::slack::fake::{Act, CallFault, CallRule, DeliveryFault, DeliveryRule, Order};
use policykit_testkit::{Draft, Gate, Kind, Setup, TestApp, run_test_on};

use crate::{run_test, serve};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";
const AN_HOUR: std::time::Duration = std::time::Duration::from_hours(1);
const LATER: CallFault = CallFault::RateLimited { retry_after_secs: 3_600 };

/// What a channel has one of at a time.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    action_type: &'static str,
    pub(crate) field: &'static str,
    /// The event that tells of a change.
    pub(crate) told_by: &'static str,
    /// The method that changes it.
    pub(crate) method: &'static str,
}

const TOPIC: Subject = Subject {
    action_type: "slacksettopic",
    field: "topic",
    told_by: "message.channel_topic",
    method: "conversations.setTopic",
};
const NAME: Subject = Subject {
    action_type: "slackrenameconversation",
    field: "name",
    told_by: "message.channel_name",
    method: "conversations.rename",
};

impl Subject {
    pub(crate) async fn set(self, t: &TestApp, value: &str) {
        let (channel, value) = (RANDOM.into(), value.into());
        let act = if self.field == "topic" {
            Act::SetTopic { channel, topic: value }
        } else {
            Act::Rename { channel, name: value }
        };
        t.slack.act("bob", act).await.expect("bob may");
    }

    pub(crate) fn now(self, t: &TestApp) -> String {
        let channel = t.slack.channel(RANDOM).channel;
        if self.field == "topic" { channel.topic } else { channel.name }
    }

    #[track_caller]
    fn is(self, t: &TestApp, value: &str, why: &str) {
        assert_eq!(self.now(t), value, "the {}: {why}", self.field);
    }

    /// The first word says what becomes of a value.
    fn policy(self) -> Draft {
        let Self { action_type, field, .. } = self;
        let check = format!(
            "what = action.{field}.split('-')[0]\n\
             if what == 'ok':\n  return PASSED\n\
             if what == 'no' or proposal.get_no_votes().count() >= 1:\n  return FAILED\n\
             if proposal.get_yes_votes().count() >= 1:\n  return PASSED\n\
             return PROPOSED"
        );
        let ask = format!("slack.initiate_vote(text=action.{field}, channel='{GENERAL}')");
        Draft::platform("By its first word", &[action_type]).check(&check).notify(&ask)
    }

    /// The proposals about changes to this value, oldest first.
    async fn proposals(self, t: &TestApp, value: &str) -> Vec<Proposal> {
        let actions = t.survey().await.actions;
        let mut all = t.proposals(&t.slack).await;
        all.retain(|proposal| {
            let action = actions.iter().find(|action| action.id == proposal.action).expect("its action");
            action.fields.get(self.field).is_some_and(|of| of == value)
        });
        all
    }

    async fn proposal(self, t: &TestApp, value: &str) -> Proposal {
        self.proposals(t, value).await.pop().unwrap_or_else(|| panic!("there is no proposal about {value}"))
    }

    /// Everybody votes, in the person of carol.
    pub(crate) async fn decide(self, t: &TestApp, proposal: &Proposal, label: &str) {
        let post = proposal.poll.as_ref().expect("a vote").post_id.as_str().into();
        let click = t.slack.press("carol", GENERAL, &post, label).await.expect("there is a button");
        assert!(click.taken(), "{click:?}");
        t.recover().await;
    }

    /// Everything that happened was somebody's doing; what was put back and done again is not among it.
    async fn nothing_of_ours_among(self, t: &TestApp) {
        let actions = t.survey().await.actions;
        let bob = UserId::derive(t.slack.installation, "U02");
        let others = actions.iter().filter(|action| action.about.is_some() && action.initiator != Some(bob));
        assert_eq!(others.count(), 0, "{actions:#?}");
    }
}

/// Tells a story of topics and the same of names, on every database, beginning with one that stands.
#[expect(clippy::needless_pass_by_value, reason = "a story is written where it is told")]
pub(crate) fn each(story: impl AsyncFn(&mut TestApp, Subject)) {
    for subject in [TOPIC, NAME] {
        run_test(async |t: &mut TestApp| {
            t.policy(subject.policy()).await;
            subject.set(t, "ok-0").await;
            t.settle().await;
            story(t, subject).await;
            subject.nothing_of_ours_among(t).await;
        });
    }
}

#[test]
fn of_two_in_a_row_that_are_not_allowed_neither_comes_back_in_whatever_order_they_are_told() {
    each(async |t: &mut TestApp, subject: Subject| {
        for (order, first, second) in [(Order::Queued, "no-1", "no-2"), (Order::Reversed, "no-3", "no-4")] {
            t.fake().pause();
            subject.set(t, first).await;
            subject.set(t, second).await;
            t.fake().release(order);
            t.fake().resume();
            t.recover().await;
            subject.is(t, "ok-0", first);
            for value in [first, second] {
                let refused = subject.proposal(t, value).await;
                assert_eq!((refused.status, refused.effect), (Status::Failed, EffectStatus::Done), "{refused:?}");
            }
        }
    });
}

#[test]
fn one_that_is_told_after_the_next_has_been_dealt_with_is_undone_all_the_same() {
    each(async |t: &mut TestApp, subject: Subject| {
        for (first, second) in [("no-1", "no-2"), ("vote-3", "vote-4")] {
            t.fake().fault_deliveries(DeliveryRule::next(subject.told_by, DeliveryFault::Hold));
            subject.set(t, first).await;
            subject.set(t, second).await;
            t.recover().await;
            subject.is(t, first, "nothing speaks against it yet");
            t.fake().release(Order::Queued);
            t.recover().await;
            subject.is(t, "ok-0", first);
        }
    });
}

#[test]
fn whichever_vote_passes_last_counts_and_says_what_it_takes_the_place_of() {
    each(async |t: &mut TestApp, subject: Subject| {
        subject.set(t, "vote-1").await;
        subject.set(t, "vote-2").await;
        t.recover().await;
        subject.is(t, "ok-0", "both are undecided");
        let (one, two) = (subject.proposal(t, "vote-1").await, subject.proposal(t, "vote-2").await);
        subject.decide(t, &one, "Yes").await;
        subject.is(t, "vote-1", "passed");
        subject.decide(t, &two, "No").await;
        subject.is(t, "vote-1", "the other was refused");
        subject.set(t, "vote-3").await;
        subject.set(t, "vote-4").await;
        t.recover().await;
        subject.is(t, "vote-1", "what passed is what was before");
        let (three, four) = (subject.proposal(t, "vote-3").await, subject.proposal(t, "vote-4").await);
        subject.decide(t, &four, "Yes").await;
        subject.is(t, "vote-4", "passed");
        subject.decide(t, &three, "Yes").await;
        subject.is(t, "vote-3", "passed last");
        let three = subject.proposal(t, "vote-3").await;
        assert_eq!(three.effect, EffectStatus::Done);
        assert_eq!(three.effect_note.as_deref(), Some("it took the place of `vote-4`"));
    });
}

#[test]
fn of_three_in_a_row_the_one_that_stands_stays_and_comes_back() {
    each(async |t: &mut TestApp, subject: Subject| {
        for value in ["no-1", "vote-2", "no-3"] {
            subject.set(t, value).await;
        }
        t.recover().await;
        subject.is(t, "ok-0", "none of them stands");
        subject.decide(t, &subject.proposal(t, "vote-2").await, "Yes").await;
        subject.is(t, "vote-2", "passed");
        for value in ["no-4", "ok-5", "no-6"] {
            subject.set(t, value).await;
        }
        t.recover().await;
        subject.is(t, "ok-5", "it stands");
    });
}

#[test]
fn undoing_that_comes_late_leaves_what_was_allowed_meanwhile() {
    each(async |t: &mut TestApp, subject: Subject| {
        t.fake().fault_calls(CallRule::next("conversations.info", LATER));
        subject.set(t, "no-1").await;
        t.settle().await;
        subject.is(t, "no-1", "the platform is busy");
        subject.set(t, "ok-2").await;
        t.settle().await;
        t.advance(AN_HOUR).await;
        t.recover().await;
        subject.is(t, "ok-2", "allowed");
        let refused = subject.proposal(t, "no-1").await;
        assert_eq!((refused.status, refused.effect), (Status::Failed, EffectStatus::Done));
        let note = refused.effect_note.expect("why nothing was put back");
        assert_eq!(note, "nothing had to be put back, because it had been replaced already and is `ok-2` now");
    });
}

#[test]
fn what_passes_while_another_waits_to_be_undone_stays() {
    each(async |t: &mut TestApp, subject: Subject| {
        subject.set(t, "vote-1").await;
        t.recover().await;
        t.fake().fault_calls(CallRule::next("conversations.info", LATER));
        subject.set(t, "no-2").await;
        t.settle().await;
        subject.is(t, "no-2", "the platform is busy");
        let one = subject.proposal(t, "vote-1").await;
        let post = one.poll.as_ref().expect("a vote").post_id.as_str().into();
        assert!(t.slack.press("carol", GENERAL, &post, "Yes").await.expect("a button").taken());
        t.settle().await;
        subject.is(t, "vote-1", "passed");
        t.advance(AN_HOUR).await;
        t.recover().await;
        subject.is(t, "vote-1", "passed");
    });
}

#[test]
fn what_passed_is_not_undone_because_the_same_was_tried_again_before() {
    each(async |t: &mut TestApp, subject: Subject| {
        subject.set(t, "vote-1").await;
        t.recover().await;
        let one = subject.proposal(t, "vote-1").await;
        t.fake().fault_calls(CallRule::next("conversations.info", LATER));
        subject.set(t, "vote-1").await;
        t.settle().await;
        let post = one.poll.as_ref().expect("a vote").post_id.as_str().into();
        assert!(t.slack.press("carol", GENERAL, &post, "Yes").await.expect("a button").taken());
        t.settle().await;
        t.advance(AN_HOUR).await;
        t.recover().await;
        subject.is(t, "vote-1", "passed");
        let again = subject.proposal(t, "vote-1").await;
        assert_eq!(again.status, Status::Proposed);
    });
}

#[test]
fn what_passed_and_comes_late_does_not_take_the_place_of_a_later_decision() {
    each(async |t: &mut TestApp, subject: Subject| {
        subject.set(t, "vote-1").await;
        t.recover().await;
        t.fake().fault_calls(CallRule::next(subject.method, LATER));
        let one = subject.proposal(t, "vote-1").await;
        let post = one.poll.as_ref().expect("a vote").post_id.as_str().into();
        assert!(t.slack.press("carol", GENERAL, &post, "Yes").await.expect("a button").taken());
        t.settle().await;
        subject.is(t, "ok-0", "the platform is busy");
        subject.set(t, "ok-2").await;
        t.settle().await;
        t.advance(AN_HOUR).await;
        t.recover().await;
        subject.is(t, "ok-2", "the later decision");
        let one = subject.proposal(t, "vote-1").await;
        assert_eq!((one.status, one.effect), (Status::Passed, EffectStatus::Refused));
        assert_eq!(one.effect_note.as_deref(), Some("`ok-2` stands since, by a later decision (replaced)"));
    });
}

#[test]
fn a_death_between_two_that_are_being_undone_changes_nothing() {
    each(async |t: &mut TestApp, subject: Subject| {
        let later = CallFault::RateLimited { retry_after_secs: 30 };
        t.fake().fault_calls(CallRule { skip: 1, ..CallRule::next("conversations.info", later) });
        subject.set(t, "no-1").await;
        subject.set(t, "no-2").await;
        t.settle().await;
        t.crash().await;
        t.recover().await;
        subject.is(t, "ok-0", "neither stands");
        // Also where nobody heard that it was put back.
        for (fault, value) in
            [(CallFault::DropAfterEffect, "no-3"), (CallFault::StatusBeforeEffect { status: 500 }, "no-4")]
        {
            t.fake().fault_calls(CallRule::next(subject.method, fault));
            subject.set(t, value).await;
            t.settle().await;
            t.crash().await;
            t.recover().await;
            subject.is(t, "ok-0", value);
            assert_eq!(subject.proposal(t, value).await.effect, EffectStatus::Done, "{value}");
        }
    });
}

#[test]
fn a_channel_that_is_closed_and_opened_again_without_leave_is_as_it_was() {
    run_test(async |t: &mut TestApp| {
        let both = ["slackarchiveconversation", "slackunarchiveconversation"];
        t.policy(Draft::platform("Neither", &both).check("return FAILED")).await;
        for order in [Order::Queued, Order::Reversed] {
            t.fake().pause();
            t.slack.act("ada", Act::Archive { channel: RANDOM.into() }).await.expect("ada may");
            t.slack.act("ada", Act::Unarchive { channel: RANDOM.into() }).await.expect("ada may");
            t.fake().release(order);
            t.fake().resume();
            t.recover().await;
            assert!(!t.slack.channel(RANDOM).channel.archived, "{order:?}");
        }
    });
}

#[test]
fn what_two_do_who_may_not_is_undone_to_what_was_before_both() {
    each(async |t: &mut TestApp, subject: Subject| {
        let (db, community) = (t.db(), t.slack.community);
        t.node()
            .on(async move {
                let scope = db.community(community);
                let base = scope.state().await.expect("it is there").roles.into_iter().find(|r| r.is_base);
                let base = base.expect("a base role");
                let mut permissions = base.permissions;
                permissions.retain(|name| *name != permission::propose(subject.action_type));
                scope.set_permissions(base.id, permissions).await
            })
            .await
            .expect("the role can be changed");
        for (order, first, second) in [(Order::Queued, "ok-1", "ok-2"), (Order::Reversed, "ok-3", "ok-4")] {
            t.fake().pause();
            subject.set(t, first).await;
            subject.set(t, second).await;
            t.fake().release(order);
            t.fake().resume();
            t.recover().await;
            subject.is(t, "ok-0", first);
        }
    });
}

/// Renames by carol stand; those of others are undone.
fn carol_alone() -> Draft {
    Draft::platform("Carol alone", &[NAME.action_type])
        .check("return PASSED if action.initiator.username == 'U03' else FAILED")
}

#[test]
fn what_undid_a_change_before_a_death_is_not_taken_for_somebody_elses_when_the_change_was_made_again_meanwhile() {
    for kind in Kind::available() {
        let gate = Gate::new("E3.after");
        let setup = Setup { probe: Some(gate.clone()), ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| {
            t.policy(carol_alone()).await;
            let before = NAME.now(t);
            NAME.set(t, "lounge").await;
            t.fake().quiesce().await;
            let dying = t.node().drain_aside();
            gate.reached().await;
            NAME.is(t, &before, "undone, and nobody has heard of it");
            t.fake().quiesce().await;
            t.slack.rename("carol", RANDOM, "lounge").await;
            t.fake().quiesce().await;
            while !t.proposals(&t.slack).await.iter().any(|proposal| proposal.status == Status::Passed) {
                tokio::task::yield_now().await;
            }
            t.kill().await;
            let _died = dying.await;
            gate.open();
            t.fake().hung_up().await.expect("the stand-in listens");
            t.clock.advance(std::time::Duration::from_secs(60));
            t.revive().await;
            t.recover().await;
            NAME.is(t, "lounge", "carol may");
            let actions = t.survey().await.actions;
            let by: Vec<_> = actions.iter().filter(|a| a.about.is_some()).map(|a| a.initiator).collect();
            let who = ["U02", "U03"].map(|account| Some(UserId::derive(t.slack.installation, account)));
            assert_eq!(by, who, "what was undone is nobody's doing: {actions:#?}");
        });
    }
}
