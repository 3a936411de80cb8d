//! What expressions look like, whatever their names stand for.

use ruff_python_ast::{
    self as ast, CmpOp, Expr, UnaryOp,
    visitor::{self, Visitor},
};

use super::visitor::is_call_of;

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

/// How deeply an expression is nested that may stand by itself. Alone, it is within a function; out of it there is room
/// for one call more before there are too many within each other.
const SHALLOW: usize = 50;

/// Finds out whether an expression may come near the end of that room.
#[derive(Default)]
struct Depth {
    now: usize,
    most: usize,
    /// Whether it makes functions, which could call themselves.
    functions: bool,
}

/// Whether an expression may stand by itself.
pub(super) fn is_shallow(expression: &Expr) -> bool {
    let mut depth = Depth::default();
    depth.visit_expr(expression);
    depth.most < SHALLOW && !depth.functions
}

impl<'a> Visitor<'a> for Depth {
    fn visit_expr(&mut self, expression: &'a Expr) {
        self.now += 1;
        self.most = self.most.max(self.now);
        match expression {
            // Those that we have made of generators are handed to nobody else.
            Expr::Call(call) if is_call_of_ours(expression) => {
                for argument in &*call.arguments.args {
                    match argument {
                        Expr::Tuple(clause) => clause.elts.iter().for_each(|part| self.visit_ours(part)),
                        other => self.visit_ours(other),
                    }
                }
            }
            Expr::Lambda(_) => self.functions = true,
            _ => visitor::walk_expr(self, expression),
        }
        self.now -= 1;
    }
}

impl Depth {
    /// A part of what we have made of a generator.
    fn visit_ours(&mut self, part: &Expr) {
        match part {
            Expr::Lambda(ours) => self.visit_expr(&ours.body),
            other => self.visit_expr(other),
        }
    }
}

/// Whether an expression calls what stands for `any` and `all`.
fn is_call_of_ours(expression: &Expr) -> bool {
    ["_pk_any_in", "_pk_all_in"].iter().any(|helper| is_call_of(expression, helper))
}
