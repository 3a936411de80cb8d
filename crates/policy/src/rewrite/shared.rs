//! What filters that run together have in common: each attribute of the action is read once for all of them, and what
//! several of them compute of it is computed once.
//!
//! That changes nothing that is said: attributes are carried along and nobody changes them (see `harmless`), and only
//! methods that compute and do nothing else are shared. What cannot be read or computed has no value under its name, so
//! that a filter which comes to use it raises an error, as it would have by itself, and one which does not, does not.

use std::collections::BTreeMap;

use ruff_python_ast::{
    self as ast, Expr, Stmt,
    visitor::{self, Visitor},
};

use super::{Prepared, Reach, facts::Facts, harmless::is_action, shapes::is_shallow, visitor::span};
use crate::objects::MEMBER_ATTRIBUTES;

/// What the names of values that were read begin with.
pub(crate) const READ: &str = "_pk_in_";

/// What the names of values that were computed once begin with.
pub(crate) const ONCE: &str = "_pk_once_";

/// Methods of text whose results are values that nobody can change, or that no harmless filter changes.
const METHODS: &[&str] =
    &["capitalize", "casefold", "lower", "lstrip", "rstrip", "split", "strip", "swapcase", "title", "upper"];

/// How often something is computed, where that is not certain, before it is computed once for all.
const OFTEN: usize = 4;

/// A value that is read of the action.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Read {
    /// An attribute of its own.
    Attribute(String),
    /// An attribute of who did it.
    OfInitiator(String),
}

/// A filter in a program with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// An expression whose value is true or false.
    Truth(String),
    /// An expression.
    Value(String),
    /// The statements of a function without parameters.
    Statements(String),
    /// The statements of a function of the action as a whole.
    Whole(String),
}

/// Filters, and what they have in common.
#[derive(Debug, Default)]
pub(crate) struct Together {
    /// What is read, each under its place behind [`READ`].
    pub(crate) reads: Vec<Read>,
    /// What is computed once, each under its place behind [`ONCE`]; in order.
    pub(crate) once: Vec<String>,
    /// The filters, in the order in which they were given.
    pub(crate) parts: Vec<Part>,
}

/// Puts harmless filters together.
pub(crate) fn together(filters: &[&Prepared]) -> Together {
    let sources: Vec<Option<Source>> = filters.iter().map(|filter| Source::of(filter)).collect();
    let mut counts: BTreeMap<Computed, Count> = BTreeMap::new();
    let mut reads = Vec::new();
    for place in sources.iter().flatten().flat_map(|source| &source.places) {
        place.computed.note(place.certain, &mut counts);
        let read = place.computed.read();
        if !reads.contains(read) {
            reads.push(read.clone());
        }
    }
    let mut names = Names { reads, once: Vec::new() };
    let mut shared: Vec<Computed> =
        counts.into_iter().filter(|(_, count)| count.is_worth_it()).map(|(computed, _)| computed).collect();
    // What others are computed from comes first.
    shared.sort_by_key(Computed::depth);
    let mut once = Vec::new();
    for computed in shared {
        once.push(names.text(&computed));
        names.once.push(computed);
    }
    let parts = filters.iter().zip(&sources).map(|(filter, source)| match source {
        Some(source) => source.part(&names),
        None => Part::Whole(filter.body().to_owned()),
    });
    Together { parts: parts.collect(), reads: names.reads, once }
}

/// How often something is computed.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    certainly: usize,
    perhaps: usize,
}

impl Count {
    const fn is_worth_it(self) -> bool {
        let all = self.certainly + self.perhaps;
        (self.certainly > 0 && all > 1) || all >= OFTEN
    }
}

/// A value that is computed of the action alone, and always the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Computed {
    Read(Read),
    /// A method, with its arguments as they are written.
    Method(Box<Computed>, String),
    Length(Box<Computed>),
}

impl Computed {
    fn read(&self) -> &Read {
        match self {
            Self::Read(read) => read,
            Self::Method(of, _) | Self::Length(of) => of.read(),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Read(_) => 0,
            Self::Method(of, _) | Self::Length(of) => 1 + of.depth(),
        }
    }

    /// Counts this and what it is computed from.
    fn note(&self, certain: bool, counts: &mut BTreeMap<Self, Count>) {
        let (Self::Method(of, _) | Self::Length(of)) = self else { return };
        let count = counts.entry(self.clone()).or_default();
        *(if certain { &mut count.certainly } else { &mut count.perhaps }) += 1;
        of.note(certain, counts);
    }
}

