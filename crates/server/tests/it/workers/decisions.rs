//! Where policy code runs changes nothing about what it decides.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
};

use policykit_core::{
    Value,
    policy::{Block, Blocks},
};
use policykit_policy::{Answer, MontySandbox, Progress, Sandbox};

use super::{compiled, kill, play, run, snapshot, workers};

/// Blocks that use what can be used: values of every kind, objects, the clock, calls, reads, errors.
const BLOCKS: [&str; 22] = [
    "return PASSED",
    "return None",
    "return [1, 2.5, 'text', None, True, (1, 2), {'a': [1]}]",
    "return float('inf'), float('-inf'), 0.1 + 0.2, -0.0",
    "return 'é\\u0000\\n' * 3",
    "return datetime.datetime.now(), datetime.timedelta(days=2)",
    "return action",
    "return action.initiator.readable_name, action.initiator.get_roles()",
    "return action.deep",
    "return action.community, action.proposal, action.description()",
    "return proposal.get_yes_votes().count(), proposal.get_no_votes().count()",
    "return [v.user.readable_name for v in proposal.get_yes_votes()]",
    "return [v.get_time_elapsed() for v in proposal.get_yes_votes()]",
    "proposal.data.set('n', [1, {'a': 2}])\nreturn proposal.data.get('n')",
    "logger.info('hello')\nlogger.warning('world')\nreturn FAILED",
    "return chat.post_message(text='one'), chat.post_message(text='two', channel='C2')",
    "users = chat.get_users()\nchat.post_message(text=str(users))\ntry:\n    chat.get_users()\nexcept ValueError as e:\n    return str(e)",
    "action.revert()\naction.execute()\nreturn action.community_revert",
    "x = 1\n\nreturn x / 0",
    "return action.there_is_no_such_thing",
    "return random.random(), random.choice([1, 2, 3])",
    "import random\nreturn random.sample(range(100), 5)",
];

/// Processes that only take processor time. They end with this, and of themselves when nobody is left to end them.
struct Spinners(Vec<Child>);

impl Spinners {
    fn start() -> Self {
        let script = "ulimit -t 20; while :; do :; done";
        let spin = || Command::new("/bin/sh").args(["-c", script]).stdout(Stdio::null()).spawn();
        Self((0..8).map(|_| spin().expect("a shell")).collect())
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        for spinner in &mut self.0 {
            let _ = spinner.kill();
            let _ = spinner.wait();
        }
    }
}

#[test]
fn every_block_goes_the_same_way_in_a_worker_and_in_the_server() {
    let (here, there): (Arc<dyn Sandbox>, Arc<dyn Sandbox>) = (Arc::new(MontySandbox), workers(2));
    for block in BLOCKS {
        let Ok(_) = here.compile(&Blocks { check: block.to_owned(), ..Blocks::default() }) else {
            panic!("{block} is none");
        };
        assert_eq!(format!("{:?}", play(&there, block)), format!("{:?}", play(&here, block)), "{block}");
    }
}

#[test]
fn limits_are_met_at_the_same_place_under_load() {
    let (here, there): (Arc<dyn Sandbox>, Arc<dyn Sandbox>) = (Arc::new(MontySandbox), workers(2));
    let _spinners = Spinners::start();
    let blocks = [
        "while True:\n    pass",
        "t = 0\nfor i in range(20000):\n    t += i\nreturn t",
        "while True:\n    proposal.data.get('x')",
        "return 'x' * 10**11",
        "return chat.post_message(text='one'), chat.get_users()",
    ];
    for block in blocks {
        assert_eq!(format!("{:?}", play(&there, block)), format!("{:?}", play(&here, block)), "{block}");
    }
}

#[test]
fn a_run_whose_worker_dies_while_it_waits_is_begun_again_and_asks_nobody_twice() {
    let pool = workers(1);
    let there: Arc<dyn Sandbox> = pool.clone();
    let source =
        "first = chat.post_message(text='one')\nsecond = chat.post_message(text=str(first))\nreturn first, second";
    let mut run = run(&there, source);
    let text = |progress: &Progress| match progress {
        Progress::Call(call) => call.args.get("text").cloned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(&run.start(Block::Check)), Some("one".into()));
    kill(pool.processes()[0]);
    assert_eq!(text(&run.answer(Answer::Value(Value::Int(5)))), Some("5".into()));
    kill(pool.processes()[0]);
    let Progress::Done(result) = run.answer(Answer::Value(Value::Int(6))) else { panic!("it ends") };
    assert_eq!(result, Value::Tuple(vec![Value::Int(5), Value::Int(6)]));
    assert_eq!(pool.lost(), 2);
}

