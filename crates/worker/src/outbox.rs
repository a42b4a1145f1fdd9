//! The sending side of a connection.
//!
//! A frame goes to the socket at once, in one system call, from whoever has it; only what the socket does not take is kept
//! here, bounded, until the connection's task sends it on. So an answer or an event needs no further task on its way.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown};
use tokio::net::UnixStream;
use tokio::sync::Notify;

use crate::descriptors;

/// Capacity in bytes that an empty outbox may keep.
const KEPT_CAPACITY: usize = 16 << 10;

/// The sending side of one connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Grows from each outbox of this process to the next.
    serial: u64,
    stream: UnixStream,
    waiting: Mutex<Waiting>,
    /// Told when something has to be sent on, or when the outbox was finished or broke.
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: BytesMut,
    /// Descriptors, and with which of the bytes they go.
    descriptors: VecDeque<(usize, Vec<OwnedFd>)>,
    /// Nothing more will be put in; the connection ends when all is sent.
    finished: bool,
    /// The peer is gone.
    broken: bool,
}

impl Outbox {
    pub(crate) fn new(stream: UnixStream) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let serial = MADE.fetch_add(1, Ordering::Relaxed);
        Self { serial, stream, waiting: Mutex::default(), wake: Notify::new() }
    }

    /// Larger than that of every outbox made before.
    pub(crate) const fn serial(&self) -> u64 {
        self.serial
    }

    /// The socket, for reading.
    pub(crate) const fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Sends a frame given in two parts. False: the peer is gone, or the outbox is finished.
    pub(crate) fn send(&self, head: &[u8], payload: &[u8]) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.broken || waiting.finished {
            return false;
        }
        let sent = if waiting.bytes.is_empty() { self.send_now(head, payload) } else { Ok(0) };
        let sent = match sent {
            Ok(sent) => sent,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(_) => {
                waiting.broken = true;
                drop(waiting);
                self.wake.notify_one();
                return false;
            }
        };
        if sent < head.len() + payload.len() {
            waiting.bytes.extend_from_slice(head.get(sent..).unwrap_or_default());
            waiting.bytes.extend_from_slice(payload.get(sent.saturating_sub(head.len())..).unwrap_or_default());
            drop(waiting);
            self.wake.notify_one();
        }
        true
    }

    /// Sends a frame and the descriptors that go with it; it is longer than they are many. False as for [`Self::send`].
    pub(crate) fn send_with(&self, frame: &[u8], descriptors: Vec<OwnedFd>) -> bool {
        if descriptors.is_empty() {
            return self.send(frame, &[]);
        }
        let mut waiting = self.waiting.lock();
        if waiting.broken || waiting.finished {
            return false;
        }
        let begin = waiting.bytes.len();
        let groups = descriptors::in_groups(descriptors).into_iter().enumerate();
        waiting.descriptors.extend(groups.map(|(index, group)| (begin + index, group)));
        waiting.bytes.extend_from_slice(frame);
        drop(waiting);
        self.wake.notify_one();
        true
    }

    fn send_now(&self, head: &[u8], payload: &[u8]) -> Result<usize, Errno> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        if payload.is_empty() {
            return rustix::net::send(&self.stream, head, flags);
        }
        let parts = [IoSlice::new(head), IoSlice::new(payload)];
        let mut space: [MaybeUninit<u8>; 0] = [];
        rustix::net::sendmsg(&self.stream, &parts, &mut SendAncillaryBuffer::new(&mut space), flags)
    }

    /// Bytes that wait for the socket.
    pub(crate) fn backlog(&self) -> usize {
        self.waiting.lock().bytes.len()
    }

    /// The peer is gone.
    pub(crate) fn is_broken(&self) -> bool {
        self.waiting.lock().broken
    }

    /// Nothing more will be sent; what waits still goes out.
    pub(crate) fn finish(&self) {
        self.waiting.lock().finished = true;
        self.wake.notify_one();
    }

    /// Cuts the connection off; what waits is dropped.
    pub(crate) fn cut(&self) {
        {
            let mut waiting = self.waiting.lock();
            waiting.broken = true;
            waiting.bytes = BytesMut::new();
            waiting.descriptors.clear();
        }
        // It may be cut off already.
        let _ = rustix::net::shutdown(&self.stream, Shutdown::Both);
        self.wake.notify_one();
    }

    /// Sends on what waits, until the outbox is finished and empty or the peer is gone. `drained` is called whenever
    /// there is room again. To be run by exactly one task.
    pub(crate) async fn run(&self, drained: impl Fn()) {
        loop {
            match self.step() {
                Step::End => break,
                Step::Idle => self.wake.notified().await,
                Step::Sent => drained(),
                Step::Blocked => {
                    if self.stream.writable().await.is_err() {
                        self.cut();
                    }
                }
            }
        }
        drained();
    }

    fn step(&self) -> Step {
        let mut waiting = self.waiting.lock();
        if waiting.broken {
            return Step::End;
        }
        if waiting.bytes.is_empty() {
            if waiting.bytes.capacity() > KEPT_CAPACITY {
                waiting.bytes = BytesMut::new();
            }
            return if waiting.finished { Step::End } else { Step::Idle };
        }
        let waiting = &mut *waiting;
        let sent = match waiting.descriptors.front() {
            None => self.stream.try_write(&waiting.bytes),
            Some((0, group)) => descriptors::send(&self.stream, waiting.bytes.get(..1).unwrap_or_default(), group),
            Some((at, _)) => self.stream.try_write(waiting.bytes.get(..*at).unwrap_or_default()),
        };
        match sent {
            Ok(0) => Step::Blocked,
            Ok(sent) => {
                waiting.bytes.advance(sent);
                waiting.descriptors.pop_front_if(|(at, _)| *at == 0);
                waiting.descriptors.iter_mut().for_each(|(at, _)| *at -= sent);
                Step::Sent
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Step::Blocked,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Step::Sent,
            Err(_) => {
                waiting.broken = true;
                waiting.bytes = BytesMut::new();
                Step::End
            }
        }
    }
}

enum Step {
    End,
    Idle,
    Sent,
    Blocked,
}

/// Reads once into `read`. False at the end of the stream or when the peer is gone.
pub(crate) async fn read_some(stream: &UnixStream, read: &mut BytesMut) -> bool {
    loop {
        if stream.readable().await.is_err() {
            return false;
        }
        read.reserve(READ_BYTES);
        match stream.try_read_buf(read) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => return false,
        }
    }
}

/// Room for one read in bytes.
const READ_BYTES: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn what_the_socket_does_not_take_is_sent_on_in_order() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let outbox = Arc::new(Outbox::new(ours));
        let sender = Arc::clone(&outbox);
        let run = tokio::spawn(async move { sender.run(|| ()).await });
        let mut expected = Vec::new();
        for round in 0..100_u32 {
            let payload = vec![u8::try_from(round).unwrap(); 10_007];
            assert!(outbox.send(&round.to_be_bytes(), &payload));
            expected.extend_from_slice(&round.to_be_bytes());
            expected.extend_from_slice(&payload);
        }
        assert!(outbox.backlog() > 0, "a socket does not take a megabyte at once");
        outbox.finish();
        let mut got = vec![0; expected.len()];
        theirs.read_exact(&mut got).await.unwrap();
        assert!(got == expected);
        run.await.unwrap();
    }

    #[tokio::test]
    async fn sending_to_a_peer_that_is_gone_says_so() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let outbox = Outbox::new(ours);
        drop(theirs);
        assert!(!outbox.send(b"x", b""));
        assert!(outbox.is_broken());
        outbox.run(|| ()).await;
    }
}
