//! What expressions certainly are, as far as that shows in the code.

use std::collections::BTreeMap;

use ruff_python_ast::{Expr, Operator, UnaryOp};

use super::facts::Facts;

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

/// Functions that give numbers or text.
const SCALARS: &[&str] = &[
    "abs", "ascii", "bin", "chr", "float", "format", "hash", "hex", "id", "int", "len", "oct", "ord", "pow", "repr",
    "round", "str",
];

/// Functions that give what contains other values.
const CONTAINERS: &[&str] = &[
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "frozenset",
    "iter",
    "list",
    "map",
    "range",
    "reversed",
    "set",
    "sorted",
    "tuple",
    "zip",
];

/// Methods that give numbers or text.
const SCALAR_METHODS: &[&str] = &[
    "bit_length",
    "capitalize",
    "casefold",
    "center",
    "count",
    "expandtabs",
    "find",
    "format",
    "index",
    "isoformat",
    "isoweekday",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rstrip",
    "strftime",
    "strip",
    "swapcase",
    "timestamp",
    "title",
    "toordinal",
    "total_seconds",
    "translate",
    "upper",
    "weekday",
    "zfill",
];

/// Methods that give lists of text.
const TEXT_LISTS: &[&str] = &["rsplit", "split", "splitlines"];

/// Helpers that stand for operators.
const OPERATORS: &[(&str, Operator)] = &[
    ("_pk_add", Operator::Add),
    ("_pk_minus", Operator::Sub),
    ("_pk_mul", Operator::Mult),
    ("_pk_div", Operator::Div),
    ("_pk_floordiv", Operator::FloorDiv),
    ("_pk_mod", Operator::Mod),
    ("_pk_pow", Operator::Pow),
    ("_pk_lshift", Operator::LShift),
    ("_pk_rshift", Operator::RShift),
    ("_pk_or", Operator::BitOr),
    ("_pk_iadd", Operator::Add),
    ("_pk_isub", Operator::Sub),
    ("_pk_imul", Operator::Mult),
    ("_pk_ior", Operator::BitOr),
    ("_pk_iand", Operator::BitAnd),
    ("_pk_ixor", Operator::BitXor),
];

/// Helpers that say yes or no.
const TRUTH_HELPERS: &[&str] = &["_pk_all_in", "_pk_any_in", "_pk_compared", "_pk_exists", "_pk_has", "_pk_is_integer"];

/// An operation, as its author wrote it or as it was rewritten.
fn operation(expression: &Expr) -> Option<(Operator, &Expr, &Expr)> {
    match expression {
        Expr::BinOp(operation) => Some((operation.op, &operation.left, &operation.right)),
        Expr::Call(call) => match (&*call.func, &*call.arguments.args) {
            (Expr::Name(name), [left, right]) => {
                let (_, operator) = OPERATORS.iter().find(|(helper, _)| *helper == name.id.as_str())?;
                Some((*operator, left, right))
            }
            _ => None,
        },
        _ => None,
    }
}

/// What something certainly is; one may be several of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Is(u8);

impl Is {
    pub(super) const NOTHING: Self = Self(0);
    pub(super) const SET: Self = Self(1);
    /// True or false.
    pub(super) const TRUTH: Self = Self(2);
    /// Neither true nor false.
    pub(super) const NO_TRUTH: Self = Self(4);
    /// A number, a text, or something else that contains nothing.
    pub(super) const SCALAR: Self = Self(8);
    const EVERYTHING: Self = Self(15);

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn has(self, kind: Self) -> bool {
        self.0 & kind.0 == kind.0
    }

    const fn only(self, holds: bool) -> Self {
        if holds { self } else { Self::NOTHING }
    }
}

/// What names certainly stand for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Kinds {
    /// What those stand for that are not listed.
    others: Is,
    of: BTreeMap<String, Is>,
}

