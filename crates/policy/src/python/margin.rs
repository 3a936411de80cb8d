//! Moving a block into the margin of its function and back, without touching texts that run over several lines.

use ruff_python_ast::{
    BytesLiteral, FString, ModModule, StringLiteral,
    visitor::{self, Visitor},
};
use ruff_text_size::Ranged;

/// Byte ranges of string literals.
pub(super) type Strings = Vec<(usize, usize)>;

/// The string literals of a module.
pub(super) fn strings(module: &ModModule) -> Strings {
    let mut found = Finder(Vec::new());
    for statement in &module.body {
        found.visit_stmt(statement);
    }
    found.0
}

struct Finder(Strings);

impl Finder {
    fn note(&mut self, node: &impl Ranged) {
        self.0.push((node.start().into(), node.end().into()));
    }
}

impl<'a> Visitor<'a> for Finder {
    fn visit_string_literal(&mut self, literal: &'a StringLiteral) {
        self.note(literal);
    }

    fn visit_bytes_literal(&mut self, literal: &'a BytesLiteral) {
        self.note(literal);
    }

    fn visit_f_string(&mut self, literal: &'a FString) {
        self.note(literal);
        visitor::walk_f_string(self, literal);
    }
}

fn is_inside(strings: &[(usize, usize)], at: usize) -> bool {
    strings.iter().any(|(from, to)| *from < at && at < *to)
}

/// A block with a margin before every line that begins no text of several lines. A block that cannot be parsed comes
/// back as it is.
pub(super) fn added(source: &str, margin: &str) -> String {
    let Ok(parsed) = ruff_python_parser::parse_module(source) else { return source.to_owned() };
    let strings = strings(parsed.syntax());
    let mut out = String::new();
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        if !line.trim_end_matches('\n').is_empty() && !is_inside(&strings, at) {
            out.push_str(margin);
        }
        out.push_str(line);
        at += line.len();
    }
    out
}

/// A stretch of a file without the margin.
pub(super) fn removed(text: &str, (from, to): (usize, usize), margin: &str, strings: &[(usize, usize)]) -> String {
    let mut out = String::new();
    let mut at = from;
    for line in text.get(from..to).unwrap_or_default().split_inclusive('\n') {
        let kept = if is_inside(strings, at) {
            line
        } else {
            line.strip_prefix(margin).unwrap_or_else(|| {
                // A line that stands further left, which only blank ones, comments and those in brackets can.
                if line.trim().is_empty() { "\n" } else { line.trim_start() }
            })
        };
        out.push_str(kept);
        at += line.len();
    }
    out.trim_end_matches(char::is_whitespace).to_owned()
}
