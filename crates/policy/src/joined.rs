//! Filters of several policies in one program: all of them look at an action in one run of the interpreter.
//!
//! Only filters that are proven harmless to each other take part (see `rewrite::harmless`). What the run says about a
//! filter is what the filter would have said alone; where it says nothing, because the filter raised an error or the run
//! was stopped, the filter is to be run alone, which also tells where in the author's text the error is.

use std::{
    collections::BTreeSet,
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
use policykit_core::{policy::Block, snapshot::ActionView};

use crate::{
    compile::{Compiled, Program, on_large_stack},
    convert::{Objects, lower},
    objects::{action, action_with},
    prelude,
    rewrite::Reach,
    vm::{DEEPEST, is_alarm, limits},
};

/// What the names of the filters' functions begin with; nothing of the prelude is named so.
const FUNCTION: &str = "_pk_f_";

/// How many filters run together; so many are run at least when one of them is asked for.
const MOST_FILTERS: usize = 64;

/// How long their sources may be together, in bytes.
const MOST_SOURCE: usize = 256 * 1024;

/// How long a run of all of them may take. Alone, each of them may take much longer.
const ALARM: Duration = Duration::from_millis(50);

/// How often in a row the time may run out before something is done about it. More than once, because the machine may
/// have been busy with something else.
const STRIKES: u8 = 3;

/// The filters of some policies, joined as far as that is possible.
#[derive(Debug)]
pub struct Joined {
    groups: Vec<Group>,
    /// By the policy's place: the group its filter belongs to.
    group_of: Vec<Option<usize>>,
}

/// Which filters run together, by the places of their policies: those that are proven harmless to each other.
pub(crate) fn groups(programs: &[Option<&Program>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for (place, program) in programs.iter().enumerate() {
        let filter = program.and_then(|p| p.block(Block::Filter)).filter(|f| f.prepared.reach.is_some());
        let Some(filter) = filter else { continue };
        let length = filter.prepared.code.len();
        match groups.last_mut() {
            Some(last) if last.len() < MOST_FILTERS && length <= room => {
                last.push(place);
                room -= length;
            }
            _ => {
                groups.push(vec![place]);
                room = MOST_SOURCE.saturating_sub(length);
            }
        }
    }
    groups
}

impl Joined {
    pub(crate) fn new(programs: &[Option<&Program>]) -> Self {
        let mut group_of = vec![None; programs.len()];
        let member = |place: usize| {
            let filter = programs.get(place).copied().flatten()?.block(Block::Filter)?;
            Some(Member { place, filter: Arc::clone(filter) })
        };
        let mut all = Vec::new();
        for (number, places) in groups(programs).into_iter().enumerate() {
            for place in &places {
                if let Some(group) = group_of.get_mut(*place) {
                    *group = Some(number);
                }
            }
            all.push(Group::new(places.into_iter().filter_map(member).collect()));
        }
        Self { groups: all, group_of }
    }

    /// The group that the filter of the policy at this place belongs to; `None` when it runs alone.
    pub fn group_of(&self, place: usize) -> Option<usize> {
        self.group_of.get(place).copied().flatten()
    }

    /// Runs a group on an action. Gives the places of the policies whose filters have come to a result, and whether they
    /// match; the others of the group are to be run alone.
    pub fn run(&self, group: usize, action: &ActionView) -> Vec<(usize, bool)> {
        self.groups.get(group).map(|group| group.run(action)).unwrap_or_default()
    }
}

#[derive(Debug, Clone)]
struct Member {
    place: usize,
    filter: Arc<Compiled>,
}

/// Filters that run together, less those that had to leave; in several programs once the time has run out.
#[derive(Debug)]
struct Group {
    programs: Mutex<Vec<Arc<Shared>>>,
}

/// The program of a group.
struct Shared {
    members: Vec<Member>,
    /// The attributes of the action that are read; `None` when all of them may be.
    attributes: Option<BTreeSet<String>>,
    // The interpreter's code is `Send` but not `Sync`: each run borrows a copy that nobody else uses.
    copies: Mutex<Copies>,
    /// How often in a row the time has run out.
    strikes: AtomicU8,
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

impl Group {
    fn new(members: Vec<Member>) -> Self {
        Self { programs: Mutex::new(Shared::new(members).into_iter().collect()) }
    }

    fn programs(&self) -> MutexGuard<'_, Vec<Arc<Shared>>> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, action: &ActionView) -> Vec<(usize, bool)> {
        let programs = self.programs().clone();
        let mut said = Vec::new();
        for shared in programs {
            match shared.run(action) {
                Ok(mut more) => said.append(&mut more),
                Err(exception) => self.disturbed(&shared, &exception),
            }
        }
        said
    }

    /// Lets the filter that stopped everybody leave. Where the interpreter does not say which one it was, as when the time
    /// has run out, half of them go on without the other half, until it is by itself.
    fn disturbed(&self, shared: &Arc<Shared>, exception: &MontyException) {
        if is_alarm(exception) && shared.strikes.fetch_add(1, Ordering::Relaxed) + 1 < STRIKES {
            return;
        }
        let mut programs = self.programs();
        // Somebody else may have dealt with it already.
        let Some(at) = programs.iter().position(|now| Arc::ptr_eq(now, shared)) else { return };
        let mut members = shared.members.clone();
        let parts = match shared.culprit(exception) {
            Some(culprit) if culprit < members.len() => {
                members.remove(culprit);
                vec![members]
            }
            _ if members.len() < 2 => Vec::new(),
            _ => {
                let rest = members.split_off(members.len() / 2);
                vec![members, rest]
            }
        };
        programs.splice(at..=at, parts.into_iter().filter_map(Shared::new));
    }
}

impl Shared {
    /// `None` when there is nothing to join, or when the compiler does not take it as a whole.
    fn new(members: Vec<Member>) -> Option<Arc<Self>> {
        if members.is_empty() {
            return None;
        }
        let code = assemble(&members);
        let mut attributes = Some(BTreeSet::new());
        for member in &members {
            match (&member.filter.prepared.reach, &mut attributes) {
                (Some(Reach::Attributes(more)), Some(all)) => all.extend(more.iter().cloned()),
                _ => attributes = None,
            }
        }
        let compiled = on_large_stack(move || {
            MontyRun::new(code, "filters.py", vec!["action".to_owned()], CompileOptions::default())
        });
        let run = compiled.ok()?.ok()?;
        Some(Arc::new(Self {
            members,
            attributes,
            copies: Mutex::new(Copies { of: run, idle: Vec::new() }),
            strikes: AtomicU8::new(0),
        }))
    }

    fn run(&self, view: &ActionView) -> Result<Vec<(usize, bool)>, MontyException> {
        let action = match &self.attributes {
            Some(names) => action_with(view, names.iter().map(String::as_str)),
            None => action(view),
        };
        let mut numbers = 0..;
        let action = lower(action, &mut |_| numbers.next().unwrap_or_default());
        let run = self.copy();
        let result = catch_unwind(AssertUnwindSafe(|| {
            run.run(vec![action], ResourceTracker::new(limits(ALARM)), PrintWriter::Disabled)
        }));
        // After a panic of the interpreter nothing is said of any filter, and this copy is not used again.
        let Ok(result) = result else { return Ok(Vec::new()) };
        self.copies().idle.push(run);
        let result = result?;
        if self.strikes.load(Ordering::Relaxed) > 0 {
            self.strikes.store(0, Ordering::Relaxed);
        }
        let MontyObject::Tuple(both) = result else { return Ok(Vec::new()) };
        let [MontyObject::List(failed), MontyObject::List(values)] = both.as_slice() else { return Ok(Vec::new()) };
        let raised =
            |slot: usize| failed.iter().any(|f| matches!(f, MontyObject::Int(f) if usize::try_from(*f) == Ok(slot)));
        let said = self.members.iter().zip(values).enumerate().filter(|(slot, _)| failed.is_empty() || !raised(*slot));
        Ok(said.filter_map(|(_, (member, value))| Some((member.place, truth(value)?))).collect())
    }

    /// The member in whose function a run was stopped, as far as that is known.
    fn culprit(&self, exception: &MontyException) -> Option<usize> {
        let slot = |name: &String| name.strip_prefix(FUNCTION)?.parse::<usize>().ok();
        exception.traceback().iter().find_map(|frame| frame.frame_name.as_ref().and_then(slot))
    }

    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copy(&self) -> MontyRun {
        let mut copies = self.copies();
        copies.idle.pop().unwrap_or_else(|| copies.of.clone())
    }
}

/// One function for each filter, what they need of the prelude, and a call of each that keeps its error to itself.
fn assemble(members: &[Member]) -> String {
    let mut code = String::new();
    for (slot, member) in members.iter().enumerate() {
        code.push_str(&member.filter.prepared.as_function(&format!("{FUNCTION}{slot}")));
    }
    let names = members.iter().flat_map(|member| member.filter.prepared.names.iter().cloned()).collect();
    code.push_str(&prelude::for_names(&names));
    code.push_str("_pk_out = []\n");
    let mut results = String::new();
    for slot in 0..members.len() {
        let _ = write!(
            code,
            "try:\n _pk_r{slot} = {FUNCTION}{slot}(action)\nexcept BaseException:\n _pk_r{slot} = None\n _pk_out.append({slot})\n"
        );
        let _ = write!(results, "_pk_r{slot}, ");
    }
    let _ = writeln!(code, "(_pk_out, [{results}])");
    code
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
