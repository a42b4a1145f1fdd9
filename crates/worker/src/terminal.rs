//! [`Terminal`]: a pseudo-terminal per guest that wants one.
//!
//! The guest writes to and reads from the terminal's own side, so that the kernel's line discipline does what it does for
//! any program: line ends, echo, editing, end of file. [`Terminal::run`] carries bytes between the other side and the
//! guest's [`Streams`]. A guest is in no process group, so the characters that would signal one are looked for here. Ends
//! with [`Terminal::hang_up`], after which `run` gives what is left and returns.

use std::future::{pending, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, SpecialCodeIndex, Winsize};
use sprat_sandbox::{Input, InputChunk, Output, Stop, Stream};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use crate::stdio::{Streams, remember};

/// Bytes read from a terminal at once.
const READ_BYTES: usize = 16 << 10;

/// A pseudo-terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// The side of the attachments.
    outer: AsyncFd<OwnedFd>,
    guest: Mutex<GuestSide>,
    /// Told when the guest waits, and when the terminal hangs up.
    wake: Notify,
}

#[derive(Debug)]
struct GuestSide {
    /// `None` once hung up.
    fd: Option<Arc<AsyncFd<OwnedFd>>>,
    readers: Vec<Waker>,
    writers: Vec<Waker>,
}

