//! JSON over HTTP to processes on this machine. Blocking: every caller is a thread of its own.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

/// A client of one server.
#[derive(Debug, Clone)]
pub(super) struct Http {
    agent: ureq::Agent,
    base: String,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// HTTP status.
    pub(super) status: u16,
    /// The body, null when it is no JSON.
    pub(super) body: Value,
}

impl Reply {
    /// Whether it says 2xx.
    pub(super) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

impl Http {
    /// A client of the server at this address; no request takes longer than `limit`.
    pub(super) fn new(base: &str, limit: Duration) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(limit)).http_status_as_error(false).build();
        Self { agent: config.into(), base: base.trim_end_matches('/').to_owned() }
    }

    /// Reads.
    pub(super) fn get(&self, path: &str) -> Result<Reply> {
        let url = format!("{}{path}", self.base);
        let reply = self.agent.get(&url).call().with_context(|| format!("reading {url}"))?;
        read(reply).with_context(|| format!("reading {url}"))
    }

    /// Posts JSON.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        let url = format!("{}{path}", self.base);
        let request = self.agent.post(&url).header("content-type", "application/json");
        let reply = request.send(body.to_string().as_str()).with_context(|| format!("posting to {url}"))?;
        read(reply).with_context(|| format!("posting to {url}"))
    }
}

fn read(mut reply: ureq::http::Response<ureq::Body>) -> Result<Reply> {
    let status = reply.status().as_u16();
    // The record of a day is larger than what is read by default.
    let text = reply.body_mut().with_config().limit(512 << 20).read_to_string()?;
    Ok(Reply { status, body: serde_json::from_str(&text).unwrap_or_default() })
}
