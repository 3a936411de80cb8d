//! How often one address may try to sign in: enough for a school behind one address, too little for guessing. What goes wrong
//! counts ten times. Whoever has set out for a platform has attempts of their own to come back, so that others at the same
//! address cannot keep them away.
//!
//! The address is that of the connection. A connection from a proxy that is believed is somebody else's: the last entry of
//! `X-Forwarded-For` that is no such proxy says whose. Without one, what comes from this machine is somebody on this
//! machine, who needs no limit. Whoever has one address of version 6 has the rest of its network too, so those count by
//! network (/64).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use policykit_core::Timestamp;

use super::{
    cookie::{self, Kind},
    journey::AWAY,
};
use crate::{
    config::Proxies,
    http::{AppState, errors::PageError},
};

/// How many attempts one address has within [`WITHIN`].
const ATTEMPTS: u32 = 300;
/// How many more attempts one that failed counts for.
const FAILURE: u32 = 9;
/// How long an attempt counts, from the first one on.
const WITHIN: Duration = Duration::from_secs(60);
/// How many addresses are remembered at most, and how many journeys.
const REMEMBERED: usize = 10_000;
/// How many attempts all addresses have together that are one too many to be remembered.
const OF_THE_REST: u32 = 6_000;
/// How many attempts to come back a browser has that has set out. Its buttons for back and again make some of them.
const TO_COME_BACK: u32 = 30;

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
        self.is_older(WITHIN, now)
    }

    fn is_older(&self, than: Duration, now: Timestamp) -> bool {
        self.since + than <= now
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

/// The attempts of every address, and of browsers that have set out.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    addresses: HashMap<IpAddr, Counted>,
    /// By the hash of what the browser was given. Only of journeys that began in this process.
    journeys: HashMap<Vec<u8>, Counted>,
    rest: Option<Counted>,
    /// When those whose time is over were forgotten last; looking through all of them with every attempt would be work
    /// that strangers can order.
    forgot_at: Option<Timestamp>,
}

impl Attempts {
    /// Counts attempts. False when it is one too many.
    fn count(&self, from: &Whose, many: u32, now: Timestamp) -> bool {
        let mut known = self.known();
        match from {
            Whose::Address(address) => known.address(network(*address), many, now),
            Whose::Journey(browser) => known.journeys.get_mut(browser).is_some_and(|journey| {
                journey.count = journey.count.saturating_add(many);
                journey.count <= TO_COME_BACK
            }),
        }
    }

    /// Notes that a browser sets out.
    pub(super) fn sets_out(&self, browser: Vec<u8>, now: Timestamp) {
        let journeys = &mut self.known().journeys;
        if journeys.len() >= REMEMBERED {
            journeys.retain(|_, counted| !counted.is_older(AWAY, now));
        }
        // One too many counts by its address, as before it set out.
        if journeys.len() < REMEMBERED {
            journeys.insert(browser, Counted::from(now));
        }
    }

    fn has_set_out(&self, browser: &[u8], now: Timestamp) -> bool {
        self.known().journeys.get(browser).is_some_and(|counted| !counted.is_older(AWAY, now))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn address(&mut self, from: IpAddr, many: u32, now: Timestamp) -> bool {
        let is_full = self.addresses.len() >= REMEMBERED;
        if is_full && self.forgot_at.is_none_or(|at| at + Duration::from_secs(1) <= now) {
            self.addresses.retain(|_, counted| !counted.is_over(now));
            self.forgot_at = Some(now);
        }
        if self.addresses.len() >= REMEMBERED && !self.addresses.contains_key(&from) {
            return self.rest.get_or_insert(Counted::from(now)).add(many, OF_THE_REST, now);
        }
        self.addresses.entry(from).or_insert(Counted::from(now)).add(many, ATTEMPTS, now)
    }
}

/// Whose attempts are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whose {
    /// Everybody's at an address.
    Address(IpAddr),
    /// Those of a browser that has set out, by the hash of what it was given.
    Journey(Vec<u8>),
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Taken by handlers that begin or end a session: refuses whoever tries too often.
#[derive(Debug, Clone)]
pub(super) struct Within(Option<Whose>);

impl Within {
    /// Notes that the attempt failed.
    pub(super) fn failed(self, app: &AppState) {
        if let Self(Some(whose)) = self {
            app.attempts().count(&whose, FAILURE, app.engine().now());
        }
    }

    fn of(app: &AppState, whose: Option<Whose>) -> Result<Self, PageError> {
        match whose {
            Some(whose) if !app.attempts().count(&whose, 1, app.engine().now()) => Err(PageError::TooMany),
            whose => Ok(Self(whose)),
        }
    }
}

impl FromRequestParts<AppState> for Within {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, PageError> {
        Self::of(app, address(parts, app))
    }
}

/// The same for a handler that browsers come back to: those that have set out from here have their own attempts.
#[derive(Debug, Clone)]
pub(super) struct Back(pub(super) Within);

impl FromRequestParts<AppState> for Back {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, PageError> {
        let browser = cookie::brought(Kind::Journey, app.transport(), &parts.headers).map(|browser| browser.hash());
        let browser = browser.filter(|browser| app.attempts().has_set_out(browser, app.engine().now()));
        Within::of(app, browser.map(Whose::Journey).or_else(|| address(parts, app))).map(Self)
    }
}

fn address(parts: &Parts, app: &AppState) -> Option<Whose> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    from(peer.ip(), &parts.headers, app.proxies()).map(Whose::Address)
}

