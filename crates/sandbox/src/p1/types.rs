//! Flags and records of WASI 0.1 as they lie in a guest's memory (`wasi_snapshot_preview1.witx`).

use std::time::{SystemTime, UNIX_EPOCH};

use super::errno::Errno;
use crate::files::{Kind, Stat, Times};

/// `lookupflags`.
pub(super) const SYMLINK_FOLLOW: u32 = 1;

/// `oflags`.
pub(super) mod oflags {
    pub(in crate::p1) const CREATE: u32 = 1;
    pub(in crate::p1) const DIRECTORY: u32 = 2;
    pub(in crate::p1) const EXCLUSIVE: u32 = 4;
    pub(in crate::p1) const TRUNCATE: u32 = 8;
}

/// `fdflags`.
pub(super) mod fdflags {
    pub(in crate::p1) const APPEND: u16 = 1;
    pub(in crate::p1) const NONBLOCK: u16 = 4;
    pub(in crate::p1) const ALL: u16 = 0b1_1111;
}

/// `rights`.
pub(super) mod rights {
    pub(in crate::p1) const FD_READ: u64 = 1 << 1;
    pub(in crate::p1) const FD_WRITE: u64 = 1 << 6;
    /// Everything, as sockets are not there.
    pub(in crate::p1) const ALL: u64 = (1 << 28) - 1;
    const FD_DATASYNC: u64 = 1;
    const FD_ALLOCATE: u64 = 1 << 8;
    const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    const PATH: u64 = 0b1_1111_1111 << 9 | 0b111 << 18 | 0b111 << 24;
    const POLL: u64 = 1 << 27;
    /// What writes a file.
    pub(in crate::p1) const WRITES: u64 = FD_WRITE | FD_DATASYNC | FD_ALLOCATE | FD_FILESTAT_SET_SIZE;
    /// A folder.
    pub(in crate::p1) const DIRECTORY: u64 = ALL & !(FD_READ | 1 << 2 | 1 << 5 | WRITES | POLL);
    /// A regular file, before its access is looked at.
    pub(in crate::p1) const FILE: u64 = ALL & !PATH;
    /// A socket: also `sock_shutdown` and `sock_accept`.
    pub(in crate::p1) const SOCKET: u64 = FD_READ | FD_WRITE | POLL | 0b11 << 28;
    /// A standard stream for reading: neither seek nor tell, which is how wasi-libc's `isatty` tells a terminal.
    pub(in crate::p1) const INPUT: u64 = FD_READ | POLL;
    /// A standard stream for writing.
    pub(in crate::p1) const OUTPUT: u64 = FD_WRITE | POLL;
}

/// `filetype` of a terminal.
pub(super) const CHARACTER_DEVICE: u8 = 2;

/// `filetype` of a TCP socket.
pub(super) const SOCKET_STREAM: u8 = 6;

/// `filetype` of what is none of the others.
pub(super) const UNKNOWN: u8 = 0;

/// `filetype`.
pub(super) const fn file_type(kind: Kind) -> u8 {
    match kind {
        Kind::Directory => 3,
        Kind::File => 4,
        Kind::Symlink => 7,
        Kind::CharacterDevice => CHARACTER_DEVICE,
        Kind::Other => UNKNOWN,
    }
}

/// Writes a record field by field; the fields of one record lie one after the other.
fn record<const N: usize>(fields: &[(usize, &[u8])]) -> [u8; N] {
    let mut bytes = [0; N];
    for (offset, field) in fields {
        if let Some(place) = bytes.get_mut(*offset..).and_then(|rest| rest.get_mut(..field.len())) {
            place.copy_from_slice(field);
        }
    }
    bytes
}

/// `fdstat`.
pub(super) fn fdstat(file_type: u8, flags: u16, base: u64, inheriting: u64) -> [u8; 24] {
    record(&[(0, &[file_type]), (2, &flags.to_le_bytes()), (8, &base.to_le_bytes()), (16, &inheriting.to_le_bytes())])
}

/// `filestat`.
pub(super) fn filestat(stat: &Stat) -> [u8; 64] {
    let time = |ns: i64| u64::try_from(ns).unwrap_or(0).to_le_bytes();
    record(&[
        (0, &stat.device.to_le_bytes()),
        (8, &stat.inode.to_le_bytes()),
        (16, &[file_type(stat.kind)]),
        (24, &stat.links.to_le_bytes()),
        (32, &stat.size.to_le_bytes()),
        (40, &time(stat.accessed_ns)),
        (48, &time(stat.modified_ns)),
        (56, &time(stat.changed_ns)),
    ])
}

/// `filestat` of a standard stream.
pub(super) fn stream_filestat(file_type: u8) -> [u8; 64] {
    record(&[(16, &[file_type]), (24, &1_u64.to_le_bytes())])
}

/// `dirent`, which the name follows.
pub(super) fn dirent(next: u64, inode: u64, name_len: u32, file_type: u8) -> [u8; 24] {
    record(&[(0, &next.to_le_bytes()), (8, &inode.to_le_bytes()), (16, &name_len.to_le_bytes()), (20, &[file_type])])
}

/// `event`.
pub(super) fn event(user_data: u64, errno: Errno, kind: u8, bytes: u64, flags: u16) -> [u8; 32] {
    record(&[
        (0, &user_data.to_le_bytes()),
        (8, &errno.raw().to_le_bytes()),
        (10, &[kind]),
        (16, &bytes.to_le_bytes()),
        (24, &flags.to_le_bytes()),
    ])
}

/// Nanoseconds since 1970.
pub(super) fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// The times that `fstflags` choose.
pub(super) fn times(accessed: u64, modified: u64, flags: u32) -> Result<Times, Errno> {
    let one = |value: u64, set: bool, now: bool| match (set, now) {
        (true, true) => Err(Errno::INVALID),
        (true, false) => i64::try_from(value).map(Some).map_err(|_| Errno::OVERFLOW),
        (false, true) => Ok(Some(now_ns())),
        (false, false) => Ok(None),
    };
    Ok(Times {
        accessed_ns: one(accessed, flags & 1 != 0, flags & 2 != 0)?,
        modified_ns: one(modified, flags & 4 != 0, flags & 8 != 0)?,
    })
}
