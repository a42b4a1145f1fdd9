//! Resolution of paths, one name at a time, in the guest's own names.
//!
//! Links are followed here and nowhere else: their targets are text, resolved from the guest's root or the link's
//! folder, so a link in a mounted folder of the host means what the guest sees there. `..` goes to the folder that
//! has this one in the guest's names and stays at the root. A `..` that the guest itself wrote can't climb above the
//! descriptor it started from; one in a link can, as an absolute link can.

use super::descriptor::{Descriptor, FolderPlace};
use super::errno::{Errno, Result};
use super::namespace::{Entry, Form, Namespace, Spot};
use super::permission::Right;
use super::{Follow, Kind, path};

/// What becomes of a link that a path ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// It is followed.
    Follow,
    /// It is not followed, except with a trailing slash.
    Keep,
    /// It is never followed: its name is to be made, taken away or replaced.
    Name,
}

impl From<Follow> for Last {
    fn from(follow: Follow) -> Self {
        match follow {
            Follow::Yes => Self::Follow,
            Follow::No => Self::Keep,
        }
    }
}

/// Where a path leads.
#[derive(Debug)]
pub(super) struct Resolved {
    /// The folder of the last name.
    pub(super) parent: Spot,
    /// The last name; empty where the path ends with `.` or `..`.
    pub(super) name: String,
    /// What has that name.
    pub(super) entry: Option<Entry>,
    /// The path ends with a slash: only a folder will do.
    pub(super) slash: bool,
    /// The path ends with `..`.
    pub(super) upward: bool,
}

impl Resolved {
    /// What is there; where the path has a trailing slash, only a folder.
    pub(super) fn present(&self, tree: &sprat_image::Tree) -> Result<&Entry> {
        let entry = self.entry.as_ref().ok_or(Errno::NoEntry)?;
        if self.slash && entry.kind(tree) != Kind::Directory { Err(Errno::NotDirectory) } else { Ok(entry) }
    }
}

/// A name still to be resolved.
struct Pending {
    name: String,
    from_link: bool,
}

fn push(pending: &mut Vec<Pending>, path: &str, from_link: bool) {
    let names = path.rsplit('/').filter(|name| !name.is_empty());
    pending.extend(names.map(|name| Pending { name: name.to_owned(), from_link }));
}

impl Namespace<'_> {
    /// The folder that a descriptor is open on.
    pub(super) fn start(&mut self, folder: &Descriptor) -> Result<Spot> {
        let folder = folder.folder().ok_or(Errno::NotDirectory)?;
        let (path, mount) = match &*folder.place.lock() {
            FolderPlace::At(path) => (path.clone(), folder.mount),
            FolderPlace::Removed(_) => return Err(Errno::NoEntry),
        };
        match &folder.host {
            Some(host) => Ok(Spot { path, mount, form: Form::Host(std::sync::Arc::clone(host)) }),
            None => self.spot_at(&path),
        }
    }

    /// Resolves a path from a descriptor.
    pub(super) fn resolve(&mut self, base: &Descriptor, path: &str, last: Last) -> Result<Resolved> {
        path::check(path)?;
        let mut current = self.start(base)?;
        let floor = (!current.path.is_empty()).then(|| current.path.clone());
        let mut pending = Vec::new();
        push(&mut pending, path, false);
        let mut slash = path.ends_with('/');
        let mut upward = false;
        let mut links = 0;
        while let Some(next) = pending.pop() {
            self.may(&current, Right::Search)?;
            upward = next.name == "..";
            if upward {
                if !next.from_link && floor.as_ref() == Some(&current.path) {
                    return Err(Errno::NotPermitted);
                }
                current = self.spot_at(path::parent(&current.path))?;
                continue;
            }
            if next.name == "." {
                continue;
            }
            let is_last = pending.is_empty();
            let entry = self.lookup(&current, &next.name)?;
            let is_link = entry.as_ref().is_some_and(|entry| entry.kind(&self.view.tree) == Kind::Symlink);
            if let Some(entry) = &entry
                && is_link
                && (!is_last || last == Last::Follow || (last == Last::Keep && slash))
            {
                links += 1;
                let target = self.link_target(&current, &next.name, entry)?;
                if links > path::MAX_LINKS || target.is_empty() {
                    return Err(if target.is_empty() { Errno::NoEntry } else { Errno::Loop });
                }
                slash |= is_last && target.ends_with('/');
                if target.starts_with('/') {
                    current = self.root()?;
                }
                push(&mut pending, &target, true);
                continue;
            }
            match entry {
                Some(Entry::Folder(spot)) if !is_last => current = spot,
                None if !is_last => return Err(Errno::NoEntry),
                Some(_) if !is_last => return Err(Errno::NotDirectory),
                entry => return Ok(Resolved { parent: current, name: next.name, entry, slash, upward: false }),
            }
        }
        let entry = Some(Entry::Folder(current.clone()));
        Ok(Resolved { parent: current, name: String::new(), entry, slash, upward })
    }

    /// The target of a link.
    pub(super) fn link_target(&self, folder: &Spot, name: &str, entry: &Entry) -> Result<String> {
        match entry {
            Entry::Lower(node) => {
                let target = std::str::from_utf8(self.view.tree.link_target(*node));
                target.map(str::to_owned).map_err(|_| Errno::IllegalByteSequence)
            }
            Entry::Memory(node) => node.target().map(str::to_owned),
            Entry::Upper(_) | Entry::Host(_) => {
                let (Form::Host(host) | Form::Union { upper: Some(host), .. }) = &folder.form else {
                    return Err(Errno::Io);
                };
                super::host::read_link(std::os::fd::AsFd::as_fd(host), name)
            }
            _ => Err(Errno::Invalid),
        }
    }
}
