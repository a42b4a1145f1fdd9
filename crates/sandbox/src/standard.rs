//! [`Standard`]: a guest's standard streams as wasmtime-wasi takes them, without a task of their own.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::{Input, InputChunk, Output, Stdio, Stream};

/// Bytes that one read moves at most, and that a write may leave waiting for room.
const CHUNK: usize = 64 << 10;

/// Standard streams shared by all resources that a guest has of them.
pub(crate) struct Standard {
    stdio: Stdio,
    tty: bool,
    /// What the guest wrote to a full stream; it can't write more until this is taken.
    waiting: [Mutex<Bytes>; 2],
}

impl Standard {
    pub(crate) fn new(stdio: Stdio, tty: bool) -> Arc<Self> {
        Arc::new(Self { stdio, tty, waiting: Default::default() })
    }

    fn waiting(&self, stream: Stream) -> &Mutex<Bytes> {
        let [stdout, stderr] = &self.waiting;
        match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        }
    }

    /// Hands on what waits. `Some(true)`: nothing is left; `None`: the stream is closed.
    fn push(&self, stream: Stream) -> Option<bool> {
        let mut waiting = self.waiting(stream).lock();
        while !waiting.is_empty() {
            match self.stdio.output.write(stream, &waiting) {
                None => {
                    waiting.clear();
                    return None;
                }
                Some(0) => return Some(false),
                Some(taken) => {
                    let taken = taken.min(waiting.len());
                    drop(waiting.split_to(taken));
                }
            }
        }
        Some(true)
    }

    /// Ready when nothing waits, or the stream is closed.
    fn poll_pushed(&self, stream: Stream, cx: &mut Context<'_>) -> Poll<()> {
        if self.push(stream) != Some(false) {
            return Poll::Ready(());
        }
        ready!(self.stdio.output.poll_ready(stream, cx));
        if self.push(stream) != Some(false) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Waits until all that the guest wrote is taken.
    pub(crate) async fn drain(&self) {
        poll_fn(|cx| self.poll_pushed(Stream::Stdout, cx)).await;
        poll_fn(|cx| self.poll_pushed(Stream::Stderr, cx)).await;
    }
}

/// Standard input.
pub(crate) struct StandardInput(pub(crate) Arc<Standard>);

impl StandardInput {
    fn input(&self) -> Option<&dyn Input> {
        self.0.stdio.input.as_deref()
    }
}

impl IsTerminal for StandardInput {
    fn is_terminal(&self) -> bool {
        // As in Docker, also if nobody can type.
        self.0.tty
    }
}

impl StdinStream for StandardInput {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(Self(Arc::clone(&self.0)))
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(Self(Arc::clone(&self.0)))
    }
}

#[async_trait]
impl Pollable for StandardInput {
    async fn ready(&mut self) {
        if let Some(input) = self.input() {
            poll_fn(|cx| input.poll_ready(cx)).await;
        }
    }
}

#[async_trait]
impl InputStream for StandardInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let chunk = match self.input() {
            Some(_) if size == 0 => InputChunk::Empty,
            Some(input) => input.read(size.min(CHUNK)),
            None => InputChunk::End,
        };
        match chunk {
            InputChunk::Bytes(bytes) => Ok(bytes),
            InputChunk::Empty => Ok(Bytes::new()),
            InputChunk::End => Err(StreamError::Closed),
        }
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        loop {
            self.ready().await;
            let bytes = self.read(size)?;
            if size == 0 || !bytes.is_empty() {
                return Ok(bytes);
            }
        }
    }
}

impl AsyncRead for StandardInput {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(input) = self.input() else { return Poll::Ready(Ok(())) };
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..2 {
            match input.read(buffer.remaining().min(CHUNK)) {
                InputChunk::Bytes(bytes) => {
                    buffer.put_slice(bytes.get(..buffer.remaining()).unwrap_or(&bytes));
                    return Poll::Ready(Ok(()));
                }
                InputChunk::End => return Poll::Ready(Ok(())),
                InputChunk::Empty => ready!(input.poll_ready(cx)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Standard output or error.
pub(crate) struct StandardOutput(pub(crate) Arc<Standard>, pub(crate) Stream);

impl StandardOutput {
    fn output(&self) -> &dyn Output {
        &*self.0.stdio.output
    }
}

impl IsTerminal for StandardOutput {
    fn is_terminal(&self) -> bool {
        self.0.tty
    }
}

impl StdoutStream for StandardOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Self(Arc::clone(&self.0), self.1))
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Self(Arc::clone(&self.0), self.1))
    }
}

#[async_trait]
impl Pollable for StandardOutput {
    async fn ready(&mut self) {
        poll_fn(|cx| self.0.poll_pushed(self.1, cx)).await;
    }
}

#[async_trait]
impl OutputStream for StandardOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > CHUNK || self.0.push(self.1) == Some(false) {
            return Err(StreamError::trap("a write larger than `check-write` allowed"));
        }
        *self.0.waiting(self.1).lock() = bytes;
        self.0.push(self.1).map(drop).ok_or(StreamError::Closed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.0.push(self.1).map(drop).ok_or(StreamError::Closed)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match self.0.push(self.1) {
            None => Err(StreamError::Closed),
            Some(true) => Ok(CHUNK),
            Some(false) => Ok(0),
        }
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        loop {
            self.ready().await;
            match self.check_write()? {
                0 => {}
                permitted => return Ok(permitted),
            }
        }
    }
}

impl AsyncWrite for StandardOutput {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.0.poll_pushed(self.1, cx));
        for _ in 0..2 {
            match self.output().write(self.1, bytes) {
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                Some(0) if !bytes.is_empty() => ready!(self.output().poll_ready(self.1, cx)),
                Some(written) => return Poll::Ready(Ok(written)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
