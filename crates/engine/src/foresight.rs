//! Asking joined filters about all actions of a batch at once, where asking is a journey.
//!
//! What is heard counts only as long as nothing about its action has changed: when the action's turn comes, it is looked at
//! as it is then, and asked about anew if that is something else. So it saves journeys and decides nothing.

use std::sync::Arc;

use policykit_core::{
    action::Action, community::User, event::EventBody, ids::ActionId, policy::PolicyKind, snapshot::ActionView,
};
use policykit_policy::Place;

use crate::{
    batch::{Read, action_of},
    candidates::Candidates,
    community::CommunityHandle,
    intake::Intake,
    matching::as_trigger,
    outbox::Outbox,
    parts::Parts,
};

/// With fewer actions there is nothing to gain.
const FEW: usize = 2;

/// What joined filters said of an action ahead of its turn.
pub(crate) struct Foreseen {
    /// Whose filters.
    candidates: Arc<Candidates>,
    /// The action as they saw it.
    view: ActionView,
    /// By group: the places of the policies that came to a result, and whether they match.
    said: Vec<(usize, Vec<(usize, bool)>)>,
}

impl Foreseen {
    /// What a group of these filters said of this very action, if it was asked.
    pub(crate) fn take(
        &mut self,
        candidates: &Candidates,
        group: usize,
        view: &ActionView,
    ) -> Option<Vec<(usize, bool)>> {
        if !std::ptr::eq(Arc::as_ptr(&self.candidates), candidates) || self.view != *view {
            return None;
        }
        self.said.iter_mut().find(|(of, _)| *of == group).map(|(_, said)| std::mem::take(said))
    }
}

/// Actions that the same filters are to look at.
struct Together {
    candidates: Arc<Candidates>,
    actions: Vec<(ActionId, ActionView)>,
}

impl Parts {
    /// Asks joined filters about the actions of these deliveries.
    pub(crate) fn foresee(&self, read: &[Read<'_>], out: &mut Outbox) {
        if self.sandbox.place() == Place::Here || read.len() < FEW {
            return;
        }
        let mut all: Vec<Together> = Vec::new();
        for (row, community, intake) in read {
            let Intake::Events(events, _) = intake else { continue };
            for (ordinal, event) in events.iter().enumerate() {
                let EventBody::Action { action_type, fields } = &event.body else { continue };
                let initiator = event.actor.as_ref().and_then(|a| community.member(row.delivery.installation, a));
                let (kind, by) = (PolicyKind::Platform, initiator.as_ref());
                let action = action_of(row, ordinal, event.at, kind, action_type, fields, by);
                self.add(community, &action, by, &mut all);
                self.add(community, &as_trigger(&action), by, &mut all);
            }
        }
        for Together { candidates, actions } in all {
            if actions.len() >= FEW {
                self.ask_ahead(&candidates, actions, out);
            }
        }
    }

    fn add(&self, community: &CommunityHandle, action: &Action, by: Option<&User>, all: &mut Vec<Together>) {
        let Some(candidates) = community.index.candidates(action.kind, &action.action_type) else { return };
        if candidates.policies.is_empty() {
            return;
        }
        let seen = (action.id, self.action_view(community, action, by));
        match all.iter_mut().find(|together| Arc::ptr_eq(&together.candidates, candidates)) {
            Some(together) => together.actions.push(seen),
            None => all.push(Together { candidates: Arc::clone(candidates), actions: vec![seen] }),
        }
    }

    fn ask_ahead(&self, candidates: &Arc<Candidates>, actions: Vec<(ActionId, ActionView)>, out: &mut Outbox) {
        let joined = candidates.joined(self.sandbox.as_ref());
        let mut groups: Vec<usize> =
            (0..candidates.policies.len()).filter_map(|place| joined.group_of(place)).collect();
        groups.dedup();
        if groups.is_empty() {
            return;
        }
        let (ids, views): (Vec<ActionId>, Vec<ActionView>) = actions.into_iter().unzip();
        let mut said = vec![Vec::new(); views.len()];
        for group in groups {
            for (said, of_one) in said.iter_mut().zip(joined.run_all(group, &views)) {
                said.push((group, of_one));
            }
        }
        for ((id, view), said) in ids.into_iter().zip(views).zip(said) {
            out.foreseen.insert(id, Foreseen { candidates: Arc::clone(candidates), view, said });
        }
    }
}

#[cfg(test)]
mod tests {
    use policykit_core::action::Origin;
    use uuid::Uuid;

    use super::*;
    use crate::candidates::Index;

    fn candidates() -> Arc<Candidates> {
        Arc::clone(Index::new(&[], None).candidates(PolicyKind::Platform, "post").unwrap())
    }

    fn view(label: &str) -> ActionView {
        ActionView {
            id: ActionId::from_uuid(Uuid::from_u128(1)),
            action_type: "post".to_owned(),
            label: label.to_owned(),
            kind: PolicyKind::Platform,
            platform: None,
            origin: Origin::Platform,
            reverted: false,
            initiator: None,
            fields: policykit_core::JsonMap::new(),
        }
    }

    #[test]
    fn what_was_heard_ahead_counts_for_the_same_filters_and_an_unchanged_action_alone() {
        let (ours, others) = (candidates(), candidates());
        let foreseen =
            || Foreseen { candidates: Arc::clone(&ours), view: view("a post"), said: vec![(2, vec![(5, true)])] };
        assert_eq!(foreseen().take(&ours, 2, &view("a post")), Some(vec![(5, true)]));
        assert_eq!(foreseen().take(&ours, 1, &view("a post")), None, "another group was not asked");
        assert_eq!(foreseen().take(&ours, 2, &view("another post")), None, "the action has changed");
        assert_eq!(foreseen().take(&others, 2, &view("a post")), None, "the rules have changed");
    }
}
