//! A platform without its network: what would go out is answered from the script.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::{BoxFuture, FutureExt as _, ready};
use policykit_core::{
    JsonMap, Timestamp, Value,
    call::{CallOutcome, PlanStep, PlannedCall},
    community::{Installation, Profile},
    descriptor::PlatformDescriptor,
    event::Event,
    ids::ActionId,
    snapshot::ActionView,
};
use policykit_platforms::platform::{
    AppConfig, Arrival, ArrivalError, Arrived, CallError, Confirmation, Delivery, Departure, Entered, Inspection,
    Leaving, MayEcho, PeoplePage, PlanContext, Platform, RawRequest, Receipt, Reject, Renewal, SendContext, Sent,
    Unreadable, VoteDrawing, returned,
};
use secrecy::SecretString;
use serde_json::Value as Json;

use super::{expect::all_of, file::Reply, report::MadeCall};

/// The community's id on each of its platforms.
pub(super) const COMMUNITY: &str = "T0SCENARIO";
/// The account that PolicyKit acts as.
pub(super) const PROGRAM: &str = "POLICYKIT";

/// What the world answers, and what was asked of it.
pub(super) struct World {
    pub(super) name: String,
    /// Who is there, by platform.
    pub(super) people: BTreeMap<String, Vec<Profile>>,
    /// Later ones count before earlier ones.
    replies: Mutex<Vec<Reply>>,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    /// What outbound calls are part of, by their platform and the hash of their arguments.
    under_way: HashMap<(&'static str, String), Reply>,
    calls: Vec<MadeCall>,
    reads: Vec<MadeCall>,
    /// Methods that were read and have no answer.
    unanswered: Vec<String>,
}

impl World {
    pub(super) fn new(name: String, people: BTreeMap<String, Vec<Profile>>, replies: Vec<Reply>) -> Self {
        Self { name, people, replies: Mutex::new(replies), heard: Mutex::default() }
    }

    /// What was called and read since the last time.
    pub(super) fn take(&self) -> (Vec<MadeCall>, Vec<MadeCall>) {
        let mut heard = self.heard();
        (std::mem::take(&mut heard.calls), std::mem::take(&mut heard.reads))
    }

    /// How many reads there were since they were taken.
    pub(super) fn count_reads(&self) -> usize {
        self.heard().reads.len()
    }

    /// The reads from this one on happen so many times more.
    pub(super) fn read_again(&self, from: usize, times: usize) {
        let mut heard = self.heard();
        let again: Vec<MadeCall> = heard.reads.iter().skip(from).cloned().collect();
        heard.reads.extend(again.iter().cycle().take(again.len() * times).cloned());
    }

    /// Methods that were read although no answer is given.
    pub(super) fn unanswered(&self) -> Vec<String> {
        self.heard().unanswered.clone()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it answers like this as well.
    pub(super) fn learn(&self, replies: &[Reply]) {
        self.replies().extend_from_slice(replies);
    }

    fn replies(&self) -> MutexGuard<'_, Vec<Reply>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reply to a call: of several that fit, the last.
    fn reply(&self, call: &str, args: &JsonMap) -> Option<Reply> {
        let fits = |reply: &&Reply| reply.call.value == call && all_of(&reply.args, args).is_ok();
        self.replies().iter().rev().find(fits).cloned()
    }
}

/// An integration whose requests are answered by a [`World`].
pub(super) struct Recorded {
    inner: Arc<dyn Platform>,
    world: Arc<World>,
}

impl Recorded {
    pub(super) fn new(inner: Arc<dyn Platform>, world: Arc<World>) -> Self {
        Self { inner, world }
    }

    fn people_here(&self) -> &[Profile] {
        self.world.people.get(self.descriptor().id).map(Vec::as_slice).unwrap_or_default()
    }

    fn under_way(&self, call: &PlannedCall) -> (&'static str, String) {
        (self.descriptor().id, call.args_hash())
    }

    fn name(&self, method: &str) -> String {
        format!("{}.{method}", self.descriptor().id)
    }

    fn answer(&self, call: &PlannedCall) -> CallOutcome {
        let reply = self.world.heard().under_way.get(&self.under_way(call)).cloned();
        match reply {
            Some(Reply { refused: Some(code), .. }) => {
                CallOutcome::Refused { code, message: "the scenario has it refused".to_owned() }
            }
            Some(Reply { returns: Some(returns), .. }) => {
                CallOutcome::Done { reply: self.inner.retold(call, &returns) }
            }
            _ => CallOutcome::Done { reply: self.inner.rehearse(call) },
        }
    }

    fn look(&self, method: &str, args: &JsonMap) -> Value {
        let call = self.name(method);
        let result = match self.world.reply(&call, args) {
            Some(reply) => reply.returns.unwrap_or_default(),
            // The members are known; the engine makes objects of them.
            None if method.starts_with("get_users") => {
                self.people_here().iter().filter(|p| !p.is_bot).map(|p| Json::from(p.external_id.as_str())).collect()
            }
            None => {
                self.world.heard().unanswered.push(call.clone());
                Json::Null
            }
        };
        let value = returned(self.descriptor(), method, &result);
        self.world.heard().reads.push(MadeCall { call, args: given(args), result });
        value
    }
}

/// Arguments that were given.
fn given(args: &JsonMap) -> JsonMap {
    args.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What the player hands in instead of a platform's own delivery.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Told {
    pub(super) key: String,
    pub(super) event: Event,
}

impl Platform for Recorded {
    fn descriptor(&self) -> &PlatformDescriptor {
        self.inner.descriptor()
    }

