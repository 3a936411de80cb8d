//! `platforms`, `config show` and `config check`: what this build and this configuration amount to.

use std::{process::ExitCode, time::Duration};

use super::{
    context::{Context, integrations},
    output::{line, note},
};
use crate::config::lines;

/// `policykit platforms`.
pub(crate) fn platforms(json: bool) -> anyhow::Result<ExitCode> {
    let table = integrations(Duration::from_secs(8))?.table();
    if json {
        line(serde_json::to_string_pretty(&table)?);
        return Ok(ExitCode::SUCCESS);
    }
    for row in table {
        line(format_args!("{} ({})", row.name, row.id));
        for (what, names) in [("governs", row.governable), ("reacts to", row.triggers), ("can", row.actions)] {
            if !names.is_empty() {
                line(format_args!("  {what}: {}", names.join(", ")));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `policykit platforms manifest`.
pub(crate) fn manifest(platform: &str, url: &url::Url) -> anyhow::Result<ExitCode> {
    let registry = integrations(Duration::from_secs(8))?;
    let Some(found) = registry.get(platform) else {
        anyhow::bail!("there is no platform `{platform}`; there is: {}", registry.ids().join(", "));
    };
    if !matches!(url.scheme(), "http" | "https") {
        anyhow::bail!("`--url` must begin with https://");
    }
    let Some(manifest) = found.manifest(url.as_str().trim_end_matches('/')) else {
        anyhow::bail!("`{platform}` takes no such description; see its guide");
    };
    line(serde_json::to_string_pretty(&manifest)?);
    Ok(ExitCode::SUCCESS)
}

/// `policykit config show`.
pub(crate) fn config(context: &Context) -> anyhow::Result<ExitCode> {
    match &context.config.file {
        Some(path) => line(format_args!("# read from {}", path.display())),
        None => line("# no file"),
    }
    for setting in lines(&context.config) {
        line(format_args!("{} = {}  # {}", setting.path, setting.value, setting.origin));
    }
    Ok(ExitCode::SUCCESS)
}

/// `policykit config check`: reading it was the check.
pub(crate) fn check(context: &Context) -> anyhow::Result<ExitCode> {
    let file = context.config.file.as_ref().map_or_else(|| "no file".to_owned(), |p| p.display().to_string());
    note(format_args!("the configuration can be used ({file})"));
    Ok(ExitCode::SUCCESS)
}
