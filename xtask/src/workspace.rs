//! Where things are: the root of the repository, the build folder, the files that belong to the project.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// The repository this command was started in.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    /// Its root folder.
    pub(crate) root: PathBuf,
    /// Where cargo builds: `CARGO_TARGET_DIR`, or `target` in the root.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks cargo's environment for the root, so that a copied tree finds itself and not the one it was copied from.
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let root = match manifest.as_deref().and_then(Path::parent) {
            Some(root) => root.to_owned(),
            None => env::current_dir().context("finding the current folder")?,
        };
        if !root.join("xtask").is_dir() {
            bail!("`{}` is not the root of the workspace: call `cargo xtask` inside the repository", root.display());
        }
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        Ok(Self { root, target })
    }

    /// A folder for this tool's own files, outside git.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// A cargo command in the root, with the toolchain that runs this tool.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }
}

/// The text files of the project by their path from the root, with `/` between folders.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
    /// Files that are no text: pictures.
    others: BTreeSet<String>,
}

impl Tree {
    /// Reads what git tracks, and what it would track if it were added. Of files that are no text only the names.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        let mut tree = Self::default();
        for path in Self::paths(workspace)? {
            let file = workspace.root.join(&path);
            if let Ok(text) = fs::read_to_string(&file) {
                tree.files.insert(path, text);
            } else if file.is_file() {
                tree.others.insert(path);
            }
        }
        Ok(tree)
    }

    /// The paths alone, of texts and others.
    pub(crate) fn paths(workspace: &Workspace) -> Result<Vec<String>> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&workspace.root)
            .stdin(Stdio::null())
            .output()
            .context("running git to list the project's files")?;
        if !listed.status.success() {
            bail!("git cannot list the project's files: {}", String::from_utf8_lossy(&listed.stderr).trim());
        }
        let names = String::from_utf8_lossy(&listed.stdout);
        Ok(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// A tree made of these files.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { files, others: BTreeSet::new() }
    }

    /// Path and text of every file.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether there is a file or a folder of this name.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty()
            || self.others.contains(path)
            || self.files.keys().any(|f| f == path || f.strip_prefix(path).is_some_and(|r| r.starts_with('/')))
    }
}
