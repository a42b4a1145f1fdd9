//! [`unpack`]: a stranger's tar → index and data.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom, Write};

use tar::EntryType;

use super::name::{components, is_name};
use super::{
    AUFS_PREFIX, Attributes, Body, Index, LayerError, MAX_ENTRIES, MAX_LAYER_BYTES, MAX_NAMES_LEN, OPAQUE_MARK, Record,
    TarEntry, TarReader, WHITEOUT_PREFIX,
};

/// Bytes copied at once; also the size of a hole that is left in the data file for zeros.
const COPY_BYTES: usize = 64 * 1024;

/// Reads the uncompressed tar `from`, writes the bytes of its files to `data` and returns the encoded index. Zeros may
/// be left as holes, so the caller sets the file's length to [`Index::data_len`] afterwards. Bytes behind the tar's end
/// are left unread.
///
/// # Errors
/// The tar is malformed or hostile, a limit is passed, or reading or writing fails.
pub fn unpack(from: &mut dyn Read, data: &mut (impl Write + Seek)) -> Result<Vec<u8>, LayerError> {
    let mut tar = TarReader::new(from);
    let mut layer = Unpacking::new();
    let mut entries = 0_usize;
    while let Some(entry) = tar.next_entry()? {
        entries += 1;
        if entries > MAX_ENTRIES {
            return Err(LayerError::Limit { what: "entries in a layer", limit: MAX_ENTRIES as u64 });
        }
        // Each part of a path may become a folder with a name of its own.
        layer.count_names(entry.path.len() + entry.link.len())?;
        layer.add(&entry, &mut tar, data)?;
    }
    data.flush().map_err(LayerError::Write)?;
    Ok(layer.index().encode())
}

/// Unpacks a tar into nothing: tells how many entries it has, or why it is refused. For fuzzing.
///
/// # Errors
/// As [`unpack`].
pub fn check(mut tar: &[u8]) -> Result<usize, LayerError> {
    let index = unpack(&mut tar, &mut Nothing)?;
    let index = Index::decode(&index).map_err(|reason| LayerError::Malformed { offset: 0, reason })?;
    Ok(index.records.len())
}

