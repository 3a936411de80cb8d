//! Expressions that are written otherwise: operators, calls, methods as values, generators.

use ruff_python_ast::{self as ast, Arguments, CmpOp, Expr, ExprContext, Operator};

use super::{
    PARAMETERS,
    growth::MEASURE,
    statements::{is_variables, not_in, variable_of},
    tables::{
        AT_ONCE, CONSUMERS, CONSUMING_METHODS, EXCEPTIONS, FLOATING, HELPED_METHODS, MISSING_METHODS, ONCE, TYPES,
        is_method, stand_in,
    },
    visitor::{Items, Rewriter, fixed, is_call_of, span},
};
use crate::objects::known::{self, KINDS};

/// What a method of ours is called on while it is handed around; calls on it are ours.
pub(super) const HOLDER: &str = "_pk_o";

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
        let (left, right) = (&*operation.left, &*operation.right);
        let fraction = |e: &Expr| matches!(e, Expr::NumberLiteral(n) if n.value.is_float());
        let length = |e: &Expr| matches!(e, Expr::Call(call) if self.facts.member(&call.func) == Some(("datetime", "timedelta")));
        // The interpreter does not count with truth values.
        let unclear = |e: &Expr| !self.facts.is_truth(e) && !self.facts.is_no_truth(e);
        let counts = |e: &Expr| !self.facts.is_no_number(e);
        match operation.op {
            Operator::Mod => Some(("_pk_mod(", "%")),
            Operator::Div => Some(("_pk_div(", "/")),
            Operator::BitOr => Some(("_pk_or(", "|")),
            Operator::Pow => Some(("_pk_pow(", "**")),
            Operator::FloorDiv => Some(("_pk_floordiv(", "//")),
            Operator::Add | Operator::Sub => {
                let helps = unclear(left) && counts(right) || unclear(right) && counts(left);
                let add = operation.op == Operator::Add;
                helps.then_some(if add { ("_pk_add(", "+") } else { ("_pk_minus(", "-") })
            }
            // Numbers that are multiplied may grow without end; by one that is written there they do so slowly.
            Operator::Mult => {
                let grows = !left.is_number_literal_expr() && !right.is_number_literal_expr();
                let helps = grows && counts(left) && counts(right)
                    || [left, right].into_iter().any(|e| fraction(e) || length(e) || unclear(e));
                helps.then_some(("_pk_mul(", "*"))
            }
            Operator::LShift if !left.is_number_literal_expr() || !right.is_number_literal_expr() => {
                Some(("_pk_lshift(", "<<"))
            }
            Operator::RShift if unclear(left) || unclear(right) => Some(("_pk_rshift(", ">>")),
            _ => None,
        }
    }

    pub(super) fn comparison(&mut self, comparison: &ast::ExprCompare) {
        self.compared_sets(comparison);
        self.measure_compared(comparison);
    }

    /// The interpreter does not compare sets.
    fn compared_sets(&mut self, comparison: &ast::ExprCompare) {
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
        let (start, end) = span(item);
        let (_, value_end) = span(&*item.value);
        let (key_start, key_end) = span(&*item.slice);
        if !is_variables(&item.value) {
            // A process has its keys as attributes; the interpreter looks for none in an object.
            let by_name = item.slice.is_string_literal_expr() && item.ctx == ExprContext::Load;
            if by_name && self.items == Items::MayBeOfProcesses {
                let Some(bracket) = self.find(value_end, key_start, "[") else { return };
                self.open(start, "_pk_item(");
                self.replace_keeping_lines(bracket, key_start, ", ");
                self.replace_keeping_lines(key_end, end, ")");
            }
            return;
        }
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
            function => self.facts.is_builtin(function, CONSUMERS) || self.facts.is_builtin(function, &[MEASURE]),
        };
        if walks {
            self.consumed.extend(arguments.args.iter().map(span));
            self.consumed.extend(arguments.keywords.iter().map(|keyword| span(&keyword.value)));
        }
        self.measure_arguments(call);
        if self.facts.member(&call.func).is_some_and(|(module, name)| module == "math" && FLOATING.contains(&name)) {
            for number in arguments.args.iter().filter(|a| !a.is_number_literal_expr() && !a.is_starred_expr()) {
                if !is_call_of(number, "_pk_big") {
                    self.wrap(span(number), "_pk_big(", ")");
                }
            }
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
        if self.facts.is_builtin(&call.func, AT_ONCE) {
            call.arguments.args.iter().for_each(|argument| self.ends(argument));
        }
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
            "setattr" => {
                if let Some(object) = args.first().filter(|object| self.is_fixed(object)) {
                    self.problem(span(object), "PK028", fixed(self.text(span(object))));
                }
            }
            "any" | "all" | "next" => {
                if let Some(Expr::Generator(generator)) = args.first() {
                    self.stops_early(function, (start, end), generator);
                }
            }
            _ if ONCE.contains(&function) && !self.consumed.contains(&span(call)) => {
                if self.growth.is_to_be_measured() {
                    self.wrap(span(call), format!("iter({MEASURE}("), "))");
                } else {
                    self.wrap(span(call), "iter(", ")");
                }
            }
            _ if EXCEPTIONS.contains(&function)
                && (args.len() > 1 || !keywords.is_empty() || args.iter().any(Expr::is_starred_expr)) =>
            {
                let message = format!("`{function}` takes one text here; put the values into it with an f-string");
                self.problem(span(&call.arguments), "PK016", message);
            }
            // The interpreter knows only errors that say text.
            _ if EXCEPTIONS.contains(&function) => {
                if let Some(said) = args.first().filter(|said| !is_text(said) && !is_call_of(said, "_pk_said")) {
                    self.wrap(span(said), "_pk_said(", ")");
                }
            }
            _ => {}
        }
    }
}

/// Whether an expression is certainly text.
fn is_text(expression: &Expr) -> bool {
    expression.is_string_literal_expr() || expression.is_f_string_expr()
}

/// A function that calls a method of what it is given first. The interpreter miscounts arguments that come from a list,
/// so few of them are written out.
fn handed_around(name: &str) -> String {
    // Names of ours: an author's would be taken for what they are elsewhere in the block.
    let (o, a, k) = (HOLDER, "_pk_a", "_pk_k");
    if HELPED_METHODS.contains(&name) {
        return format!("lambda {o}, *{a}, **{k}: _pk_{name}({o}, *{a}, **{k})");
    }
    format!(
        "lambda {o}, *{a}, **{k}: {o}.{name}(*{a}, **{k}) if {k} or not {a} else {o}.{name}({a}[0]) if len({a}) == 1 else \
         {o}.{name}({a}[0], {a}[1]) if len({a}) == 2 else {o}.{name}(*{a})"
    )
}
