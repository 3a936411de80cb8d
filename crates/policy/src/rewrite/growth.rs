//! What a block could make that is small in memory and endless to walk through: lists that hold each other many times
//! over. The interpreter compares such a thing, and hands it over, without looking at the clock. So in a block that could
//! make one, whatever is compared, looked up or handed over is measured first: what it holds is counted, in the policy
//! language itself, which does look at the clock, and only down to as much as can be walked through at one go.

use std::collections::BTreeSet;

use ruff_python_ast::{
    self as ast, CmpOp, ConversionFlag, Expr, ExprContext, Parameters, Stmt,
    visitor::{self, Visitor},
};

use super::{
    expressions::HOLDER,
    statements::{is_variables, variable_of},
    tables::{CONSUMING_METHODS, TYPES},
    visitor::{Rewriter, is_call_of, span},
};

/// What measures a value, and gives it back.
pub(crate) const MEASURE: &str = "_pk_small";

/// What measures the values that something gives which is walked through, and gives them back.
const LISTED: &str = "_pk_listed";

/// Modules whose functions give what they were given.
const PASSING_MODULES: &[&str] = &["itertools", "random"];

/// Functions that put values into new containers.
const GATHERING: &[&str] = &["dict", "enumerate", "filter", "getattr", "itertools", "map", "zip"];

/// Methods that put values into new containers, or into their own.
const GATHERING_METHODS: &[&str] = &["fromkeys", "items"];

/// Methods that put values into what they are called on.
const FILLING_METHODS: &[&str] = &["append", "extend", "insert", "setdefault", "update"];

/// Functions that compare all they are given to walk through.
const COMPARING: &[&str] = &["dict", "frozenset", "max", "min", "set", "sorted"];

/// Functions that walk through all that they are given holds.
const WALKING: &[&str] = &["ascii", "format", "hash", "isinstance", "iter", "print", "repr", "str"];

/// Functions of these that walk without end under another name as well.
const WALKING_ANYWHERE: &[&str] =
    &["dict", "frozenset", "hash", "isinstance", "iter", "max", "min", "print", "repr", "set", "sorted", "str"];

/// Functions that call what they are given.
const CALLING: &[&str] = &["filter", "map"];

/// Functions whose arguments are types.
const OF_TYPES: &[&str] = &["isinstance", "issubclass"];

/// Objects that a block is given, whose lists it could fill.
const GIVEN: &[&str] = &["action", "community", "constitution", "policy", "proposal"];

/// What a block does that could make such a thing.
#[derive(Debug, Clone, Default)]
pub(super) struct Growth {
    /// Whether it puts values into containers.
    nests: bool,
    /// Whether it changes containers, which may be those of objects it was given.
    fills: bool,
    /// Whether it has a function that walks under another name.
    renames: bool,
    /// The variables that it gives values by name.
    pub(super) stored: BTreeSet<String>,
}

impl Growth {
    pub(super) fn of(body: &[Stmt]) -> Self {
        let mut growth = Self::default();
        body.iter().for_each(|statement| growth.visit_stmt(statement));
        growth
    }

    /// Whether what leaves the block has to be measured.
    pub(super) const fn is_to_be_measured(&self) -> bool {
        self.nests
    }

    fn parameters(&mut self, parameters: &Parameters) {
        // What methods of ours are handed around with is handed on as it is.
        let ours = parameters.iter_non_variadic_params().any(|p| p.parameter.name.as_str() == HOLDER);
        self.nests |= !ours && (parameters.vararg.is_some() || parameters.kwarg.is_some());
    }

    /// A function that is called by its name.
    fn called(&mut self, name: &str) {
        self.nests |= GATHERING.contains(&name);
        // What it gives may be a method that fills.
        self.fills |= name == "getattr";
    }

