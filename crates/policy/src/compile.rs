//! Blocks made ready for the interpreter, once per version of a policy.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use monty::MontyRun;
use monty_types::{CompileOptions, MontyException};
use policykit_core::{
    Value,
    policy::{Block, Blocks},
};

use crate::{
    error::Diagnostic,
    joined::Joined,
    rewrite::{self, Prepared},
    sandbox::{Budget, Filters, Sandbox, Scope, Step},
    vm::Execution,
};

/// What of the interpreter, its prelude and its rewriter decides how a block behaves; stored with each evaluation.
const BUILD: &str = "monty-0.0.23/policykit-3";

/// Stack of the thread that parses and compiles: flat chains of operators nest deeply there.
const COMPILE_STACK: usize = 64 * 1024 * 1024;

/// The compiled blocks of a policy. Cheap to clone and to share.
#[derive(Debug, Clone)]
pub struct Program(Arc<[Option<Arc<Compiled>>; 6]>);

impl Program {
    /// Whether a block has nothing to run.
    pub fn is_blank(&self, block: Block) -> bool {
        self.block(block).is_none()
    }

    /// Whether a block names the clock, so that its result may change by the mere passing of time. It need not have come to
    /// where it does: "as long as there is no vote, wait" stands at the beginning of many.
    pub fn reads_clock(&self, block: Block) -> bool {
        ["now(", "today(", "utcnow(", "get_time_elapsed("].iter().any(|name| self.says(block, name))
    }

    /// Whether a block contains this text, comments and strings included.
    pub(crate) fn says(&self, block: Block, text: &str) -> bool {
        self.block(block).is_some_and(|c| c.prepared.code.contains(text))
    }

    /// Whether a block, or what it needs of the prelude, mentions a name.
    pub(crate) fn mentions(&self, block: Block, name: &str) -> bool {
        self.block(block).is_some_and(|c| c.prepared.mentions(name))
    }

    pub(crate) fn block(&self, block: Block) -> Option<&Arc<Compiled>> {
        self.0.get(block as usize)?.as_ref()
    }
}

pub(crate) struct Compiled {
    // The interpreter's code is `Send` but not `Sync`; a clone is taken for each run.
    pub(crate) code: Mutex<MontyRun>,
    pub(crate) prepared: Prepared,
    pub(crate) block: Block,
    /// Tells it from every other that this process has compiled.
    pub(crate) number: u64,
    /// As its author wrote it, to be compiled again elsewhere.
    pub(crate) source: String,
}

/// The number of the block that is compiled next.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled").field("block", &self.block).finish_non_exhaustive()
    }
}

/// Runs blocks in this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct MontySandbox;

impl Sandbox for MontySandbox {
    fn build(&self) -> &str {
        BUILD
    }

    fn compile(&self, blocks: &Blocks) -> Result<Program, Vec<Diagnostic>> {
        let sources: Vec<(Block, String)> = Block::ALL.iter().map(|b| (*b, blocks.get(*b).to_owned())).collect();
        let compiled = on_large_stack(move || {
            sources.into_iter().map(|(block, source)| compile_block(block, &source)).collect::<Vec<_>>()
        });
        let compiled = compiled.map_err(|why| vec![Diagnostic::at("PK003", Block::Filter, (1, 1), why)])?;
        let mut slots: [Option<Arc<Compiled>>; 6] = Default::default();
        let mut problems = Vec::new();
        for (slot, result) in slots.iter_mut().zip(compiled) {
            match result {
                Ok(code) => *slot = code.map(Arc::new),
                Err(mut found) => problems.append(&mut found),
            }
        }
        if problems.is_empty() { Ok(Program(Arc::new(slots))) } else { Err(problems) }
    }

    fn begin(&self, program: &Program, block: Block, scope: Scope, budget: Budget) -> Step {
        let Some(code) = program.block(block) else {
            let variables = scope.parameters.get(3).map(|value| Value::clone(value));
            return Step::Done(Value::None, variables.unwrap_or_default());
        };
        Execution::new(Arc::clone(code), scope, budget).start()
    }

    fn join(&self, programs: &[Option<&Program>]) -> Arc<dyn Filters> {
        Arc::new(Joined::new(programs))
    }
}

/// Does something on a thread whose stack is large enough for the compiler.
pub(crate) fn on_large_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    std::thread::Builder::new()
        .name("policy-compile".to_owned())
        .stack_size(COMPILE_STACK)
        .spawn(work)
        .map_err(|error| error.to_string())
        .and_then(|thread| thread.join().map_err(|_| "the compiler stopped".to_owned()))
}

fn compile_block(block: Block, source: &str) -> Result<Option<Compiled>, Vec<Diagnostic>> {
    if rewrite::is_blank(source) {
        return Ok(None);
    }
    let prepared = rewrite::prepare(block, source)?;
    let inputs = rewrite::PARAMETERS.split(", ").map(str::to_owned).collect();
    match MontyRun::new(prepared.code.clone(), &format!("{block}.py"), inputs, CompileOptions::default()) {
        Ok(code) => Ok(Some(Compiled {
            code: Mutex::new(code),
            prepared,
            block,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            source: source.to_owned(),
        })),
        Err(exception) => {
            let place = position(&prepared, &exception).unwrap_or((1, 1));
            Err(vec![Diagnostic::at("PK004", block, place, exception.message().unwrap_or("it cannot be run"))])
        }
    }
}

/// The innermost place in the author's own text.
pub(crate) fn position(prepared: &Prepared, exception: &MontyException) -> Option<(usize, usize)> {
    exception
        .traceback()
        .iter()
        .rev()
        .find_map(|frame| prepared.author_position(frame.start.line as usize, frame.start.column as usize))
}
