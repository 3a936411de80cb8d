//! Waiting for policies that run elsewhere without keeping a thread that everybody needs.
//!
//! Running policy code is a plain call. In this process it computes; elsewhere it waits, possibly until all who run policies
//! have done with somebody else's. While it does, the thread it is called on is given up to the runtime's other tasks: the
//! one that says that this node lives must not wait for a policy.

use std::{sync::Arc, time::Duration};

use policykit_core::{
    Value,
    policy::{Block, Blocks},
    snapshot::ActionView,
};
use policykit_policy::{Budget, Diagnostic, Filters, Paused, Place, Program, Raised, Sandbox, Scope, Step};
use tokio::runtime::{Handle, RuntimeFlavor};

/// The same sandbox; where it runs code elsewhere, waiting for it keeps nobody else waiting.
pub(crate) fn aside(sandbox: Arc<dyn Sandbox>) -> Arc<dyn Sandbox> {
    match sandbox.place() {
        Place::Here => sandbox,
        Place::Elsewhere => Arc::new(Aside(sandbox)),
    }
}

/// Waits for something without keeping the thread.
fn waiting<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // A runtime of one thread has nobody to give it to, and no runtime has nobody who waits.
        _ => work(),
    }
}

struct Aside(Arc<dyn Sandbox>);

impl Sandbox for Aside {
    fn build(&self) -> &str {
        self.0.build()
    }

    fn compile(&self, blocks: &Blocks) -> Result<Program, Vec<Diagnostic>> {
        waiting(|| self.0.compile(blocks))
    }

    fn begin(&self, program: &Program, block: Block, scope: Scope, budget: Budget) -> Step {
        step(waiting(|| self.0.begin(program, block, scope, budget)))
    }

    fn join(&self, programs: &[Option<&Program>]) -> Arc<dyn Filters> {
        Arc::new(AsideFilters(waiting(|| self.0.join(programs))))
    }

    fn budget(&self) -> Budget {
        self.0.budget()
    }

    fn place(&self) -> Place {
        self.0.place()
    }

    fn waited(&self) -> Duration {
        self.0.waited()
    }
}

struct AsideFilters(Arc<dyn Filters>);

impl Filters for AsideFilters {
    fn group_of(&self, place: usize) -> Option<usize> {
        self.0.group_of(place)
    }

    fn run(&self, group: usize, action: &ActionView) -> Vec<(usize, bool)> {
        waiting(|| self.0.run(group, action))
    }

    fn run_all(&self, group: usize, actions: &[ActionView]) -> Vec<Vec<(usize, bool)>> {
        waiting(|| self.0.run_all(group, actions))
    }
}

struct AsidePaused(Box<dyn Paused>);

impl Paused for AsidePaused {
    fn resume(self: Box<Self>, answer: Result<Option<Value>, Raised>) -> Step {
        step(waiting(|| self.0.resume(answer)))
    }
}

fn step(step: Step) -> Step {
    match step {
        Step::Ask(request, paused) => Step::Ask(request, Box::new(AsidePaused(paused))),
        ended @ (Step::Done(..) | Step::Failed(_)) => ended,
    }
}
