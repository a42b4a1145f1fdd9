//! [`Inner`]: what a view is set up with. It does not change, except for the counts.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sprat_image::{NodeId, NodeKind, Tree};

use super::budget::Budget;
use super::clock::now_ns;
use super::descriptor::{FolderPlace, OpenFolder, Place};
use super::device::Device;
use super::errno::{Errno, Result};
use super::host;
use super::listing::MAX_LISTED_BYTES;
use super::memory::MemoryNode;
use super::mounts::Mounts;
use super::namespace::{Entry, Form, LowerFolder, Namespace, Spot};
use super::shared::Shared;
use super::{Kind, Stat, path};
use crate::{FilesSpec, Limits, SandboxError, User};

/// Device number of the root; mounts follow.
const ROOT_DEVICE: u64 = 1;

/// Bytes that a folder is said to have, as usual.
const FOLDER_BYTES: u64 = 4096;

/// Node numbers of what lies in no file system of the host begin here, above those that these use, and below 2^53,
/// past which some languages' numbers are not exact.
const LOWER_NODES: u64 = 1 << 48;
const PROVIDED_NODES: u64 = 1 << 49;
const DEVICE_NODES: u64 = (1 << 49) + (1 << 20);
const SYNTHETIC_NODES: u64 = 1 << 50;

/// What a view is set up with.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) tree: Arc<Tree>,
    pub(super) mounts: Mounts,
    pub(super) read_only: bool,
    pub(super) shared: Arc<Shared>,
    /// Descriptors open.
    pub(super) open: AtomicU32,
    max_open: u32,
    /// Bytes of listings.
    pub(super) listed: Budget,
    /// Canonical path and content.
    provided: Box<[(Box<str>, Box<str>)]>,
    since_ns: i64,
    folders: Mutex<Vec<Weak<OpenFolder>>>,
}

impl Inner {
    pub(super) fn new(files: &FilesSpec, tree: Arc<Tree>, limits: &Limits) -> Result<Self, SandboxError> {
        let shared = Shared::of(&files.upper, limits.disk_bytes);
        let mounts = Mounts::new(&files.mounts, &tree, &shared)?;
        let provided = files.provided.iter().map(|(path, content)| {
            let canonical: String = path::names(path).flat_map(|name| ["/", name]).collect();
            (canonical.into(), content.as_str().into())
        });
        Ok(Self {
            tree,
            mounts,
            read_only: files.read_only || files.upper.as_os_str().is_empty(),
            shared,
            open: AtomicU32::new(0),
            max_open: limits.open_files,
            listed: Budget::new(Some(MAX_LISTED_BYTES)),
            provided: provided.collect(),
            since_ns: now_ns(),
            folders: Mutex::default(),
        })
    }

    pub(super) fn lock<'a>(&'a self, user: &'a User) -> Namespace<'a> {
        Namespace { view: self, user, state: self.shared.state.lock() }
    }

    /// Descriptors that may be open at once.
    pub(super) const fn max_open(&self) -> u32 {
        self.max_open
    }

    /// A place among the open files.
    pub(super) fn place(self: &Arc<Self>) -> Result<Place> {
        let take = |open: u32| open.checked_add(1).filter(|open| *open <= self.max_open);
        let taken = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map_err(|_| Errno::TooManyFiles).map(|_| Place(Arc::clone(self)))
    }

    pub(super) fn provided_at(&self, path: &str) -> Option<usize> {
        self.provided.iter().position(|(at, _)| **at == *path)
    }

    pub(super) fn any_provided_below(&self, folder: &str) -> bool {
        self.provided.iter().any(|(at, _)| path::below(folder, at).is_some())
    }

