//! Rate limits: calls by one key within a sliding window, counted by the fake's clock.

use std::collections::{BTreeMap, VecDeque};

use policykit_core::Timestamp;

use super::errors::Refusal;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Limit {
    AdminMinute,
    UserMinute,
    UserDay,
}

impl Limit {
    const fn terms(self) -> (i64, &'static str) {
        match self {
            Self::AdminMinute => (MINUTE, "admin_api_key_rate_limit"),
            Self::UserMinute => (MINUTE, "user_api_key_limiter_60_secs"),
            Self::UserDay => (DAY, "user_api_key_limiter_1_day"),
        }
    }
}

/// The calls of the last windows.
#[derive(Debug, Default)]
pub(super) struct Budgets(BTreeMap<(Limit, String), VecDeque<i64>>);

impl Budgets {
    /// Counts one call against a limit, or says how long to wait. A refused call does not count.
    pub(super) fn spend(
        &mut self,
        limit: Limit,
        allowed: Option<u32>,
        key: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(allowed) = allowed else { return Ok(()) };
        let (window, code) = limit.terms();
        let calls = self.0.entry((limit, key.to_owned())).or_default();
        while calls.front().is_some_and(|at| now.micros().saturating_sub(*at) >= window) {
            calls.pop_front();
        }
        if calls.len() < usize::try_from(allowed).unwrap_or(usize::MAX) {
            calls.push_back(now.micros());
            return Ok(());
        }
        let free_at = calls.front().map_or(now.micros(), |oldest| oldest.saturating_add(window));
        let wait = u64::try_from(free_at.saturating_sub(now.micros())).unwrap_or(1);
        Err(Refusal::RateLimited { wait_seconds: wait.div_ceil(1_000_000).max(1), code })
    }
}
