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

use crate::files::{Errno, FileView};
use crate::handle::{Broken, Handle, Streams};
use crate::{InputChunk, Stream};

/// Bytes that one read moves at most, and that a write may leave waiting for room.
const CHUNK: usize = 64 << 10;

/// Bytes that may wait when several handles of one stream wrote what each was permitted.
const WAITING: usize = 16 * CHUNK;

/// Standard streams shared by all resources that a guest has of them.
pub(crate) struct Standard {
    streams: Streams,
    files: Arc<FileView>,
    /// What the guest wrote to a full stream; it can't write more until this is taken.
    waiting: [Mutex<Bytes>; 2],
}

impl std::fmt::Debug for Standard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standard").finish_non_exhaustive()
    }
}

impl Standard {
    pub(crate) fn new(streams: Streams, files: Arc<FileView>) -> Arc<Self> {
        Arc::new(Self { streams, files, waiting: Default::default() })
    }

    /// Standard input, output or error, for a process that is to share it.
    pub(crate) fn input(&self) -> Option<&Handle> {
        let [input, ..] = &self.streams;
        input.as_ref()
    }

    pub(crate) fn output(&self, stream: Stream) -> Option<&Handle> {
        let [_, stdout, stderr] = &self.streams;
        match stream {
            Stream::Stdout => stdout.as_ref(),
            Stream::Stderr => stderr.as_ref(),
        }
    }

    /// Takes as many of `bytes` as there is room for; 0 is "wait for room". What is closed takes nothing.
    fn write(&self, stream: Stream, bytes: &[u8]) -> Result<usize, Broken> {
        self.output(stream).map_or(Err(Broken::Closed), |output| output.write(&self.files, bytes))
    }

    fn poll_writable(&self, stream: Stream, cx: &mut Context<'_>) -> Poll<()> {
        self.output(stream).map_or(Poll::Ready(()), |output| output.poll_writable(cx))
    }

    fn read(&self, max: usize) -> Result<InputChunk, Errno> {
        self.input().map_or(Ok(InputChunk::End), |input| input.read(&self.files, max))
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.input().map_or(Poll::Ready(()), |input| input.poll_readable(cx))
    }

    fn waiting(&self, stream: Stream) -> &Mutex<Bytes> {
        let [stdout, stderr] = &self.waiting;
        match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        }
    }

    /// Hands on what waits. `Ok(true)`: nothing is left.
    fn push(&self, stream: Stream) -> Result<bool, Broken> {
        let mut waiting = self.waiting(stream).lock();
        while !waiting.is_empty() {
            match self.write(stream, &waiting) {
                Err(broken) => {
                    waiting.clear();
                    return Err(broken);
                }
                Ok(0) => return Ok(false),
                Ok(taken) => {
                    let taken = taken.min(waiting.len());
                    drop(waiting.split_to(taken));
                }
            }
        }
        Ok(true)
    }

    /// Ready when nothing waits, or the stream is closed.
    fn poll_pushed(&self, stream: Stream, cx: &mut Context<'_>) -> Poll<()> {
        if self.push(stream) != Ok(false) {
            return Poll::Ready(());
        }
        ready!(self.poll_writable(stream, cx));
        if self.push(stream) != Ok(false) {
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

fn failed(broken: Broken) -> StreamError {
    match broken {
        Broken::Closed => StreamError::Closed,
        Broken::Failed(errno) => StreamError::LastOperationFailed(wasmtime::Error::new(errno)),
    }
}

impl IsTerminal for StandardInput {
    fn is_terminal(&self) -> bool {
        // As in Docker, also if nobody can type.
        self.0.input().is_some_and(Handle::is_terminal)
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
        poll_fn(|cx| self.0.poll_readable(cx)).await;
    }
}

#[async_trait]
impl InputStream for StandardInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        match self.0.read(size.min(CHUNK)) {
            Ok(InputChunk::Bytes(bytes)) => Ok(bytes),
            Ok(InputChunk::Empty) => Ok(Bytes::new()),
            Ok(InputChunk::End) => Err(StreamError::Closed),
            Err(errno) => Err(failed(Broken::Failed(errno))),
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
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..2 {
            match self.0.read(buffer.remaining().min(CHUNK)) {
                Ok(InputChunk::Bytes(bytes)) => {
                    buffer.put_slice(bytes.get(..buffer.remaining()).unwrap_or(&bytes));
                    return Poll::Ready(Ok(()));
                }
                Ok(InputChunk::End) => return Poll::Ready(Ok(())),
                Ok(InputChunk::Empty) => ready!(self.0.poll_readable(cx)),
                Err(errno) => return Poll::Ready(Err(io::Error::other(errno))),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Standard output or error.
pub(crate) struct StandardOutput(pub(crate) Arc<Standard>, pub(crate) Stream);

impl IsTerminal for StandardOutput {
    fn is_terminal(&self) -> bool {
        self.0.output(self.1).is_some_and(Handle::is_terminal)
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
        let full = self.standard.push(self.stream) == Ok(false);
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
        self.standard.push(self.stream).map(drop).map_err(failed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.standard.push(self.stream).map(drop).map_err(failed)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.permitted = match self.standard.push(self.stream) {
            Err(broken) => return Err(failed(broken)),
            Ok(true) => CHUNK,
            Ok(false) => 0,
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
            match self.0.write(self.1, bytes) {
                Err(Broken::Closed) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                Err(Broken::Failed(errno)) => return Poll::Ready(Err(io::Error::other(errno))),
                Ok(0) if !bytes.is_empty() => ready!(self.0.poll_writable(self.1, cx)),
                Ok(written) => return Poll::Ready(Ok(written)),
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
    use crate::{FilesSpec, Limits, Output, Stdio, User, handle};

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
        let stdio = Stdio { input: None, output: Arc::clone(&narrow) as Arc<dyn Output> };
        let tree = Arc::new(sprat_image::Tree::open(&[]).unwrap());
        let files = FileView::new(&FilesSpec::default(), tree, &User::default(), &Limits::default()).unwrap();
        let standard = Standard::new(handle::given(stdio, false), Arc::new(files));
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
