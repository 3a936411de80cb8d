//! The Slack fake behaves as Slack does: its errors, its deliveries, its clicks, and the faults it can be told to make.

#![cfg(feature = "demo")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code: a failed expectation is the result"
)]

#[path = "slack_fake/support.rs"]
mod support;

#[path = "slack_fake/calls.rs"]
mod calls;
#[path = "slack_fake/channels.rs"]
mod channels;
#[path = "slack_fake/clicks.rs"]
mod clicks;
#[path = "slack_fake/contract.rs"]
mod contract;
#[path = "slack_fake/control.rs"]
mod control;
#[path = "slack_fake/deliveries.rs"]
mod deliveries;
#[path = "slack_fake/faults.rs"]
mod faults;
#[path = "slack_fake/messages.rs"]
mod messages;
#[path = "slack_fake/shape.rs"]
mod shape;