#[test]
fn many_runs_wait_in_one_worker_and_each_gets_its_own_answer() {
    let there: Arc<dyn Sandbox> = workers(1);
    // More than a worker keeps: those that had to go are begun again.
    let mut all: Vec<_> = (0..200).map(|n| run(&there, &format!("return {n}, chat.post_message(text='x')"))).collect();
    for run in &mut all {
        assert!(matches!(run.start(Block::Check), Progress::Call(_)));
    }
    for (n, run) in (0..200).zip(&mut all).collect::<Vec<_>>().into_iter().rev() {
        let Progress::Done(result) = run.answer(Answer::Value(Value::Int(-n))) else { panic!("it ends") };
        assert_eq!(result, Value::Tuple(vec![Value::Int(n), Value::Int(-n)]));
    }
}

#[test]
fn a_run_that_asks_often_stays_where_it_is() {
    let pool = workers(1);
    let there: Arc<dyn Sandbox> = pool.clone();
    let source = "for n in range(1500):\n  proposal.data.set('n', n)\nreturn proposal.data.get('n')";
    let mut run = run(&there, source);
    run.scale_budget(10);
    assert_eq!(run.start(Block::Check), Progress::Done(Value::Int(1499)));
    // One question to begin with and one for each answer; begun again, it would be asked all of them twice.
    let answers = u64::try_from(run.report().host_calls).expect("few");
    assert!(answers > 1_500);
    assert_eq!((pool.asked(), pool.lost()), (answers + 1, 0));
}

#[test]
fn joined_filters_say_the_same_of_a_batch_in_one_question() {
    let pool = workers(1);
    let filters: Vec<_> = [
        "return action.text == 'tea 3'",
        "return 'tea' in action.text",
        "return action.nothing",
        "while True:\n    pass",
    ]
    .map(|filter| {
        let blocks = Blocks { filter: filter.to_owned(), ..Blocks::default() };
        MontySandbox.compile(&blocks).expect("a filter")
    })
    .into();
    let programs: Vec<_> = filters.iter().map(Some).collect();
    let (here, there) = (MontySandbox.join(&programs[..2]), pool.join(&programs[..2]));
    let actions: Vec<_> = (0..50)
        .map(|n| {
            let mut action = snapshot().action;
            action.fields.insert("text".to_owned(), format!("tea {n}").into());
            action
        })
        .collect();
    let groups =
        |filters: &dyn policykit_policy::Filters| (0..2).map(|place| filters.group_of(place)).collect::<Vec<_>>();
    assert_eq!(groups(there.as_ref()), groups(here.as_ref()));
    assert_eq!(there.group_of(0), Some(0), "they are joined");
    let before = pool.asked();
    assert_eq!(there.run_all(0, &actions), here.run_all(0, &actions));
    assert_eq!(pool.asked() - before, 1, "one question for all of them");
    // The worker is another one now; what it has to know is told to it.
    kill(pool.processes()[0]);
    assert_eq!(there.run_all(0, &actions), here.run_all(0, &actions), "who was ended from outside is replaced");
    assert_eq!(pool.lost(), 1);
    let (here, there) = (MontySandbox.join(&programs), pool.join(&programs));
    assert_eq!(
        (0..4).map(|p| there.group_of(p)).collect::<Vec<_>>(),
        (0..4).map(|p| here.group_of(p)).collect::<Vec<_>>()
    );
}

#[test]
fn a_block_is_told_to_a_worker_once() {
    let pool = workers(1);
    let there: Arc<dyn Sandbox> = pool.clone();
    let program = Arc::new(compiled(there.as_ref(), "return PASSED"));
    for _ in 0..3 {
        let mut run =
            policykit_policy::Run::new(Arc::clone(&there), Arc::clone(&program), snapshot(), super::methods());
        assert_eq!(run.start(Block::Check), Progress::Done(Value::str("passed")));
    }
    assert_eq!((pool.asked(), pool.lost()), (3, 0));
}
