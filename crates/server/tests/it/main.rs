//! The whole product: real router, real engine, real database (both kinds), a stand-in for the platform that keeps its own
//! record. Every test runs with two communities of equal names and policies, and after every test the same things are
//! checked: see `policykit_testkit`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on fails loudly"
)]

mod access;
mod again;
mod archiving;
mod ballots;
mod browser;
mod conformance;
mod constitution;
mod costs;
mod crash;
mod cred;
mod deadline;
mod deeds;
mod demo;
mod fairness;
mod faults;
mod forum;
mod founding;
mod held;
mod intake;
mod integrations;
mod kits;
mod lease;
mod lockout;
mod named;
mod outcomes;
mod page_costs;
mod places;
mod plain_words;
mod policies;
mod reads;
mod record;
mod replay;
mod rescue;
mod routes;
mod rules;
mod scenarios;
mod seen;
mod signin;
mod stages;
mod states;
mod story;
mod strangers;
mod tenancy;
mod topics;
mod upgrade;
mod visitor;
mod votes;
mod wandering;
mod way_back;
mod workers;

use futures::future::BoxFuture;
use policykit_engine::Engine;
use policykit_server::{AppState, app, config::Registration};
use policykit_testkit::{Setup, TestApp, run_test_with};
use tokio::net::TcpListener;

/// Serves the real router.
fn serve(engine: Engine, listener: TcpListener) -> BoxFuture<'static, ()> {
    serve_with(engine, listener, Registration::Open)
}

/// Serves the real router, where these may connect a new community.
fn serve_with(engine: Engine, listener: TcpListener, registration: Registration) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let address = listener.local_addr().expect("an address");
        let router = app(AppState::new(engine, &format!("http://{address}"), registration));
        let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
        axum::serve(listener, service).await.expect("it serves until it is dropped");
    })
}

/// Runs a body on every database.
fn run_test(body: impl AsyncFn(&mut TestApp)) {
    run_test_with(serve, &Setup::default(), body);
}
