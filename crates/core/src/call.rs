//! Outbound calls: what is meant to happen outside, and what is known about whether it did.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{JsonMap, Value, ballot::Poll};

/// How it can be found out, after a crash, whether a call that may have been sent took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationClass {
    /// Doing it twice is doing it once: sent again.
    Idempotent,
    /// It sets a state that can be read: read, and sent again when the state is not so.
    State,
    /// It leaves a mark of ours that can be looked for.
    Marked,
    /// Nobody can tell: never sent again, shown as uncertain for a person to settle.
    Blind,
}

/// A call a platform module wants made. Its id is given by the engine, so it carries none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedCall {
    /// The platform's operation, one of its descriptor's.
    pub operation: String,
    /// What it is called with, without credentials and without marks.
    pub args: JsonMap,
}

impl PlannedCall {
    /// SHA-256 over operation and arguments, in hex: on replay the same call must ask for the same thing.
    pub fn args_hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.operation.as_bytes());
        hash.update([0]);
        // Objects of serde_json are sorted by key, so equal arguments read equal.
        hash.update(serde_json::Value::Object(self.args.clone()).to_string().as_bytes());
        hex::encode(hash.finalize())
    }
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Committed as an intent; certainly not sent.
    Planned,
    /// May have been sent.
    Sending,
    /// Sent, and answered with success.
    Sent,
    /// Certainly without effect so far; to be sent again when due.
    Retry,
    /// The platform refused for good.
    Failed,
    /// May have happened; cannot be found out by a program.
    Uncertain,
    /// A person has said what happened.
    SettledByPerson,
}

impl CallState {
    /// All states.
    pub const ALL: [Self; 7] =
        [Self::Planned, Self::Sending, Self::Sent, Self::Retry, Self::Failed, Self::Uncertain, Self::SettledByPerson];

    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Retry => "retry",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
            Self::SettledByPerson => "settled_by_person",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// Whether nothing more will be done about the call by itself, so that its answer may be handed on.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Sent | Self::Failed | Self::SettledByPerson)
    }
}

/// What came of a call, as recorded and as handed to the policy again on replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CallOutcome {
    /// The platform did it and answered this.
    Done {
        /// The platform's answer, as far as it matters later.
        reply: serde_json::Value,
    },
    /// The platform refused for good.
    Refused {
        /// The platform's own code.
        code: String,
        /// In plain words, with the remedy where one is known.
        message: String,
    },
    /// It may or may not have happened and nobody can tell; listed for a person to settle. The policy goes on with
    /// this answer, also on replay, whatever the person says later.
    Unknown {
        /// In plain words.
        reason: String,
    },
}

impl CallOutcome {
    /// What there is to say about a call that was done, in plain words: mostly that there was less to do than asked for.
    pub fn note(&self) -> Option<&str> {
        match self {
            Self::Done { reply } => reply.get("note")?.as_str(),
            Self::Refused { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// What a platform module wants next while it carries out one method call of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PlanStep {
    /// Make this call, then ask again with its outcome added.
    Send(PlannedCall),
    /// Finished.
    Done {
        /// What the method returns to the policy.
        value: Value,
        /// What has changed for this proposal by it.
        effects: Vec<LocalEffect>,
    },
    /// The method raises an exception in the policy.
    Raise {
        /// The exception's class, such as `ValueError` or `Exception`.
        class: String,
        /// Its message.
        message: String,
    },
}

/// A change to the proposal that goes with a successful call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one for each vote that is started, and at once taken apart")]
pub enum LocalEffect {
    /// A vote has been started.
    VoteStarted(Poll),
    /// The action has been undone.
    Reverted,
    /// The action has been carried out, or carried out again.
    Executed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_call_does_not_depend_on_the_order_of_its_arguments() {
        let call = |pairs: &[(&str, i64)]| PlannedCall {
            operation: "post".into(),
            args: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect(),
        };
        assert_eq!(call(&[("a", 1), ("b", 2)]).args_hash(), call(&[("b", 2), ("a", 1)]).args_hash());
        assert_ne!(call(&[("a", 1)]).args_hash(), call(&[("a", 2)]).args_hash());
    }
}