/// The names that values have in the program.
struct Names {
    reads: Vec<Read>,
    once: Vec<Computed>,
}

impl Names {
    fn text(&self, computed: &Computed) -> String {
        if let Some(at) = self.once.iter().position(|known| known == computed) {
            return format!("{ONCE}{at}");
        }
        match computed {
            Computed::Read(read) => {
                let at = self.reads.iter().position(|known| known == read).unwrap_or_default();
                format!("{READ}{at}")
            }
            Computed::Method(of, method) => format!("{}.{method}", self.text(of)),
            Computed::Length(of) => format!("len({})", self.text(of)),
        }
    }
}

/// A filter, taken apart.
struct Source {
    text: String,
    /// Where its statements begin.
    body: usize,
    /// Where the only expression is that it returns, if it may stand for itself, and whether that is certainly true or false.
    returned: Option<((usize, usize), bool)>,
    places: Vec<Place>,
}

/// Where something is computed.
struct Place {
    span: (usize, usize),
    computed: Computed,
    /// Whether it is computed whenever the filter is run.
    certain: bool,
}

impl Source {
    /// `None` when it has to be left as it is.
    fn of(filter: &Prepared) -> Option<Self> {
        if !matches!(filter.reach, Some(Reach::Attributes(_))) {
            return None;
        }
        let text = filter.as_function("_");
        let parsed = ruff_python_parser::parse_module(&text).ok()?;
        let [Stmt::FunctionDef(function)] = parsed.syntax().body.as_slice() else { return None };
        let statements = function.body.as_slice();
        let facts = Facts::of(statements);
        let mut finder = Finder { text: &text, knows_len: !facts.binds("len"), certain: true, places: Vec::new() };
        statements.iter().for_each(|statement| finder.visit_stmt(statement));
        let places = finder.places;
        let returned = match statements {
            [Stmt::Return(ast::StmtReturn { value: Some(value), .. }), Stmt::Pass(_)] if is_shallow(value) => {
                Some((span(&**value), facts.is_truth(value)))
            }
            _ => None,
        };
        let body = text.len() - filter.body().len();
        Some(Self { text, body, returned, places })
    }

    fn part(&self, names: &Names) -> Part {
        match self.returned {
            Some(((from, to), true)) => Part::Truth(self.rewritten(from, to, names)),
            Some(((from, to), false)) => Part::Value(self.rewritten(from, to, names)),
            None => Part::Statements(self.rewritten(self.body, self.text.len(), names)),
        }
    }

    /// A stretch of it, with names for what is shared.
    fn rewritten(&self, from: usize, to: usize, names: &Names) -> String {
        let mut out = String::new();
        let mut at = from;
        let mut within: Vec<&Place> = self.places.iter().filter(|p| p.span.0 >= from && p.span.1 <= to).collect();
        within.sort_by_key(|place| place.span);
        for Place { span: (start, end), computed, .. } in within {
            out.push_str(self.text.get(at..*start).unwrap_or_default());
            out.push_str(&names.text(computed));
            at = *end;
        }
        out.push_str(self.text.get(at..to).unwrap_or_default());
        out
    }
}

/// Finds what is computed of the action alone.
struct Finder<'t> {
    text: &'t str,
    /// Whether `len` is the function of that name.
    knows_len: bool,
    /// Whether what is met now is computed whenever the filter is run.
    certain: bool,
    places: Vec<Place>,
}