impl Kinds {
    /// Every name is everything.
    pub(super) const fn everything() -> Self {
        Self { others: Is::EVERYTHING, of: BTreeMap::new() }
    }

    /// Notes that a name is given such a value, among others perhaps.
    pub(super) fn note(&mut self, name: &str, is: Is) {
        let all = self.of.entry(name.to_owned()).or_insert(Is::EVERYTHING);
        *all = all.both(is);
    }

    fn of(&self, name: &str) -> Is {
        self.of.get(name).copied().unwrap_or(self.others)
    }
}

impl Facts {
    /// What an expression certainly is.
    pub(super) fn is(&self, expression: &Expr) -> Is {
        Is::SET
            .only(self.is_set(expression))
            .and(Is::TRUTH.only(self.is_truth(expression)))
            .and(Is::NO_TRUTH.only(self.is_no_truth(expression)))
            .and(Is::SCALAR.only(self.is_scalar(expression)))
    }

    /// What each of those certainly is that an expression contains.
    pub(super) fn elements_of(&self, expression: &Expr) -> Is {
        let text = Is::NO_TRUTH.and(Is::SCALAR);
        match expression {
            Expr::List(list) => self.all_of(&list.elts),
            Expr::Tuple(tuple) => self.all_of(&tuple.elts),
            Expr::Set(set) => self.all_of(&set.elts),
            Expr::StringLiteral(_) | Expr::FString(_) => text,
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => text.only(TEXT_LISTS.contains(&method.attr.as_str())),
                function => text.only(self.is_builtin(function, &["range", "str"])),
            },
            _ => Is::NOTHING,
        }
    }

    fn all_of(&self, elements: &[Expr]) -> Is {
        let all = elements.iter().map(|element| self.is(element)).reduce(Is::both);
        all.unwrap_or_default()
    }

    /// Whether an expression is certainly a set.
    pub(super) fn is_set(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Set(_) | Expr::SetComp(_) => true,
            Expr::Name(name) => self.known.of(&name.id).has(Is::SET),
            Expr::Call(call) if self.is_builtin(&call.func, &["set", "frozenset"]) => true,
            other => operation(other).is_some_and(|(_, left, right)| self.is_set(left) && self.is_set(right)),
        }
    }

    /// Whether an expression is certainly true or false.
    pub(super) fn is_truth(&self, expression: &Expr) -> bool {
        match expression {
            Expr::BooleanLiteral(_) | Expr::Compare(_) => true,
            Expr::UnaryOp(operation) => operation.op == UnaryOp::Not,
            Expr::BoolOp(operation) => operation.values.iter().all(|value| self.is_truth(value)),
            Expr::If(choice) => self.is_truth(&choice.body) && self.is_truth(&choice.orelse),
            Expr::Name(name) => self.known.of(&name.id).has(Is::TRUTH),
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => {
                    TRUTHS.contains(&method.attr.as_str())
                        || matches!(self.member(&call.func), Some(("math", name)) if name.starts_with("is") && name != "isqrt")
                }
                function => {
                    let known = ["bool", "any", "all", "isinstance", "issubclass", "hasattr", "callable"];
                    self.is_builtin(function, &known) || self.is_builtin(function, TRUTH_HELPERS)
                }
            },
            _ => false,
        }
    }

    /// Whether an expression is certainly neither true nor false.
    pub(super) fn is_no_truth(&self, expression: &Expr) -> bool {
        if let Some((operator, left, right)) = operation(expression) {
            let bits = matches!(operator, Operator::BitAnd | Operator::BitOr | Operator::BitXor);
            return !bits || self.is_no_truth(left) || self.is_no_truth(right);
        }
        match expression {
            Expr::NumberLiteral(_) | Expr::NoneLiteral(_) | Expr::EllipsisLiteral(_) | Expr::Lambda(_) => true,
            Expr::UnaryOp(operation) => operation.op != UnaryOp::Not,
            Expr::BoolOp(operation) => operation.values.iter().all(|value| self.is_no_truth(value)),
            Expr::If(choice) => self.is_no_truth(&choice.body) && self.is_no_truth(&choice.orelse),
            // What a block is given is an object, or the name of a verdict.
            Expr::Name(name) if !self.has(&name.id) => true,
            Expr::Name(name) => self.known.of(&name.id).has(Is::NO_TRUTH),
            Expr::Call(call) if self.is_builtin(&call.func, SCALARS) || self.is_builtin(&call.func, &["sum"]) => true,
            Expr::Call(call) => {
                let moment = matches!(self.member(&call.func), Some(("datetime", _)));
                moment || self.is_scalar(expression) && !self.is_truth(expression) || self.is_no_number(expression)
            }
            other => self.is_no_number(other),
        }
    }

    /// Whether an expression certainly contains nothing that has parts of its own.
    pub(super) fn is_scalar(&self, expression: &Expr) -> bool {
        if let Some((operator, left, right)) = operation(expression) {
            return match operator {
                // Lists are multiplied by numbers as well.
                Operator::Mult => self.is_scalar(left) && self.is_scalar(right),
                Operator::Add | Operator::Sub | Operator::BitAnd | Operator::BitOr | Operator::BitXor => {
                    self.is_scalar(left) || self.is_scalar(right)
                }
                _ => true,
            };
        }
        match expression {
            Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_)
            | Expr::EllipsisLiteral(_)
            | Expr::FString(_)
            | Expr::Lambda(_)
            | Expr::Compare(_)
            | Expr::UnaryOp(_) => true,
            Expr::BoolOp(operation) => operation.values.iter().all(|value| self.is_scalar(value)),
            Expr::If(choice) => self.is_scalar(&choice.body) && self.is_scalar(&choice.orelse),
            Expr::Name(name) => self.known.of(&name.id).has(Is::SCALAR),
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => {
                    let name = method.attr.as_str();
                    SCALAR_METHODS.contains(&name) && !self.is_given(&method.value)
                        || self.is_truth(expression)
                        || matches!(self.member(&call.func), Some(("datetime", _)))
                }
                function => {
                    let helper = matches!(function, Expr::Name(name) if name.id.strip_prefix("_pk_")
                        .is_some_and(|of| SCALARS.contains(&of) || SCALAR_METHODS.contains(&of)));
                    helper || self.is_builtin(function, SCALARS) || self.is_truth(expression)
                }
            },
            _ => false,
        }
    }

    /// Whether an expression is certainly text or a container, which no number can be added to.
    pub(super) fn is_no_number(&self, expression: &Expr) -> bool {
        if let Some((operator, left, right)) = operation(expression) {
            return match operator {
                Operator::Add | Operator::Mult => self.is_no_number(left) || self.is_no_number(right),
                Operator::Mod => left.is_string_literal_expr(),
                _ => false,
            };
        }
        match expression {
            Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::FString(_)
            | Expr::List(_)
            | Expr::Tuple(_)
            | Expr::Set(_)
            | Expr::Dict(_)
            | Expr::ListComp(_)
            | Expr::SetComp(_)
            | Expr::DictComp(_)
            | Expr::Generator(_) => true,
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => {
                    matches!(self.member(&call.func), Some(("datetime", _)))
                        || (TEXT_LISTS.contains(&method.attr.as_str()) && !self.is_given(&method.value))
                        || method.value.is_string_literal_expr() && method.attr.as_str() == "join"
                }
                function => {
                    let text = ["str", "repr", "format", "_pk_str", "_pk_timedelta"];
                    self.is_builtin(function, CONTAINERS) || self.is_builtin(function, &text)
                }
            },
            _ => false,
        }
    }

    /// Whether an expression is what the block is given, or its attributes: what its methods give is the host's.
    fn is_given(&self, expression: &Expr) -> bool {
        matches!(expression, Expr::Name(name) if !self.has(&name.id))
    }
}
