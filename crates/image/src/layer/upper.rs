//! [`from_upper`]: what a sandbox wrote → a layer's tar, for commit and RUN.
//!
//! A guest may go on writing meanwhile, and put a link where a folder was: everything is reached by single names below open
//! folders, and no link is followed, so nothing outside the upper folder gets into an image.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

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
/// `.wh..wh..opq` hides all that they have in its folder. Files belong to whom the sandbox recorded; else those of
/// the lower layers keep their owners, and new ones belong to `owner`, as on the host they all belong to whoever runs the
/// sandbox. Marks for what the lower layers do not have are
/// left out, as are sockets, pipes and devices.
///
/// # Errors
/// The folder can't be read, or `to` can't be written.
pub fn from_upper(upper: &Path, lower: &Tree, owner: Owner, to: &mut dyn Write) -> Result<(), LayerError> {
    let root = match rustix::fs::open(upper, FOLDER, Mode::empty()) {
        Ok(root) => Arc::new(root),
        Err(Errno::NOENT) => return LayerWriter::new().write(to),
        Err(error) => return Err(unreadable(error)),
    };
    let mut walk = Walk { lower, owner, root, layer: LayerWriter::new(), links: HashMap::new() };
    let root = Arc::clone(&walk.root);
    walk.folder(root.as_fd(), &[], Some(Tree::ROOT), 0)?;
    walk.layer.write(to)
}

/// How folders are opened.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

fn unreadable(error: Errno) -> LayerError {
    LayerError::Read(error.into())
}

/// A file below a folder, whatever someone makes of the folders between meanwhile.
pub(super) fn open_below(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<std::fs::File> {
    const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
    let mut parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).peekable();
    let mut folder: Option<OwnedFd> = None;
    while let Some(name) = parts.next() {
        let at = folder.as_ref().map_or(root, |folder| folder.as_fd());
        let last = parts.peek().is_none();
        let flags = if last { FILE } else { FOLDER.union(OFlags::NOFOLLOW) };
        let opened = rustix::fs::openat(at, name, flags, Mode::empty())?;
        if !last {
            folder = Some(opened);
            continue;
        }
        let file = std::fs::File::from(opened);
        return if file.metadata()?.is_file() { Ok(file) } else { Err(Errno::NXIO.into()) };
    }
    Err(Errno::ISDIR.into())
}

/// Attribute in which a sandbox keeps whom a file or folder of the upper folder belongs to, where that is not root: user,
/// group and mode, four bytes each, little-endian.
const OWNER_ATTRIBUTE: &str = "user.sprat.owner";

/// What a sandbox recorded of a file or folder.
fn recorded(host: BorrowedFd<'_>, name: &[u8], stat: &Stat) -> Option<Attributes> {
    if !matches!(FileType::from_raw_mode(stat.st_mode), FileType::RegularFile | FileType::Directory) {
        return None;
    }
    // By the open folder's own name, as there is no call that takes a folder and a name.
    let path = [format!("/proc/self/fd/{}/", host.as_raw_fd()).as_bytes(), name].concat();
    let mut value = [0; 12];
    if rustix::fs::lgetxattr(path, OWNER_ATTRIBUTE, &mut value[..]) != Ok(12) {
        return None;
    }
    let mut numbers = value.chunks_exact(4).map(|part| part.try_into().map_or(0, u32::from_le_bytes));
    let (uid, gid, mode) = (numbers.next()?, numbers.next()?, numbers.next()?);
    Some(Attributes { mode: mode & 0o7777, uid, gid, mtime_ns: mtime_ns(stat) })
}

fn mtime_ns(stat: &Stat) -> i64 {
    let part = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
    stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(part)
}

struct Walk<'a> {
    lower: &'a Tree,
    owner: Owner,
    root: Arc<OwnedFd>,
    layer: LayerWriter,
    /// First name of each file with several, by device and number.
    links: HashMap<(u64, u64), Vec<u8>>,
}

impl Walk<'_> {
    fn folder(
        &mut self,
        host: BorrowedFd<'_>,
        path: &[u8],
        lower: Option<NodeId>,
        depth: usize,
    ) -> Result<(), LayerError> {
        if depth > MAX_PATH_DEPTH {
            return Err(LayerError::entry(path, format!("it is more than {MAX_PATH_DEPTH} folders deep")));
        }
        let mut names = Vec::new();
        for entry in Dir::read_from(host).map_err(unreadable)? {
            names.push(entry.map_err(unreadable)?.file_name().to_bytes().to_vec());
        }
        // Sorted, so that the first name of a file with several is the one that comes first in the tar.
        names.sort();
        for name in names.iter().filter(|name| !matches!(name.as_slice(), b"." | b"..")) {
            let lower = lower.filter(|_| !name.starts_with(WHITEOUT_PREFIX));
            let below = lower.and_then(|folder| self.lower.child(folder, name));
            let path = if path.is_empty() { name.clone() } else { [path, b"/", name].concat() };
            self.entry(host, &path, name, below, depth)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        host: BorrowedFd<'_>,
        path: &[u8],
        name: &[u8],
        below: Option<NodeId>,
        depth: usize,
    ) -> Result<(), LayerError> {
        if let Some(hidden) = name.strip_prefix(WHITEOUT_PREFIX) {
            return self.mark(path, name, hidden);
        }
        let stat = rustix::fs::statat(host, name, AtFlags::SYMLINK_NOFOLLOW).map_err(unreadable)?;
        let attributes = recorded(host, name, &stat).unwrap_or_else(|| self.attributes(&stat, below));
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                self.layer.folder(path, attributes)?;
                let below = below.filter(|node| self.lower.node(*node).kind == NodeKind::Directory);
                let flags = FOLDER.union(OFlags::NOFOLLOW);
                let folder = rustix::fs::openat(host, name, flags, Mode::empty()).map_err(unreadable)?;
                self.folder(folder.as_fd(), path, below, depth + 1)
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(host, name, Vec::new()).map_err(unreadable)?;
                self.layer.symlink(path, Attributes { mode: 0o777, ..attributes }, target.to_bytes())
            }
            FileType::RegularFile => self.file(path, &stat, attributes),
            _ => Ok(()),
        }
    }

    fn file(&mut self, path: &[u8], stat: &Stat, attributes: Attributes) -> Result<(), LayerError> {
        if stat.st_nlink > 1 {
            let file = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.links.get(&file) {
                return self.layer.hard_link(path, first);
            }
            self.links.insert(file, path.to_vec());
        }
        self.layer.file_below(path, attributes, Arc::clone(&self.root))
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

    fn attributes(&self, stat: &Stat, below: Option<NodeId>) -> Attributes {
        let owner = below.map(|node| self.lower.node(node)).map(|node| Owner { uid: node.uid, gid: node.gid });
        let Owner { uid, gid } = owner.unwrap_or(self.owner);
        Attributes { mode: stat.st_mode & 0o7777, uid, gid, mtime_ns: mtime_ns(stat) }
    }
}
