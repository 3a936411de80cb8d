//! A community with an installation, members and a policy, and rows that belong to it.

use std::{fmt, time::Duration};

use policykit_core::{
    JsonMap, Timestamp, Value,
    action::{Action, Origin, Standing},
    ballot::{BallotValue, Poll, PollKind},
    call::{CallState, OperationClass, PlannedCall},
    community::{Installation, InstallationStatus, User},
    ids::{
        ActionId, CallId, CommunityId, EvaluationId, InboxId, InstallationId, NodeId, PolicyId, PolicyVersionId,
        ProposalId, UserId, WakeId,
    },
    policy::{Policy, PolicyDraft, PolicyKind, Verdict},
    proposal::{EffectStatus, Proposal, Status},
    snapshot::{ActionView, CommunityView, PolicyView, ProposalView, Snapshot},
};
use policykit_store::{
    BallotRow, CallChange, Db, DecisionEntry, EvaluationRow, EvaluationState, Fence, InboxChange, InboxState, LogRow,
    NewCall, NewDelivery, OwnedObject, ReadRow, Redact, WakeRow,
};
use serde_json::json;
use uuid::Uuid;

/// A community that exists, and a policy of it.
pub(crate) struct Home {
    pub(crate) community: CommunityId,
    pub(crate) installation: InstallationId,
    pub(crate) policy: Policy,
}

/// The same id for the same name.
pub(crate) fn id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

/// The `n`-th community of a shard.
pub(crate) fn community(shard: u8, n: u8) -> CommunityId {
    let mut bytes = [0; 16];
    (bytes[8], bytes[15]) = (n, shard);
    CommunityId::from_uuid(Uuid::from_bytes(bytes))
}

pub(crate) fn node(n: u128) -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(n))
}

