//! The SourceCred integration against the fake, over HTTP on this machine: what it reads from every form of an instance,
//! what it makes of a broken one, how little it asks for, and that it reads what SourceCred itself has written.

#![cfg(feature = "demo")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code: a failed expectation is the result"
)]

#[path = "sourcecred/rig.rs"]
mod rig;

#[path = "sourcecred/contract.rs"]
mod contract;
#[path = "sourcecred/reads.rs"]
mod reads;
#[path = "sourcecred/troubles.rs"]
mod troubles;