/// Fills `buffer` as far as the source goes.
pub(crate) fn read_fully(from: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

struct Nothing;

impl Write for Nothing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Nothing {
    fn seek(&mut self, _to: SeekFrom) -> io::Result<u64> {
        Ok(0)
    }
}

/// The layer as it grows: what a name means is known only at the tar's end, as later entries replace earlier ones.
struct Unpacking {
    nodes: Vec<Unpacked>,
    data_len: u64,
    /// Bytes of all names and targets so far.
    names_len: u64,
}

struct Unpacked {
    attributes: Attributes,
    content: Content,
}

enum Content {
    Folder { children: BTreeMap<Box<[u8]>, usize>, hidden: BTreeSet<Box<[u8]>>, opaque: bool, implied: bool },
    File { offset: u64, size: u64 },
    Link { target: Box<[u8]> },
}

impl Content {
    const fn folder(implied: bool) -> Self {
        Self::Folder { children: BTreeMap::new(), hidden: BTreeSet::new(), opaque: false, implied }
    }
}

const ROOT: usize = 0;

impl Unpacking {
    fn new() -> Self {
        let root = Unpacked { attributes: Attributes::FOLDER, content: Content::folder(true) };
        Self { nodes: vec![root], data_len: 0, names_len: 0 }
    }

    fn add(&mut self, entry: &TarEntry, from: &mut dyn Read, to: &mut (impl Write + Seek)) -> Result<(), LayerError> {
        let parts = components(&entry.path)?;
        let Some((name, folders)) = parts.split_last() else {
            return self.add_root(entry);
        };
        if folders.iter().any(|folder| folder.starts_with(WHITEOUT_PREFIX)) {
            return Err(LayerError::entry(&entry.path, "it lies below a whiteout"));
        }
        if name.starts_with(WHITEOUT_PREFIX) {
            return self.add_mark(entry, folders, name);
        }
        if is_device(entry.kind) && folders == [b"dev"] {
            return Ok(());
        }
        let folder = self.folder(entry, folders)?;
        match entry.kind {
            EntryType::Directory => self.add_folder(folder, name, entry.attributes),
            EntryType::Regular | EntryType::Continuous => {
                let content = self.add_data(entry, from, to)?;
                self.put(folder, name, Unpacked { attributes: entry.attributes, content })
            }
            EntryType::Symlink => {
                let target = symlink_target(entry)?;
                self.put(folder, name, Unpacked { attributes: entry.attributes, content: Content::Link { target } })
            }
            EntryType::Link => self.add_hard_link(folder, name, entry),
            kind if is_device(kind) => Err(LayerError::entry(&entry.path, "device nodes and pipes are not supported")),
            kind => Err(LayerError::entry(
                &entry.path,
                format!(
                    "entries of type '{}' are not supported: pack it as plain files, folders and links",
                    kind.as_byte().escape_ascii()
                ),
            )),
        }
    }

    fn count_names(&mut self, bytes: usize) -> Result<(), LayerError> {
        self.names_len += bytes as u64;
        match self.names_len > MAX_NAMES_LEN {
            true => Err(LayerError::Limit { what: "bytes in the names of a layer", limit: MAX_NAMES_LEN }),
            false => Ok(()),
        }
    }

    fn add_root(&mut self, entry: &TarEntry) -> Result<(), LayerError> {
        if entry.kind != EntryType::Directory {
            return Err(LayerError::entry(&entry.path, "the root must be a folder"));
        }
        self.describe_folder(ROOT, entry.attributes);
        Ok(())
    }

    /// A whiteout or the mark of an opaque folder (OCI image specification, "Whiteouts").
    fn add_mark(&mut self, entry: &TarEntry, folders: &[&[u8]], name: &[u8]) -> Result<(), LayerError> {
        // What means nothing makes no folders either, which an export would not have.
        if name.starts_with(AUFS_PREFIX) && name != OPAQUE_MARK {
            return Ok(());
        }
        let folder = self.folder(entry, folders)?;
        let Some(Unpacked { content: Content::Folder { hidden: whiteouts, opaque, .. }, .. }) =
            self.nodes.get_mut(folder)
        else {
            return Ok(());
        };
        if name == OPAQUE_MARK {
            *opaque = true;
        } else {
            let hidden = name.strip_prefix(WHITEOUT_PREFIX).unwrap_or_default();
            if !is_name(hidden) {
                return Err(LayerError::entry(&entry.path, "the whiteout names no file"));
            }
            whiteouts.insert(hidden.into());
        }
        Ok(())
    }

    /// The folder at `path`, made where no entry described it.
    fn folder(&mut self, entry: &TarEntry, path: &[&[u8]]) -> Result<usize, LayerError> {
        let mut at = ROOT;
        for name in path {
            at = match self.child(at, name) {
                None => {
                    let node = Unpacked { attributes: Attributes::FOLDER, content: Content::folder(true) };
                    self.put(at, name, node)?;
                    self.nodes.len() - 1
                }
                Some(child) if self.is_folder(child) => child,
                Some(_) => return Err(LayerError::entry(&entry.path, "it lies below a file or a link")),
            };
        }
        Ok(at)
    }

    fn add_folder(&mut self, parent: usize, name: &[u8], attributes: Attributes) -> Result<(), LayerError> {
        match self.child(parent, name) {
            Some(child) if self.is_folder(child) => {
                self.describe_folder(child, attributes);
                Ok(())
            }
            _ => self.put(parent, name, Unpacked { attributes, content: Content::folder(false) }),
        }
    }

    fn describe_folder(&mut self, node: usize, attributes: Attributes) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.attributes = attributes;
            if let Content::Folder { implied, .. } = &mut node.content {
                *implied = false;
            }
        }
    }

    fn add_data(
        &mut self,
        entry: &TarEntry,
        from: &mut dyn Read,
        to: &mut (impl Write + Seek),
    ) -> Result<Content, LayerError> {
        let offset = self.data_len;
        match offset.checked_add(entry.size) {
            Some(end) if end <= MAX_LAYER_BYTES => self.data_len = end,
            _ => return Err(LayerError::Limit { what: "bytes in the files of a layer", limit: MAX_LAYER_BYTES }),
        }
        copy_with_holes(&mut from.take(entry.size), to)?;
        Ok(Content::File { offset, size: entry.size })
    }

    fn add_hard_link(&mut self, parent: usize, name: &[u8], entry: &TarEntry) -> Result<(), LayerError> {
        let missing = || {
            let link = String::from_utf8_lossy(&entry.link);
            LayerError::entry(
                &entry.path,
                format!("its hard link's target {link:?} is no file before it in this layer"),
            )
        };
        let mut target = ROOT;
        for part in components(&entry.link)? {
            target = self.child(target, part).ok_or_else(missing)?;
        }
        match self.nodes.get(target).map(|node| &node.content) {
            None | Some(Content::Folder { .. }) => return Err(missing()),
            // In the index each name of a symbolic link has the whole target, which this entry does not have.
            Some(Content::Link { target }) => self.count_names(target.len())?,
            Some(Content::File { .. }) => {}
        }
        self.insert(parent, name, target);
        Ok(())
    }

    fn put(&mut self, parent: usize, name: &[u8], node: Unpacked) -> Result<(), LayerError> {
        // Implied folders count too: a million entries could otherwise name 255 million folders.
        if self.nodes.len() >= MAX_ENTRIES {
            return Err(LayerError::Limit { what: "entries in a layer", limit: MAX_ENTRIES as u64 });
        }
        self.nodes.push(node);
        self.insert(parent, name, self.nodes.len() - 1);
        Ok(())
    }

    fn insert(&mut self, parent: usize, name: &[u8], child: usize) {
        if let Some(Unpacked { content: Content::Folder { children, .. }, .. }) = self.nodes.get_mut(parent) {
            children.insert(name.into(), child);
        }
    }

    fn child(&self, folder: usize, name: &[u8]) -> Option<usize> {
        match &self.nodes.get(folder)?.content {
            Content::Folder { children, .. } => children.get(name).copied(),
            _ => None,
        }
    }

    fn is_folder(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| matches!(node.content, Content::Folder { .. }))
    }

    /// The records in their order: depth first, whiteouts first in each folder.
    fn index(&self) -> Index<'_> {
        let mut records: Vec<Record<'_>> = Vec::with_capacity(self.nodes.len());
        let mut first_names: BTreeMap<usize, u32> = BTreeMap::new();
        // A stack instead of recursion: entries in reverse, so that they are taken in order.
        let mut open: Vec<(u32, &[u8], usize)> = vec![(0, b"", ROOT)];
        while let Some((parent, name, number)) = open.pop() {
            let Some(node) = self.nodes.get(number) else { continue };
            let own = records.len() as u32;
            let body = match &node.content {
                Content::Folder { opaque, implied, .. } => Body::Directory { opaque: *opaque, implied: *implied },
                Content::Link { target } => Body::Symlink { target },
                Content::File { offset, size } => match first_names.get(&number) {
                    Some(record) => Body::HardLink { record: *record },
                    None => {
                        first_names.insert(number, own);
                        Body::File { offset: *offset, size: *size }
                    }
                },
            };
            records.push(Record { parent, name, attributes: node.attributes, body });
            if let Content::Folder { children, hidden, .. } = &node.content {
                let whiteout = |name| Record { parent: own, name, attributes: Attributes::FILE, body: Body::Whiteout };
                records.extend(hidden.iter().map(|name| whiteout(&**name)));
                open.extend(children.iter().rev().map(|(name, child)| (own, &**name, *child)));
            }
        }
        Index { records, data_len: self.data_len }
    }
}

