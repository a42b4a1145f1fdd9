//! [`ServerStream`]: a connection as the HTTP server reads and writes it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::network::{Connection, Counters, SocketError};

/// How long a client may take none of what waits for it.
const STALL: Duration = Duration::from_secs(60);

/// A connection as the HTTP server reads and writes it.
#[derive(Debug)]
pub(crate) struct ServerStream {
    way: Way,
    /// Runs while nothing can be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
enum Way {
    /// From another guest.
    Memory(Arc<Connection>),
    /// Through a socket of the host.
    Kernel(TcpStream, Arc<Counters>),
}

impl ServerStream {
    pub(crate) const fn memory(connection: Arc<Connection>) -> Self {
        Self { way: Way::Memory(connection), stalled: None }
    }

    pub(crate) const fn kernel(stream: TcpStream, counters: Arc<Counters>) -> Self {
        Self { way: Way::Kernel(stream, counters), stalled: None }
    }

    /// Ends a write that waits for too long.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

fn failed(error: SocketError) -> io::Error {
    io::Error::other(error)
}

impl AsyncRead for ServerStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Memory(connection) => {
                let free = buffer.initialize_unfilled();
                if free.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                let read = ready!(connection.poll_read_into(cx, free)).map_err(failed)?;
                buffer.advance(read);
            }
            Way::Kernel(stream, counters) => {
                let before = buffer.filled().len();
                ready!(Pin::new(stream).poll_read(cx, buffer))?;
                counters.received(buffer.filled().len() - before);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = match &mut self.way {
            Way::Memory(connection) => connection.poll_write(cx, bytes).map_err(failed),
            Way::Kernel(stream, counters) => Pin::new(stream).poll_write(cx, bytes).map_ok(|sent| {
                counters.sent(sent);
                sent
            }),
        };
        self.in_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.way {
            Way::Memory(connection) => {
                let part = parts.iter().find(|part| !part.is_empty()).map_or(&[][..], |part| part);
                connection.poll_write(cx, part).map_err(failed)
            }
            Way::Kernel(stream, counters) => Pin::new(stream).poll_write_vectored(cx, parts).map_ok(|sent| {
                counters.sent(sent);
                sent
            }),
        };
        self.in_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self.way, Way::Kernel(..))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Memory(connection) => {
                connection.finish();
                Poll::Ready(Ok(()))
            }
            Way::Kernel(stream, _) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
