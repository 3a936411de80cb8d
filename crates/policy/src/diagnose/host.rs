//! Objects of the host: attributes and methods they do not have, and arguments their methods do not take.

use std::collections::BTreeSet;

use policykit_core::{
    ObjectKind,
    descriptor::{Method, ParamKind},
    policy::PolicyDraft,
};
use ruff_python_ast::{
    Expr, ExprCall, ExprCompare, ExprContext, Stmt,
    visitor::{self, Visitor},
};

use super::{
    Finding, Vocabulary,
    once::{Given, Once},
};
use crate::{
    error::Severity,
    methods::{nearest, no_such},
    objects::known::{attribute_names, method_names, reading},
    rewrite::Facts,
};

/// What misuses an object of the host.
pub(super) fn misused_objects<'v>(
    body: &'v [Stmt],
    bound: &'v Facts,
    draft: &PolicyDraft,
    vocabulary: &'v Vocabulary,
    findings: &mut Vec<Finding>,
) {
    let fields = vocabulary.fields_of(draft);
    let mut uses = Uses { bound, vocabulary, fields, once: Once::of(body), findings };
    body.iter().for_each(|statement| uses.visit_stmt(statement));
}

struct Uses<'f, 'v> {
    bound: &'v Facts,
    vocabulary: &'v Vocabulary,
    fields: BTreeSet<&'v str>,
    once: Once<'v>,
    findings: &'f mut Vec<Finding>,
}

/// An object of the host that an expression certainly is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Object<'a> {
    Kind(ObjectKind),
    Platform(&'a str),
}

