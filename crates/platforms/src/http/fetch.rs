//! Files that are published somewhere: read with what is known of them already, along a few redirects, up to a size.

use reqwest::header;
use url::Url;

use super::{Effect, Http, Trust, check_address, outcome};
use crate::platform::CallError;

/// How many redirects are followed: one to the secure address, one to another host, one to spare.
const MOST_REDIRECTS: usize = 3;

/// A file to read.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// Where it is.
    pub url: Url,
    /// Who vouches for the address. Nobody vouches for where it leads.
    pub trust: Trust,
    /// The mark of the version that is known.
    pub known: Option<String>,
    /// How many bytes of it are read at most.
    pub most: usize,
    /// Name of the rate-limit bucket.
    pub bucket: String,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It is as it was.
    Same,
    /// There is no such file.
    Missing,
    /// This is it.
    File {
        /// What it holds.
        body: Vec<u8>,
        /// The mark of this version, where there is one.
        mark: Option<String>,
    },
}

impl Http {
    /// Reads a file. Every address on the way passes the guard.
    ///
    /// # Errors
    /// [`CallError::Refused`] with what is wrong, [`CallError::Retry`] when it is to be asked again later,
    /// [`CallError::Unknown`] when the connection broke or took too long.
    pub async fn fetch(&self, wanted: &Fetch) -> Result<Fetched, CallError> {
        let (mut url, mut trust) = (wanted.url.clone(), wanted.trust);
        for _ in 0..=MOST_REDIRECTS {
            let response = self.get(&url, trust, wanted).await?;
            let status = response.status().as_u16();
            match status {
                200 => return self.file(response, wanted.most).await,
                304 if wanted.known.is_some() => return Ok(Fetched::Same),
                404 | 410 => return Ok(Fetched::Missing),
                301 | 302 | 303 | 307 | 308 => {
                    let location = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
                    let next = location.and_then(|to| url.join(to).ok());
                    let next = next.ok_or_else(|| refused("it redirects without saying where to"))?;
                    if next.host() != url.host() || next.port_or_known_default() != url.port_or_known_default() {
                        trust = Trust::Outside;
                    }
                    url = next;
                }
                429 => {
                    let after_ms = outcome::retry_after(response.headers()).unwrap_or(outcome::UNTOLD_WAIT_MS);
                    self.limits.hold(&wanted.bucket, after_ms);
                    return Err(CallError::Retry { after_ms, reason: "it asks to slow down".to_owned() });
                }
                500.. => {
                    let wait = outcome::retry_after(response.headers());
                    return Err(outcome::server_error(status, Effect::Read, wait));
                }
                _ => return Err(refused(&format!("it answers {status}"))),
            }
        }
        Err(refused(&format!("it redirects more than {MOST_REDIRECTS} times")))
    }

    async fn get(&self, url: &Url, trust: Trust, wanted: &Fetch) -> Result<reqwest::Response, CallError> {
        let host = url.host_str().unwrap_or_default();
        let trusted = trust == Trust::Operator || self.options.allow_hosts.contains(host);
        if trusted {
            if !matches!(url.scheme(), "http" | "https") {
                return Err(refused("it redirects to something that is no web address"));
            }
        } else {
            check_address(url)
                .map_err(|why| refused(&format!("{why}; an operator can allow it in the configuration")))?;
        }
        self.limits.admit(&wanted.bucket, None)?;
        let client = if trusted { &self.trusted } else { &self.guarded };
        let mut request = client.get(url.clone());
        if let Some(known) = &wanted.known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        self.count();
        request.send().await.map_err(|error| outcome::failed(&error, outcome::Stage::Request))
    }

    async fn file(&self, response: reqwest::Response, most: usize) -> Result<Fetched, CallError> {
        let too_long = || refused(&format!("it is longer than {most} bytes"));
        // What says beforehand that it is too long is not begun.
        if response.content_length().is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > most)) {
            return Err(too_long());
        }
        let mark = response.headers().get(header::ETAG).and_then(|mark| mark.to_str().ok()).map(str::to_owned);
        let body = super::read_body(response, most).await?.ok_or_else(too_long)?;
        Ok(Fetched::File { body, mark })
    }
}

fn refused(reason: &str) -> CallError {
    CallError::Refused { reason: reason.to_owned() }
}
