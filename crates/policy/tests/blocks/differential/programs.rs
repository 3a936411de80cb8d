//! Programs of the language, generated from a seed.

#![expect(clippy::indexing_slicing, reason = "the place is drawn below the length of a list that is never empty")]

mod patterns;

use self::patterns::{STATEMENTS, patterns};

/// What one program is made of.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Which it is.
    pub(crate) number: u64,
    /// Statements, each of which stands by itself.
    pub(crate) steps: Vec<String>,
}

impl Program {
    pub(crate) fn source(&self) -> String {
        let given = "out = []\na = 7\nb = -3\nx = 2.5\ny = -0.75\ns = 'Hello, World'\nt = ' tea é '\nflag = True\n\
                     l = [3, 1, 2, 3]\nm = ['b', 'a', 'C']\nd = {'k': 1, 'j': -2}\nu = {1, 2, 5}\np = (4, 'four')\n\
                     when = datetime.datetime(2024, 2, 28, 23, 30, 15)\nday = datetime.date(2023, 12, 31)\n\
                     span = datetime.timedelta(days=1, hours=-5, seconds=30)\n";
        let body = self.steps.concat();
        format!("{given}{body}return repr((out, a, b, x, y, s, t, flag, l, m, d, sorted(u), p, when, day, span))")
    }

    /// The same without one of its steps.
    pub(crate) fn without(&self, at: usize) -> Self {
        let mut steps = self.steps.clone();
        if at < steps.len() {
            steps.remove(at);
        }
        Self { number: self.number, steps }
    }
}

/// The program of this number.
pub(crate) fn program(seed: u64, number: u64) -> Program {
    // Neighbouring numbers must not lead to the same stream a step apart.
    let mut first = Make { state: seed, fresh: 0 };
    let mut make = Make { state: first.next() ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93), fresh: 0 };
    make.state = make.next();
    let steps = (0..2 + make.below(5)).map(|_| make.step()).collect();
    Program { number, steps }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Float,
    Str,
    Bool,
    Ints,
    Strs,
    Dict,
    Set,
    Pair,
    Moment,
    Day,
    Span,
}

use Kind::{Bool, Day, Dict, Float, Int, Ints, Moment, Pair, Set, Span, Str, Strs};

/// What may be shown as it is: the order of sets is nobody's promise.
const SHOWN: [Kind; 11] = [Int, Float, Str, Bool, Ints, Strs, Dict, Pair, Moment, Day, Span];

/// What stands where it does not belong: there the kind of error is the same whichever part is looked at first.
const MISPLACED: [Kind; 6] = [Int, Float, Str, Bool, Ints, Pair];

struct Make {
    state: u64,
    fresh: usize,
}

