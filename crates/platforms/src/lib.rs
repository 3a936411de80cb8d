//! The integration SDK and every integration.
//!
//! The only crate that knows a platform by name and the only one that speaks HTTP to the outside. An integration is one
//! folder and one line in [`registry`]; everything else is derived from its descriptor.

#![cfg_attr(test, expect(clippy::needless_pass_by_value, reason = "tests read better with json! written in place"))]

mod declare;
mod declared;
#[cfg(feature = "demo")]
pub mod demo;
mod discord;
pub mod discourse;
#[cfg(feature = "demo")]
pub mod fakes;
mod github;
pub mod http;
mod loomio;
mod metagov;
mod opencollective;
mod place;
pub mod platform;
mod quoted;
mod reddit;
pub mod reference;
pub mod registry;
pub mod signature;
pub mod slack;
pub mod sourcecred;

pub use http::{Http, HttpOptions};
pub use platform::Platform;
pub use registry::{Registry, registry};
