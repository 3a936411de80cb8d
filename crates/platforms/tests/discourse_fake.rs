//! The Discourse fake behaves as a forum does: what it refuses, what it remembers, what it tells web hooks, and the
//! faults it can be told to make.

#![cfg(feature = "demo")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code: a failed expectation is the result"
)]

#[path = "discourse_fake/support.rs"]
mod support;

#[path = "discourse_fake/contract.rs"]
mod contract;
#[path = "discourse_fake/deliveries.rs"]
mod deliveries;
#[path = "discourse_fake/faults.rs"]
mod faults;
#[path = "discourse_fake/history.rs"]
mod history;
#[path = "discourse_fake/keys.rs"]
mod keys;
#[path = "discourse_fake/pages.rs"]
mod pages;
#[path = "discourse_fake/polls.rs"]
mod polls;
#[path = "discourse_fake/writing.rs"]
mod writing;
