//! The program of filters that run together.

use std::{
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use monty::MontyRun;
use monty_types::{CompileOptions, MontyException, MontyObject, PrintWriter, ResourceTracker};
use policykit_core::snapshot::ActionView;

use crate::{
    compile::{Compiled, on_large_stack},
    convert::{Objects, lower},
    objects::{action, action_attribute, user_attribute},
    prelude,
    rewrite::{MEASURE, ONCE, Part, READ, Read, Together, together},
    vm::{DEEPEST, is_alarm, limits},
};

/// What the names of the filters' functions begin with; nothing of the prelude is named so.
const FUNCTION: &str = "_pk_f_";

/// How long a run of all of them may take. Alone, each of them may take much longer.
const ALARM: Duration = Duration::from_millis(50);

/// How often in a row the time may run out before something is done about it. More than once, because the machine may
/// have been busy with something else.
const STRIKES: u8 = 3;

/// A filter, and the place of its policy.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) place: usize,
    pub(super) filter: Arc<Compiled>,
}

/// Filters that run at once.
pub(super) struct Shared {
    pub(super) members: Vec<Member>,
    /// What the program is given of the action, before whether something of it is missing.
    inputs: Vec<Input>,
    /// The line of the program on which each member begins.
    lines: Vec<usize>,
    // The interpreter's code is `Send` but not `Sync`: each run borrows a copy that nobody else uses.
    copies: Mutex<Copies>,
    /// How often in a row the time has run out.
    strikes: AtomicU8,
}

/// What the program is given.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Input {
    Read(Read),
    /// The action as a whole.
    Action,
}

/// A compiled program, and copies of it that wait to be used again.
struct Copies {
    of: MontyRun,
    idle: Vec<MontyRun>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("members", &self.members).finish_non_exhaustive()
    }
}

impl Shared {
    /// `None` when there is nothing to join, or when the compiler does not take it as a whole.
    pub(super) fn new(members: Vec<Member>) -> Option<Arc<Self>> {
        if members.is_empty() {
            return None;
        }
        let filters: Vec<_> = members.iter().map(|member| &member.filter.prepared).collect();
        let joint = together(&filters);
        let (code, lines) = assemble(&members, &joint);
        let mut inputs: Vec<Input> = joint.reads.into_iter().map(Input::Read).collect();
        let mut names: Vec<String> = (0..inputs.len()).map(|at| format!("{READ}{at}")).collect();
        if joint.parts.iter().any(|part| matches!(part, Part::Whole(_))) {
            inputs.push(Input::Action);
            names.push("action".to_owned());
        }
        names.push(MISSING.to_owned());
        let compiled = on_large_stack(move || MontyRun::new(code, "filters.py", names, CompileOptions::default()));
        let run = compiled.ok()?.ok()?;
        let copies = Mutex::new(Copies { of: run, idle: Vec::new() });
        Some(Arc::new(Self { members, inputs, lines, copies, strikes: AtomicU8::new(0) }))
    }

    /// What each filter says that comes to a result.
    pub(super) fn run(&self, view: &ActionView) -> Result<Vec<(usize, bool)>, MontyException> {
        let inputs = self.inputs(view);
        let run = self.copy();
        let result = catch_unwind(AssertUnwindSafe(|| {
            run.run(inputs, ResourceTracker::new(limits(ALARM)), PrintWriter::Disabled)
        }));
        // After a panic of the interpreter nothing is said of any filter, and this copy is not used again.
        let Ok(result) = result else { return Ok(Vec::new()) };
        self.copies().idle.push(run);
        let result = result?;
        if self.strikes.load(Ordering::Relaxed) > 0 {
            self.strikes.store(0, Ordering::Relaxed);
        }
        Ok(self.said(&result))
    }

    /// Whether the time has run out often enough to believe that it is one of the filters.
    pub(super) fn strikes_out(&self, exception: &MontyException) -> bool {
        !is_alarm(exception) || self.strikes.fetch_add(1, Ordering::Relaxed) + 1 >= STRIKES
    }

    /// The member in whose part of the program a run was stopped, as far as that is known.
    pub(super) fn culprit(&self, exception: &MontyException) -> Option<usize> {
        let line = exception.traceback().iter().find(|frame| frame.frame_name.is_none())?.start.line as usize;
        self.lines.partition_point(|begin| *begin <= line).checked_sub(1)
    }

