//! Walks a block and notes what has to be written otherwise.

use std::collections::BTreeSet;

use ruff_python_ast::{
    self as ast, ConversionFlag, Expr, ExprContext, InterpolatedStringElement, Stmt,
    visitor::{self, Visitor},
};
use ruff_text_size::Ranged;

use super::{At, Edit, facts::Facts, growth::Growth, shapes::has_closure, statements::is_variables};

/// Whose names may begin with an underscore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Private {
    /// Nobody's: the text is an author's.
    Refused,
    /// Ours: the text was rewritten before.
    #[cfg(test)]
    Ours,
}

/// What is looked up by name with brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Items {
    /// Keys of dictionaries alone: the block asks its host for nothing.
    OfDictionaries,
    /// Keys of processes as well.
    MayBeOfProcesses,
}

/// Something that cannot be run.
pub(super) struct Problem {
    /// Where, as byte offsets.
    pub(super) span: (usize, usize),
    pub(super) code: &'static str,
    pub(super) message: String,
}

pub(super) struct Rewriter<'a> {
    pub(super) source: &'a str,
    pub(super) facts: Facts,
    pub(super) growth: Growth,
    private: Private,
    pub(super) items: Items,
    pub(super) edits: Vec<Edit>,
    pub(super) problems: Vec<Problem>,
    /// Ranges of string literals.
    pub(super) strings: Vec<(usize, usize)>,
    /// Every name that is used, wherever it is defined.
    pub(super) names: BTreeSet<String>,
    /// What is called, by its place: no value of its own.
    pub(super) called: BTreeSet<(usize, usize)>,
    /// What is walked through at once where it stands.
    pub(super) consumed: BTreeSet<(usize, usize)>,
    /// Attributes that are assigned by a function of ours.
    pub(super) assigned: BTreeSet<(usize, usize)>,
    /// Generators that have become functions.
    pub(super) lazy: BTreeSet<(usize, usize)>,
    /// How many places in unpackings have been given names.
    pub(super) places: usize,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(source: &'a str, body: &[Stmt], private: Private, items: Items) -> Self {
        Self {
            source,
            facts: Facts::of(body),
            growth: Growth::of(body),
            private,
            items,
            edits: Vec::new(),
            problems: Vec::new(),
            strings: Vec::new(),
            names: BTreeSet::new(),
            called: BTreeSet::new(),
            consumed: BTreeSet::new(),
            assigned: BTreeSet::new(),
            lazy: BTreeSet::new(),
            places: 0,
        }
    }

    fn edit(&mut self, start: usize, end: usize, at: At, text: impl Into<String>) {
        // Of what ends at one place the inner comes first, of what begins there the outer; outer ones are noted first.
        let noted = i64::try_from(self.edits.len()).unwrap_or(i64::MAX);
        let order = if at == At::Close { -noted } else { noted };
        self.edits.push(Edit { start, end, at, order, text: text.into() });
    }

    pub(super) fn replace(&mut self, start: usize, end: usize, text: impl Into<String>) {
        self.edit(start, end, At::Over, text);
    }

    /// Replaces a stretch and keeps as many line ends as it had.
    pub(super) fn replace_keeping_lines(&mut self, start: usize, end: usize, text: impl Into<String>) {
        let ends = self.source.get(start..end).map_or(0, |s| s.matches('\n').count());
        self.replace(start, end, text.into() + &"\n".repeat(ends));
    }

    pub(super) fn open(&mut self, at: usize, text: impl Into<String>) {
        self.edit(at, at, At::Open, text);
    }

    pub(super) fn close(&mut self, at: usize, text: impl Into<String>) {
        self.edit(at, at, At::Close, text);
    }

    pub(super) fn wrap(&mut self, (start, end): (usize, usize), open: impl Into<String>, close: impl Into<String>) {
        self.open(start, open);
        self.close(end, close);
    }

    pub(super) fn problem(&mut self, span: (usize, usize), code: &'static str, message: impl Into<String>) {
        self.problems.push(Problem { span, code, message: message.into() });
    }

    pub(super) fn text(&self, (start, end): (usize, usize)) -> &'a str {
        self.source.get(start..end).unwrap_or_default()
    }

    /// Where a token stands between two nodes; there may be brackets, blanks and comments beside it.
    pub(super) fn find(&self, from: usize, to: usize, token: &str) -> Option<usize> {
        let text = self.source.get(from..to)?;
        let mut in_comment = false;
        for (offset, c) in text.char_indices() {
            match c {
                '#' => in_comment = true,
                '\n' => in_comment = false,
                _ if !in_comment && text.get(offset..).is_some_and(|rest| rest.starts_with(token)) => {
                    return Some(from + offset);
                }
                _ => {}
            }
        }
        None
    }

    fn is_private(&self, name: &str) -> bool {
        match self.private {
            Private::Refused => name.starts_with('_'),
            #[cfg(test)]
            Private::Ours => name.starts_with('_') && !name.starts_with("_pk_") && name != "_str_",
        }
    }

    /// Whether an expression is an object that a block is given, or a part of one: these stay as they are.
    pub(super) fn is_fixed(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Name(name) => name.id.as_str() != "variables" && !self.facts.has(&name.id),
            Expr::Attribute(attribute) => self.is_fixed(&attribute.value),
            Expr::Subscript(item) => self.is_fixed(&item.value),
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => self.is_fixed(&method.value),
                _ => false,
            },
            _ => false,
        }
    }

    fn unsupported(&mut self, span: (usize, usize), what: &str) {
        self.problem(span, "PK016", what);
    }

    /// Notes the names in what is rewritten as a whole.
    pub(super) fn note_names(&mut self, expression: &Expr) {
        struct Names<'n>(&'n mut BTreeSet<String>);
        impl<'a> Visitor<'a> for Names<'_> {
            fn visit_expr(&mut self, expression: &'a Expr) {
                if let Expr::Name(name) = expression {
                    self.0.insert(name.id.to_string());
                }
                visitor::walk_expr(self, expression);
            }
        }
        Names(&mut self.names).visit_expr(expression);
    }
}

