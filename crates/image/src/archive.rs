//! Archives: docker-archive and OCI layout tars, in and out.

use std::io::{Read, Write};

use crate::{Digest, ProgressSink, Reference, Store, StoreError};

/// Reads an archive (docker-archive or OCI layout, plain, gzip or zstd). Returns what was loaded.
///
/// # Errors
/// The archive is malformed, hostile or does not match its digests; nothing is kept of it then.
pub fn load(_store: &Store, _from: impl Read, _progress: &ProgressSink) -> Result<Vec<Loaded>, StoreError> {
    todo!("image helper")
}

/// An image that an archive brought.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The image's id.
    pub id: Digest,
    /// The names it came with.
    pub tags: Vec<Reference>,
}

/// Writes images as one tar that is an OCI layout and a docker-archive at once.
///
/// # Errors
/// A name is unknown, or writing fails.
pub fn save(_store: &Store, _names: &[String], _to: impl Write) -> Result<(), StoreError> {
    todo!("image helper")
}

/// Makes an image of one layer from a tar of a root file system, as `docker import` does. `changes` are Dockerfile
/// lines.
///
/// # Errors
/// The tar is malformed or hostile, or a change is not understood.
pub fn import(
    _store: &Store,
    _from: impl Read,
    _tag: Option<Reference>,
    _message: &str,
    _changes: &[String],
) -> Result<Digest, StoreError> {
    todo!("image helper")
}
