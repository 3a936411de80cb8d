//! Ways in which the network between the forum and the app fails, queued by tests or drawn at random from a seed.

use policykit_core::{FakeIds, IdSource as _};
use serde::{Deserialize, Serialize};

pub use crate::fakes::faults::CallFault;
use crate::fakes::faults::{draw, take};

/// Which of the next calls a fault befalls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRule {
    /// Only calls of this verb; any when absent.
    #[serde(default)]
    pub verb: Option<String>,
    /// Only calls whose path begins like this; any when absent.
    #[serde(default)]
    pub path: Option<String>,
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
    /// The next call of this verb to an address that begins like this.
    pub fn next(verb: &str, path: &str, fault: CallFault) -> Self {
        Self { verb: Some(verb.to_owned()), path: Some(path.to_owned()), skip: 0, times: 1, fault }
    }

    fn matches(&self, verb: &str, path: &str) -> bool {
        self.verb.as_deref().is_none_or(|wanted| wanted == verb)
            && self.path.as_deref().is_none_or(|wanted| path.starts_with(wanted))
    }
}

/// A fault of one delivery to a web hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeliveryFault {
    /// Delivered twice under one id, byte for byte.
    Duplicate,
    /// Delivered twice, the second time under an id of its own, as after a try that the forum believes failed.
    DuplicateOtherId,
    /// Kept until released.
    Hold,
    /// Never delivered.
    Lose,
    /// Signed with another secret.
    BadSignature,
    /// Not signed at all.
    NoSignature,
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
    /// Only this event, such as `post_created`; any when absent.
    #[serde(default)]
    pub event: Option<String>,
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
    /// The next delivery of this event.
    pub fn next(event: &str, fault: DeliveryFault) -> Self {
        Self { event: Some(event.to_owned()), skip: 0, times: 1, fault }
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
    pub status_before_effect: u32,
    pub status_after_effect: u32,
    pub rate_limited: u32,
    pub truncate_body: u32,
    pub echo_before_reply: u32,
    pub echo_then_drop: u32,
    pub duplicate: u32,
    pub duplicate_other_id: u32,
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
            drop_after_effect: 20,
            status_before_effect: 10,
            status_after_effect: 15,
            rate_limited: 10,
            truncate_body: 10,
            echo_before_reply: 15,
            echo_then_drop: 10,
            duplicate: 40,
            duplicate_other_id: 30,
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
    pub(super) fn for_call(&mut self, verb: &str, path: &str) -> Option<CallFault> {
        let queued = take(
            &mut self.calls,
            |rule| rule.matches(verb, path),
            |rule| (&mut rule.skip, &mut rule.times, rule.fault),
        );
        queued.or_else(|| self.random_call_fault())
    }

    /// The fault of the delivery that is about to be made.
    pub(super) fn for_delivery(&mut self, event: &str) -> Option<DeliveryFault> {
        let queued = take(
            &mut self.deliveries,
            |rule| rule.event.as_deref().is_none_or(|wanted| wanted == event),
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
                (chaos.duplicate_other_id, DeliveryFault::DuplicateOtherId),
                (chaos.delay_delivery, DeliveryFault::Delay { ms: chaos.delay_ms }),
            ],
        )
    }
}
