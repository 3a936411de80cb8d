//! One run of one block in the interpreter, and its limits.
//!
//! Time is limited by what the block's thread has really computed. The interpreter itself only knows wall time, which on a
//! busy machine runs on while the block waits its turn: when its alarm rings too early, the block is run again from its
//! beginning on the answers it has had, with a later alarm. Blocks are deterministic, so that changes nothing.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
    time::Duration,
};

use monty::RunProgress;
use monty_types::{
    ExcType, ExtFunctionResult, MontyException, MontyObject, NameLookupResult, OsFunctionCall, PrintWriter,
    ResourceLimits, ResourceTracker,
};
use policykit_core::{Value, policy::Block};
use rustix::time::{ClockId, clock_gettime};

use crate::{
    compile::{Compiled, position},
    convert::{Objects, date_time},
    error::{Failure, FailureKind, Limit},
    sandbox::{Budget, Paused, Raised, Request, Scope, Step},
};

/// How deep functions may call each other.
const RECURSION: usize = 200;

/// How large a single value may become, in bytes.
const LARGEST_VALUE: usize = 64 * 1024 * 1024;

/// How deep a value that leaves a block may be nested. It is stored as JSON, which takes up to three levels for one of
/// these and is read back only down to 128.
pub(crate) const DEEPEST: usize = 32;

/// Said when a value is nested more deeply.
const TOO_DEEP: &str = "the value is nested more than 32 levels deep; keep lists and dictionaries flatter";

/// A block that waits for an answer in this process.
struct Waiting {
    execution: Execution,
    waiting: RunProgress,
}

impl Paused for Waiting {
    fn resume(self: Box<Self>, answer: Result<Option<Value>, Raised>) -> Step {
        let Self { mut execution, waiting } = *self;
        guarded(execution.code.block, move || {
            let asked = execution.cpu_now();
            let next = execution.give(waiting, &answer);
            execution.history.push(answer);
            execution.go_on(next, asked)
        })
    }
}

/// Does something with the interpreter. There is code it panics on instead of raising an error; that is the failure of the
/// block and of nothing else.
fn guarded(block: Block, work: impl FnOnce() -> Step) -> Step {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let message = "the interpreter does not manage this code; write it in simpler statements".to_owned();
        let kind = FailureKind::Exception("SystemError".to_owned());
        Step::Failed(Failure { block, line: 0, column: 0, kind, message })
    })
}

/// One run of one block.
pub(crate) struct Execution {
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
    pub(crate) fn new(code: Arc<Compiled>, scope: Scope, budget: Budget) -> Self {
        Self {
            code,
            scope,
            budget,
            objects: Objects::default(),
            history: Vec::new(),
            used: Duration::ZERO,
            patience: 2,
        }
    }

    /// Runs the block until it asks for something or ends.
    pub(crate) fn start(mut self) -> Step {
        guarded(self.code.block, move || {
            let begun = self.cpu_now();
            let next = self.run_from_the_beginning();
            self.go_on(next, begun)
        })
    }

    fn cpu_now(&self) -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
    }

    fn run_from_the_beginning(&mut self) -> Result<RunProgress, MontyException> {
        let limits = limits(self.budget.cpu.saturating_mul(self.patience));
        let parameters = &self.scope.parameters;
        let inputs: Vec<MontyObject> = parameters.iter().map(|value| self.objects.lower(Value::clone(value))).collect();
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
                        Some(request) => Step::Ask(request, Box::new(Waiting { execution: self, waiting })),
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
                        Some(value) => NameLookupResult::Value(self.objects.lower(value)),
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
            Ok(value) => Ok(value.clone().map(|v| self.objects.lower(v))),
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
        let message = match kind {
            // The interpreter names the time on the wall, which is another one each time.
            FailureKind::Limit(Limit::Cpu) => self.limit(Limit::Cpu).message,
            _ => exception.message().unwrap_or_default().to_owned(),
        };
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

/// What the interpreter enforces by itself.
pub(crate) fn limits(alarm: Duration) -> ResourceLimits {
    ResourceLimits::default()
        .max_duration(alarm)
        // Stops single values that ask for too much; what a block can gather bit by bit is bounded by its time.
        .max_memory(LARGEST_VALUE)
        .max_recursion_depth(RECURSION)
}

/// Whether the interpreter stopped because of the time, as it measures it.
pub(crate) fn is_alarm(exception: &MontyException) -> bool {
    exception.exc_type() == ExcType::TimeoutError
        && exception.message().is_some_and(|m| m.starts_with("time limit exceeded"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_interpreter_is_the_failure_of_its_block() {
        let Step::Failed(failure) = guarded(Block::Notify, || panic!("as the interpreter does")) else {
            panic!("it goes on");
        };
        assert_eq!(failure.block, Block::Notify);
        assert_eq!(failure.kind, FailureKind::Exception("SystemError".to_owned()));
    }
}
