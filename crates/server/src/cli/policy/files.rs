//! Policies in files, and files in folders.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use policykit_core::policy::PolicyDraft;
use policykit_policy::{PolicyFile, PolicyFileError, from_policykit_json, from_python};

/// A policy, and the file it stands in where that is one of ours.
pub(super) struct Found {
    pub(super) draft: PolicyDraft,
    pub(super) python: Option<PolicyFile>,
}

/// Whether a file is in our own format.
pub(super) fn is_python(file: &Path) -> bool {
    file.extension().is_some_and(|e| e == "py")
}

/// Why a file yields no policies.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// It is not there, or is no text.
    #[error("{0}")]
    Unreadable(String),
    /// It is not in the format its ending promises. Line and column are 0 where they are not known.
    #[error("{problem}")]
    NoPolicy { line: usize, column: usize, problem: String },
}

/// The policies of a file: one in our own format (`.py`), one or several in PolicyKit's.
pub(super) fn open(file: &Path) -> Result<Vec<Found>, Unusable> {
    let text = fs::read_to_string(file)
        .map_err(|error| Unusable::Unreadable(format!("`{}` cannot be read: {error}", file.display())))?;
    if is_python(file) {
        let PolicyFileError { line, column, problem } = match from_python(&text) {
            Ok(read) => return Ok(vec![Found { draft: read.draft.clone(), python: Some(read) }]),
            Err(error) => error,
        };
        return Err(Unusable::NoPolicy { line, column, problem });
    }
    match from_policykit_json(&text) {
        Ok(drafts) => Ok(drafts.into_iter().map(|draft| Found { draft, python: None }).collect()),
        Err(error) => Err(Unusable::NoPolicy { line: 0, column: 0, problem: error.to_string() }),
    }
}

/// The policies of a file.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<PolicyDraft>> {
    Ok(read_written(file)?.into_iter().map(|found| found.draft).collect())
}

/// The policies of a file, with the places of their code.
pub(super) fn read_written(file: &Path) -> anyhow::Result<Vec<Found>> {
    open(file).map_err(|why| match why {
        Unusable::NoPolicy { line, column, problem } if line > 0 => {
            anyhow::anyhow!("{}:{line}:{column}: {problem}", file.display())
        }
        Unusable::NoPolicy { problem, .. } => anyhow::anyhow!("{}: {problem}", file.display()),
        Unusable::Unreadable(why) => anyhow::anyhow!(why),
    })
}

/// These files, and those in these folders and all below that end with one of `endings`; sorted.
pub(super) fn find(paths: &[PathBuf], endings: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, endings, &mut found)?;
        } else if path.exists() {
            found.push(path.clone());
        } else {
            bail!("`{}` is not there", path.display());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn walk(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("`{}` cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("`{}` cannot be read", folder.display()))?.path();
        if path.is_dir() {
            walk(&path, endings, found)?;
        } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| endings.contains(&e)) {
            found.push(path);
        }
    }
    Ok(())
}
