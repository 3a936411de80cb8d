//! Policy code in the server's real worker processes: the same decisions as inside the server, and nothing that a policy
//! can do ends the server or stops another policy.

mod decisions;
mod hostile;
mod nowhere;
mod stories;

use std::{sync::Arc, time::Duration};

use policykit_core::{
    JsonMap, Timestamp, Value,
    action::Origin,
    ballot::BallotValue,
    descriptor::{Method, Param, ParamKind, Returns},
    ids::{ActionId, CommunityId, PolicyId, ProposalId},
    policy::{Block, Blocks, PolicyKind, Verdict},
    snapshot::{
        ActionView, BallotView, CommunityView, PlatformView, PolicyView, ProposalView, Snapshot, UserView, VoteView,
    },
};
use policykit_policy::{Answer, Budget, MethodTable, Program, Progress, Run, Sandbox, WorkerOptions, Workers};
use serde_json::json;
use uuid::Uuid;

/// Workers as the server has them.
fn workers(count: usize) -> Arc<Workers> {
    let options = WorkerOptions {
        program: env!("CARGO_BIN_EXE_policykit").into(),
        arguments: ["sandbox", "--memory-mib", "128"].map(str::to_owned).into(),
        count,
        patience: Duration::from_secs(60),
        budget: Budget::default(),
    };
    Arc::new(Workers::new(options).expect("a thread"))
}

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

fn snapshot() -> Snapshot {
    let user = |id: &str| UserView {
        external_id: id.to_owned(),
        platform: "chat".to_owned(),
        name: format!("Name of {id}"),
        is_admin: id == "U1",
        roles: vec!["Base Role".to_owned()],
    };
    let fields: JsonMap = [
        ("text".to_owned(), json!("more tea")),
        ("channel".to_owned(), json!("C1")),
        ("deep".to_owned(), (0..60).fold(json!(1), |inner, _| json!([inner]))),
    ]
    .into_iter()
    .collect();
    let ballot = |id: &str, yes| BallotView { voter: user(id), value: BallotValue::Boolean(yes), cast_at: START };
    Snapshot {
        now: START,
        seed: 7,
        community: CommunityView { id: CommunityId::from_uuid(Uuid::from_u128(1)), name: "Tea".to_owned() },
        action: ActionView {
            id: ActionId::from_uuid(Uuid::from_u128(2)),
            action_type: "post".to_owned(),
            label: "post a message".to_owned(),
            kind: PolicyKind::Platform,
            platform: Some("chat".to_owned()),
            origin: Origin::Platform,
            reverted: false,
            initiator: Some(user("U1")),
            fields,
        },
        policy: PolicyView {
            id: PolicyId::from_uuid(Uuid::from_u128(3)),
            version: 1,
            name: "rule".to_owned(),
            description: String::new(),
            kind: PolicyKind::Platform,
            action_types: vec!["post".to_owned()],
        },
        proposal: ProposalView {
            id: ProposalId::from_uuid(Uuid::from_u128(4)),
            created_at: START,
            status: Verdict::Proposed,
            vote: Some(VoteView { post_id: "1.1".to_owned(), url: None, open: true, kind: None }),
            data: JsonMap::new(),
            variables: Value::None,
        },
        ballots: vec![ballot("U1", true), ballot("U2", false), ballot("U3", true)],
        platforms: vec![PlatformView { id: "chat".to_owned(), external_id: "T1".to_owned(), name: "Tea".to_owned() }],
    }
}

fn methods() -> Arc<MethodTable> {
    let all = vec![
        Method::call(
            "post_message",
            "",
            vec![
                Param::needed("text", ParamKind::Text),
                Param::or("channel", ParamKind::Text, serde_json::Value::Null),
            ],
        )
        .returning(Returns::Anything),
        Method::read("get_users", "", Vec::new()),
    ];
    Arc::new([("chat".to_owned(), all)].into_iter().collect())
}

/// A check, compiled.
fn compiled(sandbox: &dyn Sandbox, source: &str) -> Program {
    let blocks = Blocks { check: source.to_owned(), ..Blocks::default() };
    sandbox.compile(&blocks).unwrap_or_else(|problems| panic!("{source}: {problems:?}"))
}

fn run(sandbox: &Arc<dyn Sandbox>, source: &str) -> Run {
    let program = compiled(sandbox.as_ref(), source);
    Run::new(Arc::clone(sandbox), Arc::new(program), snapshot(), methods())
}

/// Runs a check to its end: calls are answered with their number, reads with a list. Gives every place where it stopped.
fn play(sandbox: &Arc<dyn Sandbox>, source: &str) -> Vec<Progress> {
    let mut run = run(sandbox, source);
    let mut all = vec![run.start(Block::Check)];
    while let Some(Progress::Call(_) | Progress::Read(_) | Progress::ActionEffect(_)) = all.last() {
        let number = i64::try_from(all.len()).expect("few calls");
        let answer = match number % 3 {
            0 => Answer::Raise { class: "ValueError".to_owned(), message: "no".to_owned() },
            1 => Answer::Value(Value::Int(number)),
            _ => Answer::Value(Value::List(vec![Value::str("a"), Value::Float(0.5), Value::None])),
        };
        all.push(run.answer(answer));
    }
    all
}

/// Ends a process as the system does when it has no memory left.
fn kill(process: u32) {
    let id = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(id, rustix::process::Signal::KILL).expect("it runs");
}
