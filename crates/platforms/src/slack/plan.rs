//! What a policy's method call means in outbound calls, one step at a time. Pure: on replay the same steps come again.

mod free;
mod voting;

use policykit_core::{
    JsonMap, Value,
    call::{CallOutcome, PlanStep, PlannedCall},
};
use serde_json::json;

use super::{
    actions::{Broadcast, RENAME, call, people, post, set_topic, text, whole},
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

/// The next step of a method call.
pub(super) fn plan(method: &str, args: &JsonMap, context: &PlanContext<'_>, so_far: &[CallOutcome]) -> PlanStep {
    let args = &harmless::arguments(args, context);
    let steps = Steps { args, context, so_far };
    let step = match method {
        "post_message" => steps.post_message(),
        "initiate_vote" => steps.initiate_vote(),
        "initiate_advanced_vote" => steps.initiate_advanced_vote(),
        "make_call" => steps.make_call(),
        "update_message" => steps.single(|s| {
            Ok(call(
                "chat.update",
                json!({ "channel": s.need("channel")?, "ts": s.need("ts")?, "text": s.need("text")? }),
            ))
        }),
        "delete_message" => {
            steps.single(|s| Ok(call("chat.delete", json!({ "channel": s.need("channel")?, "ts": s.need("ts")? }))))
        }
        "schedule_message" => steps.schedule(),
        "delete_scheduled_message" => steps.single(|s| {
            Ok(call(
                "chat.deleteScheduledMessage",
                json!({ "channel": s.need("channel")?, "scheduled_message_id": s.need("scheduled_message_id")? }),
            ))
        }),
        "add_reaction" => steps.single(|s| s.react("reactions.add")),
        "remove_reaction" => steps.single(|s| s.react("reactions.remove")),
        "set_topic" => steps.single(|s| {
            // An empty topic takes it away.
            let topic = s.args.get("topic").and_then(serde_json::Value::as_str).unwrap_or_default();
            Ok(set_topic(&s.need("channel")?, topic))
        }),
        "archive_conversation" => {
            steps.single(|s| Ok(call("conversations.archive", json!({ "channel": s.need("channel")? }))))
        }
        "unarchive_conversation" => {
            steps.single(|s| Ok(call("conversations.unarchive", json!({ "channel": s.need("channel")? }))))
        }
        "update_usergroup" => steps.single(|s| {
            let users = s.users_needed()?.join(",");
            Ok(call("usergroups.users.update", json!({ "usergroup": s.need("usergroup")?, "users": users })))
        }),
        "pin_message" => steps.single(|s| s.pin("pins.add")),
        "unpin_message" => steps.single(|s| s.pin("pins.remove")),
        "rename_conversation" => {
            steps.single(|s| Ok(call(RENAME, json!({ "channel": s.need("channel")?, "name": s.need("name")? }))))
        }
        "join_conversation" => steps.for_each("users", |channel, user| {
            call("conversations.invite", json!({ "channel": channel, "users": user }))
        }),
        "kick_conversation" => steps
            .for_each("user", |channel, user| call("conversations.kick", json!({ "channel": channel, "user": user }))),
        other => Err(Raise { class: "AttributeError", message: format!("`{ID}` has no method `{other}`") }),
    };
    step.unwrap_or_else(|raise| PlanStep::Raise { class: raise.class.to_owned(), message: raise.message })
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PostType {
    Channel,
    Im,
    Mpim,
    Ephemeral,
}

#[derive(Clone, Copy)]
struct Steps<'a> {
    args: &'a JsonMap,
    context: &'a PlanContext<'a>,
    so_far: &'a [CallOutcome],
}

type Step = Result<PlanStep, Raise>;

impl Steps<'_> {
    fn post_message(self) -> Step {
        let message = self.need("text")?;
        match self.post_type()? {
            PostType::Channel => {
                let broadcast = if self.args.get("reply_broadcast").is_some_and(|v| v == &json!(true)) {
                    Broadcast::Yes
                } else {
                    Broadcast::No
                };
                let thread = text(self.args, "thread_ts");
                let call = post(&self.channel()?, &message, thread.as_deref(), broadcast);
                match self.so_far.first() {
                    None => Ok(PlanStep::Send(call)),
                    Some(outcome) => Ok(done(field(outcome, &call, "ts")?)),
                }
            }
            PostType::Ephemeral => {
                let (channel, users) = (self.channel()?, self.users_needed()?);
                let calls = users.iter().map(|user| {
                    let mut args = json!({ "channel": channel, "user": user, "text": message });
                    if let (Some(thread), serde_json::Value::Object(map)) = (text(self.args, "thread_ts"), &mut args) {
                        map.insert("thread_ts".to_owned(), thread.into());
                    }
                    call("chat.postEphemeral", args)
                });
                self.in_turn(calls, "message_ts")
            }
            PostType::Im => {
                self.no_thread()?;
                let users = self.users_needed()?;
                let mut sent = Vec::new();
                for (index, user) in users.iter().enumerate() {
                    let open = call("conversations.open", json!({ "users": user }));
                    let Some(outcome) = self.so_far.get(index * 2) else { return Ok(PlanStep::Send(open)) };
                    let channel = known(field(outcome, &open, "channel")?, &open)?;
                    let post = post(&channel, &message, None, Broadcast::No);
                    let Some(outcome) = self.so_far.get(index * 2 + 1) else { return Ok(PlanStep::Send(post)) };
                    sent.push(field(outcome, &post, "ts")?);
                }
                Ok(one_or_list(sent))
            }
            PostType::Mpim => {
                self.no_thread()?;
                let open = call("conversations.open", json!({ "users": self.users_needed()?.join(",") }));
                let Some(outcome) = self.so_far.first() else { return Ok(PlanStep::Send(open)) };
                let channel = known(field(outcome, &open, "channel")?, &open)?;
                let post = post(&channel, &message, None, Broadcast::No);
                match self.so_far.get(1) {
                    None => Ok(PlanStep::Send(post)),
                    Some(outcome) => Ok(done(field(outcome, &post, "ts")?)),
                }
            }
        }
    }

    fn schedule(self) -> Step {
        let post_at = self
            .args
            .get("post_at")
            .and_then(whole)
            .ok_or_else(|| Raise::value("`post_at` must be a whole number of seconds since 1970"))?;
        let call = call(
            "chat.scheduleMessage",
            json!({ "channel": self.channel()?, "text": self.need("text")?, "post_at": post_at }),
        );
        match self.so_far.first() {
            None => Ok(PlanStep::Send(call)),
            Some(outcome) => Ok(done(field(outcome, &call, "scheduled_message_id")?)),
        }
    }

    fn pin(self, operation: &str) -> Result<PlannedCall, Raise> {
        Ok(call(operation, json!({ "channel": self.need("channel")?, "timestamp": self.need("ts")? })))
    }

    fn react(self, operation: &str) -> Result<PlannedCall, Raise> {
        // People write the name with the colons around it.
        let name = self.need("name")?.trim_matches(':').to_owned();
        Ok(call(operation, json!({ "channel": self.need("channel")?, "timestamp": self.need("ts")?, "name": name })))
    }

    /// One call whose answer does not matter to the policy.
    fn single(self, make: impl Fn(Self) -> Result<PlannedCall, Raise>) -> Step {
        let call = make(self)?;
        match self.so_far.first() {
            None => Ok(PlanStep::Send(call)),
            Some(outcome) => {
                field(outcome, &call, "")?;
                Ok(nothing())
            }
        }
    }

    /// One call per account: each can be confirmed for itself.
    fn for_each(self, who: &str, make: impl Fn(&str, &str) -> PlannedCall) -> Step {
        let channel = self.need("channel")?;
        let users = self.args.get(who).map(people).unwrap_or_default();
        if users.is_empty() {
            return Err(Raise::value(format!("`{who}` names nobody")));
        }
        for (index, user) in users.iter().enumerate() {
            let call = make(&channel, user);
            match self.so_far.get(index) {
                None => return Ok(PlanStep::Send(call)),
                Some(outcome) => field(outcome, &call, "")?,
            };
        }
        Ok(nothing())
    }

    fn in_turn(self, calls: impl Iterator<Item = PlannedCall>, answer: &str) -> Step {
        let mut answers = Vec::new();
        for (index, call) in calls.enumerate() {
            match self.so_far.get(index) {
                None => return Ok(PlanStep::Send(call)),
                Some(outcome) => answers.push(field(outcome, &call, answer)?),
            }
        }
        Ok(one_or_list(answers))
    }

    fn need(self, name: &str) -> Result<String, Raise> {
        text(self.args, name).ok_or_else(|| Raise::value(format!("`{name}` is missing or empty")))
    }

    fn users_needed(self) -> Result<Vec<String>, Raise> {
        let users = self.args.get("users").map(people).unwrap_or_default();
        if users.is_empty() {
            return Err(Raise::value("`users` is needed for this `post_type`"));
        }
        Ok(users)
    }

    fn no_thread(self) -> Result<(), Raise> {
        match text(self.args, "thread_ts") {
            None => Ok(()),
            Some(_) => Err(Raise::value("`thread_ts` cannot be used with this `post_type`")),
        }
    }

    fn post_type(self) -> Result<PostType, Raise> {
        match text(self.args, "post_type").as_deref() {
            None | Some("channel") => Ok(PostType::Channel),
            Some("im") => Ok(PostType::Im),
            Some("mpim") => Ok(PostType::Mpim),
            Some("ephemeral") => Ok(PostType::Ephemeral),
            Some(other) => {
                Err(Raise::value(format!("`post_type` must be `channel`, `im`, `mpim` or `ephemeral`, not `{other}`")))
            }
        }
    }

    /// The channel given, else the one the action happened in.
    fn channel(self) -> Result<String, Raise> {
        if let Some(given) = text(self.args, "channel") {
            return Ok(given);
        }
        let action = self.context.action;
        if action.platform.as_deref() == Some(ID) {
            let data = action.fields.get("data").and_then(serde_json::Value::as_object);
            let found = text(&action.fields, "channel").or_else(|| {
                let data = data?;
                let item = data.get("item").and_then(serde_json::Value::as_object);
                text(data, "channel").or_else(|| text(data, "channel_id")).or_else(|| text(item?, "channel"))
            });
            if let Some(channel) = found {
                return Ok(channel);
            }
        }
        Err(Raise::value("the action did not happen in a channel on Slack, so `channel` must be given"))
    }
}

