//! Sorts failures of transport by the one question that matters: can the request have had an effect?

use std::{error::Error, fmt::Write as _};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::Effect;
use crate::platform::CallError;

/// How long to wait when a platform asks to slow down without saying for how long.
pub(super) const UNTOLD_WAIT_MS: u64 = 30_000;

/// How long to wait after a failure to connect, or after a server's error while reading.
const SHORT_WAIT_MS: u64 = 1_000;

/// Where it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before the head of the answer was there.
    Request,
    /// While the body of the answer was read.
    Answer,
}

pub(super) fn failed(error: &reqwest::Error, stage: Stage) -> CallError {
    let reason = describe(error);
    if stage == Stage::Request && (error.is_connect() || error.is_builder()) {
        // Nothing was written yet.
        CallError::Retry { after_ms: SHORT_WAIT_MS, reason }
    } else {
        CallError::Unknown { reason }
    }
}

pub(super) fn server_error(status: u16, effect: Effect, wait: Option<u64>) -> CallError {
    let reason = format!("the platform's server answered {status}");
    match effect {
        Effect::Read => CallError::Retry { after_ms: wait.unwrap_or(SHORT_WAIT_MS), reason },
        // A gateway may answer 502 for a request that went through.
        Effect::Change => CallError::Unknown { reason },
    }
}

/// `Retry-After` in milliseconds, where it is a number of seconds.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let seconds: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    if !seconds.is_finite() || !(0.0..=86_400.0).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a day, see above")]
    Some((seconds * 1_000.0).ceil() as u64)
}

/// The error with its causes, without the address: addresses can be capabilities.
pub(super) fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        "the platform took too long to answer".to_owned()
    } else if error.is_connect() {
        "the platform cannot be reached".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _written = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
