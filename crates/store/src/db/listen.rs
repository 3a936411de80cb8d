//! Hearing of deliveries that other processes have written, on PostgreSQL.

use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, postgres::PgListener};
use tokio::{sync::Notify, task::AbortHandle};

/// The channel on which a node tells the others of new deliveries; the payload is the shard.
pub(crate) const CHANNEL: &str = "policykit_inbox";

/// How long to wait before connecting again. Meanwhile the nodes look by themselves from time to time.
const PAUSE: Duration = Duration::from_secs(1);

/// The task that listens; ends when dropped.
pub(super) struct Listener(AbortHandle);

impl Listener {
    pub(super) fn start(pool: PgPool, news: Arc<Notify>) -> Self {
        Self(tokio::spawn(listen(pool, news)).abort_handle())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn listen(pool: PgPool, news: Arc<Notify>) {
    while !pool.is_closed() {
        if let Err(error) = hear(&pool, &news).await {
            tracing::debug!(%error, "store.listen");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hear(pool: &PgPool, news: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // After a lost connection `recv` connects again by itself; what was said meanwhile is found by looking.
        listener.recv().await?;
        news.notify_waiters();
        news.notify_one();
    }
}
