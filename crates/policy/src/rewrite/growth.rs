//! What a block could make that is small in memory and endless to walk through: lists that hold each other many times
//! over. The interpreter compares such a thing, and hands it over, without looking at the clock. So in a block that could
//! make one, whatever is compared, looked up or handed over is measured first: it is printed, which ends when the text
//! becomes too large. That may take longer than a block may compute, and does not look at what objects carry along.

use ruff_python_ast::{
    self as ast, CmpOp, Expr, ExprContext, Parameters, Stmt,
    visitor::{self, Visitor},
};

use super::{
    expressions::HOLDER,
    statements::is_variables,
    visitor::{Rewriter, is_call_of, span},
};

/// What measures a value, and gives it back.
pub(crate) const MEASURE: &str = "_pk_small";

/// Functions that put values into new containers.
const GATHERING: &[&str] = &["dict", "enumerate", "filter", "itertools", "map", "zip"];

/// Methods that do, or put them into their own.
const GATHERING_METHODS: &[&str] = &["append", "extend", "fromkeys", "insert", "items", "setdefault", "update"];

/// Functions that compare what they are given.
const COMPARING: &[&str] = &["dict", "frozenset", "max", "min", "set", "sorted"];

/// What a block does that could make such a thing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Growth {
    /// Whether it puts values into containers.
    nests: bool,
    /// Whether it gives attributes to objects, but for variables.
    sets_attributes: bool,
}

impl Growth {
    pub(super) fn of(body: &[Stmt]) -> Self {
        let mut growth = Self::default();
        body.iter().for_each(|statement| growth.visit_stmt(statement));
        growth
    }

    /// Whether what leaves the block has to be measured.
    pub(super) const fn is_to_be_measured(self) -> bool {
        self.nests
    }

    fn parameters(&mut self, parameters: &Parameters) {
        // What methods of ours are handed around with is handed on as it is.
        let ours = parameters.iter_non_variadic_params().any(|p| p.parameter.name.as_str() == HOLDER);
        self.nests |= !ours && (parameters.vararg.is_some() || parameters.kwarg.is_some());
    }
}

impl<'a> Visitor<'a> for Growth {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => self.parameters(&function.parameters),
            Stmt::ImportFrom(import) => {
                self.nests |= import.module.as_ref().is_some_and(|module| module.as_str() == "itertools");
            }
            Stmt::Import(import) => self.nests |= import.names.iter().any(|name| name.name.as_str() == "itertools"),
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        let plain = |elements: &[Expr]| elements.iter().all(Expr::is_literal_expr);
        match expression {
            Expr::List(list) if list.ctx == ExprContext::Load => self.nests |= !plain(&list.elts),
            Expr::Tuple(tuple) if tuple.ctx == ExprContext::Load => self.nests |= !plain(&tuple.elts),
            Expr::Set(set) => self.nests |= !plain(&set.elts),
            Expr::Dict(dict) => {
                self.nests |= dict
                    .items
                    .iter()
                    .any(|item| !item.value.is_literal_expr() || !item.key.as_ref().is_some_and(Expr::is_literal_expr));
            }
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => self.nests = true,
            Expr::Subscript(item) if item.ctx == ExprContext::Store => self.nests = true,
            Expr::Starred(starred) if starred.ctx == ExprContext::Store => self.nests = true,
            Expr::Attribute(attribute) if attribute.ctx == ExprContext::Store => {
                self.sets_attributes |= !is_variables(&attribute.value);
            }
            Expr::Attribute(attribute) => self.nests |= GATHERING_METHODS.contains(&attribute.attr.as_str()),
            Expr::Name(name) if name.ctx == ExprContext::Load => self.nests |= GATHERING.contains(&name.id.as_str()),
            Expr::Call(call) => {
                let sets = matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "setattr");
                self.sets_attributes |= sets && !call.arguments.args.first().is_some_and(is_variables);
            }
            Expr::Lambda(ast::ExprLambda { parameters: Some(parameters), .. }) => self.parameters(parameters),
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}

impl Rewriter<'_> {
    /// Whether an expression may be endless to walk through.
    fn may_be_endless(&self, expression: &Expr) -> bool {
        if !self.growth.nests || self.facts.is_scalar(expression) || is_call_of(expression, MEASURE) {
            return false;
        }
        match expression {
            Expr::Name(name) => {
                self.growth.sets_attributes || name.id.as_str() == "variables" || self.facts.has(&name.id)
            }
            Expr::Attribute(attribute) => self.may_be_endless(&attribute.value),
            Expr::Subscript(item) => self.may_be_endless(&item.value),
            // What the host gives is what it has.
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => self.may_be_endless(&method.value),
                _ => true,
            },
            Expr::List(list) => list.elts.iter().any(|element| self.may_be_endless(element)),
            Expr::Tuple(tuple) => tuple.elts.iter().any(|element| self.may_be_endless(element)),
            Expr::Set(set) => set.elts.iter().any(|element| self.may_be_endless(element)),
            _ => true,
        }
    }

    fn measure(&mut self, expression: &Expr) {
        let (expression, close) = match expression {
            Expr::Starred(starred) => (&*starred.value, ")"),
            // Its brackets may be left out where it stands.
            Expr::Tuple(tuple) if !tuple.parenthesized => {
                return self.wrap(span(expression), format!("{MEASURE}(("), "))");
            }
            other => (other, ")"),
        };
        self.wrap(span(expression), format!("{MEASURE}("), close);
    }

    fn measure_if_endless(&mut self, expression: &Expr) {
        if self.may_be_endless(expression) {
            self.measure(expression);
        }
    }

    /// Comparing walks through both sides at once, so it is enough to know one of them.
    pub(super) fn measure_compared(&mut self, comparison: &ast::ExprCompare) {
        let mut left = &*comparison.left;
        for (op, right) in comparison.ops.iter().zip(&comparison.comparators) {
            let walks = !matches!(op, CmpOp::Is | CmpOp::IsNot);
            if walks && self.may_be_endless(left) && self.may_be_endless(right) {
                self.measure(left);
            }
            left = right;
        }
    }

    /// What is handed to something that compares, looks up, or is the host's.
    pub(super) fn measure_arguments(&mut self, call: &ast::ExprCall) {
        let walks = match &*call.func {
            Expr::Attribute(method) => {
                // What methods of ours are handed around with was measured when it was handed over.
                let ours = matches!(&*method.value, Expr::Name(name) if name.id.as_str() == HOLDER);
                !ours
                    && !matches!(&*method.value, Expr::StringLiteral(_) | Expr::FString(_))
                    && self.facts.module(&method.value).is_none()
            }
            function => self.facts.is_builtin(function, COMPARING),
        };
        if walks {
            call.arguments.args.iter().for_each(|argument| self.measure_if_endless(argument));
            call.arguments.keywords.iter().for_each(|keyword| self.measure_if_endless(&keyword.value));
        }
    }

    /// What is looked up, and what is told apart from what is there already.
    pub(super) fn measure_keys(&mut self, expression: &Expr) {
        match expression {
            Expr::Subscript(item) if !item.slice.is_slice_expr() => self.measure_if_endless(&item.slice),
            Expr::Set(set) => set.elts.iter().for_each(|element| self.measure_if_endless(element)),
            Expr::Dict(dict) => {
                dict.items.iter().filter_map(|item| item.key.as_ref()).for_each(|key| self.measure_if_endless(key));
            }
            Expr::SetComp(made) => self.measure_if_endless(&made.elt),
            Expr::DictComp(made) => made.key.iter().for_each(|key| self.measure_if_endless(key)),
            _ => {}
        }
    }
}
