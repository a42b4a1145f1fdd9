//! WebSocket frames as a server reads and writes them (RFC 6455, section 5). No extensions.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Most bytes of one frame of a client.
pub const MAX_SOCKET_FRAME: usize = 1 << 20;
/// What a client's key is hashed with for the answer (RFC 6455, section 1.3).
pub const SOCKET_KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketFrame {
    /// Bytes, or a part of them: where a message ends is of no matter to a stream.
    Data(Bytes),
    /// A question whether we are there; answered with [`pong`].
    Ping(Bytes),
    /// An answer to none of our questions.
    Pong,
    /// The client leaves.
    Close,
}

/// Why a client's bytes are no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SocketError {
    /// A client must mask what it sends (section 5.1).
    #[error("a frame is not masked")]
    Unmasked,
    /// Nobody agreed on an extension or another kind of frame (section 5.2).
    #[error("a frame of a kind that was not agreed on")]
    Reserved,
    /// A frame is too large.
    #[error("a frame has more than {MAX_SOCKET_FRAME} bytes")]
    TooLarge,
}

/// Takes the next frame off what a client sent; `None` if it is not all there yet.
///
/// # Errors
/// The bytes are no frame, or one that is too large; the connection is to be closed then.
pub fn next_frame(read: &mut BytesMut) -> Result<Option<SocketFrame>, SocketError> {
    let [first, second, ..] = **read else { return Ok(None) };
    let (kind, short) = (first & 0x0f, second & 0x7f);
    let control = kind >= 8;
    if first & 0x70 != 0 || !matches!(kind, 0..=2 | 8..=10) || (control && (short > 125 || first & 0x80 == 0)) {
        return Err(SocketError::Reserved);
    }
    if second & 0x80 == 0 {
        return Err(SocketError::Unmasked);
    }
    let more = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let head = 2 + more + 4;
    let Some(bytes) = read.get(2..head) else { return Ok(None) };
    let (length, mask) = bytes.split_at(more);
    let length = match more {
        0 => u64::from(short),
        _ => length.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
    };
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_SOCKET_FRAME);
    let length = length.ok_or(SocketError::TooLarge)?;
    let mask: [u8; 4] = mask.try_into().map_err(|_| SocketError::Reserved)?;
    if read.len() < head + length {
        read.reserve(head + length - read.len());
        return Ok(None);
    }
    read.advance(head);
    let mut data = read.split_to(length);
    for (byte, key) in data.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    let data = data.freeze();
    Ok(Some(match kind {
        8 => SocketFrame::Close,
        9 => SocketFrame::Ping(data),
        10 => SocketFrame::Pong,
        _ => SocketFrame::Data(data),
    }))
}

/// A binary message of these bytes.
#[must_use]
pub fn binary(data: &[u8]) -> Bytes {
    frame(2, data)
}

/// The answer to a [`SocketFrame::Ping`].
#[must_use]
pub fn pong(data: &[u8]) -> Bytes {
    frame(10, data)
}

/// A closing frame: the end was reached as usual (section 7.4.1).
#[must_use]
pub fn close() -> Bytes {
    frame(8, &1000_u16.to_be_bytes())
}

fn frame(kind: u8, data: &[u8]) -> Bytes {
    let mut to = BytesMut::with_capacity(data.len() + 10);
    to.put_u8(0x80 | kind);
    match (u8::try_from(data.len()), u16::try_from(data.len())) {
        (Ok(short @ 0..=125), _) => to.put_u8(short),
        (_, Ok(length)) => {
            to.put_u8(126);
            to.put_u16(length);
        }
        _ => {
            to.put_u8(127);
            to.put_u64(data.len() as u64);
        }
    }
    to.put_slice(data);
    to.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's own example (section 5.7): a masked "Hello".
    const HELLO: [u8; 11] = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];

    #[test]
    fn the_specifications_examples_are_read_however_their_bytes_arrive() {
        let mut read = BytesMut::new();
        for byte in &HELLO[..10] {
            read.put_u8(*byte);
            assert_eq!(next_frame(&mut read), Ok(None));
        }
        read.put_u8(HELLO[10]);
        read.put_slice(&[0x89, 0x80, 1, 2, 3, 4, 0x88, 0x80, 1, 2, 3, 4]);
        assert_eq!(next_frame(&mut read), Ok(Some(SocketFrame::Data("Hello".into()))));
        assert_eq!(next_frame(&mut read), Ok(Some(SocketFrame::Ping(Bytes::new()))));
        assert_eq!(next_frame(&mut read), Ok(Some(SocketFrame::Close)));
        assert_eq!(next_frame(&mut read), Ok(None));
    }

    #[test]
    fn what_no_client_may_send_is_refused() {
        for (bytes, error) in [
            (&[0x81, 0x05, 1, 2, 3, 4][..], SocketError::Unmasked),
            (&[0xc1, 0x85], SocketError::Reserved),
            (&[0x83, 0x85], SocketError::Reserved),
            (&[0x09, 0x80], SocketError::Reserved),
            (&[0x89, 0xfe], SocketError::Reserved),
            (&[0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0], SocketError::TooLarge),
            (&[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], SocketError::TooLarge),
        ] {
            assert_eq!(next_frame(&mut BytesMut::from(bytes)), Err(error), "{bytes:x?}");
        }
    }

    #[test]
    fn lengths_have_their_three_forms() {
        assert_eq!(binary(b"Hello"), &[0x82, 5, b'H', b'e', b'l', b'l', b'o'][..]);
        assert_eq!(binary(&[0; 126])[..4], [0x82, 126, 0, 126]);
        assert_eq!(binary(&[0; 65536])[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(close(), &[0x88, 2, 3, 0xe8][..]);
    }
}
