//! Platforms that are declared and not built yet.
//!
//! Policies for them can be written, checked and played in scenarios, where a [`StandIn`] plans their calls without knowing
//! anything but the descriptor. Nobody can connect them: they are in no set of integrations that a server works with.

use std::collections::BTreeMap;

use futures::future::{BoxFuture, FutureExt as _, ready};
use policykit_core::{
    JsonMap, Timestamp, Value,
    ballot::{Poll, PollKind},
    call::{CallOutcome, LocalEffect, PlanStep, PlannedCall},
    community::Installation,
    descriptor::{Method, PlatformDescriptor, Returns, Reversible},
    event::Event,
    snapshot::ActionView,
};
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use crate::{
    discord, github, loomio, metagov, opencollective,
    platform::{
        AppConfig, Arrival, ArrivalError, Arrived, CallError, Confirmation, Departure, Entered, Inspection, Leaving,
        MayEcho, PeoplePage, PlanContext, Platform, RawRequest, Receipt, Reject, Renewal, SendContext, Sent,
        Unreadable, VoteDrawing, returned,
    },
    reddit,
};

/// Operation: undo the action.
const REVERT: &str = "revert";
/// Operation: carry out the action.
const EXECUTE: &str = "execute";

/// The descriptors of all platforms that are not built yet, one line each.
pub(crate) fn descriptors() -> Vec<PlatformDescriptor> {
    vec![
        discord::descriptor(),
        github::descriptor(),
        loomio::descriptor(),
        metagov::descriptor(),
        opencollective::descriptor(),
        reddit::descriptor(),
    ]
}

/// What a declared platform does in scenarios.
#[derive(Debug)]
pub(crate) struct StandIn(PlatformDescriptor);

impl StandIn {
    pub(crate) const fn new(descriptor: PlatformDescriptor) -> Self {
        Self(descriptor)
    }

    fn method(&self, name: &str) -> Option<&Method> {
        self.0.methods.iter().find(|m| m.name == name)
    }

    fn missing(&self) -> String {
        format!("{} cannot be connected yet", self.0.name)
    }

    fn unknown<'a, T: Send + 'a>(&self) -> BoxFuture<'a, Result<T, CallError>> {
        ready(Err(CallError::Unknown { reason: self.missing() })).boxed()
    }
}

/// The vote that a method starts, if it is one that does.
fn vote(method: &str, args: &JsonMap, context: &PlanContext<'_>) -> Result<Option<Poll>, PlanStep> {
    if !method.starts_with("initiate_") {
        return Ok(None);
    }
    let list = |name: &str| -> Vec<String> {
        let items = args.get(name).and_then(Json::as_array).into_iter().flatten();
        items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let text = |names: &[&str], given: &JsonMap| {
        names.iter().find_map(|name| match given.get(*name)? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        })
    };
    let places = ["channel", "topic_id", "thing_id", "repo_name"];
    let electorate = args.get("users").filter(|users| !users.is_null()).map(|_| list("users"));
    if electorate.as_ref().is_some_and(Vec::is_empty) {
        let message = "`users` is empty, so nobody could vote; leave it out to let everybody vote".to_owned();
        return Err(PlanStep::Raise { class: "ValueError".to_owned(), message });
    }
    let (options, candidates) = (list("options"), list("candidates"));
    let kind = match (candidates.is_empty(), options.is_empty(), args.get("multiple") == Some(&Json::Bool(true))) {
        (false, ..) => PollKind::Select,
        (true, true, _) => PollKind::Boolean,
        (true, false, true) => PollKind::Multi,
        (true, false, false) => PollKind::Choice,
    };
    Ok(Some(Poll {
        kind,
        text: text(&["text", "title"], args)
            .unwrap_or_else(|| format!("Please vote on the policy {}.", context.policy_name)),
        options: if kind == PollKind::Boolean { vec!["yes".to_owned(), "no".to_owned()] } else { options },
        candidates,
        closes_at: args.get("closes_at").and_then(Json::as_i64).map(Timestamp::from_secs),
        installation: context.installation.id,
        electorate,
        // Where nothing else is said, where the action happened.
        channel: text(&places, args).or_else(|| text(&places, &context.action.fields)).unwrap_or_default(),
        post_id: String::new(),
        url: None,
    }))
}

impl Platform for StandIn {
    fn descriptor(&self) -> &PlatformDescriptor {
        &self.0
    }

    fn receive(&self, _request: RawRequest<'_>, _app: &AppConfig, _now: Timestamp) -> Result<Receipt, Reject> {
        Err(Reject::NotConfigured(self.missing()))
    }

    fn normalise(&self, _kind: &str, _body: &[u8], _installation: &Installation) -> Result<Vec<Event>, Unreadable> {
        Err(Unreadable(self.missing()))
    }

