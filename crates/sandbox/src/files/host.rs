//! Access to the host's files, one name at a time.
//!
//! Every function takes an open folder and one name without `/` that is not `..`, and never follows a link; so
//! whatever someone else does in that folder meanwhile, nothing outside it is reached. The exceptions are
//! [`open_source`] and [`open_beneath`], for the few paths of more than one name, which the kernel resolves without links.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT};

use super::errno::{Errno, Result};
use super::{Kind, Stat, Times};

/// How folders are held: for look-ups only, which needs no right to read them.
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What every open of a file adds. `NONBLOCK`: an open of a fifo must not wait for its other end.
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

const NANOSECONDS: i64 = 1_000_000_000;

/// Attributes of a node of the host.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostStat {
    pub(super) kind: Kind,
    pub(super) inode: u64,
    pub(super) links: u64,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    accessed_ns: i64,
    modified_ns: i64,
    changed_ns: i64,
}

impl HostStat {
    /// As a guest sees it.
    pub(super) const fn to_guest(self, device: u64, inode: u64) -> Stat {
        Stat {
            kind: self.kind,
            device,
            inode,
            links: self.links,
            size: self.size,
            accessed_ns: self.accessed_ns,
            modified_ns: self.modified_ns,
            changed_ns: self.changed_ns,
        }
    }
}

impl From<rustix::fs::Stat> for HostStat {
    fn from(stat: rustix::fs::Stat) -> Self {
        let ns = |seconds: i64, part: u64| {
            seconds.saturating_mul(NANOSECONDS).saturating_add(i64::try_from(part).unwrap_or(0))
        };
        Self {
            kind: kind(FileType::from_raw_mode(stat.st_mode)),
            inode: stat.st_ino,
            links: wide(stat.st_nlink),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            accessed_ns: ns(stat.st_atime, wide(stat.st_atime_nsec)),
            modified_ns: ns(stat.st_mtime, wide(stat.st_mtime_nsec)),
            changed_ns: ns(stat.st_ctime, wide(stat.st_ctime_nsec)),
        }
    }
}

/// The width of these fields differs between machines.
fn wide(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(0)
}

/// An entry of a folder of the host. Names may be any bytes.
#[derive(Debug)]
pub(super) struct HostEntry {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) inode: u64,
}

const fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::Directory => Kind::Directory,
        FileType::RegularFile => Kind::File,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    }
}

fn present<T>(result: rustix::io::Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Attributes of `name`; a link's own.
pub(super) fn stat_at(folder: BorrowedFd<'_>, name: &str) -> Result<Option<HostStat>> {
    Ok(present(rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW))?.map(HostStat::from))
}

/// Attributes of an open node.
pub(super) fn stat(node: BorrowedFd<'_>) -> Result<HostStat> {
    Ok(rustix::fs::fstat(node)?.into())
}

/// [`Errno::NoSpace`] if the file system has no block left for a byte at `offset` of a file of `size` bytes; `None` is the
/// end.
pub(super) fn check_room(file: BorrowedFd<'_>, size: u64, offset: Option<u64>) -> Result<()> {
    let offset = offset.unwrap_or(size);
    if offset < size {
        return Ok(());
    }
    let system = rustix::fs::fstatvfs(file)?;
    // A system without blocks has no such limit, and a block that is begun has room.
    let begun = offset.checked_rem(system.f_bsize).is_some_and(|used| used > 0);
    if system.f_blocks > 0 && system.f_bavail == 0 && !begun { Err(Errno::NoSpace) } else { Ok(()) }
}

/// Opens a folder for look-ups.
pub(super) fn open_folder(folder: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    Ok(rustix::fs::openat(folder, name, FOLDER, Mode::empty())?)
}

/// Opens a folder that was opened for look-ups once more, so that it can be listed or brought to the disk.
pub(super) fn reopen_folder(folder: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(folder, ".", flags, Mode::empty())?)
}

/// Opens a regular file; never waits, never follows a link.
pub(super) fn open_file(folder: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<OwnedFd> {
    regular(rustix::fs::openat(folder, name, flags | FILE, Mode::empty())?)
}

/// Makes and opens a file that was not there.
pub(super) fn create_file(folder: BorrowedFd<'_>, name: &str, mode: u32) -> Result<OwnedFd> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | FILE;
    Ok(rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(mode))?)
}

fn regular(file: OwnedFd) -> Result<OwnedFd> {
    match stat(file.as_fd())?.kind {
        Kind::File => Ok(file),
        Kind::Directory => Err(Errno::IsDirectory),
        Kind::Symlink => Err(Errno::Loop),
        Kind::CharacterDevice | Kind::Other => Err(Errno::NotSupported),
    }
}

/// The target of a link.
pub(super) fn read_link(folder: BorrowedFd<'_>, name: &str) -> Result<String> {
    let target: CString = rustix::fs::readlinkat(folder, name, Vec::new())?;
    target.into_string().map_err(|_| Errno::IllegalByteSequence)
}

