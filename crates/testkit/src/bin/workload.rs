//! Puts one of the fixed workloads through the engine in this process and prints what it took as one JSON document.
//!
//! `workload ID DATABASE-URL EVENTS POLICIES PROGRAM SANDBOX`, on an empty database, with the product's program and where
//! policies run: `workers` or `in-process`. Measures; judges nothing. Two halves are measured apart: taking deliveries
//! (signature, reading, one commit for those that come together) and settling them.

use std::{error::Error, sync::Arc, time::Duration};

use policykit_core::{
    Clock as _, IdSource as _, SystemClock, SystemIds,
    action::{Action, Origin, Standing},
    ids::{ActionId, CommunityId, InstallationId, NodeId},
    policy::{PolicyDraft, PolicyKind},
};
use policykit_engine::{Deps, Engine, Install, Options, Proposition};
use policykit_platforms::{
    Http, HttpOptions,
    platform::{AppConfig, RawRequest},
    registry,
    slack::fake::{Fake, FakeConfig},
};
use policykit_policy::{Budget, MontySandbox, Sandbox, WorkerOptions, Workers};
use policykit_store::{Db, DbConfig, SealingKey, Stats};
use policykit_testkit::Draft;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use input::{MESSAGE, PLATFORM, SECRET, delivery, fields, filter, town};

#[path = "workload/input.rs"]
mod input;
#[path = "workload/wire.rs"]
mod wire;

type Failure = Box<dyn Error + Send + Sync>;

/// What seals the credentials.
const KEY: [u8; 32] = [7; 32];
/// Deliveries that are under way at the same time.
const CONNECTIONS: usize = 16;
/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Workload {
    /// Matching alone: message events in memory, trigger policies, none matches.
    A,
    /// Message events, trigger policies, the last one passes and logs a line.
    B,
    /// Actions proposed here, platform policies, the last one opens a proposal.
    C,
    /// Message events while the engine works: trigger policies that do not match, platform policies of which the last passes.
    H,
    /// The same, but signed, over HTTP, to the product as a process of its own.
    Wire,
}

/// What a span of time took.
struct Span {
    wall: f64,
    cpu: f64,
    stats: Stats,
}

/// The application under load.
struct Bench {
    engine: Engine,
    db: Db,
    community: CommunityId,
    installation: InstallationId,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program whose result is what it prints")]
async fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().ok_or("give ID DATABASE-URL EVENTS POLICIES PROGRAM SANDBOX");
    let workload = match word()?.as_str() {
        "a" => Workload::A,
        "b" => Workload::B,
        "c" => Workload::C,
        "h" => Workload::Wire,
        "h-inside" => Workload::H,
        other => return Err(format!("there is no workload `{other}`; there are a, b, c, h and h-inside").into()),
    };
    let (url, events, policies) = (word()?, word()?.parse::<usize>()?, word()?.parse::<usize>()?);
    let (program, place) = (word()?, word()?);
    let fake = Fake::start(serde_json::from_value::<FakeConfig>(town())?).await?;
    let bench = Bench::start(url.clone(), fake.base_url(), sandbox(&program, &place)?).await?;
    bench.add_policies(workload, policies).await?;
    let report = match workload {
        Workload::A => bench.matching(events).await?,
        Workload::H => bench.side_by_side(events).await?,
        Workload::Wire => wire::measure(&bench, &program, &place, url, fake.base_url(), events, policies).await?,
        Workload::B | Workload::C => bench.one_after_the_other(workload, events).await?,
    };
    bench.db.close().await;
    println!("{report}");
    Ok(())
}

/// What runs policies in this process's engine.
fn sandbox(program: &str, place: &str) -> Result<Arc<dyn Sandbox>, Failure> {
    Ok(match place {
        "in-process" => Arc::new(MontySandbox),
        "workers" => Arc::new(Workers::new(WorkerOptions {
            program: program.into(),
            arguments: ["sandbox", "--memory-mib", "128"].map(str::to_owned).into(),
            count: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            patience: WorkerOptions::PATIENCE,
            budget: Budget::default(),
        })?),
        other => return Err(format!("policies do not run in `{other}`; give `workers` or `in-process`").into()),
    })
}

