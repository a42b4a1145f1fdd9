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

/// Bytes that may wait when several handles of one stream wrote what each was permitted.
const WAITING: usize = 16 * CHUNK;

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
        Box::new(PermittedOutput { standard: Arc::clone(&self.0), stream: self.1, permitted: 0 })
    }
}

/// One handle of standard output or error in WASI 0.2, where a write must be permitted first. A permit holds though
/// another handle fills the stream meanwhile.
struct PermittedOutput {
    standard: Arc<Standard>,
    stream: Stream,
    /// Bytes that the next write may have.
    permitted: usize,
}

#[async_trait]
impl Pollable for PermittedOutput {
    async fn ready(&mut self) {
        poll_fn(|cx| self.standard.poll_pushed(self.stream, cx)).await;
    }
}

#[async_trait]
impl OutputStream for PermittedOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let permitted = std::mem::take(&mut self.permitted);
        let full = self.standard.push(self.stream) == Some(false);
        if bytes.len() > if full { permitted } else { CHUNK } {
            return Err(StreamError::trap("a write larger than `check-write` allowed"));
        }
        let mut waiting = self.standard.waiting(self.stream).lock();
        if waiting.is_empty() {
            *waiting = bytes;
        } else if waiting.len() + bytes.len() <= WAITING {
            *waiting = [&waiting[..], &bytes[..]].concat().into();
        } else {
            let text = format!("{WAITING} bytes of several handles wait for this stream already");
            return Err(StreamError::LastOperationFailed(wasmtime::Error::msg(text)));
        }
        drop(waiting);
        self.standard.push(self.stream).map(drop).ok_or(StreamError::Closed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.standard.push(self.stream).map(drop).ok_or(StreamError::Closed)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.permitted = match self.standard.push(self.stream) {
            None => return Err(StreamError::Closed),
            Some(true) => CHUNK,
            Some(false) => 0,
        };
        Ok(self.permitted)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Takes as much as it is told.
    #[derive(Default)]
    struct Narrow {
        room: AtomicUsize,
        taken: AtomicUsize,
    }

    impl Output for Narrow {
        fn write(&self, _: Stream, bytes: &[u8]) -> Option<usize> {
            let taken = self.room.load(Ordering::SeqCst).min(bytes.len());
            self.room.fetch_sub(taken, Ordering::SeqCst);
            self.taken.fetch_add(taken, Ordering::SeqCst);
            Some(taken)
        }

        fn poll_ready(&self, _: Stream, _: &mut Context<'_>) -> Poll<()> {
            if self.room.load(Ordering::SeqCst) > 0 { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    #[tokio::test]
    async fn each_handle_may_write_what_it_was_permitted_though_another_filled_the_stream() {
        let narrow = Arc::new(Narrow::default());
        let standard = Standard::new(Stdio { input: None, output: Arc::clone(&narrow) as Arc<dyn Output> }, false);
        let mut handles: Vec<_> =
            (0..17).map(|_| StandardOutput(Arc::clone(&standard), Stream::Stdout).p2_stream()).collect();
        for handle in &mut handles {
            assert_eq!(handle.check_write().unwrap(), CHUNK);
        }
        let (last, first) = handles.split_last_mut().unwrap();
        for handle in first.iter_mut() {
            handle.write(vec![b'x'; CHUNK].into()).unwrap();
        }
        assert!(matches!(last.write(vec![b'x'; CHUNK].into()), Err(StreamError::LastOperationFailed(_))), "no trap");
        assert_eq!(last.check_write().unwrap(), 0);
        assert!(matches!(last.write(vec![b'x'].into()), Err(StreamError::Trap(_))), "it was not permitted");
        narrow.room.store(20 * CHUNK, Ordering::SeqCst);
        standard.drain().await;
        assert_eq!(narrow.taken.load(Ordering::SeqCst), WAITING);
    }
}
