//! What is known about the names of a block before it is rewritten.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{
    self as ast, CmpOp, ExceptHandler, Expr, ExprContext, Parameters, Stmt, UnaryOp,
    visitor::{self, Visitor},
};
use ruff_text_size::Ranged;

use super::tables::MODULES;

/// Methods that say yes or no.
const TRUTHS: &[&str] = &[
    "endswith",
    "exists",
    "has_role",
    "is_integer",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isdisjoint",
    "isidentifier",
    "islower",
    "isnumeric",
    "isspace",
    "issubset",
    "issuperset",
    "istitle",
    "isupper",
    "startswith",
];

/// Names that an expression of a kind may have been given to, and names that something else has been given to.
#[derive(Debug, Default)]
struct Kind {
    given: BTreeSet<String>,
    otherwise: BTreeSet<String>,
}

impl Kind {
    fn note(&mut self, name: &str, is: bool) {
        if is { &mut self.given } else { &mut self.otherwise }.insert(name.to_owned());
    }

    fn has(&self, name: &str) -> bool {
        self.given.contains(name) && !self.otherwise.contains(name)
    }
}

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Names bound otherwise than by an import.
    bound: BTreeSet<String>,
    /// Names under which modules were imported.
    modules: BTreeMap<String, String>,
    /// Names under which members of modules were imported.
    members: BTreeMap<String, (String, String)>,
    sets: Kind,
    truths: Kind,
    /// Where names stand, and whether they are given a value there, in the order in which that happens.
    places: Vec<(String, usize, bool)>,
    /// Where loops begin and end.
    loops: Vec<(usize, usize)>,
}

impl Facts {
    pub(super) fn of(body: &[Stmt]) -> Self {
        let mut facts = Self::default();
        body.iter().for_each(|statement| facts.visit_stmt(statement));
        facts
    }

    /// Whether the block gives a name a value of its own.
    pub(super) fn binds(&self, name: &str) -> bool {
        self.bound.contains(name) || self.members.contains_key(name)
    }

    /// The module that an expression certainly is.
    pub(super) fn module(&self, expression: &Expr) -> Option<&str> {
        let Expr::Name(name) = expression else { return None };
        if self.binds(&name.id) {
            return None;
        }
        let own = MODULES.iter().copied().find(|module| *module == name.id.as_str());
        self.modules.get(name.id.as_str()).map(String::as_str).or(own)
    }

    /// The member of a module that an expression certainly is.
    pub(super) fn member(&self, expression: &Expr) -> Option<(&str, &str)> {
        match expression {
            Expr::Name(name) if !self.bound.contains(name.id.as_str()) => {
                self.members.get(name.id.as_str()).map(|(module, member)| (module.as_str(), member.as_str()))
            }
            Expr::Attribute(attribute) => {
                let member = attribute.attr.as_str();
                // The text lives as long as the tree; what is handed out here must live as long as the facts.
                let module = self.module(&attribute.value)?;
                super::tables::members(module).into_iter().find(|known| *known == member).map(|known| (module, known))
            }
            _ => None,
        }
    }

    /// Whether a name is a built-in one.
    pub(super) fn is_builtin(&self, expression: &Expr, names: &[&str]) -> bool {
        matches!(expression, Expr::Name(name) if names.contains(&name.id.as_str()) && !self.binds(&name.id))
    }

    /// Whether an expression is certainly a set.
    pub(super) fn is_set(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Set(_) | Expr::SetComp(_) => true,
            Expr::Name(name) => self.sets.has(&name.id),
            Expr::Call(call) => self.is_builtin(&call.func, &["set", "frozenset"]),
            Expr::BinOp(operation) => self.is_set(&operation.left) && self.is_set(&operation.right),
            _ => false,
        }
    }

    /// Whether an expression is certainly true or false.
    pub(super) fn is_truth(&self, expression: &Expr) -> bool {
        match expression {
            Expr::BooleanLiteral(_) | Expr::Compare(_) => true,
            Expr::UnaryOp(operation) => operation.op == UnaryOp::Not,
            Expr::BoolOp(operation) => operation.values.iter().all(|value| self.is_truth(value)),
            Expr::If(choice) => self.is_truth(&choice.body) && self.is_truth(&choice.orelse),
            Expr::Name(name) => self.truths.has(&name.id),
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => {
                    TRUTHS.contains(&method.attr.as_str())
                        || matches!(self.member(&call.func), Some(("math", name)) if name.starts_with("is") && name != "isqrt")
                }
                function => self
                    .is_builtin(function, &["bool", "any", "all", "isinstance", "issubclass", "hasattr", "callable"]),
            },
            _ => false,
        }
    }

    /// Whether a name may be read after the place where it was deleted, before it has a value again.
    pub(super) fn is_read_after(&self, name: &str, at: usize) -> bool {
        let first = |from: usize, to: usize| {
            self.places
                .iter()
                .find(|(n, place, _)| n == name && *place >= from && *place < to)
                .map(|(.., given)| *given)
        };
        let around = self.loops.iter().filter(|(from, to)| *from <= at && at < *to).map(|(from, _)| *from).min();
        first(at, usize::MAX) == Some(false) || around.is_some_and(|from| first(from, at) == Some(false))
    }

    fn parameters(&mut self, parameters: &Parameters) {
        for parameter in parameters {
            self.bind(parameter.name());
        }
    }

    /// Binds a name to something that nothing is known about.
    fn bind(&mut self, name: &str) {
        self.bound.insert(name.to_owned());
        self.sets.note(name, false);
        self.truths.note(name, false);
    }

    fn assign(&mut self, target: &Expr, value: &Expr) {
        if let Expr::Name(name) = target {
            self.bound.insert(name.id.to_string());
            let (set, truth) = (self.is_set(value), self.is_truth(value));
            self.sets.note(&name.id, set);
            self.truths.note(&name.id, truth);
        }
    }
}

