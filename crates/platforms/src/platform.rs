//! What an integration is: the trait behind which every platform looks the same to the engine.
//!
//! An implementation is pure wherever it can be: verifying a delivery, reading it, planning a policy's call and
//! drawing a vote are functions of their arguments. Only [`Platform::send`], [`Platform::confirm`],
//! [`Platform::read`], [`Platform::people`], [`Platform::channels`], [`Platform::inspect`], [`Platform::arrive`],
//! [`Platform::announce`] and [`Platform::renew`] reach the network, and nothing of them runs inside a database transaction.

mod inbound;
mod journey;
mod returned;

use std::collections::BTreeMap;

use futures::future::{BoxFuture, FutureExt as _, ready};
use policykit_core::{
    JsonMap, Timestamp, Value,
    ballot::{Poll, TallyRow},
    call::{CallOutcome, PlanStep, PlannedCall},
    community::{Channel, Installation, Profile},
    descriptor::PlatformDescriptor,
    event::Event,
    ids::{CallId, ProposalId},
    policy::Blocks,
    proposal::Status,
    snapshot::ActionView,
    state::Undoing,
};
use secrecy::SecretString;

pub use inbound::{Delivery, Home, RawRequest, Receipt, Reject, Unreadable};
pub use journey::{Arrival, ArrivalError, Arrived, Departure, Grant, Identity, Journey, Leaving, Renewal};
pub use returned::returned;

/// Secrets and base URLs of one platform that hold for the whole server, from the configuration.
#[derive(Debug, Clone, Default)]
pub struct AppConfig {
    /// Public settings, such as `api_url`.
    pub settings: BTreeMap<String, String>,
    /// Secrets, such as `signing_secret`.
    pub secrets: BTreeMap<String, SecretString>,
}

/// What planning may look at. It must not look anywhere else: plans are made again on replay.
#[derive(Debug, Clone)]
pub struct PlanContext<'a> {
    /// The proposal on whose behalf a policy calls.
    pub proposal: ProposalId,
    /// Name of the policy, for default texts.
    pub policy_name: &'a str,
    /// Its code: what stands there literally is the policy's own word, everything else may be somebody else's.
    pub blocks: &'a Blocks,
    /// The action the policy is about.
    pub action: &'a ActionView,
    /// The installation the call goes through.
    pub installation: &'a Installation,
}

/// What sending needs besides the call itself.
#[derive(Debug, Clone)]
pub struct SendContext {
    /// Which call it is: marks are made of it, and it is the idempotency key where the platform takes one.
    pub call: CallId,
    /// The installation it goes through.
    pub installation: Installation,
    /// Its opened credentials by name.
    pub credentials: BTreeMap<String, SecretString>,
    /// Which set of credentials that is: counts up whenever they are replaced.
    pub generation: i64,
    /// The platform's server-wide configuration.
    pub app: AppConfig,
    /// When the call was written down: marks are not looked for before.
    pub planned_at: Timestamp,
    /// Now: whether credentials run out soon is seen from here.
    pub now: Timestamp,
    /// Address of PolicyKit's pages, without a slash at its end, where it is known. Here and not where calls are planned: it may
    /// be another one when they are planned again.
    pub pages: Option<String>,
    /// Where the call undoes a change of a state: what is written down about that change and all others of the same state.
    pub undoing: Option<Undoing>,
}

/// Why a call did not come to an outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It certainly had no effect: send again, not before `after_ms`.
    #[error("not done, to be sent again: {reason}")]
    Retry {
        /// Milliseconds to wait at least; from the platform's Retry-After where it gives one.
        after_ms: u64,
        /// In plain words.
        reason: String,
    },
    /// It may have had an effect: to be confirmed by the class of the operation.
    #[error("not known whether it was done: {reason}")]
    Unknown {
        /// In plain words.
        reason: String,
    },
    /// It is refused, and would be refused again. Nothing was done. For reads: a call that is refused has that for an
    /// outcome.
    #[error("refused: {reason}")]
    Refused {
        /// In plain words.
        reason: String,
    },
    /// Our credentials have run out and can be renewed. Nothing was done.
    #[error("the credentials have run out: {reason}")]
    Expired {
        /// In plain words.
        reason: String,
    },
    /// The platform no longer accepts our credentials. Nothing was done.
    #[error("the platform no longer accepts our credentials: {reason}")]
    AccessLost {
        /// In plain words, with the remedy.
        reason: String,
    },
}

