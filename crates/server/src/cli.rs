//! The command line: what each command takes, and which file carries it out.
//!
//! Results go to stdout, everything else to stderr. A command that cannot be understood ends with 2, one that could not
//! do what it was asked with 1.

mod audit;
mod calls;
mod context;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
#[cfg(feature = "demo")]
mod fake;
mod install;
mod key;
mod output;
mod policy;
mod sandbox;
mod serve;
mod show;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use self::context::Context;

/// Governance as code for online communities.
#[derive(Debug, Parser)]
#[command(name = "policykit", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration file [default: `POLICYKIT_CONFIG`, else `policykit.toml` in this folder if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take deliveries, show pages and do the work behind them
    Serve(Listen),
    /// Do the work alone, as a further node on the same database
    Worker(WorkerArgs),
    /// Bring the database to the shape this version needs
    Migrate,
    /// Look whether everything works, and say what to do where it does not
    Doctor,
    /// Connect a community: `policykit install PLATFORM --help` says what a platform needs
    #[command(disable_help_flag = true)]
    Install(install::InstallArgs),
    /// Show what PolicyKit does, in a simulated community on this machine
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    /// Run a stand-in of a platform, for trying things out
    #[cfg(feature = "demo")]
    Fake(fake::FakeArgs),
    /// Show which platforms there are and what they can do
    #[command(args_conflicts_with_subcommands = true)]
    Platforms {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
        #[command(subcommand)]
        command: Option<PlatformsCommand>,
    },
    /// Import, list and check policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// List what was sent to platforms, and settle what nobody can tell
    #[command(subcommand)]
    Calls(CallsCommand),
    /// Run evaluations again on what was stored for them, and say whether the same comes out
    Replay(audit::ReplayArgs),
    /// Make a link that signs in to the record of proposals, once
    OperatorLink,
    /// Check the record of decisions
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Run policy code for the server that started this
    #[command(hide = true)]
    Sandbox(sandbox::SandboxArgs),
}

/// Where to listen.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// Address and port, instead of the configured ones; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
}

/// What a worker takes.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Where to answer `/healthz` and `/readyz`; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    pub(crate) health: SocketAddr,
}

/// What `policykit platforms` can do besides.
#[derive(Debug, Subcommand)]
pub(crate) enum PlatformsCommand {
    /// Print the description of the app to be pasted on the platform
    Manifest {
        /// Its id, as `policykit platforms` shows it
        platform: String,
        /// The address under which the platform reaches this server, such as https://policykit.example
        #[arg(long)]
        url: url::Url,
    },
}

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Add the policies of these files to a community, in this order, before those it has
    Import {
        /// Name or id of the community
        #[arg(long, value_name = "NAME")]
        community: String,
        /// Files in either format
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// List the policies of a community in the order in which they are tried
    List {
        /// Name or id of the community
        #[arg(long, value_name = "NAME")]
        community: String,
    },
    /// Play a policy through in a made-up community, and show what it does
    Run(policy::play::RunArgs),
    /// Play scenarios, and say where something else came of them than expected
    Test(policy::play::TestArgs),
    /// Say what is wrong with policies, by line and column
    Check(policy::check::CheckArgs),
    /// Write policies in our own format as they are always written
    Fmt(policy::rewrite::FmtArgs),
    /// Write policies in another format
    Convert(policy::rewrite::ConvertArgs),
}

/// What can be done with calls.
#[derive(Debug, Subcommand)]
pub(crate) enum CallsCommand {
    /// List calls that are not finished
    List {
        /// Only those in this state
        #[arg(long, default_value = "uncertain", value_parser = ["planned", "sending", "retry", "uncertain"])]
        state: String,
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Say what happened to a call that nobody can tell about
    Settle(calls::SettleArgs),
}

/// What can be checked.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that no decision was changed, added or removed
    Verify {
        /// Name or id of the community; all of them when left out
        #[arg(long, value_name = "NAME")]
        community: Option<String>,
    },
}

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show the settings in force and where each was given; secrets are not shown
    Show,
    /// Say whether the configuration can be used
    Check,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Sandbox(args) = &cli.command {
        // Before there is any thread but this one: what is taken away here is taken away from all.
        return sandbox::sandbox(args);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failure(&anyhow::Error::new(error).context("the runtime could not be started")),
    };
    let done = runtime.block_on(Box::pin(run(cli)));
    // Whatever still blocks a thread must not keep the process from ending.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match done {
        Ok(code) => code,
        Err(error) => output::failure(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let Cli { config, command } = cli;
    let load = || Context::load(config.as_deref());
    match command {
        Command::Serve(listen) => serve::serve(load()?, listen.listen).await,
        Command::Worker(args) => serve::worker(load()?, args.health).await,
        Command::Migrate => serve::migrate(&load()?).await,
        Command::Doctor => doctor::doctor(config.as_deref()).await,
        Command::Install(args) => install::install(config, args).await,
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::demo(args).await,
        #[cfg(feature = "demo")]
        Command::Fake(args) => fake::fake(args, config).await,
        Command::Platforms { command: Some(PlatformsCommand::Manifest { platform, url }), .. } => {
            show::manifest(&platform, &url)
        }
        Command::Platforms { json, command: None } => show::platforms(json),
        Command::Policy(PolicyCommand::Import { community, files }) => {
            policy::import(&load()?, &community, &files).await
        }
        Command::Policy(PolicyCommand::List { community }) => policy::list(&load()?, &community).await,
        Command::Policy(PolicyCommand::Check(args)) => {
            Ok(policy::check::check(&args, &policykit_policy::Vocabulary::new(offline()?.known())))
        }
        Command::Policy(PolicyCommand::Fmt(args)) => policy::rewrite::fmt(&args),
        Command::Policy(PolicyCommand::Convert(args)) => policy::rewrite::convert(&args),
        Command::Policy(PolicyCommand::Run(args)) => Ok(policy::play::run(&args, &offline()?).await),
        Command::Policy(PolicyCommand::Test(args)) => Ok(policy::play::test(&args, &offline()?).await),
        Command::Calls(CallsCommand::List { state, json }) => {
            let format = if json { calls::Format::Json } else { calls::Format::Text };
            calls::list(&load()?, &state, format).await
        }
        Command::Calls(CallsCommand::Settle(args)) => calls::settle(&load()?, args).await,
        Command::Replay(args) => audit::replay(&load()?, args).await,
        Command::OperatorLink => serve::operator_link(&load()?).await,
        Command::Audit(AuditCommand::Verify { community }) => audit::verify(&load()?, community.as_deref()).await,
        Command::Config(ConfigCommand::Show) => show::config(&load()?),
        Command::Config(ConfigCommand::Check) => show::check(&load()?),
        Command::Sandbox(args) => Ok(sandbox::sandbox(&args)),
    }
}

/// The integrations, for commands that send nothing.
fn offline() -> anyhow::Result<policykit_platforms::Registry> {
    context::integrations(std::time::Duration::from_secs(1))
}

/// The integrations as the command line has them.
#[cfg(test)]
pub(crate) fn integrations_for_tests() -> policykit_platforms::Registry {
    offline().expect("a client can be made")
}

#[cfg(test)]
#[path = "cli/tests.rs"]
mod tests;
