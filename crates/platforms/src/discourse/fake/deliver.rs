//! Events on their way to web hooks: the headers, the signature, further tries, and what became of each.

use std::{sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::sync::oneshot;

use super::{
    faults::DeliveryFault,
    hooks::DeliveryState,
    shared::Shared,
    witness::{Answer, What},
    world::World,
};
use crate::fakes::http_out::{self, Failure};

/// In which order held deliveries are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As they came.
    Queued,
    /// The last one first.
    Reversed,
}

/// How a delivery is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signing {
    Proper,
    OtherSecret,
    Absent,
}

/// A delivery to be made.
#[derive(Debug, Clone)]
pub(super) struct Job {
    index: usize,
    delay: Duration,
    signing: Signing,
}

impl Job {
    const fn of(index: usize) -> Self {
        Self { index, delay: Duration::ZERO, signing: Signing::Proper }
    }
}

/// The value of `X-Discourse-Event-Signature`.
pub fn sign(secret: &str, body: &[u8]) -> String {
    // HMAC takes keys of any length, so the error cannot occur; an empty signature would be refused by any verifier.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

impl World {
    /// Takes what is to be delivered now; faults may hold it, double it, or lose it.
    pub(super) fn dispatch(&mut self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for index in std::mem::take(&mut self.hooks.outbox) {
            let Some((event, event_id)) = self.hooks.all.get(index).map(|d| (d.event.clone(), d.event_id)) else {
                continue;
            };
            let fault = self.faults.for_delivery(&event);
            let mut job = Job::of(index);
            let mut more = None;
            let mut hold = self.hooks.paused;
            match fault {
                None => {}
                Some(DeliveryFault::Lose) => {
                    self.set_state(index, DeliveryState::Lost);
                    self.witness.note(self.now, What::Lost { event_id, event });
                    continue;
                }
                Some(DeliveryFault::Hold) => hold = true,
                Some(DeliveryFault::Duplicate) => more = Some(job.clone()),
                Some(DeliveryFault::DuplicateOtherId) => more = self.hooks.again(index).map(Job::of),
                Some(DeliveryFault::BadSignature) => job.signing = Signing::OtherSecret,
                Some(DeliveryFault::NoSignature) => job.signing = Signing::Absent,
                Some(DeliveryFault::Delay { ms }) => job.delay = Duration::from_millis(ms),
            }
            for job in [Some(job), more].into_iter().flatten() {
                if hold {
                    self.set_state(job.index, DeliveryState::Held);
                    self.hooks.held.push(job);
                } else {
                    jobs.push(job);
                }
            }
        }
        jobs
    }

    fn set_state(&mut self, index: usize, state: DeliveryState) {
        if let Some(delivery) = self.hooks.all.get_mut(index) {
            delivery.state = state;
        }
    }

    /// Takes all held deliveries, to be made in this order.
    pub(super) fn unhold(&mut self, order: Order) -> Vec<Job> {
        let mut jobs = std::mem::take(&mut self.hooks.held);
        if order == Order::Reversed {
            jobs.reverse();
        }
        for job in &jobs {
            self.set_state(job.index, DeliveryState::Underway);
        }
        jobs
    }

    fn conclude(&mut self, index: usize, answer: &Answer) {
        let Some(delivery) = self.hooks.all.get_mut(index) else { return };
        delivery.attempts.push(answer.clone());
        delivery.state = if answer.acked() { DeliveryState::Acked } else { DeliveryState::Failed };
        let (event_id, event, hook) = (delivery.event_id, delivery.event.clone(), delivery.web_hook);
        if let Some(hook) = self.hooks.hook_mut(hook) {
            hook.heard(answer);
        }
        self.witness.note(self.now, What::Attempt { event_id, event, answer: answer.clone() });
    }
}

/// Makes a delivery, and where the forum is told to try again, tries again under ids of their own as Discourse does.
/// `tried` fires after the first try.
pub(super) async fn run(shared: Arc<Shared>, mut job: Job, tried: oneshot::Sender<()>) {
    let mut tried = Some(tried);
    if !job.delay.is_zero() {
        tokio::time::sleep(job.delay).await;
    }
    let mut delays = shared.retry_delays.iter();
    loop {
        if shared.is_stopped() {
            return;
        }
        let Some(attempt) = shared.with(|world| prepare(world, &job)) else { return };
        let answer = match http_out::post(&attempt.url, &attempt.headers, &attempt.body, shared.patience).await {
            Ok(reply) => Answer::Status { status: reply.status },
            Err(Failure::Timeout) => Answer::Timeout,
            Err(Failure::Connection) => Answer::ConnectionFailed,
        };
        shared.with(|world| world.conclude(job.index, &answer));
        if let Some(tried) = tried.take() {
            // Nobody waits unless the echo was asked to come before the answer.
            let _unheard = tried.send(());
        }
        // An address that is gone is not tried again.
        if answer.acked() || matches!(answer, Answer::Status { status: 404 | 410 }) {
            return;
        }
        let Some(delay) = delays.next() else { return };
        tokio::time::sleep(*delay).await;
        let Some(index) = shared.with(|world| world.hooks.again(job.index)) else { return };
        job = Job::of(index);
    }
}

struct Attempt {
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn prepare(world: &mut World, job: &Job) -> Option<Attempt> {
    let delivery = world.hooks.all.get(job.index)?;
    let body = delivery.body.clone().into_bytes();
    let mut headers = vec![
        ("User-Agent", "Discourse/2026.8.0 (fake)".to_owned()),
        ("Content-Type", delivery.content_type.to_owned()),
        ("X-Discourse-Instance", world.base_url.clone()),
        ("X-Discourse-Event-Id", delivery.event_id.to_string()),
        ("X-Discourse-Event-Type", delivery.event_type.clone()),
        ("X-Discourse-Event", delivery.event.clone()),
    ];
    let signature = match job.signing {
        Signing::Proper => delivery.signature.clone(),
        Signing::OtherSecret => Some(sign("another secret", &body)),
        Signing::Absent => None,
    };
    headers.extend(signature.map(|signature| ("X-Discourse-Event-Signature", signature)));
    Some(Attempt { url: delivery.url.clone(), headers, body })
}
