//! [`Tree`]: the merged, read-only files of an image's layers.
//!
//! Files are looked up in memory, never as paths of the host, so no link, `..` or odd name can leave it. Contents
//! are read from the layers' data files with positioned reads: one descriptor a layer, however many files are open.
//!
//! A tree is made once by [`merge`] and never changes. It does not check permissions: whoever serves a guest does.

mod merge;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::layer::{DATA_FILE, INDEX_FILE, Index, MAX_INDEX_LEN};

/// Most symbolic links that one lookup follows, as Linux has it.
pub const MAX_LINKS_FOLLOWED: u32 = 40;

/// Most files and folders that the layers of one tree may hold together, hidden ones included.
pub const MAX_TREE_NODES: usize = 4_000_000;
/// Most bytes that the link targets of one tree may have together, hidden ones included; its names have as many.
pub const MAX_TREE_NAME_BYTES: usize = 1 << 30;

/// Read-only file tree of an image. Cheap to share: wrap it in an `Arc`.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Stored>,
    /// Entries of all folders; each folder's are together, in the order of their names.
    entries: Vec<Entry>,
    /// Names and link targets.
    bytes: Vec<u8>,
    data: Vec<File>,
}

/// A node of one tree; valid only for the tree that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// Its number; below the tree's [`Tree::node_count`], and the same whenever the same layers are opened.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0
    }
}

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

#[derive(Debug)]
struct Stored {
    node: Node,
    content: Content,
}

/// Where a node's content is.
#[derive(Debug, Clone, Copy)]
enum Content {
    /// Range of [`Tree::entries`].
    Folder { first: u32, count: u32 },
    /// Number of [`Tree::data`], and where the bytes start in it.
    File { layer: u32, offset: u64 },
    /// Range of [`Tree::bytes`].
    Link(Slice),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    name: Slice,
    node: NodeId,
}

/// Range of [`Tree::bytes`].
#[derive(Debug, Clone, Copy)]
struct Slice {
    start: u32,
    len: u16,
}

/// Stands for a node that another tree gave: an empty folder.
static NO_NODE: Stored = Stored {
    node: Node { kind: NodeKind::Directory, mode: 0o755, uid: 0, gid: 0, size: 0, mtime_ns: 0, nlink: 1 },
    content: Content::Folder { first: 0, count: 0 },
};

impl Tree {
    /// The root folder.
    pub const ROOT: NodeId = NodeId(0);

    /// Opens unpacked layers, lowest first. No layers make a tree with an empty root.
    ///
    /// # Errors
    /// A layer is missing or damaged.
    pub fn open(layers: &[PathBuf]) -> Result<Self, TreeError> {
        let mut merged = merge::Merged::new();
        let mut data = Vec::with_capacity(layers.len());
        for (number, path) in layers.iter().enumerate() {
            let corrupt = |reason: String| TreeError::Corrupt { path: path.clone(), reason };
            let (index, file) = open_layer(path)?;
            let index = Index::decode(&index).map_err(corrupt)?;
            let found = file.metadata().map_err(|source| TreeError::Io { path: path.clone(), source })?.len();
            if found != index.data_len {
                return Err(corrupt(format!("its data has {found} bytes instead of {}", index.data_len)));
            }
            merged.apply(number as u32, &index).map_err(corrupt)?;
            data.push(file);
        }
        Ok(merged.finish(data))
    }

    fn stored(&self, id: NodeId) -> &Stored {
        self.nodes.get(id.0 as usize).unwrap_or(&NO_NODE)
    }

    fn slice(&self, slice: Slice) -> &[u8] {
        let start = slice.start as usize;
        self.bytes.get(start..start + usize::from(slice.len)).unwrap_or_default()
    }