impl Bench {
    async fn start(url: String, fake: &str, sandbox: Arc<dyn Sandbox>) -> Result<Self, Failure> {
        let db = Db::open(&DbConfig { url, sealing: Some(SealingKey::new("bench", KEY)) }).await?;
        db.migrate().await?;
        let clock = Arc::new(SystemClock);
        let settings = [("api_url".to_owned(), format!("{fake}/api/"))].into();
        let secrets = [("signing_secret".to_owned(), SECRET.into())].into();
        let http = Arc::new(Http::new(clock.clone(), HttpOptions::default())?);
        let engine = Engine::new(Deps {
            db: db.clone(),
            registry: Arc::new(registry(&http)),
            sandbox,
            clock: clock.clone(),
            ids: Arc::new(SystemIds),
            apps: [(PLATFORM.to_owned(), AppConfig { settings, secrets })].into(),
            options: Options {
                // The halves are timed apart, and the first takes longer than a lease.
                lease_ttl: Duration::from_secs(600),
                ..Options::new(NodeId::from_uuid(SystemIds.uuid(clock.now())))
            },
        });
        let tokens = [("bot_token", "xoxb-bench"), ("admin_token", "xoxp-bench")];
        let installed = engine
            .install(Install {
                platform: PLATFORM.to_owned(),
                credentials: tokens
                    .into_iter()
                    .map(|(name, token)| (name.to_owned(), token.to_owned().into()))
                    .collect(),
                ..Install::default()
            })
            .await?;
        engine.drain().await?;
        Ok(Self { engine, db, community: installed.community, installation: installed.installation })
    }

    /// The first one added is tried last.
    async fn add_policies(&self, workload: Workload, count: usize) -> Result<(), Failure> {
        let add = async |drafts: Vec<PolicyDraft>| {
            for draft in drafts {
                self.engine.add_policy(self.community, draft).await?;
            }
            Ok::<_, Failure>(())
        };
        let platform = |n: usize| Draft::platform(&format!("platform {n}"), &[MESSAGE]);
        let trigger = |n: usize| Draft::trigger(&format!("trigger {n}"), &[MESSAGE]);
        let others = |of: &dyn Fn(usize) -> Draft, from: usize| -> Vec<PolicyDraft> {
            (from..count).map(|n| of(n).filter(&filter(n)).check("return PASSED").into()).collect()
        };
        let last = (count > 0).then_some(());
        match workload {
            Workload::A => add(others(&trigger, 0)).await,
            Workload::B => {
                let first = trigger(0).filter("return True").check("return PASSED").success("logger.info('heard')");
                add(last.map(|()| first.into()).into_iter().collect()).await?;
                add(others(&trigger, 1)).await
            }
            Workload::C => {
                let check = "if len(proposal.get_yes_votes()) >= 5 or proposal.get_time_elapsed() > \
                             datetime.timedelta(days=7):\n  return PASSED\nreturn PROPOSED";
                let first = platform(0).filter("return True").check(check);
                add(last.map(|()| first.into()).into_iter().collect()).await?;
                add(others(&platform, 1)).await
            }
            Workload::H | Workload::Wire => {
                let first = platform(0).filter("return True").check("return PASSED");
                add(last.map(|()| first.into()).into_iter().collect()).await?;
                add(others(&platform, 1)).await?;
                add(others(&trigger, 0)).await
            }
        }
    }

    /// Lets the filters look at events that are in memory already, on one thread.
    async fn matching(&self, events: usize) -> Result<Value, Failure> {
        let users =
            self.db.community(self.community).users_by_external(self.installation, &["U001".to_owned()]).await?;
        let initiator = users.first().ok_or("nobody is known")?;
        let mut action = Action {
            id: ActionId::from_uuid(SystemIds.uuid(SystemClock.now())),
            community: self.community,
            installation: Some(self.installation),
            inbox: None,
            kind: PolicyKind::Trigger,
            action_type: MESSAGE.to_owned(),
            initiator: Some(initiator.id),
            origin: Origin::Platform,
            fields: fields(),
            about: None,
            is_private: false,
            reverted: false,
            standing: Standing::Stands,
            occurred_at: SystemClock.now(),
        };
        // Once outside of the measure: filters are joined when the first action comes.
        let mut matched = self.engine.look(&action, Some(initiator)).await?.len();
        let span = self.span();
        for _ in 0..events {
            action.id = ActionId::derive_trigger(action.id);
            matched += self.engine.look(&action, Some(initiator)).await?.len();
        }
        let span = span.end(self)?;
        Ok(json!({ "events": events, "matched": matched, "match": span.row(events) }))
    }

    /// Takes everything, then settles everything.
    async fn one_after_the_other(&self, workload: Workload, events: usize) -> Result<Value, Failure> {
        let (mut acks, taken) = (Vec::new(), self.span());
        if workload == Workload::C {
            self.propose(events).await?;
        } else {
            acks = self.deliver(events).await?;
        }
        let taken = taken.end(self)?;
        let settled = self.span();
        self.engine.drain().await?;
        let settled = settled.end(self)?;
        self.report(events, &mut acks, json!({ "take": taken.row(events), "settle": settled.row(events) })).await
    }

