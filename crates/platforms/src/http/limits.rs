//! Rate limits per bucket: what a platform told us with `Retry-After`, and what it publishes beforehand.
//!
//! Nothing waits here. A request that would come too early is turned back with the time at which it may come again.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use policykit_core::{Clock, Timestamp};

use crate::platform::CallError;

/// How often a bucket may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many requests may come at once.
    pub burst: u32,
    /// The time after which one more may come.
    pub every: Duration,
}

impl Pace {
    /// `count` requests in any minute, on average.
    pub const fn per_minute(count: u32) -> Self {
        let count = if count == 0 { 1 } else { count };
        Self { burst: count, every: Duration::from_micros(60_000_000 / count as u64) }
    }
}

/// The buckets of a process.
pub struct Limits {
    clock: Arc<dyn Clock>,
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// Until when the platform wants to be left alone.
    held_until: Timestamp,
    /// When it said so.
    held_at: Timestamp,
    /// When the bucket will have been used so little that all of its burst is there again.
    full_at: Timestamp,
}

/// Above this many buckets, those that no longer matter are dropped.
const MANY: usize = 4_096;

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").finish_non_exhaustive()
    }
}

impl Limits {
    /// No limits known yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, buckets: Mutex::default() }
    }

    /// Takes one request's worth from the bucket.
    ///
    /// # Errors
    /// [`CallError::Retry`] with the time to wait when the bucket is held or empty; nothing is taken then.
    pub fn admit(&self, bucket: &str, pace: Option<Pace>) -> Result<(), CallError> {
        let now = self.clock.now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > MANY {
            buckets.retain(|_, b| b.held_until > now || b.full_at > now);
        }
        if pace.is_none() && !buckets.contains_key(bucket) {
            return Ok(());
        }
        let state = buckets.entry(bucket.to_owned()).or_default();
        // What was said at a time that has not come yet was so before the clock was set back.
        if state.held_until > now && state.held_at <= now {
            return Err(too_early(state.held_until, now, "the platform asked to slow down"));
        }
        let Some(pace) = pace else { return Ok(()) };
        // One number per bucket does for a token bucket: how far ahead of an even pace the requests are.
        let latest = now + pace.every.saturating_mul(pace.burst.max(1));
        // It is never further ahead than that, unless the clock has been set back since.
        let next_full = state.full_at.clamp(now, latest) + pace.every;
        if next_full > latest {
            let allowed_at = now + Duration::from_micros(u64::try_from(next_full.micros_since(latest)).unwrap_or(0));
            return Err(too_early(allowed_at, now, "held back to stay within the platform's published limits"));
        }
        state.full_at = next_full;
        Ok(())
    }

    /// The platform said how long it wants to be left alone.
    pub fn hold(&self, bucket: &str, for_ms: u64) {
        let now = self.clock.now();
        let until = now + Duration::from_millis(for_ms);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let state = buckets.entry(bucket.to_owned()).or_default();
        if until > state.held_until || state.held_at > now {
            (state.held_until, state.held_at) = (until, now);
        }
    }
}

fn too_early(until: Timestamp, now: Timestamp, reason: &str) -> CallError {
    let micros = u64::try_from(until.micros_since(now)).unwrap_or(0);
    CallError::Retry { after_ms: micros.div_ceil(1_000).max(1), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use policykit_core::FakeClock;

    use super::*;

    fn limits() -> (Arc<FakeClock>, Limits) {
        let clock = Arc::new(FakeClock::new(Timestamp::from_secs(1_000)));
        (Arc::clone(&clock), Limits::new(clock))
    }

    fn wait(result: Result<(), CallError>) -> u64 {
        match result {
            Err(CallError::Retry { after_ms, .. }) => after_ms,
            other => panic!("expected to be held back, got {other:?}"),
        }
    }

    #[test]
    fn a_held_bucket_lets_nothing_through_until_the_time_the_platform_named() {
        let (clock, limits) = limits();
        limits.hold("chat.delete:T1", 7_000);
        assert_eq!(wait(limits.admit("chat.delete:T1", None)), 7_000);
        assert_eq!(limits.admit("chat.delete:T2", None), Ok(()), "another installation is not concerned");
        clock.advance(Duration::from_millis(6_999));
        assert_eq!(wait(limits.admit("chat.delete:T1", None)), 1);
        clock.advance(Duration::from_millis(1));
        assert_eq!(limits.admit("chat.delete:T1", None), Ok(()));
    }

    #[test]
    fn a_paced_bucket_allows_its_burst_and_then_its_even_pace() {
        let (clock, limits) = limits();
        let pace = Some(Pace::per_minute(20));
        for _ in 0..20 {
            assert_eq!(limits.admit("b", pace), Ok(()));
        }
        assert_eq!(wait(limits.admit("b", pace)), 3_000);
        assert_eq!(wait(limits.admit("b", pace)), 3_000, "being turned back costs nothing");
        clock.advance(Duration::from_secs(3));
        assert_eq!(limits.admit("b", pace), Ok(()));
        assert_eq!(wait(limits.admit("b", pace)), 3_000);
        clock.advance(Duration::from_secs(3_600));
        for _ in 0..20 {
            assert_eq!(limits.admit("b", pace), Ok(()), "an hour's rest does not save up more than the burst");
        }
        assert!(limits.admit("b", pace).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_no_bucket_closed_for_longer() {
        let (clock, limits) = limits();
        let pace = Some(Pace::per_minute(20));
        limits.hold("held", 7_000);
        (0..20).for_each(|_| assert_eq!(limits.admit("paced", pace), Ok(())));
        clock.set(Timestamp::from_secs(400));
        assert_eq!(limits.admit("held", None), Ok(()));
        assert_eq!(wait(limits.admit("paced", pace)), 3_000);
        limits.hold("held", 2_000);
        assert_eq!(wait(limits.admit("held", None)), 2_000);
    }

    #[test]
    fn a_shorter_hold_does_not_shorten_a_longer_one() {
        let (_clock, limits) = limits();
        limits.hold("b", 10_000);
        limits.hold("b", 1_000);
        assert_eq!(wait(limits.admit("b", None)), 10_000);
    }
}
