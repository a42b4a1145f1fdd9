//! Attributes, times, links' targets and bringing to the disk.

use std::os::fd::AsFd;

use super::descriptor::{Descriptor, FolderPlace};
use super::errno::{Errno, Result};
use super::inner::Inner;
use super::namespace::{Entry, Form, Namespace, Spot};
use super::open_file::OpenFile;
use super::permission::Right;
use super::resolve::Last;
use super::{Follow, Kind, Stat, Times, host, path};

impl Namespace<'_> {
    /// As `fstat` of a folder.
    pub(super) fn stat_open_folder(&mut self, folder: &Descriptor) -> Result<Stat> {
        if let Some(open) = folder.folder()
            && let FolderPlace::Removed(stat) = &*open.place.lock()
        {
            return Ok(*stat);
        }
        let spot = self.start(folder)?;
        self.stat_folder(&spot)
    }

    /// As `fstatat`.
    pub(super) fn stat_at(&mut self, base: &Descriptor, path: &str, follow: Follow) -> Result<Stat> {
        let found = self.resolve(base, path, follow.into())?;
        self.stat_entry(&found.parent, found.present(&self.view.tree)?)
    }

    /// As `readlinkat`.
    pub(super) fn read_link(&mut self, base: &Descriptor, path: &str) -> Result<String> {
        let found = self.resolve(base, path, Last::Keep)?;
        let entry = found.present(&self.view.tree)?;
        if entry.kind(&self.view.tree) != Kind::Symlink {
            return Err(Errno::Invalid);
        }
        self.link_target(&found.parent, &found.name, entry)
    }

    /// As `utimensat`.
    pub(super) fn set_times_at(&mut self, base: &Descriptor, path: &str, follow: Follow, times: Times) -> Result<()> {
        let mut found = self.resolve(base, path, follow.into())?;
        let entry = found.present(&self.view.tree)?.clone();
        self.set_entry_times(&mut found.parent, &found.name, entry, times)
    }

    /// As `futimens` of a folder.
    pub(super) fn set_folder_times(&mut self, folder: &Descriptor, times: Times) -> Result<()> {
        let mut spot = self.start(folder)?;
        let entry = Entry::Folder(spot.clone());
        self.set_entry_times(&mut spot, "", entry, times)
    }

    /// As `futimens` of a file.
    pub(super) fn set_file_times(&mut self, file: &OpenFile, node: &Descriptor, times: Times) -> Result<()> {
        if file.is_lower() {
            // Still the image's: the name it was opened by is the same file's, or the file has been removed.
            let path = node.lower_path().ok_or(Errno::NoEntry)?;
            let mut parent = self.spot_at(path::parent(path))?;
            let entry = self.lookup(&parent, path::name(path))?.ok_or(Errno::NoEntry)?;
            if self.stat_entry(&parent, &entry)?.inode != file.inode {
                return Err(Errno::NoEntry);
            }
            return self.set_entry_times(&mut parent, path::name(path), entry, times);
        }
        self.writable(Inner::mount_of(file.device))?;
        let user = self.user;
        if user.uid != 0 && !node.access().write {
            let owner = file.owner(self.view, self.user)?;
            if owner.uid != user.uid {
                owner.check(user, Right::Write)?;
            }
        }
        file.set_times(times)
    }

    fn set_entry_times(&mut self, parent: &mut Spot, name: &str, entry: Entry, times: Times) -> Result<()> {
        let mount = match &entry {
            Entry::Folder(spot) => spot.mount,
            Entry::HostFile { mount, .. } => Some(*mount),
            Entry::Device(_) => return Err(Errno::NotPermitted),
            _ => parent.mount,
        };
        self.writable(mount)?;
        self.may_set_times(parent, name, &entry)?;
        self.copy_up(parent, name, &entry, true)?;
        match (entry, &parent.form) {
            (Entry::Folder(mut spot), _) => self.set_spot_times(&mut spot, times),
            (Entry::Memory(node), _) => {
                node.set_times(times);
                Ok(())
            }
            (Entry::HostFile { mount, .. }, _) => {
                let super::mounts::Source::File(source) = &self.view.mounts.get(mount)?.source else {
                    return Err(Errno::Io);
                };
                let file = host::open_source(source, Kind::File, rustix::fs::OFlags::RDONLY)?;
                host::set_times(file.as_fd(), times)
            }
            (_, Form::Union { upper: Some(folder), .. } | Form::Host(folder)) => {
                host::set_times_at(folder.as_fd(), name, times)
            }
            _ => Err(Errno::ReadOnly),
        }
    }

    fn set_spot_times(&mut self, spot: &mut Spot, times: Times) -> Result<()> {
        match &spot.form {
            Form::Union { .. } => host::set_folder_times(self.make_upper(spot)?.as_fd(), times),
            Form::Host(folder) => host::set_folder_times(folder.as_fd(), times),
            Form::Memory(node) => {
                node.set_times(times);
                Ok(())
            }
            Form::Synthetic => Err(Errno::ReadOnly),
        }
    }

    /// As `fsync` of a folder.
    pub(super) fn sync_folder(&mut self, folder: &Descriptor) -> Result<()> {
        match self.start(folder)?.form {
            Form::Union { upper: Some(folder), .. } | Form::Host(folder) => {
                Ok(rustix::fs::fsync(host::reopen_folder(folder.as_fd())?)?)
            }
            _ => Ok(()),
        }
    }
}
