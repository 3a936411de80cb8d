//! Calling any method of the Web API that is not dangerous.
//!
//! What the descriptor knows is confirmed after a crash as always; everything else is blind: whether it was done is then
//! for a person to say.

use policykit_core::{
    JsonMap, Value,
    call::{CallOutcome, PlanStep},
};
use serde_json::json;

use super::{Raise, Step, Steps};
use crate::slack::actions::{call, text};

/// What a policy must not call: these reach beyond the community's own conversations, or take our own access away.
const DENIED: &[(&str, &str)] = &[
    ("admin.", "it administers the organisation"),
    ("apps.", "it manages apps"),
    ("auth.", "it concerns PolicyKit's own access"),
    ("oauth.", "it concerns PolicyKit's own access"),
    ("openid.", "it concerns PolicyKit's own access"),
    ("tooling.", "it concerns PolicyKit's own access"),
    ("migration.", "it concerns the whole organisation"),
    ("rtm.", "it opens a connection that nobody reads"),
    ("users.delete", "it changes an account"),
    ("users.profile.", "it changes an account"),
    ("users.set", "it changes an account"),
    ("team.", "it shows what only administrators see"),
    ("workflows.", "it belongs to workflows"),
];
/// What is harmless although it begins like something denied.
const ALLOWED: &[&str] = &["team.info", "users.profile.get", "auth.test"];

impl Steps<'_> {
    /// `make_call(method_name, values)`, answered with what Slack answered.
    pub(super) fn make_call(self) -> Step {
        let method = self.need("method_name")?;
        if let Some(why) = refusal(&method) {
            return Err(Raise::value(format!("`make_call` cannot be used for `{method}`: {why}")));
        }
        let mut values: JsonMap =
            self.args.get("values").and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
        // The original wanted the method's name among the values too.
        values.remove("method_name");
        if text(&values, "token").is_some() {
            return Err(Raise::value("`values` must not hold a token; PolicyKit uses its own"));
        }
        let call = call(&method, json!(values));
        match self.so_far.first() {
            None => Ok(PlanStep::Send(call)),
            Some(CallOutcome::Done { reply }) => {
                Ok(PlanStep::Done { value: Value::from_json(reply), effects: Vec::new() })
            }
            Some(CallOutcome::Unknown { .. }) => Ok(PlanStep::Done { value: Value::None, effects: Vec::new() }),
            Some(CallOutcome::Refused { code, message }) => {
                Err(Raise { class: "Exception", message: format!("Slack refused `{method}`: {message} ({code})") })
            }
        }
    }
}

/// Why a method cannot be called freely, if so. Nobody promises that Slack heeds how a name is capitalised.
fn refusal(method: &str) -> Option<&'static str> {
    let method = method.to_ascii_lowercase();
    let parts: Vec<&str> = method.split('.').collect();
    let well_formed =
        parts.len() >= 2 && parts.iter().all(|p| !p.is_empty() && p.chars().all(|c| c.is_ascii_alphanumeric()));
    if !well_formed {
        return Some("it is not the name of a method, such as `chat.getPermalink`");
    }
    if ALLOWED.contains(&method.as_str()) {
        return None;
    }
    DENIED.iter().find(|(prefix, _)| method.starts_with(prefix)).map(|(_, why)| *why)
}
