//! Frames: how messages lie on a socket.
//!
//! A message is a big-endian length and that many bytes of JSON. An attachment's connection carries, after its answer, a
//! kind byte, a big-endian length and that many raw bytes. Both readers are fed with whatever arrived and give whole
//! frames; they never allocate by a length that was only announced.

use bytes::{Buf, Bytes, BytesMut};
use sprat_sandbox::Stream;

/// Largest message in bytes.
pub(crate) const MESSAGE_BYTES: usize = 4 << 20;

/// Largest payload of one chunk of an attachment in bytes.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;

/// Bytes of a message's length.
const MESSAGE_HEAD: usize = 4;

/// Bytes of a chunk's kind and length.
pub(crate) const CHUNK_HEAD: usize = 5;

/// A length past its limit; the reader can't find the next frame any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Oversized(pub(crate) usize);

/// What a chunk of an attachment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunkKind {
    /// Bytes for standard input.
    Input,
    /// The client sends no more input.
    InputEnd,
    /// What the guest wrote.
    Output(Stream),
    /// Anything else, from a newer peer; skipped.
    Unknown(u8),
}

impl ChunkKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Input => 0,
            Self::Output(Stream::Stdout) => 1,
            Self::Output(Stream::Stderr) => 2,
            Self::InputEnd => 3,
            Self::Unknown(byte) => byte,
        }
    }

    const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Input,
            1 => Self::Output(Stream::Stdout),
            2 => Self::Output(Stream::Stderr),
            3 => Self::InputEnd,
            other => Self::Unknown(other),
        }
    }
}

/// The head of a chunk with `len` bytes of payload; `len` is at most [`CHUNK_BYTES`].
pub(crate) fn chunk_head(kind: ChunkKind, len: usize) -> [u8; CHUNK_HEAD] {
    let [a, b, c, d] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    [kind.byte(), a, b, c, d]
}

/// A message as it goes on the wire.
pub(crate) fn message(body: &impl serde::Serialize) -> Result<Vec<u8>, Oversized> {
    let mut frame = Vec::with_capacity(512);
    frame.extend_from_slice(&[0; MESSAGE_HEAD]);
    // Plain data with string keys: this can't fail, and an empty message would be refused by the peer.
    if serde_json::to_writer(&mut frame, body).is_err() {
        frame.truncate(MESSAGE_HEAD);
    }
    let len = frame.len() - MESSAGE_HEAD;
    if len > MESSAGE_BYTES {
        return Err(Oversized(len));
    }
    let head = u32::try_from(len).map_err(|_| Oversized(len))?.to_be_bytes();
    if let Some(place) = frame.first_chunk_mut::<MESSAGE_HEAD>() {
        *place = head;
    }
    Ok(frame)
}

/// Takes the next whole message out of what was read.
pub(crate) fn next_message(read: &mut BytesMut) -> Result<Option<Bytes>, Oversized> {
    let Some(head) = read.first_chunk::<MESSAGE_HEAD>() else { return Ok(None) };
    let len = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
    if len > MESSAGE_BYTES {
        return Err(Oversized(len));
    }
    if read.len() < MESSAGE_HEAD + len {
        return Ok(None);
    }
    read.advance(MESSAGE_HEAD);
    Ok(Some(read.split_to(len).freeze()))
}

/// Takes the next whole chunk out of what was read.
pub(crate) fn next_chunk(read: &mut BytesMut) -> Result<Option<(ChunkKind, Bytes)>, Oversized> {
    let Some(&[kind, a, b, c, d]) = read.first_chunk::<CHUNK_HEAD>() else { return Ok(None) };
    let len = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if len > CHUNK_BYTES {
        return Err(Oversized(len));
    }
    if read.len() < CHUNK_HEAD + len {
        return Ok(None);
    }
    read.advance(CHUNK_HEAD);
    Ok(Some((ChunkKind::from_byte(kind), read.split_to(len).freeze())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_comes_back_whole_however_it_arrives() {
        let frame = message(&"hello").unwrap();
        let mut read = BytesMut::new();
        for (at, byte) in frame.iter().enumerate() {
            assert_eq!(next_message(&mut read), Ok(None), "after {at} bytes");
            read.extend_from_slice(&[*byte]);
        }
        assert_eq!(next_message(&mut read).unwrap().unwrap(), "\"hello\"");
        assert!(read.is_empty());
    }

    #[test]
    fn a_message_at_the_limit_passes_and_one_byte_more_does_not() {
        let text = "x".repeat(MESSAGE_BYTES - 2);
        assert!(message(&text).is_ok());
        assert_eq!(message(&format!("{text}x")), Err(Oversized(MESSAGE_BYTES + 1)));
    }

    #[test]
    fn an_announced_giant_is_refused_from_its_head_alone() {
        let mut read = BytesMut::from(&u32::MAX.to_be_bytes()[..]);
        assert_eq!(next_message(&mut read), Err(Oversized(u32::MAX as usize)));
        let mut read = BytesMut::from(&[0, 255, 255, 255, 255][..]);
        assert_eq!(next_chunk(&mut read), Err(Oversized(u32::MAX as usize)));
    }

    #[test]
    fn chunks_keep_their_kind_and_empty_ones_are_chunks() {
        let mut read = BytesMut::new();
        for kind in [
            ChunkKind::Input,
            ChunkKind::InputEnd,
            ChunkKind::Output(Stream::Stdout),
            ChunkKind::Output(Stream::Stderr),
            ChunkKind::Unknown(77),
        ] {
            read.extend_from_slice(&chunk_head(kind, 0));
            assert_eq!(next_chunk(&mut read).unwrap().unwrap(), (kind, Bytes::new()));
        }
        assert_eq!(next_chunk(&mut read), Ok(None));
    }

    /// All that a reader takes out of what came, up to the first error.
    fn drain<T: PartialEq>(
        read: &mut BytesMut,
        next: fn(&mut BytesMut) -> Result<Option<T>, Oversized>,
    ) -> (Vec<T>, Option<Oversized>) {
        let mut seen = Vec::new();
        loop {
            match next(read) {
                Ok(Some(frame)) => seen.push(frame),
                Ok(None) => return (seen, None),
                Err(error) => return (seen, Some(error)),
            }
        }
    }

    /// What comes of the bytes in parts of `cut` is what comes of them at once.
    fn same_however_cut<T: PartialEq + std::fmt::Debug>(
        bytes: &[u8],
        cut: usize,
        next: fn(&mut BytesMut) -> Result<Option<T>, Oversized>,
    ) {
        let whole = drain(&mut BytesMut::from(bytes), next);
        let mut read = BytesMut::new();
        let mut seen = (Vec::new(), None);
        for part in bytes.chunks(cut) {
            read.extend_from_slice(part);
            let (frames, error) = drain(&mut read, next);
            seen.0.extend(frames);
            seen.1 = error;
        }
        assert_eq!(seen, whole);
    }

    proptest! {
        #[test]
        fn any_bytes_are_the_same_frames_however_they_arrive(
            // Mostly small lengths, so that frames end within the bytes.
            bytes in prop::collection::vec(prop_oneof![8 => Just(0_u8), 4 => 0..6_u8, 1 => any::<u8>()], 0..200),
            cut in 1_usize..20,
        ) {
            same_however_cut(&bytes, cut, next_message);
            same_however_cut(&bytes, cut, next_chunk);
        }
    }
}
