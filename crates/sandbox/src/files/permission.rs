//! Owners and modes, checked against the guest's user as POSIX has it. User 0 passes all checks.
//!
//! Image files have the owner that their layer says, files that a guest makes are its user's. The upper folder's
//! files belong to the worker, so their owner is kept in an extended attribute (`user.sprat.owner`: uid, gid, mode,
//! four bytes each, little-endian), only where it is not user 0 with the mode that the file has; on a file system
//! without such attributes they count as the guest's own. Mounted files of the host have the host's owner; where the worker is not root, what
//! belongs to the worker's user counts as the guest's, as in a user namespace.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Mode, OFlags, XattrFlags};
use sprat_image::{NodeId, Tree};

use super::errno::{Errno, Result};
use super::host::{self, HostStat};
use super::inner::Inner;
use super::memory::Owner;
use super::namespace::{Entry, Form, LowerFolder, Namespace, Spot};
use crate::User;

/// Mode of files that guests make.
pub(super) const FILE_MODE: u32 = 0o644;

/// Mode of folders that guests make.
pub(super) const FOLDER_MODE: u32 = 0o755;

const OWNER_ATTRIBUTE: &str = "user.sprat.owner";

const STICKY: u32 = 0o1000;

/// What is to be done with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Read,
    Write,
    Search,
    /// Both, as every change of a folder's names needs.
    Change,
}

impl Right {
    const fn bits(self) -> u32 {
        match self {
            Self::Read => 4,
            Self::Write => 2,
            Self::Search => 1,
            Self::Change => 3,
        }
    }
}

impl Owner {
    pub(super) const fn root(mode: u32) -> Self {
        Self { uid: 0, gid: 0, mode }
    }

    /// The owner of what a user makes.
    pub(super) const fn of(user: &User, mode: u32) -> Self {
        Self { uid: user.uid, gid: user.gid, mode }
    }

    pub(super) fn check(self, user: &User, right: Right) -> Result<()> {
        if user.uid == 0 {
            return Ok(());
        }
        let shift = if self.uid == user.uid {
            6
        } else if self.gid == user.gid || user.groups.contains(&self.gid) {
            3
        } else {
            0
        };
        let bits = right.bits();
        if (self.mode >> shift) & bits == bits { Ok(()) } else { Err(Errno::Access) }
    }
}

/// Rights that the worker itself needs to the files and folders of the upper folder.
const OWN_FILE: u32 = 0o600;
const OWN_FOLDER: u32 = 0o700;

/// Gives a new file of the upper folder, made with [`FILE_MODE`], its owner and mode.
pub(super) fn own_file(file: BorrowedFd<'_>, owner: Owner) -> Result<()> {
    own(file, owner, FILE_MODE, OWN_FILE)
}

/// Gives a new folder of the upper folder, made with [`FOLDER_MODE`], its owner and mode.
pub(super) fn own_folder(folder: BorrowedFd<'_>, owner: Owner) -> Result<()> {
    own(folder, owner, FOLDER_MODE, OWN_FOLDER)
}

fn own(node: BorrowedFd<'_>, owner: Owner, usual: u32, needed: u32) -> Result<()> {
    let mode = owner.mode | needed;
    if mode != usual {
        rustix::fs::fchmod(node, Mode::from_raw_mode(mode))?;
    }
    if owner == Owner::root(mode) {
        return Ok(());
    }
    let mut value = [0; 12];
    for (part, number) in value.chunks_exact_mut(4).zip([owner.uid, owner.gid, owner.mode]) {
        part.copy_from_slice(&number.to_le_bytes());
    }
    if let Err(error) = rustix::fs::fsetxattr(node, OWNER_ATTRIBUTE, &value, XattrFlags::empty()) {
        tracing::debug!(%error, "the file system of the upper folder keeps no owners");
    }
    Ok(())
}

/// The owner of a file or folder of the upper folder that is open for reading.
pub(super) fn recorded_owner(node: BorrowedFd<'_>, user: &User) -> Result<Owner> {
    let mut value = [0; 12];
    let recorded = rustix::fs::fgetxattr(node, OWNER_ATTRIBUTE, &mut value[..]);
    if recorded == Ok(12) {
        let mut numbers = value.chunks_exact(4).map(|part| part.try_into().map_or(0, u32::from_le_bytes));
        let mut next = || numbers.next().unwrap_or(0);
        return Ok(Owner { uid: next(), gid: next(), mode: next() });
    }
    let mode = host::stat(node)?.mode;
    let unrecorded = matches!(recorded, Ok(_) | Err(rustix::io::Errno::NODATA));
    Ok(if unrecorded { Owner::root(mode) } else { Owner::of(user, mode) })
}

