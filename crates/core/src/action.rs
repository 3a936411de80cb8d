//! Actions: what members do on a platform or propose here.

use serde::{Deserialize, Serialize};

use crate::{
    JsonMap, Timestamp,
    ids::{ActionId, CommunityId, InboxId, InstallationId, UserId},
    policy::PolicyKind,
};

/// Where an action came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It happened on the platform; undoing it is possible, executing it only after that.
    Platform,
    /// It was proposed in PolicyKit and has not happened yet.
    PolicyKit,
}

impl Origin {
    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::PolicyKit => "policykit",
        }
    }

    /// The origin with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Platform, Self::PolicyKit].into_iter().find(|o| o.as_str() == text)
    }
}

/// How an action came to stand, to be undone or to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It stands (or, for a trigger, was heard).
    Stands,
    /// It is undone, or never happened.
    Undone,
    /// A proposal is open about it.
    Contested,
    /// A policy failed to decide; a person must settle it.
    Held,
}

impl Standing {
    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stands => "stands",
            Self::Undone => "undone",
            Self::Contested => "contested",
            Self::Held => "held",
        }
    }

    /// The standing with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Stands, Self::Undone, Self::Contested, Self::Held].into_iter().find(|s| s.as_str() == text)
    }
}

/// Something a member did or proposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Derived from the delivery that told of it.
    pub id: ActionId,
    /// The tenant.
    pub community: CommunityId,
    /// Where it happened or is meant to happen.
    pub installation: Option<InstallationId>,
    /// The delivery that told of it.
    pub inbox: Option<InboxId>,
    /// Which kind of policy governs it.
    pub kind: PolicyKind,
    /// Its type.
    pub action_type: String,
    /// Who did it, when known.
    pub initiator: Option<UserId>,
    /// Where it came from.
    pub origin: Origin,
    /// Its own fields.
    pub fields: JsonMap,
    /// The key of the state it changes, where its type changes one, see [`crate::state`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Whether it happened in a conversation that does not let everybody in: then what it says is for few to read.
    #[serde(default)]
    pub is_private: bool,
    /// Whether it is undone at the moment.
    pub reverted: bool,
    /// How matters are.
    pub standing: Standing,
    /// When it happened, as the platform says; else when it was received.
    pub occurred_at: Timestamp,
}
