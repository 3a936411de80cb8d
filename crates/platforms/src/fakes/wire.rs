//! Connections that can be cut on purpose, in the middle of a reply or before it.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A listener whose connections handlers can cut, and which counts those that are open.
#[derive(Debug)]
pub(crate) struct Lines {
    listener: TcpListener,
    open: watch::Sender<usize>,
}

impl Lines {
    pub(crate) const fn new(listener: TcpListener, open: watch::Sender<usize>) -> Self {
        Self { listener, open }
    }
}

/// Counts a connection while it lives.
#[derive(Debug)]
struct Open(watch::Sender<usize>);

impl Open {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|open| *open = open.saturating_add(1));
        Self(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}

/// The handle by which a handler cuts its own connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Arc<Cut>);

#[derive(Debug, Default)]
struct Cut {
    dead: AtomicBool,
    /// Bytes to withhold from the end of the next write; none when 0.
    tail: AtomicUsize,
}

impl Line {
    /// Nothing more is written; the peer sees the connection close.
    pub(crate) fn drop_connection(&self) {
        self.0.dead.store(true, Ordering::SeqCst);
    }

    /// The next write loses its last `bytes`, and the connection closes after it.
    pub(crate) fn cut_tail(&self, bytes: usize) {
        self.0.tail.store(bytes, Ordering::SeqCst);
    }
}

/// One accepted connection.
#[derive(Debug)]
pub(crate) struct LineIo {
    stream: TcpStream,
    line: Line,
    _open: Open,
}

impl Listener for Lines {
    type Io = LineIo;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Replies are small and awaited: without this each of them may wait for an acknowledgement.
        let _unsupported = stream.set_nodelay(true);
        (LineIo { stream, line: Line::default(), _open: Open::new(&self.open) }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Lines>> for Line {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().line.clone()
    }
}

impl AsyncRead for LineIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for LineIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let cut = Arc::clone(&self.line.0);
        if cut.dead.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let tail = cut.tail.load(Ordering::SeqCst);
        if tail == 0 {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        }
        let kept = buf.get(..buf.len().saturating_sub(tail)).unwrap_or_default();
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, kept))?;
        if written == kept.len() {
            cut.dead.store(true, Ordering::SeqCst);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