impl Namespace<'_> {
    /// Refuses what the guest's user may not do with a folder.
    pub(super) fn may(&self, folder: &Spot, right: Right) -> Result<()> {
        if self.user.uid == 0 {
            return Ok(());
        }
        self.folder_owner(folder)?.check(self.user, right)
    }

    /// Refuses what the guest's user may not do with an entry.
    pub(super) fn may_entry(&self, folder: &Spot, name: &str, entry: &Entry, right: Right) -> Result<()> {
        if self.user.uid == 0 {
            return Ok(());
        }
        self.entry_owner(folder, name, entry)?.check(self.user, right)
    }

    /// Refuses to take away or replace a name. In a folder with the sticky bit only its owner and the entry's may.
    pub(super) fn may_remove(&self, folder: &Spot, name: &str, entry: &Entry) -> Result<()> {
        self.may(folder, Right::Change)?;
        let user = self.user.uid;
        if user == 0 {
            return Ok(());
        }
        let owner = self.folder_owner(folder)?;
        if owner.mode & STICKY == 0 || owner.uid == user || self.entry_owner(folder, name, entry)?.uid == user {
            return Ok(());
        }
        Err(Errno::NotPermitted)
    }

    /// Refuses to set times to whoever neither owns nor may write a node.
    pub(super) fn may_set_times(&self, folder: &Spot, name: &str, entry: &Entry) -> Result<()> {
        if self.user.uid == 0 {
            return Ok(());
        }
        let owner = self.entry_owner(folder, name, entry)?;
        if owner.uid == self.user.uid { Ok(()) } else { owner.check(self.user, Right::Write) }
    }

    fn folder_owner(&self, folder: &Spot) -> Result<Owner> {
        Ok(match &folder.form {
            // The upper folder itself is the worker's; the root has the image's owner.
            Form::Union { .. } if folder.path.is_empty() => self.view.lower_owner(Tree::ROOT),
            Form::Union { upper: Some(upper), .. } => {
                recorded_owner(host::reopen_folder(upper.as_fd())?.as_fd(), self.user)?
            }
            Form::Union { lower: LowerFolder::Node(node), .. } => self.view.lower_owner(*node),
            Form::Host(folder) => host_owner(&host::stat(folder.as_fd())?, self.user),
            Form::Memory(node) => node.owner(),
            Form::Union { .. } | Form::Synthetic => Owner::root(FOLDER_MODE),
        })
    }

    fn entry_owner(&self, folder: &Spot, name: &str, entry: &Entry) -> Result<Owner> {
        Ok(match entry {
            Entry::Folder(spot) => self.folder_owner(spot)?,
            Entry::Lower(node) => self.view.lower_owner(*node),
            Entry::Provided(_) => Owner::root(FILE_MODE),
            Entry::Upper(stat) => match &folder.form {
                Form::Union { upper: Some(upper), .. } if stat.kind == super::Kind::File => {
                    let file = host::open_file(upper.as_fd(), name, OFlags::RDONLY)?;
                    recorded_owner(file.as_fd(), self.user)?
                }
                _ => Owner::of(self.user, FILE_MODE),
            },
            Entry::Host(stat) | Entry::HostFile { stat, .. } => host_owner(stat, self.user),
            Entry::Memory(node) => node.owner(),
            Entry::Device(_) => Owner::root(0o666),
        })
    }
}

impl Inner {
    /// The owner of a node of the image.
    pub(super) fn lower_owner(&self, node: NodeId) -> Owner {
        let node = self.tree.node(node);
        Owner { uid: node.uid, gid: node.gid, mode: node.mode & 0o7777 }
    }
}

/// The owner of a file of the host, as the guest's user sees it.
pub(super) fn host_owner(stat: &HostStat, user: &User) -> Owner {
    let worker = rustix::process::geteuid().as_raw();
    let uid = if worker != 0 && stat.uid == worker { user.uid } else { stat.uid };
    Owner { uid, gid: stat.gid, mode: stat.mode }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_that_fits_first_decides() {
        let user = User { uid: 7, gid: 8, groups: vec![9] };
        let own = Owner { uid: 7, gid: 8, mode: 0o077 };
        assert_eq!(own.check(&user, Right::Read), Err(Errno::Access));
        let group = Owner { uid: 1, gid: 9, mode: 0o050 };
        assert_eq!(group.check(&user, Right::Read), Ok(()));
        assert_eq!(group.check(&user, Right::Write), Err(Errno::Access));
        let other = Owner { uid: 1, gid: 1, mode: 0o003 };
        assert_eq!(other.check(&user, Right::Change), Ok(()));
        assert_eq!(other.check(&User::default(), Right::Read), Ok(()));
    }

    #[test]
    fn a_recorded_owner_is_read_back() {
        let file = tempfile::tempfile().unwrap();
        let owner = Owner { uid: 70_000, gid: 3, mode: 0o4711 };
        own_file(file.as_fd(), owner).unwrap();
        let user = User { uid: 5, gid: 6, groups: Vec::new() };
        let read = recorded_owner(file.as_fd(), &user).unwrap();
        assert!(read == owner || read.uid == user.uid, "{read:?}");
    }
}
