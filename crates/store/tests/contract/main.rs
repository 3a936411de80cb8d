//! What the store promises, on SQLite and on PostgreSQL alike.
//!
//! PostgreSQL is tested when `POLICYKIT_TEST_POSTGRES` names a database whose role may create databases. Statements
//! written here by hand only tamper with rows or look at them: what the store does is asked of the store.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::needless_pass_by_value,
    reason = "test code: a failed expectation is the result"
)]

mod amendments;
mod ballots;
mod calls;
mod channels;
mod claims;
mod commit;
mod contention;
mod decisions;
mod leases;
mod migrations;
mod numbers;
mod operators;
mod owned;
mod plans;
mod proposals;
mod receive;
mod rules;
mod secrets;
mod sessions;
mod support;
mod tenancy;
mod times;
mod trouble;
mod values;
mod wakes;
