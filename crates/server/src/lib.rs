//! The `policykit` binary: configuration, command line, HTTP.
//!
//! Everything the program does is decided in the engine; this crate brings it requests and shows what came of them. The
//! router is public so that tests of the whole product drive the real one.

pub mod cli;
pub mod config;
mod http;
mod records;
pub mod scenario;
mod shown;
pub mod telemetry;

pub use http::{AppState, app, health_app};
