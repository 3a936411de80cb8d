//! A stateful stand-in for Slack: workspaces, the Web API with Slack's errors, signed deliveries with its schedule of
//! retries, clicks, faults on demand, and a record of everything that happened.
//!
//! Tests judge by that record, so the fake shares no code with the integration it stands opposite to. Its state lives in
//! memory and dies with it. It listens without any authentication of its own control routes: bind it to 127.0.0.1 only.

mod api;
mod blocks;
mod config;
mod control;
mod deliver;
mod effects;
mod errors;
mod faults;
mod ids;
mod interact;
mod limits;
mod manifest;
mod oauth;
mod people;
mod render;
mod routes;
mod setup;
mod shared;
mod state;
mod witness;

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use policykit_core::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::AbortHandle};

pub use self::{
    blocks::Control,
    config::{
        AppSeed, BOT_SCOPES, ChannelSeed, FakeConfig, INSTALLER_SCOPES, Prefs, RateLimits, TeamSeed, UserSeed,
        UserTokenSeed, UsergroupSeed,
    },
    control::{Act, Acted, ChannelSummary, ChannelView, Denied, Made, MessageView, Setup, TeamView, UserView},
    deliver::{Delivery, DeliveryState, Order},
    faults::{CallFault, CallRule, Chaos, DeliveryFault, DeliveryRule},
    ids::{ChannelId, TeamId, Ts, UserId, signature},
    interact::{Click, Press},
    routes::{ActOrder, FaultOrder, NetworkOrder},
    state::{ChannelKind, TokenKind},
    witness::{Answer, Cause, Change, Double, Entry, Fate, What, acked_event_ids, doubles, posts_containing},
};
use self::{
    deliver::{Forgery, signed_headers},
    people::Step,
    shared::Shared,
    state::World,
    witness::Witness,
};
use crate::fakes::{
    http_out,
    wire::{Line, Lines},
};

/// How often scheduled messages are looked after while nobody calls.
const SCHEDULE_TICK: Duration = Duration::from_millis(250);

/// A handle of a running fake. Clones steer the same fake; it runs until [`stop`](Self::stop) or the end of the runtime.
#[derive(Debug, Clone)]
pub struct Fake {
    shared: Arc<Shared>,
}

/// A fake that is stopped when this is dropped.
#[derive(Debug)]
pub struct RunningFake {
    fake: Fake,
    server: AbortHandle,
}

impl std::ops::Deref for RunningFake {
    type Target = Fake;
    fn deref(&self) -> &Fake {
        &self.fake
    }
}

impl Drop for RunningFake {
    fn drop(&mut self) {
        self.fake.stop();
        self.server.abort();
    }
}

/// Serves a fake on this listener until the task is dropped, with the machine's clock.
///
/// # Errors
/// When the configuration contradicts itself, the record file cannot be opened or the listener has no address.
pub async fn serve(listener: TcpListener, config: FakeConfig) -> io::Result<()> {
    let (fake, lines) = Fake::prepare(listener, config, Arc::new(SystemClock))?;
    fake.run(lines).await
}

impl Fake {
    /// Starts a fake on a free port of 127.0.0.1, with the machine's clock.
    ///
    /// # Errors
    /// As [`serve`], or when no port is free.
    pub async fn start(config: FakeConfig) -> io::Result<RunningFake> {
        Self::start_with(config, Arc::new(SystemClock)).await
    }

