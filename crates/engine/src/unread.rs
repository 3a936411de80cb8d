//! A read that failed: recorded like every other answer, so that the policy meets the same failure when it is replayed.

use std::io;

use policykit_core::{ObjectKind, ObjectRef, Value};
use policykit_policy::Answer;

/// What policy code catches, as for a call that a platform refuses.
const CLASS: &str = "Exception";
/// How much of a reason is kept, in characters. It may quote strangers.
const MOST: usize = 500;
/// How long an answer may be, in bytes, as it is written down. Whoever owns what is read decides how long it is.
const MOST_RECORDED: usize = 1 << 20;

/// What is recorded when this platform could not be read.
pub(crate) fn failure(platform: &str, method: &str, reason: &str) -> Value {
    failed(method, format!("{platform} could not be read: {}", sayable(reason)))
}

/// What is recorded when this platform answered: the answer, unless it is too long to be written down with the proposal.
pub(crate) fn recordable(platform: &str, method: &str, answer: Value) -> Value {
    if serde_json::to_writer(Room(MOST_RECORDED), &answer).is_ok() {
        return answer;
    }
    tracing::warn!(platform, method, "engine.read.long");
    let most = MOST_RECORDED >> 20;
    failed(method, format!("{platform} could not be read: the answer to `{method}` is longer than {most} MiB"))
}

/// A reason as it is kept.
pub(crate) fn sayable(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_control()).take(MOST).collect()
}

fn failed(method: &str, label: String) -> Value {
    Value::Object(ObjectRef { kind: ObjectKind::Failure, id: method.to_owned(), label, attrs: Vec::new() })
}

/// Room for so many bytes, which are not kept.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    fn an_answer_is_recorded_unless_it_is_too_long() {
        let text = |long: usize| Value::Str("a".repeat(long));
        let written = serde_json::to_string(&text(0)).unwrap().len();
        let just = text(MOST_RECORDED - written);
        assert_eq!(recordable("Forum", "get_topics", just.clone()), just);
        for long in [text(MOST_RECORDED - written + 1), Value::List(vec![Value::Bool(true); 1 << 20])] {
            let Answer::Raise { message, .. } = answer(recordable("Forum", "get_topics", long)) else {
                panic!("it is not raised")
            };
            assert_eq!(message, "Forum could not be read: the answer to `get_topics` is longer than 1 MiB");
        }
    }

    #[test]
    fn a_failure_is_raised_with_its_reason_and_every_other_answer_is_handed_on() {
        let Answer::Raise { class, message } = answer(failure("Forum", "get_topics", "it\u{0} does not answer")) else {
            panic!("it is not raised")
        };
        assert_eq!((class.as_str(), message.as_str()), ("Exception", "Forum could not be read: it does not answer"));
        assert_eq!(answer(Value::None), Answer::Value(Value::None));
    }
}
