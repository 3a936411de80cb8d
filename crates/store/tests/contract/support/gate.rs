//! Holds a commit up at one of its points, so that others have to wait behind it.

use std::sync::Arc;

use futures::future::BoxFuture;
use policykit_store::Probe;
use tokio::sync::Semaphore;

/// Stops the first commit that reaches `point` until it is opened; all later ones pass.
pub(crate) struct Gate {
    point: &'static str,
    first: Semaphore,
    reached: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn at(point: &'static str) -> Arc<Self> {
        Arc::new(Self {
            point,
            first: Semaphore::new(1),
            reached: Arc::new(Semaphore::new(0)),
            open: Arc::new(Semaphore::new(0)),
        })
    }

    /// Waits until somebody stands before it.
    pub(crate) async fn reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }

    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }
}

impl Probe for Gate {
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()> {
        let stops = point == self.point && self.first.try_acquire().map(tokio::sync::SemaphorePermit::forget).is_ok();
        let (reached, open) = (Arc::clone(&self.reached), Arc::clone(&self.open));
        Box::pin(async move {
            if stops {
                reached.add_permits(1);
                open.acquire().await.unwrap().forget();
            }
        })
    }
}
