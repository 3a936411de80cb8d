//! Our own format of a policy: one Python file with a header in TOML and one function per block.
//!
//! Whatever a policy holds can be written so and is read back the same, but for line ends and blank lines at the end of a
//! block. A block that would not come back the same as a function (it is only a comment, or cannot be parsed) stands in
//! the header as text.

mod header;
mod margin;

use policykit_core::policy::{Block, Blocks, PolicyDraft};
use ruff_python_ast::{ModModule, Stmt};
use ruff_text_size::Ranged as _;

use self::header::Header;
use crate::error::line_column;

/// Width of the margin of a block in its function.
const MARGIN: &str = "    ";

/// A policy read from a file, and where in the file its blocks stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// The policy.
    pub draft: PolicyDraft,
    text: String,
    /// Line of the file at which each block begins, from 1; `None` for those that are no function there.
    first_lines: [Option<usize>; 6],
}

/// Why a file is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct PolicyFileError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub problem: String,
}

impl PolicyFileError {
    fn new((line, column): (usize, usize), problem: impl Into<String>) -> Self {
        Self { line, column, problem: problem.into() }
    }
}

impl PolicyFile {
    /// Where a line and column of a block (from 1, in characters) are in the file.
    pub fn place(&self, block: Block, line: usize, column: usize) -> Option<(usize, usize)> {
        let in_file = (*self.first_lines.get(block as usize)?)? + line.checked_sub(1)?;
        let length = |text: &str, line: usize| text.lines().nth(line.saturating_sub(1)).map(|l| l.chars().count());
        let margin =
            length(&self.text, in_file)?.saturating_sub(length(self.draft.blocks.get(block), line).unwrap_or_default());
        Some((in_file, column + margin))
    }
}

/// Reads a policy.
///
/// # Errors
/// What is wrong with the file, with line and column. Whether the blocks can run is for
/// [`Sandbox::compile`](crate::Sandbox::compile).
pub fn from_python(text: &str) -> Result<PolicyFile, PolicyFileError> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (header, code_at) = header::read(&text)?;
    // The header stays as comments, so that places are those of the file.
    let parsed = ruff_python_parser::parse_module(&text).map_err(|error| {
        PolicyFileError::new(line_column(&text, error.location.start().into()), error.error.to_string())
    })?;
    let strings = margin::strings(parsed.syntax());
    let mut blocks = header.blocks();
    let mut first_lines = [None; 6];
    let functions = functions(&text, parsed.syntax())?;
    outside(&text, code_at, &functions)?;
    for function in &functions {
        let known = blocks_mut(&mut blocks, function.block);
        if !known.is_empty() {
            let problem = format!("`{}` is here twice; keep one of the two", function.block);
            return Err(PolicyFileError::new(line_column(&text, function.start), problem));
        }
        *known = margin::removed(&text, function.body, &function.margin, &strings);
        if let Some(slot) = first_lines.get_mut(function.block as usize) {
            *slot = Some(line_column(&text, function.body.0).0);
        }
    }
    let draft = header.draft(blocks);
    Ok(PolicyFile { draft, text, first_lines })
}

/// Writes a policy. The same policy is always written the same.
pub fn to_python(draft: &PolicyDraft) -> String {
    let mut header = Header::of(draft);
    let mut functions = String::new();
    for block in Block::ALL {
        let source = tidied(draft.blocks.get(block));
        if source.is_empty() {
            continue;
        }
        let function = format!("\n\ndef {block}():\n{}\n", margin::added(&source, MARGIN));
        let alone = format!("{}{function}", Header::empty().write());
        match from_python(&alone) {
            Ok(read) if read.draft.blocks.get(block) == source => functions.push_str(&function),
            _ => header.keep(block, &source),
        }
    }
    header.write() + &functions
}

/// A block without what is not kept of it.
fn tidied(source: &str) -> String {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let kept = source.trim_end_matches(|c: char| c.is_whitespace());
    // Blanks that end the last line of code are kept only inside it.
    kept.to_owned()
}

struct Function {
    block: Block,
    start: usize,
    /// From the line after the function's first to the end of its last.
    body: (usize, usize),
    margin: String,
}

/// The functions of the file, which hold everything that is not its header.
fn functions(text: &str, module: &ModModule) -> Result<Vec<Function>, PolicyFileError> {
    let mut all: Vec<Function> = Vec::new();
    for (index, statement) in module.body.iter().enumerate() {
        let start: usize = statement.start().into();
        let at = |problem: String| Err(PolicyFileError::new(line_column(text, start), problem));
        let Stmt::FunctionDef(function) = statement else {
            return at("only the six blocks may stand here, each as a function: move this into one of them".to_owned());
        };
        let Some(block) = Block::parse(&function.name) else {
            let known = Block::ALL.map(|b| format!("`{b}`")).join(", ");
            return at(format!("`{}` is no block; the blocks are {known}", function.name));
        };
        if function.parameters.iter().next().is_some()
            || !function.decorator_list.is_empty()
            || function.returns.is_some()
            || function.is_async
        {
            return at(format!("a block is a plain function without parameters: write `def {block}():`"));
        }
        let Some(first) = function.body.first() else { return at(format!("`{block}` is empty")) };
        let first_at: usize = first.start().into();
        let line_start = text.get(..first_at).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
        let margin = text.get(line_start..first_at).unwrap_or_default();
        if !margin.chars().all(char::is_whitespace) || line_start <= start {
            return at(format!("begin the code of `{block}` on a line of its own, indented by four blanks"));
        }
        let header_end = text.get(start..first_at).map_or(first_at, |t| start + body_offset(t));
        let until = module.body.get(index + 1).map_or(text.len(), |next| usize::from(next.start()));
        let body = (header_end, end_of_body(text, header_end, until));
        all.push(Function { block, start, body, margin: margin.to_owned() });
    }
    Ok(all)
}

/// Where the first line after the one with the function's colon begins.
fn body_offset(head: &str) -> usize {
    head.find('\n').map_or(head.len(), |n| n + 1)
}

/// The end of the last line that belongs to a function: lines of no margin after it do not.
fn end_of_body(text: &str, from: usize, until: usize) -> usize {
    let mut end = from;
    let mut at = from;
    for line in text.get(from..until).unwrap_or_default().split_inclusive('\n') {
        at += line.len();
        let is_code = !line.trim().is_empty() && !(line.starts_with('#'));
        if is_code {
            end = at;
        }
    }
    end
}

/// Comments outside of blocks would be lost; they are refused instead.
fn outside(text: &str, code_at: usize, functions: &[Function]) -> Result<(), PolicyFileError> {
    let mut from = code_at;
    let ends = functions.iter().map(|f| (f.start, f.body.1)).chain([(text.len(), text.len())]);
    for (start, end) in ends {
        let between = text.get(from..start).unwrap_or_default();
        if let Some(found) = between.find(|c: char| !c.is_whitespace()) {
            let place = line_column(text, from + found);
            let problem =
                "this stands outside of the blocks and would be lost; move it into a block or the description";
            return Err(PolicyFileError::new(place, problem));
        }
        from = end.max(start);
    }
    Ok(())
}

fn blocks_mut(blocks: &mut Blocks, block: Block) -> &mut String {
    match block {
        Block::Filter => &mut blocks.filter,
        Block::Initialize => &mut blocks.initialize,
        Block::Check => &mut blocks.check,
        Block::Notify => &mut blocks.notify,
        Block::Success => &mut blocks.success,
        Block::Fail => &mut blocks.fail,
    }
}

#[cfg(test)]
#[path = "python/tests.rs"]
mod tests;
