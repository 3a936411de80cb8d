//! What an integration is: the trait behind which every platform looks the same to the engine.
//!
//! An implementation is pure wherever it can be: verifying a delivery, reading it, planning a policy's call and
//! drawing a vote are functions of their arguments. Only [`Platform::send`], [`Platform::confirm`],
//! [`Platform::read`], [`Platform::people`], [`Platform::channels`], [`Platform::inspect`], [`Platform::arrive`] and
//! [`Platform::renew`] reach the network, and nothing of them runs inside a database transaction.

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
    proposal::Status,
    snapshot::ActionView,
    state::Undoing,
};
use secrecy::SecretString;

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

/// A request to a webhook address, as it came.
#[derive(Debug, Clone, Copy)]
pub struct RawRequest<'a> {
    /// Header names (lower case) and values.
    pub headers: &'a [(String, String)],
    /// The body, unparsed.
    pub body: &'a [u8],
    /// The secret part of a per-installation address.
    pub path_secret: Option<&'a str>,
}

impl RawRequest<'_> {
    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// What to do with a request whose signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// Answer this; there is nothing to keep (a challenge, a ping).
    Answer {
        /// Content type of the answer.
        content_type: &'static str,
        /// Its body.
        body: String,
    },
    /// Write this down, then answer 200 with `answer`.
    Keep {
        /// What to write down.
        delivery: Delivery,
        /// Body of the answer, often empty.
        answer: String,
    },
    /// Nothing to keep: answer 200.
    Ignore,
}

/// A verified delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The platform's id of the community it is for.
    pub external_id: String,
    /// The platform's id of the delivery, the same when it is sent again.
    pub key: String,
    /// What sort of delivery, for [`Platform::normalise`].
    pub kind: String,
    /// What to keep: the raw body.
    pub body: Vec<u8>,
}

/// Why a request is turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// No signature, a wrong one, or one too old: 401.
    #[error("the request is not signed by the platform: {0}")]
    Unauthenticated(String),
    /// The body cannot be understood: 400.
    #[error("the request cannot be read: {0}")]
    Malformed(String),
    /// The body has the wrong content type: 415.
    #[error("the content type `{0}` is not accepted here")]
    ContentType(String),
    /// The platform is not set up on this server: 404.
    #[error("the platform is not set up: {0}")]
    NotConfigured(String),
}

/// What a kept delivery could not be read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the delivery cannot be read: {0}")]
pub struct Unreadable(pub String);

/// What planning may look at. It must not look anywhere else: plans are made again on replay.
#[derive(Debug, Clone)]
pub struct PlanContext<'a> {
    /// The proposal on whose behalf a policy calls.
    pub proposal: ProposalId,
    /// Name of the policy, for default texts.
    pub policy_name: &'a str,
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

/// What an installation was found to be, see [`Platform::inspect`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The platform's id of the community.
    pub external_id: String,
    /// Its name there.
    pub name: String,
    /// Account ids that PolicyKit will act as.
    pub acts_as: Vec<String>,
    /// Public settings to keep.
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

/// An integration.
pub trait Platform: Send + Sync {
    /// What it offers.
    fn descriptor(&self) -> &PlatformDescriptor;

    /// Verifies a request on its raw bytes, then says what to do with it. Nothing is written before this returns.
    ///
    /// # Errors
    /// [`Reject`] when the request is not the platform's or cannot be read.
    fn receive(&self, request: RawRequest<'_>, app: &AppConfig, now: Timestamp) -> Result<Receipt, Reject>;

    /// Reads a kept delivery as events. The only place that understands the platform's JSON.
    ///
    /// # Errors
    /// [`Unreadable`] when it is not what the platform documents; it is kept for a person.
    fn normalise(&self, kind: &str, body: &[u8], installation: &Installation) -> Result<Vec<Event>, Unreadable>;

    /// The next step of a policy's method call, given the outcomes of the steps so far. Pure.
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
    fn revert(&self, action: &ActionView) -> Option<PlannedCall>;

    /// What an action is known by since the call of [`Platform::execute`] was answered with `reply`: what it did may have
    /// another id than what it was done for. By default it is what it was.
    fn stands_as(&self, action: &mut ActionView, reply: &serde_json::Value) {
        let _unchanged = (action, reply);
    }

    /// The call that carries out an action, or carries it out again.
    fn execute(&self, action: &ActionView) -> Option<PlannedCall>;

    /// The call that shows a vote as it stands, without buttons once it is over.
    fn draw_vote(&self, drawing: &VoteDrawing<'_>) -> Option<PlannedCall>;

    /// The call that answers a voter alone, where the ballot's delivery gave a way to do so.
    fn reply(&self, reply_to: &str, text: &str) -> Option<PlannedCall>;

    /// The call that tells somebody something alone, by their account id, if the platform offers one.
    fn tell(&self, _account: &str, _text: &str) -> Option<PlannedCall> {
        None
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
    fn owned_keys(&self, call: &PlannedCall, reply: &serde_json::Value, sent: Sent) -> Vec<(String, Option<u64>)>;

    /// Whether an event by one of our own identities may be the echo of this call, whose answer has not come yet.
    fn may_echo(&self, event: &Event, call: &PlannedCall) -> MayEcho;

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
        cursor: Option<&'a str>,
        context: &'a SendContext,
    ) -> BoxFuture<'a, Result<PeoplePage, CallError>>;

    /// A page of the directory of channels that PolicyKit can see, from the beginning when `cursor` is `None`. None where
    /// people talk in no such places.
    fn channels<'a>(
        &'a self,
        _cursor: Option<&'a str>,
        _context: &'a SendContext,
    ) -> BoxFuture<'a, Result<ChannelsPage, CallError>> {
        ready(Ok(ChannelsPage::default())).boxed()
    }

    /// Finds out what a set of credentials gives access to, and whether that is enough.
    ///
    /// # Errors
    /// A sentence that says what is missing and what to do.
    fn inspect<'a>(
        &'a self,
        credentials: &'a BTreeMap<String, SecretString>,
        app: &'a AppConfig,
    ) -> BoxFuture<'a, Result<Inspection, String>>;

    /// The description of the app to be pasted on the platform, where it takes one, for a server at this address.
    fn manifest(&self, base: &str) -> Option<serde_json::Value> {
        let _unused = base;
        None
    }

    /// Where to send the browser of somebody who wants to install or to sign in. Pure.
    ///
    /// # Errors
    /// [`ArrivalError::NotConfigured`] when the server lacks what is needed.
    fn depart(&self, departure: &Departure<'_>) -> Result<Leaving, ArrivalError>;

    /// What the browser brought back. An installer has been found to be an administrator there; where not, nothing of
    /// the grant is used or kept.
    fn arrive<'a>(&'a self, arrival: &'a Arrival<'a>) -> BoxFuture<'a, Result<Arrived, ArrivalError>>;

    /// Renews credentials that run out; `None` when nothing is due. What it returns replaces the credentials of the same
    /// names, and must be kept: what it was made from may be used up. Only one may renew an installation at a time.
    fn renew<'a>(
        &'a self,
        renewal: Renewal,
        context: &'a SendContext,
    ) -> BoxFuture<'a, Result<Option<BTreeMap<String, SecretString>>, CallError>>;
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
