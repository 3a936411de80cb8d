//! Code that means harm, in the processes it really runs in.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use policykit_core::{
    Value,
    policy::{Block, Blocks},
};
use policykit_policy::{
    Answer, Budget, Containment, FailureKind, Limit, Progress, Run, Sandbox, WorkerOptions, Workers,
};

use super::{compiled, methods, run, snapshot, workers};

/// How it ends, in a word.
fn ends(sandbox: &Arc<dyn Sandbox>, source: &str) -> String {
    let Ok(program) = sandbox.compile(&Blocks { check: source.to_owned(), ..Blocks::default() }) else {
        return "refused".to_owned();
    };
    let mut run = Run::new(Arc::clone(sandbox), Arc::new(program), snapshot(), methods());
    match run.start(Block::Check) {
        Progress::Failed(failure) => match failure.kind {
            FailureKind::Limit(limit) => format!("{limit:?}"),
            FailureKind::Exception(class) => class,
            FailureKind::Nowhere => "Nowhere".to_owned(),
        },
        Progress::Done(_) => "done".to_owned(),
        other => panic!("{source}: {other:?}"),
    }
}

/// The inputs of the measurements that chose the interpreter, and how they may end.
fn inputs() -> Vec<(String, &'static [&'static str])> {
    let deep = "x = []\nfor i in range(100000):\n    x = [x]\n";
    let fixed: [(&str, &[&str]); 22] = [
        ("while True:\n    pass", &["Cpu"]),
        (
            "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
            &["Cpu"],
        ),
        ("return 'x' * 10**9", &["Memory"]),
        ("return 'x' * 10**11", &["Memory"]),
        ("return [0] * 10**9", &["Memory"]),
        ("x = [1]\nwhile True:\n    x = x + x", &["Memory", "Cpu"]),
        ("x = []\nwhile True:\n    x.append('text ' + str(len(x)))", &["Memory", "Cpu"]),
        ("return 10**10**8", &["Memory", "OverflowError"]),
        ("n = 1\nfor i in range(1, 10**7):\n    n = n * i", &["Cpu", "Memory", "OverflowError"]),
        ("def f(n):\n    return f(n + 1)\nreturn f(0)", &["RecursionError"]),
        (
            "x = list(range(100))\nx.sort(key=lambda a: sorted(x, key=lambda b: b))\nreturn 1",
            &["done", "ValueError", "Cpu"],
        ),
        (
            "import re\nreturn bool(re.match('(a+)+$', 'a' * 5000 + 'b'))",
            &["done", "refused", "Cpu", "Exception", "PatternError"],
        ),
        ("return sum(range(10**11))", &["Cpu"]),
        ("import itertools\nreturn list(itertools.repeat(1))", &["Cpu", "Memory", "refused", "AttributeError"]),
        (
            "x = 'ab' * 1000000\nfor i in range(100):\n    x = x.replace('a', 'aaaaaaaa')\nreturn len(x)",
            &["Memory", "Cpu"],
        ),
        ("return ','.join(['x' * 1000000] * 100000)", &["Memory"]),
        ("while True:\n    print('x' * 100000)", &["Cpu", "refused"]),
        ("while True:\n    proposal.data.get('x')", &["HostCalls"]),
        ("open('/etc/passwd')", &["PermissionError"]),
        ("return __import__('os')", &["refused", "NameError"]),
        ("return json.loads('[' * 100000 + ']' * 100000)", &["json.JSONDecodeError"]),
        ("return 'x' * (60 * 1024 * 1024)", &["Memory"]),
    ];
    let nested: [(String, &[&str]); 6] = [
        (format!("return {}1{}", "(".repeat(10_000), ")".repeat(10_000)), &["refused"]),
        (format!("return {}", "1+".repeat(15_000) + "1"), &["done", "refused", "RecursionError"]),
        (format!("return {}", "1+".repeat(200_000) + "1"), &["refused"]),
        (format!("return action{}", ".a".repeat(15_000)), &["refused", "AttributeError"]),
        (format!("{deep}return x"), &["ValueError"]),
        (format!("{deep}return x == [x]"), &["RecursionError", "done"]),
    ];
    fixed.map(|(source, may)| (source.to_owned(), may)).into_iter().chain(nested).collect()
}

/// What the system says of a process, by the word before the colon.
fn status(process: u32, of: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(format!("/proc/{process}/{of}")).unwrap_or_default();
    let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    text.lines().filter_map(pair).collect()
}

/// The most memory that a process has had, in MiB; `None` when it is gone.
fn most_memory(process: u32) -> Option<u64> {
    let peak = status(process, "status").get("VmHWM")?.split_whitespace().next()?.parse::<u64>().ok()?;
    Some(peak / 1024)
}

#[test]
fn no_input_brings_the_server_down_or_goes_beyond_the_memory_of_its_worker() {
    let pool = workers(1);
    let there: Arc<dyn Sandbox> = pool.clone();
    let mut most = 0;
    for (source, may) in inputs() {
        let end = ends(&there, &source);
        let shown: String = source.chars().take(80).collect();
        assert!(may.contains(&end.as_str()), "{shown}: {end}");
        // A rule that does no harm runs right afterwards, in whatever worker there is by now.
        assert_eq!(ends(&there, "return len(action.text)"), "done", "after {shown}");
        most = most.max(pool.processes().into_iter().filter_map(most_memory).max().unwrap_or_default());
    }
    assert!(most > 0, "it was measured");
    // What the kernel lets it have, and the program itself, which is no memory of its own. Two of them leave the server 60
    // of 400.
    assert!(most < 170, "a worker had {most} MiB");
}

