//! Sorts failures of transport by the one question that matters: can the request have had an effect?

use std::{error::Error, fmt::Write as _, io};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::{Effect, Refused};
use crate::platform::CallError;

/// How long to wait when a platform asks to slow down without saying for how long.
pub(super) const UNTOLD_WAIT_MS: u64 = 30_000;

/// How long to wait after a failure to connect, or after a server's error while reading.
const SHORT_WAIT_MS: u64 = 1_000;

/// Where it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before the head of the answer was there.
    Request,
    /// While the body of the answer was read.
    Answer,
}

pub(super) fn failed(error: &reqwest::Error, stage: Stage) -> CallError {
    let reason = describe(error);
    if stage == Stage::Request && (error.is_connect() || error.is_builder()) {
        // Nothing was written yet.
        CallError::Retry { after_ms: SHORT_WAIT_MS, reason }
    } else {
        CallError::Unknown { reason }
    }
}

pub(super) fn server_error(status: u16, effect: Effect, wait: Option<u64>) -> CallError {
    let reason = format!("the platform's server answered {status}");
    match effect {
        Effect::Read => CallError::Retry { after_ms: wait.unwrap_or(SHORT_WAIT_MS), reason },
        // A gateway may answer 502 for a request that went through.
        Effect::Change => CallError::Unknown { reason },
    }
}

/// `Retry-After` in milliseconds, where it is a number of seconds.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let seconds: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    if !seconds.is_finite() || !(0.0..=86_400.0).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a day, see above")]
    Some((seconds * 1_000.0).ceil() as u64)
}

/// The error in plain words, without the address: addresses can be capabilities. What stands behind it is for whoever runs
/// the server.
pub(super) fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        "the platform took too long to answer".to_owned()
    } else if error.is_connect() {
        "the platform cannot be reached".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let mut causes: Vec<&(dyn Error + 'static)> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    if !causes.is_empty() {
        let said: Vec<String> = causes.iter().map(ToString::to_string).collect();
        tracing::info!(causes = said.join(": "), "a request to a platform failed");
    }
    if let Some(why) = causes.iter().rev().find_map(|cause| in_words(*cause)) {
        // Writing to a string cannot fail.
        let _written = write!(text, ": {why}");
    }
    text
}

/// What a cause means, where that helps whoever entered the address.
fn in_words(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(refused) = cause.downcast_ref::<Refused>() {
        return Some(refused.to_string());
    }
    // As the client calls it; the type is its own.
    if cause.to_string() == "dns error" {
        return Some("there is no host of this name, or it cannot be looked up at present".to_owned());
    }
    let broken = cause.downcast_ref::<io::Error>()?;
    if broken.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        return Some("it does not prove who it is: its certificate is not one that this server trusts".to_owned());
    }
    let why = match broken.kind() {
        io::ErrorKind::ConnectionRefused => "nothing answers there",
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => "there is no way to it from this server",
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => "it hung up",
        _ => return None,
    };
    Some(why.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use reqwest::{
        Client,
        dns::{Name, Resolve, Resolving},
    };

    use super::*;

    /// Knows no host.
    struct Nowhere;

    impl Resolve for Nowhere {
        fn resolve(&self, _name: Name) -> Resolving {
            let why = io::Error::other("failed to lookup address information: Name or service not known");
            Box::pin(async move { Err(why.into()) })
        }
    }

    async fn told(address: &str) -> String {
        let _already_there = rustls::crypto::ring::default_provider().install_default();
        #[expect(clippy::disallowed_methods, reason = "it asks nobody")]
        let client = Client::builder().dns_resolver(Arc::new(Nowhere)).no_proxy().build().expect("a client");
        describe(&client.get(address).send().await.expect_err("nobody answers"))
    }

    #[tokio::test]
    async fn what_keeps_a_host_from_being_reached_is_said_in_plain_words() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a port");
        let answers = told(&format!("http://{free}/")).await;
        assert_eq!(answers, "the platform cannot be reached: nothing answers there");
        let named = told("http://no-such-host.example/").await;
        assert_eq!(
            named,
            "the platform cannot be reached: there is no host of this name, or it cannot be looked up at present"
        );
    }
}
