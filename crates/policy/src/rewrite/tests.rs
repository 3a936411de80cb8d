//! What is kept of the author's text, what is changed, and that nothing is changed twice.

use proptest::prelude::*;

use super::{tables::members, *};
use crate::{Budget, FailureKind, MontySandbox, Sandbox as _, Scope, Step};

fn code(source: &str) -> String {
    prepare(Block::Check, source).unwrap().code
}

fn problem(source: &str) -> Diagnostic {
    prepare(Block::Check, source).unwrap_err().remove(0)
}

#[test]
fn imports_of_allowed_modules_are_accepted_and_others_are_not() {
    assert!(code("import datetime\nreturn 1").contains("\n pass\n"));
    assert!(code("import datetime as dt\nreturn dt").contains("dt = datetime"));
    assert!(code("from datetime import timedelta as td").contains("td = datetime.timedelta"));
    let diagnostic = problem("x = 1\nimport os");
    assert_eq!((diagnostic.line, diagnostic.column, diagnostic.code), (2, 8, "PK010"));
}

#[test]
fn private_attributes_are_refused_at_their_place() {
    let diagnostic = problem("x = 1\ny = x.__class__");
    assert_eq!((diagnostic.line, diagnostic.column, diagnostic.code), (2, 7, "PK011"));
}

#[test]
fn text_over_several_lines_keeps_its_margin() {
    assert!(code("x = \"\"\"a\nb\n  c\"\"\"\nreturn x").contains("\"\"\"a\nb\n  c\"\"\"\n return x"));
}

#[test]
fn positions_lead_back_to_the_author_through_insertions() {
    let prepared = prepare(Block::Check, "ok = 1\nreturn f\"{a} {bad}\"").unwrap();
    let line = prepared.code.lines().nth(2).unwrap();
    let column = line.find("bad").unwrap() + 1;
    assert_eq!(prepared.author_position(3, column), Some((2, 15)));
}

#[test]
fn too_much_source_is_refused_before_it_is_parsed() {
    assert_eq!(problem(&"x = 1\n".repeat(10_000)).code, "PK002");
}
/// Statements that are rewritten, or look as if they might be.
const STATEMENTS: &[&str] = &[
    "x = a % b % 3 # a % in a comment",
    "x = (a /\n  b) | {'c': 1}",
    "x = a ** -b // (c\n)",
    "x = 1.5 * y * (a > b) + True",
    "import datetime as dt, math",
    "from datetime import (\n  datetime,\n  timedelta as td,\n)",
    "x = td(hours=1) / datetime.timedelta(1)",
    "x = f'{a} {b:>5} {c!r} {d % 2} {e=}' + '%d' % 3",
    "x = \"\"\"several\n % lines\"\"\" % (\n  1,\n)",
    "x = any(f(y) for y in z if y if g(y))",
    "x = all((k and f(v)) for k, v in z.items())",
    "x = next((f(y) for y\n  in z), None)",
    "g = (y for y in z)\nf(y for y in z)",
    "it = map(str.upper, zip(a, b)); ab = enumerate(c)",
    "x = 'é'.upper\ny = [1].append(*z)",
    "f = slack.post_message",
    "x = getattr(a, 'upper'), hasattr(b, c), getattr(d, e, None)",
    "x = set(a) <= set(b)",
    "del a[0], b[1:2],\\\n  c['d']",
    "a[1:\n 2] = b[::2]",
    "a[:] = b[::2], 1",
    "a[0], (b, *variables.d) = c['e']",
    "v = variables\nv.d += e\nv.b = 1\na, v.c = v\na[f(1)] %= 2, 3",
    "variables['a'], b = 1, 2\nvariables[c] = variables[d]",
    "x = math.prod(y) + json.dumps(z, default=str).count('a')",
    "x = [y.filter(a=1).count() for y in z.all()]",
    "for i, x in enumerate(reversed(z)):\n  if i: continue\n  x -= y\nelse:\n  x *= 2",
    "def f(a, *b, c=1 % 2, **d):\n  return lambda x: x | a",
    "try:\n  x = y / 0\nexcept (ValueError, KeyError) as e:\n  str(e)\nfinally:\n  pass",
    "if (n := a % 2): x = n; del y[0]; z |= n",
    "x = str(y).sort(key=str.lower) if float(a) else round(b, 2)",
    "while x.count(1): x = re.sub('a', f, y)",
    "if a: raise ValueError(any(f(x) for x in y)) from b",
    "raise (\n  TypeError((lambda: x)()) # why\n)",
    "assert (any(f(x) for x in y)), str(\n  z\n)",
    "assert x",
    "",
    "# nothing",
];

fn block() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(STATEMENTS), 0..7).prop_map(|all| all.join("\n"))
}

