//! Log files: json-file lines, rotated. Never fatal to the guest.
//!
//! A guest's [`LogWriter`] cuts its output into lines, keeps a line without its end until it ends (or grows past
//! [`LINE_BYTES`]) and appends lines with one write. It holds no descriptor before the first line, and
//! [`open::OpenLogs`] takes it away again when too many are open. What can't be written is counted and dropped.

mod line;
pub(crate) mod open;
mod writer;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use open::OpenLogs;
pub(crate) use writer::LogWriter;

/// Longest text of one log line in bytes; longer ones are split.
pub(crate) const LINE_BYTES: usize = 16 << 10;

/// Where a guest's log goes and how large it may get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogOptions {
    /// The newest file; older ones get `.1`, `.2` … behind their name. It appears with the first line.
    pub path: PathBuf,
    /// Bytes of one file; 0 is no limit. Default 10 MB.
    pub max_size: u64,
    /// Files kept, the newest included. Default 3.
    pub max_files: u32,
    /// What is noted with each line, as a JSON object; empty for nothing.
    #[serde(default)]
    pub attributes: String,
}

/// One line of a log file, as docker's json-file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The text with its line end, if it has one. Bytes that are no UTF-8 are replaced.
    pub log: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// RFC 3339 with nanoseconds.
    pub time: String,
}
