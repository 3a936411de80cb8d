//! Filters that run together say what each says alone.

use std::sync::Arc;

use policykit_core::{policy::Block, snapshot::Snapshot};
use policykit_policy::{Filters, MontySandbox, Program, Progress, Sandbox};
use proptest::prelude::*;

use crate::common::{blocks, run_on, snapshot};

fn programs(sources: &[String]) -> Vec<Program> {
    let compile = |source: &String| {
        MontySandbox.compile(&blocks(Block::Filter, source)).unwrap_or_else(|problems| panic!("{source}: {problems:?}"))
    };
    sources.iter().map(compile).collect()
}

fn join(programs: &[Program]) -> Arc<dyn Filters> {
    MontySandbox.join(&programs.iter().map(Some).collect::<Vec<_>>())
}

/// The action of these tests, and others that lack something of it or have something else in its place.
fn actions() -> Vec<Snapshot> {
    let changed = |change: &dyn Fn(&mut Snapshot)| {
        let mut changed = snapshot();
        change(&mut changed);
        changed
    };
    vec![
        snapshot(),
        changed(&|s| s.action.initiator = None),
        changed(&|s| s.action.fields = [("channel".to_owned(), serde_json::json!("C1"))].into_iter().collect()),
        changed(&|s| {
            s.action.fields.insert("text".to_owned(), serde_json::json!(7));
        }),
        changed(&|s| {
            s.action.fields.insert("text".to_owned(), serde_json::json!(["tea", ["tea"]]));
            s.action.fields.remove("channel");
        }),
        changed(&|s| {
            s.action.fields.insert("text".to_owned(), serde_json::Value::Null);
        }),
    ]
}

/// What the joined filters say on the action of these tests, by place.
fn together(joined: &Arc<dyn Filters>, places: usize) -> Vec<Option<bool>> {
    together_on(joined, places, &snapshot())
}

fn together_on(joined: &Arc<dyn Filters>, places: usize, on: &Snapshot) -> Vec<Option<bool>> {
    let mut said = vec![None; places];
    let mut groups: Vec<usize> = (0..places).filter_map(|place| joined.group_of(place)).collect();
    groups.dedup();
    for group in groups {
        for (place, matches) in joined.run(group, &on.action) {
            assert_eq!(said.get_mut(place).unwrap().replace(matches), None, "each is asked once");
        }
    }
    said
}

/// What they say once nothing else has held a run up: the time that a run may take is measured on the wall, and tests share
/// their machine. What is said at all is never wrong.
fn in_the_end(joined: &Arc<dyn Filters>, expected: &[Option<bool>]) -> Vec<Option<bool>> {
    in_the_end_on(joined, expected, &snapshot())
}

fn in_the_end_on(joined: &Arc<dyn Filters>, expected: &[Option<bool>], on: &Snapshot) -> Vec<Option<bool>> {
    let mut said = together_on(joined, expected.len(), on);
    for _ in 0..10 {
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.is_none() || said == expected, "{said:?} instead of {expected:?}");
        }
        if said == expected {
            break;
        }
        said = together_on(joined, expected.len(), on);
    }
    said
}

/// What a filter says by itself; `None` for an error.
fn alone(source: &str) -> Option<bool> {
    alone_on(source, snapshot())
}

fn alone_on(source: &str, on: Snapshot) -> Option<bool> {
    match run_on(on, &blocks(Block::Filter, source)).start(Block::Filter) {
        Progress::Done(value) => Some(value.is_truthy()),
        Progress::Failed(_) => None,
        other => panic!("{source}: {other:?}"),
    }
}

/// An expression over the action: true, false, of another type, or an error.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        proptest::sample::select(vec![
            "action.text",
            "action.channel",
            "action.initiator.username",
            "action.initiator.role_names",
            "action.action_type",
            "action.id",
            "action",
            "action.initiator",
            "action.nothing",
            "action.text.split()",
            "action.text.lower()",
            "action.text.strip().upper()",
            "len(action.text.split())",
            "action.initiator.readable_name.lower()",
            "action.initiator.is_community_admin",
            "action.channel.split('C')",
            "action.text.nothing()",
            "str(action)",
            "len(action.text)",
            "action.is_bundled",
            "text",
            "n",
            "None",
            "[]",
            "{}",
            "set()",
            "range(0)",
            "()",
            "[[1], [2]]",
        ])
        .prop_map(str::to_owned),
        (-3_i64..4).prop_map(|n| n.to_string()),
        proptest::sample::select(vec!["'vote'", "'C1'", "'U1'", "''", "'Base Role'", "'tea'"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let operators = vec!["==", "!=", "<", "in", "not in", "and", "or", "+", "-", "*", "//"];
        prop_oneof![
            (inner.clone(), proptest::sample::select(operators), inner.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            inner.clone().prop_map(|a| format!("(not {a})")),
            inner.clone().prop_map(|a| format!("({a})[0]")),
            inner.clone().prop_map(|a| format!("len({a})")),
            inner.clone().prop_map(|a| format!("any(x == 'tea' for x in {a})")),
            inner.clone().prop_map(|a| format!("sorted({a}, key=lambda x: x)")),
            inner.clone().prop_map(|a| format!("max({a})")),
            inner.clone().prop_map(|a| format!("f'{{{a}}}'")),
            inner.clone().prop_map(|a| format!("double({a})")),
            inner.prop_map(|a| format!("deep({a})")),
        ]
    })
}