/// The author's lines as they have become, without their margin.
fn rewritten(source: &str, private: Private) -> String {
    let prepared = prepare_text(Block::Check, source, private).unwrap_or_else(|found| panic!("{source}\n{found:?}"));
    let body =
        prepared.code.get(prepared.body.0..prepared.body.1).unwrap().strip_suffix("\n pass\n").unwrap().to_owned();
    let parsed = ruff_python_parser::parse_module(&prepared.code);
    assert!(parsed.is_ok(), "{}\n{}", parsed.unwrap_err(), prepared.code);
    // Lines within texts have no margin.
    body
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rewriting_moves_no_line_and_what_it_makes_can_be_parsed(source in block()) {
        let body = rewritten(&source, Private::Refused);
        prop_assert_eq!(body.matches('\n').count(), source.matches('\n').count(), "{}", body);
        for (line, (before, after)) in source.split('\n').zip(body.split('\n')).enumerate() {
            // A comment stays in the line where it stood, and so does the first word of a line that is kept.
            let comment = |text: &str| text.split_once("# ").map(|(_, comment)| comment.to_owned());
            prop_assert_eq!(comment(before), comment(after), "line {}", line + 1);
        }
    }

    #[test]
    fn what_was_rewritten_is_not_rewritten_again(source in block()) {
        let once = rewritten(&source, Private::Refused);
        let dedented = format!("def block():\n{once}\n pass");
        let twice = rewritten(&dedented, Private::Ours);
        let margins = |text: &str| text.split('\n').map(|line| line.trim_start().to_owned()).collect::<Vec<_>>();
        prop_assert_eq!(margins(&twice), margins(&dedented));
    }

    #[test]
    fn no_text_makes_the_rewriter_panic(pieces in proptest::collection::vec(
        prop_oneof![
            proptest::sample::select(STATEMENTS).prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
            proptest::sample::select(vec!["\n", "(", ")", "[", "]:", " % ", " in ", "del ", ".count(", "f'{", "}'", ",", "=", "*"])
                .prop_map(str::to_owned),
        ],
        0..12,
    )) {
        let source = pieces.concat();
        let _ = prepare(Block::Check, &source);
        let cut: String = source.chars().take(source.chars().count() / 2).collect();
        let _ = prepare(Block::Check, &cut);
    }
}

/// What a block says that asks nobody; an error by its class and message.
fn run(source: &str) -> Result<String, String> {
    let blocks = policykit_core::policy::Blocks { check: source.to_owned(), ..Default::default() };
    let program = MontySandbox.compile(&blocks).map_err(|found| format!("{found:?}"))?;
    let scope = Scope { parameters: vec![std::sync::Arc::default(); 5], ..Scope::default() };
    match MontySandbox.begin(&program, Block::Check, scope, Budget::default()) {
        Step::Done(value, _) => Ok(format!("{value:?}")),
        Step::Failed(failure) => match failure.kind {
            FailureKind::Exception(class) => Err(format!("{class}: {}", failure.message)),
            FailureKind::Limit(_) | FailureKind::Nowhere => Err(failure.message),
        },
        Step::Ask(..) => Err("asks".to_owned()),
    }
}

#[test]
fn modules_have_what_is_said_of_them() {
    for module in MODULES {
        for member in members(module) {
            let found = run(&format!("x = {module}.{member}\nreturn 1"));
            assert_eq!(found, Ok("Int(1)".to_owned()), "{module}.{member}");
        }
    }
}

#[test]
fn values_have_the_methods_that_are_said_of_them() {
    let mut count = 0;
    for (kind, value) in [
        ("str", "'a'"),
        ("list", "[1]"),
        ("dict", "{1: 2}"),
        ("set", "{1}"),
        ("frozenset", "frozenset([1])"),
        ("tuple", "(1,)"),
        ("int", "(1)"),
        ("float", "(1.5)"),
        ("bytes", "b'a'"),
        ("datetime.datetime", "datetime.datetime(2024, 1, 1)"),
        ("datetime.date", "datetime.date(2024, 1, 1)"),
        ("datetime.time", "datetime.time(1)"),
        ("datetime.timedelta", "(datetime.date(2024, 1, 2) - datetime.date(2024, 1, 1))"),
        ("datetime.timezone", "datetime.timezone.utc"),
    ] {
        for method in tables::methods_of(kind) {
            count += 1;
            let found = run(&format!("{value}.{method}(1, 2, 3, 4, 5, 6, 7, 8, 9)"));
            assert!(!found.as_ref().is_err_and(|e| e.contains("has no attribute")), "{kind}.{method}: {found:?}");
        }
    }
    assert!(count > 100, "{count}");
}
