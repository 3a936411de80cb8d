//! Blocks that need something from outside, and runs that are repeated.

use policykit_core::{
    Value,
    ballot::{Poll, PollKind},
    call::LocalEffect,
    ids::InstallationId,
    policy::Block,
};
use policykit_policy::{ActionEffect, Answer, Progress, Run};
use uuid::Uuid;

use crate::common::{START, blocks, run_on, snapshot};

const VOTE: &str = "if not proposal.vote_post_id:\n    slack.initiate_vote(text='ok?', users=[action.initiator, 'U2'])\nreturn proposal.vote_post_id";

fn poll() -> Poll {
    Poll {
        kind: PollKind::Boolean,
        text: "ok?".into(),
        options: vec!["yes".into(), "no".into()],
        candidates: vec![],
        closes_at: None,
        installation: InstallationId::from_uuid(Uuid::from_u128(9)),
        electorate: None,
        channel: "C1".into(),
        post_id: "5.5".into(),
        url: None,
    }
}

#[test]
fn a_vote_that_was_started_is_seen_by_the_same_block() {
    let mut run = run_on(snapshot(), &blocks(Block::Check, VOTE));
    let Progress::Call(call) = run.start(Block::Check) else { panic!() };
    assert_eq!((call.platform.as_str(), call.method.as_str()), ("slack", "initiate_vote"));
    assert_eq!(call.args["users"], serde_json::json!(["U1", "U2"]));
    assert_eq!(call.args["post_type"], "channel");
    run.apply(LocalEffect::VoteStarted(poll()));
    assert_eq!(run.answer(Answer::Value(Value::str("5.5"))), Progress::Done(Value::str("5.5")));
}

#[test]
fn a_refusal_is_an_exception_where_the_policy_called() {
    let source = "try:\n    slack.post_message('x')\nexcept Exception as e:\n    return str(e)";
    let mut run = run_on(snapshot(), &blocks(Block::Check, source));
    assert!(matches!(run.start(Block::Check), Progress::Call(_)));
    let answer = Answer::Raise { class: "Exception".into(), message: "the channel is archived".into() };
    assert_eq!(run.answer(answer), Progress::Done(Value::str("the channel is archived")));
}

#[test]
fn variables_set_in_initialize_are_there_in_later_blocks() {
    for initialize in ["variables.n = 3\nreturn variables", "variables.n = 3", "variables[\"n\"] = 3"] {
        let mut all = blocks(Block::Check, "return variables.n + variables['n']");
        all.initialize = initialize.to_owned();
        let mut run = run_on(snapshot(), &all);
        run.start(Block::Initialize);
        assert_eq!(run.start(Block::Check), Progress::Done(Value::Int(6)), "{initialize}");
    }
}

#[test]
fn data_written_before_an_error_is_kept() {
    let mut run = run_on(snapshot(), &blocks(Block::Check, "proposal.data.set('told', True)\n1 / 0"));
    assert!(matches!(run.start(Block::Check), Progress::Failed(_)));
    assert_eq!(run.overlay().data["told"], true);
}

#[test]
fn undoing_asked_for_by_the_policy_surfaces() {
    let mut run = run_on(snapshot(), &blocks(Block::Fail, "action.revert()\nreturn action.community_revert"));
    assert_eq!(run.start(Block::Fail), Progress::ActionEffect(ActionEffect::Revert));
    run.apply(LocalEffect::Reverted);
    assert_eq!(run.answer(Answer::Value(Value::None)), Progress::Done(Value::Bool(true)));
}

#[test]
fn lengths_of_time_and_the_clock_are_reported() {
    let source = "return proposal.get_time_elapsed() > datetime.timedelta(days=2)";
    let mut run = run_on(snapshot(), &blocks(Block::Check, source));
    assert_eq!(run.start(Block::Check), Progress::Done(Value::Bool(false)));
    let report = run.report();
    assert!(report.read_clock);
    assert_eq!(report.durations, [2 * 86_400_000_000]);
    let mut run = run_on(snapshot(), &blocks(Block::Check, "return PROPOSED"));
    run.start(Block::Check);
    assert!(!run.report().read_clock);
}

#[test]
fn what_a_check_reads_from_a_platform_may_change_without_a_word() {
    let reads = |block: Block, call: &str| {
        let mut run = run_on(snapshot(), &blocks(block, &format!("{call}\nreturn PROPOSED")));
        assert!(matches!(run.start(block), Progress::Read(_)), "{call}");
        run.answer(Answer::Value(Value::None));
        run.report().read_clock
    };
    assert!(reads(Block::Check, "chat.get_topic()"));
    assert!(!reads(Block::Check, "chat.get_users()"), "members are known here");
    assert!(!reads(Block::Check, "community.get_roles()"), "roles are known here");
    assert!(!reads(Block::Initialize, "chat.get_topic()"), "it is not run again");
}

#[test]
fn the_same_answers_lead_the_same_way() {
    let source = "for i in range(3):\n    ts = slack.post_message(text=f'{i} {random.random()}')\n    proposal.data.set(str(i), ts)\nreturn proposal.data.get('2')";
    let trace = || {
        let mut run: Run = run_on(snapshot(), &blocks(Block::Check, source));
        let mut seen = Vec::new();
        let mut progress = run.start(Block::Check);
        while let Progress::Call(_) = progress {
            seen.push(format!("{progress:?}"));
            progress = run.answer(Answer::Value(Value::str(format!("ts{}", seen.len()))));
        }
        seen.push(format!("{progress:?}"));
        seen
    };
    assert_eq!(trace(), trace());
    assert_eq!(trace().len(), 4);
}

#[test]
fn logged_lines_are_kept_with_their_level() {
    let mut run = run_on(snapshot(), &blocks(Block::Check, "logger.debug(f'{START}')\nSTART = 1"));
    assert!(matches!(run.start(Block::Check), Progress::Failed(_)), "read before assignment");
    let mut run = run_on(
        snapshot(),
        &blocks(Block::Check, "logger.debug(f'at {proposal.proposal_time.year}')\nlogger.warn('w')"),
    );
    run.start(Block::Check);
    let logs = run.report().logs;
    assert_eq!((logs[0].level.as_str(), logs[0].message.as_str()), ("debug", "at 2023"));
    assert_eq!(logs[1].level, "warning");
    assert_eq!(START.secs(), 1_700_000_000);
}
