//! What the original's own tests say of policy code: the sandbox's cases 17 to 21, and what code sees of the processes of
//! 22 and 24. The rest of those, and the published policies, are tested where there is an engine.

use policykit_core::{ObjectKind, ObjectRef, Value, policy::Block};
use policykit_policy::{Answer, MontySandbox, Progress, Sandbox, verdict};
use serde_json::json;

use crate::common::{blocks, check, check_on, failure, run_on, snapshot, with_vote};

/// Everything that is wrong with a block, in one text.
fn refused(source: &str) -> String {
    let problems = MontySandbox.compile(&blocks(Block::Check, source)).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// 17.
#[test]
fn what_the_sandbox_has_works() {
    for (source, expected) in [
        ("return 1 <= random.randint(1, 6) <= 6 and random.choice(['a']) == 'a'", json!(true)),
        ("return datetime.datetime(2024, 2, 3, 4, 5).strftime('%Y-%m-%d %H:%M')", json!("2024-02-03 04:05")),
        ("t = datetime.time(4, 5, 6)\nreturn [t.hour, t.isoformat()]", json!([4, "04:05:06"])),
        ("return json.loads(json.dumps({'a': [1, None]}))['a']", json!([1, null])),
        ("return base64.b64decode(base64.b64encode(b'tea')).decode()", json!("tea")),
        ("return [list(p) for p in itertools.combinations('abc', 2)]", json!([["a", "b"], ["a", "c"], ["b", "c"]])),
        ("return math.floor(2.7) + math.sqrt(9)", json!(5.0)),
        ("return ' Tea '.strip().upper().replace('T', 'S').split('E')", json!(["S", "A"])),
        ("n = 0\nfor i in range(5):\n  n += i\nwhile n < 20:\n  n += 1\nreturn n", json!(20)),
        ("def f(a, *, b=2, **more):\n  return a + b + more['c']\nreturn f(1, c=3)", json!(6)),
        ("return [action.initiator.username, policy.name, proposal.status]", json!(["U1", "rule", "proposed"])),
    ] {
        assert_eq!(check(source).to_json(), expected, "{source}");
    }
}

/// 18. Modules that are there anyway may be imported here.
#[test]
fn what_the_sandbox_forbids_is_refused_before_it_runs() {
    assert!(refused("import os").contains("cannot be imported"));
    assert!(refused("from subprocess import run").contains("cannot be imported"));
    assert!(refused("return action.__class__").contains("private"));
    assert!(refused("_x = 1").contains("private"));
    for source in [
        "action.text = 'x'",
        "proposal.status = 'passed'",
        "action.initiator.username = 'x'",
        "policy.name, x = 1, 2",
        "policy.version += 1",
        "for action.text in ['x']:\n  pass",
        "setattr(action, 'text', 'x')",
        "proposal.get_yes_votes()[0].value = 'no'",
    ] {
        assert!(refused(source).contains("stays as it is"), "{source}");
    }
    let kept = "variables.x = 1\nvariables['y'] = 2\nv = variables\nv.z = 3\nreturn variables.x + variables.y + v.z";
    assert_eq!(check(kept), Value::Int(6));
}

/// 19.
#[test]
fn a_check_says_passed_failed_or_proposed_and_sees_its_scope() {
    for (source, expected) in [
        ("return PASSED", "passed"),
        ("return FAILED", "failed"),
        ("return PROPOSED", "proposed"),
        ("return", "proposed"),
        ("x = 1", "proposed"),
        ("return True", "proposed"),
    ] {
        assert_eq!(verdict(&check(source)).as_str(), expected, "{source}");
    }
    assert!(failure("return whatever").to_string().contains("whatever"));
    assert!(failure("return discourse.platform").to_string().contains("discourse"));
    for (source, expected) in [
        ("return slack.team_id", json!("T1")),
        ("return action.id == action.pk and policy.id != action.id", json!(true)),
        ("return proposal.proposal_time.isoformat()", json!("2023-11-14T22:13:20+00:00")),
        ("return proposal.vote_post_id", json!("1.1")),
        ("return proposal.vote_url", json!(null)),
        ("return datetime.datetime.now().year", json!(2023)),
        ("return math.ceil(1.1)", json!(2)),
    ] {
        assert_eq!(check_on(with_vote(snapshot()), source).to_json(), expected, "{source}");
    }
}

/// 20.
#[test]
fn errors_name_the_line_that_the_author_sees() {
    assert!(failure("whatever").to_string().starts_with("NameError at line 1"));
    assert!(failure("x = 1\n\nwhatever").to_string().starts_with("NameError at line 3"));
    assert!(refused("x = 1\nx = = 2").contains("line 2"));
}

/// 21.
#[test]
fn each_line_that_is_logged_is_a_row_of_its_own() {
    let mut run = run_on(snapshot(), &blocks(Block::Check, "logger.debug('a')\nlogger.error('b')\nreturn PASSED"));
    assert_eq!(run.start(Block::Check), Progress::Done(Value::str("passed")));
    let logs: Vec<_> = run.report().logs.into_iter().map(|entry| (entry.level, entry.message)).collect();
    assert_eq!(logs, [("debug".to_owned(), "a".to_owned()), ("error".to_owned(), "b".to_owned())]);
}

/// 22 and 24, as far as the code goes: what was called gives back what it was answered, and a process is read by its names.
#[test]
fn a_process_that_was_closed_is_decided_by_its_outcome() {
    let source = "p = chat.react('thumb')\nif p.status == 'completed' and p.outcome['winner'] == 'tea':\n  \
                  return PASSED";
    let mut run = run_on(snapshot(), &blocks(Block::Check, source));
    assert!(matches!(run.start(Block::Check), Progress::Call(_)));
    let outcome = Value::Dict(vec![(Value::str("winner"), Value::str("tea"))]);
    let attrs = vec![("status".to_owned(), Value::str("completed")), ("outcome".to_owned(), outcome)];
    let process = ObjectRef { kind: ObjectKind::Process, id: "1".to_owned(), label: "Process 1".to_owned(), attrs };
    let Progress::Done(value) = run.answer(Answer::Value(Value::Object(process))) else { panic!() };
    assert_eq!(verdict(&value).as_str(), "passed");
}