impl CallError {
    /// In plain words, without what is to be done now.
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry { reason, .. }
            | Self::Unknown { reason }
            | Self::Refused { reason }
            | Self::Expired { reason }
            | Self::AccessLost { reason } => reason,
        }
    }
}

/// What looking back at a call found.
#[derive(Debug, Clone, PartialEq)]
pub enum Confirmation {
    /// It took effect.
    Done {
        /// The answer it would have given, as far as it matters.
        reply: serde_json::Value,
    },
    /// It did not take effect and may be sent again.
    NotDone,
    /// It cannot be found out.
    Unknown {
        /// In plain words.
        reason: String,
    },
}

/// What somebody entered to have a place connected, see [`Platform::inspect`].
#[derive(Debug, Clone, Copy)]
pub struct Entered<'a> {
    /// The credentials by name.
    pub credentials: &'a BTreeMap<String, SecretString>,
    /// Answers to the descriptor's questions, by name.
    pub answers: &'a BTreeMap<String, String>,
    /// The platform's server-wide configuration.
    pub app: &'a AppConfig,
}

/// What an installation was found to be, see [`Platform::inspect`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The platform's id of the community.
    pub external_id: String,
    /// Its name there.
    pub name: String,
    /// Account ids that PolicyKit will act as.
    pub acts_as: Vec<String>,
    /// Public settings to keep, among them the answers to the descriptor's questions under their names.
    pub settings: JsonMap,
}

/// A page of a platform's directory of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeoplePage {
    /// The accounts.
    pub people: Vec<Profile>,
    /// Where to go on, if there is more.
    pub next: Option<String>,
}

/// A page of a platform's directory of channels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelsPage {
    /// The channels.
    pub channels: Vec<Channel>,
    /// Where to go on, if there is more.
    pub next: Option<String>,
}

/// Somebody or something that a text mentions, by the platform's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mention {
    /// An account.
    Account(String),
    /// A channel.
    Channel(String),
}

/// Names of what texts mention, as far as they are known and may be shown.
pub type Names<'a> = dyn Fn(&Mention) -> Option<String> + 'a;

/// What a vote looks like at a moment, see [`Platform::draw_vote`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoteDrawing<'a> {
    /// The proposal.
    pub proposal: ProposalId,
    /// The vote.
    pub poll: &'a Poll,
    /// Who chose what.
    pub tally: &'a [TallyRow],
    /// How it ended; `Proposed` while it runs.
    pub status: Status,
}

/// An integration. What has a default here is what a platform lacks that has no deliveries, no actions and no people: one
/// with any of them answers for itself.
pub trait Platform: Send + Sync {
    /// What it offers.
    fn descriptor(&self) -> &PlatformDescriptor;

    /// Verifies a request on its raw bytes, then says what to do with it. Nothing is written before this returns.
    ///
    /// # Errors
    /// [`Reject`] when the request is not the platform's or cannot be read.
    fn receive(&self, _request: RawRequest<'_>, _app: &AppConfig, _now: Timestamp) -> Result<Receipt, Reject> {
        Err(Reject::NotConfigured(format!("{} delivers nothing", self.descriptor().name)))
    }

    /// Reads a kept delivery as events. The only place that understands the platform's JSON.
    ///
    /// # Errors
    /// [`Unreadable`] when it is not what the platform documents; it is kept for a person.
    fn normalise(&self, _kind: &str, _body: &[u8], _installation: &Installation) -> Result<Vec<Event>, Unreadable> {
        Err(Unreadable(format!("{} delivers nothing", self.descriptor().name)))
    }

