//! Runs a test body once on every database that can be tested here, and checks afterwards what must always hold.

use crate::{
    app::{Setup, TestApp},
    database::Kind,
    node::Serve,
};

/// Runs `body` once on SQLite and, where there is one, once on PostgreSQL.
#[expect(clippy::needless_pass_by_value, reason = "a test reads best with its body written in place")]
pub fn run_test_with<F>(serve: Serve, setup: &Setup, body: F)
where
    F: AsyncFn(&mut TestApp),
{
    for kind in Kind::available() {
        run_test_on(kind, serve, setup, &body);
    }
}

/// Runs `body` on one kind of database.
#[expect(clippy::needless_pass_by_value, reason = "a test reads best with its body written in place")]
pub fn run_test_on<F>(kind: Kind, serve: Serve, setup: &Setup, body: F)
where
    F: AsyncFn(&mut TestApp),
{
    // Shown by the test harness with the failure, if there is one.
    eprintln!("--- on {kind:?}");
    let world = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("world")
        .enable_all()
        .build()
        .expect("a runtime");
    world.block_on(async {
        let mut app = TestApp::start(kind, serve, setup.clone()).await;
        body(&mut app).await;
        app.finish().await;
    });
}
