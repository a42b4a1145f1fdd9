//! `fd_read` and `fd_write`: on files at once, on standard streams with waiting.
//!
//! A write to a full stream waits for room, so a guest can't produce faster than its output is taken.

use std::future::poll_fn;

use wasmtime::Caller;

use super::descriptors::Entry;
use super::errno::Errno;
use super::memory::Buffer;
use super::{Process, fd, sockets, with_memory};
use crate::{InputChunk, Stream};

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
    /// It goes on when standard input has bytes.
    AwaitInput(Buffer),
    /// It goes on when the stream has room.
    AwaitOutput(Stream, Buffer),
}

impl Step {
    fn from_result(result: Result<Self, Errno>) -> Self {
        result.unwrap_or_else(|errno| Self::Done(Err(errno)))
    }
}

pub(super) async fn fd_read(mut caller: Caller<'_, Process>, transfer: Transfer) -> wasmtime::Result<i32> {
    if is_socket(caller.data(), transfer.fd) {
        return sockets::receive(caller, transfer, 0, None).await;
    }
    let first = with_memory(&mut caller, |memory, process| {
        Step::from_result((|| {
            if !matches!(process.descriptors.get(transfer.fd)?, Entry::Input) {
                let iovecs = (transfer.iovecs, transfer.count);
                return Ok(Step::Done(fd::read(memory, process, transfer.fd, iovecs, None, transfer.moved_at)));
            }
            Ok(Step::AwaitInput(memory.first_buffer(transfer.iovecs, transfer.count, MAX_CHUNK)?))
        })())
    })?;
    let buffer = match first {
        Step::Done(result) => return Ok(Errno::code(result)),
        Step::AwaitInput(buffer) | Step::AwaitOutput(_, buffer) => buffer,
    };
    let bytes = read_input(caller.data(), buffer.len).await;
    with_memory(&mut caller, |memory, _| {
        Errno::code((|| {
            memory.store(buffer.address, &bytes)?;
            memory.store_u32(transfer.moved_at, u32::try_from(bytes.len()).map_err(|_| Errno::OVERFLOW)?)
        })())
    })
}

/// Waits for bytes of standard input; none at its end.
async fn read_input(process: &Process, max: u32) -> bytes::Bytes {
    let Some(input) = process.stdio.input.clone().filter(|_| max > 0) else { return bytes::Bytes::new() };
    loop {
        match input.read(max as usize) {
            InputChunk::Bytes(bytes) => return bytes,
            InputChunk::End => return bytes::Bytes::new(),
            InputChunk::Empty => poll_fn(|cx| input.poll_ready(cx)).await,
        }
    }
}

fn is_socket(process: &Process, number: u32) -> bool {
    matches!(process.descriptors.get(number), Ok(Entry::Socket(_)))
}

pub(super) async fn fd_write(mut caller: Caller<'_, Process>, transfer: Transfer) -> wasmtime::Result<i32> {
    if is_socket(caller.data(), transfer.fd) {
        return sockets::send(caller, transfer, 0).await;
    }
    loop {
        match with_memory(&mut caller, |memory, process| Step::from_result(try_write(memory, process, transfer)))? {
            Step::Done(result) => return Ok(Errno::code(result)),
            Step::AwaitInput(_) => {}
            Step::AwaitOutput(stream, _) => {
                let output = std::sync::Arc::clone(&caller.data().stdio.output);
                poll_fn(|cx| output.poll_ready(stream, cx)).await;
            }
        }
    }
}

fn try_write(
    memory: &mut super::memory::GuestMemory<'_>,
    process: &mut Process,
    transfer: Transfer,
) -> Result<Step, Errno> {
    let &Entry::Output(stream) = process.descriptors.get(transfer.fd)? else {
        let iovecs = (transfer.iovecs, transfer.count);
        return Ok(Step::Done(fd::write(memory, process, transfer.fd, iovecs, None, transfer.moved_at)));
    };
    let buffer = memory.first_buffer(transfer.iovecs, transfer.count, MAX_CHUNK)?;
    let bytes = memory.bytes(buffer.address, buffer.len)?;
    let written = if bytes.is_empty() { Some(0) } else { process.stdio.output.write(stream, bytes) };
    match written {
        None => Err(Errno::PIPE),
        Some(0) if buffer.len > 0 => Ok(Step::AwaitOutput(stream, buffer)),
        Some(written) => {
            let written = u32::try_from(written).map_err(|_| Errno::OVERFLOW)?;
            Ok(Step::Done(memory.store_u32(transfer.moved_at, written)))
        }
    }
}
