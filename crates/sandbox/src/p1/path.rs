//! `path_*`.

use std::sync::Arc;

use super::Process;
use super::errno::Errno;
use super::memory::GuestMemory;
use super::types::{self, fdflags, oflags, rights};
use crate::files::{Access, Create, Follow};
use crate::handle::{Handle, Node};

/// A path in the guest's memory: the folder's descriptor, address and length.
pub(super) type At = (u32, u32, u32);

fn follow(flags: u32) -> Follow {
    if flags & types::SYMLINK_FOLLOW != 0 { Follow::Yes } else { Follow::No }
}

pub(super) fn create_directory(memory: &GuestMemory<'_>, process: &Process, at: At) -> Result<(), Errno> {
    let (folder, path) = process.locate(memory, at)?;
    Ok(process.files.make_directory(folder, &path)?)
}

pub(super) fn filestat_get(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    at: At,
    flags: u32,
    stat_at: u32,
) -> Result<(), Errno> {
    let (folder, path) = process.locate(memory, at)?;
    let stat = process.files.stat_at(folder, &path, follow(flags))?;
    memory.store(stat_at, &types::filestat(&stat))
}

pub(super) fn filestat_set_times(
    memory: &GuestMemory<'_>,
    process: &Process,
    at: At,
    flags: u32,
    (accessed, modified, which): (u64, u64, u32),
) -> Result<(), Errno> {
    let (folder, path) = process.locate(memory, at)?;
    let times = types::times(accessed, modified, which)?;
    Ok(process.files.set_times_at(folder, &path, follow(flags), times)?)
}

pub(super) fn link(memory: &GuestMemory<'_>, process: &Process, from: At, flags: u32, to: At) -> Result<(), Errno> {
    let (folder, path) = process.locate(memory, from)?;
    let (new_folder, new) = process.locate(memory, to)?;
    Ok(process.files.link(folder, &path, follow(flags), new_folder, &new)?)
}

/// How a file is to be opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) lookup: u32,
    pub(super) oflags: u32,
    pub(super) rights: u64,
    pub(super) fdflags: u32,
}

impl Open {
    fn create(self) -> Create {
        let has = |flag| self.oflags & flag != 0;
        Create {
            create: has(oflags::CREATE),
            exclusive: has(oflags::EXCLUSIVE),
            truncate: has(oflags::TRUNCATE),
            directory: has(oflags::DIRECTORY),
        }
    }

    fn access(self) -> Access {
        let write = self.rights & rights::FD_WRITE != 0 || self.oflags & oflags::TRUNCATE != 0;
        let directory = self.oflags & oflags::DIRECTORY != 0;
        Access { read: self.rights & rights::FD_READ != 0 || directory || !write, write: write && !directory }
    }
}

pub(super) fn open(
    memory: &mut GuestMemory<'_>,
    process: &mut Process,
    at: At,
    open: Open,
    opened_at: u32,
) -> Result<(), Errno> {
    memory.store_u32(opened_at, 0)?;
    let flags = u16::try_from(open.fdflags).ok().filter(|flags| flags & !fdflags::ALL == 0).ok_or(Errno::INVALID)?;
    let (folder, path) = process.locate(memory, at)?;
    let descriptor = process.files.open(folder, &path, follow(open.lookup), open.create(), open.access())?;
    let number = process.descriptors.insert(Handle::Node(Arc::new(Node::new(descriptor, flags))))?;
    memory.store_u32(opened_at, number)
}

pub(super) fn readlink(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    at: At,
    (buffer, len): (u32, u32),
    used_at: u32,
) -> Result<(), Errno> {
    let (folder, path) = process.locate(memory, at)?;
    let target = process.files.read_link(folder, &path)?;
    let used = target.len().min(len as usize);
    memory.store(buffer, target.as_bytes().get(..used).unwrap_or_default())?;
    memory.store_u32(used_at, u32::try_from(used).map_err(|_| Errno::OVERFLOW)?)
}

pub(super) fn remove_directory(memory: &GuestMemory<'_>, process: &Process, at: At) -> Result<(), Errno> {
    let (folder, path) = process.locate(memory, at)?;
    Ok(process.files.remove_directory(folder, &path)?)
}

pub(super) fn rename(memory: &GuestMemory<'_>, process: &Process, from: At, to: At) -> Result<(), Errno> {
    let (folder, path) = process.locate(memory, from)?;
    let (new_folder, new) = process.locate(memory, to)?;
    Ok(process.files.rename(folder, &path, new_folder, &new)?)
}

pub(super) fn symlink(
    memory: &GuestMemory<'_>,
    process: &Process,
    (target, target_len): (u32, u32),
    at: At,
) -> Result<(), Errno> {
    let target = memory.path(target, target_len)?;
    let (folder, path) = process.locate(memory, at)?;
    Ok(process.files.symlink(target, folder, &path)?)
}

pub(super) fn unlink_file(memory: &GuestMemory<'_>, process: &Process, at: At) -> Result<(), Errno> {
    let (folder, path) = process.locate(memory, at)?;
    Ok(process.files.unlink(folder, &path)?)
}
