//! What a policy's method call means in outbound calls, one step at a time. Pure: on replay the same steps come again.

mod free;
mod voting;

use policykit_core::{
    JsonMap, Value,
    call::{CallOutcome, PlanStep, PlannedCall},
};

use super::{
    actions::{
        CAREFUL, GROUP_ADD, GROUP_REMOVE, LOCK, RECOVER_POST, RECOVER_TOPIC, REMOVE_POST, REMOVE_TOPIC, Switch, call,
        change_topic, id, member, new_message, new_post, new_topic, post_call, rewrite, status, text, texts,
        topic_call, whole_text,
    },
    descriptor::ID,
    harmless,
};
use crate::platform::PlanContext;

/// Why a method raises in the policy.
struct Raise {
    class: &'static str,
    message: String,
}

impl Raise {
    fn value(message: impl Into<String>) -> Self {
        Self { class: "ValueError", message: message.into() }
    }
}

type Step = Result<PlanStep, Raise>;

/// The next step of a method call.
pub(super) fn plan(method: &str, args: &JsonMap, context: &PlanContext<'_>, so_far: &[CallOutcome]) -> PlanStep {
    let args = &harmless::arguments(args, context);
    let steps = Steps { args, context, so_far };
    steps.next(method).unwrap_or_else(|raise| PlanStep::Raise { class: raise.class.to_owned(), message: raise.message })
}

#[derive(Clone, Copy)]
struct Steps<'a> {
    args: &'a JsonMap,
    context: &'a PlanContext<'a>,
    so_far: &'a [CallOutcome],
}

impl Steps<'_> {
    fn next(self, method: &str) -> Step {
        let topic = || self.id("topic_id");
        let post = || self.id("post_id");
        match method {
            "post_message" => self.single(new_post(topic()?, &self.text("text")?, None), "post_id"),
            "create_topic" => {
                let tags = texts(self.args.get("tags"));
                let call = new_topic(&self.text("title")?, &self.text("text")?, id(self.args, "category"), &tags);
                self.single(call, "topic_id")
            }
            "send_message" => {
                self.single(new_message(&self.text("title")?, &self.text("text")?, &self.people("users")?), "topic_id")
            }
            "initiate_vote" => self.initiate_vote(),
            "make_call" => self.make_call(),
            "rename_topic" | "move_topic" | "tag_topic" => {
                let mut changes = JsonMap::new();
                match method {
                    "rename_topic" => changes.insert("title".to_owned(), self.text("title")?.into()),
                    "move_topic" => changes.insert("category".to_owned(), self.id("category")?.into()),
                    _ => changes.insert("tags".to_owned(), texts(self.args.get("tags")).into()),
                };
                let call = change_topic(topic()?, changes).ok_or_else(|| Raise::value("there is nothing to change"))?;
                self.single(call, "")
            }
            "close_topic" => self.single(status(topic()?, "closed", self.switch("closed")), ""),
            "archive_topic" => self.single(status(topic()?, "archived", self.switch("archived")), ""),
            "list_topic" => self.single(status(topic()?, "visible", self.switch("listed")), ""),
            "delete_topic" => self.single(topic_call(REMOVE_TOPIC, topic()?), ""),
            "recover_topic" => self.single(topic_call(RECOVER_TOPIC, topic()?), ""),
            "edit_post" => self.single(rewrite(post()?, &self.text("text")?, text(self.args, "reason").as_deref()), ""),
            "delete_post" => self.single(post_call(REMOVE_POST, post()?), ""),
            "recover_post" => self.single(post_call(RECOVER_POST, post()?), ""),
            "lock_post" => {
                let locked = self.switch("locked") == Switch::On;
                self.single(call(LOCK, serde_json::json!({ "post_id": post()?, "locked": locked })), "")
            }
            "add_to_group" => self.for_each(GROUP_ADD),
            "remove_from_group" => self.for_each(GROUP_REMOVE),
            other => Err(Raise { class: "AttributeError", message: format!("`{ID}` has no method `{other}`") }),
        }
    }

    /// One call, of whose answer the policy gets this, as text.
    fn single(self, call: PlannedCall, returns: &str) -> Step {
        let call = self.careful(call);
        match self.so_far.first() {
            None => Ok(PlanStep::Send(call)),
            Some(outcome) => Ok(done(answer(outcome, &call)?.and_then(|reply| text_of(reply, returns)))),
        }
    }

    /// One call for each member: each can be confirmed for itself.
    fn for_each(self, operation: &str) -> Step {
        let group = self.text("group")?;
        for (index, user) in self.people("users")?.iter().enumerate() {
            let call = member(operation, &group, user);
            match self.so_far.get(index) {
                None => return Ok(PlanStep::Send(call)),
                Some(outcome) => answer(outcome, &call)?,
            };
        }
        Ok(done(None))
    }

    /// A call whose text may call groups of the forum only where the policy says so: which names are groups is seen when it is
    /// made.
    fn careful(self, mut call: PlannedCall) -> PlannedCall {
        let calls_somebody =
            call.args.get("raw").and_then(serde_json::Value::as_str).is_some_and(|raw| raw.contains('@'));
        if calls_somebody && !harmless::is_meant(self.args) {
            call.args.insert(CAREFUL.to_owned(), true.into());
        }
        call
    }

    fn text(self, name: &str) -> Result<String, Raise> {
        whole_text(self.args, name)
            .or_else(|| text(self.args, name))
            .ok_or_else(|| Raise::value(format!("`{name}` is missing or empty")))
    }

    fn id(self, name: &str) -> Result<i64, Raise> {
        id(self.args, name).ok_or_else(|| Raise::value(format!("`{name}` must be a number")))
    }

    fn people(self, name: &str) -> Result<Vec<String>, Raise> {
        let people = texts(self.args.get(name));
        if people.is_empty() { Err(Raise::value(format!("`{name}` names nobody"))) } else { Ok(people) }
    }

    fn switch(self, name: &str) -> Switch {
        Switch::given(self.args.get(name))
    }
}

fn text_of(reply: &serde_json::Value, name: &str) -> Option<String> {
    match reply.get(name)? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The answer; `None` when nobody can tell whether the call was made. A refusal raises.
fn answer<'a>(outcome: &'a CallOutcome, call: &PlannedCall) -> Result<Option<&'a serde_json::Value>, Raise> {
    match outcome {
        CallOutcome::Done { reply } => Ok(Some(reply)),
        CallOutcome::Unknown { .. } => Ok(None),
        CallOutcome::Refused { code, message } => Err(Raise {
            class: "Exception",
            message: format!("Discourse refused `{}`: {message} ({code})", call.operation),
        }),
    }
}

/// An answer without which the method cannot go on.
fn known(text: Option<String>, call: &PlannedCall) -> Result<String, Raise> {
    text.ok_or_else(|| Raise {
        class: "Exception",
        message: format!(
            "nobody can tell whether `{}` was done, so this cannot go on; a person must look",
            call.operation
        ),
    })
}

fn done(text: Option<String>) -> PlanStep {
    PlanStep::Done { value: text.map_or(Value::None, Value::Str), effects: Vec::new() }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
