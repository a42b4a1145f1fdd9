//! [`Tree`]: the merged, read-only files of an image's layers.
//!
//! Files are looked up in memory, never as paths of the host, so no link, `..` or odd name can leave it. Contents
//! are read from the layers' data files with positioned reads: one descriptor a layer, however many files are open.

use std::path::PathBuf;

/// Read-only file tree of an image. Cheap to share: wrap it in an `Arc`.
#[derive(Debug)]
pub struct Tree {
    // image helper: nodes, layer data files
}

/// A node of one tree; valid only for the tree that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// A folder.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
}

/// A node's attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Permission bits, 12 bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of a file, or of a link's target.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Number of names of a file (hard links).
    pub nlink: u32,
}

/// Why a tree can't be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A layer's folder is missing or can't be read.
    #[error("cannot read layer {path}")]
    Io {
        /// The layer's folder or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A layer's index is damaged.
    #[error("layer {path} is damaged: {reason}")]
    Corrupt {
        /// The layer's folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Tree {
    /// The root folder.
    pub const ROOT: NodeId = NodeId(0);

    /// Opens unpacked layers, lowest first. No layers make a tree with an empty root.
    ///
    /// # Errors
    /// A layer is missing or damaged.
    pub fn open(_layers: &[PathBuf]) -> Result<Self, TreeError> {
        todo!("image helper")
    }

    /// A node's attributes.
    #[must_use]
    pub fn node(&self, _id: NodeId) -> &Node {
        todo!("image helper")
    }

    /// The entry `name` of a folder.
    #[must_use]
    pub fn child(&self, _folder: NodeId, _name: &[u8]) -> Option<NodeId> {
        todo!("image helper")
    }

    /// The entries of a folder in the order of their names; `.` and `..` are not among them.
    pub fn children(&self, _folder: NodeId) -> impl Iterator<Item = (&[u8], NodeId)> {
        std::iter::empty()
    }

    /// The target of a symbolic link; empty for other nodes.
    #[must_use]
    pub fn link_target(&self, _id: NodeId) -> &[u8] {
        todo!("image helper")
    }

    /// Reads a file's bytes from `offset`; 0 at the end and for what is no file.
    ///
    /// # Errors
    /// The host's file system fails.
    pub fn read_at(&self, _id: NodeId, _buffer: &mut [u8], _offset: u64) -> std::io::Result<usize> {
        todo!("image helper")
    }

    /// The whole of a file that has at most `limit` bytes.
    ///
    /// # Errors
    /// The host's file system fails, or the file is larger (`FileTooLarge`).
    pub fn read(&self, _id: NodeId, _limit: u64) -> std::io::Result<Vec<u8>> {
        todo!("image helper")
    }

    /// Follows `path` (absolute, or relative to the root) with its symbolic links, all within this tree.
    #[must_use]
    pub fn lookup(&self, _path: &str) -> Option<NodeId> {
        todo!("image helper")
    }
}
