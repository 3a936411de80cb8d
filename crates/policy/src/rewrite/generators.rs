//! Generators: walked through at once where that makes no difference, and otherwise only as far as is needed.

use ruff_python_ast::{self as ast, Comprehension, Expr};

use super::{
    growth::MEASURE,
    shapes::{is_entangled, is_plain},
    visitor::{Rewriter, span},
};

impl Rewriter<'_> {
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
            self.replace(start, start + 1, format!("iter({MEASURE}(["));
            self.replace(end - 1, end, "]))");
        } else {
            self.wrap((start, end), format!("iter({MEASURE}(["), "]))");
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

    /// `any(e for x in y if c)` as `_pk_any(False, lambda x: (e), y, lambda x: (c))`: what comes after the answer is known
    /// is not computed.
    pub(super) fn stops_early(&mut self, function: &str, name: (usize, usize), generator: &ast::ExprGenerator) {
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
