//! Walks a block and notes what has to be written otherwise.

use std::collections::BTreeSet;

use ruff_python_ast::{
    self as ast, ConversionFlag, Expr, InterpolatedStringElement, Operator, Stmt,
    visitor::{self, Visitor},
};
use ruff_text_size::Ranged;

use super::Edit;

/// Modules that may be imported; they are there without being imported as well, as in the original.
pub(crate) const MODULES: &[&str] = &["datetime", "base64", "itertools", "json", "random", "math", "string"];

/// Methods that sets of rows have in the original and lists do not, and methods the interpreter lacks.
const HELPED_METHODS: &[&str] = &[
    "count",
    "filter",
    "exclude",
    "all",
    "exists",
    "first",
    "last",
    "values_list",
    "order_by",
    "distinct",
    "sort",
    "fromtimestamp",
    "utcnow",
    "combine",
    "astimezone",
];

/// Something that cannot be run.
pub(super) struct Problem {
    /// Where, as byte offsets.
    pub(super) span: (usize, usize),
    pub(super) code: &'static str,
    pub(super) message: String,
}

pub(super) struct Rewriter<'a> {
    source: &'a str,
    pub(super) edits: Vec<Edit>,
    pub(super) problems: Vec<Problem>,
    /// Ranges of string literals.
    pub(super) strings: Vec<(usize, usize)>,
    /// Every name that is used, wherever it is defined.
    pub(super) names: BTreeSet<String>,
}

impl<'a> Rewriter<'a> {
    pub(super) const fn new(source: &'a str) -> Self {
        Self { source, edits: Vec::new(), problems: Vec::new(), strings: Vec::new(), names: BTreeSet::new() }
    }

    fn replace(&mut self, start: usize, end: usize, text: impl Into<String>) {
        self.edits.push(Edit { start, end, text: text.into() });
    }

    fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at, at, text);
    }

    fn problem(&mut self, span: (usize, usize), code: &'static str, message: impl Into<String>) {
        self.problems.push(Problem { span, code, message: message.into() });
    }

    fn import(&mut self, statement: &ast::StmtImport) {
        let (start, end) = span(statement);
        let mut parts = Vec::new();
        for alias in &statement.names {
            if !MODULES.contains(&alias.name.as_str()) {
                self.problem(span(alias), "PK010", not_importable(&alias.name));
                return;
            }
            if let Some(other) = &alias.asname {
                parts.push(format!("{other} = {}", alias.name));
            }
        }
        let text = if parts.is_empty() { "pass".to_owned() } else { parts.join("; ") };
        self.replace_keeping_lines(start, end, text);
    }

    fn import_from(&mut self, statement: &ast::StmtImportFrom) {
        let (start, end) = span(statement);
        let module = statement.module.as_ref().map_or("", |m| m.as_str());
        if statement.level > 0 || !MODULES.contains(&module) || statement.names.iter().any(|n| &n.name == "*") {
            self.problem((start, end), "PK010", not_importable(module));
            return;
        }
        let parts: Vec<String> = statement
            .names
            .iter()
            .map(|alias| format!("{} = {module}.{}", alias.asname.as_ref().unwrap_or(&alias.name), alias.name))
            .collect();
        self.replace_keeping_lines(start, end, parts.join("; "));
    }

    /// Replaces a statement that may run over several lines by one line and as many line ends as it had.
    fn replace_keeping_lines(&mut self, start: usize, end: usize, text: String) {
        let ends = self.source.get(start..end).map_or(0, |s| s.matches('\n').count());
        self.replace(start, end, text + &"\n".repeat(ends));
    }

    fn delete(&mut self, statement: &ast::StmtDelete) {
        let [target] = statement.targets.as_slice() else {
            self.problem(span(statement), "PK012", "delete one thing at a time: `del a`, then `del b`");
            return;
        };
        let (start, end) = span(statement);
        match target {
            Expr::Subscript(item) => {
                let (value_start, value_end) = span(&*item.value);
                let (key_start, key_end) = span(&*item.slice);
                self.replace(start, value_start, "_pk_del(");
                self.replace(value_end, key_start, ", ");
                self.replace(key_end, end, ")");
            }
            Expr::Name(name) => {
                let text = format!("{} = None", name.id);
                self.replace(start, end, text);
            }
            _ => {
                self.problem(
                    (start, end),
                    "PK012",
                    "only variables and items of lists and dictionaries can be deleted",
                );
            }
        }
    }

    /// `x %= y` as `x = _pk_mod(x, (y))`, where looking at the target twice is the same as looking once. Targets that
    /// are computed keep the interpreter's own operator.
    fn augmented(&mut self, statement: &ast::StmtAugAssign) {
        let Some((helper, token)) = helper_of(statement.op) else { return };
        let (target_start, target_end) = span(&*statement.target);
        let (value_start, _) = span(&*statement.value);
        let (_, end) = span(statement);
        let as_written = || self.source.get(target_start..target_end).map(str::to_owned);
        let target = match &*statement.target {
            Expr::Name(_) => as_written(),
            Expr::Attribute(attribute) if attribute.value.is_name_expr() => as_written(),
            Expr::Subscript(item) => variable_of(item).map(|name| format!("variables.{name}")),
            _ => None,
        };
        let Some(target) = target else { return };
        let Some(at) = self.find_operator(target_end, value_start, token) else { return };
        self.replace(at, at + 2, format!("= {helper}{target}, ("));
        self.insert(end, "))");
    }

    fn operator(&mut self, operation: &ast::ExprBinOp) {
        let Some((helper, token)) = helper_of(operation.op) else { return };
        let (start, end) = span(operation);
        let (_, left_end) = span(&*operation.left);
        let (right_start, _) = span(&*operation.right);
        // Between the operands there may be brackets, blanks and comments beside the operator.
        let Some(at) = self.find_operator(left_end, right_start, token) else { return };
        // Brackets around an operand lie outside its range: closing ones left of the operator, opening ones right of it.
        self.insert(start, helper);
        self.replace(at, at + 1, ",");
        self.insert(end, ")");
    }

    fn find_operator(&self, from: usize, to: usize, token: char) -> Option<usize> {
        let mut in_comment = false;
        for (offset, c) in self.source.get(from..to)?.char_indices() {
            match c {
                '#' => in_comment = true,
                '\n' => in_comment = false,
                c if c == token && !in_comment => return Some(from + offset),
                _ => {}
            }
        }
        None
    }

    fn call(&mut self, call: &ast::ExprCall) {
        match &*call.func {
            Expr::Name(name)
                if name.id.as_str() == "str"
                    && call.arguments.args.len() == 1
                    && call.arguments.keywords.is_empty() =>
            {
                let (start, end) = span(name);
                self.replace(start, end, "_pk_str");
            }
            // Lengths of time are noted: when one has passed, a comparison may come out otherwise.
            Expr::Attribute(attribute)
                if attribute.attr.as_str() == "timedelta"
                    && matches!(&*attribute.value, Expr::Name(n) if n.id.as_str() == "datetime") =>
            {
                let (start, end) = span(attribute);
                self.replace(start, end, "_pk_timedelta");
            }
            Expr::Attribute(attribute) if HELPED_METHODS.contains(&attribute.attr.as_str()) => {
                let (start, _) = span(attribute);
                let (_, value_end) = span(&*attribute.value);
                let (attr_start, _) = span(&attribute.attr);
                let (open, _) = span(&call.arguments);
                let Some(dot) = self.find_operator(value_end, attr_start, '.') else { return };
                let empty = call.arguments.args.is_empty() && call.arguments.keywords.is_empty();
                let ends = self.source.get(dot..open).map_or(0, |s| s.matches('\n').count());
                self.insert(start, format!("_pk_{}(", attribute.attr));
                let separator = if empty { "" } else { ", " };
                self.replace(dot, open + 1, format!("{separator}{}", "\n".repeat(ends)));
            }
            _ => {}
        }
    }

    fn subscript(&mut self, item: &ast::ExprSubscript) {
        if !is_variables(&item.value) {
            return;
        }
        let (_, end) = span(item);
        let (_, value_end) = span(&*item.value);
        if let Some(name) = variable_of(item) {
            let text = format!(".{name}");
            self.replace(value_end, end, text);
        } else {
            self.problem(
                span(item),
                "PK013",
                "a variable is named by plain text here: `variables.name` or `variables[\"name\"]`",
            );
        }
    }
}

