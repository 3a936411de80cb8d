//! The Discourse integration against the stand-in, over real HTTP.

#![cfg(feature = "demo")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code: a failed expectation is the result"
)]

#[path = "discourse/rig.rs"]
mod rig;

#[path = "discourse/actions.rs"]
mod actions;
#[path = "discourse/contract.rs"]
mod contract;
#[path = "discourse/edits.rs"]
mod edits;
#[path = "discourse/journey.rs"]
mod journey;
#[path = "discourse/network.rs"]
mod network;
