//! [`Connection`]: an open TCP connection, in memory or through a socket of the host.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use rustix::net::Shutdown;
use tokio::net::TcpStream;

use super::code::{Result, SocketError};
use super::counters::Counters;
use super::pipe::Pipe;
use super::ports::Bound;

/// Bytes that one read of a socket of the host gives at most.
const READ: usize = 64 << 10;

/// Bytes that one write to a socket of the host may have.
pub(crate) const WRITE: usize = 64 << 10;

/// How long what a guest wrote last may take to leave after the guest closed its socket.
const LINGER: Duration = Duration::from_secs(30);

/// An open connection and its addresses.
#[derive(Debug, Clone)]
pub(crate) struct Established {
    pub(crate) connection: Arc<Connection>,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

/// An open TCP connection: one side of it. Closed when dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    way: Way,
    counters: Arc<Counters>,
    /// The port it was made from, given back at its end.
    _port: Option<Bound>,
}

#[derive(Debug)]
enum Way {
    Memory { incoming: Arc<Pipe>, outgoing: Arc<Pipe> },
    Kernel(Kernel),
}

/// A connected socket of the host.
#[derive(Debug)]
struct Kernel {
    /// Taken when this is dropped.
    stream: Option<Arc<TcpStream>>,
    sending: Mutex<Sending>,
}

#[derive(Debug, Default)]
struct Sending {
    /// What the socket did not take yet.
    waiting: Bytes,
    /// It is shut when nothing waits any more.
    finish: bool,
    error: Option<SocketError>,
}

/// Both sides of a connection in memory, the first with the port that it comes from.
pub(crate) fn pair(from: (Arc<Counters>, Option<Bound>), to: Arc<Counters>) -> ([Arc<Connection>; 2], [Arc<Pipe>; 2]) {
    let pipes = [&from.0, &to].map(|writer| Arc::new(Pipe::new(Arc::clone(writer))));
    let [there, back] = &pipes;
    let side = |incoming: &Arc<Pipe>, outgoing: &Arc<Pipe>, counters, port| {
        let way = Way::Memory { incoming: Arc::clone(incoming), outgoing: Arc::clone(outgoing) };
        Arc::new(Connection { way, counters, _port: port })
    };
    ([side(back, there, from.0, from.1), side(there, back, to, None)], pipes)
}

impl Connection {
    /// One through a socket of the host.
    pub(crate) fn kernel(stream: TcpStream, counters: Arc<Counters>) -> Arc<Self> {
        // A guest's small writes are its own affair: they are not held back. At worst they are.
        let _ = stream.set_nodelay(true);
        let kernel = Kernel { stream: Some(Arc::new(stream)), sending: Mutex::default() };
        Arc::new(Self { way: Way::Kernel(kernel), counters, _port: None })
    }

    /// Reads at most `max` bytes; none at the end.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Bytes>> {
        let bytes = match &self.way {
            Way::Memory { incoming, .. } => ready!(incoming.poll_read(cx, max))?,
            Way::Kernel(kernel) => {
                let mut buffer = BytesMut::zeroed(max.min(READ));
                let read = ready!(kernel.poll_read(cx, &mut buffer))?;
                buffer.truncate(read);
                buffer.freeze()
            }
        };
        self.counters.received(bytes.len());
        Poll::Ready(Ok(bytes))
    }

    /// Reads into a buffer that is not empty; 0 at the end.
    pub(crate) fn poll_read_into(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
        let read = match &self.way {
            Way::Memory { incoming, .. } => ready!(incoming.poll_read_into(cx, buffer))?,
            Way::Kernel(kernel) => ready!(kernel.poll_read(cx, buffer))?,
        };
        self.counters.received(read);
        Poll::Ready(Ok(read))
    }

    /// Waits until a read gives something, or the end.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.way {
            Way::Memory { incoming, .. } => incoming.poll_readable(cx),
            Way::Kernel(kernel) => {
                kernel.stream().map_or(Poll::Ready(()), |stream| stream.poll_read_ready(cx).map(drop))
            }
        }
    }

    /// Bytes that can be written now.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        match &self.way {
            Way::Memory { outgoing, .. } => outgoing.poll_room(cx),
            Way::Kernel(kernel) => kernel.poll_room(cx),
        }
    }

    /// Bytes that can be written now, without waiting: 0 if there is no room.
    pub(crate) fn room(&self) -> Result<usize> {
        match &self.way {
            Way::Memory { outgoing, .. } => outgoing.room(),
            Way::Kernel(kernel) => match kernel.poll_room(&mut idle()) {
                Poll::Ready(room) => room,
                Poll::Pending => Ok(0),
            },
        }
    }

    /// Writes all of it; there must be room for it.
    pub(crate) fn write(&self, bytes: Bytes) -> Result<()> {
        self.counters.sent(bytes.len());
        match &self.way {
            Way::Memory { outgoing, .. } => outgoing.write(bytes),
            Way::Kernel(kernel) => kernel.write(bytes),
        }
    }

    /// Writes a copy of as much as there is room for.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = match &self.way {
            Way::Memory { outgoing, .. } => ready!(outgoing.poll_write(cx, bytes))?,
            Way::Kernel(kernel) => {
                let room = ready!(kernel.poll_room(cx))?;
                let part = bytes.get(..room).unwrap_or(bytes);
                kernel.write(Bytes::copy_from_slice(part))?;
                part.len()
            }
        };
        self.counters.sent(written);
        Poll::Ready(Ok(written))
    }

    /// No more is written.
    pub(crate) fn finish(&self) {
        match &self.way {
            Way::Memory { outgoing, .. } => outgoing.finish(),
            Way::Kernel(kernel) => kernel.finish(),
        }
    }

    /// No more is read.
    pub(crate) fn shut(&self) {
        match &self.way {
            Way::Memory { incoming, .. } => incoming.shut(),
            Way::Kernel(kernel) => {
                if let Some(stream) = kernel.stream() {
                    // It may be gone already.
                    let _ = rustix::net::shutdown(stream, Shutdown::Read);
                }
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Way::Memory { incoming, outgoing } = &self.way {
            if incoming.abandon() { outgoing.reset() } else { outgoing.finish() }
        }
    }
}

fn idle() -> Context<'static> {
    Context::from_waker(std::task::Waker::noop())
}

