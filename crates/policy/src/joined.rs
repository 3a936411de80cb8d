//! Filters of several policies in one program: all of them look at an action in one run of the interpreter.
//!
//! Only filters that are proven harmless to each other take part (see `rewrite::harmless`). What the run says about a
//! filter is what the filter would have said alone; where it says nothing, because the filter raised an error or the run
//! was stopped, the filter is to be run alone, which also tells where in the author's text the error is.

mod program;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use monty_types::MontyException;
use policykit_core::{policy::Block, snapshot::ActionView};

use self::program::{Member, Shared};
use crate::compile::Program;

/// How many filters run together; so many are run at least when one of them is asked for.
const MOST_FILTERS: usize = 64;

/// How long their sources may be together, in bytes.
const MOST_SOURCE: usize = 256 * 1024;

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

/// Filters that run together, less those that had to leave; in several programs once the time has run out.
#[derive(Debug)]
struct Group {
    programs: Mutex<Vec<Arc<Shared>>>,
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
        if !shared.strikes_out(exception) {
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