    fn inputs(&self, view: &ActionView) -> Vec<MontyObject> {
        let mut missing = false;
        let mut numbers = 0..;
        let mut inputs = Vec::with_capacity(self.inputs.len() + 1);
        for input in &self.inputs {
            let value = match input {
                Input::Read(Read::Attribute(name)) => action_attribute(view, name),
                Input::Read(Read::OfInitiator(name)) => view.initiator.as_ref().and_then(|u| user_attribute(u, name)),
                Input::Action => Some(action(view)),
            };
            missing |= value.is_none();
            let number = &mut |_: &_| numbers.next().unwrap_or_default();
            inputs.push(value.map_or(MontyObject::Ellipsis, |value| lower(value, number)));
        }
        inputs.push(MontyObject::Bool(missing));
        inputs
    }

    /// What the program's result means: a list of slots that match, of slots, negative and from -1, that have failed, and of
    /// slots with values that are to be judged. Whoever is not in it does not match.
    fn said(&self, result: &MontyObject) -> Vec<(usize, bool)> {
        let MontyObject::List(noted) = result else { return Vec::new() };
        let mut said: Vec<Option<bool>> = vec![Some(false); self.members.len()];
        for note in noted {
            let (slot, means) = match note {
                MontyObject::Int(slot) if *slot < 0 => (!*slot, None),
                MontyObject::Int(slot) => (*slot, Some(true)),
                MontyObject::Tuple(both) => match both.as_slice() {
                    [MontyObject::Int(slot), value] => (*slot, truth(value)),
                    _ => return Vec::new(),
                },
                _ => return Vec::new(),
            };
            match usize::try_from(slot).ok().and_then(|slot| said.get_mut(slot)) {
                Some(said) => *said = means,
                None => return Vec::new(),
            }
        }
        self.members.iter().zip(said).filter_map(|(member, means)| Some((member.place, means?))).collect()
    }

    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copy(&self) -> MontyRun {
        let mut copies = self.copies();
        copies.idle.pop().unwrap_or_else(|| copies.of.clone())
    }
}

/// Whether something is missing of what was to be read: there `...` was handed over in its place.
const MISSING: &str = "_pk_missing";

/// What is read, what is computed once, what the filters need of the prelude, and the filters, each of which keeps its error
/// to itself. Also the line on which each of them begins.
fn assemble(members: &[Member], joint: &Together) -> (String, Vec<usize>) {
    let names = members.iter().flat_map(|member| member.filter.prepared.names.iter().cloned());
    let names = names.chain([MEASURE.to_owned()]).collect();
    let mut code = prelude::for_names(&names);
    code.push_str("_pk_out = []\n");
    // What was caught has no value any more once that has been dealt with, and so has no name.
    let _ = writeln!(code, "if {MISSING}:\n pass");
    for at in 0..joint.reads.len() {
        let _ = writeln!(
            code,
            " if {READ}{at} is ...:\n  try:\n   1 // 0\n  except ZeroDivisionError as {READ}{at}:\n   pass"
        );
    }
    for (at, once) in joint.once.iter().enumerate() {
        let _ = writeln!(code, "try:\n {ONCE}{at} = {once}\nexcept BaseException:\n pass");
    }
    let mut count = code.matches('\n').count();
    let mut lines = Vec::with_capacity(joint.parts.len());
    for (slot, part) in joint.parts.iter().enumerate() {
        lines.push(count + 1);
        let judged =
            format!("\n if _pk_r is not False and _pk_r is not None:\n  _pk_out.append(({slot}, {MEASURE}(_pk_r)))");
        let text = match part {
            Part::Truth(expression) => format!("try:\n if ({expression}):\n  _pk_out.append({slot})"),
            Part::Value(expression) => format!("try:\n _pk_r = ({expression}){judged}"),
            Part::Statements(body) => {
                format!("def {FUNCTION}{slot}():\n{body}try:\n _pk_r = {FUNCTION}{slot}(){judged}")
            }
            Part::Whole(body) => {
                format!("def {FUNCTION}{slot}(action):\n{body}try:\n _pk_r = {FUNCTION}{slot}(action){judged}")
            }
        };
        let start = code.len();
        let _ = writeln!(code, "{text}\nexcept BaseException:\n _pk_out.append(-{})", slot + 1);
        count += code.get(start..).map_or(0, |more| more.matches('\n').count());
    }
    code.push_str("_pk_out\n");
    (code, lines)
}

/// Whether a result counts as a match, by the same road that the result of a block takes when it runs alone.
fn truth(result: &MontyObject) -> Option<bool> {
    match result {
        MontyObject::Bool(yes) => Some(*yes),
        MontyObject::None => Some(false),
        other => {
            let value = Objects::default().lift(other);
            // Beside the result, a block that runs alone hands over its variables: one level more.
            value.is_within(DEEPEST - 1).then(|| value.is_truthy())
        }
    }
}
