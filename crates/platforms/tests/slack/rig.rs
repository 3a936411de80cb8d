//! The integration with a workspace to act in: installed as an operator would, and every request of it kept.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use policykit_core::{
    Clock as _,
    action::Origin,
    call::{CallOutcome, PlanStep, PlannedCall},
    community::{Installation, InstallationStatus},
    event::Event,
    ids::{ActionId, CallId, CommunityId, InstallationId, ProposalId},
    policy::{Blocks, PolicyKind},
    snapshot::ActionView,
};
use policykit_platforms::{
    Http, HttpOptions, Platform,
    platform::{
        AppConfig, CallError, Confirmation, Delivery, Entered, Inspection, PlanContext, RawRequest, Receipt, Reject,
        SendContext,
    },
    slack::{
        Slack,
        fake::{CallFault, CallRule, Cause, Change, ChannelSeed, FakeConfig, What},
    },
};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    contract,
    support::{Bench, Seen},
    wire::Wire,
};

pub(crate) const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// The app's name and password.
pub(crate) const CLIENT: (&str, &str) = ("3336676.569200954261", "0ab1c2d3e4f5a6b7c8d9e0f1a2b3c4d5");

pub(crate) struct Rig {
    pub(crate) bench: Bench,
    pub(crate) slack: Slack,
    pub(crate) http: Arc<Http>,
    pub(crate) installation: Installation,
    pub(crate) credentials: BTreeMap<String, SecretString>,
    pub(crate) app: AppConfig,
    pub(crate) wire: Wire,
}

impl Drop for Rig {
    /// Whatever a test did: Slack's published description must allow every request of it.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            contract::check(&self.wire.sent());
        }
    }
}

pub(crate) fn secrets(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value))).collect()
}

pub(crate) fn call(operation: &str, args: Value) -> PlannedCall {
    PlannedCall { operation: operation.to_owned(), args: args.as_object().unwrap().clone() }
}

pub(crate) fn reply(outcome: &Result<CallOutcome, CallError>) -> &Value {
    match outcome {
        Ok(CallOutcome::Done { reply }) => reply,
        other => panic!("expected it to be done, got {other:?}"),
    }
}

