//! The record of what reached the fake and what came of it. It only grows, and is what crash tests judge by.
//!
//! Tokens never enter it.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use policykit_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ids::{ChannelId, TeamId, Ts, UserId},
    state::TokenKind,
};

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
    /// A call of the Web API arrived.
    Call {
        /// Name of the method, also of unknown ones; `response_url` for posts to one.
        method: String,
        /// Workspace of the token.
        team: Option<TeamId>,
        /// Kind of the token; none when it was missing or unknown.
        token: Option<TokenKind>,
        /// Whom the token acts as.
        user: Option<UserId>,
        /// Arguments, without the token.
        args: Value,
        /// The fault planned for it.
        fault: Option<String>,
    },
    /// A call was answered, or deliberately not.
    Reply {
        /// `seq` of the call.
        call: u64,
        /// HTTP status, when one was sent.
        status: Option<u16>,
        /// Slack's error code, when it refused.
        error: Option<String>,
        /// Whether the caller got to see it.
        fate: Fate,
    },
    /// Something changed in a workspace.
    Effect {
        /// The workspace.
        team: TeamId,
        /// Who caused it.
        cause: Cause,
        /// The change.
        #[serde(flatten)]
        change: Change,
    },
    /// An event or click was posted to the app.
    Attempt {
        /// `event_id`; of a click its trigger id.
        event_id: String,
        /// The workspace.
        team: TeamId,
        /// Type and subtype of the event, `block_actions` for a click.
        event_type: String,
        /// 0 for the first try.
        retry: usize,
        /// What the app answered.
        #[serde(flatten)]
        answer: Answer,
    },
    /// An event that will not be tried again although the app never took it.
    Lost {
        /// `event_id`.
        event_id: String,
        /// The workspace.
        team: TeamId,
        /// Type and subtype of the event.
        event_type: String,
    },
}

/// Whether the caller got to see a reply.
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
    /// A person in the client.
    Person(UserId),
    /// Slack itself, such as a scheduled message falling due.
    Slack,
}

/// What the app made of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It answered with this status.
    Status {
        /// HTTP status.
        status: u16,
        /// Whether the fake pretended not to have seen it.
        ack_lost: bool,
    },
    /// It took too long.
    Timeout,
    /// It could not be reached, or closed the connection without an answer.
    ConnectionFailed,
}

impl Answer {
    /// Whether the app said 2xx, seen or not.
    pub const fn acked(&self) -> bool {
        matches!(self, Self::Status { status: 200..=299, .. })
    }
}

/// A change people can see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are named as in Slack's own events")]
pub enum Change {
    Posted { channel: ChannelId, ts: Ts, user: UserId, text: String, metadata: Option<Value>, thread_ts: Option<Ts> },
    Updated { channel: ChannelId, ts: Ts, from: String, text: String },
    Deleted { channel: ChannelId, ts: Ts, text: String },
    Ephemeral { channel: ChannelId, user: UserId, ts: Ts, text: String },
    ChannelCreated { channel: ChannelId, name: String },
    Renamed { channel: ChannelId, from: String, to: String },
    Joined { channel: ChannelId, user: UserId, inviter: Option<UserId> },
    Left { channel: ChannelId, user: UserId },
    Pinned { channel: ChannelId, ts: Ts },
    Unpinned { channel: ChannelId, ts: Ts },
    Reacted { channel: ChannelId, ts: Ts, user: UserId, name: String },
    Unreacted { channel: ChannelId, ts: Ts, user: UserId, name: String },
    TopicSet { channel: ChannelId, topic: String },
    Archived { channel: ChannelId },
    Unarchived { channel: ChannelId },
    Scheduled { channel: ChannelId, id: String, post_at: i64, text: String },
    Unscheduled { id: String },
    TokenRevoked { user: UserId },
    Uninstalled,
}

/// A message that was posted more than once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Double {
    /// The value all of them carry.
    pub marker: String,
    /// Where they are.
    pub posts: Vec<(TeamId, ChannelId, Ts)>,
}

/// The record in memory and, when asked for, in a file.
#[derive(Debug, Default)]
pub(super) struct Witness {
    entries: Vec<Entry>,
    file: Option<File>,
}

impl Witness {
    /// A record that is also appended to this file.
    pub(super) fn recording_to(path: Option<&Path>) -> io::Result<Self> {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        Ok(Self { entries: Vec::new(), file })
    }

    /// Adds a line and returns its number.
    pub(super) fn note(&mut self, at: Timestamp, what: What) -> u64 {
        let seq = u64::try_from(self.entries.len()).unwrap_or(u64::MAX).saturating_add(1);
        let entry = Entry { seq, at, what };
        if let Some(file) = &mut self.file
            && let Ok(mut line) = serde_json::to_vec(&entry)
        {
            line.push(b'\n');
            // One write per line, so that a reader never sees half of one; a full disk must not break the witness in memory.
            if let Err(error) = file.write_all(&line).and_then(|()| file.flush()) {
                tracing::error!(%error, "could not append to the record file; recording in memory only");
                self.file = None;
            }
        }
        self.entries.push(entry);
        seq
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// Messages whose metadata payload carries the same value under `key` and that were posted more than once.
pub fn doubles(record: &[Entry], key: &str) -> Vec<Double> {
    let mut by_marker: BTreeMap<(&TeamId, String), Vec<_>> = BTreeMap::new();
    for entry in record {
        if let What::Effect { team, change: Change::Posted { channel, ts, metadata: Some(metadata), .. }, .. } =
            &entry.what
            && let Some(marker) = metadata.get("event_payload").and_then(|payload| payload.get(key))
        {
            let marker = marker.as_str().map_or_else(|| marker.to_string(), str::to_owned);
            by_marker.entry((team, marker)).or_default().push((team.clone(), channel.clone(), ts.clone()));
        }
    }
    by_marker
        .into_iter()
        .filter(|(_, posts)| posts.len() > 1)
        .map(|((_, marker), posts)| Double { marker, posts })
        .collect()
}

/// Every posting of a message whose text contains `needle`.
pub fn posts_containing<'a>(record: &'a [Entry], needle: &str) -> Vec<&'a Entry> {
    record
        .iter()
        .filter(|entry| {
            matches!(&entry.what, What::Effect { change: Change::Posted { text, .. }, .. } if text.contains(needle))
        })
        .collect()
}

/// The ids of all events the app answered with 2xx.
pub fn acked_event_ids(record: &[Entry]) -> Vec<&str> {
    record
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Attempt { event_id, answer, .. } if answer.acked() => Some(event_id.as_str()),
            _ => None,
        })
        .collect()
}
