//! Slack.
//!
//! Facts about its interfaces come from docs.slack.dev and the published specifications of its Web and Events APIs.

mod actions;
mod api;
#[cfg(feature = "demo")]
pub(crate) mod demo;
mod descriptor;
mod echo;
mod events;
#[cfg(feature = "demo")]
pub mod fake;
mod harmless;
mod manifest;
mod marks;
mod plan;
mod readable;
mod vote;

pub use descriptor::ID;

use std::{collections::BTreeMap, sync::Arc};

use futures::future::{BoxFuture, FutureExt as _, ready};
use policykit_core::{
    JsonMap, Timestamp, Value,
    call::{CallOutcome, PlanStep, PlannedCall},
    community::Installation,
    descriptor::PlatformDescriptor,
    event::Event,
    snapshot::ActionView,
};
use secrecy::SecretString;

use crate::{
    http::Http,
    platform::{
        AppConfig, Arrival, ArrivalError, Arrived, CallError, ChannelsPage, Confirmation, Departure, Entered,
        Inspection, Leaving, MayEcho, Mention, Names, PeoplePage, PlanContext, Platform, RawRequest, Receipt, Reject,
        Renewal, SendContext, Sent, Unreadable, VoteDrawing,
    },
};

/// The Slack integration.
#[derive(Debug)]
pub struct Slack {
    descriptor: PlatformDescriptor,
    http: Arc<Http>,
}

impl Slack {
    /// Makes its requests through this client.
    pub fn new(http: Arc<Http>) -> Self {
        Self { descriptor: descriptor::descriptor(), http }
    }
}

impl Platform for Slack {
    fn descriptor(&self) -> &PlatformDescriptor {
        &self.descriptor
    }

    fn receive(&self, request: RawRequest<'_>, app: &AppConfig, now: Timestamp) -> Result<Receipt, Reject> {
        events::receive(request, app, now)
    }

    fn normalise(&self, kind: &str, body: &[u8], installation: &Installation) -> Result<Vec<Event>, Unreadable> {
        events::normalise(kind, body, installation)
    }

    fn plan(&self, method: &str, args: &JsonMap, context: &PlanContext<'_>, so_far: &[CallOutcome]) -> PlanStep {
        plan::plan(method, args, context, so_far)
    }

    fn rehearse(&self, call: &PlannedCall) -> serde_json::Value {
        // Whatever was posted has a place and a time; a conversation that was opened has an id.
        let channel = call.args.get("channel").cloned().unwrap_or_else(|| "C0REHEARSAL".into());
        serde_json::json!({ "ok": true, "channel": channel, "ts": "1.000001", "permalink": "https://slack.invalid/" })
    }

    fn retold(&self, call: &PlannedCall, returns: &serde_json::Value) -> serde_json::Value {
        let mut answer = self.rehearse(call);
        let Some(fields) = answer.as_object_mut() else { return answer };
        if let Some(more) = returns.as_object() {
            fields.extend(more.clone());
        }
        // Policies know a message by one timestamp, which answers call by several names.
        let ts = returns.get("message_ts").or_else(|| returns.get("ts")).unwrap_or(returns);
        if ts.is_string() {
            for name in ["ts", "message_ts", "scheduled_message_id"] {
                fields.insert(name.to_owned(), ts.clone());
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

    fn reply(&self, reply_to: &str, text: &str) -> Option<PlannedCall> {
        Some(actions::reply(reply_to, text))
    }

    fn owned_keys(&self, call: &PlannedCall, reply: &serde_json::Value, sent: Sent) -> Vec<(String, Option<u64>)> {
        echo::owned_keys(call, reply, sent)
    }

    fn may_echo(&self, event: &Event, call: &PlannedCall) -> MayEcho {
        echo::may_echo(event, call)
    }

    fn tell(&self, account: &str, text: &str) -> Option<PlannedCall> {
        // A post to an account's id goes to the direct message with that person.
        Some(actions::post(account, text, None, actions::Broadcast::No))
    }

    fn literally(&self, text: &str) -> String {
        harmless::escaped(text)
    }

    fn mentions(&self, text: &str) -> Vec<Mention> {
        readable::mentions(text)
    }

    fn tells_private(&self, method: &str, args: &JsonMap) -> bool {
        api::tells_private(method, args)
    }

    fn readable(&self, text: &str, names: &Names<'_>) -> String {
        readable::readable(text, names)
    }

    fn plain(&self, text: &str, names: &Names<'_>) -> String {
        readable::readable(&marks::without(text), names)
    }

    fn leave(&self) -> Option<PlannedCall> {
        Some(actions::leave())
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
        cursor: Option<&'a str>,
        context: &'a SendContext,
    ) -> BoxFuture<'a, Result<ChannelsPage, CallError>> {
        api::channels(&self.http, cursor, context).boxed()
    }

    fn inspect<'a>(&'a self, entered: Entered<'a>) -> BoxFuture<'a, Result<Inspection, String>> {
        api::inspect(&self.http, entered.credentials, entered.app).boxed()
    }

    fn manifest(&self, base: &str) -> Option<serde_json::Value> {
        Some(manifest::manifest(base))
    }

    fn depart<'a>(&'a self, departure: &'a Departure<'a>) -> BoxFuture<'a, Result<Leaving, ArrivalError>> {
        ready(api::depart(departure)).boxed()
    }

    fn arrive<'a>(&'a self, arrival: &'a Arrival<'a>) -> BoxFuture<'a, Result<Arrived, ArrivalError>> {
        api::arrive(&self.http, arrival).boxed()
    }

    fn renew<'a>(
        &'a self,
        renewal: Renewal,
        context: &'a SendContext,
    ) -> BoxFuture<'a, Result<Option<BTreeMap<String, SecretString>>, CallError>> {
        api::renew(&self.http, renewal, context).boxed()
    }
}
