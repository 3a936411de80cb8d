//! One type per kind of id, so that an id of one kind cannot be passed where another is meant.
//!
//! Ids of things that follow from something else are derived from it (UUID version 5): doing the same work twice
//! after a crash yields the same rows.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes an id read from storage or drawn from an [`crate::IdSource`].
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The bare id.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// A community: the tenant.
    CommunityId;
    /// One community's presence on one platform.
    InstallationId;
    /// A member, as one account on one platform.
    UserId;
    /// A role of a community.
    RoleId;
    /// A policy, through all its versions.
    PolicyId;
    /// One saved version of a policy.
    PolicyVersionId;
    /// A document of a community.
    DocumentId;
    /// A received delivery.
    InboxId;
    /// Something a member did or proposed.
    ActionId;
    /// One policy's process about one action.
    ProposalId;
    /// One run of a policy for a proposal.
    EvaluationId;
    /// One outbound call.
    CallId;
    /// A reason to look at a proposal again.
    WakeId;
    /// A node: one running process.
    NodeId;
}

fn derived(parent: Uuid, name: &str) -> Uuid {
    Uuid::new_v5(&parent, name.as_bytes())
}

impl ActionId {
    /// The `ordinal`-th action that a delivery gave rise to.
    pub fn derive(inbox: InboxId, ordinal: usize) -> Self {
        Self(derived(inbox.uuid(), &format!("action:{ordinal}")))
    }

    /// The trigger that fires because the action `of` came to stand.
    pub fn derive_trigger(of: Self) -> Self {
        Self(derived(of.uuid(), "trigger"))
    }
}

impl PolicyId {
    /// The policy that a change of the rules adds.
    pub fn derive(action: ActionId) -> Self {
        Self(derived(action.uuid(), "policy"))
    }
}

impl PolicyVersionId {
    /// The version that a change of the rules saves.
    pub fn derive(action: ActionId) -> Self {
        Self(derived(action.uuid(), "policy version"))
    }
}

impl RoleId {
    /// The role that a change of the rules adds.
    pub fn derive(action: ActionId) -> Self {
        Self(derived(action.uuid(), "role"))
    }
}

impl DocumentId {
    /// The document that a change of the rules adds.
    pub fn derive(action: ActionId) -> Self {
        Self(derived(action.uuid(), "document"))
    }
}

impl InstallationId {
    /// The installation that a change of the rules makes place for.
    pub fn derive(action: ActionId) -> Self {
        Self(derived(action.uuid(), "installation"))
    }
}

impl ProposalId {
    /// The proposal of `policy` for `action`.
    pub fn derive(action: ActionId, policy: PolicyId) -> Self {
        Self(derived(action.uuid(), &policy.to_string()))
    }
}

impl EvaluationId {
    /// The `seq`-th evaluation of a proposal; the first is 1.
    pub fn derive(proposal: ProposalId, seq: i64) -> Self {
        Self(derived(proposal.uuid(), &format!("evaluation:{seq}")))
    }
}

impl CallId {
    /// The `index`-th call that a block of an evaluation makes.
    pub fn derive(evaluation: EvaluationId, block: &str, index: usize) -> Self {
        Self(derived(evaluation.uuid(), &format!("{block}:{index}")))
    }

    /// A call the engine itself makes for a proposal: `revert`, `execute`, `close`, or `redraw:N`.
    pub fn derive_effect(proposal: ProposalId, effect: &str) -> Self {
        Self(derived(proposal.uuid(), effect))
    }

    /// A call that concerns an action no proposal governs, such as undoing it for lack of a permission.
    pub fn derive_action(action: ActionId, effect: &str) -> Self {
        Self(derived(action.uuid(), effect))
    }

    /// A call that answers a delivery directly, such as telling a person why a vote does not count.
    pub fn derive_reply(inbox: InboxId, ordinal: usize) -> Self {
        Self(derived(inbox.uuid(), &format!("reply:{ordinal}")))
    }
}

impl UserId {
    /// The member with this account on the installation's platform.
    pub fn derive(installation: InstallationId, external_id: &str) -> Self {
        Self(derived(installation.uuid(), external_id))
    }
}

impl InboxId {
    /// The delivery with this key in this scope, whoever receives it and however often.
    pub fn derive(platform: &str, scope: &str, delivery_key: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{platform}\n{scope}\n{delivery_key}").as_bytes()))
    }
}

impl WakeId {
    /// The wake of this proposal for this cause: a second one for the same cause is the same wake.
    pub fn derive(proposal: ProposalId, cause: &str) -> Self {
        Self(derived(proposal.uuid(), &format!("wake:{cause}")))
    }
}

/// How many shards the work of all communities is divided into.
pub const SHARDS: u16 = 256;

/// The shard that handles a community: all its work is done in one place at a time, in order.
pub fn shard_of(community: CommunityId) -> u16 {
    let [first, .., last] = *community.uuid().as_bytes();
    // Version 7 ids begin with the time and end with random bits; mix both so that either kind of id spreads.
    u16::from(first.wrapping_mul(31) ^ last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_work_done_again_gets_the_same_ids() {
        let inbox = InboxId::derive("p", "T1", "Ev1");
        assert_eq!(inbox, InboxId::derive("p", "T1", "Ev1"));
        assert_ne!(inbox, InboxId::derive("p", "T2", "Ev1"));
        let action = ActionId::derive(inbox, 0);
        assert_ne!(action, ActionId::derive(inbox, 1));
        let policy = PolicyId::from_uuid(Uuid::from_u128(1));
        let proposal = ProposalId::derive(action, policy);
        let evaluation = EvaluationId::derive(proposal, 1);
        assert_ne!(CallId::derive(evaluation, "check", 0), CallId::derive(evaluation, "notify", 0));
        assert_ne!(CallId::derive_effect(proposal, "revert"), CallId::derive_effect(proposal, "execute"));
    }
}
