//! [`Mounts`]: what is mounted where. Set up once, never changes.
//!
//! Targets are canonical paths of the guest: links of the image in them are followed at set-up. A host source is made
//! canonical at set-up too and opened when it is first needed; later links in that path are refused, so nobody who can
//! write near a source can turn it into something else. No descriptor is held while no file of the mount is open.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rustix::fs::OFlags;
use sprat_image::{NodeKind, Tree};

use super::errno::{Errno, Result};
use super::memory::{MemoryMount, Owner};
use super::shared::Shared;
use super::{Kind, host, path};
use crate::{Mount, MountSource, SandboxError};

/// Something mounted.
#[derive(Debug)]
pub(super) struct MountPoint {
    /// Canonical path in the guest.
    pub(super) target: Box<str>,
    pub(super) source: Source,
    pub(super) read_only: bool,
}

/// What is mounted.
#[derive(Debug)]
pub(super) enum Source {
    Folder(HostFolder),
    File(Box<Path>),
    Memory(Arc<MemoryMount>),
}

/// A folder of the host, opened when needed.
#[derive(Debug)]
pub(super) struct HostFolder {
    path: Box<Path>,
    open: Mutex<Weak<OwnedFd>>,
}

impl HostFolder {
    /// The folder, open as long as someone holds it.
    pub(super) fn open(&self) -> Result<Arc<OwnedFd>> {
        let mut open = self.open.lock();
        if let Some(folder) = open.upgrade() {
            return Ok(folder);
        }
        let folder = Arc::new(host::open_source(&self.path, Kind::Directory, OFlags::empty())?);
        *open = Arc::downgrade(&folder);
        Ok(folder)
    }
}

/// All mounts of a view, in the order of their targets.
#[derive(Debug, Default)]
pub(super) struct Mounts(Box<[MountPoint]>);

impl Mounts {
    /// Checks the mounts and finds their sources. A later mount of the same target replaces an earlier one.
    pub(super) fn new(mounts: &[Mount], tree: &Tree, shared: &Shared) -> Result<Self, SandboxError> {
        let mut points: Vec<MountPoint> = Vec::with_capacity(mounts.len());
        for mount in mounts {
            let refuse = |reason: String| SandboxError::Mount { target: mount.target.clone(), reason };
            let target = canonical_target(&mount.target, tree).map_err(refuse)?;
            points.retain(|point| *point.target != *target);
            let source = source(mount, &target, shared).map_err(refuse)?;
            points.push(MountPoint { target: target.into(), source, read_only: mount.read_only });
        }
        points.sort_by(|a, b| a.target.cmp(&b.target));
        Ok(Self(points.into()))
    }

    /// The mount at exactly this path.
    pub(super) fn at(&self, path: &str) -> Option<usize> {
        if self.0.is_empty() {
            return None;
        }
        self.0.binary_search_by(|point| (*point.target).cmp(path)).ok()
    }

    pub(super) fn get(&self, mount: usize) -> Result<&MountPoint> {
        self.0.get(mount).ok_or(Errno::Io)
    }

    /// The innermost mount that has this path.
    pub(super) fn covering(&self, path: &str) -> Option<usize> {
        let mut best: Option<(usize, usize)> = None;
        for (number, point) in self.0.iter().enumerate() {
            let covers = *point.target == *path || path::below(&point.target, path).is_some();
            if covers && best.is_none_or(|(_, length)| length < point.target.len()) {
                best = Some((number, point.target.len()));
            }
        }
        best.map(|(number, _)| number)
    }

    /// Something is mounted below this path (not at it).
    pub(super) fn any_below(&self, folder: &str) -> bool {
        self.0.iter().any(|point| path::below(folder, &point.target).is_some())
    }

    /// The names right below this path that lead to a mount.
    pub(super) fn names_below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(move |point| path::below(folder, &point.target)?.split('/').next())
    }
}

fn source(mount: &Mount, target: &str, shared: &Shared) -> Result<Source, String> {
    match &mount.source {
        MountSource::Memory(bytes) => Ok(Source::Memory(shared.memory(target, *bytes, MemoryMount::EVERYBODY))),
        MountSource::OwnedMemory { bytes, mode, uid, gid } => {
            let owner = Owner { uid: *uid, gid: *gid, mode: *mode };
            Ok(Source::Memory(shared.memory(target, *bytes, owner)))
        }
        MountSource::Host(path) => host_source(path),
    }
}

fn host_source(path: &Path) -> Result<Source, String> {
    let cannot = |error: std::io::Error| format!("{}: {error}", path.display());
    if !path.is_absolute() {
        return Err(format!("{}: the source must be an absolute path", path.display()));
    }
    let canonical: PathBuf = path.canonicalize().map_err(cannot)?;
    let found = canonical.symlink_metadata().map_err(cannot)?;
    if found.is_dir() {
        Ok(Source::Folder(HostFolder { path: canonical.into(), open: Mutex::default() }))
    } else if found.is_file() {
        Ok(Source::File(canonical.into()))
    } else {
        Err(format!("{}: neither a folder nor a regular file", path.display()))
    }
}

/// The target with the image's links followed; what is not in the image is taken as it is.
fn canonical_target(target: &str, tree: &Tree) -> Result<String, String> {
    if !target.starts_with('/') {
        return Err("the target must be an absolute path".into());
    }
    path::check(target.trim_start_matches('/')).map_err(|error| error.to_string())?;
    let mut left: Vec<String> = names_reversed(target);
    let mut links = 0;
    let mut done = String::new();
    let mut node = Some(Tree::ROOT);
    let mut above = Vec::new();
    while let Some(name) = left.pop() {
        if name == ".." {
            done.truncate(path::parent(&done).len());
            node = above.pop().unwrap_or(Some(Tree::ROOT));
            continue;
        }
        path::check_name(&name).map_err(|error| error.to_string())?;
        let child = node.and_then(|folder| tree.child(folder, name.as_bytes()));
        if let Some(link) = child.filter(|child| tree.node(*child).kind == NodeKind::Symlink) {
            links += 1;
            let to = std::str::from_utf8(tree.link_target(link)).ok().filter(|_| links <= path::MAX_LINKS);
            let to = to.ok_or("the target has links that lead nowhere")?;
            if to.starts_with('/') {
                done.clear();
                above.clear();
                node = Some(Tree::ROOT);
            }
            left.extend(names_reversed(to));
            continue;
        }
        above.push(node);
        node = child;
        done = path::join(&done, &name).map_err(|error| error.to_string())?;
    }
    if done.is_empty() { Err("the root itself can't be mounted over".into()) } else { Ok(done) }
}

fn names_reversed(path: &str) -> Vec<String> {
    path.rsplit('/').filter(|name| !name.is_empty() && *name != ".").map(str::to_owned).collect()
}
