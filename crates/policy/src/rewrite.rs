//! Turns a block into a function that the interpreter runs, changing only what it cannot do as written.
//!
//! Lines never move. Every stretch of the author's text that is kept is remembered with its place, so that an error is
//! reported where the author wrote it, whatever was put in before it.

mod expressions;
mod facts;
mod generators;
mod growth;
mod harmless;
mod kinds;
mod shapes;
mod shared;
mod statements;
mod tables;
#[cfg(test)]
mod tests;
mod visitor;

use std::collections::BTreeSet;

use policykit_core::policy::Block;
use ruff_python_ast::visitor::Visitor as _;

use self::visitor::{Items, Private};
pub(crate) use self::{
    facts::Facts,
    growth::MEASURE,
    harmless::Reach,
    shared::{ONCE, Part, READ, Read, Together, together},
    tables::{MODULES, has_method},
};
use crate::{
    error::{Diagnostic, line_column},
    prelude,
};

/// The names that every block is given as parameters.
pub(crate) const PARAMETERS: &str = "action, policy, proposal, variables, logger";

/// A larger source could overflow the parser's stack; no policy of any collection comes near it.
pub(crate) const MAX_SOURCE: usize = 32 * 1024;

/// The names of variables that were given values, in the program.
const STORED: &str = "_pk_stored";

/// A change of the author's text: replace `start..end` by `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// What comes before what at one place.
    pub(crate) at: At,
    /// Among those of one kind at one place.
    pub(crate) order: i64,
    pub(crate) text: String,
}

/// What an edit does at its place, in the order in which edits at one place are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum At {
    /// Something ends.
    Close,
    /// A line begins.
    Margin,
    /// Something begins.
    Open,
    /// Text is replaced.
    Over,
}

/// A block made ready, and where its text came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prepared {
    /// The whole program: the block as a function, what it needs of the prelude, and the call.
    pub(crate) code: String,
    /// What the block reads of the action, if it is a filter that may run together with others.
    pub(crate) reach: Option<Reach>,
    /// Names that the block uses and does not necessarily define: those of the prelude and of what it is given.
    pub(crate) names: BTreeSet<String>,
    original: String,
    /// Where the function's own lines begin and end in `code`.
    body: (usize, usize),
    /// Kept stretches: offset in `code`, offset in `original`, length; in order.
    kept: Vec<(usize, usize, usize)>,
}

impl Prepared {
    /// The statements of the block.
    fn body(&self) -> &str {
        self.code.get(self.body.0..self.body.1).unwrap_or_default()
    }

    /// The block as a function of the action alone, under another name.
    fn as_function(&self, name: &str) -> String {
        format!("def {name}(action):\n{}", self.body())
    }

    /// Whether the block, or what it needs of the prelude, mentions this name.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The author's line and column for a line and column of the code (from 1, in characters); `None` outside the block.
    pub(crate) fn author_position(&self, line: usize, column: usize) -> Option<(usize, usize)> {
        let start = self.code.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum::<usize>();
        let text = self.code.get(start..)?;
        let within: usize = text.chars().take(column.checked_sub(1)?).map(char::len_utf8).sum();
        let offset = start + within;
        let last = self.kept.last()?;
        if offset < self.kept.first()?.0 || offset > last.0 + last.2 + 1 {
            return None;
        }
        let index = self.kept.partition_point(|(at, ..)| *at <= offset).checked_sub(1)?;
        let (at, from, length) = self.kept.get(index)?;
        Some(line_column(&self.original, from + (offset - at).min(*length)))
    }
}

