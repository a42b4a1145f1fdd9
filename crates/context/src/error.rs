//! [`ContextError`]: why a folder can't become a build context.

use std::path::PathBuf;

use crate::PatternError;

/// Why a context can't be packed. Each variant names the path or line to change.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A file or folder can't be read.
    #[error("cannot read {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The taker of the tar failed.
    #[error("cannot send the build context")]
    Write(#[source] std::io::Error),
    /// The context is not a folder.
    #[error("{0} is not a folder: give the folder that holds the Dockerfile")]
    NotAFolder(PathBuf),
    /// A socket, pipe or device.
    #[error("{0} is a socket, pipe or device, which an image cannot hold: remove it or name it in .dockerignore")]
    SpecialFile(PathBuf),
    /// A name that is not UTF-8.
    #[error("{0:?} has a name that is not UTF-8, which WebAssembly programs cannot open: rename it or exclude it")]
    NotUtf8(PathBuf),
    /// A file got shorter while it was being read.
    #[error("{0} changed while it was read: try again when nothing writes to it")]
    Changed(PathBuf),
    /// A line of `.dockerignore` is malformed.
    #[error(".dockerignore line {line}: {source}")]
    Ignore {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        source: PatternError,
    },
    /// `.dockerignore` is not text.
    #[error(".dockerignore is not UTF-8 text")]
    IgnoreNotUtf8,
    /// An extra file's path leaves the context.
    #[error("{0:?} is not a path within the build context")]
    ExtraPath(String),
    /// A limit is passed.
    #[error(
        "the build context has more than {limit} {unit}{at}: exclude what the build does not need in .dockerignore"
    )]
    Limit {
        /// The limit.
        limit: u64,
        /// Its unit.
        unit: &'static str,
        /// Where, with a leading ` at `, or empty.
        at: String,
    },
}
