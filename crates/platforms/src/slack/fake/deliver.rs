//! Events on their way to the app: the envelope, the signature, Slack's schedule of retries, and what became of each.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    faults::DeliveryFault,
    ids::{ChannelId, TeamId, signature},
    shared::Shared,
    state::{Installed, World},
    witness::{Answer, What},
};
use crate::fakes::http_out::{self, Failure};

/// Whose membership decides whether the app sees an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Audience<'a> {
    /// Seen by every app of the workspace.
    Team,
    /// Seen only while the app's bot user is a member.
    Channel(&'a ChannelId),
    /// Seen even by an app that is being removed.
    Uninstalled,
}

/// An event waiting for the lock to be released.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) team: TeamId,
    pub(super) event_id: String,
    pub(super) event_type: String,
    pub(super) envelope: Value,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Kept back, by a fault or because deliveries are paused.
    Held,
    /// Being tried, or waiting for its next try.
    Underway,
    /// Answered with 2xx.
    Acked,
    /// Given up.
    Lost,
}

/// A delivery with all its tries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Position among all deliveries.
    pub index: usize,
    /// `event_id`; deliberate duplicates share it.
    pub event_id: String,
    /// The workspace.
    pub team: TeamId,
    /// Type, and subtype after a dot.
    pub event_type: String,
    /// What became of it.
    pub state: DeliveryState,
    /// The whole envelope.
    pub envelope: Value,
    /// What the app answered to each try.
    pub attempts: Vec<Answer>,
}

/// In which order held deliveries are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As they happened.
    Queued,
    /// The last one first.
    Reversed,
}

/// All deliveries so far.
#[derive(Debug, Default)]
pub(super) struct DeliveryBook {
    pub(super) all: Vec<Delivery>,
    pub(super) paused: bool,
    held: Vec<Job>,
}

/// One delivery as it is to be tried.
#[derive(Debug, Clone)]
pub(super) struct Job {
    index: usize,
    forgery: Forgery,
    lose_first_ack: bool,
    delay: Duration,
}

/// What is wrong with the signature of the first try; retries are signed properly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forgery {
    None,
    WrongSecret,
    Stale { seconds: u32 },
}

/// Whether another try is due should this one fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tries {
    Left,
    Over,
}

impl World {
    /// Queues an event for the app, if it is one the app gets to see.
    pub(super) fn emit(&mut self, team_id: &TeamId, audience: Audience<'_>, event: &Value) {
        let Some(team) = self.teams.get(team_id) else { return };
        let installed = team.installed == Installed::Yes;
        let visible = match audience {
            Audience::Team => installed,
            Audience::Uninstalled => true,
            Audience::Channel(channel) => {
                installed && team.channels.get(channel).is_some_and(|channel| channel.has(&team.bot_user))
            }
        };
        let text = |field: &str| event.get(field).and_then(Value::as_str);
        let main = text("type").unwrap_or_default();
        let subscribed = self.app.seed.event_types.as_ref().is_none_or(|types| types.iter().any(|t| t == main));
        if !visible || !subscribed || self.app.seed.events_url.is_none() {
            return;
        }
        let event_type = text("subtype").map_or_else(|| main.to_owned(), |subtype| format!("{main}.{subtype}"));
        let bot_user = team.bot_user.clone();
        let event_id = self.mint("Ev");
        let envelope = json!({
            "token": self.app.seed.verification_token,
            "team_id": team_id,
            "api_app_id": self.app.id,
            "event": event,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": self.now.secs(),
            "event_context": format!("4-{}", event_id.to_lowercase()),
            "authorizations": [{
                "enterprise_id": null,
                "team_id": team_id,
                "user_id": bot_user,
                "is_bot": true,
                "is_enterprise_install": false,
            }],
            "is_ext_shared_channel": false,
        });
        self.outbox.push(Outgoing { team: team_id.clone(), event_id, event_type, envelope });
    }

    /// Turns the outbox into deliveries, applying faults; returns those to be tried now.
    pub(super) fn dispatch(&mut self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for outgoing in std::mem::take(&mut self.outbox) {
            let fault = self.faults.for_delivery(&outgoing.event_type, &outgoing.team);
            let mut job = self.book(&outgoing, outgoing.envelope.clone());
            let mut extra = None;
            let mut hold = self.deliveries.paused;
            match fault {
                None => {}
                Some(DeliveryFault::Hold) => hold = true,
                Some(DeliveryFault::Duplicate) => extra = Some(self.book(&outgoing, outgoing.envelope.clone())),
                Some(DeliveryFault::DuplicateOtherBody) => {
                    extra = Some(self.book(&outgoing, altered(outgoing.envelope.clone())));
                }
                Some(DeliveryFault::BadSignature) => job.forgery = Forgery::WrongSecret,
                Some(DeliveryFault::StaleTimestamp { seconds }) => job.forgery = Forgery::Stale { seconds },
                Some(DeliveryFault::LoseAck) => job.lose_first_ack = true,
                Some(DeliveryFault::Delay { ms }) => job.delay = Duration::from_millis(ms),
            }
            for job in std::iter::once(job).chain(extra) {
                if hold {
                    self.set_state(job.index, DeliveryState::Held);
                    self.deliveries.held.push(job);
                } else {
                    jobs.push(job);
                }
            }
        }
        jobs
    }

    fn book(&mut self, outgoing: &Outgoing, envelope: Value) -> Job {
        let index = self.deliveries.all.len();
        self.deliveries.all.push(Delivery {
            index,
            event_id: outgoing.event_id.clone(),
            team: outgoing.team.clone(),
            event_type: outgoing.event_type.clone(),
            state: DeliveryState::Underway,
            envelope,
            attempts: Vec::new(),
        });
        Job { index, forgery: Forgery::None, lose_first_ack: false, delay: Duration::ZERO }
    }

