//! `fake`: a stand-in of a platform, in a process of its own.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use policykit_platforms::fakes;
use tokio::net::TcpListener;

use super::output::line;

/// What `fake` takes.
#[derive(Debug, Args)]
pub(crate) struct FakeArgs {
    /// The platform to imitate
    platform: String,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// JSON file with people, channels and the app, in the shape that the documentation describes
    #[arg(long = "seed", alias = "workspace", value_name = "FILE")]
    seed: Option<PathBuf>,
    /// File that everything that happens is appended to, one JSON object per line
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// `policykit fake`.
pub(crate) async fn fake(args: FakeArgs, config: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let names = fakes::names();
    if !names.contains(&args.platform.as_str()) {
        bail!("there is no stand-in of `{}`; there is: {}", args.platform, names.join(", "));
    }
    // A stand-in lets anybody act as anybody.
    if !args.listen.ip().is_loopback() {
        bail!(
            "a stand-in lets anybody act as anybody, so it listens on this machine alone; choose 127.0.0.1 as the address"
        );
    }
    // The one configuration that a stand-in has is its own.
    let text = match args.seed.or(config) {
        Some(file) => Some(
            std::fs::read_to_string(&file)
                .with_context(|| format!("the configuration `{}` cannot be read", file.display()))?,
        ),
        None => None,
    };
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("`{}` cannot be listened on; choose another with `--listen`", args.listen))?;
    line(format_args!("{}: http://{}", args.platform, listener.local_addr()?));
    tokio::select! {
        ended = fakes::serve(&args.platform, listener, text.as_deref(), args.record) => ended?,
        stopped = super::serve::asked_to_stop() => drop(stopped?),
    }
    Ok(ExitCode::SUCCESS)
}
