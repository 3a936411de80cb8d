//! The end of things: of the process, of the keys, of the integration.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::future::BoxFuture;
use policykit_core::{
    call::{CallState, OperationClass},
    community::InstallationStatus,
    constitution::Amendment,
    descriptor::ActionType,
    permission,
    proposal::{EffectStatus, Status},
};
use policykit_engine::Probe;
use policykit_testkit::{Count, Draft, Kind, Setup, StopAt, TestApp, run_test_on};

use super::{Stand, everywhere, govern, proposal, proposals, settle, undoable};
use crate::serve;

/// The points of the sequence around a call, from the verdict to the recorded outcome.
const POINTS: [&str; 6] = ["T2.", "T3.", "T4.", "T5.", "T6.", "E3."];

/// Passes on to another probe what happens from a moment on.
struct From<P> {
    inner: Arc<P>,
    begun: AtomicBool,
}

impl<P: Probe> From<P> {
    fn new(inner: Arc<P>) -> Arc<Self> {
        Arc::new(Self { inner, begun: AtomicBool::new(false) })
    }
}

impl<P: Probe> Probe for From<P> {
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()> {
        if self.begun.load(Ordering::SeqCst) { self.inner.at(point) } else { Box::pin(std::future::ready(())) }
    }
}

/// Something forbidden happens; where the world stops, the node dies and another one goes on.
async fn story<S: Stand>(t: &mut TestApp, stand: &mut S, of: &ActionType, begun: &AtomicBool, stop: Option<&StopAt>) {
    stand.prepare(t, of.codename).await;
    settle(t, stand).await;
    govern(t, stand, Draft::platform("Never", &[of.codename]).check("return FAILED")).await;
    begun.store(true, Ordering::SeqCst);
    let fields = stand.happens(t, of.codename).await.expect("somebody can do it");
    if let Some(probe) = stop {
        let stopped = tokio::select! {
            () = probe.stopped() => true,
            () = settle(t, stand) => false,
        };
        if stopped {
            t.crash().await;
            stand.moved(t);
        }
    }
    settle(t, stand).await;
    let doubtful: Vec<_> =
        t.survey().await.calls.into_iter().filter(|call| call.state == CallState::Uncertain).collect();
    assert!(doubtful.iter().all(|call| call.class == OperationClass::Blind), "{}: {doubtful:?}", of.codename);
    t.expect_uncertain(doubtful.len());
    let proposal = proposal(t, stand, of.codename).await;
    assert_eq!(proposal.status, Status::Failed, "{}", of.codename);
    if doubtful.is_empty() {
        assert!(!stand.is_so(t, of.codename, &fields), "{} stands: {fields:?}", of.codename);
        assert_eq!(proposal.effect, EffectStatus::Done, "{}: {proposal:?}", of.codename);
    }
}

fn tell<S: Stand, P: Probe + 'static>(of: &ActionType, probe: &Arc<From<P>>, stop: Option<&StopAt>) {
    let heard: Arc<dyn Probe> = probe.clone();
    let setup = Setup { probe: Some(heard), retry_delays_ms: Setup::patient().retry_delays_ms, ..S::setup() };
    run_test_on(Kind::Sqlite, serve, &setup, async |t: &mut TestApp| {
        let mut stand = S::new(t).await;
        story(t, &mut stand, of, &probe.begun, stop).await;
    });
}

/// The process dies at every point that undoing something passes, for each type of action; on the database that is everywhere,
/// since `crash` tries the sequence itself on both.
pub(super) fn at_each_point<S: Stand>() {
    for of in undoable(S::ID) {
        let count = From::new(Arc::new(Count::default()));
        tell::<S, _>(&of, &count, None);
        let passed = count.inner.points();
        let points: Vec<_> = passed.keys().filter(|point| POINTS.iter().any(|p| point.starts_with(p))).collect();
        assert!(points.iter().any(|point| point.starts_with("E3.")), "{}: {passed:?}", of.codename);
        for point in points {
            let stop = StopAt::new(point, 1);
            tell::<S, _>(&of, &From::new(stop.clone()), Some(&stop));
            assert!(stop.has_stopped(), "{}: it did not die at {point}", of.codename);
        }
    }
}

/// The platform takes no key of ours any more: the community is told, and what was decided waits for a person.
pub(super) fn keys<S: Stand>() {
    let of = undoable(S::ID).into_iter().next().expect("something that can be undone");
    everywhere(async |t: &mut TestApp, stand: &mut S| {
        stand.prepare(t, of.codename).await;
        settle(t, stand).await;
        govern(t, stand, Draft::platform("Never", &[of.codename]).check("return FAILED")).await;
        stand.holds_back(t);
        let fields = stand.happens(t, of.codename).await.expect("somebody can do it");
        stand.keys_die(t);
        stand.turns_round(t).await;
        settle(t, stand).await;
        assert!(stand.is_so(t, of.codename, &fields), "nobody could undo it");
        let (community, installation) = stand.home(t);
        let scope = t.db().community(community);
        let look = async move {
            let state = scope.state().await.expect("the community");
            let notes = scope.installation_notes().await.expect("the notes");
            (state.installations, notes)
        };
        let (installations, notes) = t.node().on(look).await;
        let place = installations.iter().find(|i| i.id == installation).expect("its place");
        assert_eq!(place.status, InstallationStatus::CredentialsDead);
        let note = notes.get(&installation).expect("a note");
        assert!(note.contains(' '), "what is to be done is said: {note}");
        let proposal = proposal(t, stand, of.codename).await;
        assert_eq!(proposal.status, Status::Failed);
        assert_ne!(proposal.effect, EffectStatus::Done, "{proposal:?}");
    });
}

/// After it was removed, what happens there is none of ours.
pub(super) fn removed<S: Stand>() {
    let of = undoable(S::ID).into_iter().next().expect("something that can be undone");
    everywhere(async |t: &mut TestApp, stand: &mut S| {
        stand.prepare(t, of.codename).await;
        settle(t, stand).await;
        govern(t, stand, Draft::platform("Never", &[of.codename]).check("return FAILED")).await;
        let (_, installation) = stand.home(t);
        let removal = Amendment::RemoveIntegration { integration: installation };
        stand.allowed(t, &permission::execute(&removal.action_type())).await;
        super::propose(t, stand, &removal.action_type(), removal.fields()).await;
        settle(t, stand).await;
        let before = t.survey().await.calls.len();
        let fields = stand.happens(t, of.codename).await.expect("somebody can do it");
        settle(t, stand).await;
        assert!(stand.is_so(t, of.codename, &fields), "it stands");
        assert!(proposals(t, stand, of.codename).await.is_empty());
        assert_eq!(t.survey().await.calls.len(), before, "nothing more is sent there");
    });
}
