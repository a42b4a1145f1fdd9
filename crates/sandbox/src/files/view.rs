//! [`FileView`] and the descriptors it gives.

use std::sync::Arc;

use sprat_image::Tree;

use super::Errno;
use crate::{FilesSpec, Limits, SandboxError, User};

/// What a guest sees as `/`. One per guest; `Send + Sync`; all methods take `&self`.
#[derive(Debug)]
pub struct FileView {
    // files helper
}

/// An open file or folder. Cloning shares it; the last drop closes it and gives its place back to the limit of open
/// files.
#[derive(Debug, Clone)]
pub struct Descriptor {
    // files helper
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// A character device (`/dev/null` and its like).
    CharacterDevice,
    /// Anything else of a host folder.
    Other,
}

/// A node's attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Device number: one per mount.
    pub device: u64,
    /// Node number, stable while the guest runs and across copy-up.
    pub inode: u64,
    /// Number of names.
    pub links: u64,
    /// Bytes.
    pub size: u64,
    /// Last access, in nanoseconds since 1970.
    pub accessed_ns: i64,
    /// Last modification, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// Last change of status, in nanoseconds since 1970.
    pub changed_ns: i64,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its node number.
    pub inode: u64,
}

/// Whether the last link of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// As `AT_SYMLINK_FOLLOW`.
    Yes,
    /// As `O_NOFOLLOW`.
    No,
}

/// What a descriptor may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Read a file, list a folder.
    pub read: bool,
    /// Write a file, change a folder.
    pub write: bool,
}

/// How a missing or present file is treated by an open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Create {
    /// As `O_CREAT`.
    pub create: bool,
    /// As `O_EXCL`.
    pub exclusive: bool,
    /// As `O_TRUNC`.
    pub truncate: bool,
    /// As `O_DIRECTORY`.
    pub directory: bool,
}

/// New times of a node in nanoseconds since 1970; `None` leaves one as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Last access.
    pub accessed_ns: Option<i64>,
    /// Last modification.
    pub modified_ns: Option<i64>,
}

impl FileView {
    /// Sets up a view. Checks that the mounts' sources are there; makes no file.
    ///
    /// # Errors
    /// A mount can't be used.
    pub fn new(_files: &FilesSpec, _tree: Arc<Tree>, _user: &User, _limits: &Limits) -> Result<Self, SandboxError> {
        todo!("files helper")
    }

    /// The guest's `/`, as it is pre-opened.
    #[must_use]
    pub fn root(&self) -> Descriptor {
        todo!("files helper")
    }

