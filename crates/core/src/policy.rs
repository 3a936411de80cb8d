//! Policies: rules a community has written, in versions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{PolicyId, PolicyVersionId};

/// What a policy governs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// What members do on a platform: may be undone and done again.
    Platform,
    /// Changes of the rules themselves: policies, roles, documents.
    Constitution,
    /// Something happened: react to it.
    Trigger,
}

impl PolicyKind {
    /// The name used in storage and in exchanged files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Constitution => "constitution",
            Self::Trigger => "trigger",
        }
    }

    /// The kind with this name, whatever its case.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Platform, Self::Constitution, Self::Trigger].into_iter().find(|k| k.as_str().eq_ignore_ascii_case(text))
    }
}

/// The six blocks of a policy, in the order in which they can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Does this policy govern this action?
    Filter,
    /// Runs once, when the proposal begins.
    Initialize,
    /// Decides.
    Check,
    /// Runs after a first check that left the matter open.
    Notify,
    /// Runs when the proposal passes.
    Success,
    /// Runs when the proposal fails.
    Fail,
}

impl Block {
    /// All blocks.
    pub const ALL: [Self; 6] = [Self::Filter, Self::Initialize, Self::Check, Self::Notify, Self::Success, Self::Fail];

    /// The name the author knows it by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Initialize => "initialize",
            Self::Check => "check",
            Self::Notify => "notify",
            Self::Success => "success",
            Self::Fail => "fail",
        }
    }

    /// The block with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|b| b.as_str() == name)
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The sources of the six blocks. An empty block does nothing; an empty filter matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Blocks {
    /// See [`Block::Filter`].
    #[serde(default)]
    pub filter: String,
    /// See [`Block::Initialize`].
    #[serde(default)]
    pub initialize: String,
    /// See [`Block::Check`].
    #[serde(default)]
    pub check: String,
    /// See [`Block::Notify`].
    #[serde(default)]
    pub notify: String,
    /// See [`Block::Success`].
    #[serde(default)]
    pub success: String,
    /// See [`Block::Fail`].
    #[serde(default)]
    pub fail: String,
}

impl Blocks {
    /// The source of one block.
    pub fn get(&self, block: Block) -> &str {
        match block {
            Block::Filter => &self.filter,
            Block::Initialize => &self.initialize,
            Block::Check => &self.check,
            Block::Notify => &self.notify,
            Block::Success => &self.success,
            Block::Fail => &self.fail,
        }
    }
}

/// What happens to a proposal whose policy raises an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The action stands (or waits, when it was only proposed) and is listed as held for a person to settle.
    #[default]
    Hold,
    /// As [`OnError::Hold`], but what happened on the platform is undone first.
    HoldReverted,
    /// The next policy in order is tried, as in the original PolicyKit; the default for imported files.
    Next,
    /// The proposal fails, as if `check` had returned `FAILED`.
    Fail,
}

impl OnError {
    /// The name used in storage and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::HoldReverted => "hold_reverted",
            Self::Next => "next",
            Self::Fail => "fail",
        }
    }

    /// The choice with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Hold, Self::HoldReverted, Self::Next, Self::Fail].into_iter().find(|o| o.as_str() == text)
    }
}

/// What `check` decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not decided yet.
    Proposed,
    /// Accepted.
    Passed,
    /// Rejected.
    Failed,
}

impl Verdict {
    /// The value policy code uses for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }

    /// The verdict with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Proposed, Self::Passed, Self::Failed].into_iter().find(|v| v.as_str() == text)
    }
}

/// A policy before it has a place in a community: what is imported, exported and saved as a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDraft {
    /// What it governs.
    pub kind: PolicyKind,
    /// Its name, at most 100 characters.
    pub name: String,
    /// What it is for, in the author's words.
    #[serde(default)]
    pub description: String,
    /// The action types it applies to; none means every action of its kind.
    #[serde(default)]
    pub action_types: Vec<String>,
    /// The code.
    pub blocks: Blocks,
    /// What happens when the code raises an error.
    #[serde(default)]
    pub on_error: OnError,
}

impl PolicyDraft {
    /// The same as it can be put in force: a constitution policy that was stored with [`OnError::Next`], from before that
    /// was refused, is put back with [`OnError::Hold`], which is what such policies have done all along.
    #[must_use]
    pub fn restorable(mut self) -> Self {
        if self.kind == PolicyKind::Constitution && self.on_error == OnError::Next {
            self.on_error = OnError::Hold;
        }
        self
    }
}

/// One saved version of a policy, as it governs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The policy through all its versions.
    pub id: PolicyId,
    /// This version.
    pub version_id: PolicyVersionId,
    /// Number of this version, from 1.
    pub version: i64,
    /// Place in the order: lower is tried first.
    pub position: i64,
    /// Its content.
    pub draft: PolicyDraft,
}

impl Policy {
    /// Whether the policy may govern actions of this type. A trigger policy must name its types.
    pub fn applies_to(&self, action_type: &str) -> bool {
        if self.draft.action_types.is_empty() {
            self.draft.kind != PolicyKind::Trigger
        } else {
            self.draft.action_types.iter().any(|t| t == action_type)
        }
    }
}
