//! The interpreter behind a trait, and its limits.
//!
//! Time is limited by what the block's thread has really computed. The interpreter itself only knows wall time, which on a
//! busy machine runs on while the block waits its turn: when its alarm rings too early, the block is run again from its
//! beginning on the answers it has had, with a later alarm. Blocks are deterministic, so that changes nothing.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use monty::MontyRun;
use monty::RunProgress;
use monty_types::{
    CompileOptions, ExcType, ExtFunctionResult, MontyException, MontyObject, NameLookupResult, OsFunctionCall,
    PrintWriter, ResourceLimits, ResourceTracker,
};
use policykit_core::{
    ObjectRef, Timestamp, Value,
    policy::{Block, Blocks},
};
use rustix::time::{ClockId, clock_gettime};

use crate::{
    convert::{Objects, date_time},
    error::{Diagnostic, Failure, FailureKind, Limit},
    rewrite::{self, Prepared},
};

/// What of the interpreter, its prelude and its rewriter decides how a block behaves; stored with each evaluation.
const BUILD: &str = "monty-0.0.23/policykit-2";

/// Stack of the thread that parses and compiles: flat chains of operators nest deeply there.
const COMPILE_STACK: usize = 64 * 1024 * 1024;

/// How deep functions may call each other.
const RECURSION: usize = 200;

/// How large a single value may become, in bytes.
const LARGEST_VALUE: usize = 64 * 1024 * 1024;

/// How deep a value that leaves a block may be nested. It is stored as JSON, which takes up to three levels for one of
/// these and is read back only down to 128.
const DEEPEST: usize = 32;

/// Said when a value is nested more deeply.
const TOO_DEEP: &str = "the value is nested more than 32 levels deep; keep lists and dictionaries flatter";

/// What a block may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Processor time of its thread.
    pub cpu: Duration,
    /// How often it may ask its host.
    pub host_calls: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { cpu: Duration::from_millis(200), host_calls: 2_000 }
    }
}

impl Budget {
    /// The same with `factor` times the room.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        Self { cpu: self.cpu.saturating_mul(factor), host_calls: self.host_calls.saturating_mul(factor as usize) }
    }
}

/// What runs policy code.
pub trait Sandbox: Send + Sync {
    /// Names everything that decides how code behaves; two runs under the same name and on the same answers are equal.
    fn build(&self) -> &str;

    /// Compiles the six blocks of a policy.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    fn compile(&self, blocks: &Blocks) -> Result<Program, Vec<Diagnostic>>;

    /// Runs a block until it asks for something or ends. `scope` holds the parameters in order, then names that are
    /// looked up when used.
    fn begin(&self, program: &Program, block: Block, scope: Scope, budget: Budget) -> Step;
}

/// What a block is given.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `action`, `policy`, `proposal`, `variables`, `logger`.
    pub parameters: Vec<Value>,
    /// Further names, such as the platforms.
    pub names: Vec<(String, Value)>,
    /// What `datetime.now()` says.
    pub now: Timestamp,
}

/// The compiled blocks of a policy. Cheap to clone and to share.
#[derive(Debug, Clone)]
pub struct Program(Arc<[Option<Arc<Compiled>>; 6]>);

impl Program {
    /// Whether a block has nothing to run.
    pub fn is_blank(&self, block: Block) -> bool {
        self.block(block).is_none()
    }

    /// Whether a block names the clock, so that its result may change by the mere passing of time.
    pub fn reads_clock(&self, block: Block) -> bool {
        self.block(block).is_some_and(|c| ["now(", "today(", "utcnow("].iter().any(|n| c.prepared.code.contains(n)))
    }

    fn block(&self, block: Block) -> Option<&Arc<Compiled>> {
        self.0.get(block as usize)?.as_ref()
    }
}

struct Compiled {
    // The interpreter's code is `Send` but not `Sync`; a clone is taken for each run.
    code: Mutex<MontyRun>,
    prepared: Prepared,
    block: Block,
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled").field("block", &self.block).finish_non_exhaustive()
    }
}

/// What a block asks its host for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// An attribute that was not carried along.
    Attribute(ObjectRef, String),
    /// A method.
    Call(ObjectRef, String, Vec<Value>, Vec<(String, Value)>),
}

