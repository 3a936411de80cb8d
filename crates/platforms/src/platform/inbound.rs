//! What reaches us from a platform, before and after its signature has been checked.

use std::collections::BTreeMap;

use policykit_core::community::Installation;
use secrecy::SecretString;

/// The installation whose address a request came to, on platforms that have one for each.
#[derive(Debug, Clone, Copy)]
pub struct Home<'a> {
    /// The installation.
    pub installation: &'a Installation,
    /// Its opened credentials by name, among them the secret with which it is signed.
    pub credentials: &'a BTreeMap<String, SecretString>,
}

/// A request to a webhook address, as it came.
#[derive(Debug, Clone, Copy)]
pub struct RawRequest<'a> {
    /// Header names (lower case) and values.
    pub headers: &'a [(String, String)],
    /// The body, unparsed.
    pub body: &'a [u8],
    /// What follows the platform's name in the address: the id of an installation.
    pub at: Option<&'a str>,
    /// Whose address that is, once it was looked up.
    pub home: Option<Home<'a>>,
}

impl RawRequest<'_> {
    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// What to do with a request whose signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// Answer this; there is nothing to keep (a challenge, a ping).
    Answer {
        /// Content type of the answer.
        content_type: &'static str,
        /// Its body.
        body: String,
    },
    /// Write this down, then answer 200 with `answer`.
    Keep {
        /// What to write down.
        delivery: Delivery,
        /// Body of the answer, often empty.
        answer: String,
    },
    /// Nothing to keep: answer 200.
    Ignore,
}

/// A verified delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The platform's id of the community it is for.
    pub external_id: String,
    /// The platform's id of the delivery, the same when it is sent again.
    pub key: String,
    /// What sort of delivery, for [`Platform::normalise`].
    pub kind: String,
    /// What to keep: the raw body.
    pub body: Vec<u8>,
}

/// Why a request is turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// No signature, a wrong one, or one too old: 401.
    #[error("the request is not signed by the platform: {0}")]
    Unauthenticated(String),
    /// The body cannot be understood: 400.
    #[error("the request cannot be read: {0}")]
    Malformed(String),
    /// The body has the wrong content type: 415.
    #[error("the content type `{0}` is not accepted here")]
    ContentType(String),
    /// The platform is not set up on this server: 404.
    #[error("the platform is not set up: {0}")]
    NotConfigured(String),
}

/// What a kept delivery could not be read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the delivery cannot be read: {0}")]
pub struct Unreadable(pub String);
