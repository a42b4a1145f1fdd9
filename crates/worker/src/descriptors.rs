//! Descriptors on a Unix socket: each group of them goes with one byte of a message, and comes before it.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::BytesMut;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::wire::MAX_SOCKETS;

/// Descriptors that go with one byte; the kernel takes at most 253 (`SCM_MAX_FD`).
const GROUP: usize = 250;

/// Most descriptors that one read can bring.
const MOST: usize = 253;

/// Room for one read in bytes.
const READ_BYTES: usize = 8 << 10;

/// Cuts descriptors into groups that can be sent at once.
pub(crate) fn in_groups(descriptors: Vec<OwnedFd>) -> Vec<Vec<OwnedFd>> {
    let mut groups = Vec::new();
    let mut rest = descriptors.into_iter();
    loop {
        let group: Vec<_> = rest.by_ref().take(GROUP).collect();
        if group.is_empty() {
            return groups;
        }
        groups.push(group);
    }
}

/// Sends bytes with a group of descriptors, if there is room.
pub(crate) fn send(stream: &UnixStream, bytes: &[u8], group: &[OwnedFd]) -> io::Result<usize> {
    let group: Vec<BorrowedFd<'_>> = group.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(GROUP))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&group)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    stream.try_io(Interest::WRITABLE, || Ok(rustix::net::sendmsg(stream, &[IoSlice::new(bytes)], &mut control, flags)?))
}

/// Reads once into `read`, and what descriptors come into `descriptors`. False at the end of the stream, when the peer is
/// gone, or when it sends more descriptors than any request has.
pub(crate) async fn read(stream: &UnixStream, read: &mut BytesMut, descriptors: &mut VecDeque<OwnedFd>) -> bool {
    loop {
        if stream.readable().await.is_err() {
            return false;
        }
        match stream.try_io(Interest::READABLE, || read_now(stream, read, descriptors)) {
            Ok(0) => return false,
            Ok(_) => return descriptors.len() <= MAX_SOCKETS,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => return false,
        }
    }
}

fn read_now(stream: &UnixStream, read: &mut BytesMut, descriptors: &mut VecDeque<OwnedFd>) -> io::Result<usize> {
    let before = read.len();
    read.resize(before + READ_BYTES, 0);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(read.get_mut(before..).unwrap_or_default())];
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(stream, &mut parts, &mut control, flags);
    read.truncate(before + received.as_ref().map_or(0, |received| received.bytes));
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(came) = message {
            descriptors.extend(came);
        }
    }
    Ok(received?.bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};
    use std::sync::Arc;

    use super::*;
    use crate::frame;
    use crate::outbox::Outbox;

    fn files(count: usize) -> Vec<OwnedFd> {
        let file = |number: usize| {
            let mut file = tempfile::tempfile().unwrap();
            write!(file, "{number}").unwrap();
            file.rewind().unwrap();
            file.into()
        };
        (0..count).map(file).collect()
    }

    #[tokio::test]
    async fn descriptors_come_with_their_message_in_order() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let outbox = Arc::new(Outbox::new(ours));
        let sender = Arc::clone(&outbox);
        let run = tokio::spawn(async move { sender.run(|| ()).await });
        // The last ones wait: the socket does not take so much at once.
        let message = frame::message(&"x".repeat(100_000)).unwrap();
        for count in [0, 1, 251, 0, 600, 3] {
            assert!(outbox.send_with(&message, files(count)));
        }
        outbox.finish();
        let (mut bytes, mut descriptors) = (BytesMut::new(), VecDeque::new());
        for count in [0, 1, 251, 0, 600, 3] {
            loop {
                if frame::next_message(&mut bytes).unwrap().is_some() {
                    break;
                }
                assert!(read(&theirs, &mut bytes, &mut descriptors).await);
            }
            for number in 0..count {
                let mut text = String::new();
                std::fs::File::from(descriptors.pop_front().unwrap()).read_to_string(&mut text).unwrap();
                assert_eq!(text, number.to_string());
            }
        }
        assert!(descriptors.is_empty());
        run.await.unwrap();
    }

    #[tokio::test]
    async fn more_descriptors_than_a_request_has_end_the_connection() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let outbox = Arc::new(Outbox::new(ours));
        let sender = Arc::clone(&outbox);
        let run = tokio::spawn(async move { sender.run(|| ()).await });
        assert!(outbox.send_with(&[0; 100], files(MAX_SOCKETS + 1)));
        let (mut bytes, mut descriptors) = (BytesMut::new(), VecDeque::new());
        while read(&theirs, &mut bytes, &mut descriptors).await {}
        assert_eq!(descriptors.len(), MAX_SOCKETS + 1);
        outbox.finish();
        run.await.unwrap();
    }
}
