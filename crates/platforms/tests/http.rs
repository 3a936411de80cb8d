//! The HTTP client against sockets that misbehave: what each failure means, and what is not sent at all.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is the result")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use policykit_core::{FakeClock, Timestamp};
use policykit_platforms::{
    Http, HttpOptions,
    http::{Authorization, Effect, Payload, Redirect, Request, Trust},
    platform::CallError,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

/// A server that answers every connection's request with these bytes and hangs up. Counts requests.
async fn answering(bytes: &'static str) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/", listener.local_addr().unwrap()).parse().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            read_head(&mut socket).await;
            seen.fetch_add(1, Ordering::SeqCst);
            let _gone = socket.write_all(bytes.as_bytes()).await;
            if bytes.is_empty() {
                // Says nothing for as long as the client waits.
                let _gone = socket.read_u8().await;
            }
        }
    });
    (url, count)
}

async fn read_head(socket: &mut TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") && socket.read_exact(&mut byte).await.is_ok() {
        head.push(byte[0]);
    }
}

fn client() -> (Arc<FakeClock>, Http) {
    let clock = Arc::new(FakeClock::new(Timestamp::from_secs(1_000)));
    let options = HttpOptions { timeout: Duration::from_millis(300), max_answer: 1_000, ..HttpOptions::default() };
    (Arc::clone(&clock), Http::new(clock, options).unwrap())
}

fn request(url: &Url, trust: Trust, effect: Effect) -> Request {
    let payload = match effect {
        Effect::Read => Payload::Query(vec![]),
        Effect::Change => Payload::Form(vec![("a".into(), "b".into())]),
    };
    Request {
        url: url.clone(),
        trust,
        payload,
        authorization: Authorization::None,
        effect,
        bucket: "m:i".into(),
        pace: None,
        slow_down: None,
        redirect: Redirect::Refused,
    }
}

async fn change(url: &Url) -> Result<u16, CallError> {
    client().1.send(request(url, Trust::Operator, Effect::Change)).await.map(|reply| reply.status)
}

fn is_unknown(result: &Result<u16, CallError>) -> bool {
    matches!(result, Err(CallError::Unknown { .. }))
}

#[tokio::test]
async fn a_good_answer_comes_back_with_status_headers_and_body() {
    let (url, _) = answering("HTTP/1.1 200 OK\r\nX-Thing: 1\r\nContent-Length: 2\r\n\r\nhi").await;
    let reply = client().1.send(request(&url, Trust::Operator, Effect::Read)).await.unwrap();
    assert_eq!((reply.status, reply.header("x-thing"), reply.body.as_slice()), (200, Some("1"), &b"hi"[..]));
}

#[tokio::test]
async fn nobody_listening_means_that_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let result = change(&url).await;
    assert!(matches!(result, Err(CallError::Retry { after_ms, .. }) if after_ms > 0), "{result:?}");
}

#[tokio::test]
async fn silence_after_the_request_leaves_it_unknown() {
    let (url, _) = answering("").await;
    let result = change(&url).await;
    assert!(is_unknown(&result), "{result:?}");
}

#[tokio::test]
async fn a_connection_cut_in_the_answer_leaves_it_unknown() {
    for bytes in ["HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"ok\":tr", "HTTP/1.1 20", " "] {
        let (url, _) = answering(bytes).await;
        let result = change(&url).await;
        assert!(is_unknown(&result), "{bytes:?}: {result:?}");
    }
}

#[tokio::test]
async fn a_server_error_is_unknown_for_a_change_and_harmless_for_a_read() {
    let (url, _) = answering("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 4\r\n\r\n").await;
    let result = change(&url).await;
    assert!(is_unknown(&result), "{result:?}");
    let read = client().1.send(request(&url, Trust::Operator, Effect::Read)).await;
    assert!(matches!(read, Err(CallError::Retry { after_ms: 4_000, .. })), "{read:?}");
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let (url, _) = answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n\
         0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
         0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
         0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
         0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
         0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
         0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
         0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
         0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
         0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
         0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
         012345678901234567890123\r\n0\r\n\r\n",
    )
    .await;
    let result = change(&url).await;
    assert!(matches!(&result, Err(CallError::Unknown { reason }) if reason.contains("1000 bytes")), "{result:?}");
}

#[tokio::test]
async fn after_slow_down_nothing_is_sent_until_the_time_the_platform_named() {
    let (url, count) = answering("HTTP/1.1 429 Slow\r\nContent-Length: 0\r\nRetry-After: 7\r\n\r\n").await;
    let (clock, http) = client();
    let send = |bucket: &str| {
        let mut request = request(&url, Trust::Operator, Effect::Change);
        request.bucket = bucket.to_owned();
        http.send(request)
    };
    assert!(matches!(send("m:i").await, Err(CallError::Retry { after_ms: 7_000, .. })));
    clock.advance(Duration::from_secs(3));
    assert!(matches!(send("m:i").await, Err(CallError::Retry { after_ms: 4_000, .. })));
    assert_eq!((count.load(Ordering::SeqCst), http.requests_sent()), (1, 1), "the second was held back");
    assert!(send("m:other").await.is_err());
    assert_eq!(count.load(Ordering::SeqCst), 2, "another installation is not held back");
    clock.advance(Duration::from_secs(4));
    assert!(send("m:i").await.is_err());
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, reached) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n");
    let (url, _) = answering(answer.leak()).await;
    let result = change(&url).await;
    assert!(matches!(&result, Err(CallError::Retry { reason, .. }) if reason.contains("redirects")), "{result:?}");
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_address_from_outside_never_reaches_the_machine_itself() {
    let (url, count) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let port = url.port().unwrap();
    let http = client().1;
    for address in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let result = http.send(request(&address.parse().unwrap(), Trust::Outside, Effect::Change)).await;
        let reason = match &result {
            Err(CallError::Retry { reason, .. }) => reason,
            other => panic!("{address}: {other:?}"),
        };
        assert!(
            reason.contains("not a public address") || reason.contains("not an https address"),
            "{address}: {reason}"
        );
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_host_the_operator_allows_is_reached() {
    let (url, count) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let options = HttpOptions { allow_hosts: ["127.0.0.1".to_owned()].into(), ..HttpOptions::default() };
    let http = Http::new(Arc::new(FakeClock::new(Timestamp::from_secs(1))), options).unwrap();
    assert!(http.send(request(&url, Trust::Outside, Effect::Change)).await.is_ok());
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
