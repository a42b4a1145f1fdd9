//! Log reading: json-file lines, tail, since, until, follow.

use bytes::Bytes;
use jiff::Timestamp;
use sprat_sandbox::Stream;

/// Which lines are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Go on with new lines until the container ends.
    pub follow: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// Only the last so many; `None` is all.
    pub tail: Option<usize>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Where the guest wrote it.
    pub stream: Stream,
    /// When, RFC 3339 with nanoseconds, as logged.
    pub time: String,
    /// The text with its line end, if it has one.
    pub text: Bytes,
}
