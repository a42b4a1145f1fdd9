//! `sock_*`: a program accepts connections on the listening descriptors it is given, one for each TCP port that it exposes.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use wasmtime::Caller;

use super::errno::Errno;
use super::memory::Buffer;
use super::streams::Transfer;
use super::types::fdflags;
use super::{Process, with_memory};
use crate::handle::Handle;
use crate::network::{Connection, GuestNetwork, Listener, SocketError, SocketPlace};

/// Bytes that one call moves at most.
const MAX_CHUNK: u32 = 64 << 10;

/// `sdflags`.
const SHUT_READ: u32 = 1;
const SHUT_WRITE: u32 = 2;

/// A socket as a descriptor.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(super) what: What,
    nonblocking: AtomicBool,
    _place: Option<SocketPlace>,
}

#[derive(Debug)]
pub(super) enum What {
    Listener(Arc<Listener>),
    Connection(Arc<Connection>),
}

impl Socket {
    fn new(what: What, place: Option<SocketPlace>) -> Arc<Self> {
        Arc::new(Self { what, nonblocking: AtomicBool::new(false), _place: place })
    }

    /// The sockets that a program is given: it listens on all ports that it exposes.
    pub(super) fn given(network: &GuestNetwork) -> impl Iterator<Item = Option<Arc<Self>>> {
        network.listen_exposed().map(|listener| Some(Self::new(What::Listener(listener?), None)))
    }

    pub(super) fn is_nonblocking(&self) -> bool {
        self.nonblocking.load(Ordering::Relaxed)
    }

    /// Sets `fdflags`.
    pub(super) fn set_flags(&self, flags: u16) {
        self.nonblocking.store(flags & fdflags::NONBLOCK != 0, Ordering::Relaxed);
    }

    /// Waits until it can be read from or accepted on.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.what {
            What::Listener(listener) => listener.poll_acceptable(cx),
            What::Connection(connection) => connection.poll_readable(cx),
        }
    }

    /// Waits until it can be written to.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.what {
            What::Listener(_) => Poll::Ready(()),
            What::Connection(connection) => connection.poll_room(cx).map(drop),
        }
    }

    fn connection(&self) -> Result<&Arc<Connection>, Errno> {
        match &self.what {
            What::Connection(connection) => Ok(connection),
            What::Listener(_) => Err(Errno::NOT_CONNECTED),
        }
    }
}

impl From<SocketError> for Errno {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::TooManySockets => Self::TOO_MANY_FILES,
            SocketError::ConnectionReset => Self::CONNECTION_RESET,
            SocketError::ConnectionBroken => Self::PIPE,
            SocketError::InvalidState => Self::INVALID,
            _ => Self::IO,
        }
    }
}

/// The socket with this number.
fn socket(process: &Process, number: u32) -> Result<Arc<Socket>, Errno> {
    match process.descriptors.get(number)? {
        Handle::Socket(socket) => Ok(Arc::clone(socket)),
        _ => Err(Errno::NOT_SOCKET),
    }
}

/// Waits, or gives `AGAIN` if the socket does not.
async fn wait<T>(
    socket: &Socket,
    mut step: impl FnMut(&mut Context<'_>) -> Poll<Result<T, SocketError>>,
) -> Result<T, Errno> {
    if socket.is_nonblocking() {
        return match step(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Ok(done?),
            Poll::Pending => Err(Errno::AGAIN),
        };
    }
    Ok(poll_fn(step).await?)
}

pub(super) async fn accept(
    mut caller: Caller<'_, Process>,
    (number, flags, at): (u32, u32, u32),
) -> wasmtime::Result<i32> {
    let accepted = async {
        let process = caller.data();
        let listening = socket(process, number)?;
        let What::Listener(listener) = &listening.what else { return Err(Errno::INVALID) };
        let place = process.files.place()?;
        let established = wait(&listening, |cx| listener.poll_accept(cx)).await?;
        Ok(Socket::new(What::Connection(established.connection), Some(place)))
    }
    .await;
    with_memory(&mut caller, |memory, process| {
        Errno::code((|| {
            let accepted = accepted?;
            accepted.set_flags(u16::try_from(flags).map_err(|_| Errno::INVALID)?);
            memory.bytes(at, 4)?;
            let number = process.descriptors.insert(Handle::Socket(accepted))?;
            memory.store_u32(at, number)
        })())
    })
}

/// `sock_recv`, and `fd_read` of a socket. `flags_at`: where the flags of what came go, if anywhere.
pub(super) async fn receive(
    mut caller: Caller<'_, Process>,
    transfer: Transfer,
    flags: u32,
    flags_at: Option<u32>,
) -> wasmtime::Result<i32> {
    let prepared = with_memory(&mut caller, |memory, process| {
        let socket = socket(process, transfer.fd)?;
        Ok::<(Arc<Socket>, Buffer), Errno>((socket, memory.first_buffer(transfer.iovecs, transfer.count, MAX_CHUNK)?))
    })?;
    let received = async {
        let (socket, buffer) = prepared?;
        let connection = socket.connection()?;
        // Neither looking ahead nor waiting for all of it.
        if flags != 0 {
            return Err(Errno::NOT_SUPPORTED);
        }
        let bytes = match buffer.len {
            0 => Bytes::new(),
            len => wait(&socket, |cx| connection.poll_read(cx, len as usize)).await?,
        };
        Ok((buffer, bytes))
    }
    .await;
    with_memory(&mut caller, |memory, _| {
        Errno::code((|| {
            let (buffer, bytes) = received?;
            memory.store(buffer.address, &bytes)?;
            if let Some(at) = flags_at {
                memory.store(at, &[0, 0])?;
            }
            memory.store_u32(transfer.moved_at, u32::try_from(bytes.len()).map_err(|_| Errno::OVERFLOW)?)
        })())
    })
}

/// `sock_send`, and `fd_write` of a socket.
pub(super) async fn send(mut caller: Caller<'_, Process>, transfer: Transfer, flags: u32) -> wasmtime::Result<i32> {
    let prepared = with_memory(&mut caller, |memory, process| {
        let socket = socket(process, transfer.fd)?;
        let buffer = memory.first_buffer(transfer.iovecs, transfer.count, MAX_CHUNK)?;
        let bytes = Bytes::copy_from_slice(memory.bytes(buffer.address, buffer.len)?);
        Ok::<_, Errno>((socket, bytes))
    })?;
    let sent = async {
        let (socket, bytes) = prepared?;
        let connection = socket.connection()?;
        if flags != 0 {
            return Err(Errno::NOT_SUPPORTED);
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        wait(&socket, |cx| connection.poll_write(cx, &bytes)).await
    }
    .await;
    with_memory(&mut caller, |memory, _| {
        Errno::code((|| memory.store_u32(transfer.moved_at, u32::try_from(sent?).map_err(|_| Errno::OVERFLOW)?))())
    })
}

pub(super) fn shutdown(process: &Process, number: u32, how: u32) -> Result<(), Errno> {
    let socket = socket(process, number)?;
    let connection = socket.connection()?;
    if how == 0 || how & !(SHUT_READ | SHUT_WRITE) != 0 {
        return Err(Errno::INVALID);
    }
    if how & SHUT_READ != 0 {
        connection.shut();
    }
    if how & SHUT_WRITE != 0 {
        connection.finish();
    }
    Ok(())
}
