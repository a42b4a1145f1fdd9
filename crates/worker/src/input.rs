//! [`InputBuffer`]: what attachments sent and the guest has not read yet.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use sprat_sandbox::InputChunk;

use crate::stdio::remember;

/// Input that may wait for a guest in bytes; one chunk more may go past it.
const INPUT_BYTES: usize = 256 << 10;

/// When a guest's standard input ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum InputMode {
    /// The guest is not started yet.
    #[default]
    Undecided,
    /// It is at its end; what is sent is dropped.
    Closed,
    /// It stays open for further attachments.
    Open,
    /// It ends with the first attachment that ends.
    Once,
}

/// Input on its way to a guest.
#[derive(Debug, Default)]
pub(crate) struct InputBuffer {
    mode: InputMode,
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// An attachment ended its input.
    ended: bool,
    readers: Vec<Waker>,
    writers: Vec<Waker>,
}

impl InputBuffer {
    /// Sets the mode.
    pub(crate) fn decide(&mut self, mode: InputMode) {
        self.mode = mode;
        if mode == InputMode::Closed {
            self.chunks = VecDeque::new();
            self.bytes = 0;
        }
        self.wake();
    }

    /// An attachment will send no more.
    pub(crate) fn source_ended(&mut self) {
        self.ended = true;
        self.wake();
    }

    /// Takes a chunk, or gives it back and remembers to wake the caller when there is room.
    pub(crate) fn push(&mut self, chunk: Bytes, cx: &Context<'_>) -> Result<(), Bytes> {
        if self.is_at_end() || chunk.is_empty() {
            return Ok(());
        }
        if self.bytes >= INPUT_BYTES {
            remember(&mut self.writers, cx);
            return Err(chunk);
        }
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
        std::mem::take(&mut self.readers).into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Takes at most `max` bytes out.
    pub(crate) fn read(&mut self, max: usize) -> InputChunk {
        let Some(first) = self.chunks.front_mut() else {
            return if self.is_at_end() { InputChunk::End } else { InputChunk::Empty };
        };
        let chunk = first.split_to(max.min(first.len()));
        if first.is_empty() {
            self.chunks.pop_front();
        }
        self.bytes -= chunk.len();
        if self.bytes < INPUT_BYTES {
            std::mem::take(&mut self.writers).into_iter().for_each(Waker::wake);
        }
        InputChunk::Bytes(chunk)
    }

    /// Ready when [`Self::read`] gives bytes or the end.
    pub(crate) fn poll_ready(&mut self, cx: &Context<'_>) -> Poll<()> {
        if !self.chunks.is_empty() || self.is_at_end() {
            return Poll::Ready(());
        }
        remember(&mut self.readers, cx);
        Poll::Pending
    }

    fn is_at_end(&self) -> bool {
        match self.mode {
            InputMode::Undecided | InputMode::Open => false,
            InputMode::Closed => true,
            InputMode::Once => self.ended,
        }
    }

    fn wake(&mut self) {
        std::mem::take(&mut self.readers).into_iter().for_each(Waker::wake);
        std::mem::take(&mut self.writers).into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(buffer: &mut InputBuffer, chunk: &'static [u8]) -> Result<(), Bytes> {
        buffer.push(Bytes::from_static(chunk), &Context::from_waker(Waker::noop()))
    }

    #[test]
    fn input_sent_before_the_start_is_kept_and_ends_if_asked_to() {
        let mut buffer = InputBuffer::default();
        push(&mut buffer, b"early").unwrap();
        buffer.source_ended();
        buffer.decide(InputMode::Once);
        assert_eq!(buffer.read(3), InputChunk::Bytes(Bytes::from_static(b"ear")));
        assert_eq!(buffer.read(9), InputChunk::Bytes(Bytes::from_static(b"ly")));
        assert_eq!(buffer.read(9), InputChunk::End);
    }

    #[test]
    fn open_input_outlives_its_attachments() {
        let mut buffer = InputBuffer::default();
        buffer.decide(InputMode::Open);
        buffer.source_ended();
        assert_eq!(buffer.read(9), InputChunk::Empty);
        push(&mut buffer, b"more").unwrap();
        assert_eq!(buffer.read(9), InputChunk::Bytes(Bytes::from_static(b"more")));
    }

    #[test]
    fn closed_input_swallows_what_is_sent() {
        let mut buffer = InputBuffer::default();
        push(&mut buffer, b"x").unwrap();
        buffer.decide(InputMode::Closed);
        push(&mut buffer, b"y").unwrap();
        assert_eq!(buffer.read(9), InputChunk::End);
    }

    #[test]
    fn a_full_buffer_holds_the_sender_until_the_guest_reads() {
        let mut buffer = InputBuffer::default();
        buffer.decide(InputMode::Open);
        push(&mut buffer, &[0; INPUT_BYTES]).unwrap();
        assert!(push(&mut buffer, b"x").is_err());
        buffer.read(1);
        push(&mut buffer, b"x").unwrap();
    }
}
