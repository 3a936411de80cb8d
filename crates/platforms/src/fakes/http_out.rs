//! The smallest HTTP client that can post a delivery to the app: `http://` only, one connection per request.
//!
//! A stand-in does not share the product's client on purpose: it must see connection failures and time-outs as the
//! platform does, without a pool or retries of its own in between.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::{Host, Url};

/// What the app answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Timeout,
    Connection,
}

/// Longest answer read, in bytes; the app's answers are a few words.
const LONGEST_ANSWER: u64 = 256 * 1024;

/// Posts a body and waits for the whole answer.
pub(crate) async fn post(
    url: &str,
    headers: &[(&str, String)],
    body: &[u8],
    patience: Duration,
) -> Result<Reply, Failure> {
    tokio::time::timeout(patience, exchange(url, headers, body)).await.unwrap_or(Err(Failure::Timeout))
}

async fn exchange(url: &str, headers: &[(&str, String)], body: &[u8]) -> Result<Reply, Failure> {
    let url = Url::parse(url).map_err(|_| Failure::Connection)?;
    if url.scheme() != "http" {
        return Err(Failure::Connection);
    }
    let port = url.port().unwrap_or(80);
    let connected = match url.host() {
        Some(Host::Domain(name)) => TcpStream::connect((name, port)).await,
        Some(Host::Ipv4(address)) => TcpStream::connect((address, port)).await,
        Some(Host::Ipv6(address)) => TcpStream::connect((address, port)).await,
        None => return Err(Failure::Connection),
    };
    let mut stream = connected.map_err(|_| Failure::Connection)?;
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: {}:{port}\r\naccept: */*\r\nconnection: close\r\ncontent-length: {}\r\n",
        url.host_str().unwrap_or_default(),
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut request = head.into_bytes();
    request.extend_from_slice(body);
    stream.write_all(&request).await.map_err(|_| Failure::Connection)?;
    let mut answer = Vec::new();
    // An answer may be complete although the connection ends badly, so what was read is looked at in any case.
    let _ended = stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await;
    parse(&answer).ok_or(Failure::Connection)
}

fn parse(answer: &[u8]) -> Option<Reply> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    Some(Reply { status, headers, body: body.to_owned() })
}
