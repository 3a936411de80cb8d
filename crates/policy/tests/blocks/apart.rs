//! Filters that run together notice nothing of each other, whatever they try: not a value, not an error, not a limit.

use std::sync::Arc;

use policykit_core::{policy::Block, snapshot::Snapshot};
use policykit_policy::{Filters, MontySandbox, Program, Progress, Run, Sandbox};
use proptest::prelude::*;

use crate::common::{blocks, methods, snapshot};

/// What is said of an action: whether it matches, or why that could not be told.
type Said = Result<bool, String>;

/// A filter by itself.
struct Single {
    source: String,
    program: Arc<Program>,
}

impl Single {
    fn of(source: String) -> Self {
        let compiled = MontySandbox.compile(&blocks(Block::Filter, &source));
        let program = Arc::new(compiled.unwrap_or_else(|problems| panic!("{source}: {problems:?}")));
        Self { source, program }
    }

    fn says(&self, on: &Snapshot) -> Said {
        let program = Arc::clone(&self.program);
        match Run::new(Arc::new(MontySandbox), program, on.clone(), methods()).start(Block::Filter) {
            Progress::Done(value) => Ok(value.is_truthy()),
            Progress::Failed(failure) => Err(failure.to_string()),
            other => panic!("{}: {other:?}", self.source),
        }
    }
}

/// Filters, each by itself and all of them joined.
struct Both {
    single: Vec<Single>,
    joined: Arc<dyn Filters>,
}

impl Both {
    fn of(sources: Vec<String>) -> Self {
        let single: Vec<_> = sources.into_iter().map(Single::of).collect();
        let joined = MontySandbox.join(&single.iter().map(|one| Some(&*one.program)).collect::<Vec<_>>());
        Self { single, joined }
    }

    /// What the joined run says by itself, by place.
    fn together(&self, on: &Snapshot) -> Vec<Option<bool>> {
        let mut said = vec![None; self.single.len()];
        let mut groups: Vec<usize> = (0..said.len()).filter_map(|place| self.joined.group_of(place)).collect();
        groups.dedup();
        for (place, matches) in groups.into_iter().flat_map(|group| self.joined.run(group, &on.action)) {
            assert_eq!(said.get_mut(place).unwrap().replace(matches), None, "each is asked once");
        }
        said
    }

    /// Holds what all say together against what each says alone. The time of a joined run is measured on the wall, and
    /// tests share their machine, so silence is asked again; what is said is never wrong. Gives how many were told
    /// together.
    fn compare(&self, on: &Snapshot) -> Result<usize, String> {
        let alone: Vec<Said> = self.single.iter().map(|one| one.says(on)).collect();
        let mut silent = Vec::new();
        for _ in 0..12 {
            silent.clear();
            let together = self.together(on);
            for (place, ((one, alone), together)) in self.single.iter().zip(&alone).zip(&together).enumerate() {
                match together {
                    Some(said) if *alone != Ok(*said) => {
                        return Err(format!("{said} together, {alone:?} alone:\n{}", one.source));
                    }
                    None if alone.is_ok() && self.joined.group_of(place).is_some() => silent.push(&one.source),
                    _ => {}
                }
            }
            if silent.is_empty() {
                return Ok(together.iter().flatten().count());
            }
        }
        Err(format!("nothing is said of {silent:?}"))
    }
}

/// Actions that have what is read, lack it, or have something else in its place.
fn actions() -> Vec<Snapshot> {
    let with = |text: serde_json::Value, channel: Option<&str>| {
        let mut on = snapshot();
        on.action.fields.insert("text".to_owned(), text);
        match channel {
            Some(channel) => on.action.fields.insert("channel".to_owned(), serde_json::json!(channel)),
            None => on.action.fields.remove("channel"),
        };
        on
    };
    let nobody = |mut on: Snapshot| {
        on.action.initiator = None;
        on
    };
    vec![
        with(serde_json::json!(" More TEA for more"), Some("C1")),
        with(serde_json::json!(["tea", ["more"], 7]), Some("")),
        nobody(with(serde_json::json!(""), None)),
        with(serde_json::json!({"lower": "tea", "a": 1}), Some("C2")),
    ]
}

/// What several filters read and compute, so that most of it is shared; some of it fails on each action.
fn computed() -> impl Strategy<Value = String> {
    let read = proptest::sample::select(vec![
        "action.text",
        "action.text",
        "action.channel",
        "action.nothing",
        "action.initiator",
        "action.initiator.username",
        "action.initiator.role_names",
        "action.action_type",
    ]);
    let method = proptest::sample::select(vec![
        "",
        ".lower()",
        ".split()",
        ".split('e')",
        ".strip()",
        ".upper().split()",
        ".lower().strip(' m')",
        ".title(7)",
    ]);
    (read, method, any::<bool>()).prop_map(|(read, method, length)| {
        if length { format!("len({read}{method})") } else { format!("{read}{method}") }
    })
}

