//! How often one address may try to sign in: enough for a household, too little for guessing. What goes wrong counts three
//! times.
//!
//! The address is that of the connection. A connection from this machine is a proxy's, which says for whom it asks in
//! the last entry of `X-Forwarded-For`; without one it is somebody on this machine, who needs no limit. Whoever has one
//! address of version 6 has the rest of its network too, so those count by network (/64).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
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
/// How many more attempts one that failed counts for.
const FAILURE: u32 = 2;
/// How long an attempt counts, from the first one on.
const WITHIN: Duration = Duration::from_secs(60);
/// How many addresses are remembered at most.
const REMEMBERED: usize = 10_000;
/// How many attempts all addresses have together that are one too many to be remembered.
const OF_THE_REST: u32 = 600;

/// Attempts since the first one that still counts.
#[derive(Debug, Clone, Copy)]
struct Counted {
    since: Timestamp,
    count: u32,
}

impl Counted {
    const fn from(now: Timestamp) -> Self {
        Self { since: now, count: 0 }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.since + WITHIN <= now
    }

    /// Adds attempts. False when it is more than `most`.
    fn add(&mut self, many: u32, most: u32, now: Timestamp) -> bool {
        if self.is_over(now) {
            *self = Self::from(now);
        }
        self.count = self.count.saturating_add(many);
        self.count <= most
    }
}

/// The attempts of every address.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    addresses: HashMap<IpAddr, Counted>,
    rest: Option<Counted>,
    /// When those whose time is over were forgotten last; looking through all of them with every attempt would be work
    /// that strangers can order.
    forgot_at: Option<Timestamp>,
}

impl Attempts {
    /// Counts attempts. False when it is one too many.
    fn count(&self, from: IpAddr, many: u32, now: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &mut *known;
        let from = network(from);
        if known.addresses.len() >= REMEMBERED && known.forgot_at.is_none_or(|at| at + Duration::from_secs(1) <= now) {
            known.addresses.retain(|_, counted| !counted.is_over(now));
            known.forgot_at = Some(now);
        }
        if known.addresses.len() >= REMEMBERED && !known.addresses.contains_key(&from) {
            return known.rest.get_or_insert(Counted::from(now)).add(many, OF_THE_REST, now);
        }
        known.addresses.entry(from).or_insert(Counted::from(now)).add(many, ATTEMPTS, now)
    }
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Taken by handlers that begin or end a session: refuses an address that tries too often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within(Option<IpAddr>);

impl Within {
    /// Notes that the attempt failed.
    pub(super) fn failed(self, app: &AppState) {
        if let Self(Some(address)) = self {
            app.attempts().count(address, FAILURE, app.engine().now());
        }
    }
}

impl FromRequestParts<AppState> for Within {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, PageError> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        match peer.and_then(|peer| from(peer, &parts.headers)) {
            Some(address) if !app.attempts().count(address, 1, app.engine().now()) => Err(PageError::TooMany),
            address => Ok(Self(address)),
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
            assert!(attempts.count(one, 1, start), "attempt {n}");
        }
        assert!(!attempts.count(one, 1, start + Duration::from_secs(59)));
        assert!(attempts.count(other, 1, start));
        assert!(attempts.count(one, 1, start + WITHIN));
    }

    #[test]
    fn a_network_of_version_6_counts_as_one_address_and_a_mapped_one_as_what_it_is() {
        let ip = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(ip("2001:db8:1:2:3:4:5:6"), ip("2001:db8:1:2::1"));
        assert_ne!(ip("2001:db8:1:2::1"), ip("2001:db8:1:3::1"));
        assert_eq!(ip("::ffff:203.0.113.7"), ip("203.0.113.7"));
        assert_ne!(ip("203.0.113.7"), ip("203.0.113.8"));
    }

    #[test]
    fn a_failure_counts_three_times() {
        let (attempts, one) = (Attempts::default(), IpAddr::from([203, 0, 113, 7]));
        let start = Timestamp::from_secs(1_000);
        for n in 0..ATTEMPTS / 3 {
            assert!(attempts.count(one, 1, start), "attempt {n}");
            attempts.count(one, FAILURE, start);
        }
        assert!(!attempts.count(one, 1, start));
    }

    #[test]
    fn memory_is_bounded_and_strangers_cannot_lock_out_those_who_are_known() {
        let attempts = Attempts::default();
        let start = Timestamp::from_secs(1_000);
        let address = |n: u32| IpAddr::from((0x0a00_0000_u32 + n).to_be_bytes());
        let many = u32::try_from(REMEMBERED).expect("a small number");
        for n in 0..many {
            assert!(attempts.count(address(n), 1, start));
        }
        for n in 0..OF_THE_REST {
            assert!(attempts.count(address(many + n), 1, start), "stranger {n}");
        }
        assert!(!attempts.count(address(many + OF_THE_REST), 1, start), "all of the rest share what there is");
        assert!(attempts.count(address(0), 1, start), "somebody who is known has their own");
        assert_eq!(attempts.0.lock().expect("nobody panicked").addresses.len(), REMEMBERED);
        let later = start + WITHIN + Duration::from_secs(1);
        assert!(attempts.count(address(many + OF_THE_REST), 1, later));
        assert_eq!(attempts.0.lock().expect("nobody panicked").addresses.len(), 1, "what is over is forgotten");
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
