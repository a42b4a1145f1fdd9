//! Renaming.
//!
//! A folder that has a part in the image can't be renamed: [`Errno::CrossDevice`], as on overlayfs, and callers copy
//! it. Folders that the guest made can.

use std::os::fd::AsFd;
use std::sync::Arc;

use super::descriptor::Descriptor;
use super::errno::{Errno, Result};
use super::host;
use super::namespace::{Entry, Folder, Form, LowerFolder, Namespace, Spot};
use super::permission::Right;
use super::resolve::{Last, Resolved};
use super::upper::{hide, make_opaque, unhide};
use super::{Kind, path};

/// A rename that was checked.
struct Move<'a> {
    from: &'a mut Spot,
    name: &'a str,
    old: &'a Entry,
    to: &'a mut Spot,
    new: &'a str,
    replaced: Option<&'a Entry>,
}

impl Namespace<'_> {
    /// As `renameat`.
    pub(super) fn rename(&mut self, from: &Descriptor, path: &str, to: &Descriptor, new: &str) -> Result<()> {
        let mut source = self.resolve(from, path, Last::Name)?;
        let mut target = self.resolve(to, new, Last::Name)?;
        if source.name.is_empty() || target.name.is_empty() {
            return Err(Errno::Busy);
        }
        let old = source.present(&self.view.tree)?.clone();
        let replaced = target.entry.clone();
        let (from_path, to_path) = (source.parent.join(&source.name)?, target.parent.join(&target.name)?);
        if target.slash && old.kind(&self.view.tree) != Kind::Directory {
            return Err(Errno::NotDirectory);
        }
        self.movable(&from_path, Some(&old))?;
        self.movable(&to_path, replaced.as_ref())?;
        self.may_rename(&source, &old, &target)?;
        if self.is_same(&source.parent, &old, &target.parent, replaced.as_ref())? {
            return Ok(());
        }
        self.check_nesting(&old, &from_path, &to_path, replaced.as_ref())?;
        let folder = if let Entry::Folder(spot) = &old { Some(spot) } else { None };
        let gone = match (&replaced, folder) {
            (Some(Entry::Folder(spot)), Some(_)) => Some(self.stat_folder(spot)?),
            _ => None,
        };
        self.move_entry(Move {
            from: &mut source.parent,
            name: &source.name,
            old: &old,
            to: &mut target.parent,
            new: &target.name,
            replaced: replaced.as_ref(),
        })?;
        if let Some(gone) = gone {
            self.view.folder_removed(&to_path, gone);
        }
        if folder.is_some() {
            self.view.folder_moved(&from_path, &to_path);
        }
        Ok(())
    }

    fn may_rename(&mut self, source: &Resolved, old: &Entry, target: &Resolved) -> Result<()> {
        if source.parent.mount != target.parent.mount {
            return Err(Errno::CrossDevice);
        }
        self.may_make(&target.parent, &target.name)?;
        self.may_remove(&source.parent, &source.name, old)?;
        if let Some(replaced) = &target.entry {
            self.may_remove(&target.parent, &target.name, replaced)?;
        }
        if let Entry::Folder(spot) = old
            && source.parent.path != target.parent.path
        {
            self.may(spot, Right::Write)?;
        }
        Ok(())
    }

    /// Both names have the same node.
    fn is_same(&self, from: &Spot, old: &Entry, to: &Spot, replaced: Option<&Entry>) -> Result<bool> {
        let Some(replaced) = replaced else { return Ok(false) };
        Ok(match (old, replaced) {
            (Entry::Folder(old), Entry::Folder(replaced)) => old.path == replaced.path,
            (Entry::Folder(_), _) | (_, Entry::Folder(_)) => false,
            _ => self.stat_entry(from, old)?.inode == self.stat_entry(to, replaced)?.inode,
        })
    }

    fn check_nesting(&mut self, old: &Entry, from: &str, to: &str, replaced: Option<&Entry>) -> Result<()> {
        let is_folder = matches!(old, Entry::Folder(_));
        if is_folder && path::below(from, to).is_some() {
            return Err(Errno::Invalid);
        }
        match replaced {
            Some(Entry::Folder(_)) if !is_folder => Err(Errno::IsDirectory),
            Some(Entry::Folder(spot)) => self.check_empty(spot),
            Some(_) if is_folder => Err(Errno::NotDirectory),
            _ => Ok(()),
        }
    }

    fn move_entry(&mut self, moved: Move<'_>) -> Result<()> {
        match (&moved.from.form, &moved.to.form) {
            (Form::Union { .. }, Form::Union { .. }) => match moved.old {
                Entry::Folder(spot) => self.move_union_folder(spot, moved),
                _ => self.move_union_file(moved),
            },
            (Form::Host(from), Form::Host(to)) => Ok(rustix::fs::renameat(from, moved.name, to, moved.new)?),
            (Form::Memory(from), Form::Memory(to)) => from.move_name(moved.name, to, moved.new),
            _ => Err(Errno::ReadOnly),
        }
    }

    fn move_union_file(&mut self, moved: Move<'_>) -> Result<()> {
        self.copy_up(moved.from, moved.name, moved.old, true)?;
        // What is replaced may have become another node by the copy, if both are names of one file of the image.
        let from = self.make_upper(moved.from)?;
        let to = self.make_upper(moved.to)?;
        let replaced = host::stat_at(to.as_fd(), moved.new)?;
        self.move_in_upper(&from, &to, &moved)?;
        if let Some(stat) = replaced {
            self.release(&stat);
        }
        Ok(())
    }

    fn move_union_folder(&mut self, spot: &Spot, moved: Move<'_>) -> Result<()> {
        let Form::Union { lower: LowerFolder::Hidden, upper: Some(folder) } = &spot.form else {
            return Err(Errno::CrossDevice);
        };
        let folder = Arc::clone(folder);
        let from = self.make_upper(moved.from)?;
        let to = self.make_upper(moved.to)?;
        if self.has_lower(moved.to, moved.new)? {
            make_opaque(folder.as_fd())?;
        }
        if let Some(Entry::Folder(Spot { form: Form::Union { upper: Some(_), .. }, .. })) = moved.replaced {
            if self.has_lower(moved.to, moved.new)? {
                hide(to.as_fd(), moved.new)?;
            }
            self.discard_folder(&to, moved.new)?;
        }
        self.move_in_upper(&from, &to, &moved)
    }

    fn move_in_upper(&self, from: &Folder, to: &Folder, moved: &Move<'_>) -> Result<()> {
        if self.has_lower(moved.from, moved.name)? {
            hide(from.as_fd(), moved.name)?;
        }
        rustix::fs::renameat(from, moved.name, to, moved.new)?;
        if self.has_lower(moved.to, moved.new)? { unhide(to.as_fd(), moved.new) } else { Ok(()) }
    }
}
