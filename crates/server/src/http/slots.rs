//! How many of a costly thing may go on at the same time for one community or session.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// The slots of every key. Clones share them.
#[derive(Debug)]
pub(crate) struct Slots<K> {
    taken: Arc<Mutex<HashMap<K, usize>>>,
    most: usize,
}

/// A slot, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot<K: Eq + Hash> {
    taken: Arc<Mutex<HashMap<K, usize>>>,
    key: K,
}

impl<K: Eq + Hash + Clone> Slots<K> {
    /// `most` for every key.
    pub(crate) fn of(most: usize) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// A slot for this key; `None` while all are taken.
    pub(crate) fn take(&self, key: K) -> Option<Slot<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.get(&key).is_some_and(|count| *count >= self.most) {
            return None;
        }
        *taken.entry(key.clone()).or_default() += 1;
        drop(taken);
        Some(Slot { taken: Arc::clone(&self.taken), key })
    }
}

impl<K: Eq + Hash> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let left = taken.get(&self.key).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            taken.remove(&self.key);
        } else if let Some(count) = taken.get_mut(&self.key) {
            *count = left;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_slots_and_what_is_dropped_is_free_again() {
        let slots = Slots::of(2);
        let (first, second) = (slots.take("a"), slots.take("a"));
        assert!(first.is_some() && slots.take("a").is_none());
        assert!(slots.take("b").is_some(), "another key has its own");
        drop(first);
        let again = slots.take("a");
        assert!(again.is_some() && slots.take("a").is_none());
        drop((again, second));
        assert!(slots.taken.lock().expect("nobody panicked").is_empty(), "nothing is remembered of what is over");
    }
}
