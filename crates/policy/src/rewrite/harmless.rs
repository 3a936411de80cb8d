//! Which filters cannot notice, disturb or outlast each other, so that they may run together in one program.
//!
//! A proof by permission: everything that is not listed here speaks against a filter. What is listed reads attributes
//! that the action carries along, computes with them, assigns local names, and comes to an end. It asks its host for
//! nothing, changes no value it was handed, and catches no error.

use std::collections::BTreeSet;

use ruff_python_ast::{
    self as ast, CmpOp, ConversionFlag, Expr, ExprContext, InterpolatedStringElement, Operator, Parameters, Stmt,
    visitor::{self, Visitor},
};

use crate::objects::{LAZY_ATTRIBUTES, MEMBER_ATTRIBUTES};

/// The one parameter that filters share.
const ACTION: &str = "action";

/// Functions that compute and do nothing else.
const FUNCTIONS: &[&str] = &[
    "abs",
    "all",
    "any",
    "bool",
    "chr",
    "dict",
    "enumerate",
    "filter",
    "float",
    "int",
    "isinstance",
    "len",
    "list",
    "map",
    "max",
    "min",
    "ord",
    "range",
    "reversed",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
    "zip",
];

/// Methods of text, lists, sets and dictionaries that leave them as they are. No object of the host has one of them.
const METHODS: &[&str] = &[
    "capitalize",
    "casefold",
    "count",
    "difference",
    "endswith",
    "find",
    "get",
    "index",
    "intersection",
    "isalnum",
    "isalpha",
    "isdecimal",
    "isdigit",
    "isdisjoint",
    "islower",
    "isnumeric",
    "isspace",
    "issubset",
    "issuperset",
    "istitle",
    "isupper",
    "items",
    "join",
    "keys",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "symmetric_difference",
    "title",
    "union",
    "upper",
    "values",
];

/// What a harmless filter reads of the action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Only these attributes.
    Attributes(BTreeSet<String>),
    /// The action as a whole: compared, printed or handed on.
    Whole,
}

/// What the statements of a filter read of the action, if they are harmless.
pub(super) fn reach(body: &[Stmt]) -> Option<Reach> {
    let mut proof = Proof::default();
    for statement in body {
        proof.visit_stmt(statement);
    }
    let foreign = |name: &&String| !proof.own.contains(*name) && !FUNCTIONS.contains(&name.as_str());
    if proof.refuted || proof.own.contains(ACTION) || proof.named.iter().any(|name| foreign(&name)) {
        return None;
    }
    Some(if proof.whole { Reach::Whole } else { Reach::Attributes(proof.attributes) })
}

/// What was met so far.
#[derive(Default)]
struct Proof {
    refuted: bool,
    /// Names the filter gives values to.
    own: BTreeSet<String>,
    /// Names it uses, but for `action`.
    named: BTreeSet<String>,
    /// Attributes of `action` it reads.
    attributes: BTreeSet<String>,
    /// Whether `action` itself is used otherwise than for an attribute.
    whole: bool,
}

impl Proof {
    fn demand(&mut self, holds: bool) {
        self.refuted |= !holds;
    }

    fn parameters(&mut self, parameters: &Parameters) {
        self.demand(parameters.vararg.is_none() && parameters.kwarg.is_none());
        for parameter in parameters.iter_non_variadic_params() {
            self.demand(parameter.parameter.annotation.is_none());
            self.own.insert(parameter.parameter.name.to_string());
        }
    }

    fn call<'a>(&mut self, call: &'a ast::ExprCall)
    where
        Self: Visitor<'a>,
    {
        self.demand(!call.arguments.args.iter().any(Expr::is_starred_expr));
        self.demand(call.arguments.keywords.iter().all(|keyword| keyword.arg.is_some()));
        match &*call.func {
            Expr::Attribute(method) => {
                self.demand(METHODS.contains(&method.attr.as_str()));
                self.demand(!is_action(&method.value));
                self.visit_expr(&method.value);
            }
            // Given a list to begin with, it might lengthen that one.
            Expr::Name(name) if name.id.as_str() == "sum" => self.demand(call.arguments.len() == 1),
            Expr::Name(_) | Expr::Lambda(_) => self.visit_expr(&call.func),
            _ => self.refuted = true,
        }
        self.visit_arguments(&call.arguments);
    }
}

