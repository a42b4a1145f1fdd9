//! `fd_*` but for the calls that may wait, which are in `stdio`.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Process;
use super::errno::Errno;
use super::memory::GuestMemory;
use super::types::{self, fdflags, rights};
use crate::files::Kind;
use crate::handle::Handle;

/// Bytes that one read or write of a file moves at most, so that no call holds its thread for long.
pub(super) const MAX_TRANSFER: u32 = 1 << 20;

/// `filetype` of a standard stream.
fn stream_type(handle: &Handle) -> u8 {
    if handle.is_terminal() { types::CHARACTER_DEVICE } else { types::UNKNOWN }
}

pub(super) fn advise(process: &Process, fd: u32, advice: u32) -> Result<(), Errno> {
    process.descriptors.node(fd)?;
    if advice > 5 { Err(Errno::INVALID) } else { Ok(()) }
}

pub(super) fn allocate(process: &Process, fd: u32, offset: u64, len: u64) -> Result<(), Errno> {
    let node = process.descriptors.node(fd)?;
    let end = offset.checked_add(len).ok_or(Errno::FILE_TOO_LARGE)?;
    if process.files.stat(node.descriptor())?.size < end {
        process.files.set_size(node.descriptor(), end)?;
    }
    Ok(())
}

pub(super) fn sync(process: &Process, fd: u32, data_only: bool) -> Result<(), Errno> {
    match process.descriptors.get(fd)? {
        Handle::Node(node) => Ok(process.files.sync(node.descriptor(), data_only)?),
        _ => Err(Errno::INVALID),
    }
}

pub(super) fn fdstat_get(memory: &mut GuestMemory<'_>, process: &Process, fd: u32, at: u32) -> Result<(), Errno> {
    let stat = match process.descriptors.get(fd)? {
        handle @ Handle::Input(_) => types::fdstat(stream_type(handle), 0, rights::INPUT, 0),
        handle @ Handle::Output(_) => types::fdstat(stream_type(handle), fdflags::APPEND, rights::OUTPUT, 0),
        Handle::Reader(end) => types::fdstat(types::UNKNOWN, pipe_flags(end.nonblocking()), rights::INPUT, 0),
        Handle::Writer(end) => types::fdstat(types::UNKNOWN, pipe_flags(end.nonblocking()), rights::OUTPUT, 0),
        Handle::Node(node) => {
            let kind = node.descriptor().kind();
            let (base, inheriting) = match kind {
                Kind::Directory => (rights::DIRECTORY, rights::ALL),
                _ => (file_rights(node.descriptor().access()), 0),
            };
            types::fdstat(types::file_type(kind), node.flags(), base, inheriting)
        }
    };
    memory.store(at, &stat)
}

fn pipe_flags(nonblocking: &AtomicBool) -> u16 {
    if nonblocking.load(Ordering::Relaxed) { fdflags::NONBLOCK } else { 0 }
}

fn file_rights(access: crate::files::Access) -> u64 {
    let mut base = rights::FILE;
    if !access.read {
        base &= !rights::FD_READ;
    }
    if !access.write {
        base &= !rights::WRITES;
    }
    base
}

pub(super) fn fdstat_set_flags(process: &Process, fd: u32, flags: u32) -> Result<(), Errno> {
    let flags = u16::try_from(flags).ok().filter(|flags| flags & !fdflags::ALL == 0).ok_or(Errno::INVALID)?;
    let nonblocking = flags & fdflags::NONBLOCK != 0;
    match process.descriptors.get(fd)? {
        Handle::Node(node) => node.set_flags(flags),
        Handle::Reader(end) => end.nonblocking().store(nonblocking, Ordering::Relaxed),
        Handle::Writer(end) => end.nonblocking().store(nonblocking, Ordering::Relaxed),
        Handle::Input(_) | Handle::Output(_) if nonblocking => return Err(Errno::NOT_SUPPORTED),
        Handle::Input(_) | Handle::Output(_) => {}
    }
    Ok(())
}

pub(super) fn fdstat_set_rights(process: &Process, fd: u32) -> Result<(), Errno> {
    process.descriptors.get(fd)?;
    Err(Errno::NOT_SUPPORTED)
}

pub(super) fn filestat_get(memory: &mut GuestMemory<'_>, process: &Process, fd: u32, at: u32) -> Result<(), Errno> {
    let stat = match process.descriptors.get(fd)? {
        Handle::Node(node) => types::filestat(&process.files.stat(node.descriptor())?),
        handle => types::stream_filestat(stream_type(handle)),
    };
    memory.store(at, &stat)
}

pub(super) fn filestat_set_size(process: &Process, fd: u32, size: u64) -> Result<(), Errno> {
    let node = process.descriptors.node(fd)?;
    Ok(process.files.set_size(node.descriptor(), size)?)
}

