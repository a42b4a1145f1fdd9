//! Standard streams: what the embedder gives a guest, without a task or a buffer per idle guest.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

/// Which output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Takes what a guest writes. Called from the guest's own task; must not block for long.
pub trait Output: Send + Sync + 'static {
    /// Takes as many of `bytes` as there is room for and says how many; 0 means "full, wait for `poll_ready`".
    /// `None`: the stream is closed for good, the guest gets an error (as EPIPE).
    fn write(&self, stream: Stream, bytes: &[u8]) -> Option<usize>;

    /// Ready when `write` would take at least one byte, or the stream is closed.
    fn poll_ready(&self, stream: Stream, cx: &mut Context<'_>) -> Poll<()>;
}

/// What a read of standard input gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputChunk {
    /// At least one byte.
    Bytes(Bytes),
    /// Nothing now; wait for `poll_ready`.
    Empty,
    /// The end; stays so.
    End,
}

/// Where a guest's standard input comes from.
pub trait Input: Send + Sync + 'static {
    /// Takes at most `max` bytes.
    fn read(&self, max: usize) -> InputChunk;

    /// Ready when `read` would give bytes or the end.
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// The standard streams of one guest.
#[derive(Clone)]
pub struct Stdio {
    /// Standard input; `None` is always at its end.
    pub input: Option<Arc<dyn Input>>,
    /// Standard output and error.
    pub output: Arc<dyn Output>,
}

impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdio").field("input", &self.input.is_some()).finish_non_exhaustive()
    }
}
