//! Sets of shards as conditions: a node usually holds a few runs of neighbours, which read as ranges.

use std::fmt::Write as _;

use crate::{changes::Fence, sql::Arg};

/// A condition that `column` is one of the shards, its parameters counted from the length of `args`, to which they are
/// added. No shards match nothing.
pub(crate) fn condition(column: &str, fences: &[Fence], args: &mut Vec<Arg>) -> String {
    let mut shards: Vec<u16> = fences.iter().map(|fence| fence.shard).collect();
    shards.sort_unstable();
    shards.dedup();
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for shard in shards {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == shard => *last = shard,
            _ => ranges.push((shard, shard)),
        }
    }
    if ranges.is_empty() {
        return "1 = 0".to_owned();
    }
    let mut out = String::from("(");
    for (index, (first, last)) in ranges.into_iter().enumerate() {
        let or = if index == 0 { "" } else { " OR " };
        // Writing to a string cannot fail.
        let _ = write!(out, "{or}{column} BETWEEN ${} AND ${}", args.len() + 1, args.len() + 2);
        args.push(first.into());
        args.push(last.into());
    }
    out.push(')');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_shards_become_ranges() {
        let fences: Vec<Fence> = [7, 3, 4, 5, 9].map(|shard| Fence { shard, fence: 1 }).into();
        let mut args = vec![Arg::from(0_i64)];
        let text = condition("s", &fences, &mut args);
        assert_eq!(text, "(s BETWEEN $2 AND $3 OR s BETWEEN $4 AND $5 OR s BETWEEN $6 AND $7)");
        assert_eq!(args.len(), 7);
        assert_eq!(condition("s", &[], &mut args), "1 = 0");
    }
}