impl Terminal {
    /// Opens a terminal of a size in columns and rows.
    pub(crate) fn open(size: Option<(u16, u16)>) -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let outer = rustix::pty::openpt(flags)?;
        rustix::pty::grantpt(&outer)?;
        rustix::pty::unlockpt(&outer)?;
        let guest = rustix::pty::ioctl_tiocgptpeer(&outer, flags)?;
        rustix::io::ioctl_fionbio(&outer, true)?;
        rustix::io::ioctl_fionbio(&guest, true)?;
        let terminal = Self {
            outer: register(outer)?,
            guest: Mutex::new(GuestSide {
                fd: Some(Arc::new(register(guest)?)),
                readers: Vec::new(),
                writers: Vec::new(),
            }),
            wake: Notify::new(),
        };
        if let Some((columns, rows)) = size {
            terminal.resize(columns, rows)?;
        }
        Ok(terminal)
    }

    /// Sets the size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) -> io::Result<()> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(rustix::termios::tcsetwinsize(self.outer.get_ref(), size)?)
    }

    /// Closes the guest's side.
    pub(crate) fn hang_up(&self) {
        let (readers, writers) = {
            let mut guest = self.guest.lock();
            guest.fd = None;
            (std::mem::take(&mut guest.readers), std::mem::take(&mut guest.writers))
        };
        readers.into_iter().chain(writers).for_each(Waker::wake);
        self.wake.notify_one();
    }

    /// Carries bytes until the terminal was hung up and all the guest wrote is in `streams`. `stop` is told of the
    /// characters that end a program.
    pub(crate) async fn run(&self, streams: &Streams, stop: impl Fn(Stop)) {
        tokio::select! {
            _ = self.carry_output(streams) => {}
            () = async {
                // A terminal that takes no input still has output to give.
                let _ = self.carry_input(streams, stop).await;
                pending().await
            } => {}
            () = self.wake_guest() => {}
        }
    }

    async fn carry_output(&self, streams: &Streams) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            poll_fn(|cx| Output::poll_ready(streams, Stream::Stdout, cx)).await;
            let mut ready = self.outer.readable().await?;
            // EIO is the end: the guest's side is closed and everything was read.
            let Ok(read) = ready.try_io(|fd| Ok(rustix::io::read(fd, &mut buffer[..])?)) else { continue };
            let mut rest = buffer.get(..read?).unwrap_or_default();
            while !rest.is_empty() {
                match streams.write(Stream::Stdout, rest) {
                    Some(0) => poll_fn(|cx| Output::poll_ready(streams, Stream::Stdout, cx)).await,
                    Some(taken) => rest = rest.get(taken..).unwrap_or_default(),
                    None => return Ok(()),
                }
            }
        }
    }

    async fn carry_input(&self, streams: &Streams, stop: impl Fn(Stop)) -> io::Result<()> {
        loop {
            poll_fn(|cx| Input::poll_ready(streams, cx)).await;
            match Input::read(streams, READ_BYTES) {
                InputChunk::Bytes(bytes) => {
                    self.type_in(&bytes).await?;
                    if let Some(why) = self.signal_in(&bytes) {
                        stop(why);
                    }
                }
                InputChunk::Empty => {}
                // Nobody will type any more; the terminal stays.
                InputChunk::End => return pending().await,
            }
        }
    }

    async fn type_in(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.outer.writable().await?;
            if let Ok(written) = ready.try_io(|fd| Ok(rustix::io::write(fd, bytes)?)) {
                bytes = bytes.get(written?..).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// Whether `bytes` would signal a process group.
    fn signal_in(&self, bytes: &[u8]) -> Option<Stop> {
        let modes = rustix::termios::tcgetattr(self.outer.get_ref()).ok()?;
        if !modes.local_modes.contains(LocalModes::ISIG) {
            return None;
        }
        let codes = [SpecialCodeIndex::VINTR, SpecialCodeIndex::VQUIT].map(|index| modes.special_codes[index]);
        bytes.iter().any(|byte| *byte != 0 && codes.contains(byte)).then_some(Stop::Interrupt)
    }

    /// Wakes the guest when what it waits for is there.
    async fn wake_guest(&self) {
        loop {
            let waits = {
                let guest = self.guest.lock();
                guest.fd.clone().map(|fd| (fd, !guest.readers.is_empty(), !guest.writers.is_empty()))
            };
            match waits {
                None => return pending().await,
                Some((_, false, false)) => self.wake.notified().await,
                Some((fd, reads, writes)) => {
                    tokio::select! {
                        () = became_ready(&fd, true), if reads => self.wake_waiting(true),
                        () = became_ready(&fd, false), if writes => self.wake_waiting(false),
                        () = self.wake.notified() => {}
                    }
                }
            }
        }
    }

    fn wake_waiting(&self, readers: bool) {
        let wakers = {
            let mut guest = self.guest.lock();
            std::mem::take(if readers { &mut guest.readers } else { &mut guest.writers })
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn poll_guest(&self, read: bool, cx: &Context<'_>) -> Poll<()> {
        let mut guest = self.guest.lock();
        let Some(fd) = &guest.fd else { return Poll::Ready(()) };
        if is_ready(fd.get_ref(), read) {
            return Poll::Ready(());
        }
        remember(if read { &mut guest.readers } else { &mut guest.writers }, cx);
        drop(guest);
        self.wake.notify_one();
        Poll::Pending
    }
}

fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    #[expect(unsafe_code, reason = "the call asks for a promise about the descriptor")]
    // SAFETY: an `OwnedFd` always gives the same descriptor and keeps it open until it is dropped, and the `AsyncFd`
    // gives it out by shared reference alone.
    let registered = unsafe { AsyncFd::register(fd) };
    registered.map_err(Into::into)
}

/// Asks the kernel; the runtime may remember an earlier answer.
fn is_ready(fd: &OwnedFd, read: bool) -> bool {
    let mut fds = [PollFd::new(fd, if read { PollFlags::IN } else { PollFlags::OUT })];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    !matches!(rustix::event::poll(&mut fds, Some(&now)), Ok(0))
}

async fn became_ready(fd: &AsyncFd<OwnedFd>, read: bool) {
    loop {
        let ready = if read { fd.readable().await } else { fd.writable().await };
        match ready {
            Ok(mut guard) if !is_ready(fd.get_ref(), read) => guard.clear_ready(),
            _ => return,
        }
    }
}

impl Output for Terminal {
    fn write(&self, _stream: Stream, bytes: &[u8]) -> Option<usize> {
        let fd = self.guest.lock().fd.clone()?;
        match rustix::io::write(fd.get_ref(), bytes) {
            Ok(written) => Some(written),
            Err(Errno::AGAIN | Errno::INTR) => Some(0),
            Err(_) => None,
        }
    }

    fn poll_ready(&self, _stream: Stream, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_guest(false, cx)
    }
}

impl Input for Terminal {
    fn read(&self, max: usize) -> InputChunk {
        let Some(fd) = self.guest.lock().fd.clone() else { return InputChunk::End };
        let mut buffer = vec![0; max.min(READ_BYTES)];
        match rustix::io::read(fd.get_ref(), &mut buffer[..]) {
            Ok(0) => InputChunk::End,
            Ok(read) => {
                buffer.truncate(read);
                InputChunk::Bytes(Bytes::from(buffer))
            }
            Err(Errno::AGAIN | Errno::INTR) => InputChunk::Empty,
            Err(_) => InputChunk::End,
        }
    }

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_guest(true, cx)
    }
}
