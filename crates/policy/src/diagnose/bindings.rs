//! Names: which a block binds itself, which it is given, and which nobody knows.

use std::collections::BTreeSet;

use ruff_python_ast::{
    ExceptHandler, Expr, ExprContext, Parameters, Stmt,
    visitor::{self, Visitor},
};

use super::{Finding, Vocabulary};
use crate::{error::Severity, methods::nearest, rewrite};

/// Names of the language that policies have. A test holds this list against the interpreter. `open` is left out: the
/// interpreter knows it only to refuse it.
pub(super) const BUILTINS: &[&str] = &[
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "bool",
    "bytes",
    "callable",
    "chr",
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "hasattr",
    "hash",
    "hex",
    "id",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "object",
    "oct",
    "ord",
    "pow",
    "print",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "Ellipsis",
    "Exception",
    "ImportError",
    "IndexError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "NotImplemented",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PermissionError",
    "RecursionError",
    "RuntimeError",
    "StopIteration",
    "SyntaxError",
    "SystemExit",
    "TimeoutError",
    "TypeError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "ValueError",
    "ZeroDivisionError",
];

/// Names that are given to every block besides its parameters and the platforms.
const GIVEN: &[&str] = &["PASSED", "FAILED", "PROPOSED", "community", "constitution"];

/// Names that a block binds anywhere.
#[derive(Default)]
pub(super) struct Bound(BTreeSet<String>);

impl Bound {
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    fn add(&mut self, name: &str) {
        self.0.insert(name.to_owned());
    }

    fn parameters(&mut self, parameters: &Parameters) {
        for parameter in parameters {
            self.add(parameter.name());
        }
    }
}

impl<'a> Visitor<'a> for Bound {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.add(&function.name);
                self.parameters(&function.parameters);
            }
            Stmt::ClassDef(class) => self.add(&class.name),
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.add(alias.asname.as_ref().unwrap_or(&alias.name));
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    self.add(alias.asname.as_ref().unwrap_or(&alias.name));
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if name.ctx == ExprContext::Store => self.add(&name.id),
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
            self.add(name);
        }
        visitor::walk_except_handler(self, handler);
    }
}

/// Names that are neither bound nor given.
pub(super) fn unknown_names(body: &[Stmt], bound: &Bound, vocabulary: &Vocabulary, findings: &mut Vec<Finding>) {
    let mut names = Names { bound, vocabulary, findings };
    body.iter().for_each(|statement| names.visit_stmt(statement));
}

struct Names<'f, 'v> {
    bound: &'v Bound,
    vocabulary: &'v Vocabulary,
    findings: &'f mut Vec<Finding>,
}

impl<'a> Visitor<'a> for Names<'_, '_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression
            && name.ctx == ExprContext::Load
            // Private names are told of where code is made ready.
            && !name.id.starts_with('_')
            && !self.bound.has(&name.id)
        {
            let platforms = self.vocabulary.methods.keys().map(String::as_str);
            let known: Vec<&str> = rewrite::PARAMETERS
                .split(", ")
                .chain(GIVEN.iter().copied())
                .chain(platforms)
                .chain(rewrite::MODULES.iter().copied())
                .chain(BUILTINS.iter().copied())
                .collect();
            if !known.contains(&name.id.as_str()) {
                let own = known.iter().copied().chain(self.bound.0.iter().map(String::as_str)).collect::<Vec<_>>();
                let hint = match nearest(&name.id, &own) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => "; give it a value first, or use one of the names that every block has".to_owned(),
                };
                let message = format!("the name `{}` is not known{hint}", name.id);
                self.findings.push(Finding::new("PK020", Severity::Error, name, message));
            }
        }
        visitor::walk_expr(self, expression);
    }
}