    fn set_state(&mut self, index: usize, state: DeliveryState) {
        if let Some(delivery) = self.deliveries.all.get_mut(index) {
            delivery.state = state;
        }
    }

    /// Takes all held deliveries, to be tried in this order.
    pub(super) fn unhold(&mut self, order: Order) -> Vec<Job> {
        let mut jobs = std::mem::take(&mut self.deliveries.held);
        if order == Order::Reversed {
            jobs.reverse();
        }
        for job in &jobs {
            self.set_state(job.index, DeliveryState::Underway);
        }
        jobs
    }

    /// Books what a try came to, and says how it goes on.
    fn conclude(&mut self, job: &Job, retry: usize, answer: &Answer, tries: Tries) -> DeliveryState {
        let Some(delivery) = self.deliveries.all.get_mut(job.index) else { return DeliveryState::Lost };
        delivery.attempts.push(answer.clone());
        let seen = !matches!(answer, Answer::Status { ack_lost: true, .. });
        let state = match (answer.acked() && seen, tries) {
            (true, _) => DeliveryState::Acked,
            // The app did take it, even though Slack would not know.
            (false, Tries::Over) if delivery.attempts.iter().any(Answer::acked) => DeliveryState::Acked,
            (false, Tries::Over) => DeliveryState::Lost,
            (false, Tries::Left) => DeliveryState::Underway,
        };
        delivery.state = state;
        let (event_id, team, event_type) =
            (delivery.event_id.clone(), delivery.team.clone(), delivery.event_type.clone());
        let what = What::Attempt {
            event_id: event_id.clone(),
            team: team.clone(),
            event_type: event_type.clone(),
            retry,
            answer: answer.clone(),
        };
        self.witness.note(self.now, what);
        if state == DeliveryState::Lost {
            self.witness.note(self.now, What::Lost { event_id, team, event_type });
        }
        state
    }
}

/// The same event with another text, as nobody should send it.
fn altered(mut envelope: Value) -> Value {
    if let Some(Value::Object(event)) = envelope.get_mut("event") {
        let text = event.get("text").and_then(Value::as_str).unwrap_or_default();
        let text = format!("{text} (altered)");
        event.insert("text".into(), json!(text));
    }
    envelope
}

/// Tries a delivery until the app takes it or the schedule is over. `tried` fires after the first try.
pub(super) async fn run(shared: Arc<Shared>, job: Job, tried: oneshot::Sender<()>) {
    let mut tried = Some(tried);
    let mut reason = "";
    if !job.delay.is_zero() {
        tokio::time::sleep(job.delay).await;
    }
    let last_retry = shared.retry_delays.len();
    for retry in 0..=last_retry {
        if let Some(delay) = retry.checked_sub(1).and_then(|at| shared.retry_delays.get(at)) {
            tokio::time::sleep(*delay).await;
        }
        if shared.is_stopped() {
            return;
        }
        let Some(attempt) = prepare(&shared, &job, retry, reason) else { return };
        let outcome = http_out::post(&attempt.url, &attempt.headers, &attempt.body, shared.ack_timeout).await;
        let mut tries = if retry == last_retry { Tries::Over } else { Tries::Left };
        let answer = match outcome {
            Ok(reply) => {
                if reply.header("x-slack-no-retry") == Some("1") {
                    tries = Tries::Over;
                }
                let ack_lost = job.lose_first_ack && retry == 0;
                reason = if ack_lost { "http_timeout" } else { "http_error" };
                Answer::Status { status: reply.status, ack_lost }
            }
            Err(Failure::Timeout) => {
                reason = "http_timeout";
                Answer::Timeout
            }
            Err(Failure::Connection) => {
                reason = "connection_failed";
                Answer::ConnectionFailed
            }
        };
        let state = shared.with(|world| world.conclude(&job, retry, &answer, tries));
        if let Some(tried) = tried.take() {
            // Nobody waits unless the echo was asked to come before the reply.
            let _unheard = tried.send(());
        }
        if state != DeliveryState::Underway {
            return;
        }
    }
}

struct Attempt {
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn prepare(shared: &Arc<Shared>, job: &Job, retry: usize, reason: &str) -> Option<Attempt> {
    shared.with(|world| {
        let body = serde_json::to_vec(&world.deliveries.all.get(job.index)?.envelope).ok()?;
        let forgery = if retry == 0 { job.forgery } else { Forgery::None };
        let mut headers = signed_headers(world, &body, forgery, "application/json");
        if retry > 0 {
            headers.push(("X-Slack-Retry-Num", retry.to_string()));
            headers.push(("X-Slack-Retry-Reason", reason.to_owned()));
        }
        // Without an address nothing listens; the schedule goes on, for one may be set later.
        let url = world.app.seed.events_url.clone().unwrap_or_default();
        Some(Attempt { url, headers, body })
    })
}

/// The headers under which Slack sends a body.
pub(super) fn signed_headers(
    world: &World,
    body: &[u8],
    forgery: Forgery,
    content_type: &str,
) -> Vec<(&'static str, String)> {
    let (seconds, secret) = match forgery {
        Forgery::None => (world.now.secs(), world.app.seed.signing_secret.as_str()),
        Forgery::WrongSecret => (world.now.secs(), "not the signing secret"),
        Forgery::Stale { seconds } => {
            (world.now.secs().saturating_sub(i64::from(seconds)), world.app.seed.signing_secret.as_str())
        }
    };
    vec![
        ("User-Agent", "Slackbot 1.0 (fake)".to_owned()),
        ("Content-Type", content_type.to_owned()),
        ("X-Slack-Request-Timestamp", seconds.to_string()),
        ("X-Slack-Signature", signature(secret, seconds, body)),
    ]
}
