//! The unit of work: everything one transaction writes, as data.
//!
//! The engine fills a [`Changes`] and hands it to [`crate::Db::commit`]; all of it becomes true or none of it. What
//! goes together (a settled evaluation, its verdict, its logs, the wakes and calls that follow) cannot be committed
//! apart, and every write is multi-row, so that twenty events cost as many statements as one.

use policykit_core::{
    JsonMap, Timestamp, Value,
    action::{Action, Standing},
    ballot::{BallotValue, Poll, VoteKey},
    call::{CallOutcome, CallState, OperationClass, PlannedCall},
    community::{Channel, InstallationStatus, User},
    constitution::Amendment,
    ids::{ActionId, CallId, CommunityId, EvaluationId, InboxId, InstallationId, PolicyId, ProposalId, UserId, WakeId},
    policy::Verdict,
    proposal::{EffectStatus, Proposal, Status},
    snapshot::Snapshot,
};

use crate::{awaited::AwaitedRead, rows::NewDelivery};

/// A shard this node holds, with the number it was given when it took it. A commit of somebody who has lost the shard
/// since fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fence {
    /// The shard.
    pub shard: u16,
    /// The number of this taking; grows with every change of owner.
    pub fence: i64,
}

/// Everything one transaction writes.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Which step of the sequence this is, such as `T3`: names the points at which a crash test can stop the world.
    pub label: &'static str,
    /// Shards that must still be held, checked first, in the same transaction.
    pub fences: Vec<Fence>,
    /// What members must still be allowed, because it was they who decided; checked in the same transaction.
    pub permitted: Vec<Permitted>,
    /// What became of deliveries.
    pub inbox: Vec<InboxChange>,
    /// Members heard of for the first time or changed.
    pub users: Vec<User>,
    /// Names of channels, new or changed.
    pub channels: Vec<ChannelRow>,
    /// New actions. One that exists already is left as it is.
    pub actions: Vec<Action>,
    /// Changes of actions.
    pub action_changes: Vec<ActionChange>,
    /// New proposals. One that exists already is left as it is.
    pub proposals: Vec<Proposal>,
    /// Changes of proposals, each valid only on the revision it was made from.
    pub proposal_changes: Vec<ProposalChange>,
    /// New evaluations, running or already settled.
    pub evaluations: Vec<EvaluationRow>,
    /// Ends of evaluations.
    pub evaluation_ends: Vec<EvaluationEnd>,
    /// Answers from outside the snapshot.
    pub reads: Vec<ReadRow>,
    /// Reads that platforms have put off; over as soon as an answer of the same evaluation is written down.
    pub reads_awaited: Vec<AwaitedRead>,
    /// New calls.
    pub calls: Vec<NewCall>,
    /// Changes of calls, each valid only in the state it was made from.
    pub call_changes: Vec<CallChange>,
    /// What we created or caused outside.
    pub owned: Vec<OwnedObject>,
    /// Keys of one-time owned objects that an echo has used up.
    pub owned_used: Vec<(InstallationId, String)>,
    /// Ballots cast or changed.
    pub ballots: Vec<BallotRow>,
    /// Reasons to look again. One for the same cause keeps the earlier time.
    pub wakes: Vec<WakeRow>,
    /// Wakes that have been acted upon, valid only with the token they were read with.
    pub wakes_done: Vec<(WakeId, i64)>,
    /// Lines for people to read.
    pub logs: Vec<LogRow>,
    /// Entries of the decision log; numbered and chained by the store.
    pub decisions: Vec<DecisionEntry>,
    /// Changes of the rules that have been decided.
    pub amendments: Vec<NewAmendment>,
    /// Policies that are suspended because their code keeps failing.
    pub policies_suspended: Vec<PolicyId>,
    /// Installations whose access is gone.
    pub installations_lost: Vec<LostInstallation>,
    /// Removed installations whose credentials are destroyed; those of one that has been let in again stay.
    pub keys_destroyed: Vec<(CommunityId, InstallationId)>,
}

/// A permission on which a decision by hand rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permitted {
    /// The tenant.
    pub community: CommunityId,
    /// Who decided.
    pub member: UserId,
    /// Codename of the permission.
    pub permission: &'static str,
}

/// What a channel is called, and since when that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRow {
    /// The tenant.
    pub community: CommunityId,
    /// Where it is.
    pub installation: InstallationId,
    /// Its name.
    pub channel: Channel,
    /// When it was called so. What was learned later stays.
    pub at: Timestamp,
}

