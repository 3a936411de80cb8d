//! The versions of a policy: what changed between two of them, and the way back.

use std::{borrow::Cow, time::Duration};

use policykit_core::{
    constitution::Amendment,
    ids::{CommunityId, PolicyId},
    policy::{Block, Policy, PolicyDraft},
};
use policykit_store::{PolicyState, PolicyVersion};
use similar::{ChangeTag, TextDiff};

use crate::{Engine, EngineError};

/// A policy through all its versions.
#[derive(Debug, Clone)]
pub struct PolicyHistory {
    /// The version that governs, or did last.
    pub current: Policy,
    /// Whether it governs.
    pub state: PolicyState,
    /// All versions, first to last.
    pub versions: Vec<PolicyVersion>,
}

impl PolicyHistory {
    /// The version of this number.
    pub fn version(&self, number: i64) -> Option<&PolicyVersion> {
        self.versions.iter().find(|v| v.policy.version == number)
    }

    /// The change of the rules that puts an older version in force again, as a new version; with what has become
    /// inadmissible since replaced, see [`PolicyDraft::restorable`].
    pub fn roll_back(&self, number: i64) -> Option<Amendment> {
        let draft = self.version(number)?.policy.draft.clone().restorable();
        Some(Amendment::ChangePolicy { policy: self.current.id, version: Some(self.current.version), draft })
    }
}

/// What changed in one part of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartDiff {
    /// The part: `name`, `description`, `action types`, `on error`, or a block.
    pub part: &'static str,
    /// Its lines, those that stayed too.
    pub lines: Vec<(Change, String)>,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It stayed.
    Same,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
}

/// How long it is looked for the shortest difference of a part; after that any difference will do. Texts can be made for
/// which it would take minutes.
const SHORTEST_WITHIN: Duration = Duration::from_millis(50);

/// The parts in which two versions differ, line by line.
pub fn difference(old: &PolicyDraft, new: &PolicyDraft) -> Vec<PartDiff> {
    let types = |draft: &PolicyDraft| draft.action_types.join("\n");
    let (old_types, new_types) = (types(old), types(new));
    let mut parts = vec![
        ("name", old.name.as_str(), new.name.as_str()),
        ("description", old.description.as_str(), new.description.as_str()),
        ("action types", old_types.as_str(), new_types.as_str()),
    ];
    parts.extend(Block::ALL.map(|block| (block.as_str(), old.blocks.get(block), new.blocks.get(block))));
    parts.push(("on error", old.on_error.as_str(), new.on_error.as_str()));
    compare(parts)
}

/// A text whose last line ends, so that it is the same line when others follow it.
fn ended(text: &str) -> Cow<'_, str> {
    if text.is_empty() || text.ends_with('\n') { text.into() } else { format!("{text}\n").into() }
}

/// Those of these parts, each by name and with what it said and says, that differ, line by line.
pub fn compare<'a>(parts: impl IntoIterator<Item = (&'static str, &'a str, &'a str)>) -> Vec<PartDiff> {
    parts
        .into_iter()
        .map(|(part, old, new)| (part, ended(old), ended(new)))
        .filter(|(_, old, new)| old != new)
        .map(|(part, old, new)| {
            let diff = TextDiff::configure().timeout(SHORTEST_WITHIN).diff_lines(old.as_ref(), new.as_ref());
            let lines = diff.iter_all_changes().map(|change| {
                let word = match change.tag() {
                    ChangeTag::Equal => Change::Same,
                    ChangeTag::Insert => Change::Added,
                    ChangeTag::Delete => Change::Removed,
                };
                (word, change.value().trim_end_matches(['\r', '\n']).to_owned())
            });
            PartDiff { part, lines: lines.collect() }
        })
        .collect()
}

impl Engine {
    /// A policy of a community with all its versions.
    ///
    /// # Errors
    /// `NotFound` when the community has no such policy.
    pub async fn policy_history(&self, community: CommunityId, id: PolicyId) -> Result<PolicyHistory, EngineError> {
        let scope = self.0.db.community(community);
        let (current, state) = scope.policy(id).await?;
        Ok(PolicyHistory { current, state, versions: scope.policy_versions(id).await? })
    }
}

#[cfg(test)]
mod tests {
    use policykit_core::policy::{Blocks, OnError, PolicyKind};

    use super::*;

    fn draft(check: &str) -> PolicyDraft {
        PolicyDraft {
            kind: PolicyKind::Platform,
            name: "n".to_owned(),
            description: String::new(),
            action_types: Vec::new(),
            blocks: Blocks { check: check.to_owned(), ..Blocks::default() },
            on_error: OnError::Hold,
        }
    }

    #[test]
    fn only_the_parts_that_differ_are_shown_line_by_line() {
        let new = PolicyDraft { on_error: OnError::Fail, ..draft("a = 1\nreturn PASSED\n") };
        let found = difference(&draft("a = 1\nreturn FAILED\n"), &new);
        let line = |change, text: &str| (change, text.to_owned());
        let check =
            [line(Change::Same, "a = 1"), line(Change::Removed, "return FAILED"), line(Change::Added, "return PASSED")];
        assert_eq!(found[0], PartDiff { part: "check", lines: check.to_vec() });
        assert_eq!(found[1].part, "on error");
        assert_eq!(found.len(), 2);
        assert_eq!(difference(&new, &new), []);
    }

    #[test]
    fn a_line_is_the_same_when_it_is_no_longer_the_last() {
        let found = compare([("text", "one", "one\ntwo"), ("same", "a", "a\n"), ("gone", "b", "")]);
        let line = |change, text: &str| (change, text.to_owned());
        assert_eq!(found[0].lines, [line(Change::Same, "one"), line(Change::Added, "two")]);
        assert_eq!(found[1], PartDiff { part: "gone", lines: vec![line(Change::Removed, "b")] });
        assert_eq!(found.len(), 2);
    }
}
