//! The integration SDK and every integration.
//!
//! The only crate that knows a platform by name and the only one that speaks HTTP to the outside. An integration is one
//! folder and one line in [`registry`]; everything else is derived from its descriptor.

pub mod platform;
pub mod slack;

pub use platform::Platform;
