//! Text that need not be UTF-8: bytes that are none are kept as characters of a private area, so that the shell works on
//! strings and loses nothing.

/// The private character that stands for byte 0 (Supplementary Private Use Area B, its last 256).
const BASE: u32 = 0x0010_FE00;

/// Bytes as text.
pub(crate) fn decode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(BASE + u32::from(*byte))));
    }
    text
}

/// Text as the bytes it was made from.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        match u32::from(c).checked_sub(BASE).and_then(|n| u8::try_from(n).ok()) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    bytes
}

/// Whether a text is a variable's name.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A text in single quotes, so that a shell reads it as it is.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_utf8_come_back_as_they_were() {
        for bytes in [&b"plain"[..], b"\xff\x00a\xc3", "ü€😀".as_bytes(), b"\xc3\xa4\xe4"] {
            assert_eq!(encode(&decode(bytes)), bytes);
        }
    }
}
