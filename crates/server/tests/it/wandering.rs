//! Random stories of topics and names: whatever happens to them in whatever order, what was allowed last stands.

use policykit_platforms::slack::fake::{CallFault, CallRule, DeliveryFault, DeliveryRule, Order};
use policykit_testkit::TestApp;

use crate::states::{Subject, each};

/// Small random numbers, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("small")
    }
}

/// What may be set; few enough that the same comes again.
const VALUES: [&str; 6] = ["ok-1", "ok-2", "no-1", "no-2", "vote-1", "vote-2"];

/// Random changes, late news, lost answers, deaths and votes. After each of them what stands is what was allowed last.
async fn wander(t: &mut TestApp, subject: Subject, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut allowed = subject.now(t);
    let mut said = Vec::new();
    for _ in 0..12 {
        match dice.below(4) {
            0 => {
                let mut open = t.proposals(&t.slack).await;
                open.retain(|p| p.poll_open);
                if open.is_empty() {
                    continue;
                }
                let proposal = open.swap_remove(dice.below(open.len()));
                let label = ["Yes", "No"][dice.below(2)];
                let actions = t.survey().await.actions;
                let action = actions.iter().find(|a| a.id == proposal.action).expect("its action");
                let value = action.fields[subject.field].as_str().expect("a text").to_owned();
                said.push(format!("{label} to {value}"));
                subject.decide(t, &proposal, label).await;
                if label == "Yes" {
                    allowed = value;
                }
            }
            _ => {
                for _ in 0..=dice.below(3) {
                    let value = VALUES[dice.below(VALUES.len())];
                    let held = dice.below(4) == 0;
                    if held {
                        t.fake().fault_deliveries(DeliveryRule::next(subject.told_by, DeliveryFault::Hold));
                    }
                    said.push(format!("{value}{}", if held { " told late" } else { "" }));
                    subject.set(t, value).await;
                    if value.starts_with("ok") {
                        allowed = value.to_owned();
                    }
                }
                match dice.below(4) {
                    0 => t.fake().fault_calls(CallRule::next(subject.method, CallFault::DropAfterEffect)),
                    1 => t
                        .fake()
                        .fault_calls(CallRule::next(subject.method, CallFault::StatusBeforeEffect { status: 502 })),
                    _ => {}
                }
                if dice.below(3) == 0 {
                    said.push("a death".to_owned());
                    t.settle().await;
                    t.crash().await;
                }
                t.recover().await;
                t.fake().clear_faults();
                if t.fake().release(Order::Reversed) > 0 {
                    t.recover().await;
                }
            }
        }
        assert_eq!(subject.now(t), allowed, "the {} with seed {seed} after {said:?}", subject.field);
    }
}

#[test]
fn whatever_happens_what_was_allowed_last_stands() {
    each(async |t: &mut TestApp, subject: Subject| {
        for seed in 1..=3 {
            wander(t, subject, seed).await;
        }
    });
}
