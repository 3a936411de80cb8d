//! What is known about the names of a block before it is rewritten.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{
    Comprehension, ExceptHandler, Expr, ExprContext, Operator, Parameters, Stmt,
    visitor::{self, Visitor},
};
use ruff_text_size::Ranged;

use super::{
    kinds::{Is, Kinds},
    tables::MODULES,
};

/// How often assumptions about names are taken back before nothing is assumed.
const MOST_ROUNDS: usize = 8;

/// What is known.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Names bound otherwise than by an import.
    bound: BTreeSet<String>,
    /// Names under which modules were imported.
    modules: BTreeMap<String, String>,
    /// Names under which members of modules were imported.
    members: BTreeMap<String, (String, String)>,
    /// What names certainly stand for.
    pub(super) known: Kinds,
    /// What they are found to stand for, given that.
    found: Kinds,
    /// Where names stand, and whether they are given a value there, in the order in which that happens.
    places: Vec<(String, usize, bool)>,
    /// Where loops begin and end.
    loops: Vec<(usize, usize)>,
}

impl Facts {
    pub(crate) fn of(body: &[Stmt]) -> Self {
        // A name that is given another's value is of its kind. So everything is assumed of all names at first, and taken
        // back until what is assumed is what is found.
        let Self { bound, .. } = Self::assuming(body, BTreeSet::new(), Kinds::default());
        let mut known = Kinds::everything();
        for _ in 0..MOST_ROUNDS {
            let facts = Self::assuming(body, bound.clone(), known);
            // Also of names that are not the block's own, of which nothing is known: not even in a block that has none.
            if facts.found == facts.known {
                return facts;
            }
            known = facts.found;
        }
        Self::assuming(body, bound, Kinds::default())
    }

    fn assuming(body: &[Stmt], bound: BTreeSet<String>, known: Kinds) -> Self {
        let mut facts = Self { bound, known, ..Self::default() };
        body.iter().for_each(|statement| facts.visit_stmt(statement));
        facts
    }

    /// Every name that the block gives a value, by an import or otherwise.
    pub(crate) fn own_names(&self) -> impl Iterator<Item = &str> {
        self.bound.iter().chain(self.modules.keys()).chain(self.members.keys()).map(String::as_str)
    }

    /// Whether the block gives a name a value, by an import or otherwise.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.bound.contains(name) || self.modules.contains_key(name) || self.members.contains_key(name)
    }

    /// Whether the block gives a name a value of its own.
    pub(super) fn binds(&self, name: &str) -> bool {
        self.bound.contains(name) || self.members.contains_key(name)
    }

    /// The module that an expression certainly is.
    pub(super) fn module(&self, expression: &Expr) -> Option<&str> {
        let Expr::Name(name) = expression else { return None };
        if self.binds(&name.id) {
            return None;
        }
        let own = MODULES.iter().copied().find(|module| *module == name.id.as_str());
        self.modules.get(name.id.as_str()).map(String::as_str).or(own)
    }

    /// The member of a module that an expression certainly is.
    pub(super) fn member(&self, expression: &Expr) -> Option<(&str, &str)> {
        match expression {
            Expr::Name(name) if !self.bound.contains(name.id.as_str()) => {
                self.members.get(name.id.as_str()).map(|(module, member)| (module.as_str(), member.as_str()))
            }
            Expr::Attribute(attribute) => {
                let member = attribute.attr.as_str();
                // The text lives as long as the tree; what is handed out here must live as long as the facts.
                let module = self.module(&attribute.value)?;
                super::tables::members(module).into_iter().find(|known| *known == member).map(|known| (module, known))
            }
            _ => None,
        }
    }

    /// Whether a name is a built-in one.
    pub(super) fn is_builtin(&self, expression: &Expr, names: &[&str]) -> bool {
        matches!(expression, Expr::Name(name) if names.contains(&name.id.as_str()) && !self.binds(&name.id))
    }

    /// Whether a name may be read after the place where it was deleted, before it has a value again.
    pub(super) fn is_read_after(&self, name: &str, at: usize) -> bool {
        let first = |from: usize, to: usize| {
            self.places
                .iter()
                .find(|(n, place, _)| n == name && *place >= from && *place < to)
                .map(|(.., given)| *given)
        };
        let around = self.loops.iter().filter(|(from, to)| *from <= at && at < *to).map(|(from, _)| *from).min();
        first(at, usize::MAX) == Some(false) || around.is_some_and(|from| first(from, at) == Some(false))
    }

    fn parameters(&mut self, parameters: &Parameters) {
        for parameter in parameters {
            self.bind(parameter.name());
        }
    }

    /// Binds a name to something that nothing is known about.
    fn bind(&mut self, name: &str) {
        self.bound.insert(name.to_owned());
        self.found.note(name, Is::default());
    }

    fn assign(&mut self, target: &Expr, is: Is) {
        if let Expr::Name(name) = target {
            self.bound.insert(name.id.to_string());
            self.found.note(&name.id, is);
        }
    }

    /// Notes that a name is given a value, where it stands.
    fn given(&mut self, target: &Expr, is: Is) {
        self.assign(target, is);
        match target {
            Expr::Name(name) => self.places.push((name.id.to_string(), name.start().into(), true)),
            other => self.visit_expr(other),
        }
    }
}

impl<'a> Visitor<'a> for Facts {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.bind(&function.name);
                self.parameters(&function.parameters);
            }
            Stmt::ClassDef(class) => self.bind(&class.name),
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.modules.insert(name.to_string(), alias.name.to_string());
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    let module = import.module.as_ref().map(ToString::to_string).unwrap_or_default();
                    self.members.insert(name.to_string(), (module, alias.name.to_string()));
                }
            }
            Stmt::Assign(assign) => {
                self.visit_expr(&assign.value);
                let is = self.is(&assign.value);
                assign.targets.iter().for_each(|target| self.given(target, is));
                return;
            }
            // What comes of an operation is no truth value, unless it is one that truth values have themselves.
            Stmt::AugAssign(change) if change.target.is_name_expr() => {
                self.visit_expr(&change.value);
                if let Expr::Name(name) = &*change.target {
                    self.places.push((name.id.to_string(), name.start().into(), false));
                }
                let is = self.is(&change.value);
                let kept = match change.op {
                    Operator::BitAnd | Operator::BitOr | Operator::BitXor => Is::SCALAR,
                    _ => Is::SCALAR.and(Is::NO_TRUTH),
                };
                self.given(&change.target, kept.both(is.and(Is::NO_TRUTH)));
                return;
            }
            Stmt::For(repeat) => {
                self.loops.push((statement.start().into(), statement.end().into()));
                self.visit_expr(&repeat.iter);
                let is = self.elements_of(&repeat.iter);
                self.given(&repeat.target, is);
                self.visit_body(&repeat.body);
                self.visit_body(&repeat.orelse);
                return;
            }
            Stmt::While(_) => {
                self.loops.push((statement.start().into(), statement.end().into()));
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => {
                if name.ctx == ExprContext::Store {
                    self.bind(&name.id);
                }
                if name.ctx != ExprContext::Del {
                    let given = name.ctx == ExprContext::Store;
                    self.places.push((name.id.to_string(), name.start().into(), given));
                }
            }
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.parameters(parameters);
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_comprehension(&mut self, clause: &'a Comprehension) {
        self.visit_expr(&clause.iter);
        let is = self.elements_of(&clause.iter);
        self.given(&clause.target, is);
        clause.ifs.iter().for_each(|condition| self.visit_expr(condition));
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.bind(name);
        }
        visitor::walk_except_handler(self, handler);
    }
}
