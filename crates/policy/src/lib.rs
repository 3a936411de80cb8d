//! Runs policy code: rewrites it, compiles it, runs it within limits, and answers what it asks of its host.
//!
//! Nothing here reaches outside: no I/O, no clock, no randomness of its own. What a policy needs from outside surfaces as
//! a [`Progress`] for the caller to answer, so that every run can be repeated from its snapshot and its answers.
//! The interpreter is hidden behind [`Sandbox`]; no other crate sees its types.

mod compile;
mod convert;
mod diagnose;
mod error;
mod import;
mod joined;
mod methods;
mod objects;
mod prelude;
mod python;
mod reference;
mod rewrite;
mod run;
mod sandbox;
mod vm;
mod workers;

pub use compile::{MontySandbox, Program};
pub use diagnose::{CODES, Vocabulary, diagnose};
pub use error::{Diagnostic, Failure, FailureKind, Limit, Severity};
pub use import::{ImportError, from_policykit_json, to_policykit_json};
pub use joined::Joined;
pub use methods::MethodTable;
pub use objects::{COMMUNITY, LogEntry, Overlay, RunReport, document_value, policy_value, role_value, user_value};
pub use python::{PolicyFile, PolicyFileError, from_python, to_python};
pub use reference::reference;
pub use run::{ActionEffect, Answer, MethodCall, Progress, ReadRequest, Run, verdict};
pub use sandbox::{Budget, Filters, Paused, Place, Raised, Request, Sandbox, Scope, Step};
pub use workers::{Containment, WorkerOptions, WorkerTrouble, Workers, sandbox_process};
