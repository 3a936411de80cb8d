//! The one HTTP client: time limits, size limits, an address guard, rate limits, and failures sorted by what they mean.
//!
//! It must not decide what a platform's answer means, and it never sends a request twice: whether to try again is the
//! engine's decision, for only the engine knows whether that would do harm.

mod fetch;
pub mod guard;
pub mod limits;
mod outcome;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use policykit_core::Clock;
use reqwest::{Client, header};
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt as _;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::platform::CallError;

pub use fetch::{Fetch, Fetched};
pub use guard::{Refused, check_address};
pub use limits::{Limits, Pace};
use outcome::{Stage, describe, retry_after};

/// Numbers and exceptions of the client.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one request may take altogether. Must be shorter than the engine believes a call can be under way.
    pub timeout: Duration,
    /// How many bytes of an answer are read at most.
    pub max_answer: usize,
    /// Hosts that may be reached although their addresses are not public. Set by the operator only.
    pub allow_hosts: BTreeSet<String>,
    /// How we introduce ourselves.
    pub user_agent: String,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(8),
            max_answer: 4 << 20,
            allow_hosts: BTreeSet::new(),
            user_agent: concat!("PolicyKit/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// How much is read of the body of a "slow down", in bytes.
const LONGEST_REASON: usize = 16 << 10;

/// The client could not be built.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the HTTP client cannot be built: {0}")]
pub struct HttpError(String);

/// Who says that an address may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The operator set it in the configuration: also private addresses and plain `http`.
    Operator,
    /// It comes from elsewhere: only public addresses, only `https`.
    Outside,
}

/// Whether a request changes anything at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: asking again does no harm.
    Read,
    /// It may change something.
    Change,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// Parameters in the address, sent with `GET`.
    Query(Vec<(String, String)>),
    /// A form, sent with `POST`.
    Form(Vec<(String, String)>),
    /// JSON, sent with `POST`.
    Json(Value),
    /// JSON, sent with `PUT`.
    Put(Value),
    /// Parameters in the address, sent with `DELETE`.
    Delete(Vec<(String, String)>),
}

/// What shows who asks, mostly in the `Authorization` header.
#[derive(Debug, Clone)]
pub enum Authorization {
    /// Nothing.
    None,
    /// A token.
    Bearer(SecretString),
    /// A name and a password.
    Basic(String, SecretString),
    /// Nothing: the platform has headers of its own, by their names.
    Headers(Vec<(&'static str, SecretString)>),
}

/// What is made of an answer that leads elsewhere. It is followed in no case: it could lead anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirect {
    /// It means that the base address is wrong.
    Refused,
    /// It is the answer: its `Location` says what was asked for.
    Answers,
}

/// Reads from a body for how many milliseconds a platform wants to be left alone.
pub type ReadWait = fn(&[u8]) -> Option<u64>;

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where to.
    pub url: Url,
    /// Who vouches for the address.
    pub trust: Trust,
    /// What goes with it.
    pub payload: Payload,
    /// Who asks.
    pub authorization: Authorization,
    /// Whether it changes anything.
    pub effect: Effect,
    /// Name of the rate-limit bucket: operation and installation.
    pub bucket: String,
    /// How often the platform lets us use the bucket, where it says so beforehand.
    pub pace: Option<Pace>,
    /// Reads from the body of a "slow down" for how many milliseconds, for platforms that say so there and in no header.
    pub slow_down: Option<ReadWait>,
    /// What is made of an answer that leads elsewhere.
    pub redirect: Redirect,
}

