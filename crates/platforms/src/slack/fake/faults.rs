//! Ways in which the network between Slack and the app fails, queued by tests or drawn at random from a seed.

use policykit_core::{FakeIds, IdSource as _};
use serde::{Deserialize, Serialize};

use super::ids::TeamId;
pub use crate::fakes::faults::CallFault;
use crate::fakes::faults::{draw, take};

/// Which of the next calls a fault befalls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRule {
    /// Only calls of this method; `response_url` for posts to one; any when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Only calls of this workspace; any when absent.
    #[serde(default)]
    pub team: Option<TeamId>,
    /// Matching calls to let pass first.
    #[serde(default)]
    pub skip: u32,
    /// Matching calls to befall.
    #[serde(default = "once")]
    pub times: u32,
    /// The fault.
    pub fault: CallFault,
}

impl CallRule {
    /// The next call of this method.
    pub fn next(method: &str, fault: CallFault) -> Self {
        Self { method: Some(method.to_owned()), team: None, skip: 0, times: 1, fault }
    }
}

/// A fault of one delivery to the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeliveryFault {
    /// Delivered twice, byte for byte.
    Duplicate,
    /// Delivered twice under one `event_id`, the second time with another text.
    DuplicateOtherBody,
    /// Kept until released.
    Hold,
    /// Signed with another secret.
    BadSignature,
    /// Signed properly with a timestamp that lies in the past.
    StaleTimestamp {
        /// How far, in seconds.
        seconds: u32,
    },
    /// The answer to the first try is not seen, so it is tried again.
    LoseAck,
    /// Delivered later.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
}

/// Which of the next deliveries a fault befalls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryRule {
    /// Only this event type, such as `pin_added`, `message` (with any subtype), `message.channel_name` or `block_actions`.
    #[serde(default)]
    pub event_type: Option<String>,
    /// Only events of this workspace; any when absent.
    #[serde(default)]
    pub team: Option<TeamId>,
    /// Matching deliveries to let pass first.
    #[serde(default)]
    pub skip: u32,
    /// Matching deliveries to befall.
    #[serde(default = "once")]
    pub times: u32,
    /// The fault.
    pub fault: DeliveryFault,
}

impl DeliveryRule {
    /// The next delivery of this type.
    pub fn next(event_type: &str, fault: DeliveryFault) -> Self {
        Self { event_type: Some(event_type.to_owned()), team: None, skip: 0, times: 1, fault }
    }
}

const fn once() -> u32 {
    1
}

/// Random faults: each figure is a chance in thousands per call or delivery; their sums must stay below 1,000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "named after the faults")]
pub struct Chaos {
    /// Where the random numbers start.
    pub seed: u64,
    pub drop_before_effect: u32,
    pub drop_after_effect: u32,
    pub delay_before_effect: u32,
    pub delay_after_effect: u32,
    pub status_before_effect: u32,
    pub status_after_effect: u32,
    pub rate_limited: u32,
    pub truncate_body: u32,
    pub echo_before_reply: u32,
    pub echo_then_drop: u32,
    pub duplicate: u32,
    pub duplicate_other_body: u32,
    pub lose_ack: u32,
    pub delay_delivery: u32,
    /// Length of delays in milliseconds.
    pub delay_ms: u64,
}

impl Chaos {
    /// A mixture of everything, about one call in ten and one delivery in ten.
    pub fn moderate(seed: u64) -> Self {
        Self {
            seed,
            drop_before_effect: 10,
            drop_after_effect: 15,
            delay_before_effect: 10,
            delay_after_effect: 10,
            status_before_effect: 10,
            status_after_effect: 10,
            rate_limited: 10,
            truncate_body: 10,
            echo_before_reply: 15,
            echo_then_drop: 10,
            duplicate: 30,
            duplicate_other_body: 10,
            lose_ack: 30,
            delay_delivery: 30,
            delay_ms: 50,
        }
    }
}