impl<'a> Visitor<'a> for Rewriter<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => return self.import(import),
            Stmt::ImportFrom(import) => return self.import_from(import),
            Stmt::Raise(raise) => self.raise(raise),
            Stmt::Assert(assert) => self.assert(assert),
            Stmt::Delete(delete) => return self.delete(delete),
            Stmt::AugAssign(statement) => self.augmented(statement),
            Stmt::Assign(assign) if self.assign(assign) => return self.visit_expr(&assign.value),
            Stmt::For(repeat) => {
                self.consumed.insert(span(&*repeat.iter));
                if repeat.is_async {
                    self.unsupported(span(statement), "a block waits for nothing; write `for` without `async`");
                }
            }
            Stmt::ClassDef(class) => {
                self.problem(
                    span(&class.name),
                    "PK014",
                    "classes cannot be defined in policies; use functions and dictionaries",
                );
            }
            Stmt::FunctionDef(function) => {
                if self.is_private(&function.name) {
                    self.problem(span(&function.name), "PK011", private(&function.name));
                }
                if function.is_async {
                    self.unsupported(span(&function.name), "a block waits for nothing; write `def` without `async`");
                }
            }
            Stmt::Match(choice) => {
                let at = span(&*choice.subject).0;
                let start = self.text((0, at)).rfind("match").unwrap_or(at);
                return self.unsupported((start, start + 5), "`match` is not supported; compare with `if` and `elif`");
            }
            Stmt::Try(attempt) if attempt.is_star => {
                self.unsupported(span(statement), "`except*` is not supported; write `except`");
            }
            Stmt::TypeAlias(_) => {
                return self.unsupported(span(statement), "types cannot be named here; leave the line out");
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => {
                self.names.insert(name.id.to_string());
                if self.is_private(&name.id) && name.id.as_str() != "_" {
                    self.problem(span(name), "PK011", private(&name.id));
                }
                if self.facts.is_builtin(expression, &["setattr"]) {
                    let (start, end) = span(name);
                    self.replace(start, end, "_pk_setattr");
                }
            }
            Expr::Attribute(a) => {
                if self.is_private(&a.attr) {
                    self.problem(span(&a.attr), "PK011", private(&a.attr));
                } else if a.ctx == ExprContext::Store
                    && !is_variables(&a.value)
                    && !self.assigned.contains(&span(expression))
                {
                    self.problem(span(expression), "PK028", fixed(self.text(span(expression))));
                } else if self.attribute(a) {
                    return;
                }
            }
            Expr::Yield(_) | Expr::YieldFrom(_) | Expr::Await(_) => {
                self.problem(
                    span(expression),
                    "PK015",
                    "a policy block runs from top to bottom; it cannot `yield` or `await`",
                );
            }
            Expr::StringLiteral(_) | Expr::BytesLiteral(_) | Expr::FString(_) => self.strings.push(span(expression)),
            Expr::NumberLiteral(number) if number.value.is_complex() => {
                self.unsupported(span(number), "complex numbers are not supported");
            }
            Expr::TString(_) => self.unsupported(span(expression), "template texts are not supported; use `f\"…\"`"),
            Expr::BinOp(operation) => self.operator(operation),
            Expr::Compare(comparison) => self.comparison(comparison),
            Expr::Subscript(item) => self.subscript(item),
            Expr::Slice(slice) => {
                let parts = [&slice.lower, &slice.upper, &slice.step];
                if parts.into_iter().flatten().any(|part| has_closure(part)) {
                    self.unsupported(span(slice), "this is too much for one place; give its bounds names first");
                }
            }
            Expr::Starred(starred) => {
                self.consumed.insert(span(&*starred.value));
            }
            Expr::Generator(generator) => self.generator(generator),
            Expr::ListComp(ast::ExprListComp { elt, generators, .. })
            | Expr::SetComp(ast::ExprSetComp { elt, generators, .. }) => self.clauses(&[elt], generators),
            Expr::DictComp(comprehension) => {
                let key = comprehension.key.as_deref().unwrap_or(&comprehension.value);
                self.clauses(&[key, &comprehension.value], &comprehension.generators);
            }
            Expr::Call(call) => self.call(call),
            _ => {}
        }
        self.measure_keys(expression);
        visitor::walk_expr(self, expression);
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Interpolation(part) = element
            && part.conversion == ConversionFlag::None
            && part.debug_text.is_none()
            && !matches!(&*part.expression, Expr::StringLiteral(_) | Expr::NumberLiteral(_))
        {
            // From brace to brace: brackets around the expression lie outside its range.
            let (start, end) = span(part);
            match &part.format_spec {
                None if !is_call_of(&part.expression, "_pk_str") => self.wrap((start + 1, end - 1), "_pk_str(", ")"),
                Some(spec) if !spec.elements.is_empty() => {
                    let (any, no_moment) = ("_pk_formatted", "_pk_unless_moment");
                    let computed = spec.elements.interpolations().any(|inner| has_closure(&inner.expression));
                    if computed {
                        self.unsupported(span(&**spec), "this is too much for one format; give its parts names first");
                    }
                    // Formats of moments say so by their percent signs.
                    let written = self.text(span(&**spec));
                    let helper = if written.contains(['%', '{']) { any } else { no_moment };
                    if !is_call_of(&part.expression, any) && !is_call_of(&part.expression, no_moment) {
                        // The colon stands right before the format.
                        let colon = usize::from(spec.start()).saturating_sub(1);
                        self.wrap((start + 1, colon), format!("{helper}("), ")");
                    }
                }
                _ => {}
            }
        }
        if let InterpolatedStringElement::Interpolation(part) = element {
            self.measure_written(part);
        }
        visitor::walk_interpolated_string_element(self, element);
    }
}

pub(super) fn span(node: &impl Ranged) -> (usize, usize) {
    (node.start().into(), node.end().into())
}

/// Whether an expression calls a function of ours.
pub(super) fn is_call_of(expression: &Expr, function: &str) -> bool {
    matches!(expression, Expr::Call(call) if matches!(&*call.func, Expr::Name(name) if name.id.as_str() == function))
}

/// What is said where something is assigned to an object that stays as it is.
pub(super) fn fixed(written: &str) -> String {
    format!(
        "`{written}` cannot be assigned: what a policy is given stays as it is; keep values in `variables.name` or with \
         `proposal.data.set(\"name\", value)`"
    )
}

fn private(name: &str) -> String {
    format!("`{name}` is private: names that begin with an underscore cannot be used in policies")
}
