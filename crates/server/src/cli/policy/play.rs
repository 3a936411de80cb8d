//! `policy run` and `policy test`: what policies make of a story, without a server.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use policykit_core::policy::PolicyDraft;
use policykit_platforms::Registry;
use serde_json::json;

use super::{
    super::output::{line, note},
    Format, USAGE, files,
    places::{Written, with_place},
};
use crate::scenario::{MadeCall, Played, Scenario, StepReport, play};

/// What `policy run` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The policy to be played instead of those that the scenario names
    #[arg(value_name = "POLICY")]
    policy: PathBuf,
    /// The story
    #[arg(long, value_name = "FILE")]
    scenario: PathBuf,
    /// For people or for programs
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// What `policy test` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// Scenarios, or folders with scenarios in them (`.yaml`, `.yml`)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// `policykit policy run`.
pub(crate) async fn run(args: &RunArgs, registry: &Registry) -> ExitCode {
    match played(&args.scenario, Some(&args.policy), registry).await {
        Err(why) => {
            note(format_args!("error: {why:#}"));
            USAGE.into()
        }
        Ok((played, written)) => {
            match args.format {
                Format::Human => tell(&played, &written),
                Format::Json => line(format_args!("{:#}", json!(played))),
            }
            if played.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

/// `policykit policy test`.
pub(crate) async fn test(args: &TestArgs, registry: &Registry) -> ExitCode {
    let scenarios = match files::find(&args.paths, &["yaml", "yml"]) {
        Ok(found) if !found.is_empty() => found,
        Ok(_) => {
            note("error: there is no scenario; a scenario is a file that ends with `.yaml`");
            return USAGE.into();
        }
        Err(why) => {
            note(format_args!("error: {why:#}"));
            return USAGE.into();
        }
    };
    let mut failed = 0_usize;
    for file in &scenarios {
        match played(file, None, registry).await {
            Ok((played, _)) if played.is_good() => line(format_args!("ok      {}: {}", file.display(), played.name)),
            Ok((played, written)) => {
                failed += 1;
                line(format_args!("FAILED  {}: {}", file.display(), played.name));
                for step in &played.steps {
                    for unmet in &step.unmet {
                        line(format_args!(
                            "        {}:{}:{}: step {}, `{}`: {}",
                            file.display(),
                            unmet.line,
                            unmet.column,
                            step.step,
                            unmet.key,
                            with_place(&unmet.problem, step.policy.as_deref(), &written)
                        ));
                    }
                }
            }
            Err(why) => {
                failed += 1;
                line(format_args!("FAILED  {}", file.display()));
                line(format_args!("        {why:#}"));
            }
        }
    }
    line(format_args!("{} scenarios, {failed} failed", scenarios.len()));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn played(file: &Path, instead: Option<&Path>, registry: &Registry) -> anyhow::Result<(Played, Vec<Written>)> {
    let scenario = Scenario::read(file)?;
    let mut policies: Vec<PolicyDraft> = Vec::new();
    let mut written = Vec::new();
    let named = scenario.policies();
    for path in instead.map_or(named, |one| vec![one.to_owned()]) {
        for found in files::read_written(&path)? {
            policies.push(found.draft);
            written.extend(found.python.map(|policy| Written { file: path.clone(), policy }));
        }
    }
    if policies.is_empty() {
        anyhow::bail!("{}: names no policy; add `policy: FILE`", file.display());
    }
    let played = Box::pin(play(&scenario, policies, registry)).await;
    // What a block failed with may be part of why it could not be played.
    let played = played.map_err(|why| anyhow::anyhow!(with_place(&why.to_string(), None, &written)))?;
    Ok((played, written))
}

fn tell(played: &Played, written: &[Written]) {
    line(&played.name);
    for step in &played.steps {
        let name = step.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
        line(format_args!("step {}{name}, {}: {}", step.step, step.at, standing(step)));
        for MadeCall { call, args, result } in &step.calls {
            line(format_args!("    {call}({}) -> {result}", json!(args)));
        }
        for said in &step.logs {
            line(format_args!("    {}: {}", said.level, said.message));
        }
        if let Some(error) = &step.error {
            line(format_args!("    error: {}", with_place(error, step.policy.as_deref(), written)));
        }
        for unmet in &step.unmet {
            line(format_args!("  ! line {}, `{}`: {}", unmet.line, unmet.key, unmet.problem));
        }
    }
    line(if played.is_good() { "as expected" } else { "not as expected" });
}

fn standing(step: &StepReport) -> String {
    if !step.matched {
        return format!("no policy governs it{}", if step.reverted { ", undone" } else { "" });
    }
    let mut words = vec![step.status.clone().unwrap_or_default()];
    words.extend(step.reverted.then(|| "undone".to_owned()));
    words.extend(step.executed.then(|| "carried out".to_owned()));
    words.extend(step.policy.as_ref().map(|name| format!("by `{name}`")));
    words.join(", ")
}
