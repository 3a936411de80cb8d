//! The product as a process of its own, and clients that keep their connection to it, for what is measured from outside.

use std::{net::SocketAddr, path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
};

/// A server that was started from its program and ends with this value.
#[derive(Debug)]
pub struct Served {
    child: Child,
    address: SocketAddr,
    // Were it dropped, the server could not write what it has to say any more.
    _lines: Lines<BufReader<ChildStdout>>,
}

impl Served {
    /// Starts `PROGRAM serve` on a free port of the loopback, with its folder and these further settings, and waits until
    /// it says where it listens.
    ///
    /// # Errors
    /// When it cannot be started, or ends before it is ready.
    pub async fn start(program: &str, folder: &Path, settings: &[(&str, String)]) -> std::io::Result<Self> {
        let mut child = Command::new(program)
            .arg("serve")
            .env("POLICYKIT_DATA_DIR", folder)
            .env("POLICYKIT_LISTEN", "127.0.0.1:0")
            .env("POLICYKIT_LOG", "warn")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let nothing = || std::io::Error::other("the server ended before it was ready");
        let mut lines = BufReader::new(child.stdout.take().ok_or_else(nothing)?).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some((_, address)) = line.split_once("http://") {
                let address = address.trim().parse().map_err(std::io::Error::other)?;
                return Ok(Self { child, address, _lines: lines });
            }
        }
        Err(nothing())
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it at once.
    ///
    /// # Errors
    /// When it has ended by itself.
    pub async fn kill(mut self) -> std::io::Result<()> {
        self.child.kill().await
    }
}

/// A client that sends one request after the other over one connection, as platforms do.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    host: SocketAddr,
    answer: Vec<u8>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(host: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host, answer: Vec::new() })
    }

    /// Posts, and waits for the whole answer; gives its status.
    ///
    /// # Errors
    /// When the connection breaks, or the answer does not say how long it is.
    pub async fn post(&mut self, path: &str, headers: &[(String, String)], body: &[u8]) -> std::io::Result<u16> {
        let mut request = format!("POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n", self.host, body.len());
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        self.stream.write_all(&bytes).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(std::io::Error::other("the server closed the connection"));
            }
            let Some(end) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(self.answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
            let length: usize = length.ok_or_else(|| std::io::Error::other("an answer without a length"))?;
            if self.answer.len() >= end + 4 + length {
                let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
                return status.ok_or_else(|| std::io::Error::other("an answer without a status"));
            }
        }
    }
}
