//! Log files: json-file lines, rotated. Never fatal to the guest.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a guest's log goes and how large it may get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogOptions {
    /// The newest file; older ones get `.1`, `.2` … behind their name. It appears with the first line.
    pub path: PathBuf,
    /// Bytes of one file. Default 10 MB.
    pub max_size: u64,
    /// Files kept, the newest included. Default 3.
    pub max_files: u32,
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
