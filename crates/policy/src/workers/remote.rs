//! Joined filters that run in workers.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use policykit_core::{policy::Block, snapshot::ActionView};

use super::{
    ending::Ending,
    message::Told,
    pool::{Pool, lock},
    process::Lost,
    seat::Unanswered,
    watch::now,
};
use crate::{
    compile::{Compiled, Program},
    joined::groups,
    sandbox::Filters,
};

/// How many actions go in one message. Others wait for a worker meanwhile.
const MOST_ACTIONS: usize = 64;

/// How long the actions of one message may be together, in bytes. One that is longer by itself is not asked about: its
/// filters run alone, where it is said what is too large.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How long a worker may compute for one message, with room to spare: see its own share of time.
const TIME: Duration = Duration::from_millis(100);

/// How many workers may be lost from outside to one message.
const MOST_LOST: usize = 3;

/// For how many actions a group sits out after a worker was lost to it, doubled with each further one. Meanwhile its filters
/// run alone, where it is seen whose fault it is.
const SITS_OUT: usize = 256;

/// How often that is doubled at most.
const DOUBLINGS: u32 = 12;

/// Joined filters that run in workers.
pub(super) struct Remote {
    pool: Arc<Pool>,
    groups: Vec<Mutex<Group>>,
    group_of: Vec<Option<usize>>,
}

/// Filters that run together.
struct Group {
    /// Tells them from all others, in the workers too.
    number: u64,
    /// Their policies' places, and the filters.
    members: Arc<Vec<Member>>,
    /// For how many actions it still sits out.
    apart: usize,
    /// How many workers were lost to it in a row.
    losses: u32,
}

/// The place of a policy, and its filter.
pub(super) type Member = (usize, Arc<Compiled>);

/// What the filters of a group say of one action.
type Said = Vec<(usize, bool)>;

impl Remote {
    pub(super) fn new(pool: &Arc<Pool>, programs: &[Option<&Program>]) -> Self {
        let filter = |place: &usize| {
            let program = programs.get(*place).copied().flatten()?;
            Some((*place, Arc::clone(program.block(Block::Filter)?)))
        };
        let mut group_of = vec![None; programs.len()];
        let groups = groups(programs)
            .into_iter()
            .enumerate()
            .map(|(number, places)| {
                for place in &places {
                    if let Some(group) = group_of.get_mut(*place) {
                        *group = Some(number);
                    }
                }
                let members = Arc::new(places.iter().filter_map(filter).collect());
                Mutex::new(Group { number: pool.number(), members, apart: 0, losses: 0 })
            })
            .collect();
        Self { pool: Arc::clone(pool), groups, group_of }
    }

    /// The filters that run together now; `None` while the group sits out.
    fn together(&self, group: &Mutex<Group>, actions: usize) -> Option<(u64, Arc<Vec<Member>>)> {
        let mut group = lock(group);
        if group.apart > 0 {
            group.apart = group.apart.saturating_sub(actions);
            return None;
        }
        // One that comes to no end would take the others with it each time.
        let (faults, now) = (self.pool.faults(), now());
        let is_endless = |(_, code): &Member| faults.is_endless(code.number, now);
        if group.members.iter().any(is_endless) {
            group.members = Arc::new(group.members.iter().filter(|member| !is_endless(member)).cloned().collect());
            group.number = self.pool.number();
        }
        drop(faults);
        (!group.members.is_empty()).then(|| (group.number, Arc::clone(&group.members)))
    }