/// Where somebody asks from, as far as those say who are believed; `None` for this machine.
fn from(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> Option<IpAddr> {
    // Every proxy appends whom it was asked by, so it is read from the end, for as long as who wrote it is believed.
    let mut asks = peer;
    let mut said = headers.get_all("x-forwarded-for").iter().rev().flat_map(|line| {
        let line = line.to_str().unwrap_or_default();
        line.rsplit(',').map(said_address)
    });
    while proxies.trust(asks) {
        match said.next() {
            Some(Some(address)) => asks = address,
            Some(None) | None => break,
        }
    }
    (!asks.to_canonical().is_loopback()).then_some(asks)
}

/// An address in the header; some proxies write the port too.
fn said_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: [u8; 4]) -> Whose {
        Whose::Address(address.into())
    }

    #[test]
    fn an_address_has_its_attempts_and_gets_them_back() {
        let attempts = Attempts::default();
        let (one, other) = (at([203, 0, 113, 7]), at([203, 0, 113, 8]));
        let start = Timestamp::from_secs(1_000);
        for n in 0..ATTEMPTS {
            assert!(attempts.count(&one, 1, start), "attempt {n}");
        }
        assert!(!attempts.count(&one, 1, start + Duration::from_secs(59)));
        assert!(attempts.count(&other, 1, start));
        assert!(attempts.count(&one, 1, start + WITHIN));
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
    fn a_failure_counts_ten_times() {
        let (attempts, one) = (Attempts::default(), at([203, 0, 113, 7]));
        let start = Timestamp::from_secs(1_000);
        for n in 0..ATTEMPTS / 10 {
            assert!(attempts.count(&one, 1, start), "attempt {n}");
            attempts.count(&one, FAILURE, start);
        }
        assert!(!attempts.count(&one, 1, start));
    }

    #[test]
    fn memory_is_bounded_and_strangers_cannot_lock_out_those_who_are_known() {
        let attempts = Attempts::default();
        let start = Timestamp::from_secs(1_000);
        let address = |n: u32| at((0x0a00_0000_u32 + n).to_be_bytes());
        let many = u32::try_from(REMEMBERED).expect("a small number");
        for n in 0..many {
            assert!(attempts.count(&address(n), 1, start));
        }
        for n in 0..OF_THE_REST {
            assert!(attempts.count(&address(many + n), 1, start), "stranger {n}");
        }
        assert!(!attempts.count(&address(many + OF_THE_REST), 1, start), "all of the rest share what there is");
        assert!(attempts.count(&address(0), 1, start), "somebody who is known has their own");
        assert_eq!(attempts.0.lock().expect("nobody panicked").addresses.len(), REMEMBERED);
        let later = start + WITHIN + Duration::from_secs(1);
        assert!(attempts.count(&address(many + OF_THE_REST), 1, later));
        assert_eq!(attempts.0.lock().expect("nobody panicked").addresses.len(), 1, "what is over is forgotten");
    }

    #[test]
    fn only_proxies_that_are_believed_speak_for_others_and_the_last_stranger_counts() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let proxies = Proxies::read(["10.0.0.0/24", "2001:db8:99::/48"]).expect("networks");
        let asks = |peer: &str, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().expect("a value"));
            }
            from(ip(peer), &headers, &proxies)
        };
        let stranger = Some(ip("203.0.113.9"));
        assert_eq!(asks("127.0.0.1", &[]), None);
        assert_eq!(asks("127.0.0.1", &["198.51.100.1, 203.0.113.9"]), stranger);
        assert_eq!(asks("10.0.0.7", &["198.51.100.1, 203.0.113.9"]), stranger);
        assert_eq!(asks("::ffff:10.0.0.7", &["203.0.113.9:4711"]), stranger);
        assert_eq!(asks("2001:db8:99::1", &["203.0.113.9, 10.0.0.8, 127.0.0.1"]), stranger, "proxy behind proxy");
        assert_eq!(asks("10.0.0.7", &["198.51.100.1", "203.0.113.9, 10.0.0.8"]), stranger, "header after header");
        assert_eq!(asks("10.0.1.7", &["198.51.100.1"]), Some(ip("10.0.1.7")), "what a stranger says is nothing");
        assert_eq!(asks("203.0.113.9", &["127.0.0.1"]), stranger, "least of all that they are here");
        assert_eq!(asks("10.0.0.7", &["198.51.100.1, unknown"]), Some(ip("10.0.0.7")), "who is behind it is not known");
        assert_eq!(asks("10.0.0.7", &[]), Some(ip("10.0.0.7")));
        assert_eq!(from(ip("10.0.0.7"), &HeaderMap::new(), &Proxies::default()), Some(ip("10.0.0.7")));
    }

    #[test]
    fn who_has_set_out_comes_back_whatever_others_at_the_same_address_do() {
        let (attempts, start) = (Attempts::default(), Timestamp::from_secs(1_000));
        let (browser, made_up) = (b"set out".to_vec(), b"made up".to_vec());
        attempts.sets_out(browser.clone(), start);
        assert!(!attempts.has_set_out(&made_up, start));
        assert!(attempts.has_set_out(&browser, start + AWAY - Duration::from_secs(1)));
        assert!(!attempts.has_set_out(&browser, start + AWAY));
        let journey = Whose::Journey(browser.clone());
        for n in 0..TO_COME_BACK {
            assert!(attempts.count(&journey, 1, start), "attempt {n}");
        }
        assert!(!attempts.count(&journey, 1, start), "but not without end");
        attempts.sets_out(browser, start);
        assert!(attempts.count(&journey, 1, start), "whoever sets out once more begins anew");
        for n in 0..=u32::try_from(REMEMBERED).expect("a small number") {
            attempts.sets_out(n.to_be_bytes().to_vec(), start);
        }
        assert_eq!(attempts.known().journeys.len(), REMEMBERED);
    }
}