fn texts(value: &serde_json::Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
        .collect()
}

/// A field of the answer; `None` when nobody can tell whether the call was made. A refusal raises.
fn field(outcome: &CallOutcome, call: &PlannedCall, name: &str) -> Result<Option<String>, Raise> {
    match outcome {
        CallOutcome::Done { reply } => Ok(reply.get(name).and_then(serde_json::Value::as_str).map(str::to_owned)),
        CallOutcome::Unknown { .. } => Ok(None),
        CallOutcome::Refused { code, message } => Err(Raise {
            class: "Exception",
            message: format!("Slack refused `{}`: {message} ({code})", call.operation),
        }),
    }
}

/// A field without which the method cannot go on.
fn known(field: Option<String>, call: &PlannedCall) -> Result<String, Raise> {
    field.ok_or_else(|| Raise {
        class: "Exception",
        message: format!(
            "nobody can tell whether `{}` was done, so this cannot go on; a person must look",
            call.operation
        ),
    })
}

fn done(ts: Option<String>) -> PlanStep {
    PlanStep::Done { value: ts.map_or(Value::None, Value::Str), effects: Vec::new() }
}

fn nothing() -> PlanStep {
    PlanStep::Done { value: Value::None, effects: Vec::new() }
}

fn one_or_list(mut all: Vec<Option<String>>) -> PlanStep {
    if all.len() == 1 {
        return done(all.pop().flatten());
    }
    let list = all.into_iter().map(|ts| ts.map_or(Value::None, Value::Str)).collect();
    PlanStep::Done { value: Value::List(list), effects: Vec::new() }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
