//! Transactions on PostgreSQL: each commit its own, run again when others were faster.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use rand::Rng as _;
use sqlx::PgPool;

use super::writer::BeforeCommit;
use crate::{
    error::StoreError,
    sql::{Conn, Counters},
};

/// How often a transaction is tried before the caller hears of it. Of those that wait for each other in a circle one is
/// let through at a time, so in a crowd the last one needs as many attempts as there are others.
const ATTEMPTS: u32 = 50;
/// The first pause; each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn transact<T, F>(
    pool: &PgPool,
    counters: &Arc<Counters>,
    before_commit: BeforeCommit,
    work: F,
) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: for<'a> Fn(&'a mut Conn<'_>) -> BoxFuture<'a, Result<T, StoreError>> + Send + Sync + 'static,
{
    let mut attempt = 1;
    loop {
        match once(pool, counters, &before_commit, &work).await {
            Ok(value) => return Ok(value),
            Err(Failed::Begin(error)) if attempt >= ATTEMPTS || !error.is_retryable() => return Err(error),
            Err(Failed::Work(error)) if attempt >= ATTEMPTS || !error.is_contention() => return Err(error),
            Err(_) => {}
        }
        let pause = (FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1)).min(LONGEST_PAUSE);
        // Those who got into each other's way must not come back together.
        let jitter: f64 = rand::rng().random_range(0.5..1.5);
        tokio::time::sleep(pause.mul_f64(jitter)).await;
        attempt += 1;
    }
}

enum Failed {
    /// Nothing has been sent: trying again is safe whatever the reason.
    Begin(StoreError),
    /// Something has been sent; a lost connection may mean that it is committed.
    Work(StoreError),
}

async fn once<T, F>(
    pool: &PgPool,
    counters: &Arc<Counters>,
    before_commit: &BeforeCommit,
    work: &F,
) -> Result<T, Failed>
where
    T: Send + 'static,
    F: for<'a> Fn(&'a mut Conn<'_>) -> BoxFuture<'a, Result<T, StoreError>> + Send + Sync + 'static,
{
    let mut tx = super::begun(pool, "BEGIN").await.map_err(Failed::Begin)?;
    let result = work(&mut Conn::postgres(&mut tx, counters)).await;
    match result {
        Ok(value) => {
            if let Some((probe, point)) = before_commit {
                probe.at(point).await;
            }
            tx.commit().await.map_err(|error| Failed::Work(error.into()))?;
            counters.committed();
            Ok(value)
        }
        Err(error) => {
            // A lost connection undoes it as well.
            let _ = tx.rollback().await;
            Err(Failed::Work(error))
        }
    }
}
