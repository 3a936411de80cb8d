//! Policy code in child processes of this program: the second [`Sandbox`], and the server's usual one.
//!
//! A worker that dies, whatever killed it, takes nothing with it but time: every run can be begun again from its scope and
//! the answers it has had, and goes the same way. What kills two workers in a row is not run a third time.
//!
//! What workers say is not believed further than it has to be: see [`wire`] for lengths and depths. A worker that breaks
//! out of the interpreter can lie about the blocks it runs, and can reach nothing else.

mod child;
mod containment;
mod ending;
mod faults;
mod message;
mod pool;
mod process;
mod remote;
mod runs;
mod seat;
mod watch;
mod wire;

use std::{path::PathBuf, sync::Arc, time::Duration};

use policykit_core::{
    Value,
    policy::{Block, Blocks},
};

pub use self::{child::sandbox_process, containment::Containment, process::WorkerTrouble};
use self::{pool::Pool, remote::Remote, runs::Case};
use crate::{
    compile::{MontySandbox, Program},
    error::Diagnostic,
    sandbox::{Budget, Filters, Place, Sandbox, Scope, Step},
};

/// How workers are started.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The program.
    pub program: PathBuf,
    /// What makes it call [`sandbox_process`].
    pub arguments: Vec<String>,
    /// How many there are at most; they are started when they are first needed.
    pub count: usize,
    /// How long a worker that stands still is waited for at least. Long enough that it never happens to one that is only
    /// slow.
    pub patience: Duration,
    /// What a block may use up.
    pub budget: Budget,
}

impl WorkerOptions {
    /// The usual patience.
    pub const PATIENCE: Duration = Duration::from_secs(10);
}

/// Runs blocks in child processes.
pub struct Workers {
    pool: Arc<Pool>,
    budget: Budget,
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").field("lost", &self.lost()).finish_non_exhaustive()
    }
}

impl Workers {
    /// Workers that are started like this.
    ///
    /// # Errors
    /// When this process can have no further thread.
    pub fn new(options: WorkerOptions) -> Result<Self, WorkerTrouble> {
        let budget = options.budget;
        Ok(Self { pool: Pool::new(options, MontySandbox.build().to_owned())?, budget })
    }

    /// Starts a worker if none runs, and says how far the kernel holds it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn try_one(&self) -> Result<Containment, WorkerTrouble> {
        self.pool.try_one()
    }

    /// How many workers were lost so far.
    pub fn lost(&self) -> u64 {
        self.pool.lost()
    }

    /// How many questions were put to workers so far.
    pub fn asked(&self) -> u64 {
        self.pool.asked()
    }

    /// How many workers run something now, or wait to be started for it.
    pub fn busy(&self) -> usize {
        self.pool.busy()
    }

    /// The processes that run now, by their number in the system.
    pub fn processes(&self) -> Vec<u32> {
        self.pool.processes()
    }
}

impl Sandbox for Workers {
    fn build(&self) -> &str {
        MontySandbox.build()
    }

    /// Compiled here too: what is wrong with a policy is said before it is kept, and the compiler has its limits.
    fn compile(&self, blocks: &Blocks) -> Result<Program, Vec<Diagnostic>> {
        MontySandbox.compile(blocks)
    }

    fn begin(&self, program: &Program, block: Block, scope: Scope, budget: Budget) -> Step {
        let Some(code) = program.block(block) else {
            let variables = scope.parameters.get(3).map(|value| Value::clone(value));
            return Step::Done(Value::None, variables.unwrap_or_default());
        };
        self.pool.begin(Arc::new(Case { code: Arc::clone(code), scope, budget }))
    }

    fn join(&self, programs: &[Option<&Program>]) -> Arc<dyn Filters> {
        Arc::new(Remote::new(&self.pool, programs))
    }

    fn budget(&self) -> Budget {
        self.budget
    }

    fn place(&self) -> Place {
        Place::Elsewhere
    }

    fn waited(&self) -> Duration {
        pool::waited()
    }
}
