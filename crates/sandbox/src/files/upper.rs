//! The upper folder: what the guest changed, with real names, in the way of OCI layers.
//!
//! It is made at the first write. `.wh.NAME` hides NAME of the layers below, `.wh..wh..opq` all that they have in its
//! folder. Names that begin with `.wh..wh.tmp-` lie in its top folder only, are not finished and are removed when the
//! folder is next opened: a kill at any moment leaves nothing half made. Every change puts the whiteout before
//! the removal, and what has a name in the upper folder is shown even if a whiteout of that name is still there.

use std::fs::DirBuilder;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags};
use sprat_image::Tree;

use super::errno::{Errno, Result};
use super::host::{self, HostStat};
use super::lookup::{OPAQUE, whiteout};
use super::memory::Owner;
use super::namespace::{Folder, Form, Namespace, Spot};
use super::permission::{FOLDER_MODE, own_folder};
use super::shared::{FileKey, Presence};
use super::{Kind, Times, path};

/// What unfinished names begin with.
const TEMPORARY: &str = ".wh..wh.tmp-";

/// What a visit's unfinished names begin with.
const VISITING: &str = ".wh..wh.visit-";

/// Mode of the upper folder itself: its files are nobody else's business.
const UPPER_MODE: u32 = 0o700;

/// Mode of whiteouts.
const WHITEOUT_MODE: u32 = 0o600;

impl Namespace<'_> {
    /// The upper folder, if it is there.
    pub(super) fn upper_root(&mut self) -> Result<Option<Folder>> {
        if self.state.presence == Presence::Absent {
            return Ok(None);
        }
        if let Some(upper) = self.state.upper.upgrade() {
            return Ok(Some(upper));
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let upper = match rustix::fs::open(&self.view.shared.path, flags, Mode::empty()) {
            Ok(upper) => Arc::new(upper),
            Err(rustix::io::Errno::NOENT) => {
                self.state.presence = Presence::Absent;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        if self.state.presence == Presence::Unknown && self.may_clear() {
            clear_temporaries(&upper, self.unfinished())?;
        }
        self.state.presence = Presence::Present;
        self.state.upper = Arc::downgrade(&upper);
        Ok(Some(upper))
    }

    /// The upper folder, made if need be.
    pub(super) fn make_upper_root(&mut self) -> Result<Folder> {
        if let Some(upper) = self.upper_root()? {
            return Ok(upper);
        }
        DirBuilder::new().recursive(true).mode(UPPER_MODE).create(&self.view.shared.path)?;
        self.state.presence = Presence::Present;
        self.upper_root()?.ok_or(Errno::ReadOnly)
    }

    /// Counts the bytes and entries that are in the upper folder already.
    pub(super) fn count_upper(&mut self) -> Result<()> {
        if self.state.counted {
            return Ok(());
        }
        if let Some(upper) = self.upper_root()? {
            let (bytes, entries) = count(&upper)?;
            self.view.shared.budget.add(bytes);
            self.view.shared.entries.add(entries);
        }
        self.state.counted = true;
        Ok(())
    }

    /// The part of a folder in the upper folder, made if need be with owners and times of the image's folders.
    pub(super) fn make_upper(&mut self, spot: &mut Spot) -> Result<Folder> {
        let Form::Union { upper, .. } = &mut spot.form else { return Err(Errno::Io) };
        if let Some(upper) = upper {
            return Ok(Arc::clone(upper));
        }
        let mut current = self.make_upper_root()?;
        let mut lower = Some(Tree::ROOT);
        let mut made_of = None;
        for name in path::names(&spot.path) {
            lower = lower.and_then(|folder| self.view.tree.child(folder, name.as_bytes()));
            let (next, made) = match host::open_folder(current.as_fd(), name) {
                Ok(next) => (next, false),
                Err(Errno::NoEntry) => {
                    let owner = lower.map_or(Owner::root(FOLDER_MODE), |node| self.view.lower_owner(node));
                    let folder = make_folder(current.as_fd(), name, owner)?;
                    // Past the limit too: there are no more of them than the image has folders.
                    self.view.shared.entries.add(1);
                    (folder, true)
                }
                Err(error) => return Err(error),
            };
            if let Some(modified_ns) = made_of {
                host::set_folder_times(current.as_fd(), Times { accessed_ns: None, modified_ns: Some(modified_ns) })?;
            }
            made_of = lower.filter(|_| made).map(|node| self.view.tree.node(node).mtime_ns);
            current = Arc::new(next);
        }
        *upper = Some(Arc::clone(&current));
        Ok(current)
    }

    /// A name for something that is not finished.
    pub(super) fn temporary(&mut self) -> String {
        let number = self.state.next_temporary;
        self.state.next_temporary += 1;
        format!("{}{number}", self.unfinished())
    }

    /// What the names of this view's unfinished things begin with. A visit leaves those of the guests alone, as they do its.
    fn unfinished(&self) -> &'static str {
        if self.view.shared.visiting { VISITING } else { TEMPORARY }
    }

    /// Of visits, only those that change something are alone.
    fn may_clear(&self) -> bool {
        !(self.view.shared.visiting && self.view.read_only)
    }

    /// Removes a folder of the upper folder that shows nothing, whiteouts and all, at once as guests see it.
    pub(super) fn discard_folder(&mut self, folder: &Folder, name: &str) -> Result<()> {
        let root = self.make_upper_root()?;
        let temporary = self.temporary();
        rustix::fs::renameat(folder, name, &root, &temporary)?;
        self.view.shared.entries.give(1);
        remove_flat(root.as_fd(), &temporary)
    }

    /// Makes an entry of the upper folder with `make`, if there may be one more.
    pub(super) fn add_entry<T>(&mut self, make: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if !self.view.shared.entries.take(1) {
            return Err(Errno::Quota);
        }
        let made = make(self);
        if made.is_err() {
            self.view.shared.entries.give(1);
        }
        made
    }

    /// A file or link of the upper folder lost a name: with the last one its bytes are given back, now or when it is closed.
    pub(super) fn release(&mut self, stat: &HostStat) {
        self.view.shared.entries.give(1);
        if stat.kind != Kind::File || stat.links > 1 {
            return;
        }
        self.state.origins.remove(&stat.inode);
        match self.state.files.remove(FileKey::Upper(stat.inode)) {
            Some(open) => open.orphaned(),
            None => self.view.shared.budget.give(stat.size),
        }
    }
}

/// Makes a folder of the upper folder.
pub(super) fn make_folder(folder: BorrowedFd<'_>, name: &str, owner: Owner) -> Result<std::os::fd::OwnedFd> {
    rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(FOLDER_MODE))?;
    let made = host::open_folder(folder, name)?;
    if owner != Owner::root(FOLDER_MODE) {
        own_folder(host::reopen_folder(made.as_fd())?.as_fd(), owner)?;
    }
    Ok(made)
}