impl Kernel {
    fn stream(&self) -> Option<&TcpStream> {
        self.stream.as_deref()
    }

    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
        let Some(stream) = self.stream() else { return Poll::Ready(Ok(0)) };
        loop {
            match stream.try_read(buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => ready!(stream.poll_read_ready(cx))?,
                read => return Poll::Ready(read.map_err(SocketError::from)),
            }
        }
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let Some(stream) = self.stream() else { return Poll::Ready(Err(SocketError::ConnectionBroken)) };
        let mut sending = self.sending.lock();
        loop {
            sending.push(stream)?;
            if sending.finish {
                return Poll::Ready(Err(SocketError::ConnectionBroken));
            }
            ready!(stream.poll_write_ready(cx))?;
            if sending.waiting.is_empty() {
                return Poll::Ready(Ok(WRITE));
            }
        }
    }

    fn write(&self, bytes: Bytes) -> Result<()> {
        let Some(stream) = self.stream() else { return Err(SocketError::ConnectionBroken) };
        let mut sending = self.sending.lock();
        if sending.finish {
            return Err(SocketError::ConnectionBroken);
        }
        if sending.waiting.is_empty() {
            sending.waiting = bytes;
        } else {
            // More than there was room for.
            let mut joined = BytesMut::from(&*sending.waiting);
            joined.extend_from_slice(&bytes);
            sending.waiting = joined.freeze();
        }
        sending.push(stream)
    }

    fn finish(&self) {
        let Some(stream) = self.stream() else { return };
        let mut sending = self.sending.lock();
        sending.finish = true;
        if sending.waiting.is_empty() || sending.push(stream).is_err() {
            let _ = rustix::net::shutdown(stream, Shutdown::Write);
        } else {
            drop(sending);
            self.send_rest();
        }
    }

    /// Sends what waits in a task of its own, for a while.
    fn send_rest(&self) {
        let Some(stream) = self.stream.clone() else { return };
        let waiting = std::mem::take(&mut self.sending.lock().waiting);
        if waiting.is_empty() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            // What the peer does not take in time is lost, as it is when a process ends.
            let _ = tokio::time::timeout(LINGER, send_all(&stream, waiting)).await;
            let _ = rustix::net::shutdown(&stream, Shutdown::Write);
        });
    }
}

async fn send_all(stream: &TcpStream, mut bytes: Bytes) -> std::io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(&bytes) {
            Ok(sent) => bytes.advance(sent),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Sending {
    /// Hands on what waits, as far as the socket takes it.
    fn push(&mut self, stream: &TcpStream) -> Result<()> {
        if let Some(error) = self.error {
            return Err(error);
        }
        while !self.waiting.is_empty() {
            match stream.try_write(&self.waiting) {
                Ok(sent) => self.waiting.advance(sent),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.waiting = Bytes::new();
                    let error = SocketError::from(error);
                    self.error = Some(error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.send_rest();
    }
}