impl Finder<'_> {
    fn computed(&self, expression: &Expr) -> Option<Computed> {
        match expression {
            Expr::Attribute(attribute) if is_action(&attribute.value) => {
                Some(Computed::Read(Read::Attribute(attribute.attr.to_string())))
            }
            Expr::Attribute(attribute) if MEMBER_ATTRIBUTES.contains(&attribute.attr.as_str()) => {
                let initiator = Computed::Read(Read::Attribute("initiator".to_owned()));
                (self.computed(&attribute.value)? == initiator)
                    .then(|| Computed::Read(Read::OfInitiator(attribute.attr.to_string())))
            }
            Expr::Call(call) => match (&*call.func, &*call.arguments.args) {
                (Expr::Name(name), [value]) if name.id.as_str() == "len" && self.knows_len => {
                    let plain = call.arguments.keywords.is_empty();
                    plain.then(|| self.computed(value)).flatten().map(|of| Computed::Length(Box::new(of)))
                }
                (Expr::Attribute(method), arguments) if METHODS.contains(&method.attr.as_str()) => {
                    let literal = |e: &Expr| e.is_string_literal_expr() || e.is_number_literal_expr();
                    let written = self.text.get(span(&method.attr).0..span(call).1)?;
                    let plain = call.arguments.keywords.is_empty()
                        && arguments.iter().all(literal)
                        && !written.contains(['\n', '#']);
                    let of = plain.then(|| self.computed(&method.value)).flatten()?;
                    Some(Computed::Method(Box::new(of), written.to_owned()))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Looks at something that is computed only perhaps.
    fn perhaps(&mut self, what: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.certain, false);
        what(self);
        self.certain = before;
    }
}

impl<'a> Visitor<'a> for Finder<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            // The filter may end within these, so what comes after their beginning is not certain.
            Stmt::If(choice) => {
                self.visit_expr(&choice.test);
                self.certain = false;
                self.visit_body(&choice.body);
                choice.elif_else_clauses.iter().for_each(|clause| self.visit_elif_else_clause(clause));
            }
            Stmt::For(repeat) => {
                self.visit_expr(&repeat.iter);
                self.certain = false;
                self.visit_body(&repeat.body);
                self.visit_body(&repeat.orelse);
            }
            Stmt::FunctionDef(_) => self.perhaps(|this| visitor::walk_stmt(this, statement)),
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Some(computed) = self.computed(expression) {
            self.places.push(Place { span: span(expression), computed, certain: self.certain });
            return;
        }
        match expression {
            Expr::BoolOp(operation) => {
                let Some((first, rest)) = operation.values.split_first() else { return };
                self.visit_expr(first);
                self.perhaps(|this| rest.iter().for_each(|value| this.visit_expr(value)));
            }
            Expr::If(choice) => {
                self.visit_expr(&choice.test);
                self.perhaps(|this| {
                    this.visit_expr(&choice.body);
                    this.visit_expr(&choice.orelse);
                });
            }
            Expr::Lambda(_) | Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                self.perhaps(|this| visitor::walk_expr(this, expression));
            }
            _ => visitor::walk_expr(self, expression),
        }
    }
}

#[cfg(test)]
mod tests {
    use policykit_core::policy::Block;

    use super::{super::prepare, Part, Together, together};

    fn of(sources: &[&str]) -> Together {
        let prepared: Vec<_> = sources.iter().map(|source| prepare(Block::Filter, source).unwrap()).collect();
        together(&prepared.iter().collect::<Vec<_>>())
    }

    #[test]
    fn what_several_certainly_compute_is_computed_once() {
        let shared = of(&[
            "return len(action.text.split()) > 5",
            "return action.channel == 'C1' and len(action.text.split()) > 9",
            "return action.text.lower() == 'x'",
        ]);
        assert_eq!(shared.reads.len(), 2);
        assert_eq!(shared.once, ["_pk_in_0.split()", "len(_pk_once_0)"]);
        assert_eq!(shared.parts[0], Part::Truth("_pk_once_1 > 5".to_owned()));
        assert_eq!(shared.parts[1], Part::Truth("_pk_in_1 == 'C1' and _pk_once_1 > 9".to_owned()));
        assert_eq!(shared.parts[2], Part::Truth("_pk_in_0.lower() == 'x'".to_owned()));
    }

    #[test]
    fn what_may_not_be_computed_at_all_is_left_where_it_is() {
        let perhaps = "return action.channel == 'C1' and action.text.lower() == 'x'";
        let after = "if action.channel == 'C1':\n  return True\nreturn action.text.lower() == 'y'";
        assert!(of(&[perhaps, after]).once.is_empty());
        assert_eq!(of(&[perhaps, after, perhaps, after]).once, ["_pk_in_1.lower()"], "unless it is done often");
    }

    #[test]
    fn an_action_as_a_whole_is_handed_over_as_a_whole() {
        let shared = of(&["return 'post' in str(action)", "return action.text"]);
        assert!(matches!(&shared.parts[0], Part::Whole(body) if body.contains("_pk_str(action)")));
        assert_eq!(shared.parts[1], Part::Value("_pk_in_0".to_owned()));
    }

    #[test]
    fn a_function_of_its_own_name_is_not_the_built_in_one() {
        let shared = of(&["def len(x):\n  return 3\nreturn len(action.text) > 2"; 2]);
        assert!(shared.once.is_empty());
    }
}
