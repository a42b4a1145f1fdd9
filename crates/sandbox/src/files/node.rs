//! What a guest learns about a node: [`Kind`], [`Stat`], [`DirEntry`], and [`Times`] it may set.

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

/// New times of a node in nanoseconds since 1970; `None` leaves one as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Last access.
    pub accessed_ns: Option<i64>,
    /// Last modification.
    pub modified_ns: Option<i64>,
}
