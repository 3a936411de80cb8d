//! Lets time pass: whatever is due on the way is done at its moment.
//!
//! A rule that reads from a platform is looked at every minute, since nobody tells when that changes. In a story nothing
//! changes by itself: where a rule knows no time, a look that comes to what the look before came to is followed by nothing
//! else until something is due. Such looks are counted and not done.

use std::time::Duration;

use policykit_core::{
    Clock as _, JsonMap, Timestamp,
    ids::ProposalId,
    policy::PolicyDraft,
    proposal::{EffectStatus, Status},
};

use super::{ScenarioError, Stage};

/// How many wakes one step may bring; a policy that looks at the clock is woken every minute.
const MOST_WAKES: usize = 20_000;

/// How many looks are done before it is tried again whether the others would find anything new: finding out costs more than
/// a look.
const PATIENCE: usize = 16;

/// Words without which code knows neither the time nor chance. Whoever computes the name of an attribute may mean any.
const OF_TIME: &[&str] = &["getattr", "get_time_elapsed", "now", "random", "today", "utcnow", "whrandom"];

/// How time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) enum Pace {
    /// Every look is done.
    EveryLook,
    /// Looks that can find nothing new are left out.
    LeavesOut,
}

impl Pace {
    /// That of a story with these policies.
    pub(in crate::scenario) fn of(policies: &[PolicyDraft]) -> Self {
        let words = |text: &str| -> bool {
            text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| OF_TIME.contains(&word))
        };
        // Only `check` is run again.
        if policies.iter().any(|policy| words(&policy.blocks.check)) { Self::EveryLook } else { Self::LeavesOut }
    }
}

/// What there is after a look, as far as another look could change it.
#[derive(Debug, PartialEq)]
struct Still {
    proposals: Vec<(ProposalId, Status, EffectStatus, JsonMap, Option<String>)>,
    calls: usize,
    decisions: usize,
    logged: usize,
    /// How long after the look the next one is.
    pause: i64,
}

/// The next look, and when something else is due.
struct Next {
    at: Timestamp,
    before: Timestamp,
}

impl Stage<'_> {
    /// Lets time pass, stopping wherever something is due.
    pub(super) async fn wait(&self, length: Duration) -> Result<(), ScenarioError> {
        let until = self.clock.now() + length;
        let mut last: Option<Still> = None;
        for look in 0..MOST_WAKES {
            let due = self.engine.next_due().await.map_err(|e| self.fail(e))?;
            let Some(due) = due.filter(|due| *due < until) else { break };
            let reads = self.world.count_reads();
            // What is due already and was not done waits for something else.
            self.clock.set(due.max(self.clock.now() + Duration::from_secs(1)).min(until));
            self.drain().await?;
            if self.pace == Pace::EveryLook || look % PATIENCE > 1 {
                last = None;
                continue;
            }
            let Some((still, next)) = self.still(until).await? else {
                last = None;
                continue;
            };
            let steps = next.before.micros_since(next.at).saturating_sub(1) / still.pause;
            if let (true, Ok(left_out @ 1..)) = (last.as_ref() == Some(&still), u64::try_from(steps)) {
                self.world.read_again(reads, usize::try_from(left_out).unwrap_or(usize::MAX));
                let pause = Duration::from_micros(u64::try_from(still.pause).unwrap_or_default());
                // The look at the end of them is done.
                self.clock.set(next.at + pause.saturating_mul(u32::try_from(left_out).unwrap_or(u32::MAX)));
                self.drain().await?;
                last = None;
            } else {
                last = Some(still);
            }
        }
        self.clock.set(until);
        self.drain().await
    }

    /// What there is, where nothing is due next but a look at one proposal; and when that is.
    async fn still(&self, until: Timestamp) -> Result<Option<(Still, Next)>, ScenarioError> {
        let due = self.engine.next_due().await.map_err(|e| self.fail(e))?;
        let survey = self.engine.db().survey().await.map_err(|e| self.fail(e))?;
        let (looks, others): (Vec<_>, Vec<_>) = survey.wakes.iter().partition(|wake| wake.cause == "timer");
        let [look] = looks.as_slice() else { return Ok(None) };
        let now = self.clock.now();
        if due != Some(look.due_at) || look.due_at <= now || survey.calls.iter().any(|call| call.outcome.is_none()) {
            return Ok(None);
        }
        let story = self.engine.story(self.community, look.proposal).await.map_err(|e| self.fail(e))?;
        let before = others.iter().map(|wake| wake.due_at).chain([until]).min().unwrap_or(until);
        let proposals = survey.proposals.iter();
        let still = Still {
            proposals: proposals.map(|p| (p.id, p.status, p.effect, p.data.clone(), p.error.clone())).collect(),
            calls: survey.calls.len(),
            decisions: survey.decisions.len(),
            logged: story.logs.len(),
            pause: look.due_at.micros_since(now),
        };
        Ok(Some((still, Next { at: look.due_at, before })))
    }
}
