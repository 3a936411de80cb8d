//! Telling those who wait in this process that something they may be waiting for has been committed.

use tokio::sync::watch;

use crate::db::Db;

/// Waits for commits of one sort. What was committed since the last wait counts.
#[derive(Debug)]
pub struct News(watch::Receiver<u64>);

impl News {
    /// Waits for the next commit; for ever once the database is closed.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The senders of both sorts.
#[derive(Debug)]
pub(crate) struct Bell {
    decided: watch::Sender<u64>,
    taken: watch::Sender<u64>,
}

impl Default for Bell {
    fn default() -> Self {
        Self { decided: watch::Sender::new(0), taken: watch::Sender::new(0) }
    }
}

impl Bell {
    pub(crate) fn decided(&self) {
        self.decided.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn taken(&self) {
        self.taken.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Db {
    /// News of entries that this process appends to the log of decisions of any community.
    pub fn decided(&self) -> News {
        News(self.shared.bell.decided.subscribe())
    }

    /// News of deliveries that this process has dealt with.
    pub fn taken_in(&self) -> News {
        News(self.shared.bell.taken.subscribe())
    }
}