impl Make {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    fn one<'x>(&mut self, of: &[&'x str]) -> &'x str {
        of[self.below(of.len())]
    }

    fn kind(&mut self) -> Kind {
        SHOWN[self.below(SHOWN.len())]
    }

    /// Fills a pattern: `{i}` is an int, `{f}` a float, `{s}` a text, `{b}` a truth value, `{l}` a list of ints, `{m}` of
    /// texts, `{d}` a dict, `{u}` a set, `{p}` a pair, `{w}` a moment, `{y}` a day, `{t}` a length of time, `{n}` a small
    /// int, `{v}` anything; `@` is a name nobody else has.
    fn fill(&mut self, pattern: &str, depth: usize) -> String {
        self.fresh += 1;
        let pattern = pattern.replace('@', &format!("z{}", self.fresh));
        let mut out = String::new();
        // In Python 3.11 what stands in an f-string has no quotes of its own.
        let plain = pattern.starts_with("f'") || pattern.starts_with("f\"");
        let mut rest = pattern.as_str();
        while let Some(at) = rest.find('{') {
            let (before, after) = rest.split_at(at);
            out.push_str(before);
            let hole = after.as_bytes().get(1).copied().zip(after.as_bytes().get(2).copied());
            let kind = match hole {
                Some((b'i', b'}')) => Int,
                Some((b'f', b'}')) => Float,
                Some((b's', b'}')) => Str,
                Some((b'b', b'}')) => Bool,
                Some((b'l', b'}')) => Ints,
                Some((b'm', b'}')) => Strs,
                Some((b'd', b'}')) => Dict,
                Some((b'u', b'}')) => Set,
                Some((b'p', b'}')) => Pair,
                Some((b'w', b'}')) => Moment,
                Some((b'y', b'}')) => Day,
                Some((b't', b'}')) => Span,
                Some((b'v', b'}')) => self.kind(),
                Some((b'n', b'}')) => {
                    let n = self.one(&["0", "1", "2", "3", "-1", "-2", "5"]);
                    out.push_str(n);
                    rest = &after[3..];
                    continue;
                }
                _ => {
                    out.push('{');
                    rest = &after[1..];
                    continue;
                }
            };
            // Now and then what does not belong there.
            // Which error comes first, when what a method is called on has no such method, depends on who looks first.
            let misplaced = self.below(80) == 0 && !after[3..].starts_with('.');
            let kind = if misplaced { MISPLACED[self.below(MISPLACED.len())] } else { kind };
            let expression = if plain { given(kind).to_owned() } else { self.expression(kind, depth) };
            out.push_str(&if misplaced && !plain { format!("({expression})") } else { expression });
            rest = &after[3..];
        }
        out.push_str(rest);
        out
    }

    fn expression(&mut self, kind: Kind, depth: usize) -> String {
        if depth == 0 || self.below(5) == 0 {
            return self.leaf(kind).to_owned();
        }
        let pattern = self.one(patterns(kind));
        self.fill(pattern, depth - 1)
    }

    fn leaf(&mut self, kind: Kind) -> &'static str {
        self.one(match kind {
            Int => &["a", "b", "0", "1", "-1", "2", "10", "255", "-7", "(10**20)", "len(l)"],
            Float => &["x", "y", "0.5", "-0.0", "1.0", "2.675", "1e16", "1e-7", "3.14159", "-2.5", "0.1"],
            Str => &["s", "t", "''", "'a'", "'abc'", "'a,b,,c'", "'12'", "'é\\n'", "'It\\'s'", "'x=1; y=2'"],
            Bool => &["flag", "True", "False", "not flag", "a > b", "bool(l)"],
            Ints => &["l", "[]", "[1]", "[5, -3, 0]", "list(range(4))", "sorted(u)"],
            Strs => &["m", "[]", "['x', 'y']", "s.split(', ')", "list('tea')"],
            Dict => &["d", "{}", "{'a': 1}", "dict(k=5, z=0)"],
            Set => &["u", "set()", "{1, 3}", "set(l)", "frozenset([2, 5])"],
            Pair => &["p", "(1, 'b')", "(-1, '')"],
            Moment => &["when", "datetime.datetime(2023, 1, 1)", "datetime.datetime(2024, 2, 29, 12, 0, 0, 5)"],
            Day => &["day", "datetime.date(2024, 1, 1)", "when.date()"],
            Span => &["span", "datetime.timedelta(0)", "datetime.timedelta(minutes=90)", "datetime.timedelta(-1, 5)"],
        })
    }

    /// A statement, perhaps with its own handler of errors.
    fn step(&mut self) -> String {
        let depth = 1 + self.below(3);
        let text = if self.below(2) == 0 {
            let kind = if self.below(12) == 0 { Set } else { self.kind() };
            let expression = self.expression(kind, depth + 1);
            let shown = if kind == Set { format!("sorted({expression})") } else { expression };
            format!("out.append({shown})\n")
        } else {
            let pattern = self.one(STATEMENTS);
            self.fill(pattern, depth) + "\n"
        };
        if self.below(5) == 0 {
            return text;
        }
        let inner: String = text.lines().map(|line| format!("    {line}\n")).collect();
        let handler = self.one(&[
            "except Exception as e:\n    out.append(str(type(e)))\n",
            "except (ValueError, TypeError) as e:\n    out.append('bad')\nexcept Exception as e:\n    out.append(str(type(e)))\nelse:\n    out.append('fine')\nfinally:\n    out.append('end')\n",
        ]);
        format!("try:\n{inner}{handler}")
    }
}

/// The variable of this kind that every program has.
const fn given(kind: Kind) -> &'static str {
    match kind {
        Int => "a",
        Float => "x",
        Str => "s",
        Bool => "flag",
        Ints => "l",
        Strs => "m",
        Dict => "d",
        Set => "set()",
        Pair => "p",
        Moment => "when",
        Day => "day",
        Span => "span",
    }
}