/// A filter that comes to compute some of that, or does not. All of them use the same names for what is their own.
fn filter() -> impl Strategy<Value = String> {
    let shape = proptest::sample::select(vec![
        "return A == B",
        "return A and B",
        "return action.channel == 'C1' and A == B",
        "return A if action.channel == 'C1' else B",
        "return action.channel != 'C1' or A",
        "return [a for a in A] == B",
        "return a == B and [a for a in A]",
        "return any(a for a in A if a != B)",
        "return [b for b in {a: a for a in A}] + [a for a in B]",
        "if action.channel == 'C1':\n  return A\nreturn B",
        "a = A\nfor b in B:\n  if b in a:\n    return b\nreturn a",
        "a = A\nb = [a, a]\na = a + a\nreturn a == B",
        "def a(b):\n  return b == A\nreturn a(B)",
        "return len(a)",
        "for a in A:\n  pass\nreturn a",
        "a = 0\nfor b in A:\n  a += 1\nreturn a > 1 and B",
        "return sorted(A, key=lambda a: a) == sorted(B)",
        "return (lambda a: a == A)(B)",
        "return f'{A}' == str(B)",
        "return A * 2 == B + B",
        "return {'a': A}.get('a') == B",
        "return A",
        "A\nreturn B",
        "return set(A) & set(B)",
        "return 1 // len(A)",
    ]);
    (shape, computed(), computed()).prop_map(|(shape, a, b)| shape.replace('A', &a).replace('B', &b))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filters_that_share_what_they_read_say_what_each_says_alone(
        sources in proptest::collection::vec(filter(), 2..10),
        on in proptest::sample::select(actions()),
    ) {
        let compared = Both::of(sources).compare(&on);
        prop_assert!(compared.is_ok(), "{}\non {:#?}", compared.unwrap_err(), on.action.fields);
    }
}

/// Filters that nothing stops from running together, on the usual actions. Gives how many answers were joined ones.
fn all_the_same(sources: &[&str]) -> usize {
    let both = Both::of(sources.iter().map(|source| (*source).to_owned()).collect());
    for (place, source) in sources.iter().enumerate() {
        assert!(both.joined.group_of(place).is_some(), "{source}");
    }
    actions().iter().map(|on| both.compare(on).unwrap_or_else(|found| panic!("{found}"))).sum()
}

#[test]
fn what_one_gives_a_name_nobody_else_finds_under_it() {
    let answers = all_the_same(&[
        "return [a for a in ['x']] == ['x']",
        "return a == 'x' and [a for a in []]",
        "return {b: b for b in ['x']} == 1",
        "return b == 'x' or [b for b in []]",
        "return any(c == 'x' and len(c) for c in ['x'])",
        "return c == 'x' or any(c == 'x' and len(c) for c in [])",
        "d = 'x'\nreturn d",
        "if action.channel == 'nowhere':\n  d = 1\nreturn d == 'x'",
        "def e():\n  return True\nreturn e()",
        "return e() or [e for e in []]",
    ]);
    assert!(answers >= 20, "{answers}");
}

#[test]
fn functions_call_each_other_as_deep_as_they_do_alone() {
    let mut answers = 0;
    for depth in 190..204 {
        let nested = |times: usize| format!("{}1{}", "[".repeat(times), "]".repeat(times));
        let sources = [
            format!("return (lambda f: f(f, {depth}))(lambda f, n: n == 0 or f(f, n - 1))"),
            format!("def f(n):\n  return n == 0 or f(n - 1)\nreturn f({depth})"),
            format!("return any(x(x, {depth}) for x in [lambda f, n: n == 0 or f(f, n - 1)])"),
            format!("return list(map(lambda f: f(f, {depth}), [lambda f, n: n == 0 or f(f, n - 1)]))"),
            format!("x = 1\nfor i in range({depth}):\n  x = [x]\nreturn '...' in str(x)"),
            format!("return '...' in str({})", nested(depth)),
            format!("return '...' in f'{{{}}}'", nested(depth)),
        ];
        // The deepest of these are not compiled at all.
        let compiles = |source: &&String| MontySandbox.compile(&blocks(Block::Filter, source)).is_ok();
        let sources: Vec<&str> = sources.iter().filter(compiles).map(String::as_str).collect();
        answers += all_the_same(&sources);
    }
    assert!(answers > 20, "{answers}");
}

#[test]
fn what_cannot_be_handed_over_or_asks_the_host_disturbs_nobody() {
    let answers = all_the_same(&[
        "return action.channel == 'C1'",
        "x = []\nfor i in range(100000):\n  x = [x]\nreturn x",
        "return action.initiator.lower() == 'x'",
        "return action.initiator.lower() == 'y'",
        "return len(action.initiator.split()) > 1",
        "return action.initiator.get('username')",
        "return 'x' * 100000000000",
        "return action.channel == 'C2'",
    ]);
    // The third action has no channel.
    assert_eq!(answers, 6);
}