impl<'v> Uses<'_, 'v> {
    fn object(&self, expression: &Expr) -> Option<Object<'v>> {
        match expression {
            Expr::Name(name) if !self.bound.has(&name.id) => match name.id.as_str() {
                "action" => Some(Object::Kind(ObjectKind::Action)),
                "policy" => Some(Object::Kind(ObjectKind::Policy)),
                "proposal" => Some(Object::Kind(ObjectKind::Proposal)),
                "logger" => Some(Object::Kind(ObjectKind::Logger)),
                "community" | "constitution" => Some(Object::Kind(ObjectKind::Community)),
                other => self.vocabulary.methods.get_key_value(other).map(|(id, _)| Object::Platform(id)),
            },
            Expr::Attribute(attribute) => match (self.object(&attribute.value)?, attribute.attr.as_str()) {
                (Object::Kind(ObjectKind::Action), "initiator") => Some(Object::Kind(ObjectKind::User)),
                (Object::Kind(ObjectKind::Action), "proposal") => Some(Object::Kind(ObjectKind::Proposal)),
                (Object::Kind(ObjectKind::Proposal), "data") => Some(Object::Kind(ObjectKind::Data)),
                (Object::Kind(ObjectKind::Proposal), "policy") => Some(Object::Kind(ObjectKind::Policy)),
                (Object::Kind(ObjectKind::Proposal), "action") => Some(Object::Kind(ObjectKind::Action)),
                (Object::Kind(ObjectKind::Policy | ObjectKind::User) | Object::Platform(_), "community") => {
                    Some(Object::Kind(ObjectKind::Community))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Everything that can stand after the dot.
    fn known(&self, object: Object<'v>) -> Vec<&'v str> {
        match object {
            Object::Platform(id) => {
                let own = self.vocabulary.methods.get(id).map(Vec::as_slice).unwrap_or_default();
                own.iter().map(|m| m.name).chain(attribute_names(ObjectKind::Platform)).collect()
            }
            Object::Kind(kind) => {
                let fields = self.fields.iter().copied().filter(|_| kind == ObjectKind::Action);
                attribute_names(kind).into_iter().chain(method_names(kind)).chain(fields).collect()
            }
        }
    }

    /// Whether an expression is a list of objects of the host.
    fn lists_objects(&self, expression: &Expr) -> bool {
        let Expr::Call(call) = expression else { return false };
        let Expr::Attribute(method) = &*call.func else { return false };
        let name = method.attr.as_str();
        match self.object(&method.value) {
            Some(Object::Platform(_)) => name.starts_with("get_users") || name == "get_roles",
            Some(Object::Kind(ObjectKind::Proposal)) => name.starts_with("get_") && name.ends_with("_votes"),
            _ => false,
        }
    }

    /// Whether an expression is a list of objects of the host, or a name for one.
    fn names_objects(&self, expression: &Expr) -> bool {
        let named = match expression {
            Expr::Name(name) => self.once.given(&name.id),
            _ => None,
        };
        self.lists_objects(match named {
            Some(Given::Value(value)) => value,
            _ => expression,
        })
    }

    /// Whether an expression is an object of the host, or a name for one.
    fn is_object(&self, expression: &Expr) -> bool {
        let named = match expression {
            Expr::Name(name) => self.once.given(&name.id),
            _ => None,
        };
        match named {
            Some(Given::Value(value)) => self.object(value).is_some(),
            Some(Given::Each(values)) => self.names_objects(values),
            None => self.object(expression).is_some(),
        }
    }

    /// Objects of the host have no hash.
    fn keys<'k>(&mut self, keys: impl IntoIterator<Item = &'k Expr>) {
        for key in keys {
            if self.is_object(key) {
                let message = "this object cannot be a key or a member of a set; use what identifies it, such as `.username` or `.id`";
                self.findings.push(Finding::new("PK019", Severity::Error, key, message));
            }
        }
    }

    fn method(&self, object: Object<'v>, name: &str) -> Option<Method> {
        match object {
            Object::Platform(id) => self.vocabulary.methods.get(id)?.iter().find(|m| m.name == name).cloned(),
            Object::Kind(kind) => reading(kind).into_iter().find(|m| m.name == name),
        }
    }

    fn arguments(&mut self, call: &ExprCall, method: &Method) {
        let takes_more = method.params.iter().any(|p| p.kind == ParamKind::Rest);
        let params: Vec<&str> = method.params.iter().filter(|p| p.kind != ParamKind::Rest).map(|p| p.name).collect();
        let mut note = |finding: Finding| self.findings.push(finding);
        let starred = call.arguments.args.iter().any(Expr::is_starred_expr);
        // The original took the proposal as an optional first argument.
        let first = call.arguments.args.first();
        let given: Vec<&Expr> = match first {
            Some(Expr::Name(name)) if name.id.as_str() == "proposal" => call.arguments.args.iter().skip(1).collect(),
            _ => call.arguments.args.iter().collect(),
        };
        if let Some(extra) = given.get(params.len()).filter(|_| !starred) {
            let message = format!(
                "`{}()` takes {} arguments, and this is one too many; they are: {}",
                method.name,
                params.len(),
                params.join(", ")
            );
            note(Finding::new("PK022", Severity::Error, *extra, message));
        }
        let mut open = starred;
        for keyword in &call.arguments.keywords {
            let Some(name) = &keyword.arg else {
                open = true;
                continue;
            };
            if params.contains(&name.as_str()) || takes_more {
                continue;
            }
            let hint = match nearest(name, &params) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it takes: {}", params.join(", ")),
            };
            let message = format!("`{}()` has no parameter `{name}`; {hint}", method.name);
            note(Finding::new("PK022", Severity::Error, name, message));
        }
        let by_place = given.iter().zip(&method.params).filter(|_| !starred);
        let by_name = call.arguments.keywords.iter().filter_map(|k| {
            Some((&k.value, method.params.iter().find(|p| k.arg.as_ref().is_some_and(|a| a == p.name))?))
        });
        for (value, param) in by_place.map(|(value, param)| (*value, param)).chain(by_name) {
            if let (Expr::StringLiteral(text), ParamKind::OneOf(words)) = (value, param.kind)
                && !words.contains(&text.value.to_str())
            {
                let message = no_such(method, param, text.value.to_str(), words);
                note(Finding::new("PK022", Severity::Error, value, message));
            }
        }
        let named = |name: &str| call.arguments.keywords.iter().any(|k| k.arg.as_ref().is_some_and(|a| a == name));
        let missing = method.params.iter().skip(given.len()).find(|p| p.default.is_none() && !named(p.name));
        if let Some(param) = missing.filter(|_| !open) {
            let message = format!("`{}()` needs `{}`; add `{}=…`", method.name, param.name, param.name);
            note(Finding::new("PK022", Severity::Error, &*call.func, message));
        }
    }
}

impl Uses<'_, '_> {
    /// A comparison of `action.event_type` with an event that no platform tells of.
    fn event(&mut self, comparison: &ExprCompare) {
        let [right] = &*comparison.comparators else { return };
        let is_event = |side: &Expr| {
            matches!(side, Expr::Attribute(a) if a.attr.as_str() == "event_type"
                && self.object(&a.value) == Some(Object::Kind(ObjectKind::Action)))
        };
        let text = match (&*comparison.left, right) {
            (left, text) if is_event(left) => text,
            (text, right) if is_event(right) => text,
            _ => return,
        };
        let Expr::StringLiteral(literal) = text else { return };
        let name = literal.value.to_str();
        let known: Vec<&str> = self.vocabulary.triggers.iter().map(String::as_str).collect();
        // What platforms that nobody has described tell of is not known here.
        let described = known.iter().any(|k| k.split_once('.').map(|(p, _)| p) == name.split_once('.').map(|(p, _)| p));
        let near = nearest(name, &known);
        if known.contains(&name) || !(described || near.is_some()) {
            return;
        }
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let message = format!("no event is called `{name}`, so this is never the case{hint}");
        self.findings.push(Finding::new("PK025", Severity::Warning, text, message));
    }
}

impl<'a> Visitor<'a> for Uses<'_, '_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Set(set) => self.keys(&set.elts),
            Expr::SetComp(set) => self.keys([&*set.elt]),
            Expr::DictComp(dict) => self.keys(dict.key.as_deref()),
            Expr::Dict(dict) => self.keys(dict.items.iter().filter_map(|item| item.key.as_ref())),
            Expr::Subscript(item) => self.keys([&*item.slice]),
            Expr::Compare(comparison) => self.event(comparison),
            Expr::Call(call) => {
                let makes_set = matches!(&*call.func, Expr::Name(name)
                    if matches!(name.id.as_str(), "set" | "frozenset") && !self.bound.has(&name.id));
                if let Some(listed) = call.arguments.args.first().filter(|a| makes_set && self.names_objects(a)) {
                    let message = "these objects cannot be members of a set; collect what identifies them: `{u.username for u in …}`";
                    self.findings.push(Finding::new("PK019", Severity::Error, listed, message));
                }
                // Nothing but a set has this method.
                if let Expr::Attribute(attribute) = &*call.func
                    && attribute.attr.as_str() == "add"
                {
                    self.keys(call.arguments.args.first());
                }
                if let Expr::Attribute(attribute) = &*call.func
                    && let Some(object) = self.object(&attribute.value)
                    && let Some(method) = self.method(object, &attribute.attr)
                {
                    self.arguments(call, &method);
                }
            }
            Expr::Attribute(attribute)
                if attribute.ctx == ExprContext::Load && !attribute.attr.as_str().starts_with('_') =>
            {
                if let Some(object) = self.object(&attribute.value) {
                    let (name, known) = (attribute.attr.as_str(), self.known(object));
                    if !known.contains(&name) {
                        let hint = match nearest(name, &known) {
                            Some(near) => format!("did you mean `{near}`?"),
                            None => format!("it has: {}", known.join(", ")),
                        };
                        let whose = match object {
                            Object::Platform(id) => id.to_owned(),
                            Object::Kind(kind) => format!("{kind:?}").to_lowercase(),
                        };
                        let message = format!("`{whose}` has no attribute or method `{name}`; {hint}");
                        self.findings.push(Finding::new("PK021", Severity::Error, &attribute.attr, message));
                    }
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}
