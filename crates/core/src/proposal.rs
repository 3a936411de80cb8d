//! Proposals: the process one policy runs about one action.

use serde::{Deserialize, Serialize};

use crate::{
    JsonMap, Timestamp, Value,
    ballot::Poll,
    ids::{ActionId, CommunityId, PolicyId, PolicyVersionId, ProposalId},
};

/// What has been decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not decided yet.
    Proposed,
    /// Accepted.
    Passed,
    /// Rejected.
    Failed,
    /// The policy could not decide because its code raised an error; waits for a person.
    Held,
    /// The policy's code raised an error and the next policy took over.
    Superseded,
}

impl Status {
    /// All statuses.
    pub const ALL: [Self; 5] = [Self::Proposed, Self::Passed, Self::Failed, Self::Held, Self::Superseded];

    /// The name used in storage and policy code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Superseded => "superseded",
        }
    }

    /// The status with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// Whether what was decided has happened on the platform. Verdict and effect are separate facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectStatus {
    /// Nothing had to be done.
    None,
    /// Undoing or doing again is under way.
    Pending,
    /// Done, and confirmed by the platform.
    Done,
    /// The platform refused for good.
    Refused,
    /// It may have happened; a person must settle it.
    Uncertain,
}

impl EffectStatus {
    /// All statuses.
    pub const ALL: [Self; 5] = [Self::None, Self::Pending, Self::Done, Self::Refused, Self::Uncertain];

    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Uncertain => "uncertain",
        }
    }

    /// The status with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// The process one policy runs about one action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Derived from action and policy.
    pub id: ProposalId,
    /// The tenant.
    pub community: CommunityId,
    /// What it is about.
    pub action: ActionId,
    /// The policy.
    pub policy: PolicyId,
    /// The version it started with, and keeps.
    pub policy_version: PolicyVersionId,
    /// What has been decided.
    pub status: Status,
    /// Whether it has happened.
    pub effect: EffectStatus,
    /// Why the effect is not done, in plain words.
    pub effect_note: Option<String>,
    /// Counts the changes; a writer names the one it read.
    pub rev: i64,
    /// `proposal.data`.
    pub data: JsonMap,
    /// `variables`.
    pub variables: Value,
    /// The vote, once started.
    pub poll: Option<Poll>,
    /// Whether the vote takes ballots.
    pub poll_open: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// What went wrong in the policy's code last, with line and column.
    pub error: Option<String>,
}