pub(crate) fn is_unknown<T: std::fmt::Debug>(outcome: &Result<T, CallError>) -> bool {
    matches!(outcome, Err(CallError::Unknown { .. }))
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Gives up on a request after a moment, once it is installed.
    pub(crate) async fn impatient() -> Self {
        let mut rig = Self::start().await;
        let options = HttpOptions { timeout: Duration::from_millis(900), ..HttpOptions::default() };
        rig.http = Arc::new(Http::new(Arc::clone(&rig.bench.clock) as _, options).unwrap());
        rig.slack = Slack::new(Arc::clone(&rig.http));
        rig
    }

    pub(crate) async fn start_with(adjust: impl FnOnce(&mut FakeConfig)) -> Self {
        let bench = Bench::start_with(|config| {
            // Private and without the bot.
            let members = Some(vec!["ada".into(), "bob".into()]);
            let cellar = ChannelSeed {
                name: "cellar".into(),
                is_private: true,
                bot_is_member: false,
                members,
                ..ChannelSeed::default()
            };
            config.teams.iter_mut().for_each(|team| team.channels.push(cellar.clone()));
            adjust(config);
        })
        .await;
        let wire = Wire::to(bench.fake.base_url()).await;
        let http = Arc::new(Http::new(Arc::clone(&bench.clock) as _, HttpOptions::default()).unwrap());
        let slack = Slack::new(Arc::clone(&http));
        let app = AppConfig {
            settings: [
                ("api_url".to_owned(), format!("{}/api/", wire.url)),
                ("authorize_url".to_owned(), bench.fake.base_url().to_owned()),
                ("client_id".to_owned(), CLIENT.0.to_owned()),
            ]
            .into(),
            secrets: secrets(&[("signing_secret", SECRET), ("client_secret", CLIENT.1)]),
        };
        let credentials = secrets(&[("bot_token", &bench.bot()), ("admin_token", &bench.token_of("ada"))]);
        let nothing = BTreeMap::new();
        let entered = Entered { credentials: &credentials, answers: &nothing, app: &app };
        let found = slack.inspect(entered).await.unwrap();
        let installation = Installation {
            external_id: found.external_id,
            name: found.name,
            acts_as: found.acts_as,
            settings: found.settings,
            ..bare_installation()
        };
        Self { bench, slack, http, installation, credentials, app, wire }
    }

    /// What Slack makes of these credentials.
    pub(crate) async fn inspect(&self, credentials: &BTreeMap<String, SecretString>) -> Result<Inspection, String> {
        let nothing = BTreeMap::new();
        self.slack.inspect(Entered { credentials, answers: &nothing, app: &self.app }).await
    }

    pub(crate) fn context(&self, id: u128) -> SendContext {
        SendContext {
            call: CallId::from_uuid(Uuid::from_u128(id)),
            installation: self.installation.clone(),
            credentials: self.credentials.clone(),
            generation: 0,
            app: self.app.clone(),
            planned_at: self.bench.clock.now(),
            now: self.bench.clock.now(),
            pages: None,
            undoing: None,
        }
    }

    pub(crate) fn channel(&self, name: &str) -> String {
        self.bench.channel(name)
    }

    pub(crate) fn user(&self, name: &str) -> String {
        self.bench.user(name)
    }

    pub(crate) async fn send(&self, id: u128, call: &PlannedCall) -> Result<CallOutcome, CallError> {
        self.slack.send(call, &self.context(id)).await
    }

    pub(crate) async fn confirm(&self, id: u128, call: &PlannedCall) -> Confirmation {
        self.slack.confirm(call, &self.context(id)).await
    }

    /// A call that must go well; its reply.
    pub(crate) async fn done(&self, id: u128, operation: &str, args: Value) -> Value {
        reply(&self.send(id, &call(operation, args)).await).clone()
    }

    /// Carries out a policy's method call, calls and all; the last step is what the policy sees.
    pub(crate) async fn run(&self, method: &str, args: Value) -> (Vec<(PlannedCall, CallOutcome)>, PlanStep) {
        let action = ActionView {
            id: ActionId::from_uuid(Uuid::from_u128(1)),
            action_type: "slackpostmessage".into(),
            label: String::new(),
            kind: PolicyKind::Platform,
            platform: Some("slack".into()),
            origin: Origin::Platform,
            reverted: false,
            initiator: None,
            fields: json!({ "channel": self.channel("random") }).as_object().unwrap().clone(),
        };
        let context = PlanContext {
            proposal: proposal(),
            policy_name: "Tea at four",
            blocks: &Blocks::default(),
            action: &action,
            installation: &self.installation,
        };
        let args = args.as_object().unwrap().clone();
        let (mut made, mut outcomes) = (Vec::new(), Vec::new());
        loop {
            match self.slack.plan(method, &args, &context, &outcomes) {
                PlanStep::Send(call) => {
                    let id = 1_000 + u128::try_from(made.len()).unwrap();
                    let outcome = self.send(id, &call).await.unwrap();
                    outcomes.push(outcome.clone());
                    made.push((call, outcome));
                }
                last => return (made, last),
            }
        }
    }

    /// The next call of a method goes wrong like this.
    pub(crate) fn fault(&self, method: &str, fault: CallFault) {
        self.bench.fake.fault_calls(CallRule::next(method, fault));
    }

    /// How many calls of a method reached the fake.
    pub(crate) fn arrived(&self, wanted: &str) -> usize {
        let is = |what: &What| matches!(what, What::Call { method, .. } if method == wanted);
        self.bench.fake.record().iter().filter(|entry| is(&entry.what)).count()
    }

    /// What our calls changed, in order.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let of_call = |what| match what {
            What::Effect { cause: Cause::Call(_), change, .. } => Some(change),
            _ => None,
        };
        self.bench.fake.record().into_iter().filter_map(|entry| of_call(entry.what)).collect()
    }

    /// Hands a delivery to the integration as the server does.
    pub(crate) fn receive(&self, seen: &Seen) -> Result<Receipt, Reject> {
        self.receive_as(seen, &self.app)
    }

    pub(crate) fn receive_as(&self, seen: &Seen, app: &AppConfig) -> Result<Receipt, Reject> {
        let headers: Vec<(String, String)> = seen
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()))
            .collect();
        let request = RawRequest { headers: &headers, body: &seen.body, at: None, home: None };
        self.slack.receive(request, app, self.bench.clock.now())
    }

    pub(crate) fn kept(&self, seen: &Seen) -> Delivery {
        match self.receive(seen) {
            Ok(Receipt::Keep { delivery, .. }) => delivery,
            other => panic!("expected it to be kept, got {other:?}"),
        }
    }

    /// What the integration reads from everything delivered since the `skip`ped first ones.
    pub(crate) async fn events_after(&self, skip: usize) -> Vec<Event> {
        self.bench.fake.quiesce().await;
        let seen = self.bench.app.seen();
        seen[skip..]
            .iter()
            .flat_map(|seen| {
                let delivery = self.kept(seen);
                assert_eq!(delivery.external_id, self.installation.external_id);
                self.slack.normalise(&delivery.kind, &delivery.body, &self.installation).unwrap()
            })
            .collect()
    }
}

/// An installation nothing is known about.
pub(crate) fn bare_installation() -> Installation {
    Installation {
        id: InstallationId::from_uuid(Uuid::from_u128(3)),
        community: CommunityId::from_uuid(Uuid::from_u128(4)),
        platform: "slack".into(),
        external_id: "T1".into(),
        name: "town".into(),
        acts_as: vec![],
        settings: serde_json::Map::new(),
        status: InstallationStatus::Active,
    }
}

pub(crate) fn proposal() -> ProposalId {
    ProposalId::from_uuid(Uuid::from_u128(77))
}
