//! What is read back.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    Timestamp,
    action::Action,
    call::{CallOutcome, CallState, OperationClass, PlannedCall},
    community::{Community, Installation, InstallationStatus, Role, User},
    ids::{ActionId, CallId, CommunityId, EvaluationId, InboxId, InstallationId, ProposalId, RoleId, UserId},
    policy::Policy,
    proposal::Proposal,
    snapshot::BallotView,
};

use crate::{
    awaited::AwaitedRead,
    changes::{EvaluationRow, InboxState, ReadRow},
};

/// A delivery to be written down: verified, not understood yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Derived from platform, scope and key.
    pub id: InboxId,
    /// The platform.
    pub platform: String,
    /// Whose it is.
    pub installation: InstallationId,
    /// The tenant.
    pub community: CommunityId,
    /// Within which the key is unique, such as the platform's team id.
    pub scope: String,
    /// The platform's own id of the delivery.
    pub delivery_key: String,
    /// What sort of delivery, in the platform module's words.
    pub kind: String,
    /// The raw body.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
}

/// Whether a delivery was written down or was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Written down now.
    Fresh,
    /// Known already.
    Duplicate,
}

/// A delivery as read back.
#[derive(Debug, Clone)]
pub struct InboxRow {
    /// What was written down.
    pub delivery: NewDelivery,
    /// Where it stands.
    pub state: InboxState,
    /// How often it has been tried.
    pub tries: i64,
    /// Why it is parked or dead.
    pub note: Option<String>,
    /// The community's version at the time of reading, see [`CommunityState::version`].
    pub community_version: i64,
}

/// What matching needs to know about a community, loaded once and kept until its version changes.
#[derive(Debug, Clone)]
pub struct CommunityState {
    /// The community.
    pub community: Community,
    /// Counts changes of installations, policies, roles and role members.
    pub version: i64,
    /// Where it lives.
    pub installations: Vec<Installation>,
    /// Its active policies, in the order they are tried.
    pub policies: Vec<Policy>,
    /// Its roles.
    pub roles: Vec<Role>,
    /// Who has which role; the base role is everybody's and not listed.
    pub role_members: BTreeMap<UserId, BTreeSet<RoleId>>,
}

impl CommunityState {
    /// Where the community lives on a platform at present: removed installations do not count.
    pub fn on(&self, platform: &str) -> Option<&Installation> {
        self.present().find(|installation| installation.platform == platform)
    }

    /// Where what concerns no platform is entered: an installation that is there or, when all have been removed, the
    /// oldest of those.
    pub fn home(&self) -> Option<&Installation> {
        self.present().next().or_else(|| self.installations.first())
    }

    /// Whether one of a member's roles has a permission; everybody has the base role.
    pub fn may(&self, user: UserId, permission: &str) -> bool {
        let own = self.role_members.get(&user);
        self.roles
            .iter()
            .filter(|role| role.is_base || own.is_some_and(|ids| ids.contains(&role.id)))
            .any(|role| role.permissions.contains(permission))
    }

    fn present(&self) -> impl Iterator<Item = &Installation> {
        self.installations.iter().filter(|installation| installation.status != InstallationStatus::Uninstalled)
    }
}

/// Everything a later evaluation of a proposal needs.
#[derive(Debug, Clone)]
pub struct ProposalBundle {
    /// The proposal.
    pub proposal: Proposal,
    /// Its action.
    pub action: Action,
    /// Who did it.
    pub initiator: Option<User>,
    /// The policy version it started with.
    pub policy: Policy,
    /// The ballots of the present vote, each with its voter's view (roles filled in by the caller).
    pub ballots: Vec<BallotView>,
    /// Who cast them, in the same order.
    pub voters: Vec<UserId>,
    /// Who took back what they had said in the present vote, and when.
    pub retracted: Vec<(UserId, Timestamp)>,
    /// How many evaluations there have been.
    pub evaluations: i64,
    /// How many of them have not ended.
    pub running: i64,
    /// The version of the community at this moment; see [`CommunityState::version`].
    pub community_version: i64,
}

/// A call as read back.
#[derive(Debug, Clone)]
pub struct CallRow {
    /// Its id.
    pub id: CallId,
    /// The tenant.
    pub community: CommunityId,
    /// Through which installation.
    pub installation: InstallationId,
    /// For which proposal.
    pub proposal: Option<ProposalId>,
    /// In which evaluation.
    pub evaluation: Option<EvaluationId>,
    /// For which action.
    pub action: Option<ActionId>,
    /// What for.
    pub purpose: String,
    /// Number within evaluation and purpose.
    pub idx: i64,
    /// What was asked for.
    pub call: PlannedCall,
    /// SHA-256 of it as it was written down.
    pub args_hash: String,
    /// How it is confirmed.
    pub class: OperationClass,
    /// Where it stands.
    pub state: CallState,
    /// How often it was sent.
    pub attempt: i64,
    /// Under which fence.
    pub fence: i64,
    /// When it is to be sent (again).
    pub due_at: Timestamp,
    /// What came of it.
    pub outcome: Option<CallOutcome>,
    /// What is known about why.
    pub note: Option<String>,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An evaluation with all that was recorded for it.
#[derive(Debug, Clone)]
pub struct EvaluationRecord {
    /// The evaluation.
    pub evaluation: EvaluationRow,
    /// The answers it was given, in order.
    pub reads: Vec<ReadRow>,
    /// The calls it made, in order of creation.
    pub calls: Vec<CallRow>,
    /// What it waits for, when a platform has put off what it reads.
    pub awaited: Option<AwaitedRead>,
}

/// One line of a list of proposals.
#[derive(Debug, Clone)]
pub struct ProposalSummary {
    /// The proposal.
    pub proposal: Proposal,
    /// Its action.
    pub action: Action,
    /// Name of who did it.
    pub initiator_name: Option<String>,
    /// Name of the policy.
    pub policy_name: String,
}

/// A logged line as read back.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// `debug`, `info`, `warning`, `error`.
    pub level: String,
    /// What it says.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// From which evaluation.
    pub evaluation: Option<EvaluationId>,
}

/// An entry of the decision log.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Number within the community, from 1 without gaps.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What kind.
    pub kind: String,
    /// The facts.
    pub body: serde_json::Value,
    /// Hash of the entry before.
    pub previous: String,
    /// SHA-256 over the previous hash and this entry, in hex.
    pub hash: String,
}

/// Which part of a list, latest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<I> {
    /// The last row of the page before, by time and id; `None` for the first page.
    pub before: Option<(Timestamp, I)>,
    /// How many rows at most.
    pub limit: usize,
}

impl<I> Page<I> {
    /// The latest `limit` rows.
    pub const fn first(limit: usize) -> Self {
        Self { before: None, limit }
    }
}

/// An evaluation that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningEvaluation {
    /// Its id.
    pub id: EvaluationId,
    /// The tenant.
    pub community: CommunityId,
    /// Whose.
    pub proposal: ProposalId,
    /// What it waits for, when a platform has put off what it reads.
    pub awaited: Option<AwaitedRead>,
}

/// A key under which something is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedKey {
    /// The key.
    pub key: String,
    /// Whether one echo uses it up.
    pub once: bool,
}
