//! Ids as Slack writes them, derived from a seed so that a run can be repeated, and the request signature.
//!
//! Must not draw random numbers or read a clock: the same seed and the same order of creation give the same ids.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use policykit_core::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the id as Slack writes it; nothing is checked.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as Slack writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }
    };
}

string_id! {
    /// A workspace, `T…`.
    TeamId
}
string_id! {
    /// A person or bot user, `U…`.
    UserId
}
string_id! {
    /// A channel (`C…`), direct message (`D…`) or group (`G…`).
    ChannelId
}
string_id! {
    /// The id of a message within its channel: seconds, a dot and six digits. Sorts as text.
    Ts
}

impl Ts {
    /// The moment as Slack writes it.
    pub(super) fn at(moment: Timestamp) -> Self {
        let micros = moment.micros();
        Self(format!("{:010}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000)))
    }
}

/// An id that follows from the seed and the parts: the prefix and ten letters or digits.
pub(super) fn mint(seed: u64, prefix: &str, parts: &[&str]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let digest = digest(seed, prefix, parts);
    let mut id = String::from(prefix);
    id.push('0');
    id.extend(
        digest
            .iter()
            .take(10)
            .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)).map(|letter| char::from(*letter))),
    );
    id
}

/// A long secret that follows from the seed and the parts, in hexadecimal.
pub(super) fn mint_secret(seed: u64, prefix: &str, parts: &[&str]) -> String {
    let digest = digest(seed, prefix, parts);
    format!("{prefix}{}", hex::encode(digest.get(..16).unwrap_or(&digest)))
}

fn digest(seed: u64, prefix: &str, parts: &[&str]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_be_bytes());
    hasher.update(prefix.as_bytes());
    for part in parts {
        hasher.update([0]);
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_vec()
}

/// The value of `X-Slack-Signature` for a raw body: HMAC-SHA256 of `v0:<timestamp>:<body>`, in hexadecimal after `v0=`.
pub fn signature(secret: &str, timestamp_secs: i64, body: &[u8]) -> String {
    // HMAC takes keys of any length, so the error cannot occur; an empty signature would be refused by any verifier.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("v0:{timestamp_secs}:").as_bytes());
    mac.update(body);
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}