    /// What the filters say of some of these actions, from the first: of one at least.
    fn ask(&self, number: u64, members: &[Member], actions: &[Vec<u8>]) -> Result<Vec<Said>, Unasked> {
        let mut taken = self.pool.take(None);
        for _ in 0..MOST_LOST {
            self.pool.man(&mut taken.seat).map_err(|_| Unasked::Nowhere)?;
            taken.seat.join(number, members);
            let told = taken.seat.ask(TIME, |w| w.look(number, actions)).and_then(|told| match told {
                Told::Said(said) if is_possible(members.len(), actions.len(), &said) => Ok(said),
                _ => Err(Lost::Malformed.into()),
            });
            match told {
                Ok(said) => {
                    self.pool.answered(&mut taken.seat);
                    return Ok(said);
                }
                Err(Unanswered::TooLarge) => return Err(Unasked::Lost),
                Err(Unanswered::Lost(why)) => {
                    self.pool.bury(&mut taken.seat, why);
                    if !matches!(why, Lost::Still | Lost::Gone(Ending::Outside | Ending::Unknown)) {
                        return Err(Unasked::Lost);
                    }
                }
            }
        }
        Err(Unasked::Lost)
    }
}

/// Why filters say nothing.
enum Unasked {
    /// There is nowhere to run them.
    Nowhere,
    /// A worker was lost to them.
    Lost,
}

/// Whether it can be what filters say: of one action at least and of no more than were asked about, and nothing of others.
fn is_possible(members: usize, actions: usize, said: &[Said]) -> bool {
    (1..=actions).contains(&said.len()) && said.iter().flatten().all(|(member, _)| *member < members)
}

/// How many of these actions, from the first, go in one message.
fn fit(actions: &[Vec<u8>]) -> usize {
    let mut bytes = 0_usize;
    let fitting = actions.iter().take(MOST_ACTIONS).take_while(|action| {
        bytes = bytes.saturating_add(action.len());
        bytes <= MOST_BYTES
    });
    fitting.count()
}

impl Filters for Remote {
    fn group_of(&self, place: usize) -> Option<usize> {
        self.group_of.get(place).copied().flatten()
    }

    fn run(&self, group: usize, action: &ActionView) -> Said {
        self.run_all(group, std::slice::from_ref(action)).pop().unwrap_or_default()
    }

    fn run_all(&self, group: usize, actions: &[ActionView]) -> Vec<Said> {
        let mut all: Vec<Said> = Vec::with_capacity(actions.len());
        if let Some(group) = self.groups.get(group)
            && let Some((number, members)) = self.together(group, actions.len())
        {
            let written: Vec<Vec<u8>> =
                actions.iter().map(|action| serde_json::to_vec(action).unwrap_or_default()).collect();
            while let Some(rest) = written.get(all.len()..).filter(|rest| !rest.is_empty()) {
                let some = rest.get(..fit(rest)).unwrap_or_default();
                if some.is_empty() {
                    all.push(Said::new());
                    continue;
                }
                match self.ask(number, &members, some) {
                    Ok(said) => {
                        lock(group).losses = 0;
                        let place = |(member, matches): (usize, bool)| Some((members.get(member)?.0, matches));
                        all.extend(said.into_iter().map(|of_one| of_one.into_iter().filter_map(place).collect()));
                    }
                    Err(Unasked::Nowhere) => break,
                    Err(Unasked::Lost) => {
                        let mut group = lock(group);
                        group.apart = SITS_OUT << group.losses.min(DOUBLINGS);
                        group.losses += 1;
                        break;
                    }
                }
            }
        }
        all.resize(actions.len(), Said::new());
        all
    }
}

#[cfg(test)]
mod tests {
    use policykit_core::{JsonMap, action::Origin, ids::ActionId, policy::PolicyKind};

    use super::*;
    use crate::{
        compile::MontySandbox,
        sandbox::{Budget, Sandbox as _},
        workers::{
            WorkerOptions,
            message::{MOST_TOLD, PROTOCOL, UNASKED, frame},
            wire::only,
        },
    };

    fn printed(number: u64, told: &Told) -> String {
        let mut bytes = Vec::new();
        frame(&mut bytes, MOST_TOLD, number, |w| w.told(told)).unwrap();
        bytes.iter().map(|byte| format!("\\{byte:03o}")).collect()
    }

