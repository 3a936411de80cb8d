//! Statements that are written otherwise: imports, deletions, assignments.

use ruff_python_ast::{self as ast, Expr, Operator, visitor::Visitor};

use super::{
    growth::MEASURE,
    shapes::{has_closure, is_repeatable},
    tables::{MODULES, members, stand_in},
    visitor::{Rewriter, fixed, span},
};
use crate::methods::nearest;

impl Rewriter<'_> {
    pub(super) fn import(&mut self, statement: &ast::StmtImport) {
        let (start, end) = span(statement);
        let mut parts = Vec::new();
        for alias in &statement.names {
            if !MODULES.contains(&alias.name.as_str()) {
                self.problem(span(alias), "PK010", not_importable(&alias.name));
                return;
            }
            if let Some(other) = &alias.asname {
                parts.push(format!("{other} = {}", self.module_name(&alias.name)));
            }
        }
        let text = if parts.is_empty() { "pass".to_owned() } else { parts.join("; ") };
        self.replace_keeping_lines(start, end, text);
    }

    pub(super) fn import_from(&mut self, statement: &ast::StmtImportFrom) {
        let (start, end) = span(statement);
        let module = statement.module.as_ref().map_or("", |m| m.as_str());
        if statement.level > 0 || !MODULES.contains(&module) || statement.names.iter().any(|n| &n.name == "*") {
            self.problem((start, end), "PK010", not_importable(module));
            return;
        }
        let mut parts = Vec::new();
        for alias in &statement.names {
            if !members(module).contains(&alias.name.as_str()) {
                self.problem(span(alias), "PK017", not_in(module, &alias.name));
            }
            let value = stand_in(module, &alias.name).map(str::to_owned);
            let value = value.unwrap_or_else(|| format!("{}.{}", self.module_name(module), alias.name));
            parts.push(format!("{} = {value}", alias.asname.as_ref().unwrap_or(&alias.name)));
        }
        self.replace_keeping_lines(start, end, parts.join("; "));
    }

    /// What leads to a module, also where the block calls something else by its name.
    fn module_name(&self, module: &str) -> String {
        if self.facts.binds(module) { format!("_pk_module_{module}") } else { module.to_owned() }
    }

    pub(super) fn delete(&mut self, statement: &ast::StmtDelete) {
        let (start, end) = span(statement);
        let mut at = start;
        for (index, target) in statement.targets.iter().enumerate() {
            let (target_start, target_end) = span(target);
            self.replace_keeping_lines(at, target_start, if index == 0 { "" } else { "; " });
            match target {
                Expr::Subscript(item) if is_variables(&item.value) => {
                    self.problem(span(item), "PK012", "variables cannot be deleted; set them to `None`");
                }
                Expr::Subscript(item) => {
                    let (_, value_end) = span(&*item.value);
                    let (key_start, key_end) = span(&*item.slice);
                    if let Expr::Slice(slice) = &*item.slice {
                        self.open(target_start, "_pk_del_slice(");
                        self.replace_keeping_lines(value_end, key_start, ", ");
                        self.slice(slice);
                        self.replace_keeping_lines(key_end, target_end, ")");
                    } else {
                        self.open(target_start, "_pk_del(");
                        self.replace_keeping_lines(value_end, key_start, ", (");
                        self.replace_keeping_lines(key_end, target_end, "))");
                        self.visit_expr(&item.slice);
                    }
                    self.visit_expr(&item.value);
                }
                Expr::Name(name) => {
                    if self.facts.is_read_after(&name.id, target_start) {
                        let message = format!("`{}` may be read after it was deleted; leave the line out", name.id);
                        self.problem(span(target), "PK012", message);
                    }
                    self.names.insert(name.id.to_string());
                    self.replace(target_start, target_end, format!("{} = None", name.id));
                }
                _ => {
                    let message = "only variables and items of lists and dictionaries can be deleted";
                    self.problem((start, end), "PK012", message);
                }
            }
            at = target_end;
        }
        if at < end {
            self.replace_keeping_lines(at, end, "");
        }
    }

    /// `a:b:c` as three arguments.
    fn slice(&mut self, slice: &ast::ExprSlice) {
        let (start, end) = span(slice);
        let mut at = start;
        if slice.lower.is_none() {
            self.open(start, "None");
        }
        for (part, next) in [(&slice.lower, &slice.upper), (&slice.upper, &slice.step)] {
            if let Some(expression) = part {
                self.visit_expr(expression);
                at = span(&**expression).1;
            }
            let missing = if next.is_none() { "None" } else { "" };
            // The second colon may be missing.
            match self.find(at, end, ":") {
                Some(colon) => {
                    self.replace(colon, colon + 1, format!(", {missing}"));
                    at = colon + 1;
                }
                None => self.replace(end, end, ", None"),
            }
        }
        if let Some(step) = &slice.step {
            self.visit_expr(step);
        }
    }

    /// The interpreter panics when a function is made within `raise` or `assert`: it is made before.
    pub(super) fn raise(&mut self, statement: &ast::StmtRaise) {
        let Some(exception) = statement.exc.as_deref() else { return };
        if !has_closure(exception) && !statement.cause.as_deref().is_some_and(has_closure) {
            return;
        }
        let (start, end) = span(statement);
        self.places += 1;
        let place = format!("_pk_place_{}", self.places);
        self.replace(start, start + "raise".len(), format!("{place} = "));
        let Some(cause) = &statement.cause else { return self.replace(end, end, format!("; raise {place}")) };
        if has_closure(cause) {
            let message = "this is too much for one `raise`; give the cause a name first";
            return self.problem(span(&**cause), "PK016", message);
        }
        if let Some(from) = self.find(span(exception).1, span(&**cause).0, "from") {
            self.replace(from, from, format!("; raise {place} "));
        }
    }

    /// `assert a, b` as `_pk_assert((a), lambda: (b))`; an error takes one text.
    pub(super) fn assert(&mut self, statement: &ast::StmtAssert) {
        let (start, end) = span(statement);
        let message = statement.msg.as_deref().filter(|message| !message.is_string_literal_expr());
        if message.is_none() && !has_closure(&statement.test) {
            return;
        }
        self.replace(start, start + "assert".len(), "_pk_assert((");
        if let Some(message) = &statement.msg {
            let Some(comma) = self.find(span(&*statement.test).1, span(&**message).0, ",") else { return };
            self.replace(comma, comma + 1, "), lambda: (");
        }
        self.close(end, "))");
    }

    /// Assignments whose targets the interpreter does not take. Whether the targets have been dealt with.
    pub(super) fn assign(&mut self, statement: &ast::StmtAssign) -> bool {
        let [target] = statement.targets.as_slice() else { return false };
        let (_, end) = span(statement);
        let (target_start, target_end) = span(target);
        let (value_start, _) = span(&*statement.value);
        match target {
            Expr::Subscript(item) if item.slice.is_slice_expr() && !is_variables(&item.value) => {
                let Expr::Slice(slice) = &*item.slice else { return false };
                let Some(equals) = self.find(target_end, value_start, "=") else { return false };
                self.open(target_start, "_pk_set_slice(");
                self.replace_keeping_lines(span(&*item.value).1, span(slice).0, ", ");
                self.slice(slice);
                self.replace_keeping_lines(span(slice).1, target_end, ", ");
                self.replace(equals, equals + 1, "(");
                self.close(end, "))");
                self.visit_expr(&item.value);
                true
            }
            Expr::Subscript(item) if is_variables(&item.value) && variable_of(item).is_none() => {
                let Some(equals) = self.find(target_end, value_start, "=") else { return false };
                let (key_start, key_end) = span(&*item.slice);
                self.open(target_start, "_pk_setattr(");
                self.replace_keeping_lines(span(&*item.value).1, key_start, ", (");
                self.replace_keeping_lines(key_end, target_end, "), ");
                self.replace(equals, equals + 1, "(");
                self.close(end, "))");
                self.names.insert("variables".to_owned());
                self.visit_expr(&item.slice);
                true
            }
            // It may be the variables under another name, or something that stays as it is.
            Expr::Attribute(attribute) if !is_variables(&attribute.value) && !self.is_fixed(&attribute.value) => {
                let Some(equals) = self.find(target_end, value_start, "=") else { return false };
                self.open(target_start, "_pk_setattr(");
                self.replace_keeping_lines(span(&*attribute.value).1, target_end, format!(", '{}', ", attribute.attr));
                self.replace(equals, equals + 1, "(");
                self.close(end, "))");
                self.visit_expr(&attribute.value);
                true
            }
            Expr::Tuple(_) | Expr::List(_) => {
                self.consumed.insert(span(&*statement.value));
                let mut places = Vec::new();
                self.unpack(target, &mut places);
                for assignment in places {
                    // Outer closings come last, and these are the outermost.
                    self.edits_after(end, format!("; {assignment}"));
                }
                true
            }
            _ => false,
        }
    }

    fn edits_after(&mut self, end: usize, text: String) {
        self.replace(end, end, text);
    }

    /// `a[0], b = …` as `_pk_place_1, b = …; a[0] = _pk_place_1`.
    fn unpack(&mut self, target: &Expr, places: &mut Vec<String>) {
        match target {
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                elts.iter().for_each(|element| self.unpack(element, places));
            }
            Expr::Starred(starred) => self.unpack(&starred.value, places),
            Expr::Subscript(_) | Expr::Attribute(_) => {
                let (start, end) = span(target);
                let written = self.text((start, end));
                if matches!(target, Expr::Attribute(attribute) if self.is_fixed(&attribute.value)) {
                    return self.problem((start, end), "PK028", fixed(written));
                }
                let text = match target {
                    Expr::Subscript(item) => match variable_of(item) {
                        Some(name) => format!("variables.{name}"),
                        None if is_variables(&item.value) => String::new(),
                        None => self.repeated(target),
                    },
                    _ => written.to_owned(),
                };
                if !is_repeatable(target) || text.is_empty() || text.contains(['\n', '#']) {
                    let message = "this is too much for one assignment; give the values names first, then assign them";
                    return self.problem((start, end), "PK016", message);
                }
                self.note_names(target);
                self.places += 1;
                let place = format!("_pk_place_{}", self.places);
                self.replace(start, end, place.clone());
                places.push(match target {
                    Expr::Attribute(attribute) if !is_variables(&attribute.value) => {
                        let object = self.repeated(&attribute.value);
                        format!("_pk_setattr({object}, '{}', {place})", attribute.attr)
                    }
                    _ => format!("{text} = {place}"),
                });
            }
            other => self.visit_expr(other),
        }
    }

    /// What can be repeated, where what is looked up is measured.
    fn repeated(&self, expression: &Expr) -> String {
        match expression {
            Expr::Attribute(attribute) => format!("{}.{}", self.repeated(&attribute.value), attribute.attr),
            Expr::Subscript(item) if self.may_be_endless(&item.slice) => {
                format!("{}[{MEASURE}({})]", self.repeated(&item.value), self.repeated(&item.slice))
            }
            Expr::Subscript(item) => format!("{}[{}]", self.repeated(&item.value), self.repeated(&item.slice)),
            other => self.text(span(other)).to_owned(),
        }
    }

    /// `x %= y` as `x = _pk_mod(x, (y))`, where looking at the target twice is the same as looking once, and otherwise as
    /// a change of one item or attribute.
    pub(super) fn augmented(&mut self, statement: &ast::StmtAugAssign) {
        let (target_start, target_end) = span(&*statement.target);
        if matches!(&*statement.target, Expr::Subscript(item) if item.slice.is_slice_expr()) {
            let message = "a part of a list cannot be changed in place; write `x[a:b] = …`";
            return self.problem((target_start, target_end), "PK016", message);
        }
        let Some((helper, token)) = self.changer_of(statement) else { return };
        let (value_start, _) = span(&*statement.value);
        let (_, end) = span(statement);
        let Some(at) = self.find(target_end, value_start, token) else { return };
        let operator_end = at + token.len() + 1;
        let as_written = self.text((target_start, target_end)).to_owned();
        let variable = match &*statement.target {
            Expr::Subscript(item) => variable_of(item).map(|name| format!("variables.{name}")),
            _ => None,
        };
        let twice = match &*statement.target {
            Expr::Name(_) => true,
            Expr::Attribute(attribute) => is_variables(&attribute.value),
            _ => variable.is_some(),
        };
        if twice {
            let target = variable.unwrap_or(as_written);
            self.replace(at, operator_end, format!("= {helper}{target}, ("));
            return self.close(end, "))");
        }
        match &*statement.target {
            Expr::Subscript(item) if !is_variables(&item.value) => {
                let (key_start, key_end) = span(&*item.slice);
                self.open(target_start, "_pk_change_item(");
                self.replace_keeping_lines(span(&*item.value).1, key_start, ", (");
                self.replace_keeping_lines(key_end, operator_end, format!("), lambda _pk_v: {helper}_pk_v, ("));
                self.close(end, ")))");
            }
            Expr::Attribute(attribute) if !self.is_fixed(&attribute.value) => {
                self.assigned.insert((target_start, target_end));
                self.open(target_start, "_pk_change_attribute(");
                let text = format!(", '{}', lambda _pk_v: {helper}_pk_v, (", attribute.attr);
                self.replace_keeping_lines(span(&*attribute.value).1, operator_end, text);
                self.close(end, ")))");
            }
            _ => {}
        }
    }

    /// The helper that changes a value as Python does, where the interpreter does otherwise, and the operator.
    fn changer_of(&self, statement: &ast::StmtAugAssign) -> Option<(&'static str, &'static str)> {
        let value = &*statement.value;
        // The interpreter does not count with truth values.
        let target = &*statement.target;
        let assigned = matches!(target, Expr::Attribute(attribute) if !is_variables(&attribute.value));
        let counts =
            value.is_number_literal_expr() && !assigned && (!target.is_name_expr() || self.facts.is_no_truth(target));
        match statement.op {
            Operator::Mod => Some(("_pk_mod(", "%")),
            Operator::Div => Some(("_pk_div(", "/")),
            Operator::FloorDiv => Some(("_pk_floordiv(", "//")),
            Operator::Pow => Some(("_pk_pow(", "**")),
            Operator::BitOr => Some(("_pk_ior(", "|")),
            Operator::BitAnd => Some(("_pk_iand(", "&")),
            Operator::BitXor => Some(("_pk_ixor(", "^")),
            Operator::Add if !counts && (assigned || !adds_as_written(value)) => Some(("_pk_iadd(", "+")),
            Operator::Sub if !counts => Some(("_pk_isub(", "-")),
            Operator::Mult => Some(("_pk_imul(", "*")),
            Operator::LShift => Some(("_pk_lshift(", "<<")),
            Operator::RShift if !counts => Some(("_pk_rshift(", ">>")),
            _ => None,
        }
    }
}

