//! [`Handle`]: what a descriptor is open on (POSIX's open file description): a standard stream, an end of a pipe, a file or
//! a folder. Cloning shares it, with its offset and flags: so do `dup`, and a process that was given it when it was started.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::task::{Context, Poll};

use parking_lot::Mutex;

use crate::files::{Descriptor, Errno, FileView, Kind, Listing};
use crate::process::pipe::{Reader, Writer};
use crate::working::Folder;
use crate::{Input, InputChunk, Output, Stdio, Stream};

/// `fdflags` of a file: writes go to its end.
pub(crate) const APPEND: u16 = 1;

/// Bytes that one read or write moves at most where the caller names more, so that no call holds its thread for long.
const CHUNK: usize = 64 << 10;

/// What a descriptor is open on.
#[derive(Debug, Clone)]
pub(crate) enum Handle {
    /// Standard input as the container's owner gave it.
    Input(Source),
    /// Standard output or error, likewise.
    Output(Sink),
    /// The end of a pipe that is read.
    Reader(Reader),
    /// The end of a pipe that is written.
    Writer(Writer),
    /// A file or folder.
    Node(Arc<Node>),
}

/// Where standard input comes from.
#[derive(Clone)]
pub(crate) struct Source {
    /// `None` is always at its end.
    input: Option<Arc<dyn Input>>,
    terminal: bool,
}

/// Where standard output goes.
#[derive(Clone)]
pub(crate) struct Sink {
    output: Arc<dyn Output>,
    stream: Stream,
    terminal: bool,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// A process's standard input, output and error; each may be closed.
pub(crate) type Streams = [Option<Handle>; 3];

/// The streams that a container's owner gave.
pub(crate) fn given(stdio: Stdio, terminal: bool) -> Streams {
    let sink = |output, stream| Some(Handle::Output(Sink { output, stream, terminal }));
    [
        Some(Handle::Input(Source { input: stdio.input, terminal })),
        sink(Arc::clone(&stdio.output), Stream::Stdout),
        sink(stdio.output, Stream::Stderr),
    ]
}

/// Why nothing can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Nobody takes it any more.
    Closed,
    /// The file can't take it.
    Failed(Errno),
}

impl Handle {
    /// Takes at most `max` bytes.
    pub(crate) fn read(&self, view: &FileView, max: usize) -> Result<InputChunk, Errno> {
        match self {
            Self::Input(Source { input: Some(input), .. }) => Ok(input.read(max)),
            Self::Input(Source { input: None, .. }) => Ok(InputChunk::End),
            Self::Reader(reader) => Ok(reader.read(max)),
            Self::Node(node) => {
                let mut buffer = vec![0; max.min(CHUNK)];
                let read = node.read(view, &mut buffer)?;
                buffer.truncate(read);
                Ok(if read == 0 { InputChunk::End } else { InputChunk::Bytes(buffer.into()) })
            }
            Self::Output(_) | Self::Writer(_) => Err(Errno::BadDescriptor),
        }
    }

    /// Ready when [`Self::read`] gives anything but [`InputChunk::Empty`].
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Input(Source { input: Some(input), .. }) => input.poll_ready(cx),
            Self::Reader(reader) => reader.poll_ready(cx),
            Self::Input(_) | Self::Output(_) | Self::Writer(_) | Self::Node(_) => Poll::Ready(()),
        }
    }

    /// Takes as many of `bytes` as there is room for and says how many; 0 is "wait for room".
    pub(crate) fn write(&self, view: &FileView, bytes: &[u8]) -> Result<usize, Broken> {
        match self {
            Self::Output(Sink { output, stream, .. }) => output.write(*stream, bytes).ok_or(Broken::Closed),
            Self::Writer(writer) => writer.write(bytes).ok_or(Broken::Closed),
            Self::Node(node) => node.write(view, bytes).map_err(Broken::Failed),
            Self::Input(_) | Self::Reader(_) => Err(Broken::Failed(Errno::BadDescriptor)),
        }
    }

    /// Ready when [`Self::write`] gives anything but 0.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Output(Sink { output, stream, .. }) => output.poll_ready(*stream, cx),
            Self::Writer(writer) => writer.poll_ready(cx),
            Self::Input(_) | Self::Reader(_) | Self::Node(_) => Poll::Ready(()),
        }
    }

    /// Whether it is a terminal.
    pub(crate) const fn is_terminal(&self) -> bool {
        match self {
            Self::Input(Source { terminal, .. }) | Self::Output(Sink { terminal, .. }) => *terminal,
            Self::Reader(_) | Self::Writer(_) | Self::Node(_) => false,
        }
    }
}

/// An open file or folder.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) folder: Folder,
    /// `fdflags`.
    flags: AtomicU16,
    /// Its name, if it was open from the beginning.
    pub(crate) preopen: Option<Cow<'static, str>>,
    /// Held while bytes are moved, so that those who share the offset do not get the same ones.
    pub(crate) position: Mutex<Position>,
}

/// Where one is in a file or folder.
#[derive(Debug, Default)]
pub(crate) struct Position {
    /// Where the next read or write is, in bytes.
    pub(crate) offset: u64,
    /// The folder's entries when its listing began.
    pub(crate) listing: Option<Listing>,
}

impl Node {
    /// A node that a guest opened.
    pub(crate) fn new(descriptor: Descriptor, flags: u16) -> Self {
        Self::of(Folder::plain(descriptor), flags, None)
    }

    /// A folder that is open from the beginning.
    pub(crate) fn preopen((folder, name): (Folder, Cow<'static, str>)) -> Handle {
        Handle::Node(Arc::new(Self::of(folder, 0, Some(name))))
    }

    fn of(folder: Folder, flags: u16, preopen: Option<Cow<'static, str>>) -> Self {
        Self { folder, flags: AtomicU16::new(flags), preopen, position: Mutex::default() }
    }

    pub(crate) const fn descriptor(&self) -> &Descriptor {
        &self.folder.descriptor
    }

    pub(crate) fn flags(&self) -> u16 {
        self.flags.load(Ordering::Relaxed)
    }

    pub(crate) fn set_flags(&self, flags: u16) {
        self.flags.store(flags, Ordering::Relaxed);
    }

    /// Reads at the offset, which moves.
    pub(crate) fn read(&self, view: &FileView, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut position = self.position.lock();
        let read = view.read(self.descriptor(), buffer, position.offset)?;
        position.offset = position.offset.saturating_add(read as u64);
        Ok(read)
    }

    /// Writes at the offset, which moves, or at the end of a file opened so.
    pub(crate) fn write(&self, view: &FileView, bytes: &[u8]) -> Result<usize, Errno> {
        let mut position = self.position.lock();
        if self.flags() & APPEND != 0 {
            let written = view.append(self.descriptor(), bytes)?;
            position.offset = view.stat(self.descriptor())?.size;
            return Ok(written);
        }
        let written = view.write(self.descriptor(), bytes, position.offset)?;
        position.offset = position.offset.saturating_add(written as u64);
        Ok(written)
    }

    /// Whether it is a folder.
    pub(crate) fn is_folder(&self) -> bool {
        self.descriptor().kind() == Kind::Directory
    }
}