impl Request {
    fn is_within(&self, levels: usize) -> bool {
        match self {
            Self::Attribute(..) => true,
            Self::Call(_, _, args, named) => {
                args.iter().chain(named.iter().map(|(_, value)| value)).all(|value| value.is_within(levels))
            }
        }
    }
}

/// An exception to be raised in the block where it asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// Its class.
    pub class: String,
    /// Its message.
    pub message: String,
}

/// Where a block stands.
pub enum Step {
    /// It has ended: what it returned, and what it made of `variables`.
    Done(Value, Value),
    /// It waits for an answer. Holds no thread.
    Ask(Request, Box<Paused>),
    /// It failed.
    Failed(Failure),
}

/// A block that waits for an answer.
pub struct Paused {
    execution: Execution,
    waiting: RunProgress,
}

impl Paused {
    /// Goes on with an answer; `None` for an attribute that does not exist.
    pub fn resume(self, answer: Result<Option<Value>, Raised>) -> Step {
        let Self { mut execution, waiting } = self;
        let asked = execution.cpu_now();
        let next = execution.give(waiting, &answer);
        execution.history.push(answer);
        execution.go_on(next, asked)
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
        let compiled = std::thread::Builder::new()
            .name("policy-compile".to_owned())
            .stack_size(COMPILE_STACK)
            .spawn(move || sources.into_iter().map(|(block, source)| compile_block(block, &source)).collect::<Vec<_>>())
            .map_err(|error| error.to_string())
            .and_then(|thread| thread.join().map_err(|_| "the compiler stopped".to_owned()));
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
            let variables = scope.parameters.get(3).cloned().unwrap_or_default();
            return Step::Done(Value::None, variables);
        };
        Execution {
            code: Arc::clone(code),
            scope,
            budget,
            objects: Objects::default(),
            history: Vec::new(),
            used: Duration::ZERO,
            patience: 2,
        }
        .start()
    }
}

fn compile_block(block: Block, source: &str) -> Result<Option<Compiled>, Vec<Diagnostic>> {
    if rewrite::is_blank(source) {
        return Ok(None);
    }
    let prepared = rewrite::prepare(block, source)?;
    let inputs = rewrite::PARAMETERS.split(", ").map(str::to_owned).collect();
    match MontyRun::new(prepared.code.clone(), &format!("{block}.py"), inputs, CompileOptions::default()) {
        Ok(code) => Ok(Some(Compiled { code: Mutex::new(code), prepared, block })),
        Err(exception) => {
            let place = position(&prepared, &exception).unwrap_or((1, 1));
            Err(vec![Diagnostic::at("PK004", block, place, exception.message().unwrap_or("it cannot be run"))])
        }
    }
}

/// One run of one block.
struct Execution {
    code: Arc<Compiled>,
    scope: Scope,
    budget: Budget,
    objects: Objects,
    /// The answers so far, to run again from the beginning.
    history: Vec<Result<Option<Value>, Raised>>,
    used: Duration,
    /// How many times the processor time the alarm's wall time is.
    patience: u32,
}

impl Execution {
    fn start(mut self) -> Step {
        let begun = self.cpu_now();
        let next = self.run_from_the_beginning();
        self.go_on(next, begun)
    }

