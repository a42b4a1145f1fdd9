//! [`Namespace`]: the view with its names locked, and what look-ups find in it: [`Spot`] and [`Entry`].

use std::os::fd::OwnedFd;
use std::sync::Arc;

use parking_lot::MutexGuard;
use sprat_image::{NodeId, NodeKind, Tree};

use super::device::Device;
use super::errno::{Errno, Result};
use super::host::HostStat;
use super::inner::Inner;
use super::memory::MemoryNode;
use super::mounts::Source;
use super::shared::State;
use super::{Kind, path};
use crate::User;

/// A folder of the host, opened for look-ups.
pub(super) type Folder = Arc<OwnedFd>;

/// The view while its names are locked. Reading and writing open files needs no lock.
pub(super) struct Namespace<'a> {
    pub(super) view: &'a Inner,
    /// Whose rights count.
    pub(super) user: &'a User,
    pub(super) state: MutexGuard<'a, State>,
}

/// A folder of the view.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// Canonical path in the guest: empty for the root, all others begin with `/`. It has no links.
    pub(super) path: String,
    /// Its mount; `None` is the root.
    pub(super) mount: Option<usize>,
    pub(super) form: Form,
}

/// Where a folder's entries are.
#[derive(Debug, Clone)]
pub(super) enum Form {
    /// In the image and the upper folder.
    Union { lower: LowerFolder, upper: Option<Folder> },
    /// In a folder of the host.
    Host(Folder),
    /// In memory.
    Memory(Arc<MemoryNode>),
    /// Nowhere: it is shown because something is mounted below it.
    Synthetic,
}

/// The part of a folder that lies below the upper folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LowerFolder {
    /// None, or hidden by the upper folder.
    Hidden,
    /// Not in the image, but something provided or mounted lies in it.
    Synthetic,
    Node(NodeId),
}

/// What lies below the upper folder at one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LowerEntry {
    Folder(LowerFolder),
    /// A file or link of the image.
    Node(NodeId),
    Provided(usize),
}

/// What has a name.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Folder(Spot),
    /// A file or link of the image.
    Lower(NodeId),
    /// A file given by the engine.
    Provided(usize),
    /// A file or link of the upper folder.
    Upper(HostStat),
    /// What is no folder, in a host folder that is mounted.
    Host(HostStat),
    /// A file of the host that is mounted by itself.
    HostFile {
        mount: usize,
        stat: HostStat,
    },
    /// A file or link in memory.
    Memory(Arc<MemoryNode>),
    Device(Device),
}

impl Spot {
    /// The path of an entry.
    pub(super) fn join(&self, name: &str) -> Result<String> {
        path::join(&self.path, name)
    }

    /// The open folder of a mounted host folder.
    pub(super) fn host(&self) -> Result<&Folder> {
        if let Form::Host(folder) = &self.form { Ok(folder) } else { Err(Errno::Io) }
    }
}

impl Entry {
    pub(super) fn kind(&self, tree: &Tree) -> Kind {
        match self {
            Self::Folder(_) => Kind::Directory,
            Self::Lower(node) => match tree.node(*node).kind {
                NodeKind::Directory => Kind::Directory,
                NodeKind::File => Kind::File,
                NodeKind::Symlink => Kind::Symlink,
            },
            Self::Provided(_) => Kind::File,
            Self::Upper(stat) | Self::Host(stat) | Self::HostFile { stat, .. } => stat.kind,
            Self::Memory(node) => node.kind(),
            Self::Device(_) => Kind::CharacterDevice,
        }
    }
}

impl Namespace<'_> {
    /// The guest's `/`.
    pub(super) fn root(&mut self) -> Result<Spot> {
        let upper = self.upper_root()?;
        let form = Form::Union { lower: LowerFolder::Node(Tree::ROOT), upper };
        Ok(Spot { path: String::new(), mount: None, form })
    }

    /// The folder at a canonical path.
    pub(super) fn spot_at(&mut self, path: &str) -> Result<Spot> {
        let (mut spot, rest) = match self.view.mounts.covering(path) {
            None => (self.root()?, path),
            Some(mount) => {
                let target = self.view.mounts.get(mount)?.target.to_string();
                let rest = path::below(&target, path).unwrap_or("");
                (self.folder_of(mount, target)?, rest)
            }
        };
        for name in path::names(rest) {
            spot = match self.lookup(&spot, name)? {
                Some(Entry::Folder(spot)) => spot,
                Some(_) => return Err(Errno::NotDirectory),
                None => return Err(Errno::NoEntry),
            };
        }
        Ok(spot)
    }

    fn folder_of(&self, mount: usize, path: String) -> Result<Spot> {
        let form = match &self.view.mounts.get(mount)?.source {
            Source::Folder(folder) => Form::Host(folder.open()?),
            Source::Memory(memory) => Form::Memory(Arc::clone(memory.top())),
            Source::File(_) => return Err(Errno::NotDirectory),
        };
        Ok(Spot { path, mount: Some(mount), form })
    }

    /// What is mounted.
    pub(super) fn mounted(&self, mount: usize, path: String) -> Result<Entry> {
        if let Source::File(source) = &self.view.mounts.get(mount)?.source {
            let file = super::host::open_source(source, Kind::File, rustix::fs::OFlags::PATH)?;
            let stat = super::host::stat(std::os::fd::AsFd::as_fd(&file))?;
            return Ok(Entry::HostFile { mount, stat });
        }
        self.folder_of(mount, path).map(Entry::Folder)
    }

    /// Refuses to change what is mounted read-only.
    pub(super) fn writable(&mut self, mount: Option<usize>) -> Result<()> {
        let read_only = match mount {
            None => self.view.read_only,
            Some(mount) => self.view.mounts.get(mount)?.read_only,
        };
        if read_only {
            return Err(Errno::ReadOnly);
        }
        if mount.is_none() { self.count_upper() } else { Ok(()) }
    }

    /// Refuses to take away or replace what holds a mount or is a device.
    pub(super) fn movable(&self, path: &str, entry: Option<&Entry>) -> Result<()> {
        let mounts = &self.view.mounts;
        let fixed = matches!(entry, Some(Entry::Device(_))) || mounts.at(path).is_some() || mounts.any_below(path);
        if fixed || path == Device::FOLDER { Err(Errno::Busy) } else { Ok(()) }
    }
}
