//! The stand-ins of platforms by name, for the command line: which there are, and running one.

use std::{io, path::PathBuf};

use tokio::net::TcpListener;

use crate::slack;

/// What can be imitated.
pub const NAMES: &[&str] = &[slack::ID];

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
    if platform != slack::ID {
        let known = NAMES.join(", ");
        return Err(invalid(format!("there is no stand-in of `{platform}`; there is: {known}")));
    }
    let mut parsed = match config {
        Some(text) => serde_json::from_str(text).map_err(|e| invalid(format!("the configuration: {e}")))?,
        None => slack::fake::FakeConfig::default(),
    };
    if record.is_some() {
        parsed.record = record;
    }
    slack::fake::serve(listener, parsed).await
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
