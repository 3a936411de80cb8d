//! What has been undone and done for a proposal so far, and with which name the next such call is written down.
//!
//! An action is undone or done by the engine, and by the policy's own code with `action.revert()` and `action.execute()`, in
//! any block and in any evaluation. All of them write down calls under names of the proposal, so whoever makes the next
//! one has to know of those before: one that has taken effect is not made again, and one that comes after its opposite
//! must not be taken for it.

use policykit_core::{
    call::{CallOutcome, PlannedCall},
    snapshot::ActionView,
};
use policykit_platforms::Platform;

use crate::evaluation::{EXECUTE, REVERT};

/// How often a proposal's code may undo or do its action. Whoever does both each time it is looked at would never end.
const MOST: usize = 3;

/// The calls that undid or did the action of a proposal, in the order in which they were written down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deeds(Vec<(String, CallOutcome)>);

/// What is to be done when the action is to be undone or done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Next {
    /// Nothing: this is what came of it already.
    Known(CallOutcome),
    /// A call of this name.
    Make(String),
}

impl Deeds {
    /// Those that have come to an outcome: only those may be counted on.
    pub(crate) fn of(calls: Vec<policykit_store::CallRow>) -> Self {
        Self(calls.into_iter().filter_map(|call| Some((call.purpose, call.outcome?))).collect())
    }

    /// A call for this purpose has come to this outcome.
    pub(crate) fn add(&mut self, purpose: &str, outcome: CallOutcome) {
        self.0.push((purpose.to_owned(), outcome));
    }

    /// What is to be done for this purpose. What was refused, or may have happened, is not tried again by a program.
    pub(crate) fn next(&self, purpose: &str) -> Next {
        if let Some(outcome) = self.already(purpose) {
            return Next::Known(outcome.clone());
        }
        let made = self.count(purpose);
        if made >= MOST {
            let message = format!("it was undone and done {MOST} times already; a person has to decide");
            return Next::Known(CallOutcome::Refused { code: "too_often".to_owned(), message });
        }
        Next::Make(name(purpose, made))
    }

    /// Whether the action was done for the proposal at some time, be it that it was undone later.
    pub(crate) fn ever_done(&self) -> bool {
        self.0.iter().any(|(made, outcome)| made == EXECUTE && matches!(outcome, CallOutcome::Done { .. }))
    }

    /// What came of the last call for this purpose, if nothing has taken effect since that was for the opposite.
    fn already(&self, purpose: &str) -> Option<&CallOutcome> {
        let opposite = if purpose == REVERT { EXECUTE } else { REVERT };
        self.0
            .iter()
            .rev()
            .take_while(|(made, outcome)| !(made == opposite && matches!(outcome, CallOutcome::Done { .. })))
            .find(|(made, _)| made == purpose)
            .map(|(_, outcome)| outcome)
    }

    /// The call that undoes or does an action, if the platform offers one. What was done for the proposal is undone as it
    /// stands: a message that was posted again is another message.
    pub(crate) fn planned(&self, platform: &dyn Platform, mut view: ActionView, purpose: &str) -> Option<PlannedCall> {
        if purpose == EXECUTE {
            return platform.execute(&view);
        }
        let stands = self.0.iter().rev().find_map(|(made, outcome)| match outcome {
            CallOutcome::Done { reply } if made == EXECUTE => Some(reply),
            _ => None,
        });
        if let Some(reply) = stands {
            platform.stands_as(&mut view, reply);
        }
        platform.revert(&view)
    }

    fn count(&self, purpose: &str) -> usize {
        self.0.iter().filter(|(made, _)| made == purpose).count()
    }
}

/// The first of a purpose bears its name alone.
fn name(purpose: &str, made: usize) -> String {
    if made == 0 { purpose.to_owned() } else { format!("{purpose}:{}", made + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done() -> CallOutcome {
        CallOutcome::Done { reply: serde_json::json!({}) }
    }

    fn refused() -> CallOutcome {
        CallOutcome::Refused { code: "no".to_owned(), message: "no".to_owned() }
    }

    fn unknown() -> CallOutcome {
        CallOutcome::Unknown { reason: "gone".to_owned() }
    }

    fn deeds(list: &[(&str, CallOutcome)]) -> Deeds {
        Deeds(list.iter().map(|(purpose, outcome)| ((*purpose).to_owned(), outcome.clone())).collect())
    }

    #[test]
    fn the_first_bears_the_name_of_its_purpose() {
        assert_eq!(deeds(&[]).next(REVERT), Next::Make("revert".to_owned()));
        assert_eq!(deeds(&[(REVERT, done())]).next(EXECUTE), Next::Make("execute".to_owned()));
    }

    #[test]
    fn what_has_been_done_or_tried_is_not_made_again() {
        for outcome in [done(), refused(), unknown()] {
            assert_eq!(deeds(&[(EXECUTE, outcome.clone())]).next(EXECUTE), Next::Known(outcome));
        }
    }

    #[test]
    fn what_comes_after_its_opposite_is_another_call() {
        let both = deeds(&[(REVERT, done()), (EXECUTE, done())]);
        assert_eq!(both.next(REVERT), Next::Make("revert:2".to_owned()));
        assert_eq!(both.next(EXECUTE), Next::Known(done()));
        let failed = deeds(&[(REVERT, done()), (EXECUTE, refused())]);
        assert_eq!(failed.next(REVERT), Next::Known(done()), "nothing has changed since");
    }

    #[test]
    fn a_program_does_not_go_on_for_ever() {
        let mut all = Deeds::default();
        for _ in 0..MOST {
            for purpose in [REVERT, EXECUTE] {
                assert!(matches!(all.next(purpose), Next::Make(_)));
                all.add(purpose, done());
            }
        }
        assert!(matches!(all.next(REVERT), Next::Known(CallOutcome::Refused { .. })));
    }
}
