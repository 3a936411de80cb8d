//! Stopping the world at a named point: the instrument of the crash tests and of those with two nodes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::BoxFuture;
use policykit_engine::Probe;
use tokio::sync::watch;

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
pub struct Gate {
    point: String,
    state: watch::Sender<GateState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GateState {
    Waiting,
    Reached,
    Open,
}

impl Gate {
    /// Holds the first who reaches `point`, and everybody after.
    pub fn new(point: &str) -> Arc<Self> {
        Arc::new(Self { point: point.to_owned(), state: watch::Sender::new(GateState::Waiting) })
    }

    /// Waits until somebody is held.
    pub async fn reached(&self) {
        let mut state = self.state.subscribe();
        let _closed = state.wait_for(|state| *state == GateState::Reached).await;
    }

    /// Lets everybody go on, until it is shut again.
    pub fn open(&self) {
        self.state.send_replace(GateState::Open);
    }

    /// Holds whoever comes from now on.
    pub fn shut(&self) {
        self.state.send_replace(GateState::Waiting);
    }
}

impl Probe for Gate {
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()> {
        if point != self.point || *self.state.borrow() == GateState::Open {
            return Box::pin(std::future::ready(()));
        }
        self.state.send_if_modified(|state| {
            let first = *state == GateState::Waiting;
            if first {
                *state = GateState::Reached;
            }
            first
        });
        let mut state = self.state.subscribe();
        Box::pin(async move {
            let _closed = state.wait_for(|state| *state == GateState::Open).await;
        })
    }
}