/// Whether adding this in place is the same everywhere.
fn adds_as_written(value: &Expr) -> bool {
    match value {
        Expr::StringLiteral(_) | Expr::FString(_) | Expr::BytesLiteral(_) | Expr::List(_) | Expr::ListComp(_) => true,
        Expr::BinOp(operation) if operation.op == Operator::Mult => {
            let (left, right) = (&*operation.left, &*operation.right);
            let number = |e: &Expr| e.is_number_literal_expr();
            number(left) && number(right) || [left, right].into_iter().any(|e| adds_as_written(e) && !number(e))
        }
        Expr::BinOp(operation) => adds_as_written(&operation.left) || adds_as_written(&operation.right),
        _ => false,
    }
}

pub(super) fn is_variables(expression: &Expr) -> bool {
    matches!(expression, Expr::Name(name) if name.id.as_str() == "variables")
}

/// The name in `variables["name"]`.
pub(super) fn variable_of(item: &ast::ExprSubscript) -> Option<&str> {
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

/// What is said of something that a module lacks.
pub(super) fn not_in(module: &str, name: &str) -> String {
    let known = members(module);
    match nearest(name, &known) {
        Some(near) => format!("`{module}` has no `{name}`; did you mean `{near}`?"),
        None => format!("`{module}` has no `{name}` here; it has: {}", known.join(", ")),
    }
}
