//! The header of a policy's file: TOML in comments between `# /// policy` and `# ///`.

use std::collections::BTreeMap;

use policykit_core::policy::{Block, Blocks, OnError, PolicyDraft, PolicyKind};
use serde::{Deserialize, Serialize};

use super::{PolicyFileError, blocks_mut};
use crate::error::line_column;

const OPENS: &str = "# /// policy";
const CLOSES: &str = "# ///";
/// Longest name of a policy, as in the original.
const MAX_NAME: usize = 100;

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    name: String,
    kind: PolicyKind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    action_types: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    on_error: OnError,
    /// Blocks that cannot be written as functions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    blocks: BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde takes")]
fn is_default(on_error: &OnError) -> bool {
    *on_error == OnError::default()
}

impl Header {
    pub(super) fn of(draft: &PolicyDraft) -> Self {
        Self {
            name: draft.name.clone(),
            kind: draft.kind,
            description: draft.description.clone(),
            action_types: draft.action_types.clone(),
            on_error: draft.on_error,
            blocks: BTreeMap::new(),
        }
    }

    /// Of a policy that is of no interest.
    pub(super) fn empty() -> Self {
        Self {
            name: "x".to_owned(),
            kind: PolicyKind::Platform,
            description: String::new(),
            action_types: Vec::new(),
            on_error: OnError::default(),
            blocks: BTreeMap::new(),
        }
    }

    pub(super) fn keep(&mut self, block: Block, source: &str) {
        self.blocks.insert(block.as_str().to_owned(), source.to_owned());
    }

    pub(super) fn blocks(&self) -> Blocks {
        let mut blocks = Blocks::default();
        for block in Block::ALL {
            if let Some(source) = self.blocks.get(block.as_str()) {
                blocks_mut(&mut blocks, block).clone_from(source);
            }
        }
        blocks
    }

    pub(super) fn draft(self, blocks: Blocks) -> PolicyDraft {
        PolicyDraft {
            kind: self.kind,
            name: self.name,
            description: self.description,
            action_types: self.action_types,
            blocks,
            on_error: self.on_error,
        }
    }

    /// As TOML in which no text runs over several lines.
    fn on_single_lines(&self) -> String {
        // Texts of JSON are texts of TOML, but for one character that JSON does not escape.
        let text = |text: &str| serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f");
        let mut lines = vec![format!("name = {}", text(&self.name)), format!("kind = \"{}\"", self.kind.as_str())];
        if !self.description.is_empty() {
            lines.push(format!("description = {}", text(&self.description)));
        }
        if !self.action_types.is_empty() {
            let types: Vec<String> = self.action_types.iter().map(|t| text(t)).collect();
            lines.push(format!("action_types = [{}]", types.join(", ")));
        }
        if !is_default(&self.on_error) {
            lines.push(format!("on_error = \"{}\"", self.on_error.as_str()));
        }
        if !self.blocks.is_empty() {
            lines.extend([String::new(), "[blocks]".to_owned()]);
            lines.extend(self.blocks.iter().map(|(name, source)| format!("{name} = {}", text(source))));
        }
        lines.join("\n")
    }

    /// As comments, the lines that open and close it included.
    pub(super) fn write(&self) -> String {
        // Texts, lists and tables of texts are always TOML.
        let pretty = toml::to_string_pretty(self).unwrap_or_default();
        // A line inside a text must not end the header.
        let toml = if pretty.lines().any(|line| line == "///") { self.on_single_lines() } else { pretty };
        let mut text = format!("{OPENS}\n");
        for line in toml.trim_end_matches('\n').split('\n') {
            text.push('#');
            if !line.is_empty() {
                text.push(' ');
                text.push_str(line);
            }
            text.push('\n');
        }
        text + CLOSES + "\n"
    }
}

/// Reads the header; also where in the text the code begins.
pub(super) fn read(text: &str) -> Result<(Header, usize), PolicyFileError> {
    let mut toml = String::new();
    // Where each line of the TOML begins in the file.
    let mut lines = Vec::new();
    let mut at = 0;
    let mut open = false;
    for line in text.split_inclusive('\n') {
        let (start, line) = (at, line.strip_suffix('\n').unwrap_or(line));
        at = (start + line.len() + 1).min(text.len());
        if !open {
            if line.trim_end() == OPENS {
                open = true;
            } else if !line.trim().is_empty() {
                break;
            }
            continue;
        }
        if line == CLOSES {
            let header = parse(text, &toml, &lines)?;
            return Ok((header, at));
        }
        let content = if line == "#" { Some("") } else { line.strip_prefix("# ") };
        let Some(content) = content else {
            let problem =
                format!("the header is not closed: every line of it begins with `# `, and `{CLOSES}` ends it");
            return Err(PolicyFileError::new(line_column(text, start), problem));
        };
        lines.push((toml.len(), start + line.len() - content.len()));
        toml.push_str(content);
        toml.push('\n');
    }
    let problem = if open {
        format!("the header is not closed: add the line `{CLOSES}` after it")
    } else {
        format!(
            "a policy begins with a header: `{OPENS}`, then `# name = \"…\"`, `# kind = \"platform\"`, then `{CLOSES}`"
        )
    };
    Err(PolicyFileError::new((1, 1), problem))
}

fn parse(text: &str, toml: &str, lines: &[(usize, usize)]) -> Result<Header, PolicyFileError> {
    let place = |offset: usize| {
        let line = lines.partition_point(|(at, _)| *at <= offset).checked_sub(1).and_then(|i| lines.get(i));
        line_column(text, line.map_or(0, |(at, in_file)| in_file + (offset - at)))
    };
    let header: Header = toml::from_str(toml).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        PolicyFileError::new(place(offset), error.message().replace('\n', " "))
    })?;
    let wrong = |key: &str, problem: String| {
        let offset = toml.lines().scan(0, |at, line| Some((std::mem::replace(at, *at + line.len() + 1), line)));
        let offset = offset.filter(|(_, line)| line.starts_with(key)).map(|(at, _)| at).next().unwrap_or(0);
        Err(PolicyFileError::new(place(offset), format!("`{key}` {problem}")))
    };
    let name = header.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return wrong("name", format!("must have 1 to {MAX_NAME} characters"));
    }
    if header.kind == PolicyKind::Trigger && header.action_types.is_empty() {
        return wrong("action_types", "is empty; a trigger policy must say what triggers it".to_owned());
    }
    if let Some(other) = header.blocks.keys().find(|name| Block::parse(name).is_none()) {
        let known = Block::ALL.map(|b| format!("`{b}`")).join(", ");
        return wrong(other, format!("is no block; the blocks are {known}"));
    }
    Ok(header)
}
