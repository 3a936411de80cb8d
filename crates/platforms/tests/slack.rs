//! The Slack integration against the fake, over HTTP on this machine: what it does, what it makes of refusals and of a
//! broken network, what it finds out afterwards, what it reads from deliveries, and that Slack would take its requests.

#![cfg(feature = "demo")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::needless_pass_by_value,
    reason = "test code: a failed expectation is the result"
)]

#[path = "slack_fake/shape.rs"]
#[expect(dead_code, reason = "shared with the tests of the fake, which use more of it")]
mod shape;
#[path = "slack_fake/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the fake, which use more of it")]
mod support;

#[path = "slack/rig.rs"]
mod rig;
#[path = "slack/wire.rs"]
mod wire;

#[path = "slack/actions.rs"]
mod actions;
#[path = "slack/calls.rs"]
mod calls;
#[path = "slack/confirm.rs"]
mod confirm;
#[path = "slack/contract.rs"]
mod contract;
#[path = "slack/deliveries.rs"]
mod deliveries;
#[path = "slack/directory.rs"]
mod directory;
#[path = "slack/hostile.rs"]
mod hostile;
#[path = "slack/journey.rs"]
mod journey;
#[path = "slack/network.rs"]
mod network;
#[path = "slack/refusals.rs"]
mod refusals;
#[path = "slack/renewal.rs"]
mod renewal;
