//! Telling and undoing a layer's compression.

use std::io::{self, BufReader, Read};

use super::read_fully;

/// How bytes are compressed, told by their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// Largest window a Zstandard stream may ask for, as a power of two: 128 MiB, the default limit of the `zstd` tool.
const ZSTD_MAX_WINDOW_LOG: u32 = 27;
/// Bytes that tell the compression.
const MAGIC_LEN: usize = 4;
/// Bytes read at once.
const BUFFER_BYTES: usize = 64 * 1024;

impl Compression {
    /// Tells the compression by magic numbers.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Reads `from` uncompressed, whatever its compression.
///
/// # Errors
/// It can't be read.
pub fn decompress<'a>(from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut from = from;
    let mut head = [0; MAGIC_LEN];
    let filled = read_fully(&mut from, &mut head)?;
    let head = head.get(..filled).unwrap_or_default().to_vec();
    let compression = Compression::of(&head);
    let from = BufReader::with_capacity(BUFFER_BYTES, io::Cursor::new(head).chain(from));
    Ok(match compression {
        Compression::None => Box::new(from),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(from)),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(from)?;
            decoder.window_log_max(ZSTD_MAX_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn each_compression_is_told_and_undone() {
        let text = b"the same bytes".as_slice();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).expect("memory");
        let gzip = gzip.finish().expect("memory");
        let zstd = zstd::encode_all(text, 1).expect("memory");
        for bytes in [text, &gzip, &zstd] {
            let mut out = Vec::new();
            decompress(bytes).expect("readable").read_to_end(&mut out).expect("whole");
            assert_eq!(out, text);
        }
    }

    #[test]
    fn a_truncated_stream_is_an_error() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&[7; 100_000]).expect("memory");
        let gzip = gzip.finish().expect("memory");
        let zstd = zstd::encode_all([7; 100_000].as_slice(), 1).expect("memory");
        for bytes in [&gzip[..gzip.len() - 4], &zstd[..zstd.len() - 2]] {
            let mut out = Vec::new();
            assert!(decompress(bytes).and_then(|mut reader| reader.read_to_end(&mut out)).is_err());
        }
    }
}