/// Whether there is nothing to run.
pub(crate) fn is_blank(source: &str) -> bool {
    source.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

/// Makes a block ready to run.
///
/// # Errors
/// What is wrong with it, with line and column.
pub(crate) fn prepare(block: Block, source: &str) -> Result<Prepared, Vec<Diagnostic>> {
    prepare_text(block, source, Private::Refused)
}

fn prepare_text(block: Block, source: &str, private: Private) -> Result<Prepared, Vec<Diagnostic>> {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let at = |(start, end): (usize, usize), code: &'static str, message: String| {
        let mut found = Diagnostic::at(code, block, line_column(&source, start), message);
        (found.end_line, found.end_column) = line_column(&source, end.max(start));
        vec![found]
    };
    if source.len() > MAX_SOURCE {
        let message = format!("the block is {} bytes long; at most {MAX_SOURCE} are run", source.len());
        return Err(at((0, 0), "PK002", message));
    }
    let parsed = ruff_python_parser::parse_module(&source).map_err(|error| {
        at((error.location.start().into(), error.location.end().into()), "PK001", error.error.to_string())
    })?;
    let reach = (block == Block::Filter).then(|| harmless::reach(&parsed.syntax().body)).flatten();
    let items = if reach.is_some() { Items::OfDictionaries } else { Items::MayBeOfProcesses };
    let mut visitor = visitor::Rewriter::new(&source, &parsed.syntax().body, private, items);
    for statement in &parsed.syntax().body {
        visitor.visit_stmt(statement);
    }
    if !visitor.problems.is_empty() {
        return Err(visitor
            .problems
            .into_iter()
            .flat_map(|problem| at(problem.span, problem.code, problem.message))
            .collect());
    }
    let mut edits = visitor.edits;
    let mut names = visitor.names;
    names.extend(edits.iter().flat_map(|edit| prelude::words(&edit.text)).map(str::to_owned));
    // Where lines begin inside a string that runs over several, they must not be indented: it is part of the text.
    let mut line_start = 0;
    for line in source.split_inclusive('\n') {
        if !visitor.strings.iter().any(|(from, to)| *from < line_start && line_start < *to) {
            let (start, end) = (line_start, line_start);
            edits.push(Edit { start, end, at: At::Margin, order: 0, text: " ".to_owned() });
        }
        line_start += line.len();
    }
    edits.sort_by_key(|edit| (edit.start, edit.at, edit.order));
    let measured = visitor.growth.is_to_be_measured();
    if measured {
        names.insert(MEASURE.to_owned());
    }
    let stored = visitor.growth.stored.iter().map(|name| format!("'{name}': None, ")).collect();
    Ok(assemble(block, source, &edits, names, Ending { reach, measured, stored }))
}

/// How a block ends.
struct Ending {
    reach: Option<Reach>,
    /// Whether what leaves it is measured first.
    measured: bool,
    /// The variables that it gives values by name, as entries of a dictionary.
    stored: String,
}

fn assemble(
    block: Block,
    source: String,
    edits: &[Edit],
    mut names: BTreeSet<String>,
    Ending { reach, measured, stored }: Ending,
) -> Prepared {
    let mut code = format!("def _pk_block_{block}({PARAMETERS}):\n");
    let begin = code.len();
    let mut kept = Vec::with_capacity(edits.len() + 1);
    let mut at = 0;
    let keep = |code: &mut String, kept: &mut Vec<_>, from: usize, to: usize| {
        if let Some(text) = source.get(from..to).filter(|t| !t.is_empty()) {
            kept.push((code.len(), from, text.len()));
            code.push_str(text);
        }
    };
    for edit in edits {
        keep(&mut code, &mut kept, at, edit.start.max(at));
        code.push_str(&edit.text);
        at = edit.end.max(at);
    }
    keep(&mut code, &mut kept, at, source.len());
    code.push_str("\n pass\n");
    let body = (begin, code.len());
    let prelude = prelude::for_names(&names);
    names.extend(prelude::words(&prelude).map(str::to_owned));
    code.push_str(&prelude);
    if names.contains(STORED) && !stored.is_empty() {
        code.push_str(&format!("{STORED}.update({{{stored}}})\n"));
    }
    // Both what the block returns and, where that is kept, what it has made of `variables`.
    let variables = if block == Block::Initialize { "variables" } else { "None" };
    let measure = if measured { MEASURE } else { "" };
    code.push_str(&format!("({measure}(_pk_block_{block}({PARAMETERS})), {measure}({variables}))\n"));
    Prepared { code, reach, names, original: source, body, kept }
}
