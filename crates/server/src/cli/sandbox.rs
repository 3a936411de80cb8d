//! Where policy code runs: in workers, which are this program again, or in this process.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::Args;
use policykit_policy::{Budget, Containment, MontySandbox, Sandbox, WorkerOptions, Workers, sandbox_process};

use crate::config::{self, Config};

/// What a worker is told.
#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// How much memory it may take, in MiB
    #[arg(long, value_name = "N")]
    memory_mib: u64,
}

/// `policykit sandbox`: not for people.
pub(crate) fn sandbox(args: &SandboxArgs) -> ExitCode {
    sandbox_process(args.memory_mib.saturating_mul(1024 * 1024))
}

/// What the configuration says runs policies. Workers are started when they are first needed.
pub(crate) fn make(config: &Config) -> anyhow::Result<Arc<dyn Sandbox>> {
    Ok(match config.sandbox {
        config::Sandbox::InProcess => Arc::new(MontySandbox),
        config::Sandbox::Workers => Arc::new(workers(config)?),
    })
}

/// As [`make`], once it is certain that policies can be run.
pub(crate) fn ready(config: &Config) -> anyhow::Result<Arc<dyn Sandbox>> {
    if config.sandbox == config::Sandbox::InProcess {
        tracing::warn!("policies run inside the server, which one of them may bring down");
        return make(config);
    }
    let workers = workers(config)?;
    let contained = workers.try_one().context("see `sandbox` in the configuration")?;
    tracing::info!(?contained, "policies run in processes of their own");
    Ok(Arc::new(workers))
}

/// How far the kernel holds those that run policies; `None` where nobody does but this process.
pub(crate) fn containment(config: &Config) -> anyhow::Result<Option<Containment>> {
    match config.sandbox {
        config::Sandbox::InProcess => Ok(None),
        config::Sandbox::Workers => Ok(Some(workers(config)?.try_one()?)),
    }
}

fn workers(config: &Config) -> anyhow::Result<Workers> {
    // The program that runs, even if another version lies under its name by now.
    let program = if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe().context("this program cannot find itself")?
    };
    let options = WorkerOptions {
        program,
        arguments: vec!["sandbox".to_owned(), "--memory-mib".to_owned(), config.sandbox_memory.to_string()],
        count: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        patience: WorkerOptions::PATIENCE,
        budget: Budget { cpu: config.sandbox_cpu, ..Budget::default() },
    };
    Ok(Workers::new(options)?)
}
