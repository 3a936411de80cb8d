//! A read that failed: recorded like every other answer, so that the policy meets the same failure when it is replayed.

use policykit_core::{ObjectKind, ObjectRef, Value};
use policykit_platforms::platform::CallError;
use policykit_policy::Answer;

/// What policy code catches, as for a call that a platform refuses.
const CLASS: &str = "Exception";
/// How much of a reason is kept, in characters. It may quote strangers.
const MOST: usize = 500;

/// What is recorded when this platform could not be read.
pub(crate) fn failure(platform: &str, method: &str, error: &CallError) -> Value {
    let reason: String = error.reason().chars().filter(|c| !c.is_control()).take(MOST).collect();
    Value::Object(ObjectRef {
        kind: ObjectKind::Failure,
        id: method.to_owned(),
        label: format!("{platform} could not be read: {reason}"),
        attrs: Vec::new(),
    })
}

/// What the policy is answered with: the value, or the failure as an exception that it may catch.
pub(crate) fn answer(recorded: Value) -> Answer {
    match recorded {
        Value::Object(failure) if failure.kind == ObjectKind::Failure => {
            Answer::Raise { class: CLASS.to_owned(), message: failure.label }
        }
        value => Answer::Value(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_raised_with_its_reason_and_every_other_answer_is_handed_on() {
        let error = CallError::Retry { after_ms: 0, reason: "it\u{0} does not answer".to_owned() };
        let Answer::Raise { class, message } = answer(failure("Forum", "get_topics", &error)) else {
            panic!("it is not raised")
        };
        assert_eq!((class.as_str(), message.as_str()), ("Exception", "Forum could not be read: it does not answer"));
        assert_eq!(answer(Value::None), Answer::Value(Value::None));
    }
}
