//! Copy-up: a file of the image (or one that the engine provided) becomes a file of the upper folder.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::AtFlags;

use super::errno::{Errno, Result};
use super::host;
use super::memory::Owner;
use super::namespace::{Entry, Folder, Namespace, Spot};
use super::permission::{FILE_MODE, own_file};
use super::shared::FileKey;
use super::{Kind, Times};

/// Bytes copied at a time.
const CHUNK_BYTES: usize = 128 << 10;

/// What is copied up.
struct Source {
    key: FileKey,
    inode: u64,
    size: u64,
    owner: Owner,
    modified_ns: i64,
    /// Other names share the node, so open descriptors may be on one of those.
    shared: bool,
}

impl Namespace<'_> {
    /// Makes a file or link the upper folder's own, with its bytes or (`keep` false) empty. The caller looks the name up again.
    /// What is not of the image is left as it is.
    pub(super) fn copy_up(&mut self, folder: &mut Spot, name: &str, entry: &Entry, keep: bool) -> Result<()> {
        let source = match entry {
            Entry::Lower(node) => self.lower_source(*node),
            Entry::Provided(number) => self.provided_source(*number),
            _ => return Ok(()),
        };
        let to = self.make_upper(folder)?;
        self.add_entry(|names| names.copy_entry_up(folder, &to, name, entry, &source, keep))
    }

    fn copy_entry_up(
        &mut self,
        folder: &mut Spot,
        to: &Folder,
        name: &str,
        entry: &Entry,
        source: &Source,
        keep: bool,
    ) -> Result<()> {
        let root = self.make_upper_root()?;
        let temporary = self.temporary();
        if entry.kind(&self.view.tree) == Kind::Symlink {
            let target = self.link_target(folder, name, entry)?;
            rustix::fs::symlinkat(&target, &root, &temporary)?;
            return finish(&root, &temporary, to, name);
        }
        let size = if keep { source.size } else { 0 };
        if !self.view.shared.budget.take(size) {
            return Err(Errno::Quota);
        }
        let copied = self.copy_file(&root, &temporary, source, size);
        match copied.and_then(|file| finish(&root, &temporary, to, name).map(|()| file)) {
            Ok(file) => self.switch(source, file),
            Err(error) => {
                self.view.shared.budget.give(size);
                let _ = rustix::fs::unlinkat(&root, &temporary, AtFlags::empty());
                Err(error)
            }
        }
    }

    fn lower_source(&self, node: sprat_image::NodeId) -> Source {
        let attributes = self.view.tree.node(node);
        Source {
            key: FileKey::Lower(node),
            inode: self.view.stat_lower(node).inode,
            size: attributes.size,
            owner: self.view.lower_owner(node),
            modified_ns: attributes.mtime_ns,
            shared: attributes.nlink > 1,
        }
    }

    fn provided_source(&self, number: usize) -> Source {
        let stat = self.view.stat_provided(number);
        Source {
            key: FileKey::Provided(number),
            inode: stat.inode,
            size: stat.size,
            owner: Owner::root(FILE_MODE),
            modified_ns: stat.modified_ns,
            shared: false,
        }
    }

    fn copy_file(&self, root: &Folder, temporary: &str, source: &Source, size: u64) -> Result<OwnedFd> {
        let file = host::create_file(root.as_fd(), temporary, FILE_MODE)?;
        own_file(file.as_fd(), source.owner)?;
        let mut buffer = vec![0; CHUNK_BYTES.min(usize::try_from(size).unwrap_or(CHUNK_BYTES))];
        let mut offset = 0;
        while offset < size {
            let read = match source.key {
                FileKey::Lower(node) => self.view.tree.read_at(node, &mut buffer, offset)?,
                FileKey::Provided(number) => self.view.read_provided(number, &mut buffer, offset),
                FileKey::Upper(_) => 0,
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                return Err(Errno::Io);
            }
            write_all(&file, bytes, offset)?;
            offset += bytes.len() as u64;
        }
        if source.size == size {
            host::set_times(file.as_fd(), Times { accessed_ns: None, modified_ns: Some(source.modified_ns) })?;
        }
        Ok(file)
    }

    /// Lets descriptors that are open on the file see the copy, and keeps its node number. One of several names of an
    /// image's file becomes a node of its own.
    fn switch(&mut self, source: &Source, file: OwnedFd) -> Result<()> {
        let inode = host::stat(file.as_fd())?.inode;
        if source.shared {
            return Ok(());
        }
        self.state.origins.insert(inode, source.inode);
        if let Some(open) = self.state.files.remove(source.key) {
            open.copied_up(file);
            self.state.files.insert(FileKey::Upper(inode), &open);
        }
        Ok(())
    }
}

fn finish(root: &Folder, temporary: &str, folder: &Folder, name: &str) -> Result<()> {
    Ok(rustix::fs::renameat(root, temporary, folder, name)?)
}

fn write_all(file: &OwnedFd, mut bytes: &[u8], mut offset: u64) -> Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::pwrite(file, bytes, offset)?;
        bytes = bytes.get(written..).filter(|_| written > 0).ok_or(Errno::Io)?;
        offset += written as u64;
    }
    Ok(())
}
