//! Code that means harm is stopped, and stopping it cannot be caught.

use policykit_core::policy::Block;
use policykit_policy::{FailureKind, Limit, MontySandbox, Sandbox};

use crate::common::{blocks, check, failure};

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