/// An installation that no longer works.
#[derive(Debug, Clone)]
pub struct LostInstallation {
    /// Which.
    pub installation: InstallationId,
    /// What it is from now on.
    pub status: InstallationStatus,
    /// Why, and what can be done about it.
    pub note: String,
    /// The generation of the keys with which this was found out, where it was by using them: of newer ones it says
    /// nothing.
    pub generation: Option<i64>,
    /// When it happened, where the platform tells of it: of keys that were handed over later it says nothing.
    pub at: Option<Timestamp>,
}

/// A change of the rules that has been decided. It is made in this transaction, or its proposal says why it is not.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAmendment {
    /// The tenant.
    pub community: CommunityId,
    /// The action it is.
    pub action: ActionId,
    /// The proposal that was decided; none when its initiator needed nobody's consent.
    pub proposal: Option<ProposalId>,
    /// The change.
    pub amendment: Amendment,
    /// When it was decided.
    pub at: Timestamp,
    /// Whether it is to be made even if nobody can change the rules about the rules afterwards.
    pub accepts_lockout: bool,
    /// Why it must not be made, whatever was decided.
    pub forbidden: Option<String>,
    /// The version of the community by which it was judged that it may be made, if it was judged. When the community has
    /// another one by then, nothing of the transaction is written, and it has to be judged again.
    pub judged_by: Option<i64>,
    /// Written down if it is made, and only then.
    pub announce: Option<NewDelivery>,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxChange {
    /// Which.
    pub id: InboxId,
    /// Its state from now on.
    pub state: InboxState,
    /// Why, when parked or dead.
    pub note: Option<String>,
    /// Whether the raw body is blanked: it was a secret ballot or has served its purpose.
    pub redact: Redact,
}

/// Whether the raw body of a delivery stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redact {
    /// It stays until retention ends.
    #[default]
    No,
    /// It is blanked in this transaction.
    Yes,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InboxState {
    /// Received, not looked at.
    New,
    /// Dealt with.
    Done,
    /// Waits for a call of ours to resolve: it may be its echo.
    Parked,
    /// Cannot be understood; kept for a person.
    Dead,
}

/// A change of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionChange {
    /// Which.
    pub id: ActionId,
    /// Whether it is undone from now on; `None` leaves it.
    pub reverted: Option<bool>,
    /// Its standing from now on; `None` leaves it.
    pub standing: Option<Standing>,
    /// When it was decided to carry it out, if it has been now; `None` leaves it.
    pub done_at: Option<Timestamp>,
}

/// A change of a proposal. Every field left `None` stays.
#[derive(Debug, Clone)]
pub struct ProposalChange {
    /// Which.
    pub id: ProposalId,
    /// The revision this change was made from; the row gets the next one.
    pub rev: i64,
    /// Its status.
    pub status: Option<Status>,
    /// Whether its effect has happened.
    pub effect: Option<EffectStatus>,
    /// Why not, in plain words.
    pub effect_note: Option<String>,
    /// `proposal.data`.
    pub data: Option<JsonMap>,
    /// `variables`.
    pub variables: Option<Value>,
    /// The vote that was started.
    pub poll: Option<Poll>,
    /// Whether the vote takes ballots.
    pub poll_open: Option<bool>,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// What went wrong in the policy's code.
    pub error: Option<String>,
}

impl ProposalChange {
    /// A change that only moves the revision on.
    pub const fn of(id: ProposalId, rev: i64) -> Self {
        Self {
            id,
            rev,
            status: None,
            effect: None,
            effect_note: None,
            data: None,
            variables: None,
            poll: None,
            poll_open: None,
            decided_at: None,
            error: None,
        }
    }
}

/// Where an evaluation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvaluationState {
    /// Begun; replayed after a crash.
    Running,
    /// Finished with a verdict.
    Settled,
    /// The policy's code raised an error.
    Error,
}

/// One run of a policy.
#[derive(Debug, Clone)]
pub struct EvaluationRow {
    /// Derived from proposal and `seq`.
    pub id: EvaluationId,
    /// The tenant.
    pub community: CommunityId,
    /// Whose.
    pub proposal: ProposalId,
    /// Number within the proposal, from 1.
    pub seq: i64,
    /// Why it ran: `first`, `vote`, `timer`, …
    pub cause: String,
    /// The build of the sandbox it runs on (interpreter, prelude, rewriter).
    pub runtime: String,
    /// What it saw.
    pub snapshot: Snapshot,
    /// Where it stands.
    pub state: EvaluationState,
    /// What it decided, once settled.
    pub verdict: Option<Verdict>,
    /// What went wrong, with block, line and column.
    pub error: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Policies whose filter was tried before, and with what result, for the explanation.
    pub considered: serde_json::Value,
}

/// The end of an evaluation that was committed as running.
#[derive(Debug, Clone)]
pub struct EvaluationEnd {
    /// Which.
    pub id: EvaluationId,
    /// [`EvaluationState::Settled`] or [`EvaluationState::Error`].
    pub state: EvaluationState,
    /// What it decided.
    pub verdict: Option<Verdict>,
    /// What went wrong.
    pub error: Option<String>,
    /// When.
    pub ended_at: Timestamp,
}

