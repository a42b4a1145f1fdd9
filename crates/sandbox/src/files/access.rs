//! How a node is opened: [`Follow`], [`Access`], [`Create`].

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
    /// Write a file. For a folder it is only remembered: what may be changed in it is decided by its owner and mode,
    /// as POSIX has it.
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