    /// Bytes written to the upper folder so far.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        todo!("files helper")
    }

    /// Descriptors open.
    #[must_use]
    pub fn open_files(&self) -> u32 {
        todo!("files helper")
    }

    /// Opens `path` relative to `folder`. `..` above the root stays at the root; above another descriptor it is
    /// [`Errno::NotPermitted`]. An absolute link counts from the guest's root.
    ///
    /// # Errors
    /// POSIX's of `openat`.
    pub fn open(
        &self,
        _folder: &Descriptor,
        _path: &str,
        _follow: Follow,
        _create: Create,
        _access: Access,
    ) -> Result<Descriptor, Errno> {
        todo!("files helper")
    }

    /// Reads from `offset`; 0 at the end.
    ///
    /// # Errors
    /// POSIX's of `pread`.
    pub fn read(&self, _file: &Descriptor, _buffer: &mut [u8], _offset: u64) -> Result<usize, Errno> {
        todo!("files helper")
    }

    /// Writes at `offset`.
    ///
    /// # Errors
    /// POSIX's of `pwrite`; [`Errno::Quota`] past the disk limit.
    pub fn write(&self, _file: &Descriptor, _bytes: &[u8], _offset: u64) -> Result<usize, Errno> {
        todo!("files helper")
    }

    /// Writes at the end, atomically.
    ///
    /// # Errors
    /// As [`FileView::write`].
    pub fn append(&self, _file: &Descriptor, _bytes: &[u8]) -> Result<usize, Errno> {
        todo!("files helper")
    }

    /// Attributes of an open node.
    ///
    /// # Errors
    /// POSIX's of `fstat`.
    pub fn stat(&self, _node: &Descriptor) -> Result<Stat, Errno> {
        todo!("files helper")
    }

    /// Attributes of a path.
    ///
    /// # Errors
    /// POSIX's of `fstatat`.
    pub fn stat_at(&self, _folder: &Descriptor, _path: &str, _follow: Follow) -> Result<Stat, Errno> {
        todo!("files helper")
    }

    /// Sets times of an open node.
    ///
    /// # Errors
    /// POSIX's of `futimens`.
    pub fn set_times(&self, _node: &Descriptor, _times: Times) -> Result<(), Errno> {
        todo!("files helper")
    }

    /// Sets times of a path.
    ///
    /// # Errors
    /// POSIX's of `utimensat`.
    pub fn set_times_at(&self, _folder: &Descriptor, _path: &str, _follow: Follow, _times: Times) -> Result<(), Errno> {
        todo!("files helper")
    }

    /// Cuts or extends a file.
    ///
    /// # Errors
    /// POSIX's of `ftruncate`.
    pub fn set_size(&self, _file: &Descriptor, _size: u64) -> Result<(), Errno> {
        todo!("files helper")
    }

    /// Brings a node to the disk (`data_only`: without its attributes).
    ///
    /// # Errors
    /// POSIX's of `fsync`.
    pub fn sync(&self, _node: &Descriptor, _data_only: bool) -> Result<(), Errno> {
        todo!("files helper")
    }

    /// All entries of a folder in the order of their names, without `.` and `..`.
    ///
    /// # Errors
    /// POSIX's of `readdir`.
    pub fn entries(&self, _folder: &Descriptor) -> Result<Vec<DirEntry>, Errno> {
        todo!("files helper")
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// POSIX's of `mkdirat`.
    pub fn make_directory(&self, _folder: &Descriptor, _path: &str) -> Result<(), Errno> {
        todo!("files helper")
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// POSIX's of `unlinkat` with `AT_REMOVEDIR`; [`Errno::Busy`] for a mount point.
    pub fn remove_directory(&self, _folder: &Descriptor, _path: &str) -> Result<(), Errno> {
        todo!("files helper")
    }

    /// Removes a file or link. Open descriptors keep working.
    ///
    /// # Errors
    /// POSIX's of `unlinkat`.
    pub fn unlink(&self, _folder: &Descriptor, _path: &str) -> Result<(), Errno> {
        todo!("files helper")
    }

    /// Renames, replacing what was there as POSIX has it.
    ///
    /// # Errors
    /// POSIX's of `renameat`; [`Errno::CrossDevice`] between mounts.
    pub fn rename(&self, _from: &Descriptor, _path: &str, _to: &Descriptor, _new: &str) -> Result<(), Errno> {
        todo!("files helper")
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// POSIX's of `symlinkat`.
    pub fn symlink(&self, _target: &str, _folder: &Descriptor, _path: &str) -> Result<(), Errno> {
        todo!("files helper")
    }

    /// Makes a hard link.
    ///
    /// # Errors
    /// POSIX's of `linkat`.
    pub fn link(
        &self,
        _from: &Descriptor,
        _path: &str,
        _follow: Follow,
        _to: &Descriptor,
        _new: &str,
    ) -> Result<(), Errno> {
        todo!("files helper")
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// POSIX's of `readlinkat`.
    pub fn read_link(&self, _folder: &Descriptor, _path: &str) -> Result<String, Errno> {
        todo!("files helper")
    }
}

impl Descriptor {
    /// What it is open on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        todo!("files helper")
    }

    /// What it may do.
    #[must_use]
    pub fn access(&self) -> Access {
        todo!("files helper")
    }

    /// Both are open on the same node.
    #[must_use]
    pub fn same_node(&self, _other: &Self) -> bool {
        todo!("files helper")
    }
}
