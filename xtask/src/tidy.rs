//! The house rules that the compiler cannot check, each proven on planted violations by its own tests.
//!
//! A rule reads the project's files (or what cargo says about the packages) and returns findings; it changes nothing.
//! Whoever adds a rule adds the sentence it proves to `ARCHITECTURE.md` or `CONTRIBUTING.md`.

mod arrows;
mod docs;
mod migrations;
mod names;
mod sizes;
mod source;
mod text;

use std::fmt;

use anyhow::{Result, bail};

use crate::{
    mutants,
    workspace::{Tree, Workspace},
};

/// Something a rule has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Whether the run fails because of it.
    severity: Severity,
    /// The file it is about, from the root.
    path: String,
    /// Its line from 1, or 0 when it is about the whole file.
    line: usize,
    /// What is wrong and what to do.
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Error,
    Warning,
    Note,
}

impl Finding {
    /// A broken rule.
    pub(crate) fn error(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, path: path.to_owned(), line, message: message.into() }
    }

    /// Something to look at.
    pub(crate) fn warning(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, line, message) }
    }

    /// A rule that had nothing to look at.
    pub(crate) fn note(path: &str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(path, 0, message) }
    }

    fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        match self.line {
            0 => write!(f, "{severity}: {}: {}", self.path, self.message),
            line => write!(f, "{severity}: {}:{line}: {}", self.path, self.message),
        }
    }
}

/// Applies all rules, prints what they found and fails when one is broken.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(workspace)?;
    let mut findings = Vec::new();
    arrows::check(&arrows::packages(workspace)?, &mut findings);
    for rule in [
        arrows::lints,
        arrows::pure_core,
        sizes::check,
        names::check,
        migrations::check,
        text::check,
        docs::check,
        mutants::tidy,
    ] {
        rule(&tree, &mut findings);
    }
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|f| f.is_error()).count();
    if errors > 0 {
        bail!("{errors} house rules broken");
    }
    println!("tidy: {} files, all rules hold", tree.iter().count());
    Ok(())
}

/// Runs one rule over a planted tree and gives back the lines it complains about, for the rules' tests.
#[cfg(test)]
fn errors_of(rule: fn(&Tree, &mut Vec<Finding>), files: &[(&str, &str)]) -> Vec<String> {
    let mut findings = Vec::new();
    rule(&Tree::of(files), &mut findings);
    findings.iter().filter(|f| f.is_error()).map(|f| format!("{}:{}", f.path, f.line)).collect()
}
