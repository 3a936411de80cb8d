//! Joined filters that run in workers.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use policykit_core::{policy::Block, snapshot::ActionView};

use super::{
    message::Told,
    pool::{Pool, Taken, lock},
    process::Lost,
};
use crate::{
    compile::{Compiled, MontySandbox, Program},
    sandbox::{Filters, Sandbox as _},
};

/// How many actions go in one message. Others wait for a worker meanwhile.
const MOST_ACTIONS: usize = 64;

/// How long a run of a group on one action may compute, with room to spare.
const TIME: Duration = Duration::from_millis(100);

/// Joined filters that run in workers.
pub(super) struct Remote {
    pool: Arc<Pool>,
    /// Tells them from all others.
    number: u64,
    members: Vec<Option<Arc<Compiled>>>,
    group_of: Vec<Option<usize>>,
    /// Groups that a worker was lost to. Their filters run alone, where it is seen whose fault it is.
    apart: Mutex<BTreeSet<usize>>,
}

/// What the filters of a group say of one action.
type Said = Vec<(usize, bool)>;

impl Remote {
    pub(super) fn new(pool: &Arc<Pool>, programs: &[Option<&Program>]) -> Self {
        let filter = |program: &Option<&Program>| program.and_then(|p| p.block(Block::Filter)).map(Arc::clone);
        let members: Vec<Option<Arc<Compiled>>> = programs.iter().map(filter).collect();
        let mut remote = Self {
            pool: Arc::clone(pool),
            number: pool.number(),
            group_of: vec![None; members.len()],
            members,
            apart: Mutex::default(),
        };
        if remote.members.iter().any(Option::is_some) {
            let mut taken = pool.take(None);
            let known = remote.known(&mut taken);
            drop(taken);
            // Where no worker can say it now, one may well run them later, in the groups that all would make of them.
            remote.group_of = known.ok().flatten().unwrap_or_else(|| {
                let here = MontySandbox.join(programs);
                (0..programs.len()).map(|place| here.group_of(place)).collect()
            });
        }
        remote
    }

    /// Sees to it that a worker has them; gives their groups if it had them not.
    fn known(&self, taken: &mut Taken<'_>) -> Result<Option<Vec<Option<usize>>>, Lost> {
        self.pool.man(&mut taken.seat).map_err(|_| Lost::Ended)?;
        let known = taken.seat.join(self.number, &self.members, TIME);
        if let Err(why) = known {
            self.pool.bury(&mut taken.seat, why);
        }
        known
    }

    fn ask(&self, group: usize, actions: &[ActionView]) -> Result<Vec<Said>, Lost> {
        let mut taken = self.pool.take(None);
        self.known(&mut taken)?;
        let time = TIME.saturating_mul(u32::try_from(actions.len()).unwrap_or(u32::MAX));
        let told = taken.seat.ask(time, |w| w.look(self.number, group, actions)).and_then(|told| match told {
            Told::Said(said) if self.is_possible(group, actions, &said) => Ok(said),
            _ => Err(Lost::Malformed),
        });
        match told {
            Ok(_) => self.pool.answered(&mut taken.seat),
            Err(why) => {
                self.pool.bury(&mut taken.seat, why);
                lock(&self.apart).insert(group);
            }
        }
        told
    }

    /// Whether it can be what the filters say: as many answers as actions, and nothing about others.
    fn is_possible(&self, group: usize, actions: &[ActionView], said: &[Said]) -> bool {
        let of_group = |place: &usize| self.group_of(*place) == Some(group);
        said.len() == actions.len() && said.iter().flatten().all(|(place, _)| of_group(place))
    }
}

impl Filters for Remote {
    fn group_of(&self, place: usize) -> Option<usize> {
        self.group_of.get(place).copied().flatten()
    }

    fn run(&self, group: usize, action: &ActionView) -> Said {
        self.run_all(group, std::slice::from_ref(action)).pop().unwrap_or_default()
    }

    fn run_all(&self, group: usize, actions: &[ActionView]) -> Vec<Said> {
        let mut all = Vec::with_capacity(actions.len());
        for some in actions.chunks(MOST_ACTIONS) {
            let said = if lock(&self.apart).contains(&group) { None } else { self.ask(group, some).ok() };
            all.extend(said.unwrap_or_else(|| vec![Said::new(); some.len()]));
        }
        all
    }
}