    fn plan(&self, method: &str, args: &JsonMap, context: &PlanContext<'_>, so_far: &[CallOutcome]) -> PlanStep {
        let raise = |class: &str, message: String| PlanStep::Raise { class: class.to_owned(), message };
        if self.method(method).is_none() {
            return raise("AttributeError", format!("`{}` has no method `{method}`", self.0.id));
        }
        let poll = match vote(method, args, context) {
            Ok(poll) => poll,
            Err(raised) => return raised,
        };
        match so_far.first() {
            None => PlanStep::Send(PlannedCall { operation: method.to_owned(), args: args.clone() }),
            Some(CallOutcome::Done { reply }) => {
                let reply = reply.get("returned").unwrap_or(reply);
                let value = returned(&self.0, method, reply);
                let started = poll.map(|poll| {
                    let post_id = value.as_str().map_or_else(|| value.to_json().to_string(), str::to_owned);
                    LocalEffect::VoteStarted(Poll { post_id, ..poll })
                });
                PlanStep::Done { value, effects: started.into_iter().collect() }
            }
            Some(CallOutcome::Unknown { .. }) => PlanStep::Done { value: Value::None, effects: Vec::new() },
            Some(CallOutcome::Refused { code, message }) => {
                raise("Exception", format!("{} refused `{method}`: {message} ({code})", self.0.name))
            }
        }
    }

    fn rehearse(&self, call: &PlannedCall) -> Json {
        let answer = match self.method(&call.operation).map(|m| m.returns) {
            Some(Returns::Text) => json!("1"),
            Some(Returns::Number) => json!(0),
            Some(Returns::Bool) => json!(false),
            Some(Returns::List | Returns::Members | Returns::Roles) => json!([]),
            Some(Returns::Dict | Returns::Process) => json!({}),
            Some(Returns::Nothing | Returns::Anything) | None => Json::Null,
        };
        json!({ "returned": answer })
    }

    fn retold(&self, _call: &PlannedCall, returns: &Json) -> Json {
        json!({ "returned": returns })
    }

    fn revert(&self, action: &ActionView) -> Option<PlannedCall> {
        let known = self.0.action_type(&action.action_type)?;
        (known.reversible == Reversible::Yes)
            .then(|| PlannedCall { operation: REVERT.to_owned(), args: action.fields.clone() })
    }

    fn execute(&self, action: &ActionView) -> Option<PlannedCall> {
        let known = self.0.action_type(&action.action_type)?;
        known
            .fields
            .iter()
            .any(|field| field.used_to_execute)
            .then(|| PlannedCall { operation: EXECUTE.to_owned(), args: action.fields.clone() })
    }

    fn draw_vote(&self, _drawing: &VoteDrawing<'_>) -> Option<PlannedCall> {
        None
    }

    fn reply(&self, _reply_to: &str, _text: &str) -> Option<PlannedCall> {
        None
    }

    fn owned_keys(&self, _call: &PlannedCall, _reply: &Json, _sent: Sent) -> Vec<(String, Option<u64>)> {
        Vec::new()
    }

    fn may_echo(&self, _event: &Event, _call: &PlannedCall) -> MayEcho {
        MayEcho::No
    }

    fn send<'a>(
        &'a self,
        _call: &'a PlannedCall,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<CallOutcome, CallError>> {
        self.unknown()
    }

    fn confirm<'a>(&'a self, _call: &'a PlannedCall, _context: &'a SendContext) -> BoxFuture<'a, Confirmation> {
        ready(Confirmation::Unknown { reason: self.missing() }).boxed()
    }

    fn read<'a>(
        &'a self,
        _method: &'a str,
        _args: &'a JsonMap,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        self.unknown()
    }

    fn people<'a>(
        &'a self,
        _cursor: Option<&'a str>,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<PeoplePage, CallError>> {
        self.unknown()
    }

    fn inspect<'a>(&'a self, _entered: Entered<'a>) -> BoxFuture<'a, Result<Inspection, String>> {
        ready(Err(self.missing())).boxed()
    }

    fn depart<'a>(&'a self, _departure: &'a Departure<'a>) -> BoxFuture<'a, Result<Leaving, ArrivalError>> {
        ready(Err(ArrivalError::NotConfigured(self.missing()))).boxed()
    }

    fn arrive<'a>(&'a self, _arrival: &'a Arrival<'a>) -> BoxFuture<'a, Result<Arrived, ArrivalError>> {
        ready(Err(ArrivalError::NotConfigured(self.missing()))).boxed()
    }

    fn renew<'a>(
        &'a self,
        _renewal: Renewal,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<Option<BTreeMap<String, SecretString>>, CallError>> {
        ready(Ok(None)).boxed()
    }
}
