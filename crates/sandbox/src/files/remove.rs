//! Removal of files, links and folders.

use std::os::fd::AsFd;

use rustix::fs::AtFlags;

use super::descriptor::Descriptor;
use super::errno::{Errno, Result};
use super::namespace::{Entry, Form, Namespace, Spot};
use super::resolve::{Last, Resolved};
use super::upper::hide;

impl Namespace<'_> {
    /// As `unlinkat`.
    pub(super) fn unlink(&mut self, base: &Descriptor, path: &str) -> Result<()> {
        let found = self.resolve(base, path, Last::Name)?;
        let entry = found.present(&self.view.tree)?.clone();
        if let Entry::Folder(_) = entry {
            return Err(Errno::IsDirectory);
        }
        let Resolved { mut parent, name, .. } = found;
        self.movable(&parent.join(&name)?, Some(&entry))?;
        self.writable(parent.mount)?;
        self.may_remove(&parent, &name, &entry)?;
        match &parent.form {
            Form::Union { .. } => self.unlink_union(&mut parent, &name, &entry),
            Form::Host(host) => Ok(rustix::fs::unlinkat(host, &name, AtFlags::empty())?),
            Form::Memory(node) => node.remove(&name).map(drop),
            Form::Synthetic => Err(Errno::ReadOnly),
        }
    }

    fn unlink_union(&mut self, parent: &mut Spot, name: &str, entry: &Entry) -> Result<()> {
        let upper = self.make_upper(parent)?;
        if self.has_lower(parent, name)? {
            hide(upper.as_fd(), name)?;
        }
        if let Entry::Upper(stat) = entry {
            rustix::fs::unlinkat(&upper, name, AtFlags::empty())?;
            self.release(stat);
        }
        Ok(())
    }

    /// As `unlinkat` with `AT_REMOVEDIR`.
    pub(super) fn remove_directory(&mut self, base: &Descriptor, path: &str) -> Result<()> {
        let found = self.resolve(base, path, Last::Name)?;
        if found.name.is_empty() {
            let root = found.parent.path.is_empty();
            return Err(if root {
                Errno::Busy
            } else if found.upward {
                Errno::NotEmpty
            } else {
                Errno::Invalid
            });
        }
        let entry = found.present(&self.view.tree)?.clone();
        let Resolved { mut parent, name, .. } = found;
        let Entry::Folder(spot) = &entry else { return Err(Errno::NotDirectory) };
        self.movable(&spot.path, Some(&entry))?;
        self.writable(parent.mount)?;
        self.may_remove(&parent, &name, &entry)?;
        let stat = self.stat_folder(spot)?;
        self.remove_empty(&mut parent, &name, spot)?;
        self.view.folder_removed(&spot.path, stat);
        Ok(())
    }

    fn remove_empty(&mut self, parent: &mut Spot, name: &str, spot: &Spot) -> Result<()> {
        match &parent.form {
            Form::Union { .. } => {
                self.check_empty(spot)?;
                let upper = self.make_upper(parent)?;
                if self.has_lower(parent, name)? {
                    hide(upper.as_fd(), name)?;
                }
                let in_upper = matches!(spot.form, Form::Union { upper: Some(_), .. });
                if in_upper { self.discard_folder(&upper, name) } else { Ok(()) }
            }
            Form::Host(host) => Ok(rustix::fs::unlinkat(host, name, AtFlags::REMOVEDIR)?),
            Form::Memory(node) => {
                self.check_empty(spot)?;
                node.remove(name).map(drop)
            }
            Form::Synthetic => Err(Errno::ReadOnly),
        }
    }

    /// Refuses a folder that shows something.
    pub(super) fn check_empty(&mut self, spot: &Spot) -> Result<()> {
        let empty = match &spot.form {
            Form::Memory(node) => node.is_empty(),
            _ => self.entries(spot)?.is_empty(),
        };
        if empty { Ok(()) } else { Err(Errno::NotEmpty) }
    }
}