impl<'a> Visitor<'a> for Facts {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.bind(&function.name);
                self.parameters(&function.parameters);
            }
            Stmt::ClassDef(class) => self.bind(&class.name),
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.modules.insert(name.to_string(), alias.name.to_string());
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    let module = import.module.as_ref().map(ToString::to_string).unwrap_or_default();
                    self.members.insert(name.to_string(), (module, alias.name.to_string()));
                }
            }
            Stmt::Assign(assign) => {
                self.visit_expr(&assign.value);
                for target in &assign.targets {
                    self.assign(target, &assign.value);
                    match target {
                        Expr::Name(name) => self.places.push((name.id.to_string(), name.start().into(), true)),
                        other => self.visit_expr(other),
                    }
                }
                return;
            }
            Stmt::For(_) | Stmt::While(_) => {
                self.loops.push((statement.start().into(), statement.end().into()));
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => {
                if name.ctx == ExprContext::Store {
                    self.bind(&name.id);
                }
                if name.ctx != ExprContext::Del {
                    let given = name.ctx == ExprContext::Store;
                    self.places.push((name.id.to_string(), name.start().into(), given));
                }
            }
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.parameters(parameters);
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.bind(name);
        }
        visitor::walk_except_handler(self, handler);
    }
}

/// Whether computing an expression asks nobody and hardly fails, so that it does not matter whether it is computed.
pub(super) fn is_plain(expression: &Expr) -> bool {
    match expression {
        Expr::Name(_)
        | Expr::StringLiteral(_)
        | Expr::NumberLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_) => true,
        Expr::Attribute(attribute) => attribute.value.is_name_expr(),
        Expr::BoolOp(operation) => operation.values.iter().all(is_plain),
        Expr::UnaryOp(operation) => operation.op == UnaryOp::Not && is_plain(&operation.operand),
        Expr::Compare(comparison) => {
            let harmless = |op: &CmpOp| !matches!(op, CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE);
            comparison.ops.iter().all(harmless)
                && is_plain(&comparison.left)
                && comparison.comparators.iter().all(is_plain)
        }
        Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => elts.iter().all(is_plain),
        _ => false,
    }
}

/// Whether an expression can be computed again without anybody noticing.
pub(super) fn is_repeatable(expression: &Expr) -> bool {
    match expression {
        Expr::Name(_) | Expr::StringLiteral(_) | Expr::NumberLiteral(_) => true,
        Expr::Attribute(attribute) => is_repeatable(&attribute.value),
        Expr::Subscript(item) => is_repeatable(&item.value) && is_repeatable(&item.slice),
        Expr::UnaryOp(operation) => is_repeatable(&operation.operand),
        Expr::BinOp(operation) => {
            matches!(operation.op, ast::Operator::Add | ast::Operator::Sub)
                && is_repeatable(&operation.left)
                && is_repeatable(&operation.right)
        }
        _ => false,
    }
}

/// What there is inside an expression.
#[derive(Default)]
struct Inside {
    closure: bool,
    comprehension: bool,
}

impl<'a> Visitor<'a> for Inside {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            // What is inside a function is put together by itself.
            Expr::Lambda(_) => {
                self.closure = true;
                return;
            }
            Expr::Generator(_) => {
                // It may become a function.
                self.closure = true;
                self.comprehension = true;
            }
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) => self.comprehension = true,
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}

/// Whether an expression makes functions, or may come to make some.
pub(super) fn has_closure(expression: &Expr) -> bool {
    let mut inside = Inside::default();
    inside.visit_expr(expression);
    inside.closure
}

/// Whether a comprehension may hand its names to a function, and walks through what another comprehension makes: the
/// interpreter panics when it puts such a one together.
pub(super) fn is_entangled(elements: &[&Expr], clauses: &[ast::Comprehension]) -> bool {
    let Some((first, others)) = clauses.split_first() else { return false };
    let mut within = Inside::default();
    elements.iter().for_each(|element| within.visit_expr(element));
    first.ifs.iter().for_each(|condition| within.visit_expr(condition));
    others.iter().for_each(|clause| within.visit_comprehension(clause));
    let mut walked = Inside::default();
    walked.visit_expr(&first.iter);
    within.closure && walked.comprehension
}
