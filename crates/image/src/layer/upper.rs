//! [`from_upper`]: what a sandbox wrote → a layer's tar, for commit and RUN.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::Write;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Attributes, LayerError, LayerWriter, MAX_PATH_DEPTH, OPAQUE_MARK, WHITEOUT_PREFIX};
use crate::{NodeId, NodeKind, Tree};

/// Whom new files belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Writes a sandbox's upper folder as a layer's tar. In it, `.wh.NAME` hides NAME of the lower layers and
/// `.wh..wh..opq` hides all that they have in its folder. Files of the lower layers keep their owners; new ones belong to
/// `owner`, as on the host they all belong to whoever runs the sandbox. Marks for what the lower layers do not have are
/// left out, as are sockets, pipes and devices.
///
/// # Errors
/// The folder can't be read, or `to` can't be written.
pub fn from_upper(upper: &Path, lower: &Tree, owner: Owner, to: &mut dyn Write) -> Result<(), LayerError> {
    let mut walk = Walk { lower, owner, layer: LayerWriter::new(), links: HashMap::new() };
    if upper.exists() {
        walk.folder(upper, &[], Some(Tree::ROOT), 0)?;
    }
    walk.layer.write(to)
}

struct Walk<'a> {
    lower: &'a Tree,
    owner: Owner,
    layer: LayerWriter,
    /// First name of each file with several, by device and number.
    links: HashMap<(u64, u64), Vec<u8>>,
}

impl Walk<'_> {
    fn folder(&mut self, host: &Path, path: &[u8], lower: Option<NodeId>, depth: usize) -> Result<(), LayerError> {
        if depth > MAX_PATH_DEPTH {
            return Err(LayerError::entry(path, format!("it is more than {MAX_PATH_DEPTH} folders deep")));
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(host).map_err(LayerError::Read)? {
            names.push(entry.map_err(LayerError::Read)?.file_name());
        }
        // Sorted, so that the first name of a file with several is the one that comes first in the tar.
        names.sort();
        for name in names {
            let bytes = name.as_bytes();
            let lower = lower.filter(|_| !bytes.starts_with(WHITEOUT_PREFIX));
            let below = lower.and_then(|folder| self.lower.child(folder, bytes));
            let path = if path.is_empty() { bytes.to_vec() } else { [path, b"/", bytes].concat() };
            self.entry(&host.join(&name), &path, bytes, below, depth)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        host: &Path,
        path: &[u8],
        name: &[u8],
        below: Option<NodeId>,
        depth: usize,
    ) -> Result<(), LayerError> {
        if let Some(hidden) = name.strip_prefix(WHITEOUT_PREFIX) {
            return self.mark(path, name, hidden);
        }
        let metadata = std::fs::symlink_metadata(host).map_err(LayerError::Read)?;
        let attributes = self.attributes(&metadata, below);
        let kind = metadata.file_type();
        if kind.is_dir() {
            self.layer.folder(path, attributes)?;
            let below = below.filter(|node| self.lower.node(*node).kind == NodeKind::Directory);
            self.folder(host, path, below, depth + 1)
        } else if kind.is_symlink() {
            let target = std::fs::read_link(host).map_err(LayerError::Read)?;
            self.layer.symlink(path, Attributes { mode: 0o777, ..attributes }, target.as_os_str().as_bytes())
        } else if kind.is_file() {
            self.file(host.to_owned(), path, &metadata, attributes)
        } else {
            Ok(())
        }
    }

    fn file(
        &mut self,
        host: PathBuf,
        path: &[u8],
        metadata: &Metadata,
        attributes: Attributes,
    ) -> Result<(), LayerError> {
        if metadata.nlink() > 1 {
            let file = (metadata.dev(), metadata.ino());
            if let Some(first) = self.links.get(&file) {
                return self.layer.hard_link(path, first);
            }
            self.links.insert(file, path.to_vec());
        }
        self.layer.host_file(path, attributes, host)
    }

    fn mark(&mut self, path: &[u8], name: &[u8], hidden: &[u8]) -> Result<(), LayerError> {
        let folder = path.get(..path.len().saturating_sub(name.len() + 1)).unwrap_or_default();
        let Some(below) = self.lower_at(folder) else { return Ok(()) };
        if name == OPAQUE_MARK {
            return self.layer.opaque(folder);
        }
        match self.lower.child(below, hidden) {
            Some(_) if folder.is_empty() => self.layer.whiteout(hidden),
            Some(_) => self.layer.whiteout(&[folder, b"/", hidden].concat()),
            None => Ok(()),
        }
    }

    /// The lower layers' node at exactly this path, links not followed.
    fn lower_at(&self, path: &[u8]) -> Option<NodeId> {
        path.split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
            .try_fold(Tree::ROOT, |folder, name| self.lower.child(folder, name))
    }

    fn attributes(&self, metadata: &Metadata, below: Option<NodeId>) -> Attributes {
        let owner = below.map(|node| self.lower.node(node)).map(|node| Owner { uid: node.uid, gid: node.gid });
        let Owner { uid, gid } = owner.unwrap_or(self.owner);
        let mtime_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Attributes { mode: metadata.mode() & 0o7777, uid, gid, mtime_ns }
    }
}