#[test]
fn a_rule_without_bounds_is_told_so_and_its_neighbours_go_on() {
    let pool = workers(1);
    let there: Arc<dyn Sandbox> = pool.clone();
    let mut neighbour = run(&there, "first = chat.post_message(text='one')\nreturn first");
    assert!(matches!(neighbour.start(Block::Check), Progress::Call(_)));
    // Given more time, it would not stop before it has all memory there is.
    let mut greedy = run(&there, "x = ['0123456789' * 100]\nwhile True:\n    x = x + [y + 'x' for y in x]");
    greedy.scale_budget(20);
    let Progress::Failed(failure) = greedy.start(Block::Check) else { panic!("it cannot end") };
    assert_eq!(failure.kind, FailureKind::Limit(Limit::Memory));
    assert_eq!(failure.message, "the rule used more memory than it may");
    assert_eq!(pool.lost(), 2, "it was tried twice");
    assert_eq!(neighbour.answer(Answer::Value(Value::Int(1))), Progress::Done(Value::Int(1)));
    assert_eq!(pool.lost(), 2);
}

#[test]
fn what_is_too_large_to_hand_over_is_an_error_of_its_rule_and_costs_no_worker() {
    let pool = workers(1);
    let there: Arc<dyn Sandbox> = pool.clone();
    let mut neighbour = run(&there, "first = chat.post_message(text='one')\nreturn first");
    assert!(matches!(neighbour.start(Block::Check), Progress::Call(_)));
    for source in ["return [0] * 600000", "return 'x' * 9000000", "chat.post_message(text='x' * 9000000)"] {
        let Progress::Failed(failure) = run(&there, source).start(Block::Check) else { panic!("{source} is taken") };
        assert_eq!(failure.kind, FailureKind::Limit(Limit::Memory), "{source}");
        assert!(failure.message.contains("hands over more than 8 MB"), "{failure}");
    }
    assert_eq!(neighbour.answer(Answer::Value(Value::Int(1))), Progress::Done(Value::Int(1)));
    assert_eq!(pool.lost(), 0);
}

#[test]
fn a_rule_that_computes_for_long_keeps_nobody_waiting_in_the_other_worker() {
    let pool = workers(2);
    let there: Arc<dyn Sandbox> = pool.clone();
    let slow = Arc::clone(&there);
    let program = Arc::new(compiled(there.as_ref(), "return PASSED"));
    let mut quick = 0;
    std::thread::scope(|scope| {
        let busy = scope.spawn(move || ends(&slow, "while True:\n    pass"));
        while !busy.is_finished() {
            let mut run = Run::new(Arc::clone(&there), Arc::clone(&program), snapshot(), methods());
            assert_eq!(run.start(Block::Check), Progress::Done(Value::str("passed")));
            quick += 1;
        }
        assert_eq!(busy.join().expect("it ends"), "Cpu");
    });
    assert!(quick > 10, "{quick} others came to their end meanwhile");
}

#[cfg(target_os = "linux")]
fn what_it_has_open_is_of_no_use(folder: &str) {
    assert_eq!(std::fs::read_link(format!("{folder}/cwd")).expect("a folder"), std::path::Path::new("/"));
    let mut open: Vec<_> = std::fs::read_dir(format!("{folder}/fd"))
        .expect("its descriptors")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    // What was left open to this very process is left open to everybody it starts, and the filter makes it useless.
    let others = std::process::Command::new("ls").arg("/proc/self/fd").output().expect("a list");
    let others = String::from_utf8_lossy(&others.stdout).into_owned();
    open.retain(|number| !others.split_whitespace().any(|other| other == number) || number.len() == 1);
    open.sort();
    assert_eq!(open, ["0", "1", "2"]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_kernel_holds_a_worker_on_all_sides() {
    let pool: Arc<Workers> = workers(1);
    assert_eq!(pool.try_one().expect("it starts"), Containment::Full);
    let process = pool.processes()[0];
    let now = status(process, "status");
    assert_eq!((now["Seccomp"].as_str(), now["NoNewPrivs"].as_str()), ("2", "1"));
    let folder = format!("/proc/{process}");
    match std::fs::read(format!("{folder}/environ")) {
        // It gives itself away to nobody but root, not even to who started it.
        Err(hidden) if hidden.kind() == std::io::ErrorKind::PermissionDenied => {}
        environment => {
            let environment = environment.expect("it can be read");
            let environment = String::from_utf8_lossy(&environment);
            assert_eq!(environment, "MALLOC_ARENA_MAX=1\0", "nothing of the server's surroundings");
            what_it_has_open_is_of_no_use(&folder);
        }
    }
    let limits = std::fs::read_to_string(format!("{folder}/limits")).expect("its limits");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).expect("a limit");
        line[name.len()..].split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max data size"), ["134217728", "134217728"]);
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(limit("Max open files"), ["3", "3"]);
    assert_eq!(limit("Max file size"), ["0", "0"]);
    // With the pool its workers go.
    drop(pool);
    assert!(!std::path::Path::new(&folder).exists());
}

#[test]
fn how_long_a_block_may_compute_is_the_operators_choice() {
    let options = WorkerOptions {
        program: env!("CARGO_BIN_EXE_policykit").into(),
        arguments: ["sandbox", "--memory-mib", "128"].map(str::to_owned).into(),
        count: 1,
        patience: Duration::from_secs(60),
        budget: Budget { cpu: Duration::from_millis(20), ..Budget::default() },
    };
    let there: Arc<dyn Sandbox> = Arc::new(Workers::new(options).expect("a thread"));
    let Progress::Failed(failure) = run(&there, "while True:\n    pass").start(Block::Check) else {
        panic!("it cannot end")
    };
    assert_eq!(failure.message, "the block computed for more than 20 ms");
}