/// An answer that came from outside the snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRow {
    /// The tenant.
    pub community: CommunityId,
    /// Whose.
    pub evaluation: EvaluationId,
    /// Number within the evaluation, from 0, over all blocks.
    pub idx: i64,
    /// What was asked, as text that must be equal on replay.
    pub key: String,
    /// What was answered.
    pub value: Value,
}

/// A call as it is first written down.
#[derive(Debug, Clone)]
pub struct NewCall {
    /// Derived, see [`CallId`].
    pub id: CallId,
    /// The tenant.
    pub community: CommunityId,
    /// Through which installation.
    pub installation: InstallationId,
    /// For which proposal, if any.
    pub proposal: Option<ProposalId>,
    /// In which evaluation; `None` for calls the engine makes itself.
    pub evaluation: Option<EvaluationId>,
    /// For which action, when it undoes or does one.
    pub action: Option<ActionId>,
    /// What it is for: a block's name, or `revert`, `execute`, `close`, `redraw`, `reply`.
    pub purpose: String,
    /// Number within evaluation and purpose.
    pub idx: i64,
    /// What is called, with what.
    pub call: PlannedCall,
    /// How it is confirmed after a crash.
    pub class: OperationClass,
    /// [`CallState::Planned`], or [`CallState::Sending`] when it is sent as soon as this is committed.
    pub state: CallState,
    /// The fence under which it is being sent.
    pub fence: i64,
    /// When it is to be sent.
    pub due_at: Timestamp,
    /// When it was written down.
    pub created_at: Timestamp,
}

/// A change of a call.
#[derive(Debug, Clone)]
pub struct CallChange {
    /// Which.
    pub id: CallId,
    /// The states from which this change is valid; in any other the commit fails with a conflict.
    pub from: Vec<CallState>,
    /// Its state from now on.
    pub to: CallState,
    /// The fence under which it is being sent, when `to` is sending (the attempt is counted then).
    pub fence: Option<i64>,
    /// When it is to be sent again.
    pub due_at: Option<Timestamp>,
    /// What came of it.
    pub outcome: Option<CallOutcome>,
    /// What is known about why, for people.
    pub note: Option<String>,
    /// When this was found out.
    pub at: Timestamp,
}

/// Something outside that exists or happened because of us: its event is an echo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedObject {
    /// The tenant.
    pub community: CommunityId,
    /// Where.
    pub installation: InstallationId,
    /// The key under which its event will be recognised.
    pub key: String,
    /// The call that caused it.
    pub call: CallId,
    /// Until when the key counts, for what is not an object with an id of its own; then it is used up by one echo.
    pub once_until: Option<Timestamp>,
}

/// A ballot. One voter has one per vote; a later one replaces it.
#[derive(Debug, Clone)]
pub struct BallotRow {
    /// The tenant.
    pub community: CommunityId,
    /// For which proposal.
    pub proposal: ProposalId,
    /// In which of its votes.
    pub vote: VoteKey,
    /// Who.
    pub voter: UserId,
    /// What; `None` retracts.
    pub value: Option<BallotValue>,
    /// When.
    pub cast_at: Timestamp,
    /// By which delivery.
    pub inbox: Option<InboxId>,
}

/// A reason to look at a proposal again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakeRow {
    /// Derived from proposal and cause.
    pub id: WakeId,
    /// The tenant.
    pub community: CommunityId,
    /// Which proposal.
    pub proposal: ProposalId,
    /// Why: `vote`, `timer`, `redraw`, …; one wake per cause.
    pub cause: String,
    /// When.
    pub due_at: Timestamp,
    /// Changes whenever the wake is set again, so that what came meanwhile is not lost when it is marked done.
    pub token: i64,
}

/// A line for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// The tenant.
    pub community: CommunityId,
    /// About which proposal.
    pub proposal: Option<ProposalId>,
    /// From which evaluation.
    pub evaluation: Option<EvaluationId>,
    /// The type of the action it is about, where it is about no proposal: who may see such actions may see it.
    pub action_type: Option<String>,
    /// Whether that action was heard by few. Of a proposal its action says so.
    pub is_private: bool,
    /// `debug`, `info`, `warning`, `error`.
    pub level: String,
    /// What it says.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// An entry of the decision log before it is numbered and chained.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionEntry {
    /// The tenant.
    pub community: CommunityId,
    /// When.
    pub at: Timestamp,
    /// What kind of thing was decided or done.
    pub kind: String,
    /// The facts; must not hold secrets or contents that may have to be erased.
    pub body: serde_json::Value,
}