/// A filter that defines what expressions may use, with statements around one of them.
fn filter() -> impl Strategy<Value = String> {
    let around = proptest::sample::select(vec![
        ("return ", ""),
        ("return action.channel == 'C1' and ", ""),
        ("return False if action.action_type == 'post' else ", ""),
        ("if ", ":\n  return 'yes'\nreturn False"),
        ("x = ", "\nreturn x"),
        ("for x in ", ":\n  n += 1\n  if n > 2:\n    return True\nreturn n == 2"),
        ("", "\nreturn True"),
    ]);
    let bare = (around.clone(), expression()).prop_map(|((start, end), within)| {
        // Without what only the longer ones define, so that many are a single expression.
        format!("{start}{within}{end}").replace("text", "action.text").replace("action.action.", "action.")
    });
    let before = "text = action.text\nn = 0\ndef double(x):\n  return x + x\ndef deep(x):\n  return deep(x)\n";
    let whole = (around, expression()).prop_map(move |((start, end), within)| format!("{before}{start}{within}{end}"));
    prop_oneof![whole, bare]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn together_filters_say_what_each_says_alone(
        sources in proptest::collection::vec(filter(), 1..12),
        raising in proptest::sample::select(vec![
            "raise ValueError('x')", "return 1 // 0", "return action.text + 1", "return undefined", "return policy.name == 'rule'",
        ]),
        at in 0_usize..12,
    ) {
        let mut sources = sources;
        sources.insert(at.min(sources.len()), raising.to_owned());
        let compiled = programs(&sources);
        let joined = join(&compiled);
        // The first one again at the end: what a run has shown must not change the next one.
        for on in actions().into_iter().chain([snapshot()]) {
            let expected: Vec<Option<bool>> = sources
                .iter()
                .enumerate()
                .map(|(place, source)| joined.group_of(place).and_then(|_| alone_on(source, on.clone())))
                .collect();
            prop_assert_eq!(in_the_end_on(&joined, &expected, &on), expected, "{:#?} on {:#?}", sources, on.action);
        }
    }
}

#[test]
fn filters_of_the_usual_kinds_are_joined_and_others_are_not() {
    let sources: Vec<String> = [
        "return action.text.startswith('core')",
        "return proposal.data.get('x') is None",
        "return action.channel == 'C2'",
        "# only a comment",
        "return hasattr(action, 'text')",
        "return action.initiator.username == 'U1'",
    ]
    .map(str::to_owned)
    .into();
    let compiled = programs(&sources);
    let expected = [Some(true), None, Some(false), None, None, Some(true)];
    assert_eq!(in_the_end(&join(&compiled), &expected), expected);
}

#[test]
fn what_an_action_lacks_is_missed_by_those_who_come_to_read_it() {
    let sources: Vec<String> = [
        "return action.action_type == 'post' and action.text.lower() == 'x'",
        "return action.action_type == 'other' and action.text.lower() == 'x'",
        "return action.text.lower() == 'x'",
        "if action.action_type == 'other':\n  return action.text == 'x'\nreturn True",
        "return action.initiator.username == 'U1'",
        "return action.initiator is None or action.initiator.username.lower() == 'u1'",
    ]
    .map(str::to_owned)
    .into();
    let compiled = programs(&sources);
    let joined = join(&compiled);
    let mut on = snapshot();
    on.action.fields.remove("text");
    let expected = [None, Some(false), None, Some(true), Some(true), Some(true)];
    assert_eq!(in_the_end_on(&joined, &expected, &on), expected);
    on.action.initiator = None;
    let expected = [None, Some(false), None, Some(true), None, Some(true)];
    assert_eq!(in_the_end_on(&joined, &expected, &on), expected);
}

#[test]
fn what_does_not_compile_leaves_its_place_empty() {
    let compiled = programs(&["return True".to_owned()]);
    let joined = MontySandbox.join(&[None, compiled.first(), None]);
    assert_eq!(in_the_end(&joined, &[None, Some(true), None]), [None, Some(true), None]);
}

#[test]
fn many_filters_are_joined_in_groups_and_each_keeps_its_place() {
    let sources: Vec<String> = (0..150).map(|n| format!("return len(action.text) == {n}")).collect();
    let compiled = programs(&sources);
    let length = snapshot().action.fields["text"].as_str().unwrap().len();
    let joined = join(&compiled);
    assert!(joined.group_of(0) != joined.group_of(149), "one run is not too long");
    let expected: Vec<Option<bool>> = (0..150).map(|n| Some(n == length)).collect();
    assert_eq!(in_the_end(&joined, &expected), expected);
}

#[test]
fn a_filter_that_asks_for_too_much_leaves_the_others_alone() {
    let sources: Vec<String> =
        ["return action.channel == 'C1'", "return 'x' * 100000000000 == ''", "return action.channel == 'C2'"]
            .map(str::to_owned)
            .into();
    let compiled = programs(&sources);
    let joined = join(&compiled);
    assert_eq!(together(&joined, 3), [None, None, None], "nobody is believed when a run was stopped");
    let rest = [Some(true), None, Some(false)];
    assert_eq!(in_the_end(&joined, &rest), rest, "without it the others run together");
    assert_eq!(alone(&sources[1]), None);
}

#[test]
fn a_filter_that_takes_too_long_again_and_again_leaves_the_others_alone() {
    let sources: Vec<String> =
        ["return action.channel == 'C1'", "for i in range(100000000000):\n  pass", "return action.channel == 'C2'"]
            .map(str::to_owned)
            .into();
    let compiled = programs(&sources);
    let joined = join(&compiled);
    assert_eq!(together(&joined, 3), [None, None, None], "nobody is believed when a run was stopped");
    // Three times for each halving, until it is by itself, and three times more; others may have held it up beside.
    let rest = [Some(true), None, Some(false)];
    assert_eq!(in_the_end(&joined, &rest), rest, "without it the others run together");
}
