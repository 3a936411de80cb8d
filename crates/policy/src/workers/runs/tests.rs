use std::time::Duration;

use policykit_core::policy::Block;

use super::*;
use crate::{
    compile::MontySandbox,
    sandbox::Sandbox as _,
    workers::{
        WorkerOptions, WorkerTrouble,
        message::{MOST_TOLD, PROTOCOL, UNASKED, frame},
        wire::only,
    },
};

fn octal(number: u64, told: &Told) -> String {
    let mut bytes = Vec::new();
    frame(&mut bytes, MOST_TOLD, number, |w| w.told(told)).unwrap();
    bytes.iter().map(|byte| format!("\\{byte:03o}")).collect()
}

/// What prints an answer in a shell.
fn says(number: u64, told: &Told) -> String {
    format!("printf '{}'", octal(number, told))
}

fn passed() -> Told {
    Told::Done(Value::str("passed"), Value::None)
}

/// A worker that greets as one does and then does what this script says.
fn impostor(script: &str) -> Arc<Pool> {
    let hello = Told::Hello { protocol: PROTOCOL, build: MontySandbox.build().to_owned(), contained: true };
    let options = WorkerOptions {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), format!("{}; {script}", says(UNASKED, &hello))],
        count: 1,
        patience: Duration::from_millis(500),
        budget: Budget::default(),
    };
    Pool::new(options, MontySandbox.build().to_owned()).unwrap()
}

fn case(source: &str) -> Arc<Case> {
    let program = MontySandbox.compile(&only(Block::Check, source.to_owned())).unwrap();
    let code = Arc::clone(program.block(Block::Check).unwrap());
    let scope = Scope { parameters: vec![Arc::default(); 5], ..Scope::default() };
    Arc::new(Case { code, scope, budget: Budget { cpu: Duration::from_millis(50), ..Budget::default() } })
}

fn failed(step: &Step) -> (FailureKind, String) {
    let Step::Failed(failure) = step else { panic!("it ended otherwise") };
    (failure.kind.clone(), failure.message.clone())
}

const BROKEN: (FailureKind, &str) = (FailureKind::Limit(Limit::Memory), "the rule ended the process it ran in");

#[test]
fn a_worker_that_says_what_no_worker_says_is_replaced_and_its_run_given_up_after_the_second() {
    let malformed: [String; 5] = [
        // A message longer than any, one of no kind, one with something behind it, an answer of another kind than was asked.
        "printf '\\377\\377\\377\\377'".to_owned(),
        "printf '\\011\\000\\000\\000\\001\\000\\000\\000\\000\\000\\000\\000\\143'".to_owned(),
        format!("printf '{}x'", octal(1, &passed())),
        says(1, &Told::Said(Vec::new())),
        // The answer to something that was asked before, or will be.
        says(2, &passed()),
    ];
    for lie in malformed {
        let pool = impostor(&format!("head -c 1 >/dev/null; {lie}; cat >/dev/null"));
        let (kind, message) = failed(&pool.begin(case("return True")));
        assert_eq!((kind, message.as_str()), BROKEN, "{lie}");
        assert_eq!(pool.lost(), 2, "{lie}");
    }
}

#[test]
fn an_answer_that_comes_late_is_never_taken_for_the_answer_to_what_is_asked_now() {
    // Answers the first question; then, as somebody does who was held up, answers it once more while the next one is read.
    let (passed, late) = (says(1, &passed()), says(1, &Told::Done(Value::str("late"), Value::None)));
    let pool = impostor(&format!("head -c 1 >/dev/null; {passed}; head -c 20000 >/dev/null; {late}; cat >/dev/null"));
    let ends = |source: &str| match pool.begin(case(source)) {
        Step::Done(value, _) => value,
        _ => panic!("it is answered"),
    };
    assert_eq!((ends("return PASSED"), pool.lost()), (Value::str("passed"), 0));
    let long = format!("x = '{}'\nreturn PASSED", "x".repeat(30_000));
    assert_eq!(ends(&long), Value::str("passed"), "what another worker says of it");
    assert_eq!(pool.lost(), 1, "the late answer cost the worker its life");
}

