//! The stand-ins of platforms by name, for the command line: which there are, and running one.

pub(crate) mod faults;
pub(crate) mod http_out;
pub(crate) mod wire;

use std::{io, path::PathBuf};

use futures::future::{BoxFuture, FutureExt as _};
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;

use crate::{discourse, slack, sourcecred};

/// Runs one on a listener, with a configuration in its own shape and a file for its record.
type Run = fn(TcpListener, Option<&str>, Option<PathBuf>) -> io::Result<BoxFuture<'static, io::Result<()>>>;

/// What can be imitated, one line each.
const ALL: &[(&str, Run)] = &[
    (slack::ID, |listener, config, record| {
        let config: slack::fake::FakeConfig = read(config)?;
        let record = record.or_else(|| config.record.clone());
        Ok(slack::fake::serve(listener, slack::fake::FakeConfig { record, ..config }).boxed())
    }),
    (sourcecred::ID, |listener, config, record| {
        let config: sourcecred::fake::FakeConfig = read(config)?;
        let record = record.or_else(|| config.record.clone());
        Ok(sourcecred::fake::serve(listener, sourcecred::fake::FakeConfig { record, ..config }).boxed())
    }),
    (discourse::fake::ID, |listener, config, record| {
        let config: discourse::fake::FakeConfig = read(config)?;
        let record = record.or_else(|| config.record.clone());
        Ok(discourse::fake::serve(listener, discourse::fake::FakeConfig { record, ..config }).boxed())
    }),
];

/// The names of what can be imitated.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|(name, _)| *name).collect()
}

/// Serves a stand-in on this listener until the task is dropped. `config` is JSON in the stand-in's own shape, every
/// part of which may be left out; `record` is a file that its record is also appended to.
///
/// # Errors
/// When there is no such stand-in, the configuration is not one, or the record cannot be written.
pub async fn serve(
    platform: &str,
    listener: TcpListener,
    config: Option<&str>,
    record: Option<PathBuf>,
) -> io::Result<()> {
    let Some((_, run)) = ALL.iter().find(|(name, _)| *name == platform) else {
        let known = names().join(", ");
        return Err(invalid(format!("there is no stand-in of `{platform}`; there is: {known}")));
    };
    run(listener, config, record)?.await
}

fn read<T: DeserializeOwned + Default>(config: Option<&str>) -> io::Result<T> {
    match config {
        Some(text) => serde_json::from_str(text).map_err(|e| invalid(format!("the configuration: {e}"))),
        None => Ok(T::default()),
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
