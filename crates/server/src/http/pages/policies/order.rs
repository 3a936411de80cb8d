//! An order of policies on its way from the page to the proposal. A page holds a part of them; what is proposed is always
//! the order of all policies of a kind.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{ids::PolicyId, policy::PolicyKind};
use serde::Deserialize;

use crate::http::errors::PageError;

/// A new order of the policies of a kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OrderForm {
    pub(super) kind: String,
    /// How many of the kind stand before those of the form.
    from: String,
    order: Vec<String>,
    /// For each of `order` the number it had, and the one it is to have.
    was: Vec<String>,
    place: Vec<String>,
    /// `up:ID` or `down:ID`: one step on the page, nothing is proposed yet.
    #[serde(rename = "move")]
    pub(super) step: Option<String>,
    pub(super) accepts_lockout: Option<String>,
}

/// An order as it is on the page.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) kind: PolicyKind,
    /// How many of the kind stand before those on the page.
    pub(super) from: usize,
    /// Those on the page.
    pub(super) order: Vec<PolicyId>,
    /// Those of them that are to have another number than beside which it was written.
    pub(super) places: BTreeMap<PolicyId, usize>,
}

impl Draft {
    /// What a form says; what is no policy and no number is passed over.
    pub(super) fn read(form: &OrderForm) -> Result<Self, PageError> {
        let kind = PolicyKind::parse(&form.kind).ok_or_else(|| PageError::BadForm("`kind` is missing".to_owned()))?;
        let written = form.order.iter().zip(&form.was).zip(&form.place);
        let places = written.filter(|((_, was), place)| was.trim() != place.trim());
        let places = places.filter_map(|((id, _), place)| Some((id.parse().ok()?, place.trim().parse().ok()?)));
        Ok(Self {
            kind,
            from: form.from.parse().unwrap_or_default(),
            order: form.order.iter().filter_map(|id| id.parse().ok()).collect(),
            places: places.collect(),
        })
    }

    /// One step of one policy.
    pub(super) fn step(&mut self, step: &str) {
        let Some((way, id)) = step.split_once(':') else { return };
        let at = id.parse().ok().and_then(|id: PolicyId| self.order.iter().position(|known| *known == id));
        let to = at.and_then(|at| if way == "up" { at.checked_sub(1) } else { Some(at + 1) });
        if let (Some(at), Some(to)) = (at, to)
            && to < self.order.len()
        {
            self.order.swap(at, to);
        }
    }

    /// The order of all policies of the kind, which stand as `all` now: first those on the page change among themselves,
    /// then each that has a place of its own goes there. When others are on the page than stand there by now, what is on
    /// the page is the order: it is refused, because it is not that of the policies in force.
    pub(super) fn whole(&self, mut all: Vec<PolicyId>) -> Vec<PolicyId> {
        let known: BTreeSet<&PolicyId> = self.order.iter().collect();
        let end = self.from.saturating_add(self.order.len());
        match all.get_mut(self.from..end) {
            Some(part) if part.iter().collect::<BTreeSet<_>>() == known => part.copy_from_slice(&self.order),
            _ => return self.order.clone(),
        }
        let mut places: Vec<(usize, PolicyId)> = self.places.iter().map(|(id, place)| (*place, *id)).collect();
        places.sort_unstable();
        for (place, id) in places {
            if let Some(at) = all.iter().position(|known| *known == id) {
                all.remove(at);
                all.insert(place.saturating_sub(1).min(all.len()), id);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: impl IntoIterator<Item = u128>) -> Vec<PolicyId> {
        numbers.into_iter().map(|n| PolicyId::from_uuid(uuid::Uuid::from_u128(n))).collect()
    }

    fn draft(from: usize, order: impl IntoIterator<Item = u128>, places: &[(u128, usize)]) -> Draft {
        let places = places.iter().flat_map(|(id, place)| ids([*id]).into_iter().map(|id| (id, *place))).collect();
        Draft { kind: PolicyKind::Platform, from, order: ids(order), places }
    }

    #[test]
    fn what_moves_on_a_page_moves_in_the_whole_order() {
        assert_eq!(draft(2, [4, 3], &[]).whole(ids(1..=5)), ids([1, 2, 4, 3, 5]));
    }

    #[test]
    fn a_place_is_one_in_the_whole_order() {
        assert_eq!(draft(2, [3, 4], &[(4, 1)]).whole(ids(1..=5)), ids([4, 1, 2, 3, 5]));
        assert_eq!(draft(0, [1, 2], &[(1, 5), (2, 99)]).whole(ids(1..=5)), ids([3, 4, 5, 1, 2]));
    }

    #[test]
    fn an_order_of_policies_that_have_changed_is_left_for_the_engine_to_refuse() {
        assert_eq!(draft(0, [1, 9], &[]).whole(ids(1..=3)), ids([1, 9]));
        assert_eq!(draft(7, [1], &[]).whole(ids(1..=3)), ids([1]));
    }
}
