//! [`Attributes`] of an entry.

/// Mode, owner and time of an entry of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits, 12 bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl Attributes {
    /// A folder of root's that all can read, of 1970: what a folder has that no entry describes.
    pub const FOLDER: Self = Self { mode: 0o755, uid: 0, gid: 0, mtime_ns: 0 };
    /// A file of root's that all can read, of 1970.
    pub const FILE: Self = Self { mode: 0o644, uid: 0, gid: 0, mtime_ns: 0 };
    /// A program of root's that all can run, of 1970.
    pub const PROGRAM: Self = Self { mode: 0o755, uid: 0, gid: 0, mtime_ns: 0 };
}