    /// The next step of a policy's method call, given the outcomes of the steps so far. Pure.
    ///
    /// Texts among the arguments are in the platform's own notation, and may quote what anybody wrote. They call nobody but
    /// people by name unless the argument `mentions_everybody` says so, and hide no address behind other words that the
    /// policy does not name itself.
    fn plan(&self, method: &str, args: &JsonMap, context: &PlanContext<'_>, so_far: &[CallOutcome]) -> PlanStep;

    /// What the platform would answer if the call went well, for rehearsals in which nothing is sent. Pure.
    fn rehearse(&self, _call: &PlannedCall) -> serde_json::Value {
        serde_json::json!({})
    }

    /// What the platform answers in a scenario whose author says that a policy's method `returns` this: by default what it
    /// would answer if the call went well, with the author's keys on top. Pure.
    fn retold(&self, call: &PlannedCall, returns: &serde_json::Value) -> serde_json::Value {
        let mut answer = self.rehearse(call);
        match (&mut answer, returns) {
            (serde_json::Value::Object(answer), serde_json::Value::Object(returns)) => {
                answer.extend(returns.clone());
            }
            (_, returns) => answer = returns.clone(),
        }
        answer
    }

    /// The call that undoes an action, if the platform offers one.
    fn revert(&self, _action: &ActionView) -> Option<PlannedCall> {
        None
    }

    /// What an action is known by since the call of [`Platform::execute`] was answered with `reply`: what it did may have
    /// another id than what it was done for. By default it is what it was.
    fn stands_as(&self, action: &mut ActionView, reply: &serde_json::Value) {
        let _unchanged = (action, reply);
    }

    /// The call that carries out an action, or carries it out again.
    fn execute(&self, _action: &ActionView) -> Option<PlannedCall> {
        None
    }

    /// The call that shows a vote as it stands, without buttons once it is over.
    fn draw_vote(&self, _drawing: &VoteDrawing<'_>) -> Option<PlannedCall> {
        None
    }

    /// The call that answers a voter alone, where the ballot's delivery gave a way to do so.
    fn reply(&self, _reply_to: &str, _text: &str) -> Option<PlannedCall> {
        None
    }

    /// The call that tells somebody something alone, by their account id, if the platform offers one.
    fn tell(&self, _account: &str, _text: &str) -> Option<PlannedCall> {
        None
    }

    /// The id of a place as the platform itself writes it, however somebody wrote it. Pure.
    fn id_of_place(&self, id: &str) -> String {
        id.to_owned()
    }

    /// Whether the answer to a reading method may name places that only some can see there: such an answer is for whoever
    /// sees everything. Pure.
    fn tells_private(&self, _method: &str, _args: &JsonMap) -> bool {
        false
    }

    /// A text as it is, in the platform's notation: no sign of it means anything. Pure.
    fn literally(&self, text: &str) -> String {
        text.to_owned()
    }

    /// What a text mentions in the platform's own notation. Pure.
    fn mentions(&self, _text: &str) -> Vec<Mention> {
        Vec::new()
    }

    /// A text as people read it on the platform, with the names that are known of what it mentions. Pure.
    fn readable(&self, text: &str, _names: &Names<'_>) -> String {
        text.to_owned()
    }

    /// A text in which the platform marks up words, as people read it where nothing can be marked up: without the marks,
    /// and otherwise as [`Platform::readable`] puts it. Pure.
    fn plain(&self, text: &str, names: &Names<'_>) -> String {
        self.readable(text, names)
    }

    /// The call that gives up all access to a place for good, if the platform offers one. Making it again does no harm,
    /// and access that is gone already counts as given up.
    fn leave(&self) -> Option<PlannedCall> {
        None
    }

    /// The keys under which the events caused by a successful call will be recognised, each with the milliseconds for
    /// which it counts when it is not the id of an object (`None`: for ever). Where it was sent before without an answer,
    /// a reply that it was so already may be the work of that first time.
    fn owned_keys(&self, _call: &PlannedCall, _reply: &serde_json::Value, _sent: Sent) -> Vec<(String, Option<u64>)> {
        Vec::new()
    }

    /// Whether an event by one of our own identities may be the echo of this call, whose answer has not come yet.
    fn may_echo(&self, _event: &Event, _call: &PlannedCall) -> MayEcho {
        MayEcho::No
    }

    /// Makes the call. A definite refusal is an outcome, not an error.
    fn send<'a>(
        &'a self,
        call: &'a PlannedCall,
        context: &'a SendContext,
    ) -> BoxFuture<'a, Result<CallOutcome, CallError>>;

