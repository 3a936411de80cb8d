//! Expressions that are written otherwise: operators, calls, methods as values, generators.

use ruff_python_ast::{self as ast, Arguments, CmpOp, Comprehension, Expr, ExprContext, Operator};

use super::{
    PARAMETERS,
    facts::{is_entangled, is_plain},
    statements::{is_variables, not_in, variable_of},
    tables::{
        CONSUMERS, CONSUMING_METHODS, EXCEPTIONS, HELPED_METHODS, MISSING_METHODS, ONCE, TYPES, is_method, stand_in,
    },
    visitor::{Rewriter, span},
};
use crate::objects::known::{self, KINDS};

/// What a method of ours is called on while it is handed around; calls on it are ours.
const HOLDER: &str = "_pk_o";

impl Rewriter<'_> {
    pub(super) fn operator(&mut self, operation: &ast::ExprBinOp) {
        let (left, right) = (&*operation.left, &*operation.right);
        let Some((helper, token)) = self.helper_of(operation) else {
            // The interpreter does not count with truth values.
            if !matches!(operation.op, Operator::BitAnd | Operator::BitXor | Operator::BitOr) {
                for operand in [left, right] {
                    if self.facts.is_truth(operand) {
                        self.wrap(span(operand), "int(", ")");
                    }
                }
            }
            return;
        };
        // Brackets around an operand lie outside its range: closing ones left of the operator, opening ones right of it.
        let Some(at) = self.find(span(left).1, span(right).0, token) else { return };
        self.replace(at, at + token.len(), ",");
        self.wrap(span(operation), helper, ")");
    }

    /// The helper that knows more than the interpreter's operator, and the operator.
    fn helper_of(&self, operation: &ast::ExprBinOp) -> Option<(&'static str, &'static str)> {
        let fraction = |e: &Expr| matches!(e, Expr::NumberLiteral(n) if n.value.is_float());
        let length = |e: &Expr| matches!(e, Expr::Call(call) if self.facts.member(&call.func) == Some(("datetime", "timedelta")));
        match operation.op {
            Operator::Mod => Some(("_pk_mod(", "%")),
            Operator::Div => Some(("_pk_div(", "/")),
            Operator::BitOr => Some(("_pk_or(", "|")),
            Operator::Pow => Some(("_pk_pow(", "**")),
            Operator::FloorDiv => Some(("_pk_floordiv(", "//")),
            Operator::Mult => [&*operation.left, &*operation.right]
                .into_iter()
                .any(|e| fraction(e) || length(e))
                .then_some(("_pk_mul(", "*")),
            _ => None,
        }
    }

    /// The interpreter does not compare sets.
    pub(super) fn comparison(&mut self, comparison: &ast::ExprCompare) {
        let ([op], [right]) = (&*comparison.ops, &*comparison.comparators) else { return };
        if matches!(op, CmpOp::In | CmpOp::NotIn) {
            self.consumed.insert(span(right));
            return;
        }
        let token = match op {
            CmpOp::Lt => "<",
            CmpOp::LtE => "<=",
            CmpOp::Gt => ">",
            CmpOp::GtE => ">=",
            _ => return,
        };
        if !self.facts.is_set(&comparison.left) && !self.facts.is_set(right) {
            return;
        }
        let Some(at) = self.find(span(&*comparison.left).1, span(right).0, token) else { return };
        self.replace(at, at + token.len(), format!(", '{token}',"));
        self.wrap(span(comparison), "_pk_compared(", ")");
    }

    pub(super) fn subscript(&mut self, item: &ast::ExprSubscript) {
        if !is_variables(&item.value) {
            return;
        }
        let (start, end) = span(item);
        let (_, value_end) = span(&*item.value);
        let (key_start, key_end) = span(&*item.slice);
        if let Some(name) = variable_of(item) {
            let text = format!(".{name}");
            self.replace_keeping_lines(value_end, end, text);
        } else if item.ctx == ExprContext::Load && !item.slice.is_slice_expr() {
            self.open(start, "_pk_variable(");
            self.replace_keeping_lines(value_end, key_start, ", (");
            self.replace_keeping_lines(key_end, end, "))");
        } else {
            let message = "a variable is named by plain text here: `variables.name` or `variables[\"name\"]`";
            self.problem((start, end), "PK013", message);
        }
    }

    /// An attribute. Whether nothing within it is left to look at.
    pub(super) fn attribute(&mut self, attribute: &ast::ExprAttribute) -> bool {
        let (start, end) = span(attribute);
        let (_, value_end) = span(&*attribute.value);
        let name = attribute.attr.as_str();
        if let Some(module) = self.facts.module(&attribute.value) {
            let module = module.to_owned();
            if let Some(text) = stand_in(&module, name) {
                self.replace_keeping_lines(start, end, text);
                return true;
            }
            if !super::tables::members(&module).contains(&name) {
                self.problem(span(&attribute.attr), "PK017", not_in(&module, name));
            }
            return false;
        }
        if self.facts.member(&attribute.value) == Some(("itertools", "chain")) && name == "from_iterable" {
            self.replace_keeping_lines(start, end, "_pk_from_iterable");
            return true;
        }
        if attribute.ctx != ExprContext::Load {
            return false;
        }
        if let Some((_, instead)) = MISSING_METHODS.iter().find(|(method, _)| *method == name) {
            let message = format!("there is no method `{name}` here; {instead}");
            self.problem(span(&attribute.attr), "PK018", message);
            return false;
        }
        if self.facts.is_builtin(&attribute.value, TYPES) {
            // `str.lower`, called or handed around.
            if is_method(name) {
                let kind = self.text(span(&*attribute.value));
                self.replace_keeping_lines(start, end, format!("_pk_of({kind}, '{name}', {})", handed_around(name)));
                return true;
            }
            return false;
        }
        if self.called.contains(&(start, end)) || !self.may_be_method(&attribute.value, name) {
            return false;
        }
        self.open(start, "_pk_method(");
        self.replace_keeping_lines(value_end, end, format!(", '{name}', {})", handed_around(name)));
        false
    }

    /// Whether `value.name` may be a method.
    fn may_be_method(&self, value: &Expr, name: &str) -> bool {
        let host = KINDS.iter().any(|kind| known::method_names(*kind).contains(&name));
        match value {
            Expr::Name(receiver) if !self.facts.binds(&receiver.id) => match receiver.id.as_str() {
                HOLDER | "variables" => false,
                "action" | "policy" | "proposal" | "logger" | "community" => host && !is_method(name),
                // A platform, whose methods are not known here.
                other => !other.starts_with('_') && !PARAMETERS.split(", ").any(|p| p == other),
            },
            _ => host || is_method(name),
        }
    }

    /// `x for x in y` where it is not walked through at once: what can be walked through once.
    pub(super) fn generator(&mut self, generator: &ast::ExprGenerator) {
        let (start, end) = span(generator);
        if self.lazy.contains(&(start, end)) {
            return self.clauses(&[], &generator.generators);
        }
        self.clauses(&[&generator.elt], &generator.generators);
        if self.consumed.contains(&(start, end)) {
            return;
        }
        if generator.parenthesized {
            self.replace(start, start + 1, "iter([");
            self.replace(end - 1, end, "])");
        } else {
            self.wrap((start, end), "iter([", "])");
        }
    }

    pub(super) fn clauses(&mut self, elements: &[&Expr], clauses: &[Comprehension]) {
        if let Some(first) = clauses.first().filter(|_| is_entangled(elements, clauses)) {
            self.wrap(span(&first.iter), "(lambda: (", "))()");
        }
        for clause in clauses {
            self.consumed.insert(span(&clause.iter));
            if clause.is_async {
                self.problem(span(clause), "PK016", "a block waits for nothing; write `for` without `async`");
            }
        }
    }

    pub(super) fn call(&mut self, call: &ast::ExprCall) {
        let arguments = &call.arguments;
        let starred = arguments.args.iter().any(Expr::is_starred_expr);
        let holder = |e: &Expr| matches!(e, Expr::Name(name) if name.id.as_str() == HOLDER);
        match &*call.func {
            // The interpreter miscounts arguments that come from a list.
            Expr::Attribute(method)
                if starred
                    && is_method(&method.attr)
                    && !HELPED_METHODS.contains(&method.attr.as_str())
                    && !holder(&method.value) => {}
            function => {
                self.called.insert(span(function));
            }
        }
        let walks = match &*call.func {
            // What is handed to the host is handed over whole.
            Expr::Attribute(method) => match self.facts.module(&method.value) {
                Some(module) => module == "itertools",
                None => CONSUMING_METHODS.contains(&method.attr.as_str()) || !is_method(&method.attr),
            },
            function => self.facts.is_builtin(function, CONSUMERS),
        };
        if walks {
            self.consumed.extend(arguments.args.iter().map(span));
            self.consumed.extend(arguments.keywords.iter().map(|keyword| span(&keyword.value)));
        }
        match &*call.func {
            Expr::Name(name) => self.call_by_name(call, name),
            // Lengths of time are noted: when one has passed, a comparison may come out otherwise.
            function if self.facts.member(function) == Some(("datetime", "timedelta")) => {
                let (start, end) = span(function);
                self.replace_keeping_lines(start, end, "_pk_timedelta");
            }
            Expr::Attribute(attribute)
                if HELPED_METHODS.contains(&attribute.attr.as_str())
                    && self.facts.module(&attribute.value).is_none()
                    && !(self.facts.is_builtin(&attribute.value, TYPES) && is_method(&attribute.attr)) =>
            {
                self.helped(call, attribute);
            }
            _ => {}
        }
    }

    fn helped(&mut self, call: &ast::ExprCall, attribute: &ast::ExprAttribute) {
        let (start, _) = span(attribute);
        let (_, value_end) = span(&*attribute.value);
        let (open, _) = span(&call.arguments);
        let separator = if call.arguments.is_empty() { "" } else { ", " };
        self.open(start, format!("_pk_{}(", attribute.attr));
        // Brackets around what it is called on end before the dot.
        let (attr_start, _) = span(&attribute.attr);
        let Some(dot) = self.find(value_end, attr_start, ".") else { return };
        self.replace_keeping_lines(dot, open + 1, separator);
    }

    fn call_by_name(&mut self, call: &ast::ExprCall, name: &ast::ExprName) {
        let function = name.id.as_str();
        let Arguments { args, keywords, .. } = &call.arguments;
        let (start, end) = span(name);
        let (_, call_end) = span(call);
        if self.facts.member(&call.func) == Some(("datetime", "timedelta")) {
            return self.replace(start, end, "_pk_timedelta");
        }
        if self.facts.binds(function) {
            return;
        }
        match function {
            "str" if args.len() == 1 && keywords.is_empty() => self.replace(start, end, "_pk_str"),
            "float" if args.len() == 1 && keywords.is_empty() => self.replace(start, end, "_pk_float"),
            "getattr" if args.len() >= 2 => match args.get(1) {
                Some(Expr::StringLiteral(key)) if !is_method(key.value.to_str()) => {}
                Some(Expr::StringLiteral(key)) if args.len() == 2 => {
                    self.replace(start, end, "_pk_method");
                    self.close(call_end - 1, format!(", {}", handed_around(key.value.to_str())));
                }
                _ => self.replace(start, end, "_pk_getattr"),
            },
            "hasattr" => {
                let known = match (args.first(), args.get(1)) {
                    (Some(value), Some(Expr::StringLiteral(key))) => !self.may_be_method(value, key.value.to_str()),
                    _ => false,
                };
                if !known {
                    self.replace(start, end, "_pk_has");
                }
            }
            "any" | "all" | "next" => {
                if let Some(Expr::Generator(generator)) = args.first() {
                    self.stops_early(function, (start, end), generator);
                }
            }
            _ if ONCE.contains(&function) && !self.consumed.contains(&span(call)) => {
                self.wrap(span(call), "iter(", ")");
            }
            _ if EXCEPTIONS.contains(&function)
                && (args.len() > 1 || !keywords.is_empty() || args.iter().any(Expr::is_starred_expr)) =>
            {
                let message = format!("`{function}` takes one text here; put the values into it with an f-string");
                self.problem(span(&call.arguments), "PK016", message);
            }
            _ => {}
        }
    }

    /// `any(e for x in y if c)` as `_pk_any(False, lambda x: (e), y, lambda x: (c))`: what comes after the answer is known
    /// is not computed.
    fn stops_early(&mut self, function: &str, name: (usize, usize), generator: &ast::ExprGenerator) {
        let (start, end) = span(generator);
        let [clause] = generator.generators.as_slice() else {
            self.consumed.insert((start, end));
            if function == "next" {
                self.consumed.remove(&(start, end));
            }
            return;
        };
        if is_plain(&generator.elt) && clause.ifs.iter().all(is_plain) {
            if function == "next" {
                self.consumed.remove(&(start, end));
            }
            return;
        }
        let Some((spread, parameters)) = self.parameters_of(&clause.target) else {
            if function == "next" {
                self.consumed.remove(&(start, end));
            }
            return;
        };
        let (clause_start, _) = span(clause);
        let (iter_start, iter_end) = span(&clause.iter);
        let Some(within) = self.find(span(&clause.target).1, iter_start, "in") else { return };
        let helper = match function {
            "any" => "_pk_any",
            "all" => "_pk_all_of",
            _ => "_pk_next_of",
        };
        let begins = format!("{spread}, lambda {parameters}: (");
        self.lazy.insert((start, end));
        if function == "next" {
            // What is given for want of an answer is computed first.
            let begins = format!("lambda: _pk_next_of({begins}");
            self.replace(name.0, name.1, "_pk_next");
            if generator.parenthesized {
                self.replace(start, start + 1, begins);
            } else {
                self.open(start, begins);
                self.close(end, ")");
            }
        } else {
            self.replace(name.0, name.1, helper);
            if generator.parenthesized {
                self.replace(start, start + 1, begins);
                self.replace(end - 1, end, "");
            } else {
                self.open(start, begins);
            }
        }
        self.replace_keeping_lines(clause_start, within + 2, "), ");
        let mut at = iter_end;
        for (index, condition) in clause.ifs.iter().enumerate() {
            let (condition_start, condition_end) = span(condition);
            let Some(keyword) = self.find(at, condition_start, "if") else { return };
            let closing = if index > 0 { ")" } else { "" };
            self.replace(keyword, keyword + 2, format!("{closing}, lambda {parameters}: ("));
            at = condition_end;
        }
        if !clause.ifs.is_empty() {
            let inner_end = if generator.parenthesized { end - 1 } else { end };
            self.close(inner_end, ")");
        }
    }

    /// The names that a clause gives values to, as parameters, and whether they are parts of one value.
    fn parameters_of(&self, target: &Expr) -> Option<(&'static str, String)> {
        match target {
            Expr::Name(name) => Some(("False", name.id.to_string())),
            Expr::Tuple(tuple) if tuple.elts.len() > 1 && tuple.elts.iter().all(Expr::is_name_expr) => {
                let names: Vec<&str> = tuple.elts.iter().map(|name| self.text(span(name))).collect();
                Some(("True", names.join(", ")))
            }
            _ => None,
        }
    }
}

/// A function that calls a method of what it is given first. The interpreter miscounts arguments that come from a list,
/// so few of them are written out.
fn handed_around(name: &str) -> String {
    if HELPED_METHODS.contains(&name) {
        return format!("lambda {HOLDER}, *a, **k: _pk_{name}({HOLDER}, *a, **k)");
    }
    format!(
        "lambda {HOLDER}, *a, **k: {HOLDER}.{name}(*a, **k) if k or not a else {HOLDER}.{name}(a[0]) if len(a) == 1 else \
         {HOLDER}.{name}(a[0], a[1]) if len(a) == 2 else {HOLDER}.{name}(*a)"
    )
}
