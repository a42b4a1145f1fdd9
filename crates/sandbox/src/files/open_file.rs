//! [`OpenFile`]: an open file's bytes, wherever they are.
//!
//! Files of image and upper folder are shared by all their descriptors, so a descriptor that was opened for reading
//! sees what is written after the file was copied up. An image file with several names is the exception, as on
//! overlayfs: copying it up parts the name from the others, and descriptors opened before keep the image's bytes.

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use rustix::io::ReadWriteFlags;
use sprat_image::NodeId;

use super::device::Device;
use super::errno::{Errno, Result};
use super::inner::Inner;
use super::memory::{MemoryNode, Owner};
use super::permission::{FILE_MODE, host_owner, recorded_owner};
use super::shared::Shared;
use super::{Kind, Stat, Times, host};
use crate::User;

/// Largest file in bytes.
const MAX_FILE_BYTES: u64 = i64::MAX as u64;

/// An open file.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) device: u64,
    pub(super) inode: u64,
    backing: RwLock<Backing>,
    /// Held while the size may grow, so that the bytes it grows by are counted once.
    growing: Mutex<()>,
    /// It has no name left: its bytes are given back when it is closed.
    orphan: AtomicBool,
    shared: Option<Arc<Shared>>,
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Backing {
    Lower(NodeId),
    Provided(usize),
    Upper(OwnedFd),
    Host(OwnedFd),
    Memory(Arc<MemoryNode>),
    Device(Device),
}

impl OpenFile {
    pub(super) fn new(device: u64, inode: u64, backing: Backing, shared: Option<Arc<Shared>>) -> Arc<Self> {
        Arc::new(Self {
            device,
            inode,
            backing: RwLock::new(backing),
            growing: Mutex::new(()),
            orphan: AtomicBool::new(false),
            shared,
        })
    }

    /// From now on the bytes are in the upper folder.
    pub(super) fn copied_up(&self, file: OwnedFd) {
        *self.backing.write() = Backing::Upper(file);
    }

    /// Its last name is gone.
    pub(super) fn orphaned(&self) {
        self.orphan.store(true, Ordering::Relaxed);
    }

    /// It is still the image's (or the engine's) own.
    pub(super) fn is_lower(&self) -> bool {
        matches!(*self.backing.read(), Backing::Lower(_) | Backing::Provided(_))
    }

    pub(super) fn kind(&self) -> Kind {
        if matches!(*self.backing.read(), Backing::Device(_)) { Kind::CharacterDevice } else { Kind::File }
    }

    pub(super) fn read(&self, view: &Inner, buffer: &mut [u8], offset: u64) -> Result<usize> {
        // No byte lies at the largest offset; the kernel refuses reads that reach past it.
        let room = usize::try_from(MAX_FILE_BYTES.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = room.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..length).filter(|_| room > 0) else { return Ok(0) };
        match &*self.backing.read() {
            Backing::Lower(node) => Ok(view.tree.read_at(*node, buffer, offset)?),
            Backing::Provided(number) => Ok(view.read_provided(*number, buffer, offset)),
            Backing::Upper(file) | Backing::Host(file) => Ok(rustix::io::pread(file, buffer, offset)?),
            Backing::Memory(node) => node.read(buffer, offset),
            Backing::Device(device) => device.read(buffer),
        }
    }

    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> Result<usize> {
        let bytes = cut_to_largest(bytes, offset)?;
        if bytes.is_empty() {
            return Ok(0);
        }
        match &*self.backing.read() {
            Backing::Lower(_) | Backing::Provided(_) => Err(Errno::BadDescriptor),
            Backing::Upper(file) => self.write_counted(file, bytes, Some(offset)),
            Backing::Host(file) => Ok(rustix::io::pwrite(file, bytes, offset)?),
            Backing::Memory(node) => node.write(bytes, offset),
            Backing::Device(device) => device.write(bytes),
        }
    }

    pub(super) fn append(&self, bytes: &[u8]) -> Result<usize> {
        match &*self.backing.read() {
            Backing::Lower(_) | Backing::Provided(_) => Err(Errno::BadDescriptor),
            Backing::Upper(file) => self.write_counted(file, bytes, None),
            Backing::Host(file) => append_host(file, bytes),
            Backing::Memory(node) => node.append(bytes),
            Backing::Device(device) => device.write(bytes),
        }
    }

    /// Says why not one byte can be written at `offset`, as far as that is known beforehand. `None` is the end.
    pub(super) fn check_room(&self, offset: Option<u64>) -> Result<()> {
        match &*self.backing.read() {
            Backing::Upper(file) => {
                let size = host::stat(file.as_fd())?.size;
                let grows = offset.is_none_or(|offset| offset >= size);
                let full = grows && self.shared.as_ref().is_some_and(|shared| shared.budget.left() == 0);
                if full { Err(Errno::Quota) } else { host::check_room(file.as_fd(), size, offset) }
            }
            Backing::Host(file) => host::check_room(file.as_fd(), host::stat(file.as_fd())?.size, offset),
            Backing::Memory(node) => node.check_room(offset),
            Backing::Lower(_) | Backing::Provided(_) | Backing::Device(_) => Ok(()),
        }
    }

