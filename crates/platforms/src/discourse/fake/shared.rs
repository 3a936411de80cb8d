//! What the tasks of a fake share: the forum behind its one mutex, timing, and the count of deliveries underway.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use policykit_core::Clock;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Handle,
    sync::{oneshot, watch},
};

use super::{
    deliver::{self, Job, Order},
    world::World,
};

/// The state of a running fake.
#[derive(Debug)]
pub(super) struct Shared {
    world: Mutex<World>,
    clock: Arc<dyn Clock>,
    /// Deliveries are spawned here, also when a test calls from a thread outside the runtime.
    runtime: Handle,
    underway: watch::Sender<usize>,
    /// Connections to the fake that are open.
    pub(super) lines: watch::Sender<usize>,
    stopped: AtomicBool,
    pub(super) retry_delays: Vec<Duration>,
    pub(super) patience: Duration,
    /// Where it listens, which need not be the address it says of itself.
    pub(super) address: std::net::SocketAddr,
}

impl Shared {
    pub(super) fn new(
        world: World,
        clock: Arc<dyn Clock>,
        retry_delays: Vec<Duration>,
        patience: Duration,
        address: std::net::SocketAddr,
    ) -> Self {
        Self {
            world: Mutex::new(world),
            clock,
            runtime: Handle::current(),
            underway: watch::Sender::new(0),
            lines: watch::Sender::new(0),
            stopped: AtomicBool::new(false),
            retry_delays,
            patience,
            address,
        }
    }

    /// Runs `change` on the forum, then delivers the events it caused.
    pub(super) fn with<R>(self: &Arc<Self>, change: impl FnOnce(&mut World) -> R) -> R {
        self.with_echoes(change).0
    }

    /// Like [`with`](Self::with); the receivers fire when the app has answered the events for the first time.
    pub(super) fn with_echoes<R>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut World) -> R,
    ) -> (R, Vec<oneshot::Receiver<()>>) {
        let (result, jobs) = {
            let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
            world.now = self.clock.now();
            world.close_due_polls();
            let result = change(&mut world);
            let jobs = world.dispatch();
            // Counted before the lock is released: whoever saw the change also sees that something is underway.
            self.underway.send_modify(|count| *count = count.saturating_add(jobs.len()));
            (result, jobs)
        };
        (result, jobs.into_iter().map(|job| self.spawn(job)).collect())
    }

    fn spawn(self: &Arc<Self>, job: Job) -> oneshot::Receiver<()> {
        let (tried, first_try) = oneshot::channel();
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            deliver::run(Arc::clone(&shared), job, tried).await;
            shared.underway.send_modify(|underway| *underway = underway.saturating_sub(1));
        });
        first_try
    }

    /// Makes held deliveries one after the other, each after the first try of the one before.
    pub(super) fn release(self: &Arc<Self>, order: Order) -> usize {
        let jobs = self.with(|world| {
            let jobs = world.unhold(order);
            self.underway.send_modify(|count| *count = count.saturating_add(jobs.len()));
            jobs
        });
        let released = jobs.len();
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            for job in jobs {
                // An error means that the fake was stopped, which the next delivery notices too.
                let _stopped = shared.spawn(job).await;
            }
        });
        released
    }

    /// Waits until no delivery is being made or waits for a further try. Held ones do not count.
    pub(super) async fn quiesce(&self) {
        let mut underway = self.underway.subscribe();
        // The sender lives as long as `self`.
        let _closed = underway.wait_for(|count| *count == 0).await;
    }

    /// Waits until every connection made before this call has come to its end, with all that arrived on it.
    pub(super) async fn hung_up(&self) -> io::Result<()> {
        // Connections are taken in the order in which they were made: once this one is answered, all before it count.
        let mut last = TcpStream::connect(self.address).await?;
        last.write_all(b"GET /srv/status HTTP/1.0\r\n\r\n").await?;
        last.read_to_end(&mut Vec::new()).await?;
        drop(last);
        let mut lines = self.lines.subscribe();
        // The sender lives as long as `self`.
        let _closed = lines.wait_for(|count| *count == 0).await;
        Ok(())
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}
