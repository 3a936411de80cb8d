//! What is asked of every integration, whatever the platform: one suite, whose questions come from the descriptor. A platform
//! takes part by a [`Stand`], which says how people do things at its stand-in and what is so there, and by one line below.
//!
//! A stand that cannot answer for something that the descriptor offers fails: what is offered is tried.

mod calls;
mod discourse;
mod dying;
mod effects;
mod hearing;
mod slack;
mod voting;

use std::{sync::Arc, time::Duration};

use policykit_core::{
    FakeClock, JsonMap, Timestamp,
    ballot::BallotValue,
    descriptor::{ActionType, PlatformDescriptor, Reversible, Voting},
    ids::{CommunityId, InstallationId},
    proposal::Proposal,
};
use policykit_engine::Proposition;
use policykit_platforms::{
    http::{Http, HttpOptions},
    registry::registry,
};
use policykit_testkit::{Draft, Kind, Setup, TestApp, run_test_on};

use crate::serve;

/// Long enough for a vote that takes a day, and for every pause that a platform asks for.
const A_DAY: Duration = Duration::from_hours(25);

/// What befalls a request. Whatever it is, the platform's own state says what is right afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The platform wants us to wait: 429.
    Busy,
    /// A 5xx, and nothing was done.
    Broken,
    /// The connection closes before anything was done.
    Unheard,
    /// It was done, and the answer is lost.
    Unanswered,
    /// It was done, and half of the answer arrives.
    Garbled,
    /// The platform tells of it before it answers.
    EchoFirst,
    /// The platform tells of it and never answers.
    EchoOnly,
}

impl Trouble {
    /// All of them.
    const ALL: [Self; 7] =
        [Self::Busy, Self::Broken, Self::Unheard, Self::Unanswered, Self::Garbled, Self::EchoFirst, Self::EchoOnly];

    /// Whether the answer never comes although it was done.
    const fn leaves_in_doubt(self) -> bool {
        matches!(self, Self::Unanswered | Self::Garbled | Self::EchoOnly)
    }
}

/// A platform's stand-in with a community that is present there.
pub(crate) trait Stand: Sized {
    /// The platform's id.
    const ID: &'static str;

    /// What the tests' application needs to know beforehand.
    fn setup() -> Setup {
        Setup::default()
    }

    /// The community is present there when this returns, and nothing is governed yet.
    async fn new(t: &mut TestApp) -> Self;

    /// Which community, and by which installation.
    fn home(&self, t: &TestApp) -> (CommunityId, InstallationId);

    /// Account id of somebody who administers nothing.
    fn somebody(&self) -> String;

    /// They may do this from now on, by a role of their own.
    async fn allowed(&self, t: &TestApp, codename: &str);

    /// The node has moved to another address; the platform has to know where deliveries go.
    fn moved(&self, _t: &TestApp) {}

    /// Makes everything ready for an action of this type, so that nothing else is governed when it happens.
    async fn prepare(&mut self, _t: &TestApp, _codename: &str) {}

    /// Somebody does this there, and it is so. `None` where nobody can: it can only be proposed here.
    async fn happens(&mut self, t: &TestApp, codename: &str) -> Option<JsonMap>;

    /// The fields of an action of this type that somebody proposes here and that is not so yet.
    async fn proposed(&mut self, t: &TestApp, codename: &str) -> JsonMap;

    /// Whether what these fields describe is so there now.
    fn is_so(&self, t: &TestApp, codename: &str, fields: &JsonMap) -> bool;

    /// From now on the platform refuses what undoes or does this, and says so.
    fn refuses(&self, t: &TestApp, codename: &str);

    /// Something befalls the next request of this operation.
    fn trouble(&self, t: &TestApp, operation: &str, trouble: Trouble);

    /// Every delivery comes twice from now on.
    fn repeats_itself(&self, t: &TestApp);

    /// Deliveries wait from now on, until they come in the reverse order.
    fn holds_back(&self, t: &TestApp);

    /// They come, the last one first.
    async fn turns_round(&self, t: &TestApp);

    /// The platform accepts none of our keys any more, without a word about it.
    fn keys_die(&self, t: &TestApp);

    /// Waits until nothing is on its way from there.
    async fn quiet(&self, _t: &TestApp) {}

    /// Something happens there of which the platform tells by this event. False where the stand-in has no way to do it.
    async fn tells(&mut self, t: &mut TestApp, event_type: &str) -> bool;