    /// Takes and settles at the same time, as a server does.
    async fn side_by_side(&self, events: usize) -> Result<Value, Failure> {
        let stop = CancellationToken::new();
        let whole = self.span();
        let worker = tokio::spawn({
            let (engine, stop) = (self.engine.clone(), stop.clone());
            async move { engine.run(stop).await }
        });
        let mut acks = self.deliver(events).await?;
        let taken = whole.wall_so_far()?;
        stop.cancel();
        worker.await??;
        self.engine.drain().await?;
        let all = whole.end(self)?;
        let spans = json!({ "all": all.row(events), "all_acked_after_s": round(taken) });
        self.report(events, &mut acks, spans).await
    }

    async fn report(&self, events: usize, acks: &mut [f64], spans: Value) -> Result<Value, Failure> {
        acks.sort_by(f64::total_cmp);
        let at = |percent: usize| acks.get((acks.len() * percent / 100).min(acks.len().saturating_sub(1)));
        let survey = self.db.survey().await?;
        let mut report = json!({
            "events": events, "actions": survey.actions.len(), "proposals": survey.proposals.len(),
            "ack_p50_ms": at(50).map(|s| round(s * 1_000.0)), "ack_p99_ms": at(99).map(|s| round(s * 1_000.0)),
        });
        if let (Some(report), Value::Object(spans)) = (report.as_object_mut(), spans) {
            report.extend(spans);
        }
        Ok(report)
    }

    /// Signed deliveries over [`CONNECTIONS`] at the same time; how long each waited for its answer, in seconds.
    async fn deliver(&self, events: usize) -> Result<Vec<f64>, Failure> {
        let mut senders = JoinSet::new();
        for sender in 0..CONNECTIONS {
            let engine = self.engine.clone();
            senders.spawn(async move {
                let mut acks = Vec::new();
                for number in (sender..events).step_by(CONNECTIONS) {
                    let (headers, body) = delivery(number);
                    let begun = clock(ClockId::Monotonic);
                    let request = RawRequest { headers: &headers, body: &body, at: None, home: None };
                    engine.receive(PLATFORM, request).await?;
                    acks.push(clock(ClockId::Monotonic) - begun);
                }
                Ok::<_, Failure>(acks)
            });
        }
        let mut acks = Vec::with_capacity(events);
        while let Some(done) = senders.join_next().await {
            acks.append(&mut done??);
        }
        Ok(acks)
    }

    async fn propose(&self, events: usize) -> Result<(), Failure> {
        let mut senders = JoinSet::new();
        for sender in 0..CONNECTIONS {
            let (engine, community, installation) = (self.engine.clone(), self.community, self.installation);
            senders.spawn(async move {
                for number in (sender..events).step_by(CONNECTIONS) {
                    let fields = fields();
                    let initiator = Some(format!("U{:03}", number % 50));
                    let action_type = MESSAGE.to_owned();
                    engine.propose(Proposition { community, installation, action_type, fields, initiator }).await?;
                }
                Ok::<_, Failure>(())
            });
        }
        while let Some(done) = senders.join_next().await {
            done??;
        }
        Ok(())
    }

    fn span(&self) -> Span {
        Span { wall: clock(ClockId::Monotonic), cpu: clock(ClockId::ProcessCPUTime), stats: self.db.stats() }
    }
}

impl Span {
    fn wall_so_far(&self) -> Result<f64, Failure> {
        Ok(clock(ClockId::Monotonic) - self.wall)
    }

    fn end(self, bench: &Bench) -> Result<Self, Failure> {
        let now = bench.db.stats();
        Ok(Self {
            wall: self.wall_so_far()?,
            cpu: clock(ClockId::ProcessCPUTime) - self.cpu,
            stats: Stats {
                statements: now.statements - self.stats.statements,
                transactions: now.transactions - self.stats.transactions,
                rows: now.rows - self.stats.rows,
            },
        })
    }

    fn row(&self, events: usize) -> Value {
        let each = |count: u64| round(number(count) / number(events));
        json!({
            "seconds": round(self.wall), "per_second": (number(events) / self.wall).round(),
            "cpu_us_each": round(self.cpu * 1e6 / number(events)),
            "statements_each": each(self.stats.statements), "commits_each": each(self.stats.transactions),
        })
    }
}

fn number(count: impl TryInto<u32>) -> f64 {
    count.try_into().map_or(f64::INFINITY, f64::from)
}

fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// Seconds of a clock.
fn clock(id: ClockId) -> f64 {
    let now = clock_gettime(id);
    Duration::new(now.tv_sec.try_into().unwrap_or_default(), now.tv_nsec.try_into().unwrap_or_default()).as_secs_f64()
}
