//! [`Lines`]: a stranger's bytes, cut into lines of at most [`LINE_LIMIT`] bytes.

use super::filter::LINE_LIMIT;

/// Collects bytes until a line is whole.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
}

/// A line went on for ever.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Lines {
    /// Takes bytes; gives the lines that they end, without their ends and without empty ones.
    ///
    /// # Errors
    /// A line is longer than the limit. The lines before it are lost with it: who sends such things is cut off.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut whole = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            let ended = self.begun.pop_if(|byte| *byte == b'\n').is_some();
            // Its carriage return may stand before the end, or before an end that is still to come.
            let length = self.begun.strip_suffix(b"\r").unwrap_or(&self.begun).len();
            if length > LINE_LIMIT {
                return Err(TooLong);
            }
            if ended {
                self.begun.truncate(length);
                whole.extend(self.finish());
            }
        }
        Ok(whole)
    }

    /// The line that was begun, when no more comes: `printf LINE | nc HOST PORT` sends no end.
    pub(crate) fn finish(&mut self) -> Option<String> {
        let begun = std::mem::take(&mut self.begun);
        (!begun.is_empty()).then(|| String::from_utf8_lossy(&begun).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_any_pieces_and_with_any_ends() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(b"a\r\nb\n\n\r\nc").unwrap(), ["a", "b"]);
        assert_eq!(lines.take(b"d").unwrap(), Vec::<String>::new());
        assert_eq!(lines.take(b"\r").unwrap(), Vec::<String>::new());
        assert_eq!(lines.take(b"\ne\xff").unwrap(), ["cd"]);
        assert_eq!(lines.finish().unwrap(), "e\u{fffd}");
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn a_line_has_at_most_4096_bytes_whether_it_ends_or_not() {
        let longest = vec![b'x'; LINE_LIMIT];
        let mut lines = Lines::default();
        assert_eq!(lines.take(&longest).unwrap(), Vec::<String>::new());
        assert_eq!(lines.take(b"\r\n").unwrap()[0].len(), LINE_LIMIT);
        lines.take(&longest).unwrap();
        assert_eq!(lines.take(b"x"), Err(TooLong));
        let mut lines = Lines::default();
        assert_eq!(lines.take(&[&longest[..], b"x\n"].concat()), Err(TooLong));
    }
}