/// An answer below 500 that is not "slow down".
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Header names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// The client. One per process: it remembers how long the platforms want to be left alone.
pub struct Http {
    guarded: Client,
    trusted: Client,
    limits: Limits,
    options: HttpOptions,
    sent: AtomicU64,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Http {
    /// Builds the client. `clock` is what waiting times are measured by.
    ///
    /// # Errors
    /// [`HttpError`] when the machine's certificates cannot be used.
    pub fn new(clock: Arc<dyn Clock>, options: HttpOptions) -> Result<Self, HttpError> {
        let tls = tls()?;
        let build = |guarded: Trust| -> Result<Client, HttpError> {
            #[expect(clippy::disallowed_methods, reason = "the one place that builds clients, with limits and guard")]
            let builder = Client::builder();
            let builder = builder
                .tls_backend_preconfigured(tls.clone())
                .connect_timeout(options.connect_timeout)
                .timeout(options.timeout)
                // Shorter than any server keeps an idle connection, so that none is closed under a request.
                .pool_idle_timeout(Duration::from_secs(5))
                // A redirect could lead anywhere, and none of the interfaces we speak uses one.
                .redirect(reqwest::redirect::Policy::none())
                // A proxy would resolve names itself, past the guard.
                .no_proxy()
                .user_agent(&options.user_agent);
            let builder = match guarded {
                Trust::Outside => builder.dns_resolver(guard::PublicOnly),
                Trust::Operator => builder,
            };
            builder.build().map_err(|error| HttpError(describe(&error)))
        };
        Ok(Self {
            guarded: build(Trust::Outside)?,
            trusted: build(Trust::Operator)?,
            limits: Limits::new(clock),
            options,
            sent: AtomicU64::new(0),
        })
    }

    /// How many requests have left so far; held-back ones do not count.
    pub fn requests_sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Keeps a bucket closed, for platforms that ask to slow down in the body of an ordinary answer.
    pub fn hold(&self, bucket: &str, for_ms: u64) {
        self.limits.hold(bucket, for_ms);
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// [`CallError::Retry`] when it certainly had no effect, [`CallError::Unknown`] when it may have had one,
    /// [`CallError::Refused`] when what was asked for can never be read.
    pub async fn send(&self, request: Request) -> Result<Reply, CallError> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let trusted = request.trust == Trust::Operator || self.options.allow_hosts.contains(&host);
        if !trusted {
            check_address(&request.url).map_err(|refused| CallError::Retry {
                after_ms: 60_000,
                reason: format!("{refused}; an operator can allow it in the configuration"),
            })?;
        }
        self.limits.admit(&request.bucket, request.pace)?;
        let client = if trusted { &self.trusted } else { &self.guarded };
        let (effect, bucket) = (request.effect, request.bucket.clone());
        let builder = match request.payload {
            Payload::Query(pairs) => client.get(request.url).query(&pairs),
            Payload::Form(pairs) => client.post(request.url).form(&pairs),
            Payload::Json(value) => client.post(request.url).json(&value),
            Payload::Put(value) => client.put(request.url).json(&value),
            Payload::Delete(pairs) => client.delete(request.url).query(&pairs),
        };
        let builder = match &request.authorization {
            Authorization::None => builder,
            Authorization::Bearer(token) => builder.bearer_auth(token.expose_secret()),
            Authorization::Basic(name, password) => builder.basic_auth(name, Some(password.expose_secret())),
            Authorization::Headers(headers) => headers.iter().try_fold(builder, |builder, (name, value)| {
                let mut value = header::HeaderValue::from_str(value.expose_secret()).map_err(|_| {
                    let reason = format!("what is to go into the header `{name}` is no key: it holds other signs");
                    CallError::AccessLost { reason }
                })?;
                value.set_sensitive(true);
                Ok::<_, CallError>(builder.header(*name, value))
            })?,
        };
        self.count();
        let response = builder.send().await.map_err(|error| outcome::failed(&error, Stage::Request))?;
        let status = response.status().as_u16();
        let wait = retry_after(response.headers());
        if status == 429 {
            let in_body = match (wait, request.slow_down) {
                (None, Some(read)) => {
                    read_body(response, LONGEST_REASON).await.ok().flatten().and_then(|body| read(&body))
                }
                _ => None,
            };
            let after_ms = wait.or(in_body).unwrap_or(outcome::UNTOLD_WAIT_MS);
            self.limits.hold(&bucket, after_ms);
            return Err(CallError::Retry { after_ms, reason: "the platform asks to slow down".to_owned() });
        }
        if status >= 500 {
            return Err(outcome::server_error(status, effect, wait));
        }
        if (300..400).contains(&status) && request.redirect == Redirect::Refused {
            return Err(CallError::Retry {
                after_ms: 60_000,
                reason: format!("`{host}` redirects elsewhere ({status}), which is not followed; check the base URL"),
            });
        }
        let headers = plain_headers(response.headers());
        let most = self.options.max_answer;
        let body = read_body(response, most).await?.ok_or_else(|| {
            let reason = format!("the answer is longer than {most} bytes");
            match effect {
                Effect::Read => CallError::Refused { reason },
                Effect::Change => CallError::Unknown { reason },
            }
        })?;
        Ok(Reply { status, headers, body })
    }

    fn count(&self) {
        self.sent.fetch_add(1, Ordering::SeqCst);
    }
}

/// The whole body, or nothing when it is longer than this many bytes.
async fn read_body(mut response: reqwest::Response, most: usize) -> Result<Option<Vec<u8>>, CallError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| outcome::failed(&error, Stage::Answer))? {
        if body.len() + chunk.len() > most {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn plain_headers(headers: &header::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}

/// How certificates are checked: as this machine does. Reading all that it trusts takes longer than anything else a client
/// needs, so it is done once per process; one that is added later counts from the next start.
fn tls() -> Result<ClientConfig, HttpError> {
    static ONCE: OnceLock<Result<ClientConfig, HttpError>> = OnceLock::new();
    ONCE.get_or_init(|| {
        // Whoever was first wins; any provider would do.
        let _already_there = rustls::crypto::ring::default_provider().install_default();
        ClientConfig::with_platform_verifier().map_err(|error| HttpError(error.to_string()))
    })
    .clone()
}
