//! The framing of output without a terminal: an 8-byte header (stream, 0, 0, 0, big-endian length), then the bytes.
//!
//! The decoder takes bytes in any slicing, holds at most one frame, and refuses what no daemon sends.

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of a frame's header.
pub const HEADER_LEN: usize = 8;

/// Most bytes of one frame that the decoder accepts.
pub const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// Which stream a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StdStream {
    /// Standard input (only ever written by very old daemons).
    Stdin,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// An error of the daemon, told within the stream.
    System,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its stream.
    pub stream: StdStream,
    /// Its bytes.
    pub data: Bytes,
}

/// Why bytes are no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first byte names no stream.
    #[error("unrecognized stream {0} in the frame header: is this the output of a terminal?")]
    Stream(u8),
    /// The frame is too large.
    #[error("a frame of {0} bytes is larger than the limit of {MAX_FRAME_BYTES}")]
    TooLarge(u32),
}

/// The header of a frame with `length` bytes.
#[must_use]
pub const fn header(stream: StdStream, length: u32) -> [u8; HEADER_LEN] {
    let kind = match stream {
        StdStream::Stdin => 0,
        StdStream::Stdout => 1,
        StdStream::Stderr => 2,
        StdStream::System => 3,
    };
    let [a, b, c, d] = length.to_be_bytes();
    [kind, 0, 0, 0, a, b, c, d]
}

/// Appends `data` as one frame, or as several if it has more than [`MAX_FRAME_BYTES`]. Nothing for no data.
pub fn encode(stream: StdStream, data: &[u8], to: &mut BytesMut) {
    for part in data.chunks(MAX_FRAME_BYTES) {
        to.reserve(HEADER_LEN + part.len());
        // A part fits: the limit is far below 4 GiB.
        to.put_slice(&header(stream, u32::try_from(part.len()).unwrap_or(u32::MAX)));
        to.put_slice(part);
    }
}

/// Takes bytes as they come and gives frames.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    buffer: BytesMut,
}

impl FrameDecoder {
    /// Adds received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The bytes are no frames; the stream can't be read on.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(&[kind, _, _, _, a, b, c, d]) = self.buffer.first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let stream = match kind {
            0 => StdStream::Stdin,
            1 => StdStream::Stdout,
            2 => StdStream::Stderr,
            3 => StdStream::System,
            other => return Err(FrameError::Stream(other)),
        };
        let length = u32::from_be_bytes([a, b, c, d]);
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if size > MAX_FRAME_BYTES {
            return Err(FrameError::TooLarge(length));
        }
        if self.buffer.len() < HEADER_LEN + size {
            return Ok(None);
        }
        let mut frame = self.buffer.split_to(HEADER_LEN + size);
        Ok(Some(Frame { stream, data: frame.split_off(HEADER_LEN).freeze() }))
    }

    /// True if bytes of an unfinished frame are held: the stream was cut off if it ends now.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream() -> impl Strategy<Value = StdStream> {
        prop_oneof![Just(StdStream::Stdout), Just(StdStream::Stderr), Just(StdStream::System)]
    }

    fn drain(decoder: &mut FrameDecoder) -> Vec<Frame> {
        std::iter::from_fn(|| decoder.next_frame().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn frames_survive_any_slicing(
            frames in prop::collection::vec((stream(), prop::collection::vec(any::<u8>(), 1..200)), 0..20),
            cut in 1usize..50,
        ) {
            let mut wire = BytesMut::new();
            for (stream, data) in &frames {
                encode(*stream, data, &mut wire);
            }
            let mut decoder = FrameDecoder::default();
            let mut seen = Vec::new();
            for part in wire.chunks(cut) {
                decoder.push(part);
                seen.extend(drain(&mut decoder));
            }
            prop_assert!(!decoder.is_partial());
            let seen: Vec<_> = seen.into_iter().map(|frame| (frame.stream, frame.data.to_vec())).collect();
            prop_assert_eq!(seen, frames);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut decoder = FrameDecoder::default();
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next_frame() {}
        }
    }

    #[test]
    fn a_frame_past_the_limit_is_refused_before_it_is_held() {
        let mut decoder = FrameDecoder::default();
        decoder.push(&header(StdStream::Stdout, u32::MAX));
        assert_eq!(decoder.next_frame(), Err(FrameError::TooLarge(u32::MAX)));
    }

    #[test]
    fn a_terminals_output_is_told_from_frames() {
        let mut decoder = FrameDecoder::default();
        decoder.push(b"hello, world");
        assert_eq!(decoder.next_frame(), Err(FrameError::Stream(b'h')));
    }
}
