//! Archives: docker-archive and OCI layout tars, in and out.
//!
//! An archive is a stranger's: it is unpacked by the same reader and limits as a layer, into a tree that is thrown away
//! afterwards, and everything in it is checked against the digest that names it.

mod import;
mod load;
mod save;

use std::io::{Read, Write};

use crate::{Digest, ProgressSink, Reference, Store, StoreError};

/// Most images of one archive.
pub const MAX_ARCHIVE_IMAGES: usize = 1024;

/// Reads an archive (docker-archive or OCI layout, plain, gzip or zstd). Returns what was loaded.
///
/// # Errors
/// The archive is malformed, hostile or does not match its digests; nothing is kept of it then.
pub fn load(store: &Store, from: impl Read, progress: &ProgressSink) -> Result<Vec<Loaded>, StoreError> {
    load::load(store, from, progress)
}

/// An image that an archive brought.
#[derive(Debug, Clone, PartialEq, Eq)]
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
pub fn save(store: &Store, names: &[String], to: impl Write) -> Result<(), StoreError> {
    save::save(store, names, to)
}

/// Makes an image of one layer from a tar of a root file system, as `docker import` does. `changes` are Dockerfile
/// lines.
///
/// # Errors
/// The tar is malformed or hostile, or a change is not understood.
pub fn import(
    store: &Store,
    from: impl Read,
    tag: Option<Reference>,
    message: &str,
    changes: &[String],
) -> Result<Digest, StoreError> {
    import::import(store, from, tag, message, changes)
}

#[cfg(test)]
mod tests;
