//! Policy code in, what it does out.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail loudly, and say when they cannot run"
)]

mod apart;
mod common;
mod conformance;
mod diagnosing;
mod differential;
mod formats;
mod hostile;
mod hostile_natives;
mod hostile_towers;
mod inventory;
mod joined;
mod language;
mod objects;
mod properties;
mod published;
mod reference;
mod running;
