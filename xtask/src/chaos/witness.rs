//! The fake's record, as far as a judge needs it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One line of the record.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Entry {
    /// What.
    #[serde(flatten)]
    pub(super) what: What,
}

/// What happened.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum What {
    /// Something changed in a workspace.
    Effect {
        /// Where.
        team: String,
        /// Who caused it.
        cause: Cause,
        /// The change.
        #[serde(flatten)]
        change: Change,
    },
    /// Something was posted to the server.
    Attempt {
        /// `event_id`; of a click another id.
        event_id: String,
        /// Where it came from.
        team: String,
        /// `block_actions` for a click.
        event_type: String,
        /// HTTP status of the answer, if there was one.
        #[serde(default)]
        status: Option<u16>,
    },
    /// An event that the server never took and that is not tried again.
    Lost {
        /// `event_id`.
        event_id: String,
    },
    /// Calls and replies.
    #[serde(other)]
    Other,
}

/// Who caused a change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cause {
    /// A call with one of our tokens.
    Call(u64),
    /// A person.
    Person(String),
    /// The platform itself.
    Slack,
}

/// A change people can see.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub(super) enum Change {
    Posted {
        text: String,
        #[serde(default)]
        metadata: Option<Value>,
    },
    Deleted {
        channel: String,
        ts: String,
    },
    Ephemeral {
        user: String,
        text: String,
    },
    Renamed {
        channel: String,
        from: String,
        to: String,
    },
    #[serde(other)]
    Other,
}

impl Cause {
    /// Whether the server did it.
    pub(super) const fn is_ours(&self) -> bool {
        matches!(self, Self::Call(_))
    }
}

/// The changes of one workspace, with who caused them.
pub(super) fn changes<'a>(record: &'a [Entry], of: &'a str) -> impl Iterator<Item = (&'a Cause, &'a Change)> {
    record.iter().filter_map(move |entry| match &entry.what {
        What::Effect { team, cause, change } if team == of => Some((cause, change)),
        _ => None,
    })
}

/// How often the server posted a text that contains this.
pub(super) fn posts(record: &[Entry], team: &str, needle: &str) -> usize {
    changes(record, team)
        .filter(|(cause, change)| {
            cause.is_ours() && matches!(change, Change::Posted { text, .. } if text.contains(needle))
        })
        .count()
}

/// Marks that more than one posted message carries.
pub(super) fn doubles(record: &[Entry], team: &str) -> Vec<String> {
    let mut marks: BTreeMap<String, usize> = BTreeMap::new();
    for (_, change) in changes(record, team) {
        if let Change::Posted { metadata: Some(mark), .. } = change
            && !mark.is_null()
        {
            *marks.entry(mark.to_string()).or_default() += 1;
        }
    }
    marks.into_iter().filter(|(_, count)| *count > 1).map(|(mark, _)| mark).collect()
}