/// The queued faults and the random ones.
#[derive(Debug)]
pub(super) struct Faults {
    calls: Vec<CallRule>,
    deliveries: Vec<DeliveryRule>,
    chaos: Option<Chaos>,
    /// Two streams, so that what befalls the n-th call does not depend on how many deliveries came between.
    call_chance: FakeIds,
    delivery_chance: FakeIds,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            calls: Vec::new(),
            deliveries: Vec::new(),
            chaos: None,
            call_chance: FakeIds::new(seed),
            delivery_chance: FakeIds::new(!seed),
        }
    }

    pub(super) fn queue_call(&mut self, rule: CallRule) {
        self.calls.push(rule);
    }

    pub(super) fn queue_delivery(&mut self, rule: DeliveryRule) {
        self.deliveries.push(rule);
    }

    pub(super) fn set_chaos(&mut self, chaos: Option<Chaos>) {
        let seed = chaos.map_or(0, |chaos| chaos.seed);
        self.call_chance = FakeIds::new(seed);
        self.delivery_chance = FakeIds::new(!seed);
        self.chaos = chaos;
    }

    pub(super) fn clear(&mut self) {
        self.calls.clear();
        self.deliveries.clear();
        self.chaos = None;
    }

    /// The fault of the call that just arrived.
    pub(super) fn for_call(&mut self, method: &str, team: Option<&TeamId>) -> Option<CallFault> {
        let queued = take(
            &mut self.calls,
            |rule| {
                rule.method.as_deref().is_none_or(|wanted| wanted == method)
                    && rule.team.as_ref().is_none_or(|wanted| Some(wanted) == team)
            },
            |rule| (&mut rule.skip, &mut rule.times, rule.fault),
        );
        queued.or_else(|| self.random_call_fault())
    }

    /// The fault of the delivery that is about to be posted.
    pub(super) fn for_delivery(&mut self, event_type: &str, team: &TeamId) -> Option<DeliveryFault> {
        let queued = take(
            &mut self.deliveries,
            |rule| {
                rule.event_type.as_deref().is_none_or(|wanted| {
                    event_type == wanted || event_type.split_once('.').is_some_and(|(main, _)| main == wanted)
                }) && rule.team.as_ref().is_none_or(|wanted| wanted == team)
            },
            |rule| (&mut rule.skip, &mut rule.times, rule.fault),
        );
        queued.or_else(|| self.random_delivery_fault())
    }

    fn random_call_fault(&self) -> Option<CallFault> {
        let chaos = self.chaos?;
        let status = if self.call_chance.random().is_multiple_of(2) { 500 } else { 503 };
        draw(
            &self.call_chance,
            &[
                (chaos.drop_before_effect, CallFault::DropBeforeEffect),
                (chaos.drop_after_effect, CallFault::DropAfterEffect),
                (chaos.delay_before_effect, CallFault::DelayBeforeEffect { ms: chaos.delay_ms }),
                (chaos.delay_after_effect, CallFault::DelayAfterEffect { ms: chaos.delay_ms }),
                (chaos.status_before_effect, CallFault::StatusBeforeEffect { status }),
                (chaos.status_after_effect, CallFault::StatusAfterEffect { status }),
                (chaos.rate_limited, CallFault::RateLimited { retry_after_secs: 1 }),
                (chaos.truncate_body, CallFault::TruncateBody),
                (chaos.echo_before_reply, CallFault::EchoBeforeReply),
                (chaos.echo_then_drop, CallFault::EchoThenDrop),
            ],
        )
    }

    fn random_delivery_fault(&self) -> Option<DeliveryFault> {
        let chaos = self.chaos?;
        draw(
            &self.delivery_chance,
            &[
                (chaos.duplicate, DeliveryFault::Duplicate),
                (chaos.duplicate_other_body, DeliveryFault::DuplicateOtherBody),
                (chaos.lose_ack, DeliveryFault::LoseAck),
                (chaos.delay_delivery, DeliveryFault::Delay { ms: chaos.delay_ms }),
            ],
        )
    }
}
