//! The integration SDK and every integration.
//!
//! The only crate that knows a platform by name and the only one that speaks HTTP to the outside. An integration is one
//! folder and one line in [`registry`]; everything else is derived from its descriptor.

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
