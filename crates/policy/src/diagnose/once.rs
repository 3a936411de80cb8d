//! Names that a block gives a value in one place only, and that value.

use std::collections::BTreeMap;

use ruff_python_ast::{
    Comprehension, ExceptHandler, Expr, ExprContext, Parameter, Stmt,
    visitor::{self, Visitor},
};

/// What a name is given.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    /// This.
    Value(&'a Expr),
    /// Each of these in turn.
    Each(&'a Expr),
}

/// What names are given; `None` for one that is given something in several places, or otherwise.
#[derive(Default)]
pub(super) struct Once<'a>(BTreeMap<&'a str, Option<Given<'a>>>);

impl<'a> Once<'a> {
    pub(super) fn of(body: &'a [Stmt]) -> Self {
        let mut once = Self::default();
        body.iter().for_each(|statement| once.visit_stmt(statement));
        once
    }

    pub(super) fn given(&self, name: &str) -> Option<Given<'a>> {
        self.0.get(name).copied().flatten()
    }

    fn note(&mut self, name: &'a str, given: Option<Given<'a>>) {
        self.0.entry(name).and_modify(|known| *known = None).or_insert(given);
    }

    /// What is given to a target; its names are not looked at again.
    fn target(&mut self, target: &'a Expr, given: Given<'a>) {
        match target {
            Expr::Name(name) => self.note(&name.id, Some(given)),
            other => self.visit_expr(other),
        }
    }
}

impl<'a> Visitor<'a> for Once<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Assign(assign) => {
                self.visit_expr(&assign.value);
                assign.targets.iter().for_each(|target| self.target(target, Given::Value(&assign.value)));
            }
            Stmt::For(repeat) => {
                self.visit_expr(&repeat.iter);
                self.target(&repeat.target, Given::Each(&repeat.iter));
                repeat.body.iter().chain(&repeat.orelse).for_each(|inner| self.visit_stmt(inner));
            }
            Stmt::FunctionDef(function) => {
                self.note(&function.name, None);
                visitor::walk_stmt(self, statement);
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_comprehension(&mut self, clause: &'a Comprehension) {
        self.visit_expr(&clause.iter);
        self.target(&clause.target, Given::Each(&clause.iter));
        clause.ifs.iter().for_each(|condition| self.visit_expr(condition));
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression
            && name.ctx != ExprContext::Load
        {
            self.note(&name.id, None);
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.note(&parameter.name, None);
        visitor::walk_parameter(self, parameter);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.note(name, None);
        }
        visitor::walk_except_handler(self, handler);
    }
}
