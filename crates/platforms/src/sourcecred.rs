//! SourceCred: how much cred and grain people have, read from the files that an instance publishes.
//!
//! Nothing is asked for and nothing is changed there. Facts about the files come from SourceCred's own source and from
//! instances that it produced.

mod address;
mod descriptor;
mod files;
mod grain;
mod instance;
mod ledger;
mod read;
mod standing;
mod store;

#[cfg(feature = "demo")]
pub mod fake;

pub use descriptor::ID;

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _, ready};
use policykit_core::{
    JsonMap, Value,
    call::{CallOutcome, PlanStep, PlannedCall},
    descriptor::PlatformDescriptor,
};

use self::store::Store;
use crate::{
    http::Http,
    platform::{CallError, Confirmation, Entered, Inspection, PlanContext, Platform, SendContext},
};

/// The SourceCred integration.
#[derive(Debug)]
pub struct SourceCred {
    descriptor: PlatformDescriptor,
    store: Store,
}

impl SourceCred {
    /// Makes its requests through this client.
    pub fn new(http: Arc<Http>) -> Self {
        Self { descriptor: descriptor::descriptor(), store: Store::new(http) }
    }
}

impl Platform for SourceCred {
    fn descriptor(&self) -> &PlatformDescriptor {
        &self.descriptor
    }

    fn id_of_place(&self, id: &str) -> String {
        instance::id_of(id)
    }

    fn plan(&self, method: &str, _args: &JsonMap, _context: &PlanContext<'_>, _so_far: &[CallOutcome]) -> PlanStep {
        PlanStep::Raise { class: "AttributeError".to_owned(), message: format!("`{ID}` has no method `{method}`") }
    }

    fn send<'a>(
        &'a self,
        call: &'a PlannedCall,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<CallOutcome, CallError>> {
        let message = format!("there is nothing to change there, so not `{}` either", call.operation);
        ready(Ok(CallOutcome::Refused { code: "read_only".to_owned(), message })).boxed()
    }

    fn confirm<'a>(&'a self, _call: &'a PlannedCall, _context: &'a SendContext) -> BoxFuture<'a, Confirmation> {
        // Nothing is ever sent.
        ready(Confirmation::NotDone).boxed()
    }

    fn read<'a>(
        &'a self,
        method: &'a str,
        args: &'a JsonMap,
        context: &'a SendContext,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        read::read(&self.store, method, args, context).boxed()
    }

    fn inspect<'a>(&'a self, entered: Entered<'a>) -> BoxFuture<'a, Result<Inspection, String>> {
        instance::inspect(&self.store, entered).boxed()
    }
}
