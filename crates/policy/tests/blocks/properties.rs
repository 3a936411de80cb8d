//! What holds for every program: lines stay where they are, nothing panics, arithmetic is Python's.

use std::fmt::Write as _;

use policykit_core::{Value, policy::Block};
use policykit_policy::{MontySandbox, Progress, Sandbox};
use proptest::prelude::*;

use crate::common::{blocks, check, failure, run_on, snapshot};

/// A statement that runs without harm, over one line or several. Only such as the rewriter touches, or might.
fn statement() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "x = 7 % 3",
        "x = 'n: %d %s' % (3, 'é')",
        "x = (7 /\n     2) # a / in a comment",
        "x = {'a': 1} | {'b': 2}",
        "import datetime",
        "from datetime import (\n    timedelta,\n    datetime as moment,\n)",
        "x = datetime.timedelta(days=1) / datetime.timedelta(hours=1)",
        "x = f\"{7 % 4} and {'ü'} and {str(5)}\"",
        "x = '''several\nlines % of / text\n  | with a margin'''",
        "x = [1, 2, 1].count(1)",
        "x = [\n    3,\n    1,\n    2,\n]\nx.sort()",
        "x = sorted([3, 1], key=lambda v: -v)[0]",
        "d = {'k': 1}\ndel d['k']",
        "if True:\n    x = 1\nelse:\n    x = 2 % 0",
        "for i in range(3):\n    x = i % 2",
        "def f(a, b=2):\n    return a % b\nx = f(3)",
        "try:\n    x = 1 / 0\nexcept ZeroDivisionError:\n    x = 0",
        "# only a comment: % / |",
        "",
        "x = \\\n    5",
        "while False:\n    pass",
        "x = '日本' + str(\n    1\n)",
        "x = 5\nx %= 3\nx /= 2",
        "x = '%d'\nx %= (\n    4 % 3\n)",
    ])
}

/// Pieces of Python in no order.
fn soup() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "x",
        "action",
        "variables",
        "variables['a']",
        "proposal.data",
        ".count()",
        ".filter(a=1)",
        "datetime.timedelta",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "'''",
        "f'{x}'",
        "f'{x!r:>{y}}'",
        " % ",
        " / ",
        " | ",
        " = ",
        " %= ",
        ":",
        ",",
        ".",
        "\n",
        "\n    ",
        "\n\t",
        "if",
        " else ",
        "for i in ",
        "def f",
        "lambda: ",
        "return ",
        "del ",
        "import ",
        "from datetime import ",
        "random",
        "None",
        "1",
        "0x",
        "1e999",
        "é",
        "\u{2028}",
        "\r",
        "\r\n",
        "\\",
        "#",
        "*",
        "**",
        "@",
        ":=",
        " in ",
        " not ",
        "try:",
        "except",
        "raise ",
        "yield",
        "async ",
        "match x:\n case 1: pass",
        "_x",
        "x._y",
        ";",
        "\u{0}",
        "\u{feff}",
        "class A: pass",
        "global x",
    ]);
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// One step of a chain of augmented assignments.
fn step() -> impl Strategy<Value = (&'static str, i64)> {
    (proptest::sample::select(vec!["+=", "-=", "*=", "//=", "%=", "/=", "&=", "|=", "^="]), -20_i64..=20)
}