    /// Like [`start`](Self::start), with a clock. Message ids grow even while the clock stands still; delays between
    /// retries and time-outs of deliveries always take real time.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(config: FakeConfig, clock: Arc<dyn Clock>) -> io::Result<RunningFake> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (fake, lines) = Self::prepare(listener, config, clock)?;
        let server = tokio::spawn({
            let fake = fake.clone();
            async move {
                if let Err(error) = fake.run(lines).await {
                    tracing::error!(%error, "the fake stopped listening");
                }
            }
        });
        Ok(RunningFake { fake, server: server.abort_handle() })
    }

    fn prepare(listener: TcpListener, config: FakeConfig, clock: Arc<dyn Clock>) -> io::Result<(Self, Lines)> {
        let address = listener.local_addr()?;
        let base_url = config.public_url.unwrap_or_else(|| format!("http://{address}"));
        let witness = Witness::recording_to(config.record.as_deref())?;
        let mut world = World::new(config.seed, config.app, config.rate_limits, witness);
        world.now = clock.now();
        for team in &config.teams {
            world.add_team(team).map_err(|denied| io::Error::new(io::ErrorKind::InvalidInput, denied.to_string()))?;
        }
        let delays = config.retry_delays_ms.into_iter().map(Duration::from_millis).collect();
        let patience = Duration::from_millis(config.ack_timeout_ms);
        let shared = Arc::new(Shared::new(world, clock, delays, patience, base_url));
        let lines = Lines::new(listener, shared.lines.clone());
        Ok((Self { shared }, lines))
    }

    async fn run(&self, lines: Lines) -> io::Result<()> {
        let watched = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(SCHEDULE_TICK);
            loop {
                tick.tick().await;
                match watched.upgrade().filter(|shared| !shared.is_stopped()) {
                    // Taking the lock posts what has fallen due.
                    Some(shared) => shared.with(|_| ()),
                    None => return,
                }
            }
        });
        axum::serve(lines, routes::router(self.clone()).into_make_service_with_connect_info::<Line>()).await
    }

    /// The address of the fake, without a slash at the end; the Web API is at `/api/`.
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// Ends deliveries and their retries; the fake answers no more once its task ends.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Lets a person do something. Everything but a press happens at once; a press waits for the app's answer.
    ///
    /// # Errors
    /// When names are unknown or the client would not let the person.
    pub async fn act(&self, team: &str, user: &str, act: Act) -> Result<Acted, Denied> {
        match self.shared.with(|world| world.act(team, user, act))? {
            Step::Done(acted) => Ok(acted),
            Step::Press { spot, on, option } => {
                let click = interact::press(&self.shared, spot, &on, option.as_deref()).await?;
                Ok(Acted { click: Some(click), ..Acted::default() })
            }
        }
    }

    /// Lets a person write a message; returns its id.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn post(&self, team: &str, user: &str, channel: &str, text: &str) -> Result<Ts, Denied> {
        let act = Act::Post { channel: channel.into(), text: text.into(), thread_ts: None };
        self.act(team, user, act).await?.ts.ok_or(Denied::Refused("message_not_found"))
    }

    /// Lets a person rename a channel; returns the name it got.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn rename(&self, team: &str, user: &str, channel: &str, name: &str) -> Result<String, Denied> {
        let act = Act::Rename { channel: channel.into(), name: name.into() };
        self.act(team, user, act).await?.name.ok_or(Denied::Refused("invalid_name"))
    }

    /// Lets a person press a button and waits for the app's answer.
    ///
    /// # Errors
    /// As [`act`](Self::act); an answer other than 2xx is no error here but shown in the click.
    pub async fn press(&self, team: &str, user: &str, channel: &str, ts: &Ts, on: Press) -> Result<Click, Denied> {
        let act = Act::Press { channel: channel.into(), ts: ts.clone(), on: on.clone(), option: None };
        self.act(team, user, act).await?.click.ok_or(Denied::NoSuchControl(on))
    }

    /// Changes the world from outside.
    ///
    /// # Errors
    /// When names are unknown or taken.
    pub fn set_up(&self, setup: Setup) -> Result<Made, Denied> {
        self.shared.with(|world| world.set_up(setup))
    }

    /// Tells the fake where the app listens: `<base>/…` for events and for clicks.
    pub fn set_urls(&self, events_url: &str, interactivity_url: &str) {
        self.shared.with(|world| {
            world.app.seed.events_url = Some(events_url.to_owned());
            world.app.seed.interactivity_url = Some(interactivity_url.to_owned());
        });
    }

    /// All workspaces.
    pub fn teams(&self) -> Vec<TeamView> {
        self.shared.with(|world| world.team_views())
    }

    /// A workspace by id or name.
    pub fn team(&self, id_or_name: &str) -> Option<TeamView> {
        self.teams().into_iter().find(|team| team.id.as_str() == id_or_name || team.name == id_or_name)
    }

    /// A channel as somebody sees it; as nobody in particular when `user` is absent.
    ///
    /// # Errors
    /// When names are unknown or the person cannot see the channel.
    pub fn channel(&self, team: &str, channel: &str, user: Option<&str>) -> Result<ChannelView, Denied> {
        self.shared.with(|world| world.view(team, channel, user))
    }

    /// The whole record.
    pub fn record(&self) -> Vec<Entry> {
        self.record_after(0)
    }

    /// The record from the entry after `seq` on.
    pub fn record_after(&self, seq: u64) -> Vec<Entry> {
        let skip = usize::try_from(seq).unwrap_or(usize::MAX);
        self.shared.with(|world| world.witness.entries().iter().skip(skip).cloned().collect())
    }

    /// Messages posted more than once with the same value under `key` of their metadata payload.
    pub fn doubles(&self, key: &str) -> Vec<Double> {
        self.shared.with(|world| doubles(world.witness.entries(), key))
    }

    /// All deliveries of events.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.with(|world| world.deliveries.all.clone())
    }

    /// All presses.
    pub fn clicks(&self) -> Vec<Click> {
        self.shared.with(|world| world.interactions.clicks.clone())
    }

    /// Queues a fault of calls.
    pub fn fault_calls(&self, rule: CallRule) {
        self.shared.with(|world| world.faults.queue_call(rule));
    }

    /// Queues a fault of deliveries.
    pub fn fault_deliveries(&self, rule: DeliveryRule) {
        self.shared.with(|world| world.faults.queue_delivery(rule));
    }

    /// Starts or ends random faults.
    pub fn set_chaos(&self, chaos: Option<Chaos>) {
        self.shared.with(|world| world.faults.set_chaos(chaos));
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.shared.with(|world| world.faults.clear());
    }

    /// Holds every delivery from now on.
    pub fn pause(&self) {
        self.shared.with(|world| world.deliveries.paused = true);
    }

    /// Delivers again, first what was held; returns how many that were.
    pub fn resume(&self) -> usize {
        self.shared.with(|world| world.deliveries.paused = false);
        self.shared.release(Order::Queued)
    }

    /// Delivers what is held, one after the other; returns how many that are.
    pub fn release(&self, order: Order) -> usize {
        self.shared.release(order)
    }

    /// Waits until no delivery is underway or waits for a retry. Held ones do not count.
    pub async fn quiesce(&self) {
        self.shared.quiesce().await;
    }

    /// Waits until every connection is closed and whatever arrived on it has been dealt with: what a process that was
    /// killed had sent is as good as received before anything that comes after it. Never ends while a client keeps a
    /// connection open.
    ///
    /// # Errors
    /// When the fake does not listen where its address says.
    pub async fn hung_up(&self) -> io::Result<()> {
        self.shared.hung_up().await
    }

    /// Sends the app the challenge Slack sends when its request address is entered.
    ///
    /// # Errors
    /// When the app does not answer 2xx with the challenge.
    pub async fn verify_url(&self) -> Result<(), Denied> {
        let (url, challenge, body, headers) = self.shared.with(|world| {
            let challenge = world.mint("challenge.");
            let body = json!({
                "token": world.app.seed.verification_token,
                "challenge": challenge,
                "type": "url_verification",
            });
            let body = body.to_string().into_bytes();
            let headers = signed_headers(world, &body, Forgery::None, "application/json");
            (world.app.seed.events_url.clone().unwrap_or_default(), challenge, body, headers)
        });
        let reply = http_out::post(&url, &headers, &body, self.shared.ack_timeout).await;
        let reply = reply.map_err(|failure| Denied::ChallengeFailed(format!("{failure:?}").to_lowercase()))?;
        let echoed = reply.body.trim() == challenge
            || serde_json::from_str::<Value>(&reply.body)
                .is_ok_and(|body| body.get("challenge") == Some(&json!(challenge)));
        if (200..300).contains(&reply.status) && echoed {
            return Ok(());
        }
        Err(Denied::ChallengeFailed(format!("status {}", reply.status)))
    }
}
