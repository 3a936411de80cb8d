//! Events: what platforms tell us, in our own words. Foreign JSON goes no further than the module that reads it.

use serde::{Deserialize, Serialize};

use crate::{
    JsonMap, Timestamp,
    action::Action,
    ballot::Cast,
    community::{Channel, Profile},
    decider::Decider,
    ids::{ActionId, ProposalId},
    policy::Verdict,
};

/// One thing that a delivery tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Account id of the person (or program) behind it, when known.
    pub actor: Option<String>,
    /// When it happened, as the platform says.
    pub at: Timestamp,
    /// Keys under which our own calls would have caused it: if one of our calls owns such a key, this is an echo.
    pub echo_keys: Vec<String>,
    /// Who could hear of it there.
    #[serde(default)]
    pub heard: Heard,
    /// Where whoever did it belongs.
    #[serde(default)]
    pub home: Home,
    /// What happened.
    pub body: EventBody,
}

/// Where somebody belongs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Home {
    /// To the place that the community governs.
    #[default]
    Here,
    /// To another place that shares a conversation with it: what they do there is governed, and what every member may do
    /// is not theirs to do.
    Elsewhere,
}

/// Who could hear of something where it happened. What was said among a few is not told to everybody by PolicyKit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heard {
    /// Whoever is there, or it is no part of a conversation.
    #[default]
    Openly,
    /// Only those in a conversation that does not let everybody in.
    Privately,
    /// Those in this channel, and the event does not say who may be in it. A channel nobody has heard of counts as private.
    In(String),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EventBody {
    /// A member did something that policies may govern.
    Action {
        /// The action type.
        action_type: String,
        /// Its fields.
        fields: JsonMap,
    },
    /// A member wants the rules to be changed, see [`crate::constitution`].
    Amendment {
        /// The type of change.
        action_type: String,
        /// Its fields.
        fields: JsonMap,
    },
    /// Something happened that trigger policies may react to.
    Trigger {
        /// `platform.event`.
        event_type: String,
        /// The platform's data.
        data: JsonMap,
    },
    /// A change of the rules was made; trigger policies may react to it.
    Amended {
        /// What was changed.
        action: Box<Action>,
    },
    /// A person has decided about what a policy failed to decide, or nobody governs.
    Settled {
        /// The proposal that is held.
        proposal: Option<ProposalId>,
        /// The action that is held, where there is no proposal.
        action: Option<ActionId>,
        /// What was decided.
        verdict: Verdict,
        /// Who; `None` when it was written down by a version that kept only a name, which identifies nobody.
        by: Option<Decider>,
    },
    /// Somebody voted.
    Ballot {
        /// The proposal the vote belongs to, as the ballot claims.
        proposal: ProposalId,
        /// The post the ballot was cast on.
        post_id: String,
        /// What the voter says.
        cast: Cast,
        /// Where an answer for the voter alone can be sent, if anywhere.
        reply_to: Option<String>,
    },
    /// An account is new, has changed or has left.
    Person(Profile),
    /// A channel is new or has another name.
    Channel(Channel),
    /// The platform took our access away.
    AccessLost {
        /// In plain words, with the remedy.
        reason: String,
    },
    /// PolicyKit was removed from the community there.
    Uninstalled {
        /// In plain words, with the remedy.
        reason: String,
    },
    /// Nothing that concerns us.
    Nothing {
        /// Why, for the log.
        reason: String,
    },
}