    /// Two filters in workers that greet and then do what this script says.
    fn remote(script: &str) -> (Arc<Pool>, Remote) {
        let hello = Told::Hello { protocol: PROTOCOL, build: MontySandbox.build().to_owned(), contained: true };
        let options = WorkerOptions {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), format!("printf '{}'; {script}", printed(UNASKED, &hello))],
            count: 1,
            patience: Duration::from_millis(500),
            budget: Budget::default(),
        };
        let pool = Pool::new(options, MontySandbox.build().to_owned()).unwrap();
        let filter = |source: &str| MontySandbox.compile(&only(Block::Filter, source.to_owned())).unwrap();
        let (one, other) = (filter("return action.text == 'a'"), filter("return action.text == 'b'"));
        let remote = Remote::new(&pool, &[Some(&one), None, Some(&other)]);
        (pool, remote)
    }

    fn action() -> ActionView {
        action_of(JsonMap::new())
    }

    fn action_of(fields: JsonMap) -> ActionView {
        ActionView {
            id: ActionId::from_uuid(uuid::Uuid::from_u128(1)),
            action_type: "post".to_owned(),
            label: "a post".to_owned(),
            kind: PolicyKind::Platform,
            platform: None,
            origin: Origin::Platform,
            reverted: false,
            initiator: None,
            fields,
        }
    }

    #[test]
    fn filters_that_a_worker_was_lost_to_sit_out_for_a_bounded_time() {
        let (pool, remote) = remote("head -c 1 >/dev/null; exit 1");
        assert_eq!([remote.group_of(0), remote.group_of(1), remote.group_of(2)], [Some(0), None, Some(0)]);
        assert_eq!(remote.run_all(0, &[action(), action()]), [Said::new(), Said::new()]);
        assert_eq!(pool.lost(), 1);
        // Not for every event.
        for _ in 0..SITS_OUT {
            assert_eq!(remote.run(0, &action()), Said::new());
        }
        assert_eq!(pool.lost(), 1, "its filters run alone");
        remote.run(0, &action());
        assert_eq!(pool.lost(), 2, "after that it is tried again");
        for _ in 0..SITS_OUT + 1 {
            remote.run(0, &action());
        }
        assert_eq!(pool.lost(), 2, "and sits out for longer");
    }

    #[test]
    fn what_a_worker_leaves_for_later_is_asked_again_and_places_are_those_of_the_policies() {
        let said = |number: u64, of: &[&[(usize, bool)]]| {
            format!("printf '{}'", printed(number, &Told::Said(of.iter().map(|of_one| of_one.to_vec()).collect())))
        };
        let (first, second) = (said(1, &[&[(0, true), (1, false)]]), said(2, &[&[(1, true)], &[]]));
        // The second answer comes when the second question does: three long actions are asked about, then two.
        let script = format!("head -c 1 >/dev/null; {first}; head -c 40000 >/dev/null; {second}; cat >/dev/null");
        let (pool, remote) = remote(&script);
        let long = || action_of([("text".to_owned(), "x".repeat(10_000).into())].into_iter().collect());
        let all = remote.run_all(0, &[long(), long(), long()]);
        assert_eq!(all, [vec![(0, true), (2, false)], vec![(2, true)], vec![]]);
        assert_eq!(pool.lost(), 0);
    }

    #[test]
    fn only_possible_answers_are_believed() {
        assert!(is_possible(2, 3, &[vec![(1, true)]]) && is_possible(2, 1, &[vec![]]));
        assert!(!is_possible(2, 3, &[]), "of one at least");
        assert!(!is_possible(2, 1, &[vec![], vec![]]), "of more than were asked about");
        assert!(!is_possible(2, 3, &[vec![(2, true)]]), "of a filter that is none of them");
    }

    #[test]
    fn messages_hold_so_many_actions_as_fit() {
        assert_eq!(fit(&vec![vec![0; 10]; 100]), MOST_ACTIONS);
        assert_eq!(fit(&vec![vec![0; MOST_BYTES / 2]; 100]), 2);
        assert_eq!(fit(&[vec![0; MOST_BYTES + 1]]), 0);
        assert_eq!(fit(&[]), 0);
    }
}
