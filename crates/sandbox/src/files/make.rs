//! Making of folders, symbolic links and hard links.

use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, Gid, Mode, Uid};

use super::descriptor::Descriptor;
use super::errno::{Errno, Result};
use super::memory::{MemoryMount, Owner};
use super::mounts::Source;
use super::namespace::{Entry, Folder, Form, Namespace, Spot};
use super::permission::FOLDER_MODE;
use super::resolve::{Last, Resolved};
use super::upper::{make_folder, make_opaque, unhide};
use super::{Follow, Kind, path};

/// Mode of symbolic links; nothing looks at it.
const LINK_MODE: u32 = 0o777;

impl Namespace<'_> {
    /// Where something new is to be made.
    fn vacant(&mut self, base: &Descriptor, path: &str) -> Result<Resolved> {
        let found = self.resolve(base, path, Last::Name)?;
        if found.entry.is_some() { Err(Errno::Exist) } else { Ok(found) }
    }

    /// As `mkdirat`.
    pub(super) fn make_directory(&mut self, base: &Descriptor, path: &str) -> Result<()> {
        let Resolved { mut parent, name, .. } = self.vacant(base, path)?;
        self.may_make(&parent, &name)?;
        let owner = Owner::of(self.user, FOLDER_MODE);
        match &parent.form {
            Form::Union { .. } => self.make_union_folder(&mut parent, &name, owner),
            Form::Host(host) => {
                rustix::fs::mkdirat(host, &name, Mode::from_raw_mode(FOLDER_MODE))?;
                self.give_to_user(host, &name);
                Ok(())
            }
            Form::Memory(node) => self.memory(parent.mount)?.make_folder(node, &name, owner).map(drop),
            Form::Synthetic => Err(Errno::ReadOnly),
        }
    }

    fn make_union_folder(&mut self, parent: &mut Spot, name: &str, owner: Owner) -> Result<()> {
        let upper = self.make_upper(parent)?;
        if !self.has_lower(parent, name)? {
            return make_folder(upper.as_fd(), name, owner).map(drop);
        }
        // What the layers had here was removed and must not come back: the folder is opaque before it is seen.
        let root = self.make_upper_root()?;
        let temporary = self.temporary();
        let made = make_folder(root.as_fd(), &temporary, owner)?;
        make_opaque(made.as_fd())?;
        rustix::fs::renameat(&root, &temporary, &upper, name)?;
        unhide(upper.as_fd(), name)
    }

    /// As `symlinkat`.
    pub(super) fn symlink(&mut self, target: &str, base: &Descriptor, path: &str) -> Result<()> {
        if target.is_empty() {
            return Err(Errno::NoEntry);
        }
        if target.len() > path::MAX_PATH_BYTES {
            return Err(Errno::NameTooLong);
        }
        if target.contains('\0') {
            return Err(Errno::Invalid);
        }
        let Resolved { mut parent, name, slash, .. } = self.vacant(base, path)?;
        if slash {
            return Err(Errno::NoEntry);
        }
        self.may_make(&parent, &name)?;
        match &parent.form {
            Form::Union { .. } => {
                let upper = self.make_upper(&mut parent)?;
                rustix::fs::symlinkat(target, &upper, &name)?;
                if self.has_lower(&parent, &name)? { unhide(upper.as_fd(), &name) } else { Ok(()) }
            }
            Form::Host(host) => {
                rustix::fs::symlinkat(target, host, &name)?;
                self.give_to_user(host, &name);
                Ok(())
            }
            Form::Memory(node) => {
                let owner = Owner::of(self.user, LINK_MODE);
                self.memory(parent.mount)?.make_link(node, &name, target, owner)
            }
            Form::Synthetic => Err(Errno::ReadOnly),
        }
    }

    /// As `linkat`.
    pub(super) fn link(
        &mut self,
        from: &Descriptor,
        path: &str,
        follow: Follow,
        to: &Descriptor,
        new: &str,
    ) -> Result<()> {
        let mut source = self.resolve(from, path, follow.into())?;
        let entry = source.present(&self.view.tree)?.clone();
        let mut target = self.vacant(to, new)?;
        if target.slash {
            return Err(Errno::NoEntry);
        }
        let mounted = matches!(entry, Entry::HostFile { .. } | Entry::Device(_));
        if mounted || source.parent.mount != target.parent.mount {
            return Err(Errno::CrossDevice);
        }
        if entry.kind(&self.view.tree) == Kind::Directory {
            return Err(Errno::NotPermitted);
        }
        self.may_make(&target.parent, &target.name)?;
        self.copy_up(&mut source.parent, &source.name, &entry, true)?;
        let old = &source.name;
        match (&source.parent.form, &target.parent.form) {
            (Form::Union { upper: Some(upper), .. }, Form::Union { .. }) => {
                let upper = Arc::clone(upper);
                let folder = self.make_upper(&mut target.parent)?;
                rustix::fs::linkat(&upper, old, &folder, &target.name, AtFlags::empty())?;
                let hidden = self.has_lower(&target.parent, &target.name)?;
                if hidden { unhide(folder.as_fd(), &target.name) } else { Ok(()) }
            }
            (Form::Host(from), Form::Host(to)) => {
                Ok(rustix::fs::linkat(from, old, to, &target.name, AtFlags::empty())?)
            }
            (Form::Memory(_), Form::Memory(to)) => match &entry {
                Entry::Memory(node) => to.insert_further(&target.name, node),
                _ => Err(Errno::Io),
            },
            _ => Err(Errno::ReadOnly),
        }
    }

    /// The file system in memory of a mount.
    pub(super) fn memory(&self, mount: Option<usize>) -> Result<Arc<MemoryMount>> {
        match &self.view.mounts.get(mount.ok_or(Errno::Io)?)?.source {
            Source::Memory(memory) => Ok(Arc::clone(memory)),
            Source::Folder(_) | Source::File(_) => Err(Errno::Io),
        }
    }

    /// What a guest makes in a mounted folder of the host belongs to its user, where the worker may give files away.
    pub(super) fn give_to_user(&self, folder: &Folder, name: &str) {
        let user = self.user;
        if (user.uid, user.gid) == (0, 0) || !rustix::process::geteuid().is_root() {
            return;
        }
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        if let Err(error) = rustix::fs::chownat(folder, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW) {
            tracing::debug!(%error, "a file in a mounted folder keeps the worker's user");
        }
    }
}