impl<'a> Visitor<'a> for Rewriter<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => return self.import(import),
            Stmt::ImportFrom(import) => return self.import_from(import),
            Stmt::Delete(delete) => self.delete(delete),
            Stmt::AugAssign(statement) => self.augmented(statement),
            Stmt::ClassDef(class) => {
                self.problem(
                    span(&class.name),
                    "PK014",
                    "classes cannot be defined in policies; use functions and dictionaries",
                );
            }
            Stmt::FunctionDef(function) if function.name.as_str().starts_with('_') => {
                self.problem(span(&function.name), "PK011", private(&function.name));
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression {
            self.names.insert(name.id.to_string());
        }
        match expression {
            Expr::Attribute(a) if a.attr.as_str().starts_with('_') => {
                self.problem(span(&a.attr), "PK011", private(&a.attr));
            }
            Expr::Name(n) if n.id.starts_with('_') && n.id.as_str() != "_" => {
                self.problem(span(n), "PK011", private(&n.id));
            }
            Expr::Yield(_) | Expr::YieldFrom(_) | Expr::Await(_) => {
                self.problem(
                    span(expression),
                    "PK015",
                    "a policy block runs from top to bottom; it cannot `yield` or `await`",
                );
            }
            Expr::StringLiteral(_) | Expr::BytesLiteral(_) | Expr::FString(_) => self.strings.push(span(expression)),
            Expr::BinOp(operation) => self.operator(operation),
            Expr::Subscript(item) => self.subscript(item),
            Expr::Call(call) => self.call(call),
            Expr::Attribute(a) if matches!(&*a.value, Expr::Name(n) if n.id.as_str() == "datetime") => {
                let text = match a.attr.as_str() {
                    "MAXYEAR" => "9999",
                    "MINYEAR" => "1",
                    "UTC" => "datetime.timezone.utc",
                    _ => return visitor::walk_expr(self, expression),
                };
                let (start, end) = span(a);
                return self.replace(start, end, text);
            }
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Interpolation(part) = element
            && part.conversion == ConversionFlag::None
            && part.format_spec.is_none()
            && part.debug_text.is_none()
            && !matches!(&*part.expression, Expr::StringLiteral(_) | Expr::NumberLiteral(_))
        {
            // From brace to brace: brackets around the expression lie outside its range.
            let (start, end) = span(part);
            self.insert(start + 1, "_pk_str(");
            self.insert(end - 1, ")");
        }
        visitor::walk_interpolated_string_element(self, element);
    }
}

/// The helper that knows more than the interpreter's operator, and the operator.
const fn helper_of(operator: Operator) -> Option<(&'static str, char)> {
    match operator {
        Operator::Mod => Some(("_pk_mod(", '%')),
        Operator::Div => Some(("_pk_div(", '/')),
        Operator::BitOr => Some(("_pk_or(", '|')),
        _ => None,
    }
}

fn span(node: &impl Ranged) -> (usize, usize) {
    (node.start().into(), node.end().into())
}

fn is_variables(expression: &Expr) -> bool {
    matches!(expression, Expr::Name(name) if name.id.as_str() == "variables")
}

/// The name in `variables["name"]`.
fn variable_of(item: &ast::ExprSubscript) -> Option<&str> {
    let Expr::StringLiteral(key) = &*item.slice else { return None };
    let name = key.value.to_str();
    (is_variables(&item.value) && is_identifier(name)).then_some(name)
}

fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn not_importable(module: &str) -> String {
    format!("`{module}` cannot be imported; these can, and are there without importing: {}", MODULES.join(", "))
}

fn private(name: &str) -> String {
    format!("`{name}` is private: names that begin with an underscore cannot be used in policies")
}
