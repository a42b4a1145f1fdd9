//! Blobs: OCI content by digest. What lies there was verified when it came.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::durable;
use super::paths::Paths;
use crate::{Digest, StoreError};

/// Bytes read at once.
const COPY_BYTES: usize = 64 * 1024;

/// A blob while it is written; it comes to its place only when it is whole and right.
pub(crate) struct BlobWriter {
    file: NamedTempFile,
    hash: Sha256,
    size: u64,
}

impl BlobWriter {
    pub(crate) fn new(paths: &Paths) -> io::Result<Self> {
        Ok(Self { file: NamedTempFile::new_in(&paths.aside)?, hash: Sha256::new(), size: 0 })
    }

    /// Puts the blob to its place under the digest it has.
    pub(crate) fn finish(self, paths: &Paths) -> io::Result<(Digest, u64)> {
        let digest = Digest::from_bytes(self.hash.finalize().into());
        durable::persist(self.file, &paths.blob(&digest))?;
        Ok((digest, self.size))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The digest of all that `from` gives.
pub(crate) fn hash(from: &mut impl Read) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let filled = crate::layer::read_fully(from, &mut buffer)?;
        if filled == 0 {
            return Ok(Digest::from_bytes(hash.finalize().into()));
        }
        hash.update(buffer.get(..filled).unwrap_or_default());
    }
}

/// Takes a written file in as the blob `expected`, after a check of its digest.
pub(crate) fn adopt(paths: &Paths, file: &Path, expected: &Digest) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("read", file, error);
    let mut open = File::open(file).map_err(failed)?;
    verify(hash(&mut open).map_err(failed)?, expected, "blob")?;
    open.sync_all().map_err(failed)?;
    let target = paths.blob(expected);
    std::fs::rename(file, &target)
        .and_then(|()| durable::sync_parent(&target))
        .map_err(|error| StoreError::io("write", &target, error))
}

/// Takes `from` in as the blob `expected` of `size` bytes.
pub(crate) fn copy_in(paths: &Paths, from: &mut dyn Read, expected: &Digest, size: u64) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("write a blob in", &paths.root, error);
    let mut writer = BlobWriter::new(paths).map_err(failed)?;
    let copied = io::copy(&mut from.take(size.saturating_add(1)), &mut writer).map_err(failed)?;
    if copied != size {
        return Err(StoreError::invalid(format!("blob {expected}"), format!("it has not the {size} bytes it should")));
    }
    verify(Digest::from_bytes(writer.hash.clone().finalize().into()), expected, "blob")?;
    writer.finish(paths).map_err(failed)?;
    Ok(())
}

/// Opens a blob after a check of its digest.
pub(crate) fn open_verified(paths: &Paths, digest: &Digest) -> Result<File, StoreError> {
    let path = paths.blob(digest);
    let failed = |error| StoreError::io("read", &path, error);
    let mut file = File::open(&path).map_err(failed)?;
    verify(hash(&mut file).map_err(failed)?, digest, "stored blob")?;
    io::Seek::rewind(&mut file).map_err(failed)?;
    Ok(file)
}

/// A small blob whole, after a check of its digest.
pub(crate) fn read(paths: &Paths, digest: &Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
    let path = paths.blob(digest);
    let failed = |error| StoreError::io("read", &path, error);
    let file = File::open(&path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(StoreError::TooLarge { what: format!("blob {digest}"), limit });
    }
    verify(Digest::of(&bytes), digest, "stored blob")?;
    Ok(bytes)
}

/// Stores a small blob.
pub(crate) fn put(paths: &Paths, bytes: &[u8]) -> Result<Digest, StoreError> {
    let digest = Digest::of(bytes);
    let path = paths.blob(&digest);
    durable::write_file(&paths.aside, &path, bytes).map_err(|error| StoreError::io("write", &path, error))?;
    Ok(digest)
}

pub(crate) fn verify(actual: Digest, expected: &Digest, what: &str) -> Result<(), StoreError> {
    match actual == *expected {
        true => Ok(()),
        false => Err(StoreError::DigestMismatch { what: what.to_owned(), expected: expected.clone(), actual }),
    }
}
