//! The address guard: what comes from outside the configuration may only lead to public addresses.
//!
//! Names are checked when the connection is made, on the very addresses that are dialled: a name that resolves to
//! something else a moment later gains nothing by it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Why an address is not reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not `https`.
    #[error("`{0}` is not an https address")]
    NotHttps(String),
    /// A private, local or otherwise special address.
    #[error("`{0}` is not a public address")]
    NotPublic(String),
}

/// Checks what can be seen of an address before its name is resolved.
///
/// # Errors
/// [`Refused`] when it is not `https`, or a number that is not public.
pub fn check_address(url: &Url) -> Result<(), Refused> {
    if url.scheme() != "https" {
        return Err(Refused::NotHttps(url.origin().ascii_serialization()));
    }
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(Refused::NotPublic(String::new())),
    };
    if is_public(ip) { Ok(()) } else { Err(Refused::NotPublic(ip.to_string())) }
}

/// Resolves names, and forgets addresses that are not public.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = found.into_iter().filter(|addr| is_public(addr.ip())).collect();
            if public.is_empty() {
                return Err(Refused::NotPublic(host).into());
            }
            let addrs: Addrs = Box::new(public.into_iter());
            Ok(addrs)
        })
    }
}

/// Whether an address belongs to the public internet.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        // Carriers' shared addresses, protocol assignments, benchmarks, reserved.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let [first, second, ..] = segments;
    let [.., high, low] = segments;
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    if let Some(v4) = ip.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    match (first, second) {
        // Translation of IPv4 and 6to4 carry an IPv4 address that decides.
        (0x64, 0xff9b) => segments.iter().skip(2).take(4).all(|s| *s == 0) && embedded(high, low),
        (0x2002, _) => {
            let [_, a, b, ..] = segments;
            embedded(a, b)
        }
        // Teredo, documentation.
        (0x2001, 0 | 0xdb8) => false,
        // Only 2000::/3 is handed out as public.
        _ => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_local_and_special_addresses_are_not_public() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.1",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::7f00:1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip} must be refused");
        }
    }

    #[test]
    fn ordinary_addresses_are_public() {
        for ip in ["1.1.1.1", "52.94.236.248", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(is_public(ip.parse().unwrap()), "{ip} must be allowed");
        }
    }

    #[test]
    fn numbers_and_plain_http_are_refused_before_dialling() {
        let check = |url: &str| check_address(&url.parse().unwrap());
        assert_eq!(check("https://slack.com/api/"), Ok(()));
        assert!(matches!(check("http://slack.com/api/"), Err(Refused::NotHttps(_))));
        for url in ["https://127.0.0.1/", "https://[::1]/", "https://0x7f.1/", "https://2130706433/"] {
            assert!(matches!(check(url), Err(Refused::NotPublic(_))), "{url} must be refused");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused_when_it_is_dialled() {
        let resolved = PublicOnly.resolve("localhost".parse().unwrap()).await;
        let error = resolved.err().expect("localhost is not public");
        assert!(error.to_string().contains("not a public address"), "{error}");
    }
}