    fn entries_of(&self, folder: NodeId) -> &[Entry] {
        match self.stored(folder).content {
            Content::Folder { first, count } => {
                let first = first as usize;
                self.entries.get(first..first + count as usize).unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// A node's attributes.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.stored(id).node
    }

    /// Number of nodes.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The entry `name` of a folder.
    #[must_use]
    pub fn child(&self, folder: NodeId, name: &[u8]) -> Option<NodeId> {
        let entries = self.entries_of(folder);
        let position = entries.binary_search_by(|entry| self.slice(entry.name).cmp(name)).ok()?;
        entries.get(position).map(|entry| entry.node)
    }

    /// The entries of a folder in the order of their names; `.` and `..` are not among them.
    pub fn children(&self, folder: NodeId) -> impl Iterator<Item = (&[u8], NodeId)> {
        self.entries_of(folder).iter().map(|entry| (self.slice(entry.name), entry.node))
    }

    /// The target of a symbolic link; empty for other nodes.
    #[must_use]
    pub fn link_target(&self, id: NodeId) -> &[u8] {
        match self.stored(id).content {
            Content::Link(target) => self.slice(target),
            _ => b"",
        }
    }

    /// Reads a file's bytes from `offset`; 0 at the end and for what is no file.
    ///
    /// # Errors
    /// The host's file system fails.
    pub fn read_at(&self, id: NodeId, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let stored = self.stored(id);
        let Content::File { layer, offset: start } = stored.content else { return Ok(0) };
        let left = usize::try_from(stored.node.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        match (self.data.get(layer as usize), buffer.get_mut(..wanted)) {
            (Some(file), Some(buffer)) if wanted > 0 => file.read_at(buffer, start + offset),
            _ => Ok(0),
        }
    }

    /// Reads a file from its start.
    pub(crate) const fn reader(&self, node: NodeId) -> FileReader<'_> {
        FileReader { tree: self, node, offset: 0 }
    }

    /// The whole of a file that has at most `limit` bytes.
    ///
    /// # Errors
    /// The host's file system fails, or the file is larger (`FileTooLarge`).
    pub fn read(&self, id: NodeId, limit: u64) -> io::Result<Vec<u8>> {
        let stored = self.stored(id);
        let Content::File { layer, offset } = stored.content else { return Ok(Vec::new()) };
        if stored.node.size > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let size = usize::try_from(stored.node.size).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut bytes = vec![0; size];
        if let Some(file) = self.data.get(layer as usize) {
            file.read_exact_at(&mut bytes, offset)?;
        }
        Ok(bytes)
    }

    /// Follows `path` (absolute, or relative to the root) with its symbolic links, all within this tree.
    #[must_use]
    pub fn lookup(&self, path: &str) -> Option<NodeId> {
        let mut folders = vec![Self::ROOT];
        // What is still to be walked, next part last.
        let mut parts: Vec<&[u8]> = parts_reversed(path.as_bytes()).collect();
        let mut links = 0;
        while let Some(part) = parts.pop() {
            let at = *folders.last()?;
            if self.node(at).kind != NodeKind::Directory {
                return None;
            }
            match part {
                b"." => {}
                b".." => {
                    if folders.len() > 1 {
                        folders.pop();
                    }
                }
                name => {
                    let child = self.child(at, name)?;
                    if self.node(child).kind != NodeKind::Symlink {
                        folders.push(child);
                        continue;
                    }
                    links += 1;
                    if links > MAX_LINKS_FOLLOWED {
                        return None;
                    }
                    let target = self.link_target(child);
                    if target.starts_with(b"/") {
                        folders.truncate(1);
                    }
                    parts.extend(parts_reversed(target));
                }
            }
        }
        folders.pop()
    }
}

/// The parts of a path, last first. A `/` at the end asks for a folder, as a `.` does.
fn parts_reversed(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let trailing = path.ends_with(b"/").then_some(&b"."[..]);
    trailing.into_iter().chain(path.rsplit(|byte| *byte == b'/').filter(|part| !part.is_empty()))
}

fn open_layer(path: &Path) -> Result<(Vec<u8>, File), TreeError> {
    let failed = |path: PathBuf| move |source| TreeError::Io { path, source };
    let index_path = path.join(INDEX_FILE);
    let len = std::fs::metadata(&index_path).map_err(failed(index_path.clone()))?.len();
    if len > MAX_INDEX_LEN {
        return Err(TreeError::Corrupt { path: path.to_owned(), reason: format!("its index has {len} bytes") });
    }
    let index = std::fs::read(&index_path).map_err(failed(index_path))?;
    let data_path = path.join(DATA_FILE);
    let data = File::open(&data_path).map_err(failed(data_path))?;
    Ok((index, data))
}

/// Reads a file of a tree from its start.
#[derive(Debug)]
pub(crate) struct FileReader<'a> {
    tree: &'a Tree,
    node: NodeId,
    offset: u64,
}

impl io::Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.tree.read_at(self.node, buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
