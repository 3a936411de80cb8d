//! What is remembered of blocks that cost workers: what came to no end once is not tried again for every delivery.
//!
//! It is remembered of a block in one version, as this process has compiled it, and for a while only.

use std::{collections::HashMap, time::Duration};

/// How long it is remembered.
const FOR_A_WHILE: Duration = Duration::from_secs(600);

/// How often a block's worker may be ended from outside before that is taken for the block's doing.
const MOST_ENDED: u32 = 9;

/// Of how many blocks it is remembered.
const MOST: usize = 4096;

/// What is remembered of blocks, by their number.
#[derive(Debug, Default)]
pub(super) struct Faults(HashMap<u64, Fault>);

#[derive(Debug, Default, Clone, Copy)]
struct Fault {
    /// It computed where it cannot be interrupted.
    endless: bool,
    /// How often its worker was ended from outside.
    ended: u32,
    until: Duration,
}

impl Faults {
    /// Notes that a block computed until its worker was given up.
    pub(super) fn endless(&mut self, code: u64, now: Duration) {
        self.note(code, now).endless = true;
    }

    /// Notes that a worker was ended from outside while it ran this block; says whether that has happened so often that it
    /// must be the block's doing.
    pub(super) fn ended_from_outside(&mut self, code: u64, now: Duration) -> bool {
        let fault = self.note(code, now);
        fault.ended += 1;
        fault.ended >= MOST_ENDED
    }

    /// Whether a block is not to be tried now.
    pub(super) fn is_endless(&self, code: u64, now: Duration) -> bool {
        self.0.get(&code).is_some_and(|fault| fault.endless && now < fault.until)
    }

    fn note(&mut self, code: u64, now: Duration) -> &mut Fault {
        if self.0.len() >= MOST && !self.0.contains_key(&code) {
            self.0.retain(|_, fault| now < fault.until);
            if self.0.len() >= MOST {
                self.0.clear();
            }
        }
        let fault = self.0.entry(code).or_default();
        if now >= fault.until {
            *fault = Fault::default();
        }
        fault.until = now + FOR_A_WHILE;
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_comes_to_no_end_is_not_tried_for_a_while() {
        let mut faults = Faults::default();
        let begun = SECOND * 1_000;
        faults.endless(7, begun);
        assert!(faults.is_endless(7, begun) && faults.is_endless(7, begun + SECOND * 599));
        assert!(!faults.is_endless(8, begun), "another version of it has another number");
        assert!(!faults.is_endless(7, begun + FOR_A_WHILE));
    }

    #[test]
    fn what_keeps_losing_its_worker_is_to_blame_in_the_end() {
        let mut faults = Faults::default();
        let begun = SECOND * 1_000;
        let blamed = (0..20).find(|n| faults.ended_from_outside(7, begun + SECOND * *n));
        assert_eq!(blamed, Some(MOST_ENDED - 1));
        let mut rarely = Faults::default();
        assert!((0..20).all(|n| !rarely.ended_from_outside(7, begun + FOR_A_WHILE * n)));
    }

    #[test]
    fn it_is_remembered_of_a_bounded_number() {
        let mut faults = Faults::default();
        (0..3 * MOST as u64).for_each(|code| faults.endless(code, SECOND));
        assert!(faults.0.len() <= MOST);
        assert!(faults.is_endless(3 * MOST as u64 - 1, SECOND));
    }
}