    fn cpu_now(&self) -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
    }

    fn run_from_the_beginning(&mut self) -> Result<RunProgress, MontyException> {
        let limits = ResourceLimits::default()
            .max_duration(self.budget.cpu.saturating_mul(self.patience))
            // Stops single values that ask for too much; what a block can gather bit by bit is bounded by its time.
            .max_memory(LARGEST_VALUE)
            .max_recursion_depth(RECURSION);
        let parameters = self.scope.parameters.clone();
        let inputs: Vec<MontyObject> = parameters.iter().map(|v| self.objects.lower(v)).collect();
        let code = self.code.code.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut next = code.start(inputs, ResourceTracker::new(limits), PrintWriter::Disabled);
        for answer in self.history.clone() {
            // Lookups of names and of the clock are answered by ourselves and are not in the history.
            next = self.answer_own(next);
            match next {
                Ok(waiting @ (RunProgress::FunctionCall(_) | RunProgress::NameLookup(_))) => {
                    next = self.give(waiting, &answer);
                }
                other => return other,
            }
        }
        next
    }

    /// Goes on until the block asks for something that is not ours to answer.
    fn go_on(mut self, mut next: Result<RunProgress, MontyException>, begun: Duration) -> Step {
        loop {
            next = self.answer_own(next);
            let used = self.used + self.cpu_now().saturating_sub(begun);
            match next {
                Ok(RunProgress::Complete(result)) => {
                    let result = self.objects.lift(&result);
                    if !result.is_within(DEEPEST) {
                        return Step::Failed(self.too_deep());
                    }
                    let Value::Tuple(mut both) = result else {
                        return Step::Done(Value::None, Value::None);
                    };
                    let variables = both.pop().unwrap_or_default();
                    return Step::Done(both.pop().unwrap_or_default(), variables);
                }
                Err(exception) if is_alarm(&exception) && used < self.budget.cpu && self.patience < 256 => {
                    self.patience *= 4;
                    next = self.run_from_the_beginning();
                    // What was computed before is not counted again.
                    self.used = Duration::ZERO;
                }
                Err(exception) => return Step::Failed(self.failure(&exception)),
                Ok(_) if used > self.budget.cpu => return Step::Failed(self.limit(Limit::Cpu)),
                Ok(_) if self.history.len() >= self.budget.host_calls => {
                    return Step::Failed(self.limit(Limit::HostCalls));
                }
                Ok(waiting) => {
                    self.used = used;
                    return match self.request(&waiting) {
                        Some(request) if !request.is_within(DEEPEST) => {
                            let refusal = Raised { class: "ValueError".to_owned(), message: TOO_DEEP.to_owned() };
                            next = self.give(waiting, &Err(refusal.clone()));
                            self.history.push(Err(refusal));
                            continue;
                        }
                        Some(request) => Step::Ask(request, Box::new(Paused { execution: self, waiting })),
                        None => Step::Failed(self.limit(Limit::HostCalls)),
                    };
                }
            }
        }
    }

    /// Answers what needs no host: names in scope, the clock, and everything a policy may not have.
    fn answer_own(&mut self, mut next: Result<RunProgress, MontyException>) -> Result<RunProgress, MontyException> {
        loop {
            next = match next? {
                RunProgress::NameLookup(lookup) if lookup.object_id().is_none() => {
                    let found = self.scope.names.iter().find(|(name, _)| *name == lookup.name).map(|(_, v)| v.clone());
                    let answer = match found {
                        Some(value) => NameLookupResult::Value(self.objects.lower(&value)),
                        None => NameLookupResult::Undefined,
                    };
                    lookup.resume(answer, PrintWriter::Disabled)
                }
                RunProgress::FunctionCall(call) if call.object_id.is_none() => {
                    let name = call.function_name.clone();
                    call.resume(ExtFunctionResult::NotFound(name), PrintWriter::Disabled)
                }
                RunProgress::OsCall(os) => {
                    let answer: ExtFunctionResult = match &os.function_call {
                        OsFunctionCall::DateTimeNow(zone) => {
                            let offset = zone.as_ref().map(|z| z.offset_seconds);
                            MontyObject::DateTime(date_time(self.scope.now, offset)).into()
                        }
                        OsFunctionCall::DateToday => {
                            let today = date_time(self.scope.now, None);
                            MontyObject::Date(monty_types::MontyDate {
                                year: today.year,
                                month: today.month,
                                day: today.day,
                            })
                            .into()
                        }
                        other => other.on_no_handler().into(),
                    };
                    os.resume(answer, PrintWriter::Disabled)
                }
                RunProgress::ResolveFutures(futures) => futures.abort(
                    MontyException::new(ExcType::RuntimeError, Some("policies cannot wait for futures".to_owned())),
                    PrintWriter::Disabled,
                ),
                other => return Ok(other),
            };
        }
    }

    fn request(&self, waiting: &RunProgress) -> Option<Request> {
        match waiting {
            RunProgress::NameLookup(lookup) => {
                Some(Request::Attribute(self.objects.get(lookup.object_id()?)?.clone(), lookup.name.clone()))
            }
            RunProgress::FunctionCall(call) => {
                let kwargs = call
                    .kwargs
                    .iter()
                    .map(|(k, v)| {
                        let name = if let MontyObject::String(s) = k { s.clone() } else { k.to_string() };
                        (name, self.objects.lift(v))
                    })
                    .collect();
                Some(Request::Call(
                    self.objects.get(call.object_id?)?.clone(),
                    call.function_name.clone(),
                    call.args.iter().map(|a| self.objects.lift(a)).collect(),
                    kwargs,
                ))
            }
            _ => None,
        }
    }

    fn give(
        &mut self,
        waiting: RunProgress,
        answer: &Result<Option<Value>, Raised>,
    ) -> Result<RunProgress, MontyException> {
        let answer = match answer {
            Ok(value) => Ok(value.as_ref().map(|v| self.objects.lower(v))),
            Err(raised) => Err(MontyException::new(class(&raised.class), Some(raised.message.clone()))),
        };
        match waiting {
            RunProgress::NameLookup(lookup) => {
                let result = match answer {
                    Ok(Some(value)) => NameLookupResult::Value(value),
                    Ok(None) => NameLookupResult::Undefined,
                    Err(exception) => NameLookupResult::Error(exception),
                };
                lookup.resume(result, PrintWriter::Disabled)
            }
            RunProgress::FunctionCall(call) => {
                let result: ExtFunctionResult = match answer {
                    Ok(value) => value.unwrap_or(MontyObject::None).into(),
                    Err(exception) => exception.into(),
                };
                call.resume(result, PrintWriter::Disabled)
            }
            other => Ok(other),
        }
    }

    fn failure(&self, exception: &MontyException) -> Failure {
        let (line, column) = position(&self.code.prepared, exception).unwrap_or((0, 0));
        let kind = match exception.exc_type() {
            ExcType::TimeoutError if is_alarm(exception) => FailureKind::Limit(Limit::Cpu),
            ExcType::MemoryError => FailureKind::Limit(Limit::Memory),
            class => FailureKind::Exception(class.to_string()),
        };
        let message = exception.message().unwrap_or_default().to_owned();
        Failure { block: self.code.block, line, column, kind, message }
    }

    fn too_deep(&self) -> Failure {
        let kind = FailureKind::Exception("ValueError".to_owned());
        Failure { block: self.code.block, line: 0, column: 0, kind, message: TOO_DEEP.to_owned() }
    }

    fn limit(&self, limit: Limit) -> Failure {
        let message = match limit {
            Limit::Cpu => format!("the block computed for more than {} ms", self.budget.cpu.as_millis()),
            Limit::HostCalls => format!("the block asked for more than {} things", self.budget.host_calls),
            Limit::Memory => "the block asked for too much memory".to_owned(),
        };
        Failure { block: self.code.block, line: 0, column: 0, kind: FailureKind::Limit(limit), message }
    }
}

fn is_alarm(exception: &MontyException) -> bool {
    exception.exc_type() == ExcType::TimeoutError
        && exception.message().is_some_and(|m| m.starts_with("time limit exceeded"))
}

/// The innermost place in the author's own text.
fn position(prepared: &Prepared, exception: &MontyException) -> Option<(usize, usize)> {
    exception
        .traceback()
        .iter()
        .rev()
        .find_map(|frame| prepared.author_position(frame.start.line as usize, frame.start.column as usize))
}

fn class(name: &str) -> ExcType {
    match name {
        "ValueError" => ExcType::ValueError,
        "TypeError" => ExcType::TypeError,
        "KeyError" => ExcType::KeyError,
        "IndexError" => ExcType::IndexError,
        "AttributeError" => ExcType::AttributeError,
        "NameError" => ExcType::NameError,
        "RuntimeError" => ExcType::RuntimeError,
        "NotImplementedError" => ExcType::NotImplementedError,
        "ZeroDivisionError" => ExcType::ZeroDivisionError,
        _ => ExcType::Exception,
    }
}
