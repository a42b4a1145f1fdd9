//! [`TarWriter`]: a tar entry by entry, as it goes out.

use std::io::{Read, Write};

use tar::EntryType;

use super::writer::RawEntry;
use super::{Attributes, LayerError};

/// Writes a tar entry by entry. Names are written as they are given; long ones as GNU tar has them.
pub struct TarWriter<'a>(tar::Builder<&'a mut dyn Write>);

impl std::fmt::Debug for TarWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TarWriter").finish_non_exhaustive()
    }
}

impl<'a> TarWriter<'a> {
    /// Writes to `to`, which should be buffered.
    pub fn new(to: &'a mut dyn Write) -> Self {
        Self(tar::Builder::new(to))
    }

    /// A folder.
    ///
    /// # Errors
    /// It can't be written.
    pub fn folder(&mut self, path: &[u8], attributes: Attributes) -> Result<(), LayerError> {
        self.plain(path, b"", EntryType::Directory, attributes)
    }

    /// A symbolic link.
    ///
    /// # Errors
    /// It can't be written.
    pub fn symlink(&mut self, path: &[u8], attributes: Attributes, target: &[u8]) -> Result<(), LayerError> {
        self.plain(path, target, EntryType::Symlink, attributes)
    }

    /// Another name of a file that was written before.
    ///
    /// # Errors
    /// It can't be written.
    pub fn hard_link(&mut self, path: &[u8], attributes: Attributes, target: &[u8]) -> Result<(), LayerError> {
        self.plain(path, target, EntryType::Link, attributes)
    }

    /// A file of `size` bytes.
    ///
    /// # Errors
    /// It has fewer bytes or can't be read, or can't be written.
    pub fn file(
        &mut self,
        path: &[u8],
        attributes: Attributes,
        size: u64,
        data: &mut dyn Read,
    ) -> Result<(), LayerError> {
        RawEntry { path, link: b"", kind: EntryType::Regular, size, attributes }.write(&mut self.0, data)
    }

    fn plain(&mut self, path: &[u8], link: &[u8], kind: EntryType, attributes: Attributes) -> Result<(), LayerError> {
        RawEntry { path, link, kind, size: 0, attributes }.write(&mut self.0, &mut std::io::empty())
    }

    /// Writes the end.
    ///
    /// # Errors
    /// It can't be written.
    pub fn finish(self) -> Result<(), LayerError> {
        self.0.into_inner().and_then(|to| to.flush()).map_err(LayerError::Write)
    }
}