#[test]
fn a_worker_that_stands_still_or_trickles_is_not_waited_for_without_end() {
    for idle in [
        "cat >/dev/null",
        "head -c 1 >/dev/null; printf '\\377\\000\\000\\000'; while :; do printf x; sleep 0.05; done",
    ] {
        let pool = impostor(idle);
        let (kind, message) = failed(&pool.begin(case("return True")));
        assert_eq!(kind, FailureKind::Nowhere, "{idle}: it is no fault of the rule");
        assert!(message.contains("it stood still"), "{message}");
        assert_eq!(u64::from(LOST_FROM_OUTSIDE), pool.lost(), "{idle}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_computes_for_far_too_long_is_given_up_once_and_its_rule_not_tried_again() {
    let pool = impostor("while :; do :; done");
    let endless = case("return True");
    for _ in 0..3 {
        let (kind, message) = failed(&pool.begin(Arc::clone(&endless)));
        assert_eq!(kind, FailureKind::Limit(Limit::Cpu));
        assert!(message.contains("took longer than it may"), "{message}");
        assert_eq!(pool.lost(), 1);
    }
    let _ = pool.begin(case("return True"));
    assert_eq!(pool.lost(), 2, "another rule is tried");
}

#[test]
fn what_is_said_of_a_rule_depends_on_how_its_worker_ended() {
    let memory = Limit::Memory;
    for (end, kind, said, lost) in [
        ("exit 1", FailureKind::Limit(memory), "the rule ended the process it ran in", 2),
        (
            "echo 'memory allocation of 1 bytes failed' >&2; kill -ABRT $$",
            FailureKind::Limit(memory),
            "the rule used more memory than it may",
            2,
        ),
        ("kill -KILL $$", FailureKind::Nowhere, "ended from outside", 3),
    ] {
        let pool = impostor(&format!("head -c 1 >/dev/null; {end}"));
        let (found, message) = failed(&pool.begin(case("return True")));
        assert_eq!(found, kind, "{end}");
        assert!(message.contains(said), "{message}");
        assert_eq!(pool.lost(), lost, "{end}");
    }
}

#[test]
fn a_rule_whose_worker_is_ended_from_outside_every_time_is_to_blame_in_the_end() {
    let pool = impostor("head -c 1 >/dev/null; kill -KILL $$");
    let rule = case("return True");
    let kinds: Vec<FailureKind> = (0..3).map(|_| failed(&pool.begin(Arc::clone(&rule))).0).collect();
    let nowhere = FailureKind::Nowhere;
    assert_eq!(kinds, [nowhere.clone(), nowhere, FailureKind::Limit(Limit::Memory)]);
}

#[test]
fn what_is_too_large_for_a_worker_fails_its_run_and_costs_no_worker() {
    let pool = impostor(&format!("head -c 1 >/dev/null; {}; cat >/dev/null", says(1, &passed())));
    let small = case("return action");
    for large in [Value::Str("x".repeat(20 * 1024 * 1024)), Value::List(vec![Value::None; 600_000])] {
        let mut scope = small.scope.clone();
        scope.parameters[0] = Arc::new(large);
        let large = Case { code: Arc::clone(&small.code), scope, budget: small.budget };
        let (kind, message) = failed(&pool.begin(Arc::new(large)));
        assert_eq!(kind, FailureKind::Limit(Limit::Memory));
        assert_eq!(message, "what the rule is given is larger than it may be");
    }
    assert!(matches!(pool.begin(small), Step::Done(..)), "the same worker runs others");
    assert_eq!(pool.lost(), 0);
}

#[test]
fn a_program_that_is_no_worker_is_said_to_be_none() {
    let options = |program: &str| WorkerOptions {
        program: program.into(),
        arguments: Vec::new(),
        count: 1,
        patience: Duration::from_millis(500),
        budget: Budget::default(),
    };
    let build = || MontySandbox.build().to_owned();
    let silent = Pool::new(options("/bin/true"), build()).unwrap().try_one();
    assert!(matches!(silent, Err(WorkerTrouble::Silent(_))), "{silent:?}");
    let missing = Pool::new(options("/bin/there-is-none"), build()).unwrap();
    assert!(matches!(missing.try_one(), Err(WorkerTrouble::Start(_))));
    let (kind, message) = failed(&missing.begin(case("return True")));
    assert_eq!(kind, FailureKind::Nowhere);
    assert!(message.contains("cannot be started"), "{message}");
    let other = Pool::new(options("/bin/ls"), build()).unwrap().try_one();
    assert!(matches!(other, Err(WorkerTrouble::Version)), "{other:?}");
}
