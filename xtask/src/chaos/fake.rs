//! The fake platform, steered through its control routes. It is the witness: what it recorded is what happened.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{
    http::{Http, Reply},
    node::Process,
    pace,
    program::Program,
    script::{self, Choice},
    witness::Entry,
};

/// The key of the signatures.
pub(super) const SIGNING_SECRET: &str = "chaos-signing-secret-0123456789ab";
/// A press waits for the server's answer; anything but that is quick.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the fake waits for an answer before it tries again.
const ACK_LIMIT_MS: u64 = 2_000;
/// Tries again long enough for any restart.
const RETRIES_MS: [u64; 10] = [100, 200, 400, 800, 1_500, 3_000, 5_000, 10_000, 20_000, 30_000];

/// A running fake.
#[derive(Debug)]
pub(super) struct Fake {
    http: Http,
    _process: Process,
}

/// What somebody sees of a vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// No message asks this.
    Nothing,
    /// It can be voted on: its message.
    Open(String),
    /// There are no buttons any more.
    Closed,
}

/// What came of pressing a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressed {
    /// The server took it.
    Acked,
    /// The person saw an error.
    Failed,
    /// The button was gone.
    Gone,
}

impl Fake {
    /// Starts the fake on this port with the workspaces of the script.
    pub(super) fn start(program: &Program, folder: &Path, seed: u64, port: u16, hook: &str) -> Result<Self> {
        let config = json!({
            "seed": seed,
            "app": { "signing_secret": SIGNING_SECRET, "events_url": hook, "interactivity_url": hook },
            "teams": script::workspaces(),
            "retry_delays_ms": RETRIES_MS,
            "ack_timeout_ms": ACK_LIMIT_MS,
        });
        let file = folder.join("fake.json");
        std::fs::write(&file, config.to_string()).context("writing the fake's configuration")?;
        let address = format!("127.0.0.1:{port}");
        let (record, file) = (folder.join("record.jsonl"), file.display().to_string());
        let record = record.display().to_string();
        let words = ["fake", "slack", "--listen", &address, "--record", &record, "--config", &file];
        let mut process = program.start(&words, "fake.log")?;
        let http = Http::new(&format!("http://{address}"), PATIENCE);
        pace::until("the fake answers", Duration::from_secs(20), || {
            if let Some(status) = process.ended()? {
                bail!("the fake ended with {status}; see {}", folder.join("fake.log").display());
            }
            Ok(http.get("/health").ok().filter(Reply::is_success).map(drop))
        })?;
        Ok(Self { http, _process: process })
    }

    /// Lets a person do something that happens at once.
    pub(super) fn act(&self, team: &str, user: &str, act: &Value) -> Result<Value> {
        let reply = self.http.post("/control/act", &json!({ "team": team, "user": user, "act": act }))?;
        if !reply.is_success() {
            bail!("the fake does not let {user} of {team} do {act}: {}", reply.body);
        }
        Ok(reply.body)
    }

    /// Looks for the vote that asks this in a channel.
    pub(super) fn look(&self, team: &str, channel: &str, question: &str) -> Result<Seen> {
        let view = self.http.get(&format!("/control/channel?team={team}&channel={channel}"))?;
        if !view.is_success() {
            bail!("the channel {channel} of {team} cannot be seen: {}", view.body);
        }
        let messages = view.body.get("messages").and_then(Value::as_array).cloned().unwrap_or_default();
        let text =
            |message: &Value, field: &str| message.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(vote) = messages.iter().find(|m| text(m, "text").contains(question)) else { return Ok(Seen::Nothing) };
        let open = vote.get("controls").and_then(Value::as_array).is_some_and(|controls| !controls.is_empty());
        Ok(if open { Seen::Open(text(vote, "ts")) } else { Seen::Closed })
    }

    /// Presses a button of a vote.
    pub(super) fn press(&self, team: &str, user: &str, channel: &str, ts: &str, choice: Choice) -> Result<Pressed> {
        let view = self.http.get(&format!("/control/channel?team={team}&channel={channel}"))?;
        let buttons = view.body.get("messages").and_then(Value::as_array).into_iter().flatten();
        let label = buttons
            .filter(|m| m.get("ts").and_then(Value::as_str) == Some(ts))
            .flat_map(|m| m.get("controls").and_then(Value::as_array).into_iter().flatten())
            .filter_map(|control| control.get("label").and_then(Value::as_str))
            .find(|label| label.contains(choice.label()))
            .map(str::to_owned);
        let Some(label) = label else { return Ok(Pressed::Gone) };
        let act = json!({ "do": "press", "channel": channel, "ts": ts, "on": { "label": label } });
        let reply = self.http.post("/control/act", &json!({ "team": team, "user": user, "act": act }))?;
        if !reply.is_success() {
            // Closed between the look and the press.
            return Ok(Pressed::Gone);
        }
        let answer = reply.body.pointer("/click/answer");
        let status = answer.and_then(|a| a.get("status")).and_then(Value::as_u64);
        Ok(if status.is_some_and(|s| (200..300).contains(&s)) { Pressed::Acked } else { Pressed::Failed })
    }

    /// Random faults of the network from now on, a mixture of everything.
    pub(super) fn break_network(&self, seed: u64) -> Result<()> {
        let faults = json!({
            "seed": seed,
            "drop_before_effect": 10, "drop_after_effect": 15, "delay_before_effect": 10, "delay_after_effect": 10,
            "status_before_effect": 10, "status_after_effect": 10, "rate_limited": 10, "truncate_body": 10,
            "echo_before_reply": 15, "echo_then_drop": 10,
            "duplicate": 30, "duplicate_other_body": 10, "lose_ack": 30, "delay_delivery": 30,
            "delay_ms": 50,
        });
        self.order("/control/faults", &json!({ "chaos": faults }))
    }

    /// No faults from now on.
    pub(super) fn mend_network(&self) -> Result<()> {
        self.order("/control/faults", &json!("clear"))
    }

    /// Sends everything to another server from now on.
    pub(super) fn deliver_to(&self, hook: &str) -> Result<()> {
        let urls = json!({ "make": "urls", "events_url": hook, "interactivity_url": hook });
        self.order("/control/setup", &urls)
    }

    /// Whether every delivery has been taken or given up.
    pub(super) fn is_quiet(&self) -> Result<bool> {
        let all = self.http.get("/control/deliveries")?;
        let all = all.body.as_array().cloned().unwrap_or_default();
        let state = |delivery: &Value| delivery.get("state").and_then(Value::as_str).map(str::to_owned);
        Ok(!all.iter().any(|delivery| matches!(state(delivery).as_deref(), Some("underway" | "held"))))
    }

    /// Everything that was recorded.
    pub(super) fn record(&self) -> Result<Vec<Entry>> {
        let record = self.http.get("/control/record")?;
        serde_json::from_value(record.body).context("reading the fake's record")
    }

    fn order(&self, path: &str, body: &Value) -> Result<()> {
        let reply = self.http.post(path, body)?;
        if !reply.is_success() {
            bail!("the fake refuses {body}: {}", reply.body);
        }
        Ok(())
    }
}