/// What Python makes of it; `None` for an error.
fn reference(start: i64, steps: &[(&'static str, i64)]) -> Option<Value> {
    let mut x = Value::Int(start);
    for (operator, by) in steps {
        #[expect(clippy::cast_precision_loss, reason = "the numbers are small, or floats already")]
        let float = |x: &Value| match x {
            Value::Int(i) => *i as f64,
            Value::Float(f) => *f,
            _ => f64::NAN,
        };
        #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
        let divisor = *by as f64;
        x = match (&x, *operator) {
            (_, "//=" | "%=" | "/=") if *by == 0 => return None,
            (x, "/=") => Value::Float(float(x) / divisor),
            (Value::Int(i), operator) => Value::Int(match operator {
                "+=" => i.checked_add(*by)?,
                "-=" => i.checked_sub(*by)?,
                "*=" => i.checked_mul(*by)?,
                "//=" => i.checked_div_euclid(*by).map(|_| floor_div(*i, *by))?,
                "%=" => i - floor_div(*i, *by) * by,
                "&=" => i & by,
                "|=" => i | by,
                _ => i ^ by,
            }),
            (Value::Float(f), operator) => Value::Float(match operator {
                "+=" => f + divisor,
                "-=" => f - divisor,
                "*=" => f * divisor,
                _ => return None,
            }),
            _ => return None,
        };
    }
    Some(x)
}

fn floor_div(a: i64, b: i64) -> i64 {
    let quotient = a / b;
    if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient }
}

/// Whether the reference leaves the beaten track: floats with operators only whole numbers have, or division of floats,
/// where the last digit is nobody's promise.
fn is_plain(steps: &[(&'static str, i64)]) -> bool {
    let division = steps.iter().position(|(operator, _)| *operator == "/=");
    division
        .is_none_or(|at| steps.iter().skip(at + 1).all(|(operator, _)| matches!(*operator, "+=" | "-=" | "*=" | "/=")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_error_is_reported_in_the_authors_line_whatever_stands_around_it(
        before in proptest::collection::vec(statement(), 0..8),
        after in proptest::collection::vec(statement(), 0..4),
    ) {
        let mut source = String::new();
        for text in &before {
            let _ = writeln!(source, "{text}");
        }
        let line = source.matches('\n').count() + 1;
        source.push_str("raise ValueError('here')\n");
        for text in &after {
            let _ = writeln!(source, "{text}");
        }
        let failed = failure(&source);
        prop_assert_eq!(failed.message.as_str(), "here", "{}", source);
        prop_assert_eq!(failed.line, line, "{}", source);
        // The other system's line ends change nothing of that.
        prop_assert_eq!(failure(&source.replace('\n', "\r\n")).line, line);
    }

    #[test]
    fn the_same_source_is_made_ready_the_same_way(text in proptest::collection::vec(statement(), 0..8)) {
        let source = text.join("\n");
        let problems = |source: &str| MontySandbox.compile(&blocks(Block::Check, source)).map(|_| ()).map_err(|d| format!("{d:?}"));
        prop_assert_eq!(problems(&source), Ok(()));
        prop_assert_eq!(problems(&source), problems(&source));
    }

    #[test]
    fn no_text_makes_the_compiler_or_a_run_panic(source in soup()) {
        match MontySandbox.compile(&blocks(Block::Check, &source)) {
            Err(problems) => {
                let lines = source.replace("\r\n", "\n").replace('\r', "\n").matches('\n').count() + 1;
                prop_assert!(problems.iter().all(|p| p.line >= 1 && p.line <= lines && p.column >= 1), "{problems:?}");
            }
            Ok(_) => {
                let mut run = run_on(snapshot(), &blocks(Block::Check, &source));
                let ended = run.start(Block::Check);
                prop_assert!(!matches!(ended, Progress::ActionEffect(_)), "{ended:?}");
            }
        }
    }

    #[test]
    fn augmented_assignments_do_what_python_does(start in -50_i64..=50, steps in proptest::collection::vec(step(), 1..6)) {
        prop_assume!(is_plain(&steps));
        let mut source = format!("x = {start}\n");
        for (operator, by) in &steps {
            let _ = writeln!(source, "x {operator} {by}");
        }
        source.push_str("return x");
        match reference(start, &steps) {
            Some(expected) => prop_assert_eq!(check(&source), expected, "{}", source),
            None => prop_assert_eq!(failure(&source).message.contains("zero"), true, "{}", source),
        }
    }
}

#[test]
fn augmented_assignments_know_what_the_operators_know() {
    assert_eq!(check("s = 'a%d'\ns %= 3\nreturn s"), Value::str("a3"));
    assert_eq!(check("s = '%s-%s'\ns %= (1, 'b')\nreturn s"), Value::str("1-b"));
    assert_eq!(check("d = {'a': 1}\nd |= {'b': 2}\nreturn d['a'] + d['b']"), Value::Int(3));
    assert_eq!(check("t = datetime.timedelta(days=1)\nt /= datetime.timedelta(hours=12)\nreturn t"), Value::Float(2.0));
    assert_eq!(check("s = '%s-%s'\ns %= 1, 'b'\nreturn s"), Value::str("1-b"));
    assert_eq!(check("s = '%d'\ns %= (\n  5 % 3 # left\n)\nreturn s"), Value::str("2"));
    assert_eq!(check("s = '%s'; s %= [1].count(1); return s"), Value::str("1"));
    assert_eq!(check("variables.s = '%d'\nvariables['s'] %= 4\nreturn variables.s"), Value::str("4"));
    assert_eq!(check("d = {'n': 7}\nd['n'] %= 4\nreturn d['n']"), Value::Int(3));
}
