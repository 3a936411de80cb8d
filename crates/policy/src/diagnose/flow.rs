//! Where code goes: what is never reached, what a check and a filter return, and checks that watch the clock for nothing.

use std::collections::BTreeSet;

use policykit_core::policy::{PolicyDraft, Verdict};
use ruff_python_ast::{
    CmpOp, ExceptHandler, Expr, ExprCompare, Stmt, StmtReturn,
    visitor::{self, Visitor},
};
use ruff_text_size::Ranged;

use super::Finding;
use crate::{error::Severity, rewrite::Facts};

/// Statements after one that leaves.
pub(super) fn unreachable(body: &[Stmt], findings: &mut Vec<Finding>) {
    for (index, statement) in body.iter().enumerate() {
        for inner in suites(statement) {
            unreachable(inner, findings);
        }
        if let (true, Some(next), Some(last)) = (leaves(statement), body.get(index + 1), body.last()) {
            let message = "this is never reached: the line before it always leaves; remove it or move it up";
            let mut finding = Finding::new("PK024", Severity::Warning, next, message);
            finding.end = last.end().into();
            findings.push(finding);
            return;
        }
    }
}

fn suites(statement: &Stmt) -> Vec<&[Stmt]> {
    match statement {
        Stmt::If(s) => std::iter::once(&*s.body).chain(s.elif_else_clauses.iter().map(|c| &*c.body)).collect(),
        Stmt::For(s) => vec![&s.body, &s.orelse],
        Stmt::While(s) => vec![&s.body, &s.orelse],
        Stmt::With(s) => vec![&s.body],
        Stmt::FunctionDef(s) => vec![&s.body],
        Stmt::Try(s) => {
            let handlers = s.handlers.iter().map(|ExceptHandler::ExceptHandler(handler)| &*handler.body);
            [&*s.body, &*s.orelse, &*s.finalbody].into_iter().chain(handlers).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether nothing after this statement is reached.
fn leaves(statement: &Stmt) -> bool {
    match statement {
        Stmt::Return(_) | Stmt::Raise(_) | Stmt::Continue(_) | Stmt::Break(_) => true,
        Stmt::If(s) => {
            s.elif_else_clauses.last().is_some_and(|last| last.test.is_none())
                && std::iter::once(&s.body)
                    .chain(s.elif_else_clauses.iter().map(|c| &c.body))
                    .all(|body| body.last().is_some_and(leaves))
        }
        Stmt::With(s) => s.body.last().is_some_and(leaves),
        _ => false,
    }
}

/// The block's own returns; those of functions in it mean nothing for it.
fn returns(body: &[Stmt]) -> Vec<&StmtReturn> {
    let mut all = Vec::new();
    for statement in body {
        match statement {
            Stmt::Return(found) => all.push(found),
            Stmt::FunctionDef(_) => {}
            other => all.extend(suites(other).into_iter().flat_map(returns)),
        }
    }
    all
}

/// What a check returns, and whether it watches the clock for nothing.
pub(super) fn check(body: &[Stmt], bound: &Facts, findings: &mut Vec<Finding>) {
    let mut decides = false;
    for found in returns(body) {
        let Some(value) = &found.value else { continue };
        let wrong = match &**value {
            Expr::StringLiteral(text) => match Verdict::parse(text.value.to_str()) {
                Some(verdict) => {
                    decides |= verdict != Verdict::Proposed;
                    None
                }
                None => Some(format!("\"{}\"", text.value.to_str())),
            },
            Expr::BooleanLiteral(b) => Some(if b.value { "True" } else { "False" }.to_owned()),
            Expr::NumberLiteral(_) => Some("a number".to_owned()),
            Expr::NoneLiteral(_) => None,
            Expr::Name(name) if !bound.has(&name.id) => match name.id.as_str() {
                "PROPOSED" => None,
                // Another name is told of as one that is not known.
                _ => {
                    decides = true;
                    None
                }
            },
            _ => {
                decides = true;
                None
            }
        };
        if let Some(what) = wrong {
            let message = format!(
                "a check that returns {what} decides nothing; return `PASSED` or `FAILED`, or `PROPOSED` to wait"
            );
            findings.push(Finding::new("PK023", Severity::Error, &**value, message));
            decides = true;
        }
    }
    if let (false, Some(first)) = (decides, body.first()) {
        let message = "this check never decides: nothing in it returns `PASSED` or `FAILED`";
        let mut finding = Finding::new("PK027", Severity::Warning, first, message);
        finding.end = body.last().map_or(finding.end, |last| last.end().into());
        findings.push(finding);
    }
    clock(body, findings);
}

/// A filter that can match none of the actions its policy is for.
pub(super) fn filter(body: &[Stmt], draft: &PolicyDraft, findings: &mut Vec<Finding>) {
    let returns = returns(body);
    let never =
        |value: &Expr| matches!(value, Expr::NoneLiteral(_)) || matches!(value, Expr::BooleanLiteral(b) if !b.value);
    if returns.iter().all(|r| r.value.as_deref().is_none_or(never)) {
        let message = "this filter matches nothing, so the policy governs nothing: return something that can be true";
        let mut place = body.first().map(|first| Finding::new("PK025", Severity::Warning, first, message));
        if let Some(last) = returns.last() {
            place = Some(Finding::new("PK025", Severity::Warning, *last, message));
        }
        findings.extend(place);
        return;
    }
    if draft.action_types.is_empty() {
        return;
    }
    let mut types = Types::default();
    body.iter().for_each(|statement| types.visit_stmt(statement));
    let governed = |name: &&(String, (usize, usize))| draft.action_types.contains(&name.0);
    if let (false, false, Some((name, (start, end)))) =
        (types.other, types.compared.iter().any(|c| governed(&c)), types.compared.first())
    {
        let message = format!(
            "this filter never matches: the policy is for {}, and never for `{name}`",
            draft.action_types.iter().map(|t| format!("`{t}`")).collect::<Vec<_>>().join(", ")
        );
        findings.push(Finding { code: "PK025", severity: Severity::Warning, start: *start, end: *end, message });
    }
}

/// Types of actions that a filter asks for, with their places.
#[derive(Default)]
struct Types {
    compared: Vec<(String, (usize, usize))>,
    /// Whether it can match without asking for one of these.
    other: bool,
}

impl<'a> Visitor<'a> for Types {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Return(found) => {
                let Some(value) = found.value.as_deref() else { return };
                let before = self.compared.len();
                self.visit_expr(value);
                let never =
                    matches!(value, Expr::NoneLiteral(_)) || matches!(value, Expr::BooleanLiteral(b) if !b.value);
                let all_of = matches!(value, Expr::Compare(_))
                    || matches!(value, Expr::BoolOp(b) if b.op == ruff_python_ast::BoolOp::And);
                let about_types = all_of && self.compared.len() > before;
                self.other |= !(never || about_types);
            }
            Stmt::If(s) => {
                let before = self.compared.len();
                self.visit_expr(&s.test);
                let asked = self.compared.len() > before;
                let mut inner = Self::default();
                s.body.iter().for_each(|statement| inner.visit_stmt(statement));
                // Below a question for the type everything is about that type.
                self.other |= !asked && inner.other;
                self.compared.extend(inner.compared);
                for clause in &s.elif_else_clauses {
                    let before = self.compared.len();
                    clause.test.iter().for_each(|test| self.visit_expr(test));
                    let asked = self.compared.len() > before;
                    let mut inner = Self::default();
                    clause.body.iter().for_each(|statement| inner.visit_stmt(statement));
                    self.other |= !asked && inner.other;
                    self.compared.extend(inner.compared);
                }
            }
            Stmt::FunctionDef(_) | Stmt::Expr(_) | Stmt::Pass(_) | Stmt::Assign(_) | Stmt::Import(_) => {}
            // Anything else may come to any end.
            _ => self.other = true,
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Compare(compare) = expression
            && is_type(&compare.left)
        {
            self.note(compare);
            return;
        }
        if let Expr::UnaryOp(_) = expression {
            self.other = true;
            return;
        }
        visitor::walk_expr(self, expression);
    }
}

impl Types {
    fn note(&mut self, compare: &ExprCompare) {
        let ([op], [right]) = (&*compare.ops, &*compare.comparators) else {
            self.other = true;
            return;
        };
        let names: Vec<&Expr> = match (op, right) {
            (CmpOp::Eq, Expr::StringLiteral(_)) => vec![right],
            (CmpOp::In, Expr::List(list)) => list.elts.iter().collect(),
            (CmpOp::In, Expr::Tuple(tuple)) => tuple.elts.iter().collect(),
            (CmpOp::In, Expr::Set(set)) => set.elts.iter().collect(),
            _ => Vec::new(),
        };
        let before = self.compared.len();
        for name in &names {
            if let Expr::StringLiteral(text) = name {
                let place = (text.start().into(), text.end().into());
                self.compared.push((text.value.to_str().to_owned(), place));
            }
        }
        self.other |= names.is_empty() || self.compared.len() - before < names.len();
    }
}

fn is_type(expression: &Expr) -> bool {
    matches!(expression, Expr::Attribute(a)
        if a.attr.as_str() == "action_type" && matches!(&*a.value, Expr::Name(n) if n.id.as_str() == "action"))
}

/// A check that reads the clock and compares it with nothing is run again every minute for nothing.
fn clock(body: &[Stmt], findings: &mut Vec<Finding>) {
    let mut clock = Clock::default();
    // Twice, so that a name is known before where it is used, whatever the order.
    body.iter().for_each(|statement| clock.visit_stmt(statement));
    clock.compared = false;
    body.iter().for_each(|statement| clock.visit_stmt(statement));
    if let (false, Some((start, end))) = (clock.compared, clock.first) {
        let message = "this check reads the clock but compares it with nothing, so that it is run again every minute; \
                       compare it with a deadline, or take it out"
            .to_owned();
        findings.push(Finding { code: "PK026", severity: Severity::Warning, start, end, message });
    }
}

#[derive(Default)]
struct Clock {
    first: Option<(usize, usize)>,
    /// Names that hold what was read from it.
    names: BTreeSet<String>,
    compared: bool,
}

impl Clock {
    fn is_read(expression: &Expr) -> bool {
        matches!(expression, Expr::Call(call) if matches!(&*call.func, Expr::Attribute(a)
            if matches!(a.attr.as_str(), "now" | "today" | "utcnow" | "get_time_elapsed")))
    }

    fn depends(&self, expression: &Expr) -> bool {
        struct Depends<'c>(&'c Clock, bool);
        impl<'a> Visitor<'a> for Depends<'_> {
            fn visit_expr(&mut self, expression: &'a Expr) {
                self.1 |= Clock::is_read(expression)
                    || matches!(expression, Expr::Name(n) if self.0.names.contains(n.id.as_str()));
                visitor::walk_expr(self, expression);
            }
        }
        let mut depends = Depends(self, false);
        depends.visit_expr(expression);
        depends.1
    }
}

impl<'a> Visitor<'a> for Clock {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Assign(assign) = statement
            && self.depends(&assign.value)
        {
            self.names.extend(assign.targets.iter().filter_map(|t| t.as_name_expr().map(|n| n.id.to_string())));
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if Self::is_read(expression) && self.first.is_none() {
            self.first = Some((expression.start().into(), expression.end().into()));
        }
        if let Expr::Compare(compare) = expression {
            self.compared |= self.depends(&compare.left) || compare.comparators.iter().any(|c| self.depends(c));
        }
        visitor::walk_expr(self, expression);
    }
}
