//! Code that means harm is stopped, and stopping it cannot be caught.

use policykit_core::policy::Block;
use policykit_policy::{FailureKind, Limit, MontySandbox, Progress, Sandbox};

use crate::common::{blocks, check, failure, run_on, snapshot};

fn limit(source: &str) -> FailureKind {
    failure(source).kind
}

#[test]
fn an_endless_loop_is_stopped_by_its_own_computing_time() {
    assert_eq!(limit("while True:\n    pass"), FailureKind::Limit(Limit::Cpu));
    assert_eq!(
        limit(
            "x = 0\nwhile True:\n    try:\n        while True:\n            x += 1\n    except BaseException:\n        pass"
        ),
        FailureKind::Limit(Limit::Cpu)
    );
    assert_eq!(limit("return sum(range(10**11))"), FailureKind::Limit(Limit::Cpu));
}

#[test]
fn a_long_loop_is_stopped_although_it_would_end() {
    assert_eq!(limit("t = 0\nfor i in range(20000000):\n    t += i\nreturn t"), FailureKind::Limit(Limit::Cpu));
}

#[test]
fn a_flood_of_host_calls_is_stopped() {
    assert_eq!(limit("while True:\n    proposal.data.get('x')"), FailureKind::Limit(Limit::HostCalls));
}

#[test]
fn large_values_are_refused() {
    for source in ["return 'x' * 10**11", "return 10**10**8", "x = [0] * 10**9"] {
        let kind = limit(source);
        assert!(
            matches!(&kind, FailureKind::Limit(_)) || kind == FailureKind::Exception("OverflowError".to_owned()),
            "{source}: {kind:?}"
        );
    }
}

#[test]
fn deep_recursion_is_an_exception() {
    assert_eq!(
        limit("def f(n):\n    return f(n + 1)\nreturn f(0)"),
        FailureKind::Exception("RecursionError".to_owned())
    );
}

#[test]
fn nested_and_flat_expressions_do_not_overflow_the_compiler() {
    for source in [
        format!("return {}1{}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("return {}", "1+".repeat(15_000) + "1"),
        format!("return action{}", ".a".repeat(15_000)),
        format!("return {}1", "not ".repeat(7_000)),
        format!("return {}", "1+".repeat(200_000) + "1"),
    ] {
        // Whether it compiles is the compiler's business; that the process lives is ours.
        if let Ok(program) = MontySandbox.compile(&blocks(Block::Check, &source)) {
            assert!(!program.is_blank(Block::Check));
        }
    }
}

#[test]
fn files_and_the_environment_are_out_of_reach() {
    for source in ["open('/etc/passwd')", "return eval('1')", "return __import__('os')"] {
        let stopped = match MontySandbox.compile(&blocks(Block::Check, source)) {
            Err(_) => true,
            Ok(_) => matches!(limit(source), FailureKind::Exception(_)),
        };
        assert!(stopped, "{source}");
    }
}

#[test]
fn harmless_code_stays_well_within_the_limits() {
    assert_eq!(check("t = 0\nfor i in range(20000):\n    t += i\nreturn t > 0").to_json(), serde_json::json!(true));
}

/// A list in a list in a list.
const DEEP: &str = "x = []\nfor i in range(100000):\n    x = [x]\n";

#[test]
fn values_nested_without_end_are_refused_wherever_they_leave_the_block() {
    for leaves in [
        "return x",
        "proposal.data.set('x', x)",
        "logger.info(x)",
        "slack.post_message(text=x)",
        "x = {'a': x}\nproposal.data.set('x', x)",
    ] {
        let failed = failure(&format!("{DEEP}{leaves}"));
        assert!(failed.to_string().contains("nested more than 32 levels"), "{leaves}: {failed}");
    }
    // Variables are what `initialize` leaves behind; no other block's are kept.
    let initialize = blocks(Block::Initialize, &format!("{DEEP}variables.x = x"));
    let Progress::Failed(failed) = run_on(snapshot(), &initialize).start(Block::Initialize) else {
        panic!("it is kept");
    };
    assert!(failed.to_string().contains("nested more than 32 levels"), "{failed}");
    assert_eq!(check(&format!("{DEEP}variables.x = x\nreturn 1")).to_json(), serde_json::json!(1));
    let caught = "try:\n    proposal.data.set('x', x)\nexcept ValueError:\n    return 'caught'";
    assert_eq!(check(&format!("{DEEP}{caught}")).to_json(), serde_json::json!("caught"));
}

#[test]
fn values_nested_without_end_do_not_end_the_process_inside_the_block() {
    for use_it in ["return json.dumps(x)", "return str(x)", "return f'{x}'", "return x == [x]", "x = None"] {
        // What comes of it is the interpreter's business; that the process lives is ours.
        let mut run = run_on(snapshot(), &blocks(Block::Check, &format!("{DEEP}{use_it}")));
        assert!(matches!(run.start(Block::Check), Progress::Done(_) | Progress::Failed(_)), "{use_it}");
    }
}

#[test]
fn values_nested_as_deep_as_is_allowed_leave_the_block() {
    let nested = |levels: usize| format!("x = 1\nfor i in range({levels}):\n    x = [x]\nreturn x");
    // The result travels in a pair with the variables.
    assert!(check(&nested(30)).is_within(31));
    assert!(failure(&nested(31)).to_string().contains("nested more than 32 levels"));
}

#[test]
fn text_that_is_nested_without_end_is_refused_when_it_is_read() {
    let failed = failure("return json.loads('[' * 100000 + ']' * 100000)");
    assert!(matches!(failed.kind, FailureKind::Exception(_)), "{failed}");
}

#[test]
fn a_block_of_the_largest_size_runs_and_one_byte_more_is_refused() {
    let statement = "return True\n";
    let filled = |length: usize| format!("{statement}#{}", "x".repeat(length - statement.len() - 1));
    assert_eq!(check(&filled(32 * 1024)).to_json(), serde_json::json!(true));
    let refused = MontySandbox.compile(&blocks(Block::Check, &filled(32 * 1024 + 1))).expect_err("too long");
    assert_eq!(refused.first().map(|d| d.code), Some("PK002"));
    assert!(refused.iter().any(|d| d.message.contains("32769") && d.message.contains("32768")), "{refused:?}");
    // A line of another system's ending counts as one that ends here.
    let windows = filled(32 * 1024).replacen('\n', "\r\n", 1);
    assert_eq!(check(&windows).to_json(), serde_json::json!(true));
}