pub(super) fn filestat_set_times(
    process: &Process,
    fd: u32,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Result<(), Errno> {
    let node = process.descriptors.node(fd)?;
    Ok(process.files.set_times(node.descriptor(), types::times(accessed, modified, flags)?)?)
}

/// Reads at `offset`, or at the file's own offset, which then moves.
pub(super) fn read(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    fd: u32,
    (iovecs, count): (u32, u32),
    offset: Option<u64>,
    read_at: u32,
) -> Result<(), Errno> {
    let buffer = memory.first_buffer(iovecs, count, MAX_TRANSFER)?;
    memory.store_u32(read_at, 0)?;
    let node = process.descriptors.node(fd)?;
    let bytes = memory.bytes_mut(buffer.address, buffer.len)?;
    let read = match offset {
        Some(offset) => process.files.read(node.descriptor(), bytes, offset)?,
        None => node.read(&process.files, bytes)?,
    };
    memory.store_u32(read_at, u32::try_from(read).map_err(|_| Errno::OVERFLOW)?)
}

/// Writes at `offset`, or at the file's own offset, which then moves, or at the end of a file opened so.
pub(super) fn write(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    fd: u32,
    (iovecs, count): (u32, u32),
    offset: Option<u64>,
    written_at: u32,
) -> Result<(), Errno> {
    let buffer = memory.first_buffer(iovecs, count, MAX_TRANSFER)?;
    memory.store_u32(written_at, 0)?;
    let node = process.descriptors.node(fd)?;
    let bytes = memory.bytes(buffer.address, buffer.len)?;
    let written = match offset {
        Some(offset) => process.files.write(node.descriptor(), bytes, offset)?,
        None => node.write(&process.files, bytes)?,
    };
    memory.store_u32(written_at, u32::try_from(written).map_err(|_| Errno::OVERFLOW)?)
}

pub(super) fn prestat_get(memory: &mut GuestMemory<'_>, process: &Process, fd: u32, at: u32) -> Result<(), Errno> {
    let name = process.descriptors.node(fd)?.preopen.as_ref().ok_or(Errno::BAD_DESCRIPTOR)?;
    memory.store_u32(at, 0)?;
    memory.store_u32(at.checked_add(4).ok_or(Errno::FAULT)?, u32::try_from(name.len()).unwrap_or(0))
}

pub(super) fn prestat_dir_name(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    fd: u32,
    at: u32,
    len: u32,
) -> Result<(), Errno> {
    let name = process.descriptors.node(fd)?.preopen.as_ref().ok_or(Errno::BAD_DESCRIPTOR)?;
    if name.len() > len as usize {
        return Err(Errno::NAME_TOO_LONG);
    }
    memory.store(at, name.as_bytes())
}

/// Lists a folder. Cookies are indices into what it held when the listing began.
pub(super) fn readdir(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    fd: u32,
    (buffer, len): (u32, u32),
    cookie: u64,
    used_at: u32,
) -> Result<(), Errno> {
    memory.bytes(buffer, len)?;
    let node = process.descriptors.folder(fd)?;
    let mut position = node.position.lock();
    let listing = match position.listing.take().filter(|_| cookie != 0) {
        Some(listing) => listing,
        None => process.files.entries(node.descriptor())?,
    };
    let inode = process.files.stat(node.descriptor())?.inode;
    let itself = [(".", inode, Kind::Directory), ("..", inode, Kind::Directory)];
    let entries = itself
        .into_iter()
        .chain(listing.as_slice().iter().map(|entry| (entry.name.as_str(), entry.inode, entry.kind)))
        .zip(1_u64..)
        .skip(usize::try_from(cookie).unwrap_or(usize::MAX));
    let mut used = 0;
    for ((name, inode, kind), next) in entries {
        let head = types::dirent(next, inode, u32::try_from(name.len()).unwrap_or(0), types::file_type(kind));
        for part in [&head[..], name.as_bytes()] {
            let room = part.len().min((len - used) as usize);
            memory.store(buffer + used, part.get(..room).unwrap_or_default())?;
            used += u32::try_from(room).unwrap_or(0);
        }
        if used == len {
            break;
        }
    }
    position.listing = Some(listing);
    memory.store_u32(used_at, used)
}

pub(super) fn seek(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    fd: u32,
    delta: i64,
    whence: u32,
    at: u32,
) -> Result<(), Errno> {
    let node = match process.descriptors.get(fd)? {
        Handle::Node(node) if node.is_folder() => return Err(Errno::BAD_DESCRIPTOR),
        Handle::Node(node) => node,
        _ => return Err(Errno::SEEK_PIPE),
    };
    let mut position = node.position.lock();
    let from = match whence {
        0 => 0,
        1 => position.offset,
        2 => process.files.stat(node.descriptor())?.size,
        _ => return Err(Errno::INVALID),
    };
    let offset = from.checked_add_signed(delta).filter(|offset| i64::try_from(*offset).is_ok());
    position.offset = offset.ok_or(Errno::INVALID)?;
    memory.store_u64(at, position.offset)
}

pub(super) fn tell(memory: &mut GuestMemory<'_>, process: &Process, fd: u32, at: u32) -> Result<(), Errno> {
    match process.descriptors.get(fd)? {
        Handle::Node(node) => memory.store_u64(at, node.position.lock().offset),
        _ => Err(Errno::SEEK_PIPE),
    }
}
