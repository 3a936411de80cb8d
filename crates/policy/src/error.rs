//! What can be wrong with policy code, said in its author's lines and columns.

use std::fmt;

use policykit_core::policy::Block;

/// How much something found in a block matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The code fails when it comes there, or cannot run at all.
    Error,
    /// The code runs, but hardly does what was meant.
    Warning,
}

impl Severity {
    /// Its name: `error` or `warning`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Something found in a block before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, `PK001`…; each has a page in `docs/reference/diagnostics`.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The block.
    pub block: Block,
    /// Line in the block, from 1.
    pub line: usize,
    /// Column in that line in characters, from 1.
    pub column: usize,
    /// Line at which it ends.
    pub end_line: usize,
    /// Column after its last character.
    pub end_column: usize,
    /// What is wrong and what to do, in plain words.
    pub message: String,
}

impl Diagnostic {
    /// An error at a place of which only the beginning is known.
    pub fn at(code: &'static str, block: Block, (line, column): (usize, usize), message: impl Into<String>) -> Self {
        let (severity, message) = (Severity::Error, message.into());
        Self { code, severity, block, line, column, end_line: line, end_column: column, message }
    }

    /// Ends it with the word at its beginning, or after one character, where its end is not known.
    pub(crate) fn widen(&mut self, source: &str) {
        if (self.line, self.column) != (self.end_line, self.end_column) {
            return;
        }
        let text = source.lines().nth(self.line.saturating_sub(1)).unwrap_or_default();
        let rest = text.chars().skip(self.column.saturating_sub(1));
        let word = rest.take_while(|c| c.is_alphanumeric() || *c == '_').count();
        self.end_column = self.column.saturating_add(word.max(1));
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}, column {} of {}: {}", self.code, self.line, self.column, self.block, self.message)
    }
}

/// A limit that a block met. Limits are no decisions: the caller tries again with more room before it gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Processor time of its thread.
    Cpu,
    /// Memory, as far as a single value asked for too much.
    Memory,
    /// How often it may ask its host.
    HostCalls,
}

/// Why a block did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureKind {
    /// An exception nobody caught, by class.
    Exception(String),
    /// A limit.
    Limit(Limit),
    /// It could not be run, through no fault of its own: nothing is known of it, and the same again may well succeed.
    Nowhere,
}

/// A block that did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which block.
    pub block: Block,
    /// Line in the block, from 1; 0 when unknown.
    pub line: usize,
    /// Column in characters, from 1; 0 when unknown.
    pub column: usize,
    /// Why.
    pub kind: FailureKind,
    /// The exception's message.
    pub message: String,
}

impl Failure {
    /// Whether it met a limit rather than raised an exception.
    pub const fn is_limit(&self) -> bool {
        matches!(self.kind, FailureKind::Limit(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match &self.kind {
            FailureKind::Exception(class) => class.as_str(),
            FailureKind::Limit(Limit::Cpu) => "time limit",
            FailureKind::Limit(Limit::Memory) => "memory limit",
            FailureKind::Limit(Limit::HostCalls) => "limit of host calls",
            FailureKind::Nowhere => "nowhere to run",
        };
        if self.line == 0 {
            write!(f, "{class} in {}", self.block)?;
        } else {
            write!(f, "{class} at line {}, column {} of {}", self.line, self.column, self.block)?;
        }
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

/// Line and column (both from 1, in characters) of a byte offset.
pub(crate) fn line_column(source: &str, offset: usize) -> (usize, usize) {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
