//! Names: which a block is given, and which nobody knows.

use ruff_python_ast::{
    Expr, ExprContext, Stmt,
    visitor::{self, Visitor},
};

use super::{Finding, Vocabulary};
use crate::{
    error::Severity,
    methods::nearest,
    rewrite::{self, Facts},
};

/// Names of the language that policies have. A test holds this list against the interpreter. `open` is left out: the
/// interpreter knows it only to refuse it.
pub(super) const BUILTINS: &[&str] = &[
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "bool",
    "bytes",
    "callable",
    "chr",
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "hasattr",
    "hash",
    "hex",
    "id",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "object",
    "oct",
    "ord",
    "pow",
    "print",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "Ellipsis",
    "Exception",
    "ImportError",
    "IndexError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "NotImplemented",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PermissionError",
    "RecursionError",
    "RuntimeError",
    "StopIteration",
    "SyntaxError",
    "SystemExit",
    "TimeoutError",
    "TypeError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "ValueError",
    "ZeroDivisionError",
];

/// Names that are given to every block besides its parameters and the platforms.
const GIVEN: &[&str] = &[
    "PASSED",
    "FAILED",
    "PROPOSED",
    "community",
    "constitution",
    // What the original gave besides the builtins.
    "reorder",
    "same_type",
    "test",
    "whrandom",
];

/// Names that people know from Python and that are not here, and what to do instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("bytearray", "use `bytes`, or a list of numbers"),
    ("compile", "code in a text cannot be run; write it into the block"),
    ("complex", "complex numbers are not supported"),
    ("delattr", "set the variable to `None` instead"),
    ("dir", "the objects of policies are described in the reference"),
    ("eval", "code in a text cannot be run; write it into the block"),
    ("exec", "code in a text cannot be run; write it into the block"),
    ("exit", "use `return`"),
    ("globals", "keep values in `variables`, or in a dictionary"),
    ("input", "nobody can be asked while a block runs; start a vote"),
    ("locals", "keep values in `variables`, or in a dictionary"),
    ("memoryview", "use `bytes`, or a list of numbers"),
    ("open", "policies have no files; keep values with `proposal.data.set(\"name\", value)`"),
    ("os", "policies have no files and no programs"),
    ("requests", "policies ask platforms alone, with the methods of their objects"),
    ("super", "there are no classes in policies"),
    ("sys", "policies cannot look at what runs them"),
    ("time", "use `datetime.datetime.now()` and `proposal.get_time_elapsed()`"),
    ("vars", "keep values in `variables`, or in a dictionary"),
];

/// Names that are neither bound nor given.
pub(super) fn unknown_names(body: &[Stmt], bound: &Facts, vocabulary: &Vocabulary, findings: &mut Vec<Finding>) {
    let mut names = Names { bound, vocabulary, findings };
    body.iter().for_each(|statement| names.visit_stmt(statement));
}

struct Names<'f, 'v> {
    bound: &'v Facts,
    vocabulary: &'v Vocabulary,
    findings: &'f mut Vec<Finding>,
}

impl<'a> Visitor<'a> for Names<'_, '_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression
            && name.ctx == ExprContext::Load
            // Private names are told of where code is made ready.
            && !name.id.starts_with('_')
            && !self.bound.has(&name.id)
        {
            let platforms = self.vocabulary.methods.keys().map(String::as_str);
            let known: Vec<&str> = rewrite::PARAMETERS
                .split(", ")
                .chain(GIVEN.iter().copied())
                .chain(platforms)
                .chain(rewrite::MODULES.iter().copied())
                .chain(BUILTINS.iter().copied())
                .collect();
            if !known.contains(&name.id.as_str()) {
                let elsewhere = ELSEWHERE.iter().find(|(there, _)| *there == name.id.as_str());
                let own = known.iter().copied().chain(self.bound.own_names()).collect::<Vec<_>>();
                let hint = match (elsewhere, nearest(&name.id, &own)) {
                    (Some((_, advice)), _) => format!(" here: {advice}"),
                    (None, Some(near)) => format!("; did you mean `{near}`?"),
                    (None, None) => "; give it a value first, or use one of the names that every block has".to_owned(),
                };
                let message = format!("the name `{}` is not known{hint}", name.id);
                self.findings.push(Finding::new("PK020", Severity::Error, name, message));
            }
        }
        visitor::walk_expr(self, expression);
    }
}
