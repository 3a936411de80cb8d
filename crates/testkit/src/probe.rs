//! Stopping the world at a named point: the instrument of the crash tests and of those with two nodes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::future::BoxFuture;
use policykit_engine::Probe;
use tokio::sync::{Notify, watch};

/// Counts the points that are reached and stops nothing: tells how often each can be chosen for a crash.
#[derive(Debug, Default)]
pub struct Count(Mutex<BTreeMap<&'static str, usize>>);

impl Count {
    /// How often each point was reached so far.
    pub fn points(&self) -> BTreeMap<&'static str, usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Probe for Count {
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(point).or_default() += 1;
        Box::pin(std::future::ready(()))
    }
}

/// Stops the world for good when a point is reached for the n-th time: whoever comes there waits for ever, and from then
/// on so does whoever comes to any point, as if the process had been killed there.
#[derive(Debug)]
pub struct StopAt {
    point: String,
    left: Mutex<usize>,
    stopped: watch::Sender<bool>,
}

impl StopAt {
    /// Stops at the `nth` time (from 1) that `point` is reached.
    pub fn new(point: &str, nth: usize) -> Arc<Self> {
        Arc::new(Self { point: point.to_owned(), left: Mutex::new(nth), stopped: watch::Sender::new(false) })
    }

    /// Waits until the world stands still.
    pub async fn stopped(&self) {
        let mut stopped = self.stopped.subscribe();
        // The sender lives as long as `self`.
        let _closed = stopped.wait_for(|stopped| *stopped).await;
    }

    /// Whether the world stands still.
    pub fn has_stopped(&self) -> bool {
        *self.stopped.borrow()
    }
}

impl Probe for StopAt {
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if *left > 0 && point == self.point {
            *left -= 1;
            if *left == 0 {
                self.stopped.send_replace(true);
            }
        }
        if self.has_stopped() { Box::pin(std::future::pending()) } else { Box::pin(std::future::ready(())) }
    }
}

/// Holds whoever reaches a point until it is opened, as a process that is frozen and thawed.
#[derive(Debug)]
pub struct Gate(watch::Sender<GateState>);

#[derive(Debug)]
struct GateState {
    point: String,
    /// Who was held before the gate was put elsewhere goes on.
    place: u32,
    reached: bool,
    open: bool,
}

impl Gate {
    /// Holds the first who reaches `point`, and everybody after.
    pub fn new(point: &str) -> Arc<Self> {
        let state = GateState { point: point.to_owned(), place: 0, reached: false, open: false };
        Arc::new(Self(watch::Sender::new(state)))
    }

    /// Waits until somebody is held.
    pub async fn reached(&self) {
        let mut state = self.0.subscribe();
        let _closed = state.wait_for(|state| state.reached).await;
    }

    /// Lets everybody go on, until it is shut again.
    pub fn open(&self) {
        self.0.send_modify(|state| (state.reached, state.open) = (false, true));
    }

    /// Holds whoever comes from now on.
    pub fn shut(&self) {
        self.0.send_modify(|state| (state.reached, state.open) = (false, false));
    }

    /// Lets those go on who are held, and holds whoever comes to another point.
    pub fn put_at(&self, point: &str) {
        self.0.send_modify(|state| {
            *state = GateState { point: point.to_owned(), place: state.place + 1, reached: false, open: false };
        });
    }
}

impl Probe for Gate {
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()> {
        let mut place = None;
        self.0.send_if_modified(|state| {
            if point != state.point || state.open {
                return false;
            }
            place = Some(state.place);
            !std::mem::replace(&mut state.reached, true)
        });
        let Some(place) = place else { return Box::pin(std::future::ready(())) };
        let mut state = self.0.subscribe();
        Box::pin(async move {
            let _closed = state.wait_for(|state| state.open || state.place != place).await;
        })
    }
}

/// How many points a node passes while it does everything that can be done now. The longest stories pass a few thousand;
/// one that goes round in circles passes any number.
const ENOUGH: usize = 20_000;

/// Counts the points a node passes, whatever else is done at them, so that one that goes round in circles is told from
/// one that has much to do.
pub(crate) struct Bound {
    inner: Option<Arc<dyn Probe>>,
    passed: AtomicUsize,
    restless: Notify,
}

impl Bound {
    pub(crate) fn new(inner: Option<Arc<dyn Probe>>) -> Arc<Self> {
        Arc::new(Self { inner, passed: AtomicUsize::new(0), restless: Notify::new() })
    }

    /// Does the work of a node, which must come to an end.
    ///
    /// # Panics
    /// When it does not.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.passed.store(0, Ordering::SeqCst);
        tokio::select! {
            done = work => done,
            () = self.restless.notified() => panic!("the node passed {ENOUGH} points and has not come to rest"),
        }
    }
}

impl Probe for Bound {
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()> {
        if self.passed.fetch_add(1, Ordering::SeqCst) == ENOUGH {
            self.restless.notify_one();
        }
        match &self.inner {
            Some(inner) => inner.at(point),
            None => Box::pin(std::future::ready(())),
        }
    }
}
