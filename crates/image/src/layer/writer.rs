//! [`LayerWriter`]: a layer's tar from a list of entries.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::OFlags;
use tar::{EntryType, Header};

use super::upper::open_below;
use super::{Attributes, LayerError, MAX_PATH_LEN, OPAQUE_MARK, WHITEOUT_PREFIX, components};
use crate::{NodeId, Tree};

/// Collects entries and writes them as a deterministic tar: sorted by name, the same bytes for the same entries.
///
/// A later entry of a name replaces an earlier one. Folders above an entry need not be given: without one of their own,
/// they keep the attributes of the layers below, or are root's and 0755. Files of the host are read when the tar is
/// written.
#[derive(Debug, Default)]
pub struct LayerWriter {
    /// By path with zeros for slashes, so that a folder's content comes right behind it.
    entries: BTreeMap<Vec<u8>, Item>,
}

#[derive(Debug)]
struct Item {
    attributes: Attributes,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Folder,
    Bytes(Vec<u8>),
    Host(PathBuf),
    /// A file of this path below an open folder of the host.
    Below(Arc<OwnedFd>),
    Node(Arc<Tree>, NodeId),
    Symlink(Vec<u8>),
    HardLink(Vec<u8>),
}

impl LayerWriter {
    /// Without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// True if nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn add(&mut self, path: &[u8], attributes: Attributes, content: Content) -> Result<(), LayerError> {
        let key = components(path)?.join(&0);
        self.entries.insert(key, Item { attributes, content });
        Ok(())
    }

    /// A folder.
    ///
    /// # Errors
    /// The name climbs or is too long.
    pub fn folder(&mut self, path: &[u8], attributes: Attributes) -> Result<(), LayerError> {
        self.add(path, attributes, Content::Folder)
    }

    /// A file of these bytes.
    ///
    /// # Errors
    /// The name climbs or is too long.
    pub fn bytes(&mut self, path: &[u8], attributes: Attributes, bytes: Vec<u8>) -> Result<(), LayerError> {
        self.add(path, attributes, Content::Bytes(bytes))
    }

    /// A file with the bytes of a file of the host, which must be no link. The caller answers for its folders.
    ///
    /// # Errors
    /// The name climbs or is too long.
    pub fn host_file(&mut self, path: &[u8], attributes: Attributes, from: PathBuf) -> Result<(), LayerError> {
        self.add(path, attributes, Content::Host(from))
    }

    /// A file with the bytes of the file of the same path below `root`; no link is followed.
    ///
    /// # Errors
    /// The name climbs or is too long.
    pub(super) fn file_below(
        &mut self,
        path: &[u8],
        attributes: Attributes,
        root: Arc<OwnedFd>,
    ) -> Result<(), LayerError> {
        self.add(path, attributes, Content::Below(root))
    }

    /// A file with the bytes of a tree's file.
    ///
    /// # Errors
    /// The name climbs or is too long.
    pub fn node(
        &mut self,
        path: &[u8],
        attributes: Attributes,
        tree: Arc<Tree>,
        node: NodeId,
    ) -> Result<(), LayerError> {
        self.add(path, attributes, Content::Node(tree, node))
    }

    /// A symbolic link.
    ///
    /// # Errors
    /// The name climbs or is too long.
    pub fn symlink(&mut self, path: &[u8], attributes: Attributes, target: &[u8]) -> Result<(), LayerError> {
        self.add(path, attributes, Content::Symlink(target.to_vec()))
    }

    /// Another name of a file of this layer, whose own name must sort before it.
    ///
    /// # Errors
    /// A name climbs or is too long.
    pub fn hard_link(&mut self, path: &[u8], target: &[u8]) -> Result<(), LayerError> {
        let target = components(target)?.join(&b'/');
        self.add(path, Attributes::FILE, Content::HardLink(target))
    }

    /// Hides what lower layers have at `path`.
    ///
    /// # Errors
    /// The name climbs or is too long, or is the root.
    pub fn whiteout(&mut self, path: &[u8]) -> Result<(), LayerError> {
        let mut parts = components(path)?;
        let name = parts.pop().ok_or_else(|| LayerError::entry(path, "the root can't be hidden"))?;
        let mark = [WHITEOUT_PREFIX, name].concat();
        parts.push(&mark);
        self.add(&parts.join(&b'/'), Attributes::FILE, Content::Bytes(Vec::new()))
    }

    /// Hides all that lower layers have in the folder at `path`.
    ///
    /// # Errors
    /// The name climbs or is too long.
    pub fn opaque(&mut self, path: &[u8]) -> Result<(), LayerError> {
        let mut parts = components(path)?;
        parts.push(OPAQUE_MARK);
        self.add(&parts.join(&b'/'), Attributes::FILE, Content::Bytes(Vec::new()))
    }

    /// Writes the tar.
    ///
    /// # Errors
    /// A source can't be read, or `to` can't be written.
    pub fn write(&self, to: &mut dyn Write) -> Result<(), LayerError> {
        let mut tar = tar::Builder::new(to);
        for (key, item) in &self.entries {
            let path: Vec<u8> = key.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }).collect();
            write_item(&mut tar, &path, item)?;
        }
        tar.into_inner().and_then(|to| to.flush()).map_err(LayerError::Write)
    }
}

