//! `policy`: reading policies from files, checking and trying them, putting them into force.

pub(crate) mod check;
mod files;
mod places;
pub(crate) mod play;
pub(crate) mod rewrite;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use policykit_core::policy::PolicyDraft;
use policykit_policy::{Diagnostic, MontySandbox, Sandbox as _};

use self::files::read;
use super::{
    context::{Context, Opened},
    output::{line, note},
};
use crate::records;

/// Exit code when what was asked cannot be understood.
const USAGE: u8 = 2;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// As JSON, for programs.
    Json,
}

/// `policykit policy import`.
pub(crate) async fn import(context: &Context, community: &str, files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut drafts = Vec::new();
    let mut broken = false;
    for file in files {
        for draft in read(file)? {
            broken |= report(file, &draft, &problems(&draft));
            drafts.push(draft);
        }
    }
    if broken {
        bail!("nothing was imported; correct the policies and import them again");
    }
    let Opened { db, .. } = context.open().await?;
    let community = records::find_community(&db, community).await?;
    let engine = context.engine(db.clone())?;
    // New policies go on top: the last one added is tried first, so that the order of the files is the order in force.
    for draft in drafts.into_iter().rev() {
        let name = draft.name.clone();
        let policy =
            engine.add_policy(community.id, draft).await.with_context(|| format!("`{name}` could not be added"))?;
        line(format_args!("`{name}` is in force for {} (version {})", community.name, policy.version));
    }
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// `policykit policy list`.
pub(crate) async fn list(context: &Context, community: &str) -> anyhow::Result<ExitCode> {
    let Opened { db, .. } = context.open().await?;
    let community = records::find_community(&db, community).await?;
    let state = db.community(community.id).state().await?;
    for (place, policy) in state.policies.iter().enumerate() {
        let types = match policy.draft.action_types.as_slice() {
            [] => "every action".to_owned(),
            types => types.join(", "),
        };
        line(format_args!(
            "{}. {} ({}, version {}): {types}",
            place.saturating_add(1),
            policy.draft.name,
            policy.draft.kind.as_str(),
            policy.version
        ));
    }
    if state.policies.is_empty() {
        note(format_args!("{} has no policies; add some with `policykit policy import`", community.name));
    }
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

fn problems(draft: &PolicyDraft) -> Vec<Diagnostic> {
    MontySandbox.compile(&draft.blocks).err().unwrap_or_default()
}

/// Prints what is wrong with a policy, a line each, and says whether anything is.
fn report(file: &Path, draft: &PolicyDraft, problems: &[Diagnostic]) -> bool {
    for p in problems {
        line(format_args!(
            "{}: `{}` {}:{}:{}: {} {}",
            file.display(),
            draft.name,
            p.block,
            p.line,
            p.column,
            p.code,
            p.message
        ));
    }
    !problems.is_empty()
}