impl<'a> Visitor<'a> for Proof {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.demand(!function.is_async && function.decorator_list.is_empty());
                self.demand(function.type_params.is_none() && function.returns.is_none());
                self.own.insert(function.name.to_string());
                self.parameters(&function.parameters);
            }
            Stmt::Assign(assign) => self.demand(assign.targets.iter().all(is_local)),
            // Adding to a list in place would change the list that was handed in; a number is added to numbers only.
            Stmt::AugAssign(assign) => {
                self.demand(assign.target.is_name_expr() && assign.value.is_number_literal_expr());
                self.demand(matches!(assign.op, Operator::Add | Operator::Sub));
            }
            Stmt::For(repeat) => self.demand(!repeat.is_async && is_local(&repeat.target)),
            Stmt::Return(_) | Stmt::If(_) | Stmt::Expr(_) | Stmt::Pass(_) | Stmt::Break(_) | Stmt::Continue(_) => {}
            _ => self.refuted = true,
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => match name.ctx {
                ExprContext::Load if name.id.as_str() == ACTION => self.whole = true,
                ExprContext::Load => {
                    self.named.insert(name.id.to_string());
                }
                ExprContext::Store => {
                    self.own.insert(name.id.to_string());
                }
                ExprContext::Del | ExprContext::Invalid => self.refuted = true,
            },
            Expr::Attribute(attribute) => {
                let name = attribute.attr.as_str();
                self.demand(attribute.ctx == ExprContext::Load);
                if is_action(&attribute.value) {
                    self.demand(!LAZY_ATTRIBUTES.contains(&name));
                    self.attributes.insert(name.to_owned());
                    return;
                }
                self.demand(MEMBER_ATTRIBUTES.contains(&name));
            }
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.parameters(parameters);
                }
            }
            Expr::BinOp(operation) => self.demand(matches!(
                operation.op,
                Operator::Add | Operator::Sub | Operator::Mult | Operator::FloorDiv | Operator::BitAnd
            )),
            // Which texts are one and the same object may depend on what else is in the program.
            Expr::Compare(comparison) => {
                let plain = |(op, right): (&CmpOp, &Expr)| {
                    !matches!(op, CmpOp::Is | CmpOp::IsNot)
                        || right.is_none_literal_expr()
                        || right.is_boolean_literal_expr()
                };
                self.demand(comparison.ops.iter().zip(&comparison.comparators).all(plain));
            }
            Expr::Call(call) => return self.call(call),
            Expr::Dict(dict) => self.demand(dict.items.iter().all(|item| item.key.is_some())),
            Expr::ListComp(ast::ExprListComp { generators, .. })
            | Expr::SetComp(ast::ExprSetComp { generators, .. })
            | Expr::DictComp(ast::ExprDictComp { generators, .. })
            | Expr::Generator(ast::ExprGenerator { generators, .. }) => {
                self.demand(generators.iter().all(|part| !part.is_async && is_local(&part.target)));
            }
            Expr::Subscript(item) => self.demand(item.ctx == ExprContext::Load),
            Expr::BoolOp(_)
            | Expr::UnaryOp(_)
            | Expr::If(_)
            | Expr::Set(_)
            | Expr::List(_)
            | Expr::Tuple(_)
            | Expr::Slice(_)
            | Expr::FString(_)
            | Expr::StringLiteral(_)
            | Expr::NumberLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_) => {}
            _ => self.refuted = true,
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Interpolation(part) = element {
            self.demand(part.conversion == ConversionFlag::None);
            self.demand(part.format_spec.is_none() && part.debug_text.is_none());
        }
        visitor::walk_interpolated_string_element(self, element);
    }
}

