//! Generators: walked through at once where that makes no difference, and otherwise only as far as is needed.

use ruff_python_ast::{self as ast, Comprehension, Expr};

use super::{
    growth::MEASURE,
    shapes::{is_entangled, is_plain},
    visitor::{Rewriter, span},
};

impl<'a> Rewriter<'a> {
    /// `x for x in y` where it is not walked through at once: what can be walked through once.
    pub(super) fn generator(&mut self, generator: &ast::ExprGenerator) {
        let (start, end) = span(generator);
        if self.lazy.contains(&(start, end)) {
            return self.clauses(&[], &generator.generators);
        }
        self.clauses(&[&generator.elt], &generator.generators);
        generator.generators.iter().for_each(|clause| self.ends(&clause.iter));
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

    /// `any(e for x in y if c for z in x)` as `_pk_any_in(lambda x, z: (e), (False, lambda: (y), lambda x: (c)), (False,
    /// lambda x: (x)))`: what comes after the answer is known is not computed.
    pub(super) fn stops_early(&mut self, function: &str, name: (usize, usize), generator: &ast::ExprGenerator) {
        let (start, end) = span(generator);
        let clauses = &generator.generators;
        // What the others compute only so far is computed altogether for `next`, which then has it as an iterator.
        let at_once = |rewriter: &mut Self| {
            if function == "next" {
                rewriter.consumed.remove(&(start, end));
            } else {
                rewriter.consumed.insert((start, end));
            }
        };
        let computes_little = is_plain(&generator.elt)
            && clauses.iter().flat_map(|clause| &clause.ifs).all(is_plain)
            && clauses.iter().skip(1).all(|clause| is_plain(&clause.iter))
            && !clauses.iter().any(|clause| self.is_endless(&clause.iter));
        if computes_little {
            return at_once(self);
        }
        let mut all = Vec::new();
        for clause in clauses {
            let Some((spread, names)) = self.parameters_of(&clause.target) else { return at_once(self) };
            all.push((spread, names));
        }
        let named = |upto: usize| all.iter().take(upto).flat_map(|(_, names)| names).copied().collect::<Vec<_>>();
        let every = named(all.len());
        // A name that is given a value twice, or within, is not a parameter.
        if every.iter().enumerate().any(|(at, name)| every.iter().take(at).any(|earlier| earlier == name))
            || self.text((start, end)).contains(":=")
        {
            return at_once(self);
        }
        let function_of = |names: &[&str]| match names {
            [] => "lambda: (".to_owned(),
            names => format!("lambda {}: (", names.join(", ")),
        };
        let mut edits = Vec::new();
        let mut before = ")";
        let mut at = start;
        for (index, (clause, (spread, _))) in clauses.iter().zip(&all).enumerate() {
            let (clause_start, _) = span(clause);
            let (iter_start, iter_end) = span(&clause.iter);
            let Some(within) = self.find(span(&clause.target).1, iter_start, "in") else { return at_once(self) };
            edits.push((clause_start, within + 2, format!("{before}, ({spread}, {}", function_of(&named(index)))));
            at = iter_end;
            for condition in &clause.ifs {
                let (condition_start, condition_end) = span(condition);
                let Some(keyword) = self.find(at, condition_start, "if") else { return at_once(self) };
                edits.push((keyword, keyword + 2, format!("), {}", function_of(&named(index + 1)))));
                at = condition_end;
            }
            before = "))";
        }
        let _ = at;
        let helper = match function {
            "any" => "_pk_any_in",
            "all" => "_pk_all_in",
            _ => "_pk_next",
        };
        let begins = match function {
            // What is given for want of an answer is computed first.
            "next" => format!("lambda: _pk_next_in({}", function_of(&every)),
            _ => function_of(&every),
        };
        let ends = if function == "next" { ")))" } else { "))" };
        self.lazy.insert((start, end));
        self.replace(name.0, name.1, helper);
        if generator.parenthesized {
            self.replace(start, start + 1, begins);
            self.replace(end - 1, end, ends);
        } else {
            self.open(start, begins);
            self.close(end, ends);
        }
        for (from, to, text) in edits {
            self.replace_keeping_lines(from, to, text);
        }
    }

    /// Whether an expression is an iterator that never ends.
    pub(super) fn is_endless(&self, expression: &Expr) -> bool {
        let Expr::Call(call) = expression else { return false };
        match self.facts.member(&call.func) {
            Some(("itertools", "count" | "cycle")) => true,
            Some(("itertools", "repeat")) => call.arguments.len() == 1,
            _ => false,
        }
    }

    /// What is computed at once has to end.
    pub(super) fn ends(&mut self, computed: &Expr) {
        if self.is_endless(computed) {
            let message =
                "this never ends, and all of it is computed at once; write a `for` loop and leave it with `break`";
            self.problem(span(computed), "PK029", message);
        }
    }

    /// The names that a clause gives values to, as parameters, and whether they are parts of one value.
    fn parameters_of(&self, target: &Expr) -> Option<(&'static str, Vec<&'a str>)> {
        match target {
            Expr::Name(_) => Some(("False", vec![self.text(span(target))])),
            Expr::Tuple(tuple) if tuple.elts.len() > 1 && tuple.elts.iter().all(Expr::is_name_expr) => {
                Some(("True", tuple.elts.iter().map(|name| self.text(span(name))).collect()))
            }
            _ => None,
        }
    }
}
