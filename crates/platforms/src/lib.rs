//! The integration SDK and every integration.
//!
//! The only crate that knows a platform by name and the only one that speaks HTTP to the outside. An integration is one
//! folder and one line in [`registry`]; everything else is derived from its descriptor.

#![cfg_attr(test, expect(clippy::needless_pass_by_value, reason = "tests read better with json! written in place"))]

#[cfg(feature = "demo")]
pub mod demo;
#[cfg(feature = "demo")]
pub mod fakes;
pub mod http;
pub mod platform;
pub mod registry;
pub mod signature;
pub mod slack;

pub use http::{Http, HttpOptions};
pub use platform::Platform;
pub use registry::{Registry, registry};
