//! Communities whose next delivery could not be dealt with, and when it is tried again.
//!
//! Until then nothing else of such a community is dealt with, so that nothing is dealt with out of order; all others go on.
//! Kept in memory only: whoever takes the shard over tries at once, and the tries are counted in the database.

use std::{collections::HashMap, time::Duration};

use policykit_core::{Timestamp, ids::CommunityId};

/// How long after the first try the second one is made.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
/// How much longer each pause is than the one before.
const GROWTH: u32 = 3;
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// How many communities a look into the inbox leaves out by name at most.
const MOST_NAMED: usize = 1000;

/// How long nothing is tried after this many tries: what stood in the way is given minutes to be mended before a delivery
/// is given up, and with it what it would have undone.
pub(crate) fn pause_after(tries: i64) -> Duration {
    let before = u32::try_from(tries.saturating_sub(1)).unwrap_or(if tries > 1 { 10 } else { 0 }).min(10);
    (FIRST_PAUSE * GROWTH.pow(before)).min(LONGEST_PAUSE)
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Stuck {
    until: HashMap<CommunityId, Timestamp>,
}

impl Stuck {
    /// Nothing of the community is dealt with before `until`.
    pub(crate) fn hold(&mut self, community: CommunityId, until: Timestamp) {
        self.until.insert(community, until);
    }

    /// Lets go of those whose time has come. Whether there were any.
    pub(crate) fn release(&mut self, now: Timestamp) -> bool {
        let before = self.until.len();
        // What lies further ahead than any pause was set before the clock was set back.
        self.until.retain(|_, until| *until > now && *until <= now + LONGEST_PAUSE);
        self.until.len() < before
    }

    pub(crate) fn holds(&self, community: CommunityId) -> bool {
        self.until.contains_key(&community)
    }

    /// Those that are held, as many as a look into the inbox may leave out.
    pub(crate) fn named(&self) -> Vec<CommunityId> {
        self.until.keys().copied().take(MOST_NAMED).collect()
    }

    /// When the next one is let go.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.until.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn minutes_pass_between_the_first_and_the_last_try() {
        let pauses: Vec<u64> = (1..5).map(|tries| pause_after(tries).as_secs()).collect();
        assert_eq!(pauses, [15, 45, 135, 405]);
        assert_eq!(pause_after(i64::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn a_community_is_held_until_its_time_and_not_for_longer_when_the_clock_is_set_back() {
        let (community, now) = (CommunityId::from_uuid(Uuid::from_u128(1)), Timestamp::from_micros(1_000_000_000));
        let mut stuck = Stuck::default();
        stuck.hold(community, now + FIRST_PAUSE);
        assert!(!stuck.release(now) && stuck.holds(community));
        assert_eq!((stuck.named(), stuck.next()), (vec![community], Some(now + FIRST_PAUSE)));
        assert!(stuck.release(now + FIRST_PAUSE) && !stuck.holds(community));
        stuck.hold(community, now + FIRST_PAUSE + Duration::from_secs(3600));
        assert!(stuck.release(now) && !stuck.holds(community));
    }
}
