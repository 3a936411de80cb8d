//! A community of the size of a test, and blocks run on it.

use std::sync::Arc;

use policykit_core::{
    JsonMap, Timestamp, Value,
    action::Origin,
    ballot::BallotValue,
    descriptor::{Method, Param, ParamKind, Returns, common_methods},
    ids::{ActionId, CommunityId, PolicyId, ProposalId},
    policy::{Block, Blocks, PolicyKind, Verdict},
    snapshot::{
        ActionView, BallotView, CommunityView, PlatformView, PolicyView, ProposalView, Snapshot, UserView, VoteView,
    },
};
use policykit_policy::{Failure, MethodTable, MontySandbox, Progress, Run, Sandbox};
use serde_json::json;
use uuid::Uuid;

pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);

pub(crate) fn user(id: &str) -> UserView {
    UserView {
        external_id: id.to_owned(),
        platform: "chat".to_owned(),
        name: format!("Name of {id}"),
        is_admin: false,
        roles: vec!["Base Role".to_owned()],
    }
}

pub(crate) fn ballot(id: &str, value: BallotValue) -> BallotView {
    BallotView { voter: user(id), value, cast_at: START }
}

pub(crate) fn snapshot() -> Snapshot {
    let fields: JsonMap = [("text".to_owned(), json!("core-group-vote more tea")), ("channel".to_owned(), json!("C1"))]
        .into_iter()
        .collect();
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
            action_types: Vec::new(),
        },
        proposal: ProposalView {
            id: ProposalId::from_uuid(Uuid::from_u128(4)),
            created_at: START,
            status: Verdict::Proposed,
            vote: None,
            data: JsonMap::new(),
            variables: Value::None,
        },
        ballots: Vec::new(),
        platforms: ["chat", "slack"]
            .into_iter()
            .map(|id| PlatformView { id: id.to_owned(), external_id: "T1".to_owned(), name: "Tea".to_owned() })
            .collect(),
    }
}

pub(crate) fn with_vote(mut snapshot: Snapshot) -> Snapshot {
    snapshot.proposal.vote = Some(VoteView { post_id: "1.1".to_owned(), url: None, open: true, kind: None });
    snapshot
}

/// What the chat of these tests can do; its parameters are those that the published policies use.
pub(crate) fn methods() -> Arc<MethodTable> {
    let none = |name, kind| Param::optional(name, kind);
    let all = vec![
        Method::call(
            "post_message",
            "",
            vec![
                Param::needed("text", ParamKind::Text),
                none("users", ParamKind::Users),
                Param::or("post_type", ParamKind::Text, json!("channel")),
                none("channel", ParamKind::Text),
                none("thread_ts", ParamKind::Text),
            ],
        ),
        Method::call(
            "initiate_vote",
            "",
            vec![
                none("users", ParamKind::Users),
                Param::or("post_type", ParamKind::Text, json!("channel")),
                none("text", ParamKind::Text),
                none("channel", ParamKind::Text),
                none("options", ParamKind::TextList),
            ],
        ),
        Method::call(
            "react",
            "",
            vec![
                Param::or("kind", ParamKind::OneOf(&["heart", "thumb"]), json!("heart")),
                none("until", ParamKind::Moment),
                none("more", ParamKind::Rest),
            ],
        )
        .returning(Returns::Process),
    ];
    let topic = Method::read("get_topic", "", Vec::new()).returning(Returns::Text);
    let all: Vec<Method> = all.into_iter().chain([topic]).chain(common_methods()).collect();
    Arc::new(["chat", "slack", "elsewhere"].into_iter().map(|id| (id.to_owned(), all.clone())).collect())
}

pub(crate) fn blocks(block: Block, source: &str) -> Blocks {
    let mut blocks = Blocks::default();
    match block {
        Block::Filter => blocks.filter = source.to_owned(),
        Block::Initialize => blocks.initialize = source.to_owned(),
        Block::Check => blocks.check = source.to_owned(),
        Block::Notify => blocks.notify = source.to_owned(),
        Block::Success => blocks.success = source.to_owned(),
        Block::Fail => blocks.fail = source.to_owned(),
    }
    blocks
}

pub(crate) fn run_on(snapshot: Snapshot, blocks: &Blocks) -> Run {
    let program = MontySandbox.compile(blocks).unwrap_or_else(|problems| panic!("{problems:?}"));
    Run::new(Arc::new(MontySandbox), Arc::new(program), snapshot, methods())
}

/// Runs a check that needs nothing from outside.
pub(crate) fn check_on(snapshot: Snapshot, source: &str) -> Value {
    match run_on(snapshot, &blocks(Block::Check, source)).start(Block::Check) {
        Progress::Done(value) => value,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn check(source: &str) -> Value {
    check_on(snapshot(), source)
}

pub(crate) fn failure(source: &str) -> Failure {
    match run_on(snapshot(), &blocks(Block::Check, source)).start(Block::Check) {
        Progress::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}
