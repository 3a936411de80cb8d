//! How long it is looked for a way to change the rules. Time in which policies wait for their turn does not count, or a busy
//! server would judge otherwise than an idle one.

use std::{cell::Cell, sync::Arc, time::Duration};

use policykit_policy::Sandbox;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::EngineError;

/// What a look may take, and whether anybody still waits for what it finds.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    /// How long policies may take, all of one look together. One block may still run to its own limit after that.
    pub(crate) time: Duration,
    gone: CancellationToken,
}

/// One look, from its beginning on.
pub(crate) struct Effort {
    sandbox: Arc<dyn Sandbox>,
    limit: Limit,
    began: Instant,
    waited: Duration,
    cut_off: Cell<bool>,
}

impl Effort {
    /// Begins a look on this thread, on which it has to stay.
    pub(crate) fn begin(sandbox: &Arc<dyn Sandbox>, limit: &Limit) -> Self {
        Self {
            sandbox: Arc::clone(sandbox),
            limit: limit.clone(),
            began: Instant::now(),
            waited: sandbox.waited(),
            cut_off: Cell::new(false),
        }
    }

    /// Whether it is over; asked before everything that takes time. Once it is it stays so.
    pub(crate) fn is_over(&self) -> bool {
        if !self.cut_off.get() {
            let waited = self.sandbox.waited().saturating_sub(self.waited);
            let late = self.began.elapsed().saturating_sub(waited) >= self.limit.time;
            self.cut_off.set(late || self.limit.gone.is_cancelled());
        }
        self.cut_off.get()
    }

    /// Whether something was not looked at any more, so that nothing follows from what was not found.
    pub(crate) fn was_cut_off(&self) -> bool {
        self.cut_off.get()
    }
}

/// Rehearses on a thread of its own, because policies may compute for long. The time begins when it has the thread.
pub(crate) async fn aside<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce(&Limit) -> T + Send + 'static,
) -> Result<T, EngineError> {
    let gone = CancellationToken::new();
    // Whoever stops waiting for the answer stops the work too.
    let _stop = gone.clone().drop_guard();
    let done = tokio::task::spawn_blocking(move || work(&Limit { time, gone })).await;
    done.map_err(|error| EngineError::Inconsistent(format!("the rules could not be rehearsed: {error}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use policykit_core::policy::{Block, Blocks};
    use policykit_policy::{Budget, Diagnostic, Filters, MontySandbox, Program, Scope, Step};

    use super::*;

    /// A sandbox in which this thread has waited for so long.
    struct Waited(Mutex<Duration>);

    impl Sandbox for Waited {
        fn build(&self) -> &str {
            MontySandbox.build()
        }

        fn compile(&self, blocks: &Blocks) -> Result<Program, Vec<Diagnostic>> {
            MontySandbox.compile(blocks)
        }

        fn begin(&self, program: &Program, block: Block, scope: Scope, budget: Budget) -> Step {
            MontySandbox.begin(program, block, scope, budget)
        }

        fn join(&self, programs: &[Option<&Program>]) -> Arc<dyn Filters> {
            MontySandbox.join(programs)
        }

        fn waited(&self) -> Duration {
            *self.0.lock().unwrap()
        }
    }

    fn begun(time: Duration) -> (Arc<Waited>, Effort, CancellationToken) {
        let sandbox = Arc::new(Waited(Mutex::new(Duration::from_secs(7))));
        let gone = CancellationToken::new();
        let limit = Limit { time, gone: gone.clone() };
        let effort = Effort::begin(&(Arc::clone(&sandbox) as Arc<dyn Sandbox>), &limit);
        (sandbox, effort, gone)
    }

    #[test]
    fn waiting_for_a_worker_is_no_effort() {
        let (sandbox, effort, _gone) = begun(Duration::from_nanos(1));
        // All the time since the beginning, and more than that.
        *sandbox.0.lock().unwrap() += Duration::from_secs(3_600);
        assert!(!effort.is_over());
        *sandbox.0.lock().unwrap() -= Duration::from_secs(3_600);
        while !effort.is_over() {}
        *sandbox.0.lock().unwrap() += Duration::from_secs(3_600);
        assert!(effort.is_over() && effort.was_cut_off(), "what was left out stays left out");
    }

    #[test]
    fn nothing_is_looked_at_for_nobody() {
        let (_sandbox, effort, gone) = begun(Duration::from_secs(3_600));
        assert!(!effort.is_over());
        gone.cancel();
        assert!(!effort.was_cut_off(), "nothing has been left out yet");
        assert!(effort.is_over() && effort.was_cut_off());
    }
}