    fn stores(&mut self, target: &Expr) {
        match target {
            Expr::Attribute(attribute) if is_variables(&attribute.value) => {
                self.stored.insert(attribute.attr.to_string());
            }
            Expr::Subscript(item) => self.stored.extend(variable_of(item).map(str::to_owned)),
            _ => {}
        }
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
            Stmt::AugAssign(change) => self.fills |= !change.value.is_literal_expr(),
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
            Expr::Subscript(item) if item.ctx == ExprContext::Store => {
                self.nests = true;
                self.fills |= !is_variables(&item.value);
                self.stores(expression);
            }
            Expr::Starred(starred) if starred.ctx == ExprContext::Store => self.nests = true,
            Expr::Attribute(attribute) if attribute.ctx == ExprContext::Store => self.stores(expression),
            Expr::Attribute(attribute) => {
                let method = attribute.attr.as_str();
                self.fills |= FILLING_METHODS.contains(&method);
                self.nests |= FILLING_METHODS.contains(&method) || GATHERING_METHODS.contains(&method);
                // A method of a type.
                if matches!(&*attribute.value, Expr::Name(name) if TYPES.contains(&name.id.as_str())) {
                    return;
                }
            }
            Expr::Name(name) if name.ctx == ExprContext::Load => {
                self.called(&name.id);
                self.renames |= WALKING_ANYWHERE.contains(&name.id.as_str());
            }
            Expr::Call(call) => {
                match &*call.func {
                    Expr::Name(name) => self.called(&name.id),
                    function => self.visit_expr(function),
                }
                let types = matches!(&*call.func, Expr::Name(name) if OF_TYPES.contains(&name.id.as_str()));
                // The first is what is asked for, or where a method of ours stands for one of a type, the type.
                let skipped = if types { 1..usize::MAX } else { 0..usize::from(is_call_of(expression, "_pk_of")) };
                for (at, argument) in call.arguments.args.iter().enumerate() {
                    if !(skipped.contains(&at) && is_of_types(argument)) {
                        self.visit_expr(argument);
                    }
                }
                call.arguments.keywords.iter().for_each(|keyword| self.visit_expr(&keyword.value));
                return;
            }
            Expr::Lambda(ast::ExprLambda { parameters: Some(parameters), .. }) => self.parameters(parameters),
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}

/// Whether an expression names a type, or some.
fn is_of_types(expression: &Expr) -> bool {
    match expression {
        Expr::Name(_) => true,
        Expr::Tuple(tuple) => tuple.elts.iter().all(Expr::is_name_expr),
        _ => false,
    }
}

impl Rewriter<'_> {
    /// Whether an expression may be endless to walk through.
    pub(super) fn may_be_endless(&self, expression: &Expr) -> bool {
        let measured = is_call_of(expression, MEASURE) || is_call_of(expression, LISTED);
        if !self.growth.nests || measured || self.facts.is_scalar(expression) || self.facts.module(expression).is_some()
        {
            return false;
        }
        match expression {
            Expr::Name(name) => {
                let given = self.growth.fills && GIVEN.contains(&name.id.as_str());
                given || name.id.as_str() == "variables" || self.facts.has(&name.id)
            }
            Expr::Attribute(attribute) => self.may_be_endless(&attribute.value),
            Expr::Subscript(item) => self.may_be_endless(&item.value),
            // What the host gives is what it has.
            Expr::Call(call) => match &*call.func {
                // A method of a type gives what that has which it is called with.
                Expr::Attribute(method) if self.facts.is_builtin(&method.value, TYPES) => true,
                Expr::Attribute(method) => match self.facts.module(&method.value) {
                    Some(module) => PASSING_MODULES.contains(&module),
                    None => self.may_be_endless(&method.value),
                },
                _ => !is_call_of(expression, "_pk_of"),
            },
            Expr::List(list) => list.elts.iter().any(|element| self.may_be_endless(element)),
            Expr::Tuple(tuple) => tuple.elts.iter().any(|element| self.may_be_endless(element)),
            Expr::Set(set) => set.elts.iter().any(|element| self.may_be_endless(element)),
            _ => true,
        }
    }

    fn measure_with(&mut self, helper: &str, expression: &Expr) {
        let (expression, open, close) = match expression {
            Expr::Starred(starred) => (&*starred.value, "(", ")"),
            // Its brackets may be left out where it stands.
            Expr::Tuple(tuple) if !tuple.parenthesized => (expression, "((", "))"),
            other => (other, "(", ")"),
        };
        self.wrap(span(expression), format!("{helper}{open}"), close);
    }

    fn measure(&mut self, expression: &Expr) {
        self.measure_with(MEASURE, expression);
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
        let (walks, lists) = match &*call.func {
            Expr::Attribute(method) => match self.facts.module(&method.value) {
                Some(module) => (module == "itertools", false),
                None => {
                    // What methods of ours are handed around with was measured when it was handed over.
                    let ours = matches!(&*method.value, Expr::Name(name) if name.id.as_str() == HOLDER);
                    let text =
                        matches!(&*method.value, Expr::StringLiteral(_) | Expr::FString(_)) && &method.attr != "format";
                    (!ours && !text, CONSUMING_METHODS.contains(&method.attr.as_str()) && &method.attr != "join")
                }
            },
            function if self.facts.is_builtin(function, COMPARING) => (true, call.arguments.args.len() == 1),
            function if self.facts.is_builtin(function, WALKING) => (true, false),
            // It may be one of these under another name.
            Expr::Name(name) => {
                let calls = self.facts.binds(&name.id) || CALLING.contains(&name.id.as_str());
                (self.growth.renames && calls, false)
            }
            _ => (self.growth.renames, false),
        };
        if walks {
            let helper = if lists { LISTED } else { MEASURE };
            for argument in &call.arguments.args {
                if self.may_be_endless(whole(argument)) {
                    // What is spread is no single one.
                    self.measure_with(if argument.is_starred_expr() { MEASURE } else { helper }, argument);
                }
            }
            call.arguments.keywords.iter().for_each(|keyword| self.measure_if_endless(&keyword.value));
        }
    }

    /// What is written into text: as it is, or with what it was written as before it.
    pub(super) fn measure_written(&mut self, part: &ast::InterpolatedElement) {
        if !self.may_be_endless(&part.expression) {
            return;
        }
        let (start, end) = span(part);
        if part.debug_text.is_none() {
            if part.conversion != ConversionFlag::None {
                self.measure(&part.expression);
            }
            return;
        }
        let begins = start + 1;
        let equals = self.find(span(&*part.expression).1, end, "=").unwrap_or(end);
        let after = self.text((equals + 1, end));
        let ends = equals + 1 + after.len() - after.trim_start().len();
        let written = self.text((begins, ends));
        if written.is_empty() || written.contains(['{', '}', '"', '\'', '\\', '\n']) {
            let message = "this is too much for one place; write the name beside the value";
            return self.problem((start, end), "PK016", message);
        }
        self.open(start, written);
        self.open(begins, format!("{MEASURE}("));
        // With a format it is not written otherwise than it is.
        let as_it_is = part.conversion == ConversionFlag::None && part.format_spec.is_none();
        let conversion = if as_it_is { ")!r" } else { ")" };
        self.replace(equals, ends, conversion);
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

/// What is spread, where something is.
fn whole(argument: &Expr) -> &Expr {
    if let Expr::Starred(starred) = argument { &starred.value } else { argument }
}