    /// Writes to the upper folder; what makes the file longer is taken from the budget first. `None` is the end.
    fn write_counted(&self, file: &OwnedFd, bytes: &[u8], offset: Option<u64>) -> Result<usize> {
        let Some(shared) = &self.shared else { return Err(Errno::Io) };
        let _growing = self.growing.lock();
        let size = host::stat(file.as_fd())?.size;
        let offset = offset.unwrap_or(size);
        let bytes = cut_to_largest(bytes, offset)?;
        let wanted = (offset + bytes.len() as u64).saturating_sub(size);
        let granted = shared.budget.take_up_to(wanted);
        let room = if granted == wanted { u64::MAX } else { (size + granted).saturating_sub(offset) };
        let bytes = bytes.get(..usize::try_from(room).unwrap_or(usize::MAX)).unwrap_or(bytes);
        let written = if room == 0 { Err(Errno::Quota) } else { Ok(()) }
            .and_then(|()| rustix::io::pwrite(file, bytes, offset).map_err(Errno::from));
        let grown = written.map_or(0, |n| if n == 0 { 0 } else { (offset + n as u64).saturating_sub(size) });
        shared.budget.give(granted.saturating_sub(grown));
        written
    }

    pub(super) fn set_size(&self, size: u64) -> Result<()> {
        if size > MAX_FILE_BYTES {
            return Err(Errno::FileTooLarge);
        }
        match &*self.backing.read() {
            Backing::Lower(_) | Backing::Provided(_) => Err(Errno::BadDescriptor),
            Backing::Upper(file) => self.set_size_counted(file, size),
            Backing::Host(file) => Ok(rustix::fs::ftruncate(file, size)?),
            Backing::Memory(node) => node.set_size(size),
            Backing::Device(_) => Err(Errno::Invalid),
        }
    }

    fn set_size_counted(&self, file: &OwnedFd, size: u64) -> Result<()> {
        let Some(shared) = &self.shared else { return Err(Errno::Io) };
        let _growing = self.growing.lock();
        let before = host::stat(file.as_fd())?.size;
        if !shared.budget.take(size.saturating_sub(before)) {
            return Err(Errno::Quota);
        }
        let done = rustix::fs::ftruncate(file, size);
        shared.budget.give(if done.is_ok() { before.saturating_sub(size) } else { size.saturating_sub(before) });
        Ok(done?)
    }

    pub(super) fn stat(&self, view: &Inner) -> Result<Stat> {
        Ok(match &*self.backing.read() {
            Backing::Lower(node) => view.stat_lower(*node),
            Backing::Provided(number) => view.stat_provided(*number),
            Backing::Upper(file) | Backing::Host(file) => host::stat(file.as_fd())?.to_guest(self.device, self.inode),
            Backing::Memory(node) => node.stat(self.device),
            Backing::Device(device) => view.stat_device(*device),
        })
    }

    /// Its owner, as far as it is not the image's.
    pub(super) fn owner(&self, view: &Inner, user: &User) -> Result<Owner> {
        match &*self.backing.read() {
            Backing::Upper(file) => recorded_owner(file.as_fd(), user),
            Backing::Host(file) => Ok(host_owner(&host::stat(file.as_fd())?, user)),
            Backing::Memory(node) => Ok(node.owner()),
            Backing::Lower(node) => Ok(view.lower_owner(*node)),
            Backing::Provided(_) | Backing::Device(_) => Ok(Owner::root(FILE_MODE)),
        }
    }

    /// Sets times; a file of the image must be copied up first.
    pub(super) fn set_times(&self, times: Times) -> Result<()> {
        match &*self.backing.read() {
            Backing::Lower(_) | Backing::Provided(_) => Err(Errno::NoEntry),
            Backing::Upper(file) | Backing::Host(file) => host::set_times(file.as_fd(), times),
            Backing::Memory(node) => {
                node.set_times(times);
                Ok(())
            }
            Backing::Device(_) => Err(Errno::NotPermitted),
        }
    }

    pub(super) fn sync(&self, data_only: bool) -> Result<()> {
        let backing = self.backing.read();
        let (Backing::Upper(file) | Backing::Host(file)) = &*backing else { return Ok(()) };
        Ok(if data_only { rustix::fs::fdatasync(file) } else { rustix::fs::fsync(file) }?)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let (Some(shared), Backing::Upper(file), true) =
            (&self.shared, self.backing.get_mut(), *self.orphan.get_mut())
        {
            shared.budget.give(host::stat(file.as_fd()).map_or(0, |stat| stat.size));
        }
    }
}

/// As much of `bytes` as a file can hold at `offset`.
fn cut_to_largest(bytes: &[u8], offset: u64) -> Result<&[u8]> {
    let room = MAX_FILE_BYTES.saturating_sub(offset);
    if room == 0 && !bytes.is_empty() {
        return Err(Errno::FileTooLarge);
    }
    Ok(bytes.get(..usize::try_from(room).unwrap_or(usize::MAX)).unwrap_or(bytes))
}

/// Appends to a file that others may append to.
fn append_host(file: &OwnedFd, bytes: &[u8]) -> Result<usize> {
    match rustix::io::pwritev2(file, &[IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND) {
        Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOSYS) => {
            Ok(rustix::io::pwrite(file, bytes, host::stat(file.as_fd())?.size)?)
        }
        done => Ok(done?),
    }
}
