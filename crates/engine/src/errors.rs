//! Policies whose code keeps failing are suspended: one typo must neither freeze nor empty a workspace.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use policykit_core::{Timestamp, action::Action, ids::PolicyId, policy::PolicyKind};
use policykit_store::DecisionEntry;
use serde_json::json;

use crate::{
    community::Compiled,
    outbox::Outbox,
    parts::{Parts, lock},
};

/// How often a policy may fail within [`ERROR_WINDOW`] before it is suspended.
const MAX_ERRORS: usize = 5;
/// See [`MAX_ERRORS`].
const ERROR_WINDOW: Duration = Duration::from_secs(600);

/// When policies failed, as far as it is written down.
pub(crate) type Errors = HashMap<PolicyId, Vec<Timestamp>>;

/// Failures that are not written down yet. Until they are they do not count: the same work may be done anew.
#[derive(Debug, Default)]
pub(crate) struct Failed {
    errors: Vec<(PolicyId, Timestamp)>,
    suspended: BTreeSet<PolicyId>,
}

impl Failed {
    /// Notes one more; says whether it was one too many.
    fn once_more(&mut self, policy: PolicyId, now: Timestamp, before: &Errors) -> bool {
        self.errors.push((policy, now));
        let here = self.errors.iter().filter(|(failed, _)| *failed == policy).map(|(_, at)| at);
        let recent = before.get(&policy).into_iter().flatten().chain(here).filter(|at| **at + ERROR_WINDOW > now);
        recent.count() >= MAX_ERRORS && self.suspended.insert(policy)
    }

    /// They are written down.
    pub(crate) fn note(self, errors: &mut Errors) {
        for (policy, at) in self.errors {
            let recent = errors.entry(policy).or_default();
            recent.retain(|earlier| *earlier + ERROR_WINDOW > at);
            recent.push(at);
        }
        // Put in force again, it begins anew.
        for policy in self.suspended {
            errors.remove(&policy);
        }
    }
}

impl Parts {
    /// Counts an error of a policy's code and suspends the policy when there are too many. Constitution policies are never
    /// suspended: whoever found a proposal that breaks one could otherwise switch it off, and have the next policy decide.
    /// What they fail to decide waits for a person.
    pub(crate) fn count_error(&self, compiled: &Arc<Compiled>, action: &Action, out: &mut Outbox) {
        if compiled.policy.draft.kind == PolicyKind::Constitution {
            return;
        }
        let now = self.clock.now();
        if out.failed.once_more(compiled.policy.id, now, &lock(&self.errors)) {
            out.changes.policies_suspended.push(compiled.policy.id);
            out.changes.decisions.push(DecisionEntry {
                community: action.community,
                at: now,
                kind: "policy.suspended".to_owned(),
                body: json!({
                    "policy": compiled.policy.id, "version": compiled.policy.version,
                    "reason": format!("its code failed {MAX_ERRORS} times within ten minutes"),
                }),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + seconds)
    }

    fn policy(number: u128) -> PolicyId {
        PolicyId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn failures_count_only_once_they_are_written_down() {
        let (mut errors, bad) = (Errors::new(), policy(1));
        // The same delivery is worked out again and again and never written down.
        for n in 0..20 {
            assert!(!Failed::default().once_more(bad, at(n), &errors));
        }
        for n in 0..4 {
            let mut failed = Failed::default();
            assert!(!failed.once_more(bad, at(n), &errors));
            failed.note(&mut errors);
        }
        let mut failed = Failed::default();
        assert!(!failed.once_more(policy(2), at(4), &errors), "another policy");
        assert!(failed.once_more(bad, at(4), &errors));
        assert!(!failed.once_more(bad, at(4), &errors), "once is enough");
        failed.note(&mut errors);
        assert!(!Failed::default().once_more(bad, at(5), &errors), "it begins anew");
    }

    #[test]
    fn many_failures_in_one_batch_and_only_recent_ones_count() {
        let (mut errors, bad) = (Errors::new(), policy(1));
        let mut failed = Failed::default();
        let suspended: Vec<bool> = (0..6).map(|n| failed.once_more(bad, at(n), &errors)).collect();
        assert_eq!(suspended, [false, false, false, false, true, false]);
        let mut early = Failed::default();
        (0..4).for_each(|n| assert!(!early.once_more(bad, at(n), &errors)));
        early.note(&mut errors);
        assert!(!Failed::default().once_more(bad, at(700), &errors), "the others are long ago");
    }
}
