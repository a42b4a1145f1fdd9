//! A visit: a container's owner sees and changes its files from another process than its guests are in, or when it has none.
//!
//! What guests have open goes on as it is. A visit has names of its own for what is not finished, so neither side takes
//! away what the other is about to make. Of visits that change something there must be one at a time.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use sprat_image::{NodeId, Tree};

use super::descriptor::Descriptor;
use super::errno::{Errno, Result};
use super::inner::Inner;
use super::memory::Owner;
use super::namespace::{Entry, Form, Namespace, Spot};
use super::permission::{OWNER_ATTRIBUTE, own_file, own_folder};
use super::resolve::Last;
use super::shared::Shared;
use super::{FileView, Follow, Kind, host};
use crate::{FilesSpec, Limits, SandboxError, User};

/// Mode of symbolic links, as Linux shows it.
const LINK_MODE: u32 = 0o777;

/// Whom a node belongs to, and who may do what with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits, 12 bits.
    pub mode: u32,
}

impl FileView {
    /// A view as user 0 for whoever owns the container. Mounts in memory are empty in it: what they have lies with the guests.
    /// Where it makes the upper folder, the guests' views are to be told ([`FileView::refresh`]).
    ///
    /// # Errors
    /// A mount can't be used.
    pub fn visit(files: &FilesSpec, tree: Arc<Tree>, limits: &Limits) -> std::result::Result<Self, SandboxError> {
        let shared = Shared::visiting(&files.upper, limits);
        Ok(Self { inner: Arc::new(Inner::over(shared, files, tree, limits)?), user: User::default() })
    }

    /// The image's node that a path means, with links followed; `None` if it means none, or one that was changed.
    #[must_use]
    pub fn image_node(&self, folder: &Descriptor, path: &str) -> Option<NodeId> {
        match self.lock().resolve(folder, path, Last::Follow).ok()?.entry? {
            Entry::Lower(node) => Some(node),
            _ => None,
        }
    }

    /// Owner and mode of a path.
    ///
    /// # Errors
    /// POSIX's of `fstatat`.
    pub fn ownership_at(&self, folder: &Descriptor, path: &str, follow: Follow) -> Result<Ownership> {
        self.lock().ownership_at(folder, path, follow)
    }

    /// Sets owner and mode of a path; a link at its end is not followed, and has no mode. In mounted folders of the host the
    /// owner stays where this process may not give files away.
    ///
    /// # Errors
    /// POSIX's of `fchownat` and `fchmodat`.
    pub fn set_ownership_at(&self, folder: &Descriptor, path: &str, ownership: Ownership) -> Result<()> {
        self.lock().set_ownership_at(folder, path, ownership)
    }
}

impl Namespace<'_> {
    fn ownership_at(&mut self, base: &Descriptor, path: &str, follow: Follow) -> Result<Ownership> {
        let found = self.resolve(base, path, follow.into())?;
        let entry = found.present(&self.view.tree)?;
        let Owner { uid, gid, mode } = self.entry_owner(&found.parent, &found.name, entry)?;
        let mode = if entry.kind(&self.view.tree) == Kind::Symlink { LINK_MODE } else { mode & 0o7777 };
        Ok(Ownership { uid, gid, mode })
    }

    fn set_ownership_at(&mut self, base: &Descriptor, path: &str, wanted: Ownership) -> Result<()> {
        let mut found = self.resolve(base, path, Last::Keep)?;
        let entry = found.present(&self.view.tree)?.clone();
        let owner = Owner { uid: wanted.uid, gid: wanted.gid, mode: wanted.mode & 0o7777 };
        if let Entry::Folder(spot) = entry {
            self.writable(spot.mount)?;
            return self.own_spot(spot, owner);
        }
        self.writable(found.parent.mount)?;
        self.copy_up(&mut found.parent, &found.name, &entry, true)?;
        let is_link = entry.kind(&self.view.tree) == Kind::Symlink;
        match (&found.parent.form, is_link) {
            (Form::Union { upper: Some(_), .. }, true) => Ok(()),
            (Form::Union { upper: Some(upper), .. }, false) => {
                let file = host::open_file(upper.as_fd(), &found.name, OFlags::RDONLY)?;
                restate(file.as_fd(), owner)?;
                own_file(file.as_fd(), owner)
            }
            (Form::Host(folder), true) => {
                give_away(
                    |uid, gid| rustix::fs::chownat(folder, &found.name, uid, gid, AtFlags::SYMLINK_NOFOLLOW),
                    owner,
                );
                Ok(())
            }
            (Form::Host(folder), false) => {
                own_host(host::open_file(folder.as_fd(), &found.name, OFlags::RDONLY)?.as_fd(), owner)
            }
            _ => Err(Errno::NotSupported),
        }
    }

    fn own_spot(&mut self, mut spot: Spot, owner: Owner) -> Result<()> {
        match &spot.form {
            // The root has the image's owner.
            Form::Union { .. } if spot.path.is_empty() => Ok(()),
            Form::Union { .. } => {
                let folder = host::reopen_folder(self.make_upper(&mut spot)?.as_fd())?;
                restate(folder.as_fd(), owner)?;
                own_folder(folder.as_fd(), owner)
            }
            Form::Host(folder) => own_host(host::reopen_folder(folder.as_fd())?.as_fd(), owner),
            Form::Memory(_) | Form::Synthetic => Err(Errno::NotSupported),
        }
    }
}

/// Takes away what was recorded of a node of the upper folder, and gives it its mode; a usual one too.
fn restate(node: BorrowedFd<'_>, owner: Owner) -> Result<()> {
    // Most have no record, and some file systems keep none.
    let _ = rustix::fs::fremovexattr(node, OWNER_ATTRIBUTE);
    let own = if host::stat(node)?.kind == Kind::Directory { 0o700 } else { 0o600 };
    Ok(rustix::fs::fchmod(node, Mode::from_raw_mode(owner.mode | own))?)
}

fn own_host(node: BorrowedFd<'_>, owner: Owner) -> Result<()> {
    give_away(|uid, gid| rustix::fs::fchown(node, uid, gid), owner);
    // After the owner, whose change takes some bits away.
    Ok(rustix::fs::fchmod(node, Mode::from_raw_mode(owner.mode))?)
}

fn give_away(chown: impl FnOnce(Option<Uid>, Option<Gid>) -> rustix::io::Result<()>, owner: Owner) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    if let Err(error) = chown(Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid))) {
        tracing::debug!(%error, "a file in a mounted folder keeps its owner");
    }
}
