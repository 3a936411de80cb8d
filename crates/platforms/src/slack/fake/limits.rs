//! Rate limits: calls per method and workspace within a sliding window.

use std::collections::{BTreeMap, VecDeque};

use policykit_core::Timestamp;

use super::{config::RateLimits, errors::Refusal, ids::TeamId};

/// Slack's tier of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Two,
    Three,
    Four,
    Posting,
}

/// The calls of the last window.
#[derive(Debug, Default)]
pub(super) struct Budgets(BTreeMap<(&'static str, TeamId), VecDeque<i64>>);

impl Budgets {
    /// Counts one call, or says how long to wait. A refused call does not count.
    pub(super) fn spend(
        &mut self,
        limits: &RateLimits,
        method: &'static str,
        tier: Tier,
        team: &TeamId,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let allowed = limits.methods.get(method).copied().or(match tier {
            Tier::Two => limits.tier2,
            Tier::Three => limits.tier3,
            Tier::Four => limits.tier4,
            Tier::Posting => limits.posting,
        });
        let Some(allowed) = allowed else { return Ok(()) };
        let window = i64::try_from(limits.window_ms.unwrap_or(60_000)).unwrap_or(i64::MAX).saturating_mul(1_000);
        let calls = self.0.entry((method, team.clone())).or_default();
        while calls.front().is_some_and(|at| now.micros().saturating_sub(*at) >= window) {
            calls.pop_front();
        }
        if calls.len() < usize::try_from(allowed).unwrap_or(usize::MAX) {
            calls.push_back(now.micros());
            return Ok(());
        }
        let free_at = calls.front().map_or(now.micros(), |oldest| oldest.saturating_add(window));
        let wait = free_at.saturating_sub(now.micros()).max(1);
        // Whole seconds, rounded up: Slack's header is an integer.
        let retry_after_secs = u64::try_from(wait).unwrap_or(1).div_ceil(1_000_000).max(1);
        Err(Refusal::RateLimited { retry_after_secs })
    }
}
