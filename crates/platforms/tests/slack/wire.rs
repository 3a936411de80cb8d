//! A wire between the integration and the fake that passes on every byte, faults too, and keeps what was sent.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// A request as it went over the wire.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    pub(crate) verb: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

type Bytes = Arc<Mutex<Vec<u8>>>;

pub(crate) struct Wire {
    pub(crate) url: String,
    lines: Arc<Mutex<Vec<Bytes>>>,
    task: AbortHandle,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    /// Leads to this address, `http://127.0.0.1:port`.
    pub(crate) async fn to(base_url: &str) -> Self {
        let upstream = base_url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lines: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let all = Arc::clone(&lines);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let line = Bytes::default();
                all.lock().unwrap().push(Arc::clone(&line));
                let upstream = upstream.clone();
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(&upstream).await {
                        pass(client, server, line).await;
                    }
                });
            }
        });
        Self { url, lines, task: task.abort_handle() }
    }

    /// Everything sent so far, connection by connection.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        let lines: Vec<Vec<u8>> = self.lines.lock().unwrap().iter().map(|line| line.lock().unwrap().clone()).collect();
        lines.iter().flat_map(|line| requests(line)).collect()
    }
}

/// Until one side closes; then both do.
async fn pass(mut client: TcpStream, mut server: TcpStream, line: Bytes) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => match read {
                Ok(n) if n > 0 => {
                    line.lock().unwrap().extend(&up[..n]);
                    if server.write_all(&up[..n]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(n) if n > 0 => {
                    if client.write_all(&down[..n]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}

fn requests(mut bytes: &[u8]) -> Vec<Sent> {
    let mut all = Vec::new();
    while let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap().split(' ');
        let (verb, target) = (first.next().unwrap().to_owned(), first.next().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers: Vec<(String, String)> =
            lines.map(|l| l.split_once(": ").unwrap()).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let mut sent = Sent {
            verb,
            path: path.to_owned(),
            query: serde_urlencoded::from_str(query).unwrap(),
            headers,
            body: Vec::new(),
        };
        let length = sent.header("content-length").parse().unwrap_or(0_usize);
        let rest = &bytes[end + 4..];
        sent.body = rest[..length.min(rest.len())].to_vec();
        bytes = &rest[length.min(rest.len())..];
        all.push(sent);
    }
    all
}