    fn receive(&self, request: RawRequest<'_>, _app: &AppConfig, _now: Timestamp) -> Result<Receipt, Reject> {
        let told: Told = serde_json::from_slice(request.body).map_err(|e| Reject::Malformed(e.to_string()))?;
        let delivery = Delivery {
            external_id: COMMUNITY.to_owned(),
            key: told.key,
            kind: "scenario".to_owned(),
            body: request.body.to_vec(),
        };
        Ok(Receipt::Keep { delivery, answer: String::new() })
    }

    fn normalise(&self, _kind: &str, body: &[u8], _installation: &Installation) -> Result<Vec<Event>, Unreadable> {
        let told: Told = serde_json::from_slice(body).map_err(|e| Unreadable(e.to_string()))?;
        Ok(vec![told.event])
    }

    fn plan(&self, method: &str, args: &JsonMap, context: &PlanContext<'_>, so_far: &[CallOutcome]) -> PlanStep {
        let step = self.inner.plan(method, args, context, so_far);
        // The engine also imagines what would come of a change of the rules; that is asked of nobody.
        if context.action.id == ActionId::from_uuid(uuid::Uuid::nil()) {
            return step;
        }
        let call = self.name(method);
        let made = |result: Json| MadeCall { call: call.clone(), args: given(args), result };
        match &step {
            PlanStep::Send(planned) => {
                let reply = self.world.reply(&call, args);
                let mut heard = self.world.heard();
                match reply {
                    Some(reply) => heard.under_way.insert(self.under_way(planned), reply),
                    None => heard.under_way.remove(&self.under_way(planned)),
                };
            }
            PlanStep::Done { value, .. } => self.world.heard().calls.push(made(value.to_json())),
            PlanStep::Raise { class, message } => {
                let raised = serde_json::json!({ "raised": format!("{class}: {message}") });
                self.world.heard().calls.push(made(raised));
            }
        }
        step
    }

    fn rehearse(&self, call: &PlannedCall) -> Json {
        self.inner.rehearse(call)
    }

    fn revert(&self, action: &ActionView) -> Option<PlannedCall> {
        self.inner.revert(action)
    }

    fn execute(&self, action: &ActionView) -> Option<PlannedCall> {
        self.inner.execute(action)
    }

    fn draw_vote(&self, drawing: &VoteDrawing<'_>) -> Option<PlannedCall> {
        self.inner.draw_vote(drawing)
    }

    fn reply(&self, reply_to: &str, text: &str) -> Option<PlannedCall> {
        self.inner.reply(reply_to, text)
    }

    fn owned_keys(&self, call: &PlannedCall, reply: &Json, sent: Sent) -> Vec<(String, Option<u64>)> {
        self.inner.owned_keys(call, reply, sent)
    }

    fn may_echo(&self, _event: &Event, _call: &PlannedCall) -> MayEcho {
        // Nothing that is called comes back as an event here.
        MayEcho::No
    }

    fn send<'a>(
        &'a self,
        call: &'a PlannedCall,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<CallOutcome, CallError>> {
        ready(Ok(self.answer(call))).boxed()
    }

    fn confirm<'a>(&'a self, call: &'a PlannedCall, _context: &'a SendContext) -> BoxFuture<'a, Confirmation> {
        ready(match self.answer(call) {
            CallOutcome::Done { reply } => Confirmation::Done { reply },
            CallOutcome::Refused { .. } | CallOutcome::Unknown { .. } => Confirmation::NotDone,
        })
        .boxed()
    }

    fn read<'a>(
        &'a self,
        method: &'a str,
        args: &'a JsonMap,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        ready(Ok(self.look(method, args))).boxed()
    }

    fn people<'a>(
        &'a self,
        _cursor: Option<&'a str>,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<PeoplePage, CallError>> {
        ready(Ok(PeoplePage { people: self.people_here().to_vec(), next: None })).boxed()
    }

    fn announce<'a>(&'a self, _address: &'a str, _context: &'a SendContext) -> BoxFuture<'a, Result<(), CallError>> {
        ready(Ok(())).boxed()
    }

    fn inspect<'a>(&'a self, _entered: Entered<'a>) -> BoxFuture<'a, Result<Inspection, String>> {
        let found = Inspection {
            external_id: COMMUNITY.to_owned(),
            name: self.world.name.clone(),
            acts_as: vec![PROGRAM.to_owned()],
            settings: JsonMap::new(),
        };
        ready(Ok(found)).boxed()
    }

    fn depart<'a>(&'a self, departure: &'a Departure<'a>) -> BoxFuture<'a, Result<Leaving, ArrivalError>> {
        self.inner.depart(departure)
    }

    fn arrive<'a>(&'a self, arrival: &'a Arrival<'a>) -> BoxFuture<'a, Result<Arrived, ArrivalError>> {
        self.inner.arrive(arrival)
    }

    fn renew<'a>(
        &'a self,
        _renewal: Renewal,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<Option<BTreeMap<String, SecretString>>, CallError>> {
        ready(Ok(None)).boxed()
    }
}