/// Sets times of `name`; a link's own.
pub(super) fn set_times_at(folder: BorrowedFd<'_>, name: &str, times: Times) -> Result<()> {
    Ok(rustix::fs::utimensat(folder, name, &timestamps(times), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Sets times of an open folder, also one that is open for look-ups only.
pub(super) fn set_folder_times(folder: BorrowedFd<'_>, times: Times) -> Result<()> {
    Ok(rustix::fs::utimensat(folder, ".", &timestamps(times), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Sets times of an open file.
pub(super) fn set_times(file: BorrowedFd<'_>, times: Times) -> Result<()> {
    Ok(rustix::fs::futimens(file, &timestamps(times))?)
}

fn timestamps(times: Times) -> Timestamps {
    Timestamps { last_access: timespec(times.accessed_ns), last_modification: timespec(times.modified_ns) }
}

fn timespec(ns: Option<i64>) -> Timespec {
    match ns {
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        Some(ns) => Timespec { tv_sec: ns.div_euclid(NANOSECONDS), tv_nsec: ns.rem_euclid(NANOSECONDS) as _ },
    }
}

/// The entries of a folder, `.` and `..` left out, in no order.
pub(super) fn entries(folder: BorrowedFd<'_>) -> Result<Vec<HostEntry>> {
    let mut entries = Vec::new();
    for entry in Dir::new(reopen_folder(folder)?)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => match present(rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW))? {
                Some(stat) => kind(FileType::from_raw_mode(stat.st_mode)),
                None => continue,
            },
            known => kind(known),
        };
        entries.push(HostEntry { name: name.to_vec(), kind, inode: entry.ino() });
    }
    Ok(entries)
}

/// Opens the source of a mount: a canonical absolute path. If someone put a link into the path since it was made
/// canonical, this fails.
pub(super) fn open_source(path: &Path, kind: Kind, flags: OFlags) -> Result<OwnedFd> {
    let flags = match kind {
        Kind::Directory => FOLDER,
        _ if flags.contains(OFlags::PATH) => OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        _ => flags | FILE,
    };
    let opened = no_links(CWD, path, flags, ResolveFlags::empty())?;
    if kind == Kind::Directory { Ok(opened) } else { regular(opened) }
}

/// Opens a folder some names below another one, for look-ups.
pub(super) fn open_beneath(folder: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd> {
    no_links(folder, path, FOLDER, ResolveFlags::BENEATH)
}

fn no_links(folder: BorrowedFd<'_>, path: &Path, flags: OFlags, more: ResolveFlags) -> Result<OwnedFd> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | more;
    match rustix::fs::openat2(folder, path, flags, Mode::empty(), resolve) {
        Ok(opened) => Ok(opened),
        // An old kernel, or a filter of system calls that does not know openat2.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => by_name(folder, path, flags),
        Err(error) => Err(error.into()),
    }
}

/// The same without `openat2`: each folder is opened without following a link.
fn by_name(folder: BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd> {
    let mut names = Vec::new();
    let mut current = None;
    for component in path.components() {
        match component {
            Component::RootDir => current = Some(rustix::fs::open("/", FOLDER, Mode::empty())?),
            Component::Normal(name) => names.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(Errno::NotPermitted),
        }
    }
    let Some((last, folders)) = names.split_last() else {
        let at = current.as_ref().map_or(folder, AsFd::as_fd);
        return Ok(rustix::fs::openat(at, ".", flags, Mode::empty())?);
    };
    for name in folders {
        let at = current.as_ref().map_or(folder, AsFd::as_fd);
        let next = rustix::fs::openat(at, *name, FOLDER, Mode::empty())?;
        current = Some(next);
    }
    let at = current.as_ref().map_or(folder, AsFd::as_fd);
    Ok(rustix::fs::openat(at, *last, flags, Mode::empty())?)
}

/// Does what may wait for a disk without holding up the other tasks of this thread.
pub(super) fn off_the_runtime<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn opening_name_by_name_refuses_links_like_openat2() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs_err::create_dir_all(root.join("a/b")).unwrap();
        symlink("a", root.join("link")).unwrap();
        let fd = open_source(&root, Kind::Directory, OFlags::empty()).unwrap();
        for (path, opens) in [("a/b", true), ("link/b", false), ("a/../..", false), ("a/none", false)] {
            assert_eq!(open_beneath(fd.as_fd(), Path::new(path)).is_ok(), opens, "{path}");
            assert_eq!(by_name(fd.as_fd(), Path::new(path), FOLDER).is_ok(), opens, "{path}");
        }
        assert!(by_name(CWD, &root.join("a/b"), FOLDER).is_ok());
        assert!(by_name(CWD, &root.join("link/b"), FOLDER).is_err());
    }
}
