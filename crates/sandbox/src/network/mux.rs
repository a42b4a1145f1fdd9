//! [`Mux`]: many connections on one socket, by yamux.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::code::{Result, SocketError};

/// Connections on one socket.
pub(crate) const MAX_STREAMS: usize = 4096;

/// Bytes that all of them may hold for readers, 256 KiB each at least.
const MAX_WINDOWS: usize = 1 << 30;

/// Connections that wait to be opened.
const MAX_OPENING: usize = 1024;

/// Bytes of the numbers by which both sides agree on who is who.
const NONCE: usize = 16;

/// One of the connections.
pub(super) type Stream = yamux::Stream;

type Opened = oneshot::Sender<Result<Stream>>;

/// Opens connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Mux {
    opens: mpsc::Sender<Opened>,
}

/// What moves the bytes of all connections.
pub(super) struct Driver {
    socket: UnixStream,
    opens: mpsc::Receiver<Opened>,
}

/// Both for a socket.
pub(super) fn new(socket: UnixStream) -> (Mux, Driver) {
    let (sender, opens) = mpsc::channel(MAX_OPENING);
    (Mux { opens: sender }, Driver { socket, opens })
}

impl Mux {
    /// Opens a connection.
    pub(super) async fn open(&self) -> Result<Stream> {
        let (opened, opening) = oneshot::channel();
        self.opens.send(opened).await.map_err(|_| SocketError::RemoteUnreachable)?;
        opening.await.map_err(|_| SocketError::RemoteUnreachable)?
    }
}

impl Driver {
    /// Runs until the socket breaks; `incoming` takes what the other side opens.
    pub(super) async fn run(mut self, incoming: impl Fn(Stream)) {
        let Ok(mode) = agree(&mut self.socket).await else { return };
        let mut config = yamux::Config::default();
        config.set_max_num_streams(MAX_STREAMS).set_max_connection_receive_window(Some(MAX_WINDOWS));
        let mut connection = yamux::Connection::new(Compat(self.socket), config, mode);
        let (mut opens, mut next) = (self.opens, None::<Opened>);
        std::future::poll_fn(|cx| {
            loop {
                // One at a time: the others wait where there is a limit to them.
                if next.is_none()
                    && let Poll::Ready(Some(open)) = opens.poll_recv(cx)
                {
                    next = Some(open);
                }
                let mut moved = false;
                if next.is_some()
                    && let Poll::Ready(opened) = connection.poll_new_outbound(cx)
                {
                    moved = true;
                    let broken = opened.is_err();
                    if let Some(open) = next.take() {
                        // Whoever asked may be gone.
                        let _ = open.send(opened.map_err(|_| SocketError::RemoteUnreachable));
                    }
                    if broken {
                        return Poll::Ready(());
                    }
                }
                match connection.poll_next_inbound(cx) {
                    Poll::Ready(Some(Ok(stream))) => incoming(stream),
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending if moved => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }
}

/// The side with the larger number is the client.
async fn agree(socket: &mut UnixStream) -> io::Result<yamux::Mode> {
    let own: [u8; NONCE] = rand::random();
    socket.write_all(&own).await?;
    let mut other = [0; NONCE];
    socket.read_exact(&mut other).await?;
    match own.cmp(&other) {
        std::cmp::Ordering::Greater => Ok(yamux::Mode::Client),
        std::cmp::Ordering::Less => Ok(yamux::Mode::Server),
        std::cmp::Ordering::Equal => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A socket as yamux takes it.
struct Compat(UnixStream);

impl futures_util::AsyncRead for Compat {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut read = ReadBuf::new(buffer);
        std::task::ready!(tokio::io::AsyncRead::poll_read(Pin::new(&mut self.0), cx, &mut read))?;
        Poll::Ready(Ok(read.filled().len()))
    }
}

impl futures_util::AsyncWrite for Compat {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        tokio::io::AsyncWrite::poll_write(Pin::new(&mut self.0), cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        tokio::io::AsyncWrite::poll_flush(Pin::new(&mut self.0), cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        tokio::io::AsyncWrite::poll_shutdown(Pin::new(&mut self.0), cx)
    }
}
