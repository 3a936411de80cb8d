//! The record of what reached the fake and what came of it. It only grows, and is what tests judge by.
//!
//! Keys and secrets never enter it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use policykit_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Position in the record, from 1.
    pub seq: u64,
    /// When, by the fake's clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A call arrived.
    Call {
        /// `GET`, `POST`, `PUT` or `DELETE`.
        verb: String,
        /// The path, without `.json` at its end.
        path: String,
        /// By which sort of key.
        key: KeyKind,
        /// Whom the key acts as.
        user: Option<String>,
        /// Parameters.
        params: Value,
        /// The fault planned for it.
        fault: Option<String>,
    },
    /// A call was answered, or deliberately not.
    Reply {
        /// `seq` of the call.
        call: u64,
        /// The status, when one was sent.
        status: Option<u16>,
        /// Whether the caller got to see the answer.
        fate: Fate,
    },
    /// Something changed in the forum.
    Effect {
        /// Who caused it.
        cause: Cause,
        /// The change.
        #[serde(flatten)]
        change: Change,
    },
    /// An event was posted to a web hook.
    Attempt {
        /// `X-Discourse-Event-Id`.
        event_id: u64,
        /// `X-Discourse-Event`.
        event: String,
        /// What the app answered.
        #[serde(flatten)]
        answer: Answer,
    },
    /// An event that was never posted, because a test wanted it so.
    Lost {
        /// `X-Discourse-Event-Id`.
        event_id: u64,
        /// `X-Discourse-Event`.
        event: String,
    },
}

/// By what a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// None.
    Nobody,
    /// A key of an administrator.
    Admin,
    /// A key that a member granted.
    User,
}

/// Whether the caller got to see an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Written completely.
    Sent,
    /// The connection was closed instead.
    Dropped,
    /// Part of the body was written, then the connection was closed.
    Truncated,
}

/// Who caused a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The call recorded under this `seq`.
    Call(u64),
    /// A member at the forum's own pages.
    Person(String),
}

/// What the app made of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It answered with this status.
    Status {
        /// HTTP status.
        status: u16,
    },
    /// It took too long.
    Timeout,
    /// It could not be reached, or closed the connection without an answer.
    ConnectionFailed,
}

impl Answer {
    /// Whether the app said 2xx.
    pub const fn acked(&self) -> bool {
        matches!(self, Self::Status { status: 200..=299 })
    }
}

/// A change in the forum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are named as in Discourse's own answers; `user` is who did it")]
pub enum Change {
    TopicCreated { topic: i64, title: String, user: String },
    PostCreated { topic: i64, post: i64, raw: String, user: String },
    PostEdited { topic: i64, post: i64, raw: String, title: Option<String>, version: i64, user: String },
    PostDeleted { topic: i64, post: i64, user: String },
    PostRecovered { topic: i64, post: i64, user: String },
    TopicDeleted { topic: i64, user: String },
    TopicRecovered { topic: i64, user: String },
    StatusSet { topic: i64, status: String, enabled: bool, user: String },
    LockSet { post: i64, locked: bool, user: String },
    Liked { post: i64, user: String },
    Voted { post: i64, poll: String, options: Vec<String>, user: String },
    PollToggled { post: i64, poll: String, closed: bool, user: String },
    Queued { reviewable: i64, raw: String, user: String },
    Reviewed { reviewable: i64, approved: bool, user: String },
    GroupJoined { group: String, member: String, user: String },
    GroupLeft { group: String, member: String, user: String },
    Suspended { member: String, suspended: bool, user: String },
    Silenced { member: String, silenced: bool, user: String },
    KeyGranted { client_id: String, scopes: Vec<String>, user: String },
    KeyRevoked { client_id: String, user: String },
    WebHookCreated { web_hook: i64, payload_url: String, user: String },
    WebHookChanged { web_hook: i64, active: bool, user: String },
    WebHookDeleted { web_hook: i64, user: String },
}

/// The record, in memory and perhaps in a file.
#[derive(Debug, Default)]
pub(super) struct Witness {
    entries: Vec<Entry>,
    file: Option<File>,
}

impl Witness {
    pub(super) fn recording_to(path: Option<&Path>) -> io::Result<Self> {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        Ok(Self { entries: Vec::new(), file })
    }

    pub(super) fn note(&mut self, at: Timestamp, what: What) -> u64 {
        let seq = u64::try_from(self.entries.len()).unwrap_or(u64::MAX).saturating_add(1);
        let entry = Entry { seq, at, what };
        if let Some(file) = &mut self.file
            && let Ok(line) = serde_json::to_string(&entry)
            && let Err(error) = writeln!(file, "{line}")
        {
            tracing::error!(%error, "the record cannot be written");
        }
        self.entries.push(entry);
        seq
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl super::world::World {
    /// Notes a change.
    pub(super) fn note(&mut self, actor: &super::world::Actor, change: Change) {
        self.witness.note(self.now, What::Effect { cause: actor.cause.clone(), change });
    }
}
