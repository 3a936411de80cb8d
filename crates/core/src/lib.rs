//! The governance domain as plain data and pure functions.
//!
//! Everything here can be computed from its arguments: no I/O, no async, no SQL, no HTTP and no clock of its own.
//! The other crates bring those in and meet each other through the types of this one.

pub mod action;
pub mod ballot;
pub mod call;
pub mod clock;
pub mod community;
pub mod constitution;
pub mod decider;
pub mod descriptor;
pub mod event;
pub mod id_source;
pub mod ids;
pub mod kit;
pub mod machine;
pub mod permission;
pub mod policy;
pub mod proposal;
pub mod snapshot;
pub mod state;
pub mod value;

pub use clock::{Clock, FakeClock, SystemClock, Timestamp};
pub use id_source::{FakeIds, IdSource, SystemIds};
pub use value::{ObjectKind, ObjectRef, Value};

/// A JSON object: the form in which fields of actions and arguments of calls travel.
pub type JsonMap = serde_json::Map<String, serde_json::Value>;