    /// Account ids of four people who may vote, and of one who is left out.
    fn voters(&self) -> [&'static str; 5];

    /// The call that begins a vote of this kind among these accounts, in Python.
    fn begin_vote(&self, kind: Voting, options: &[&str], candidates: &[&str], electorate: &[&str]) -> String;

    /// Somebody says this in a vote, as people do there, and sees no error. `None` takes the vote back.
    async fn votes(&self, t: &TestApp, proposal: &Proposal, who: &str, said: Option<&BallotValue>);

    /// Whether the vote can still be seen as open there.
    fn is_vote_open(&self, t: &TestApp, proposal: &Proposal) -> bool;

    /// Python arguments of a call that the platform takes, made ready beforehand, and what shows that it was done there.
    async fn arguments(&mut self, t: &TestApp, method: &str) -> String;
}

/// What it offers.
fn descriptor_of(id: &str) -> PlatformDescriptor {
    let clock = Arc::new(FakeClock::new(Timestamp::from_secs(0)));
    let http = Arc::new(Http::new(clock, HttpOptions::default()).expect("a client"));
    registry(&http).get(id).expect("a platform that can be connected").descriptor().clone()
}

/// The types of actions that can be undone.
fn undoable(id: &str) -> Vec<ActionType> {
    descriptor_of(id).governable.into_iter().filter(|of| of.reversible == Reversible::Yes).collect()
}

/// Tells a story at a stand, on these databases.
#[expect(clippy::needless_pass_by_value, reason = "a story is written where it is told")]
fn at<S: Stand>(kinds: &[Kind], story: impl AsyncFn(&mut TestApp, &mut S)) {
    for kind in kinds {
        run_test_on(*kind, serve, &S::setup(), async |t: &mut TestApp| {
            let mut stand = S::new(t).await;
            story(t, &mut stand).await;
            settle(t, &stand).await;
        });
    }
}

/// On all databases.
fn everywhere<S: Stand>(story: impl AsyncFn(&mut TestApp, &mut S)) {
    at::<S>(&Kind::available(), story);
}

/// Until nothing moves here or there, and no call is open.
async fn settle<S: Stand>(t: &TestApp, stand: &S) {
    stand.quiet(t).await;
    t.recover().await;
    stand.quiet(t).await;
    t.recover().await;
}

/// Undecided at first; a day later it is `then`.
fn a_day_later(codename: &str, then: &str) -> Draft {
    let check = format!("if proposal.get_time_elapsed().days >= 1:\n  return {then}\nreturn PROPOSED");
    Draft::platform("A day later", &[codename]).check(&check)
}

async fn govern<S: Stand>(t: &TestApp, stand: &S, draft: Draft) {
    t.policy_in(stand.home(t).0, draft.into()).await;
}

/// The proposals about actions of this type, oldest first.
async fn proposals<S: Stand>(t: &TestApp, stand: &S, codename: &str) -> Vec<Proposal> {
    let survey = t.survey().await;
    let community = stand.home(t).0;
    let is_it = |proposal: &Proposal| {
        survey.actions.iter().any(|a| a.id == proposal.action && a.action_type == codename && a.community == community)
    };
    let mut all: Vec<_> = survey.proposals.iter().filter(|p| is_it(p)).cloned().collect();
    all.sort_by_key(|p| (p.created_at, p.id));
    all
}

/// The only one.
async fn proposal<S: Stand>(t: &TestApp, stand: &S, codename: &str) -> Proposal {
    let mut all = proposals(t, stand, codename).await;
    assert_eq!(all.len(), 1, "one proposal about {codename}: {all:#?}");
    all.remove(0)
}

/// Somebody proposes an action of this type here.
async fn propose<S: Stand>(t: &TestApp, stand: &S, codename: &str, fields: JsonMap) {
    t.clock.advance(Duration::from_millis(1));
    let (community, installation) = stand.home(t);
    let action_type = codename.to_owned();
    let initiator = Some(stand.somebody());
    let wanted = Proposition { community, installation, action_type, fields, initiator };
    let engine = t.engine();
    t.node().on(async move { engine.propose(wanted).await }).await.expect("it can be proposed");
}

/// The suite for one platform.
macro_rules! conforms {
    ($module:ident, $stand:ty) => {
        mod $module {
            #[test]
            fn what_is_forbidden_is_undone_once_however_often_it_is_told() {
                super::effects::forbidden::<$stand>();
            }

            #[test]
            fn what_is_contested_is_undone_and_done_again_when_it_passes() {
                super::effects::contested::<$stand>();
            }

            #[test]
            fn what_is_proposed_here_is_done_when_it_passes_and_not_before() {
                super::effects::proposed::<$stand>();
            }

            #[test]
            fn what_the_platform_refuses_is_said() {
                super::effects::refused::<$stand>();
            }

            #[test]
            fn what_is_told_in_reverse_ends_as_it_should() {
                super::effects::reversed::<$stand>();
            }

            #[test]
            fn a_lost_or_late_answer_changes_nothing() {
                super::effects::troubled::<$stand>();
            }

            #[test]
            fn a_death_at_any_point_of_a_call_changes_nothing() {
                super::dying::at_each_point::<$stand>();
            }

            #[test]
            fn dead_keys_are_shown_and_nothing_is_lost() {
                super::dying::keys::<$stand>();
            }

            #[test]
            fn what_happens_after_it_was_removed_is_none_of_ours() {
                super::dying::removed::<$stand>();
            }

            #[test]
            fn every_kind_of_vote_is_counted_changed_taken_back_and_closed() {
                super::voting::every_kind::<$stand>();
            }

            #[test]
            fn every_event_reaches_the_policies_that_ask_for_it() {
                super::hearing::every_event::<$stand>();
            }

            #[test]
            fn every_method_is_taken_by_the_platform() {
                super::calls::every_method::<$stand>();
            }
        }
    };
}

conforms!(of_slack, super::slack::Slack);
conforms!(of_discourse, super::discourse::Discourse);