pub(super) fn is_action(expression: &Expr) -> bool {
    matches!(expression, Expr::Name(name) if name.id.as_str() == ACTION)
}

/// Whether only local names are assigned.
fn is_local(target: &Expr) -> bool {
    match target {
        Expr::Name(_) => true,
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_local),
        Expr::List(list) => list.elts.iter().all(is_local),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Reach, reach};

    fn of(source: &str) -> Option<Reach> {
        reach(&ruff_python_parser::parse_module(source).unwrap().syntax().body)
    }

    fn attributes(names: &[&str]) -> Option<Reach> {
        Some(Reach::Attributes(names.iter().map(|name| (*name).to_owned()).collect()))
    }

    #[test]
    fn filters_that_look_at_the_action_are_harmless() {
        assert_eq!(of("return action.text.startswith('vote ')"), attributes(&["text"]));
        assert_eq!(
            of("return len(action.text.split()) > 200 and action.channel == 'C1'"),
            attributes(&["channel", "text"])
        );
        assert_eq!(
            of("text = action.text.lower()\nfor word in ['a']:\n  if word in text:\n    return True"),
            attributes(&["text"])
        );
        assert_eq!(of("def here(c):\n  return c == 'C'\nreturn here(action.channel)"), attributes(&["channel"]));
        assert_eq!(of("n = 0\nfor c in action.text:\n  n += 1\nreturn n > 5"), attributes(&["text"]));
        assert_eq!(of("return any(w in action.text for w in ['a', 'b'])"), attributes(&["text"]));
        assert_eq!(of("return action.initiator is not None"), attributes(&["initiator"]));
        assert_eq!(of("return f'{action.channel}' == 'C1'"), attributes(&["channel"]));
        assert_eq!(of("return 'post' in str(action)"), Some(Reach::Whole));
        assert_eq!(of("return True"), attributes(&[]));
    }

    #[test]
    fn what_could_be_noticed_by_another_filter_is_not() {
        for source in [
            "action.text = 'x'",
            "action.data['x'] = 1",
            "t = action.tags\nt += ['x']",
            "t = action.tags\nt *= 2",
            "action.tags.append('x')",
            "t = action.tags\nt.sort()",
            "list(map(action.tags.append, ['x']))",
            "f = action.tags.append\nf('x')",
            "t = action.tags\ndel t[0]",
            "sum([[1]], action.tags)",
            "return [action.x for action.x in [1]]",
            "for action.text in ['x']:\n  pass",
            "action = 1",
            "def f(action):\n  return action.x\nreturn f(1)",
            "global x\nx = 1",
        ] {
            assert_eq!(of(source), None, "{source}");
        }
    }

    #[test]
    fn what_asks_the_host_is_not() {
        for source in [
            "return action.initiator.has_role('x')",
            "return action.description()",
            "return action.community.name == 'x'",
            "return action.proposal.id",
            "a = action\nreturn a.community_revert",
            "return policy.name == 'x'",
            "return proposal.data.get('x')",
            "return variables.x",
            "logger.info('x')",
            "return slack.get_users()",
            "return datetime.datetime.now() > 1",
            "return random.random() > 0.5",
            "return hasattr(action, 'text')",
            "return getattr(action, 'text')",
            "return '%s' % action.text",
            "return unknown",
        ] {
            assert_eq!(of(source), None, "{source}");
        }
    }

    #[test]
    fn what_may_not_end_or_not_raise_is_not() {
        for source in [
            "while True:\n  pass",
            "raise ValueError('x')",
            "try:\n  return action.x\nexcept AttributeError:\n  return False",
            "assert action.text",
            "return 10 ** 10 ** 8",
            "return 1 << 100",
            "with action.text as x:\n  pass",
            "return (x := 1)",
            "return action.text is action.channel",
            "return print(*[1])",
            "@map\ndef f():\n  pass",
            "def f(x: int):\n  pass",
            "import datetime",
            "return f'{action.text:>1000}'",
            "return f'{action!r}'",
        ] {
            assert_eq!(of(source), None, "{source}");
        }
    }
}
