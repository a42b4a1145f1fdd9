//! [`Pipe`]: one direction of a connection in memory.
//!
//! What is written in one piece is read without another copy where it is large, and is put together where it is small. No
//! lock is held while anybody is woken. A reader is woken when there is something, a writer when half of the room is free:
//! a pair that can't keep pace with each other changes over a few times a buffer, not at every piece.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use super::code::{Result, SocketError};
use super::counters::Counters;
use super::wakers::Wakers;

/// Bytes that a direction holds at most.
pub(crate) const CAPACITY: usize = 256 << 10;

/// Bytes that it holds at most while its writer's container has too much waiting.
const SMALL_CAPACITY: usize = 16 << 10;

/// Pieces shorter than this are put together.
const SMALL: usize = 4 << 10;

/// Bytes that one read gives at most.
const MAX_READ: usize = 256 << 10;

/// One direction of a connection in memory.
#[derive(Debug)]
pub(crate) struct Pipe {
    state: Mutex<State>,
    /// Of the writer's container.
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct State {
    /// Whole pieces, oldest first.
    pieces: VecDeque<Bytes>,
    /// Small pieces put together, behind all others.
    tail: BytesMut,
    len: usize,
    /// No more will be written; how it ends after what is here.
    end: Option<Result<()>>,
    /// Nobody will read any more.
    deaf: Option<Deaf>,
    readers: Wakers,
    writers: Wakers,
}

/// Why nobody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deaf {
    /// The reader wants no more: what is written is dropped.
    Shut,
    /// The reader is gone: a write fails.
    Gone,
}

impl State {
    fn push_tail(&mut self) {
        if !self.tail.is_empty() {
            let piece = self.tail.split().freeze();
            self.pieces.push_back(piece);
        }
    }

    /// Drops all, and says how many bytes that was.
    fn clear(&mut self) -> usize {
        self.pieces.clear();
        self.tail = BytesMut::new();
        std::mem::take(&mut self.len)
    }

    /// Those who wait for room, when there is enough of it.
    fn writers_with_room(&mut self) -> Wakers {
        if self.len <= CAPACITY / 2 { self.writers.take() } else { Wakers::default() }
    }

    /// The first bytes, at most `max` of them.
    fn pop(&mut self, max: usize) -> Bytes {
        let max = max.min(MAX_READ);
        if self.pieces.is_empty() {
            self.push_tail();
        }
        let Some(front) = self.pieces.front_mut() else { return Bytes::new() };
        let bytes = if front.len() > max {
            front.split_to(max)
        } else {
            let front = self.pieces.pop_front().unwrap_or_default();
            if front.len() < SMALL && front.len() < max && self.len > front.len() {
                let mut joined = BytesMut::with_capacity(self.len.min(max).min(16 * SMALL));
                joined.extend_from_slice(&front);
                self.join(&mut joined);
                joined.freeze()
            } else {
                front
            }
        };
        self.len -= bytes.len();
        bytes
    }

    /// Adds what follows, within the capacity.
    fn join(&mut self, joined: &mut BytesMut) {
        while joined.len() < joined.capacity() {
            if self.pieces.is_empty() {
                self.push_tail();
            }
            let Some(front) = self.pieces.front_mut() else { return };
            let part = front.split_to(front.len().min(joined.capacity() - joined.len()));
            joined.extend_from_slice(&part);
            if front.is_empty() {
                self.pieces.pop_front();
            }
        }
    }
}

