//! [`Descriptor`]: an open file or folder.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::inner::Inner;
use super::namespace::Folder;
use super::open_file::OpenFile;
use super::{Access, Kind, Stat};

/// An open file or folder. Cloning shares it; the last drop closes it and gives its place back to the limit of open
/// files.
#[derive(Clone)]
pub struct Descriptor(Arc<Open>);

/// A place among the open files of a view.
#[derive(Debug)]
pub(crate) struct Place(pub(super) Arc<Inner>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Open {
    access: Access,
    device: u64,
    inode: u64,
    node: Node,
    /// Held for its drop. `None`: the pre-opened root, which does not count.
    _place: Option<Place>,
}

enum Node {
    File { file: Arc<OpenFile>, path: Option<Box<str>> },
    Folder(Arc<OpenFolder>),
}

/// An open folder.
#[derive(Debug)]
pub(super) struct OpenFolder {
    pub(super) mount: Option<usize>,
    pub(super) place: Mutex<FolderPlace>,
    /// The folder itself, if it is one of the host's that is mounted.
    pub(super) host: Option<Folder>,
    /// Keeps the upper folder open, so that it need not be opened for each look-up.
    pub(super) _upper: Option<Folder>,
}

/// Where an open folder is now.
#[derive(Debug)]
pub(super) enum FolderPlace {
    /// At this canonical path of the guest.
    At(String),
    /// It was removed; these were its attributes.
    Removed(Stat),
}

impl Descriptor {
    pub(super) fn of_file(file: Arc<OpenFile>, access: Access, path: Option<&str>, place: Place) -> Self {
        let (device, inode) = (file.device, file.inode);
        let node = Node::File { file, path: path.map(Into::into) };
        Self(Arc::new(Open { access, device, inode, node, _place: Some(place) }))
    }

    pub(super) fn of_folder(folder: Arc<OpenFolder>, stat: &Stat, access: Access, place: Option<Place>) -> Self {
        let node = Node::Folder(folder);
        Self(Arc::new(Open { access, device: stat.device, inode: stat.inode, node, _place: place }))
    }

    pub(super) fn folder(&self) -> Option<&Arc<OpenFolder>> {
        if let Node::Folder(folder) = &self.0.node { Some(folder) } else { None }
    }

    pub(super) fn file(&self) -> Option<&Arc<OpenFile>> {
        if let Node::File { file, .. } = &self.0.node { Some(file) } else { None }
    }

    /// The path of a file that was the image's when it was opened.
    pub(super) fn lower_path(&self) -> Option<&str> {
        if let Node::File { path: Some(path), .. } = &self.0.node { Some(path) } else { None }
    }

    /// What it is open on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.file().map_or(Kind::Directory, |file| file.kind())
    }

    /// What it may do.
    #[must_use]
    pub fn access(&self) -> Access {
        self.0.access
    }

    /// Both are open on the same node.
    #[must_use]
    pub fn same_node(&self, other: &Self) -> bool {
        (self.0.device, self.0.inode) == (other.0.device, other.0.inode)
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Descriptor");
        out.field("kind", &self.kind()).field("access", &self.0.access);
        out.field("device", &self.0.device).field("inode", &self.0.inode).finish_non_exhaustive()
    }
}
