//! One line in docker's json-file format.
//!
//! Written by hand: it is the hot path of every guest, and docker escapes more than JSON asks for (`<`, `>`, `&`, the line
//! separators of Unicode), which readers of log files compare byte by byte.

use std::io::Write;

use jiff::Timestamp;
use sprat_sandbox::Stream;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends one line of the log file. `attributes` is a JSON object, or nothing.
pub(super) fn encode(out: &mut Vec<u8>, text: &[&[u8]], stream: Stream, time: Timestamp, attributes: &str) {
    out.extend_from_slice(b"{\"log\":\"");
    match text {
        [one] => escape(out, one),
        // The parts may meet within a character.
        parts => escape(out, &parts.concat()),
    }
    out.extend_from_slice(b"\",\"stream\":\"");
    out.extend_from_slice(match stream {
        Stream::Stdout => b"stdout",
        Stream::Stderr => b"stderr",
    });
    out.extend_from_slice(b"\"");
    if !attributes.is_empty() {
        out.extend_from_slice(b",\"attrs\":");
        out.extend_from_slice(attributes.as_bytes());
    }
    out.extend_from_slice(b",\"time\":\"");
    // Writing to a vector can't fail.
    let _ = write!(out, "{time}");
    out.extend_from_slice(b"\"}\n");
}

fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        escape_valid(out, chunk.valid());
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

fn escape_valid(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let rest = bytes.get(at..).unwrap_or_default();
        let separator = byte == 0xE2 && (rest.starts_with(b"\xE2\x80\xA8") || rest.starts_with(b"\xE2\x80\xA9"));
        if !separator && byte >= 0x20 && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&') {
            continue;
        }
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        from = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ if separator => {
                out.extend_from_slice(if rest.get(2) == Some(&0xA8) { b"\\u2028" } else { b"\\u2029" });
                from = at + 3;
            }
            _ => {
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogLine;

    fn encoded(text: &[u8]) -> String {
        let mut out = Vec::new();
        encode(&mut out, &[text], Stream::Stdout, Timestamp::from_second(1_700_000_000).unwrap(), "");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_byte_for_byte_what_docker_writes() {
        assert_eq!(
            encoded(b"a \"b\" <c> & \x01\r\n"),
            "{\"log\":\"a \\\"b\\\" \\u003cc\\u003e \\u0026 \\u0001\\r\\n\",\"stream\":\"stdout\",\
             \"time\":\"2023-11-14T22:13:20Z\"}\n"
        );
    }

    #[test]
    fn attributes_stand_before_the_time() {
        let mut out = Vec::new();
        encode(&mut out, &[b"x\n"], Stream::Stderr, Timestamp::UNIX_EPOCH, r#"{"tag":"t"}"#);
        let expected = r#"{"log":"x\n","stream":"stderr","attrs":{"tag":"t"},"time":"1970-01-01T00:00:00Z"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\n"));
    }

    #[test]
    fn invalid_utf8_is_replaced_byte_by_byte_and_the_line_stays_json() {
        let line: LogLine = serde_json::from_str(&encoded(b"a\xff\xf0\x9f\x92b\n")).unwrap();
        assert_eq!(line.log, "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}b\n");
    }

    #[test]
    fn every_character_comes_back() {
        let text: String = ('\0'..='\u{2100}').chain(['\u{fffd}', '\u{1f41f}', '\u{10ffff}']).collect();
        let line: LogLine = serde_json::from_str(&encoded(text.as_bytes())).unwrap();
        assert_eq!(line.log, text);
    }
}
