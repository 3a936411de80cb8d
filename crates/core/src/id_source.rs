//! Where new ids and random numbers come from, so that a run can be repeated.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;

use crate::Timestamp;

/// A source of fresh ids.
pub trait IdSource: Send + Sync + fmt::Debug {
    /// A fresh id that sorts by `now` (UUID version 7).
    fn uuid(&self, now: Timestamp) -> Uuid;

    /// 64 fresh random bits, for seeds. Not for secrets.
    fn random(&self) -> u64;
}

/// Ids from the operating system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn uuid(&self, now: Timestamp) -> Uuid {
        v7(now, u128::from_be_bytes(*fresh().as_bytes()))
    }

    fn random(&self) -> u64 {
        // A version 4 id has its fixed bits in the upper half's end and the lower half's start; fold both halves.
        let (high, low) = fresh().as_u64_pair();
        high.rotate_left(32) ^ low
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that draws random ids")]
fn fresh() -> Uuid {
    Uuid::new_v4()
}

/// Ids that repeat from run to run with the same seed.
#[derive(Debug)]
pub struct FakeIds(AtomicU64);

impl FakeIds {
    /// A source whose whole sequence follows from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl IdSource for FakeIds {
    fn uuid(&self, now: Timestamp) -> Uuid {
        v7(now, (u128::from(self.random()) << 64) | u128::from(self.random()))
    }

    fn random(&self) -> u64 {
        // SplitMix64: one addition per draw, then a mix; distinct for 2^64 draws.
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn v7(now: Timestamp, random: u128) -> Uuid {
    let millis = u64::try_from(now.micros().div_euclid(1000)).unwrap_or_default();
    let [.., r0, r1, r2, r3, r4, r5, r6, r7, r8, r9] = random.to_be_bytes();
    uuid::Builder::from_unix_timestamp_millis(millis, &[r0, r1, r2, r3, r4, r5, r6, r7, r8, r9]).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fake_ids_repeat_with_their_seed_and_sort_by_time() {
        let (a, b) = (FakeIds::new(7), FakeIds::new(7));
        let early = a.uuid(Timestamp::from_secs(1));
        assert_eq!(early, b.uuid(Timestamp::from_secs(1)));
        assert_ne!(early, a.uuid(Timestamp::from_secs(1)));
        assert!(a.uuid(Timestamp::from_secs(2)) > early);
    }
}