    /// Finds out whether a call that may have been sent took effect (operations of class *state* and *marked*).
    fn confirm<'a>(&'a self, call: &'a PlannedCall, context: &'a SendContext) -> BoxFuture<'a, Confirmation>;

    /// Answers a reading method. `context.call` is only a name for the log here.
    fn read<'a>(
        &'a self,
        method: &'a str,
        args: &'a JsonMap,
        context: &'a SendContext,
    ) -> BoxFuture<'a, Result<Value, CallError>>;

    /// A page of the directory of people, from the beginning when `cursor` is `None`.
    fn people<'a>(
        &'a self,
        _cursor: Option<&'a str>,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<PeoplePage, CallError>> {
        ready(Ok(PeoplePage { people: Vec::new(), next: None })).boxed()
    }

    /// A page of the directory of channels that PolicyKit can see, from the beginning when `cursor` is `None`. None where
    /// people talk in no such places.
    fn channels<'a>(
        &'a self,
        _cursor: Option<&'a str>,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<ChannelsPage, CallError>> {
        ready(Ok(ChannelsPage::default())).boxed()
    }

    /// Finds out what that which was entered gives access to, and whether it is enough.
    ///
    /// # Errors
    /// A sentence that says what is missing and what to do.
    fn inspect<'a>(&'a self, entered: Entered<'a>) -> BoxFuture<'a, Result<Inspection, String>>;

    /// The description of the app to be pasted on the platform, where it takes one, for a server at this address.
    fn manifest(&self, base: &str) -> Option<serde_json::Value> {
        let _unused = base;
        None
    }

    /// Has the platform deliver what happens to this address, which is the installation's own. Doing it again does no harm.
    /// Asked only of platforms with an address for each installation.
    fn announce<'a>(&'a self, _address: &'a str, _context: &'a SendContext) -> BoxFuture<'a, Result<(), CallError>> {
        let name = self.descriptor().name;
        let reason = format!("{name} has to be told by a person");
        ready(Err(CallError::Retry { after_ms: 0, reason })).boxed()
    }

    /// Where to send the browser of somebody who wants to install or to sign in. Nothing is asked of the platform.
    ///
    /// # Errors
    /// [`ArrivalError::NotConfigured`] when the server lacks what is needed, [`ArrivalError::Unanswered`] when a question of
    /// the descriptor's has to be answered first.
    fn depart<'a>(&'a self, _departure: &'a Departure<'a>) -> BoxFuture<'a, Result<Leaving, ArrivalError>> {
        ready(Err(by_form(self.descriptor()))).boxed()
    }

    /// What the browser brought back. An installer has been found to be an administrator there; where not, nothing of
    /// the grant is used or kept.
    fn arrive<'a>(&'a self, _arrival: &'a Arrival<'a>) -> BoxFuture<'a, Result<Arrived, ArrivalError>> {
        ready(Err(by_form(self.descriptor()))).boxed()
    }

    /// Renews credentials that run out; `None` when nothing is due. What it returns replaces the credentials of the same
    /// names, and must be kept: what it was made from may be used up. Only one may renew an installation at a time.
    fn renew<'a>(
        &'a self,
        _renewal: Renewal,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<Option<BTreeMap<String, SecretString>>, CallError>> {
        ready(Ok(None)).boxed()
    }
}

/// Nobody is sent to a platform that is connected by a form.
fn by_form(platform: &PlatformDescriptor) -> ArrivalError {
    ArrivalError::NotConfigured(format!("{} is added by a form in the settings of a community", platform.name))
}

/// How often a call was sent that has been answered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// This once.
    Once,
    /// Before too, and nobody can tell what came of that.
    Again,
}

/// See [`Platform::may_echo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayEcho {
    /// It may be: wait for the call to resolve.
    Yes,
    /// It cannot be.
    No,
}
