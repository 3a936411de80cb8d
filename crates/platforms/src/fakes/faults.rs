//! What the stand-ins share of faults: what can befall a call, and how the next one is chosen.

use policykit_core::{FakeIds, IdSource};
use serde::{Deserialize, Serialize};

/// A fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CallFault {
    /// The connection closes and nothing happens.
    DropBeforeEffect,
    /// It happens, and the connection closes without a reply.
    DropAfterEffect,
    /// Nothing happens for a while, then all goes well.
    DelayBeforeEffect {
        /// Milliseconds.
        ms: u64,
    },
    /// It happens, the reply comes later.
    DelayAfterEffect {
        /// Milliseconds.
        ms: u64,
    },
    /// Nothing happens; the reply is this status with a page of text.
    StatusBeforeEffect {
        /// HTTP status such as 500 or 503.
        status: u16,
    },
    /// It happens; the reply is this status with a page of text.
    StatusAfterEffect {
        /// HTTP status such as 500 or 503.
        status: u16,
    },
    /// Nothing happens; HTTP 429.
    RateLimited {
        /// Seconds that the caller is told to wait.
        retry_after_secs: u64,
    },
    /// It happens; half of the reply arrives under its status, then the connection closes.
    TruncateBody,
    /// It happens; its events are delivered and answered before the reply is sent.
    EchoBeforeReply,
    /// It happens; its events are delivered and answered, then the connection closes without a reply.
    EchoThenDrop,
}

impl CallFault {
    /// Name for the record.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DropBeforeEffect => "drop_before_effect",
            Self::DropAfterEffect => "drop_after_effect",
            Self::DelayBeforeEffect { .. } => "delay_before_effect",
            Self::DelayAfterEffect { .. } => "delay_after_effect",
            Self::StatusBeforeEffect { .. } => "status_before_effect",
            Self::StatusAfterEffect { .. } => "status_after_effect",
            Self::RateLimited { .. } => "rate_limited",
            Self::TruncateBody => "truncate_body",
            Self::EchoBeforeReply => "echo_before_reply",
            Self::EchoThenDrop => "echo_then_drop",
        }
    }
}

/// One of these faults by chance, or none; the shares are in thousands.
pub(crate) fn draw<F: Copy>(chance: &FakeIds, faults: &[(u32, F)]) -> Option<F> {
    let mut left = chance.random() % 1_000;
    for (share, fault) in faults {
        let share = u64::from(*share);
        if left < share {
            return Some(*fault);
        }
        left -= share;
    }
    None
}

/// Takes the fault of the first rule that matches and still has something to do.
pub(crate) fn take<R, F>(
    rules: &mut Vec<R>,
    matches: impl Fn(&R) -> bool,
    parts: impl Fn(&mut R) -> (&mut u32, &mut u32, F),
) -> Option<F> {
    let mut found = None;
    for rule in rules.iter_mut().filter(|rule| matches(rule)) {
        let (skip, times, fault) = parts(rule);
        if *skip > 0 {
            *skip -= 1;
        } else if *times > 0 {
            *times -= 1;
            found = Some(fault);
            break;
        }
    }
    rules.retain_mut(|rule| *parts(rule).1 > 0);
    found
}