impl Pipe {
    /// One whose writer's container counts what waits in it.
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        Self { state: Mutex::default(), counters }
    }

    fn free(&self, state: &State) -> usize {
        let capacity = if self.counters.is_full() { SMALL_CAPACITY } else { CAPACITY };
        capacity.saturating_sub(state.len)
    }

    /// Bytes that can be written now.
    pub(crate) fn room(&self) -> Result<usize> {
        let state = self.state.lock();
        Self::writable(&state)?;
        Ok(if state.deaf.is_some() { CAPACITY } else { self.free(&state) })
    }

    fn writable(state: &State) -> Result<()> {
        match (state.end, state.deaf) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(())), _) => Err(SocketError::ConnectionBroken),
            (None, Some(Deaf::Gone)) => Err(SocketError::ConnectionReset),
            (None, _) => Ok(()),
        }
    }

    /// Waits until something can be written, or a write fails at once.
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<Result<usize>> {
        let mut state = self.state.lock();
        Self::writable(&state)?;
        if state.deaf.is_some() {
            return Poll::Ready(Ok(CAPACITY));
        }
        match self.free(&state) {
            0 => {
                state.writers.register(cx);
                Poll::Pending
            }
            free => Poll::Ready(Ok(free)),
        }
    }

    /// Writes all of it, though it may be a little more than there is room for.
    pub(crate) fn write(&self, bytes: Bytes) -> Result<()> {
        let mut state = self.state.lock();
        Self::writable(&state)?;
        if state.deaf.is_some() || bytes.is_empty() {
            return Ok(());
        }
        state.len += bytes.len();
        self.counters.buffer(bytes.len());
        if bytes.len() < SMALL {
            state.tail.extend_from_slice(&bytes);
        } else {
            state.push_tail();
            state.pieces.push_back(bytes);
        }
        let readers = state.readers.take();
        drop(state);
        readers.wake();
        Ok(())
    }

    /// Writes a copy of as much as there is room for.
    pub(crate) fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let room = match self.poll_room(cx) {
            Poll::Ready(room) => room?,
            Poll::Pending => return Poll::Pending,
        };
        let part = bytes.get(..room).unwrap_or(bytes);
        self.write(Bytes::copy_from_slice(part))?;
        Poll::Ready(Ok(part.len()))
    }

    /// Reads at most `max` bytes; none at the end.
    pub(crate) fn poll_read(&self, cx: &Context<'_>, max: usize) -> Poll<Result<Bytes>> {
        let mut state = self.state.lock();
        if state.len == 0 {
            return Self::poll_end(&mut state, cx).map_ok(|()| Bytes::new());
        }
        let bytes = state.pop(max);
        self.counters.unbuffer(bytes.len());
        let writers = state.writers_with_room();
        drop(state);
        writers.wake();
        Poll::Ready(Ok(bytes))
    }

    /// Reads into a buffer that is not empty; 0 at the end.
    pub(crate) fn poll_read_into(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
        let mut state = self.state.lock();
        if state.len == 0 {
            return Self::poll_end(&mut state, cx).map_ok(|()| 0);
        }
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..)
            && !rest.is_empty()
            && state.len > 0
        {
            let piece = state.pop(rest.len());
            if let Some(to) = rest.get_mut(..piece.len()) {
                to.copy_from_slice(&piece);
            }
            filled += piece.len();
        }
        self.counters.unbuffer(filled);
        let writers = state.writers_with_room();
        drop(state);
        writers.wake();
        Poll::Ready(Ok(filled))
    }

    /// Waits until a read gives something, or the end.
    pub(crate) fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.len > 0 { Poll::Ready(()) } else { Self::poll_end(&mut state, cx).map(drop) }
    }

    fn poll_end(state: &mut State, cx: &Context<'_>) -> Poll<Result<()>> {
        if state.deaf.is_some() {
            return Poll::Ready(Ok(()));
        }
        match state.end {
            Some(end) => Poll::Ready(end),
            None => {
                state.readers.register(cx);
                Poll::Pending
            }
        }
    }

    /// No more is written; what was is still read.
    pub(crate) fn finish(&self) {
        self.end(Ok(()));
    }

    /// Cut: both sides fail, once what was written is read.
    pub(crate) fn reset(&self) {
        self.end(Err(SocketError::ConnectionReset));
    }

    fn end(&self, end: Result<()>) {
        let mut state = self.state.lock();
        if state.end.is_none_or(|earlier| earlier.is_ok() && end.is_err()) {
            state.end = Some(end);
        }
        let (readers, writers) = (state.readers.take(), state.writers.take());
        drop(state);
        readers.wake();
        writers.wake();
    }

    /// The reader wants no more.
    pub(crate) fn shut(&self) {
        self.deafen(Deaf::Shut);
    }

    /// The reader is gone. True: it leaves something unread.
    pub(crate) fn abandon(&self) -> bool {
        self.deafen(Deaf::Gone)
    }

    fn deafen(&self, how: Deaf) -> bool {
        let mut state = self.state.lock();
        let unread = state.clear();
        self.counters.unbuffer(unread);
        if state.deaf != Some(Deaf::Gone) {
            state.deaf = Some(how);
        }
        let (readers, writers) = (state.readers.take(), state.writers.take());
        drop(state);
        readers.wake();
        writers.wake();
        unread > 0
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.counters.unbuffer(self.state.get_mut().len);
    }
}

#[cfg(test)]
mod tests;
