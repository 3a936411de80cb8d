//! Who waits for a connection, and who no longer does.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::{FutureExt as _, future::BoxFuture};
use sqlx::sqlite::SqlitePoolOptions;

use super::begun;

#[test]
fn who_went_away_while_waiting_for_a_connection_is_not_waited_for() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let handed_out = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&handed_out);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .before_acquire(move |_, _| {
                count.fetch_add(1, Ordering::SeqCst);
                Box::pin(async { Ok(true) })
            })
            .connect("sqlite::memory:")
            .await
            .unwrap();
        let held = pool.acquire().await.unwrap();
        let before = handed_out.load(Ordering::SeqCst);
        for _ in 0..100 {
            let mut given_up = begun(&pool, "BEGIN").boxed();
            assert!(given_up.as_mut().now_or_never().is_none(), "the only connection is taken");
        }
        let mut stays: BoxFuture<'_, _> = begun(&pool, "BEGIN").boxed();
        assert!(stays.as_mut().now_or_never().is_none(), "the only connection is taken");
        drop(held);
        let tx = stays.await.unwrap();
        assert_eq!(
            handed_out.load(Ordering::SeqCst) - before,
            1,
            "to the one that is still there, and nobody before it"
        );
        tx.rollback().await.unwrap();
    });
}
