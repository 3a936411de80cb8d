//! What tests of the whole product share: the application under test on both databases, the stand-in for the platform,
//! a clock and ids that are handed in, and the checks that hold after every test.
//!
//! Only for tests. Nothing here decides anything for the product, and nothing waits by sleeping: work is drained.

#![expect(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test that cannot go on fails loudly")]

mod app;
mod check;
mod database;
mod drafts;
mod http;
mod node;
mod probe;
mod runner;
mod served;
mod workspace;

pub use app::{CHANNELS, PEOPLE, Setup, TestApp};
pub use check::Findings;
pub use database::{Kind, TestDatabase};
pub use drafts::{Draft, shared_policy};
pub use http::{Raw, Reply};
pub use node::{Believed, Node, NodeOptions, Serve};
pub use probe::{Count, Gate, StopAt};
pub use runner::{run_test_on, run_test_with};
pub use served::{Client, Served};
pub use workspace::Workspace;
