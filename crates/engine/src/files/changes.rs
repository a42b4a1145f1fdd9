//! What a container changed of its image's files, told from its upper folder.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use sprat_image::layer::{MAX_PATH_DEPTH, OPAQUE_MARK, WHITEOUT_PREFIX};
use sprat_image::{NodeId, NodeKind, Tree};

use crate::EngineError;
use crate::core::{Core, blocking};
use crate::record::Record;

/// Most changes told.
const MAX_CHANGES: usize = 1 << 20;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Absolute path in the container.
    pub path: String,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What happened to a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was changed, or something in it was.
    Modified,
    /// It is new.
    Added,
    /// It was removed.
    Deleted,
}

impl Core {
    /// What a container changed, in the order of the paths.
    pub(crate) async fn changes(self: Arc<Self>, record: Arc<Record>) -> Result<Vec<Change>, EngineError> {
        record.refuse_if_removed()?;
        blocking(move || {
            let tree = record.facts.tree()?;
            let flags = FOLDER.difference(OFlags::NOFOLLOW);
            let mut walk = Walk { tree: &tree, found: BTreeMap::new() };
            match rustix::fs::open(self.upper(record.id), flags, Mode::empty()) {
                Ok(upper) => walk.folder(upper.as_fd(), "", Some(Tree::ROOT), 0)?,
                Err(Errno::NOENT) => {}
                Err(error) => return Err(unreadable(error)),
            }
            Ok(walk.found.into_iter().map(|(path, kind)| Change { path, kind }).collect())
        })
        .await
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn unreadable(error: Errno) -> EngineError {
    EngineError::Io { action: "read what the container wrote".to_owned(), source: error.into() }
}

struct Walk<'a> {
    tree: &'a Tree,
    found: BTreeMap<String, ChangeKind>,
}

impl Walk<'_> {
    fn note(&mut self, path: String, kind: ChangeKind) -> Result<(), EngineError> {
        if self.found.len() >= MAX_CHANGES {
            return Err(EngineError::Invalid(format!(
                "the container has more than {MAX_CHANGES} changes: export it instead"
            )));
        }
        self.found.insert(path, kind);
        Ok(())
    }

    /// The folder `path` changed because an entry of it did; a new one is told already.
    fn touch(&mut self, path: &str) {
        if !path.is_empty() {
            self.found.entry(path.to_owned()).or_insert(ChangeKind::Modified);
        }
    }

    fn folder(
        &mut self,
        host: BorrowedFd<'_>,
        path: &str,
        lower: Option<NodeId>,
        depth: usize,
    ) -> Result<(), EngineError> {
        if depth > MAX_PATH_DEPTH {
            return Err(EngineError::Invalid(format!("{path} is more than {MAX_PATH_DEPTH} folders deep")));
        }
        let mut names = Vec::new();
        for entry in Dir::read_from(host).map_err(unreadable)? {
            names.push(entry.map_err(unreadable)?.file_name().to_bytes().to_vec());
        }
        names.retain(|name| !matches!(name.as_slice(), b"." | b".."));
        let opaque = names.iter().any(|name| name == OPAQUE_MARK);
        for name in &names {
            let hidden = name.strip_prefix(WHITEOUT_PREFIX);
            let below = lower.and_then(|folder| self.tree.child(folder, hidden.unwrap_or(name)));
            match hidden {
                None => self.entry(host, path, name, below, depth)?,
                // A new file of that name may be there already.
                Some(hidden) if below.is_some() && !names.iter().any(|name| name == hidden) => {
                    self.deleted(path, hidden)?;
                }
                Some(_) => {}
            }
        }
        if let (true, Some(lower)) = (opaque, lower) {
            let gone = self.tree.children(lower).map(|(name, _)| name.to_vec());
            for name in gone.filter(|name| !names.contains(name)).collect::<Vec<_>>() {
                self.deleted(path, &name)?;
            }
        }
        Ok(())
    }

    fn deleted(&mut self, folder: &str, name: &[u8]) -> Result<(), EngineError> {
        self.touch(folder);
        self.note(format!("{folder}/{}", String::from_utf8_lossy(name)), ChangeKind::Deleted)
    }

    fn entry(
        &mut self,
        host: BorrowedFd<'_>,
        folder: &str,
        name: &[u8],
        below: Option<NodeId>,
        depth: usize,
    ) -> Result<(), EngineError> {
        let stat = match rustix::fs::statat(host, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // It was removed meanwhile.
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        };
        let path = format!("{folder}/{}", String::from_utf8_lossy(name));
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let same = below.filter(|node| is_folder && self.tree.node(*node).kind == NodeKind::Directory);
        match (below, same) {
            (None, _) => {
                self.touch(folder);
                self.note(path.clone(), ChangeKind::Added)?;
            }
            // As docker does: a folder that is here for what is in it alone did not change.
            (Some(_), Some(node)) if !self.differs(node, &stat) => {}
            (Some(_), _) => self.note(path.clone(), ChangeKind::Modified)?,
        }
        if !is_folder {
            return Ok(());
        }
        match rustix::fs::openat(host, name, FOLDER, Mode::empty()) {
            Ok(open) => self.folder(open.as_fd(), &path, same, depth + 1),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
            Err(error) => Err(unreadable(error)),
        }
    }

    fn differs(&self, node: NodeId, stat: &Stat) -> bool {
        let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
        let time = stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(nanoseconds);
        self.tree.node(node).mtime_ns != time
    }
}
