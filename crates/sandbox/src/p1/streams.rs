//! `fd_read` and `fd_write`: on files at once, on standard streams and pipes with waiting.
//!
//! A write to a full stream waits for room, so a guest can't produce faster than its output is taken.

use std::future::poll_fn;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use wasmtime::Caller;

use super::errno::Errno;
use super::memory::Buffer;
use super::{Process, fd, with_memory};
use crate::InputChunk;
use crate::handle::{Broken, Handle};

/// Bytes that one read or write of a standard stream moves at most.
const MAX_CHUNK: u32 = 64 << 10;

/// Where `fd_read` and `fd_write` find their arguments and leave their result.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transfer {
    pub(super) fd: u32,
    pub(super) iovecs: u32,
    pub(super) count: u32,
    pub(super) moved_at: u32,
}

/// What a transfer needs.
enum Step {
    /// It is done, with this result.
    Done(Result<(), Errno>),
    /// It goes on when the stream is ready.
    Await(Handle, Buffer),
}

impl Step {
    fn from_result(result: Result<Self, Errno>) -> Self {
        result.unwrap_or_else(|errno| Self::Done(Err(errno)))
    }
}

pub(super) async fn fd_read(mut caller: Caller<'_, Process>, transfer: Transfer) -> wasmtime::Result<i32> {
    let first = with_memory(&mut caller, |memory, process| {
        Step::from_result((|| {
            let handle = process.descriptors.get(transfer.fd)?;
            if let Handle::Node(_) = handle {
                let iovecs = (transfer.iovecs, transfer.count);
                return Ok(Step::Done(fd::read(memory, process, transfer.fd, iovecs, None, transfer.moved_at)));
            }
            let handle = handle.clone();
            Ok(Step::Await(handle, memory.first_buffer(transfer.iovecs, transfer.count, MAX_CHUNK)?))
        })())
    })?;
    let (handle, buffer) = match first {
        Step::Done(result) => return Ok(Errno::code(result)),
        Step::Await(handle, buffer) => (handle, buffer),
    };
    let bytes = match read_stream(caller.data(), &handle, buffer.len).await {
        Ok(bytes) => bytes,
        Err(errno) => return Ok(Errno::code(Err(errno))),
    };
    with_memory(&mut caller, |memory, _| {
        Errno::code((|| {
            memory.store(buffer.address, &bytes)?;
            memory.store_u32(transfer.moved_at, u32::try_from(bytes.len()).map_err(|_| Errno::OVERFLOW)?)
        })())
    })
}

/// Waits for bytes of a stream; none at its end.
async fn read_stream(process: &Process, handle: &Handle, max: u32) -> Result<Bytes, Errno> {
    loop {
        if max == 0 && !matches!(handle, Handle::Output(_) | Handle::Writer(_)) {
            return Ok(Bytes::new());
        }
        match handle.read(&process.files, max as usize)? {
            InputChunk::Bytes(bytes) => return Ok(bytes),
            InputChunk::End => return Ok(Bytes::new()),
            InputChunk::Empty if never_waits(handle) => return Err(Errno::AGAIN),
            InputChunk::Empty => poll_fn(|cx| handle.poll_readable(cx)).await,
        }
    }
}

/// The guest asked not to wait.
fn never_waits(handle: &Handle) -> bool {
    match handle {
        Handle::Reader(end) => end.nonblocking().load(Ordering::Relaxed),
        Handle::Writer(end) => end.nonblocking().load(Ordering::Relaxed),
        Handle::Input(_) | Handle::Output(_) | Handle::Node(_) => false,
    }
}

pub(super) async fn fd_write(mut caller: Caller<'_, Process>, transfer: Transfer) -> wasmtime::Result<i32> {
    loop {
        match with_memory(&mut caller, |memory, process| Step::from_result(try_write(memory, process, transfer)))? {
            Step::Done(result) => return Ok(Errno::code(result)),
            Step::Await(handle, _) => poll_fn(|cx| handle.poll_writable(cx)).await,
        }
    }
}

fn try_write(
    memory: &mut super::memory::GuestMemory<'_>,
    process: &Process,
    transfer: Transfer,
) -> Result<Step, Errno> {
    let handle = process.descriptors.get(transfer.fd)?;
    if let Handle::Node(_) = handle {
        let iovecs = (transfer.iovecs, transfer.count);
        return Ok(Step::Done(fd::write(memory, process, transfer.fd, iovecs, None, transfer.moved_at)));
    }
    let buffer = memory.first_buffer(transfer.iovecs, transfer.count, MAX_CHUNK)?;
    let bytes = memory.bytes(buffer.address, buffer.len)?;
    if bytes.is_empty() && !matches!(handle, Handle::Input(_) | Handle::Reader(_)) {
        return Ok(Step::Done(memory.store_u32(transfer.moved_at, 0)));
    }
    match handle.write(&process.files, bytes) {
        Err(Broken::Closed) => Err(Errno::PIPE),
        Err(Broken::Failed(errno)) => Err(errno.into()),
        Ok(0) if never_waits(handle) => Err(Errno::AGAIN),
        Ok(0) => Ok(Step::Await(handle.clone(), buffer)),
        Ok(written) => {
            let written = u32::try_from(written).map_err(|_| Errno::OVERFLOW)?;
            Ok(Step::Done(memory.store_u32(transfer.moved_at, written)))
        }
    }
}