/// Hides what the layers have at a name.
pub(super) fn hide(folder: BorrowedFd<'_>, name: &str) -> Result<()> {
    mark(folder, &whiteout(name))
}

/// Hides all that the layers have in a folder.
pub(super) fn make_opaque(folder: BorrowedFd<'_>) -> Result<()> {
    mark(folder, OPAQUE)
}

fn mark(folder: BorrowedFd<'_>, name: &str) -> Result<()> {
    match host::create_file(folder, name, WHITEOUT_MODE) {
        Ok(_) | Err(Errno::Exist) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes the whiteout of a name away, now that the upper folder has something there.
pub(super) fn unhide(folder: BorrowedFd<'_>, name: &str) -> Result<()> {
    match rustix::fs::unlinkat(folder, whiteout(name), AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT | rustix::io::Errno::NAMETOOLONG) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn clear_temporaries(upper: &Folder, prefix: &str) -> Result<()> {
    for entry in host::entries(upper.as_fd())? {
        let Ok(name) = std::str::from_utf8(&entry.name) else { continue };
        if !name.starts_with(prefix) {
            continue;
        }
        if entry.kind == Kind::Directory {
            remove_flat(upper.as_fd(), name)?;
        } else {
            rustix::fs::unlinkat(upper, name, AtFlags::empty())?;
        }
    }
    Ok(())
}

/// Removes a folder that has no folders.
fn remove_flat(folder: BorrowedFd<'_>, name: &str) -> Result<()> {
    let open = host::open_folder(folder, name)?;
    for entry in host::entries(open.as_fd())? {
        rustix::fs::unlinkat(&open, entry.name, AtFlags::empty())?;
    }
    Ok(rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)?)
}

/// Bytes of the files in a folder and its folders (a file with several names counts once), and all that they have but
/// whiteouts.
fn count(upper: &Folder) -> Result<(u64, u64)> {
    let (mut total, mut entries) = (0_u64, 0_u64);
    let mut seen = std::collections::HashSet::new();
    let mut left = vec![PathBuf::from(".")];
    while let Some(path) = left.pop() {
        let folder = host::open_beneath(upper.as_fd(), &path)?;
        for entry in host::entries(folder.as_fd())? {
            let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&entry.name);
            entries += u64::from(!entry.name.starts_with(path::WHITEOUT_PREFIX.as_bytes()));
            match entry.kind {
                Kind::Directory => left.push(path.join(name)),
                Kind::File => {
                    let stat: HostStat = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?.into();
                    if stat.links < 2 || seen.insert(stat.inode) {
                        total = total.saturating_add(stat.size);
                    }
                }
                _ => {}
            }
        }
    }
    Ok((total, entries))
}
