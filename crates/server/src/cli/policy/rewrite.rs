//! `policy fmt` and `policy convert`: the same policy, written otherwise.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use policykit_core::policy::PolicyDraft;
use policykit_policy::{to_policykit_json, to_python};

use super::{
    super::output::{line, note, verbatim},
    USAGE, files,
};

/// What `policy fmt` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct FmtArgs {
    /// Policies in our own format, or folders with such in them (`.py`)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Change nothing; end with 1 when something would be changed
    #[arg(long)]
    check: bool,
}

/// What `policy convert` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ConvertArgs {
    /// Policies in either format
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What to write
    #[arg(long, value_enum)]
    to: To,
    /// Where to write it, a file per policy; to stdout when left out
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// A format of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum To {
    /// Our own: one Python file per policy
    Python,
    /// The original PolicyKit's JSON
    Json,
}

/// `policykit policy fmt`.
pub(crate) fn fmt(args: &FmtArgs) -> anyhow::Result<ExitCode> {
    let files = match files::find(&args.files, &["py"]) {
        Ok(files) => files,
        Err(why) => return Ok(usage(&why)),
    };
    if let Some(other) = files.iter().find(|file| !files::is_python(file)) {
        return Ok(usage(&anyhow::anyhow!("`{}` is not in our format; convert it first", other.display())));
    }
    let mut changed = false;
    for file in &files {
        let before = fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
        let after: String = files::read(file)?.iter().map(to_python).collect();
        if before == after {
            continue;
        }
        changed = true;
        if args.check {
            line(format_args!("{} is not formatted", file.display()));
        } else {
            fs::write(file, after).with_context(|| format!("`{}` cannot be written", file.display()))?;
            line(format_args!("{} is formatted", file.display()));
        }
    }
    Ok(if changed && args.check { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// `policykit policy convert`.
pub(crate) fn convert(args: &ConvertArgs) -> anyhow::Result<ExitCode> {
    let files = match files::find(&args.files, &["py", "json"]) {
        Ok(files) => files,
        Err(why) => return Ok(usage(&why)),
    };
    let mut all: Vec<PolicyDraft> = Vec::new();
    for file in &files {
        all.extend(files::read(file)?);
    }
    let Some(folder) = &args.out else {
        match (args.to, all.as_slice()) {
            (To::Json, _) => verbatim(&(to_policykit_json(&all) + "\n")),
            (To::Python, [one]) => verbatim(&to_python(one)),
            (To::Python, _) => {
                let why = anyhow::anyhow!("these are {} policies, a file each: name a folder with `--out`", all.len());
                return Ok(usage(&why));
            }
        }
        return Ok(ExitCode::SUCCESS);
    };
    fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    for draft in &all {
        let (ending, text) = match args.to {
            To::Python => ("py", to_python(draft)),
            To::Json => ("json", to_policykit_json(std::slice::from_ref(draft)) + "\n"),
        };
        let path = free_path(folder, &draft.name, ending);
        fs::write(&path, text).with_context(|| format!("`{}` cannot be written", path.display()))?;
        line(format_args!("{}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn usage(why: &anyhow::Error) -> ExitCode {
    note(format_args!("error: {why:#}"));
    USAGE.into()
}

/// A path in the folder that says what the policy is called and that nothing has yet.
fn free_path(folder: &Path, name: &str, ending: &str) -> PathBuf {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let stem = if words.is_empty() { "policy".to_owned() } else { words.join("-") };
    let numbered = (2..).map(|n: u32| folder.join(format!("{stem}-{n}.{ending}")));
    std::iter::once(folder.join(format!("{stem}.{ending}")))
        .chain(numbered)
        .find(|path| !path.exists())
        .unwrap_or_else(|| folder.join(format!("{stem}.{ending}")))
}
