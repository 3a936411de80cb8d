//! Several changes of the same row in one unit of work are applied one after the other, all others at once.

use std::{collections::HashMap, hash::Hash};

/// Splits `items` into rounds in which no key occurs twice, keeping the order of those with the same key. Within a
/// round they are in the order of their keys: transactions that lock the same rows do so in the same order, and rarely
/// wait for each other in a circle.
pub(crate) fn rounds<T, K: Eq + Hash + Ord>(items: &[T], key: impl Fn(&T) -> K) -> Vec<Vec<&T>> {
    let mut seen: HashMap<K, usize> = HashMap::with_capacity(items.len());
    let mut out: Vec<Vec<&T>> = Vec::new();
    for item in items {
        let round = seen.entry(key(item)).and_modify(|round| *round += 1).or_insert(0);
        match out.get_mut(*round) {
            Some(items) => items.push(item),
            None => out.push(vec![item]),
        }
    }
    for round in &mut out {
        round.sort_by_key(|item| key(item));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_the_same_row_follow_each_other() {
        assert_eq!(rounds(&[("a", 1), ("b", 2), ("a", 3)], |i| i.0), [vec![&("a", 1), &("b", 2)], vec![&("a", 3)]]);
        assert_eq!(rounds(&["c", "a", "b"], |i| *i), [vec![&"a", &"b", &"c"]]);
        assert!(rounds(&[] as &[i32], |i| *i).is_empty());
    }
}
