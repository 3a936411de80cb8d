//! What an evaluation sees: everything frozen at its start, stored with it, so that it can be run again and explained.

use serde::{Deserialize, Serialize};

use crate::{
    JsonMap, Timestamp, Value,
    action::Origin,
    ballot::{BallotValue, PollKind},
    ids::{ActionId, CommunityId, PolicyId, ProposalId},
    policy::{PolicyKind, Verdict},
};

/// The frozen view of the world that one evaluation runs on.
///
/// Same policy version + same snapshot + same recorded answers = same decision, always.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The one moment this evaluation knows.
    pub now: Timestamp,
    /// Seed of this evaluation's random numbers.
    pub seed: u64,
    /// The community.
    pub community: CommunityView,
    /// What is being decided about.
    pub action: ActionView,
    /// The policy that decides.
    pub policy: PolicyView,
    /// The state of the process.
    pub proposal: ProposalView,
    /// The ballots cast so far in the vote that runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ballots: Vec<BallotView>,
    /// The platforms the community is on; each is an object in scope under its id.
    pub platforms: Vec<PlatformView>,
}

/// The community as policy code sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommunityView {
    /// Its id.
    pub id: CommunityId,
    /// Its name.
    pub name: String,
}

/// One platform the community is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformView {
    /// The platform's id, which is also the name of the object in scope.
    pub id: String,
    /// The community's id there (`team_id`).
    pub external_id: String,
    /// The community's name there.
    pub name: String,
}

/// A member as policy code sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    /// The account's id on its platform; see [`Self::username`].
    pub external_id: String,
    /// The platform.
    pub platform: String,
    /// The name to show (`readable_name`).
    pub name: String,
    /// Whether the platform says they administer the community there.
    #[serde(default)]
    pub is_admin: bool,
    /// Names of the roles they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl UserView {
    /// What people there call them by (`username`).
    pub fn username(&self) -> &str {
        crate::community::username(&self.external_id, &self.name)
    }
}

/// The action as policy code sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionView {
    /// Its id.
    pub id: ActionId,
    /// Its type, such as `slackpostmessage` in exchanged policies.
    pub action_type: String,
    /// How it reads in a sentence (`str(action)`).
    pub label: String,
    /// Which kind of policy governs it.
    pub kind: PolicyKind,
    /// The platform it happened on or is meant for, if any.
    pub platform: Option<String>,
    /// Whether it happened there or was proposed here.
    pub origin: Origin,
    /// Whether it is undone at the moment (`community_revert`).
    pub reverted: bool,
    /// Who did it, when known.
    pub initiator: Option<UserView>,
    /// Its own fields: `text`, `channel`, … and `event_type`, `data` for triggers.
    pub fields: JsonMap,
}

/// The policy as policy code sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyView {
    /// Its id.
    pub id: PolicyId,
    /// The version that runs.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its kind.
    pub kind: PolicyKind,
    /// What it governs; nothing means everything of its kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub action_types: Vec<String>,
}

/// The proposal as policy code sees it at the start of the evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProposalView {
    /// Its id.
    pub id: ProposalId,
    /// When it began (`proposal_time`).
    pub created_at: Timestamp,
    /// Its status.
    pub status: Verdict,
    /// The vote, once one has been started.
    pub vote: Option<VoteView>,
    /// `proposal.data`.
    #[serde(default)]
    pub data: JsonMap,
    /// `variables`, as `initialize` left them.
    #[serde(default)]
    pub variables: Value,
}

/// A vote that has been started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteView {
    /// The post that carries it on the platform (`vote_post_id`).
    pub post_id: String,
    /// Where it can be seen (`vote_url`).
    pub url: Option<String>,
    /// Whether it still takes ballots (`is_vote_closed`).
    pub open: bool,
    /// What it asks; not known of votes in snapshots that were written down earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PollKind>,
}

/// One ballot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BallotView {
    /// Who cast it.
    pub voter: UserView,
    /// What it says.
    pub value: BallotValue,
    /// When it was cast or last changed.
    pub cast_at: Timestamp,
}