pub(crate) const fn secs(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

/// How a value reads, for comparing what has no equality of its own.
pub(crate) fn show(value: &impl fmt::Debug) -> String {
    format!("{value:#?}")
}

/// All shards, held by one node.
pub(crate) async fn every_fence(db: &Db) -> Vec<Fence> {
    let fences = db.lease(node(1), secs(0), Duration::from_secs(12), 256).await.unwrap();
    assert_eq!(fences.len(), 256);
    fences
}

pub(crate) fn inbox_change(id: InboxId, state: InboxState) -> InboxChange {
    InboxChange { id, state, note: None, redact: Redact::No }
}

pub(crate) fn call_change(id: CallId, from: &[CallState], to: CallState) -> CallChange {
    CallChange { id, from: from.to_vec(), to, fence: None, due_at: None, outcome: None, note: None, at: secs(50) }
}

impl Home {
    /// In shard 5.
    pub(crate) async fn build(db: &Db) -> Self {
        Self::build_in(db, community(5, 0)).await
    }

    /// A community that has not begun: the policy is of another one.
    pub(crate) async fn build_bare(db: &Db) -> Self {
        let other = Self::build(db).await;
        let community = community(5, 1);
        Self { community, installation: Self::found(db, community).await, policy: other.policy }
    }

    pub(crate) async fn build_in(db: &Db, community: CommunityId) -> Self {
        let installation = Self::found(db, community).await;
        let ids = (
            PolicyId::from_uuid(id(&format!("policy of {community}"))),
            PolicyVersionId::from_uuid(id(&format!("version of {community}"))),
        );
        let policy = db.community(community).add_policy(draft("vote on it"), secs(0), ids).await.unwrap();
        Self { community, installation, policy }
    }

    async fn found(db: &Db, community: CommunityId) -> InstallationId {
        let installation = InstallationId::from_uuid(id(&format!("installation of {community}")));
        db.system().create_community(community, "Harbour", secs(0)).await.unwrap();
        let row = Installation {
            id: installation,
            community,
            platform: "chat".to_owned(),
            external_id: format!("T-{community}"),
            name: "Harbour".to_owned(),
            acts_as: vec!["BOT".to_owned()],
            settings: JsonMap::new(),
            status: InstallationStatus::Active,
        };
        db.system().create_installation(&row, secs(0)).await.unwrap();
        installation
    }

    pub(crate) fn delivery(&self, key: &str) -> NewDelivery {
        let scope = format!("T-{}", self.community);
        NewDelivery {
            id: InboxId::derive("chat", &scope, key),
            platform: "chat".to_owned(),
            installation: self.installation,
            community: self.community,
            scope,
            delivery_key: key.to_owned(),
            kind: "event".to_owned(),
            body: key.as_bytes().to_vec(),
            received_at: secs(1),
        }
    }

    pub(crate) fn user(&self, account: &str) -> User {
        User {
            id: UserId::derive(self.installation, account),
            community: self.community,
            installation: self.installation,
            external_id: account.to_owned(),
            name: format!("name of {account}"),
            is_admin: false,
            is_bot: false,
            is_gone: false,
        }
    }

    pub(crate) fn action(&self, key: &str) -> Action {
        let inbox = self.delivery(key).id;
        let mut fields = JsonMap::new();
        fields.insert("text".to_owned(), json!("hello"));
        Action {
            id: ActionId::derive(inbox, 0),
            community: self.community,
            installation: Some(self.installation),
            inbox: Some(inbox),
            kind: PolicyKind::Platform,
            action_type: "post".to_owned(),
            initiator: Some(self.user("U1").id),
            origin: Origin::Platform,
            fields,
            about: None,
            is_private: false,
            reverted: false,
            standing: Standing::Stands,
            occurred_at: secs(1),
        }
    }

    /// The proposal about the action of this key.
    pub(crate) fn proposal(&self, key: &str) -> Proposal {
        let action = self.action(key).id;
        Proposal {
            id: ProposalId::derive(action, self.policy.id),
            community: self.community,
            action,
            policy: self.policy.id,
            policy_version: self.policy.version_id,
            status: Status::Proposed,
            effect: EffectStatus::None,
            effect_note: None,
            rev: 1,
            data: JsonMap::new(),
            variables: Value::None,
            poll: Some(self.poll()),
            poll_open: false,
            created_at: secs(2),
            decided_at: None,
            error: None,
        }
    }

    /// A running evaluation of the proposal of this key.
    pub(crate) fn evaluation(&self, key: &str, seq: i64) -> EvaluationRow {
        let (action, proposal) = (self.action(key), self.proposal(key).id);
        let snapshot = Snapshot {
            now: secs(3),
            seed: u64::MAX,
            community: CommunityView { id: self.community, name: "Harbour".to_owned() },
            action: ActionView {
                id: action.id,
                action_type: action.action_type.clone(),
                label: "post".to_owned(),
                kind: action.kind,
                platform: Some("chat".to_owned()),
                origin: action.origin,
                reverted: false,
                initiator: None,
                fields: action.fields,
            },
            policy: PolicyView {
                id: self.policy.id,
                version: 1,
                name: "vote on it".to_owned(),
                description: String::new(),
                kind: PolicyKind::Platform,
                action_types: Vec::new(),
            },
            proposal: ProposalView {
                id: proposal,
                created_at: secs(2),
                status: Verdict::Proposed,
                vote: None,
                data: JsonMap::new(),
                variables: Value::None,
            },
            ballots: Vec::new(),
            platforms: Vec::new(),
        };
        EvaluationRow {
            id: EvaluationId::derive(proposal, seq),
            community: self.community,
            proposal,
            seq,
            cause: "first".to_owned(),
            runtime: "build 1".to_owned(),
            snapshot,
            state: EvaluationState::Running,
            verdict: None,
            error: None,
            started_at: secs(3),
            ended_at: None,
            considered: json!([{"policy": "other", "matched": false}]),
        }
    }

    pub(crate) fn read(&self, key: &str, idx: i64, value: Value) -> ReadRow {
        let evaluation = EvaluationId::derive(self.proposal(key).id, 1);
        ReadRow { community: self.community, evaluation, idx, key: format!("question {idx}"), value }
    }

    /// The `index`-th call of the first evaluation of the proposal of this key.
    pub(crate) fn call(&self, key: &str, index: usize) -> NewCall {
        let proposal = self.proposal(key).id;
        let evaluation = EvaluationId::derive(proposal, 1);
        let mut args = JsonMap::new();
        args.insert("text".to_owned(), json!(format!("call {index}")));
        NewCall {
            id: CallId::derive(evaluation, "check", index),
            community: self.community,
            installation: self.installation,
            proposal: Some(proposal),
            evaluation: Some(evaluation),
            action: None,
            purpose: "check".to_owned(),
            idx: i64::try_from(index).unwrap(),
            call: PlannedCall { operation: "post_message".to_owned(), args },
            class: OperationClass::Marked,
            state: CallState::Planned,
            fence: 1,
            due_at: secs(4),
            created_at: secs(4),
        }
    }

    pub(crate) fn owned(&self, key: &str, once_until: Option<Timestamp>, call: usize) -> OwnedObject {
        let call = self.call("k", call).id;
        OwnedObject {
            community: self.community,
            installation: self.installation,
            key: key.to_owned(),
            call,
            once_until,
        }
    }

    /// The vote that every proposal here has.
    pub(crate) fn poll(&self) -> Poll {
        Poll {
            kind: PollKind::Boolean,
            text: "Shall it be?".to_owned(),
            options: vec!["yes".to_owned(), "no".to_owned()],
            candidates: Vec::new(),
            closes_at: None,
            installation: self.installation,
            electorate: None,
            channel: "C1".to_owned(),
            post_id: "1.5".to_owned(),
            url: None,
        }
    }

    pub(crate) fn ballot(&self, key: &str, account: &str, value: Option<bool>, cast_at: Timestamp) -> BallotRow {
        BallotRow {
            community: self.community,
            proposal: self.proposal(key).id,
            vote: self.poll().key(),
            voter: self.user(account).id,
            value: value.map(BallotValue::Boolean),
            cast_at,
            inbox: None,
        }
    }

    pub(crate) fn wake(&self, key: &str, cause: &str, due_at: Timestamp) -> WakeRow {
        let proposal = self.proposal(key).id;
        WakeRow {
            id: WakeId::derive(proposal, cause),
            community: self.community,
            proposal,
            cause: cause.to_owned(),
            due_at,
            token: 0,
        }
    }

    pub(crate) fn log(&self, key: &str, message: &str) -> LogRow {
        LogRow {
            community: self.community,
            proposal: Some(self.proposal(key).id),
            evaluation: Some(EvaluationId::derive(self.proposal(key).id, 1)),
            action_type: None,
            is_private: false,
            level: "info".to_owned(),
            message: message.to_owned(),
            at: secs(5),
        }
    }

    pub(crate) fn decision(&self, kind: &str) -> DecisionEntry {
        DecisionEntry {
            community: self.community,
            at: secs(6),
            kind: kind.to_owned(),
            body: json!({"b": 1, "a": [kind]}),
        }
    }
}

pub(crate) fn draft(name: &str) -> PolicyDraft {
    PolicyDraft {
        kind: PolicyKind::Platform,
        name: name.to_owned(),
        description: "for tests".to_owned(),
        action_types: Vec::new(),
        blocks: policykit_core::policy::Blocks::default(),
        on_error: policykit_core::policy::OnError::Hold,
    }
}