    /// The names of provided files, and of folders that only they need, right below a folder.
    pub(super) fn provided_names<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.provided.iter().filter_map(move |(at, _)| path::below(folder, at)?.split('/').next())
    }

    pub(super) fn provided_bytes(&self, number: usize) -> &[u8] {
        self.provided.get(number).map_or(&[], |(_, content)| content.as_bytes())
    }

    pub(super) fn read_provided(&self, number: usize, buffer: &mut [u8], offset: u64) -> usize {
        let bytes = self.provided_bytes(number);
        let left = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or(&[]);
        let length = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), left.get(..length)) {
            to.copy_from_slice(from);
        }
        length
    }

    pub(super) fn device_of(mount: Option<usize>) -> u64 {
        mount.map_or(ROOT_DEVICE, |mount| ROOT_DEVICE + 1 + mount as u64)
    }

    pub(super) const fn mount_of(device: u64) -> Option<usize> {
        if device > ROOT_DEVICE { Some((device - ROOT_DEVICE - 1) as usize) } else { None }
    }

    fn plain_stat(&self, kind: Kind, device: u64, inode: u64, size: u64, time_ns: i64) -> Stat {
        Stat { kind, device, inode, links: 1, size, accessed_ns: time_ns, modified_ns: time_ns, changed_ns: time_ns }
    }

    pub(super) fn stat_lower(&self, node: NodeId) -> Stat {
        let attributes = self.tree.node(node);
        let (kind, size) = match attributes.kind {
            NodeKind::Directory => (Kind::Directory, FOLDER_BYTES),
            NodeKind::File => (Kind::File, attributes.size),
            NodeKind::Symlink => (Kind::Symlink, attributes.size),
        };
        let inode = LOWER_NODES + u64::from(node.index());
        let stat = self.plain_stat(kind, ROOT_DEVICE, inode, size, attributes.mtime_ns);
        Stat { links: u64::from(attributes.nlink.max(1)), ..stat }
    }

    pub(super) fn stat_provided(&self, number: usize) -> Stat {
        let size = self.provided_bytes(number).len() as u64;
        self.plain_stat(Kind::File, ROOT_DEVICE, PROVIDED_NODES + number as u64, size, self.since_ns)
    }

    pub(super) fn stat_device(&self, device: Device) -> Stat {
        let inode = DEVICE_NODES + device.number();
        self.plain_stat(Kind::CharacterDevice, ROOT_DEVICE, inode, 0, self.since_ns)
    }

    fn stat_synthetic(&self, spot: &Spot) -> Stat {
        // FNV-1a: a number that is the same whenever the folder is looked at.
        let hash = spot
            .path
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let inode = SYNTHETIC_NODES + (hash >> 16);
        self.plain_stat(Kind::Directory, Self::device_of(spot.mount), inode, FOLDER_BYTES, self.since_ns)
    }

    /// Notes an open folder, so that it follows when it or one above it is renamed.
    pub(super) fn note_folder(&self, folder: &Arc<OpenFolder>) {
        let mut folders = self.folders.lock();
        if folders.len() == folders.capacity() {
            folders.retain(|folder| folder.strong_count() > 0);
        }
        folders.push(Arc::downgrade(folder));
    }

    /// A folder was renamed.
    pub(super) fn folder_moved(&self, from: &str, to: &str) {
        self.each_folder(|place| {
            let FolderPlace::At(path) = place else { return };
            if path == from {
                *path = to.to_owned();
            } else if let Some(rest) = path::below(from, path) {
                *path = format!("{to}/{rest}");
            }
        });
    }

    /// A folder was removed.
    pub(super) fn folder_removed(&self, at: &str, stat: Stat) {
        self.each_folder(|place| {
            if matches!(place, FolderPlace::At(path) if path == at) {
                *place = FolderPlace::Removed(Stat { links: 0, ..stat });
            }
        });
    }

    fn each_folder(&self, mut change: impl FnMut(&mut FolderPlace)) {
        for folder in self.folders.lock().iter().filter_map(Weak::upgrade) {
            change(&mut folder.place.lock());
        }
    }
}

impl Namespace<'_> {
    /// The node number of a file of the upper folder.
    pub(super) fn upper_inode(&self, inode: u64) -> u64 {
        self.state.origins.get(&inode).copied().unwrap_or(inode)
    }

    /// Attributes of a folder.
    pub(super) fn stat_folder(&self, spot: &Spot) -> Result<Stat> {
        let device = Inner::device_of(spot.mount);
        Ok(match &spot.form {
            Form::Union { lower, upper } => {
                let below = match lower {
                    LowerFolder::Hidden => None,
                    LowerFolder::Synthetic => Some(self.view.stat_synthetic(spot)),
                    LowerFolder::Node(node) => Some(Stat { links: 1, ..self.view.stat_lower(*node) }),
                };
                match (upper, below) {
                    (None, Some(below)) => below,
                    (None, None) => self.view.stat_synthetic(spot),
                    (Some(upper), below) => {
                        let stat = host::stat(upper.as_fd())?;
                        let inode = below.map_or(stat.inode, |below| below.inode);
                        Stat { links: 1, ..stat.to_guest(device, inode) }
                    }
                }
            }
            Form::Host(folder) => {
                let stat = host::stat(folder.as_fd())?;
                stat.to_guest(device, stat.inode)
            }
            Form::Memory(node) => node.stat(device),
            Form::Synthetic => self.view.stat_synthetic(spot),
        })
    }

    /// Attributes of an entry of a folder.
    pub(super) fn stat_entry(&self, folder: &Spot, entry: &Entry) -> Result<Stat> {
        Ok(match entry {
            Entry::Folder(spot) => self.stat_folder(spot)?,
            Entry::Lower(node) => self.view.stat_lower(*node),
            Entry::Provided(number) => self.view.stat_provided(*number),
            Entry::Upper(stat) => stat.to_guest(ROOT_DEVICE, self.upper_inode(stat.inode)),
            Entry::Host(stat) => stat.to_guest(Inner::device_of(folder.mount), stat.inode),
            Entry::HostFile { mount, stat } => stat.to_guest(Inner::device_of(Some(*mount)), stat.inode),
            Entry::Memory(node) => MemoryNode::stat(node, Inner::device_of(folder.mount)),
            Entry::Device(device) => self.view.stat_device(*device),
        })
    }
}
