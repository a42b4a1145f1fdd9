//! The two directions of a connection as WASI 0.2's streams.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::network::{Connection, SocketError};

fn failed(error: SocketError) -> StreamError {
    match error {
        SocketError::ConnectionBroken | SocketError::ConnectionReset => StreamError::Closed,
        error => StreamError::LastOperationFailed(wasmtime::Error::new(error)),
    }
}

/// What comes in.
pub(super) struct Reader(pub(super) Arc<Connection>);

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {
        poll_fn(|cx| self.0.poll_readable(cx)).await;
    }
}

#[async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        match self.0.poll_read(&mut Context::from_waker(Waker::noop()), size) {
            Poll::Pending => Ok(Bytes::new()),
            Poll::Ready(Ok(bytes)) if bytes.is_empty() => Err(StreamError::Closed),
            Poll::Ready(Ok(bytes)) => Ok(bytes),
            Poll::Ready(Err(error)) => Err(failed(error)),
        }
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        match poll_fn(|cx| self.0.poll_read(cx, size)).await {
            Ok(bytes) if bytes.is_empty() => Err(StreamError::Closed),
            read => read.map_err(failed),
        }
    }
}

/// What goes out.
pub(super) struct Writer {
    connection: Arc<Connection>,
    /// Bytes that the guest was told it may write; they are taken, whatever became of the room meanwhile.
    permitted: usize,
}

/// Why a write failed. To write to who is gone is to write to a closed stream, of which wasi-libc makes `EPIPE`.
fn unwritten(error: SocketError) -> StreamError {
    match error {
        SocketError::ConnectionReset => StreamError::Closed,
        error => failed(error),
    }
}

impl Writer {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, permitted: 0 }
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        // The write that follows fails alike.
        let _ = poll_fn(|cx| self.connection.poll_room(cx)).await;
    }
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let left = self.permitted.checked_sub(bytes.len());
        self.permitted = left.ok_or_else(|| StreamError::trap("a write larger than `check-write` allowed"))?;
        self.connection.write(bytes).map_err(unwritten)
    }

    fn flush(&mut self) -> StreamResult<()> {
        // What is written is on its way.
        self.connection.room().map(drop).map_err(unwritten)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.permitted = self.connection.room().map_err(unwritten)?;
        Ok(self.permitted)
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        self.permitted = poll_fn(|cx| self.connection.poll_room(cx)).await.map_err(unwritten)?;
        Ok(self.permitted)
    }
}