fn is_device(kind: EntryType) -> bool {
    matches!(kind, EntryType::Char | EntryType::Block | EntryType::Fifo)
}

fn symlink_target(entry: &TarEntry) -> Result<Box<[u8]>, LayerError> {
    match entry.link.len() {
        0 => Err(LayerError::entry(&entry.path, "the symbolic link has no target")),
        len if len > super::MAX_PATH_LEN => Err(LayerError::entry(&entry.path, "the link's target is too long")),
        _ => Ok(entry.link.as_slice().into()),
    }
}

/// Copies, leaving holes for blocks of zeros, so that a tar of zeros does not fill the disk.
fn copy_with_holes(from: &mut dyn Read, to: &mut (impl Write + Seek)) -> Result<(), LayerError> {
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let filled = read_fully(from, &mut buffer).map_err(LayerError::Read)?;
        let block = buffer.get(..filled).unwrap_or_default();
        if filled == 0 {
            return Ok(());
        }
        if filled == COPY_BYTES && block.iter().all(|byte| *byte == 0) {
            to.seek(SeekFrom::Current(COPY_BYTES as i64)).map_err(LayerError::Write)?;
        } else {
            to.write_all(block).map_err(LayerError::Write)?;
        }
    }
}

#[cfg(test)]
mod tests;
