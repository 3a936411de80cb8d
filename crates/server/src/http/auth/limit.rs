//! How often one address may try to sign in: enough for a household, too little for guessing.
//!
//! The address is that of the connection. A connection from this machine is a proxy's, which says for whom it asks in
//! the last entry of `X-Forwarded-For`; without one it is somebody on this machine, who needs no limit.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use policykit_core::Timestamp;

use crate::http::{AppState, errors::PageError};

/// How many attempts one address has within [`WITHIN`].
const ATTEMPTS: u32 = 30;
/// How long an attempt counts, from the first one on.
const WITHIN: Duration = Duration::from_secs(60);
/// How many addresses are remembered before those whose time is over are forgotten.
const REMEMBERED: usize = 10_000;

/// The attempts of every address.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<IpAddr, (Timestamp, u32)>>);

impl Attempts {
    /// Counts an attempt. False when it is one too many.
    fn count(&self, from: IpAddr, now: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, (since, _)| *since + WITHIN > now);
        }
        let (since, count) = known.entry(from).or_insert((now, 0));
        if *since + WITHIN <= now {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= ATTEMPTS
    }
}

/// Taken by handlers that begin or end a session: refuses an address that tries too often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within;

impl FromRequestParts<AppState> for Within {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, PageError> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        match peer.and_then(|peer| from(peer, &parts.headers)) {
            Some(address) if !app.attempts().count(address, app.engine().now()) => Err(PageError::TooMany),
            _ => Ok(Self),
        }
    }
}

fn from(peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    if !peer.is_loopback() {
        return Some(peer);
    }
    let said = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    said.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_attempts_and_gets_them_back() {
        let attempts = Attempts::default();
        let (one, other) = (IpAddr::from([203, 0, 113, 7]), IpAddr::from([203, 0, 113, 8]));
        let start = Timestamp::from_secs(1_000);
        for n in 0..ATTEMPTS {
            assert!(attempts.count(one, start), "attempt {n}");
        }
        assert!(!attempts.count(one, start + Duration::from_secs(59)));
        assert!(attempts.count(other, start));
        assert!(attempts.count(one, start + WITHIN));
    }

    #[test]
    fn only_a_proxy_on_this_machine_speaks_for_others_and_its_last_word_counts() {
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([203, 0, 113, 7]));
        let mut headers = HeaderMap::new();
        assert_eq!(from(here, &headers), None);
        headers.insert("x-forwarded-for", "198.51.100.1, 203.0.113.9".parse().expect("a value"));
        assert_eq!(from(here, &headers), Some(IpAddr::from([203, 0, 113, 9])));
        assert_eq!(from(there, &headers), Some(there), "what a stranger says about themselves is nothing");
    }
}