fn write_item(tar: &mut tar::Builder<&mut dyn Write>, path: &[u8], item: &Item) -> Result<(), LayerError> {
    let entry = |kind| RawEntry { path, link: b"", kind, size: 0, attributes: item.attributes };
    match &item.content {
        Content::Folder => entry(EntryType::Directory).write(tar, &mut io::empty()),
        Content::Symlink(target) => RawEntry { link: target, ..entry(EntryType::Symlink) }.write(tar, &mut io::empty()),
        Content::HardLink(target) => RawEntry { link: target, ..entry(EntryType::Link) }.write(tar, &mut io::empty()),
        Content::Bytes(bytes) => {
            let size = bytes.len() as u64;
            RawEntry { size, ..entry(EntryType::Regular) }.write(tar, &mut bytes.as_slice())
        }
        Content::Host(from) => {
            // What became a link since it was looked at is not followed.
            let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
            let file = File::options().read(true).custom_flags(flags).open(from).map_err(LayerError::Read)?;
            write_file(tar, entry(EntryType::Regular), file)
        }
        Content::Below(root) => {
            let file = open_below(root.as_fd(), path).map_err(LayerError::Read)?;
            write_file(tar, entry(EntryType::Regular), file)
        }
        Content::Node(tree, node) => {
            let size = tree.node(*node).size;
            RawEntry { size, ..entry(EntryType::Regular) }.write(tar, &mut tree.reader(*node))
        }
    }
}

fn write_file(tar: &mut tar::Builder<&mut dyn Write>, entry: RawEntry<'_>, mut file: File) -> Result<(), LayerError> {
    let size = file.metadata().map_err(LayerError::Read)?.len();
    RawEntry { size, ..entry }.write(tar, &mut file)
}

/// One entry of a tar to be written.
pub(super) struct RawEntry<'a> {
    pub(super) path: &'a [u8],
    pub(super) link: &'a [u8],
    pub(super) kind: EntryType,
    pub(super) size: u64,
    pub(super) attributes: Attributes,
}

/// Bytes of a name that fit into a header; a longer one goes before it.
const SHORT_NAME: usize = 100;

impl RawEntry<'_> {
    /// Writes header and data. Long names go before it as GNU tar has them, which all tools read.
    pub(super) fn write(&self, tar: &mut tar::Builder<&mut dyn Write>, data: &mut dyn Read) -> Result<(), LayerError> {
        let mut path = self.path.to_vec();
        if path.is_empty() {
            path.push(b'.');
        }
        // The type alone says that it is a folder; a name of the greatest length has no room for the mark.
        if self.kind == EntryType::Directory && path.len() < MAX_PATH_LEN {
            path.push(b'/');
        }
        let mut header = Header::new_gnu();
        header.set_entry_type(self.kind);
        header.set_mode(self.attributes.mode);
        header.set_uid(self.attributes.uid.into());
        header.set_gid(self.attributes.gid.into());
        // The format has no time before 1970, nor parts of a second.
        header.set_mtime(u64::try_from(self.attributes.mtime_ns / 1_000_000_000).unwrap_or(0));
        header.set_size(self.size);
        if path.len() > SHORT_NAME {
            write_long(tar, EntryType::GNULongName, &path)?;
        }
        if self.link.len() > SHORT_NAME {
            write_long(tar, EntryType::GNULongLink, self.link)?;
        }
        let old = header.as_old_mut();
        fill(&mut old.name, &path);
        fill(&mut old.linkname, self.link);
        header.set_cksum();
        // A source that shrank meanwhile must not shift what follows.
        let mut exact = Exact { inner: data, left: self.size };
        tar.append(&header, &mut exact).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => LayerError::Read(error),
            _ => LayerError::Write(error),
        })
    }
}

fn write_long(tar: &mut tar::Builder<&mut dyn Write>, kind: EntryType, name: &[u8]) -> Result<(), LayerError> {
    let mut header = Header::new_gnu();
    fill(&mut header.as_old_mut().name, b"././@LongLink");
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(name.len() as u64 + 1);
    header.set_cksum();
    tar.append(&header, name.chain([0].as_slice())).map_err(LayerError::Write)
}

fn fill(field: &mut [u8], bytes: &[u8]) {
    for (to, from) in field.iter_mut().zip(bytes) {
        *to = *from;
    }
}

struct Exact<'a> {
    inner: &'a mut dyn Read,
    left: u64,
}

impl Read for Exact<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.inner.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if read == 0 && wanted != 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file became shorter while it was read"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{MAX_NAME_LEN, check};

    #[test]
    fn a_folder_that_became_a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (upper, outside) = (dir.path().join("upper"), dir.path().join("outside"));
        for folder in [&upper.join("d"), &outside] {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join("f"), "text").unwrap();
        }
        let root = Arc::new(OwnedFd::from(File::open(&upper).unwrap()));
        let mut layer = LayerWriter::new();
        layer.file_below(b"d/f", Attributes::FILE, root).unwrap();
        layer.write(&mut Vec::new()).unwrap();
        std::fs::remove_dir_all(upper.join("d")).unwrap();
        std::os::unix::fs::symlink(&outside, upper.join("d")).unwrap();
        assert!(matches!(layer.write(&mut Vec::new()), Err(LayerError::Read(_))));
    }

    #[test]
    fn a_folder_with_the_longest_path_reads_back() {
        let path = [vec![vec![b'd'; MAX_NAME_LEN]; 15], vec![vec![b'd'; 127], vec![b'd'; 128]]].concat().join(&b'/');
        assert_eq!(path.len(), MAX_PATH_LEN);
        let mut layer = LayerWriter::new();
        layer.folder(&path, Attributes::FOLDER).expect("at the limit");
        let mut tar = Vec::new();
        layer.write(&mut tar).expect("memory");
        assert_eq!(check(&tar).expect("reads back"), 18);
    }
}
