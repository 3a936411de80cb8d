//! Discourse.
//!
//! Facts about its interfaces come from docs.discourse.org and from Discourse's own source.

mod actions;
mod api;
mod descriptor;
mod echo;
mod events;
#[cfg(feature = "demo")]
pub mod fake;
mod harmless;
mod keys;
mod marks;
mod people;
mod plan;
mod vote;

pub use descriptor::ID;

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use policykit_core::{
    JsonMap, Timestamp, Value,
    call::{CallOutcome, PlanStep, PlannedCall},
    community::Installation,
    descriptor::PlatformDescriptor,
    event::Event,
    snapshot::ActionView,
};

use crate::{
    http::Http,
    platform::{
        AppConfig, Arrival, ArrivalError, Arrived, CallError, ChannelsPage, Confirmation, Departure, Entered,
        Inspection, Leaving, MayEcho, PeoplePage, PlanContext, Platform, RawRequest, Receipt, Reject, SendContext,
        Sent, Unreadable, VoteDrawing,
    },
};

/// The Discourse integration.
#[derive(Debug)]
pub struct Discourse {
    descriptor: PlatformDescriptor,
    http: Arc<Http>,
}

impl Discourse {
    /// Makes its requests through this client.
    pub fn new(http: Arc<Http>) -> Self {
        Self { descriptor: descriptor::descriptor(), http }
    }
}

impl Platform for Discourse {
    fn descriptor(&self) -> &PlatformDescriptor {
        &self.descriptor
    }

    fn receive(&self, request: RawRequest<'_>, _app: &AppConfig, _now: Timestamp) -> Result<Receipt, Reject> {
        events::receive(request)
    }

    fn normalise(&self, kind: &str, body: &[u8], _installation: &Installation) -> Result<Vec<Event>, Unreadable> {
        events::normalise(kind, body)
    }

    fn plan(&self, method: &str, args: &JsonMap, context: &PlanContext<'_>, so_far: &[CallOutcome]) -> PlanStep {
        plan::plan(method, args, context, so_far)
    }

    fn rehearse(&self, call: &PlannedCall) -> serde_json::Value {
        let of = |name: &str| call.args.get(name).cloned().unwrap_or_else(|| 1.into());
        if call.operation == actions::FIND {
            return serde_json::json!({ "account": of("user") });
        }
        serde_json::json!({ "post_id": of("post_id"), "topic_id": of("topic_id") })
    }

    fn retold(&self, call: &PlannedCall, returns: &serde_json::Value) -> serde_json::Value {
        if matches!(call.operation.as_str(), actions::FREE | actions::FREE_READ) {
            return returns.clone();
        }
        let mut answer = self.rehearse(call);
        let Some(fields) = answer.as_object_mut() else { return answer };
        match returns {
            serde_json::Value::Object(more) => fields.extend(more.clone()),
            // What is written goes by one id in policies: a post's, or of what was opened the topic's.
            serde_json::Value::Null => {}
            id => {
                let is_opened = matches!(call.operation.as_str(), actions::NEW_TOPIC | actions::NEW_MESSAGE);
                for name in ["post_id", "topic_id"].into_iter().filter(|name| is_opened || *name == "post_id") {
                    fields.insert(name.to_owned(), id.clone());
                }
            }
        }
        answer
    }

    fn revert(&self, action: &ActionView) -> Option<PlannedCall> {
        actions::revert(action)
    }

    fn stands_as(&self, action: &mut ActionView, reply: &serde_json::Value) {
        actions::stands_as(action, reply);
    }

    fn execute(&self, action: &ActionView) -> Option<PlannedCall> {
        actions::execute(action)
    }

    fn draw_vote(&self, drawing: &VoteDrawing<'_>) -> Option<PlannedCall> {
        vote::draw(drawing)
    }

    fn owned_keys(&self, call: &PlannedCall, reply: &serde_json::Value, sent: Sent) -> Vec<(String, Option<u64>)> {
        echo::owned_keys(call, reply, sent)
    }

    fn may_echo(&self, event: &Event, call: &PlannedCall) -> MayEcho {
        echo::may_echo(event, call)
    }

    fn tell(&self, account: &str, text: &str) -> Option<PlannedCall> {
        Some(actions::new_message("From PolicyKit", text, &[account.to_owned()]))
    }

    fn literally(&self, text: &str) -> String {
        harmless::literally(text)
    }

    fn leave(&self) -> Option<PlannedCall> {
        Some(actions::call(actions::LEAVE, serde_json::json!({})))
    }

    fn send<'a>(
        &'a self,
        call: &'a PlannedCall,
        context: &'a SendContext,
    ) -> BoxFuture<'a, Result<CallOutcome, CallError>> {
        api::send(&self.http, call, context).boxed()
    }

    fn confirm<'a>(&'a self, call: &'a PlannedCall, context: &'a SendContext) -> BoxFuture<'a, Confirmation> {
        api::confirm(&self.http, call, context).boxed()
    }

    fn tells_private(&self, method: &str, _args: &JsonMap) -> bool {
        // The key is an administrator's, who is shown what only some members see.
        matches!(method, "get_topic" | "get_post" | "get_users_in_group" | "get_categories" | "get_groups")
    }

    fn read<'a>(
        &'a self,
        method: &'a str,
        args: &'a JsonMap,
        context: &'a SendContext,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        api::read(&self.http, method, args, context).boxed()
    }

    fn people<'a>(
        &'a self,
        cursor: Option<&'a str>,
        context: &'a SendContext,
    ) -> BoxFuture<'a, Result<PeoplePage, CallError>> {
        api::people(&self.http, cursor, context).boxed()
    }

    fn channels<'a>(
        &'a self,
        _cursor: Option<&'a str>,
        context: &'a SendContext,
    ) -> BoxFuture<'a, Result<ChannelsPage, CallError>> {
        api::channels(&self.http, context).boxed()
    }

    fn announce<'a>(&'a self, address: &'a str, context: &'a SendContext) -> BoxFuture<'a, Result<(), CallError>> {
        api::announce(&self.http, address, context).boxed()
    }

    fn inspect<'a>(&'a self, entered: Entered<'a>) -> BoxFuture<'a, Result<Inspection, String>> {
        api::inspect(&self.http, entered).boxed()
    }

    fn depart<'a>(&'a self, departure: &'a Departure<'a>) -> BoxFuture<'a, Result<Leaving, ArrivalError>> {
        api::depart(departure).boxed()
    }

    fn arrive<'a>(&'a self, arrival: &'a Arrival<'a>) -> BoxFuture<'a, Result<Arrived, ArrivalError>> {
        api::arrive(&self.http, arrival).boxed()
    }
}
