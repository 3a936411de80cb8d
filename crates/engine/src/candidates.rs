//! Which policies may govern which actions: worked out once for each version of a community's rules.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use policykit_core::policy::PolicyKind;
use policykit_policy::{Filters, Program, Sandbox};

use crate::community::Compiled;

/// The policies that are asked about actions of one type, in order.
pub(crate) struct Candidates {
    pub(crate) policies: Vec<Arc<Compiled>>,
    joined: OnceLock<Arc<dyn Filters>>,
}

impl Candidates {
    fn new(policies: Vec<Arc<Compiled>>) -> Self {
        Self { policies, joined: OnceLock::new() }
    }

    /// Their filters, joined when the first action comes that they are asked about.
    pub(crate) fn joined(&self, sandbox: &dyn Sandbox) -> &dyn Filters {
        let joined = self.joined.get_or_init(|| {
            let programs: Vec<Option<&Program>> =
                self.policies.iter().map(|compiled| compiled.program.as_ref().ok().map(Arc::as_ref)).collect();
            sandbox.join(&programs)
        });
        joined.as_ref()
    }

    fn are(&self, policies: &[Arc<Compiled>]) -> bool {
        self.policies.len() == policies.len() && self.policies.iter().zip(policies).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

/// The policies of a community by what they are asked about. Those that are not about an action's type cost nothing.
#[derive(Default)]
pub(crate) struct Index {
    kinds: HashMap<PolicyKind, ByType>,
}

struct ByType {
    named: HashMap<String, Arc<Candidates>>,
    /// For types that no policy names.
    others: Arc<Candidates>,
}

impl Index {
    /// The index of these policies, given in order. Lists that were in the index `before` keep their joined filters.
    pub(crate) fn new(policies: &[Arc<Compiled>], before: Option<&Self>) -> Self {
        let mut known: Vec<Arc<Candidates>> = before.map(Self::lists).unwrap_or_default();
        let mut list = |found: Vec<Arc<Compiled>>| {
            if let Some(same) = known.iter().find(|candidates| candidates.are(&found)) {
                return Arc::clone(same);
            }
            let new = Arc::new(Candidates::new(found));
            known.push(Arc::clone(&new));
            new
        };
        let mut kinds = HashMap::new();
        for kind in [PolicyKind::Platform, PolicyKind::Constitution, PolicyKind::Trigger] {
            let of_kind: Vec<&Arc<Compiled>> = policies.iter().filter(|c| c.policy.draft.kind == kind).collect();
            let pick = |wanted: &dyn Fn(&Compiled) -> bool| -> Vec<Arc<Compiled>> {
                of_kind.iter().filter(|compiled| wanted(compiled)).map(|compiled| Arc::clone(compiled)).collect()
            };
            let types: BTreeSet<&String> = of_kind.iter().flat_map(|c| &c.policy.draft.action_types).collect();
            let named = types
                .into_iter()
                .map(|name| (name.clone(), list(pick(&|compiled| compiled.policy.applies_to(name)))))
                .collect();
            let others = list(pick(&|c| c.policy.draft.action_types.is_empty() && kind != PolicyKind::Trigger));
            kinds.insert(kind, ByType { named, others });
        }
        Self { kinds }
    }

    /// The policies that are asked about actions of this kind and type.
    pub(crate) fn candidates(&self, kind: PolicyKind, action_type: &str) -> Option<&Arc<Candidates>> {
        let by_type = self.kinds.get(&kind)?;
        Some(by_type.named.get(action_type).unwrap_or(&by_type.others))
    }

    fn lists(&self) -> Vec<Arc<Candidates>> {
        self.kinds.values().flat_map(|k| k.named.values().chain([&k.others])).map(Arc::clone).collect()
    }
}

#[cfg(test)]
mod tests {
    use policykit_core::{
        ids::{PolicyId, PolicyVersionId},
        policy::{Blocks, OnError, Policy, PolicyDraft},
    };
    use uuid::Uuid;

    use super::*;

    fn policy(number: u128, kind: PolicyKind, types: &[&str]) -> Arc<Compiled> {
        let draft = PolicyDraft {
            kind,
            name: number.to_string(),
            description: String::new(),
            action_types: types.iter().map(|name| (*name).to_owned()).collect(),
            blocks: Blocks::default(),
            on_error: OnError::default(),
        };
        let (id, version_id) =
            (PolicyId::from_uuid(Uuid::from_u128(number)), PolicyVersionId::from_uuid(Uuid::from_u128(number)));
        let policy = Policy { id, version_id, version: 1, position: 0, draft };
        Arc::new(Compiled { policy, program: Err("not compiled".to_owned()) })
    }

    fn names(index: &Index, kind: PolicyKind, action_type: &str) -> Vec<String> {
        let found = index.candidates(kind, action_type).map(|c| c.policies.clone()).unwrap_or_default();
        found.iter().map(|compiled| compiled.policy.draft.name.clone()).collect()
    }

    #[test]
    fn an_action_is_shown_to_the_policies_of_its_kind_that_apply_to_its_type_in_order() {
        let (platform, trigger) = (PolicyKind::Platform, PolicyKind::Trigger);
        let policies = [
            policy(3, platform, &["post"]),
            policy(1, platform, &["rename", "post"]),
            policy(2, trigger, &["post"]),
            policy(4, platform, &[]),
            policy(5, trigger, &[]),
        ];
        let index = Index::new(&policies, None);
        assert_eq!(names(&index, platform, "post"), ["3", "1", "4"]);
        assert_eq!(names(&index, platform, "rename"), ["1", "4"]);
        assert_eq!(names(&index, platform, "pin"), ["4"]);
        assert_eq!(names(&index, trigger, "post"), ["2"]);
        assert!(names(&index, trigger, "pin").is_empty());
        assert!(names(&index, PolicyKind::Constitution, "post").is_empty());
    }

    #[test]
    fn what_a_change_of_the_rules_does_not_touch_stays_joined() {
        let platform = PolicyKind::Platform;
        let (post, pin) = (policy(1, platform, &["post"]), policy(2, platform, &["pin"]));
        let before = Index::new(&[Arc::clone(&post), Arc::clone(&pin)], None);
        let after = Index::new(&[post, policy(3, platform, &["pin"])], Some(&before));
        let same = |name| {
            let of = |index: &Index| index.candidates(platform, name).map(Arc::clone).unwrap();
            Arc::ptr_eq(&of(&before), &of(&after))
        };
        assert!(same("post"));
        assert!(!same("pin"));
    }
}
