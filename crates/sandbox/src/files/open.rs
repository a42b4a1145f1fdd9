//! Opening of files and folders.

use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::OFlags;
use sprat_image::NodeId;

use super::descriptor::{Descriptor, FolderPlace, OpenFolder, Place};
use super::errno::{Errno, Result};
use super::host;
use super::inner::Inner;
use super::memory::Owner;
use super::mounts::Source;
use super::namespace::{Entry, Form, Namespace, Spot};
use super::open_file::{Backing, OpenFile};
use super::permission::{FILE_MODE, Right, host_owner, own_file};
use super::resolve::Last;
use super::shared::FileKey;
use super::upper::unhide;
use super::{Access, Create, Follow, Kind, path};

impl Namespace<'_> {
    /// As `openat`.
    pub(super) fn open(
        &mut self,
        base: &Descriptor,
        path: &str,
        follow: Follow,
        create: Create,
        access: Access,
        place: Place,
    ) -> Result<Descriptor> {
        if create.create && create.directory {
            return Err(Errno::Invalid);
        }
        let exclusive = create.create && create.exclusive;
        let last = if exclusive || (create.create && path.ends_with('/')) { Last::Name } else { follow.into() };
        let mut found = self.resolve(base, path, last)?;
        if create.create && found.slash && !found.name.is_empty() {
            return Err(Errno::IsDirectory);
        }
        let Some(entry) = found.entry else {
            if !create.create {
                return Err(Errno::NoEntry);
            }
            let file = self.create_file(&mut found.parent, &found.name)?;
            return Ok(Descriptor::of_file(file, access, None, place));
        };
        if exclusive {
            return Err(Errno::Exist);
        }
        if let Entry::Folder(spot) = entry {
            if create.create || create.truncate || (access.write && !create.directory) {
                return Err(Errno::IsDirectory);
            }
            if access.read {
                self.may(&spot, Right::Read)?;
            }
            return self.open_folder(spot, access, Some(place));
        }
        if found.slash || create.directory {
            return Err(Errno::NotDirectory);
        }
        let file = self.open_file(&mut found.parent, &found.name, entry, access, create.truncate)?;
        let lower = file.is_lower().then(|| found.parent.join(&found.name)).transpose()?;
        Ok(Descriptor::of_file(file, access, lower.as_deref(), place))
    }

    /// See `FileView::find_program`.
    pub(super) fn find_program(&mut self, base: &Descriptor, path: &str) -> Result<(String, Option<NodeId>)> {
        let found = self.resolve(base, path, Last::Follow)?;
        let entry = found.entry.ok_or(Errno::NoEntry)?;
        match entry.kind(&self.view.tree) {
            Kind::File if !found.slash => {}
            Kind::File => return Err(Errno::NotDirectory),
            Kind::Directory | Kind::CharacterDevice | Kind::Other => return Err(Errno::Access),
            Kind::Symlink => return Err(Errno::Loop),
        }
        // WASI gives a guest no way to set a mode, so a program that it may only read can be run too.
        let may = |right| self.may_entry(&found.parent, &found.name, &entry, right);
        may(Right::Search).or_else(|_| may(Right::Read))?;
        let node = if let Entry::Lower(node) = entry { Some(node) } else { None };
        Ok((found.parent.join(&found.name)?, node))
    }

    /// Opens a folder.
    pub(super) fn open_folder(&mut self, spot: Spot, access: Access, place: Option<Place>) -> Result<Descriptor> {
        let stat = self.stat_folder(&spot)?;
        let upper = if spot.mount.is_none() && place.is_some() { self.upper_root()? } else { None };
        let host = if let Form::Host(folder) = spot.form { Some(folder) } else { None };
        let at = parking_lot::Mutex::new(FolderPlace::At(spot.path));
        let folder = Arc::new(OpenFolder { mount: spot.mount, place: at, host, _upper: upper });
        if place.is_some() {
            self.view.note_folder(&folder);
        }
        Ok(Descriptor::of_folder(folder, &stat, access, place))
    }

    fn open_file(
        &mut self,
        folder: &mut Spot,
        name: &str,
        mut entry: Entry,
        access: Access,
        truncate: bool,
    ) -> Result<Arc<OpenFile>> {
        match entry.kind(&self.view.tree) {
            Kind::Symlink => return Err(Errno::Loop),
            Kind::Other => return Err(Errno::NotSupported),
            Kind::Directory => return Err(Errno::IsDirectory),
            Kind::File | Kind::CharacterDevice => {}
        }
        let change = access.write || truncate;
        if access.read {
            self.may_entry(folder, name, &entry, Right::Read)?;
        }
        if change {
            self.may_entry(folder, name, &entry, Right::Write)?;
        }
        if let Entry::Device(device) = entry {
            let inode = self.view.stat_device(device).inode;
            return Ok(OpenFile::new(Inner::device_of(None), inode, Backing::Device(device), None));
        }
        if change {
            self.writable(if let Entry::HostFile { mount, .. } = entry { Some(mount) } else { folder.mount })?;
            if matches!(entry, Entry::Lower(_) | Entry::Provided(_)) {
                self.copy_up(folder, name, &entry, !truncate)?;
                entry = self.lookup(folder, name)?.ok_or(Errno::NoEntry)?;
            }
        }
        let file = self.open_entry(folder, name, &entry, Access { write: change, ..access })?;
        if truncate {
            file.set_size(0)?;
        }
        Ok(file)
    }

    fn open_entry(&mut self, folder: &Spot, name: &str, entry: &Entry, access: Access) -> Result<Arc<OpenFile>> {
        let device = Inner::device_of(folder.mount);
        Ok(match entry {
            Entry::Lower(node) => {
                let inode = self.view.stat_lower(*node).inode;
                self.open_shared(FileKey::Lower(*node), inode, || Ok(Backing::Lower(*node)))?
            }
            Entry::Provided(number) => {
                let inode = self.view.stat_provided(*number).inode;
                self.open_shared(FileKey::Provided(*number), inode, || Ok(Backing::Provided(*number)))?
            }
            Entry::Upper(stat) => {
                let Form::Union { upper: Some(upper), .. } = &folder.form else { return Err(Errno::Io) };
                let inode = self.upper_inode(stat.inode);
                self.open_shared(FileKey::Upper(stat.inode), inode, || {
                    let file = match host::open_file(upper.as_fd(), name, OFlags::RDWR) {
                        Err(Errno::ReadOnly | Errno::Access) if !access.write => {
                            host::open_file(upper.as_fd(), name, OFlags::RDONLY)?
                        }
                        opened => opened?,
                    };
                    Ok(Backing::Upper(file))
                })?
            }
            Entry::Host(_) => {
                let file = host::open_file(folder.host()?.as_fd(), name, host_flags(access))?;
                self.opened_host(device, file, access)?
            }
            Entry::HostFile { mount, .. } => {
                let Source::File(source) = &self.view.mounts.get(*mount)?.source else { return Err(Errno::Io) };
                let file = host::open_source(source, Kind::File, host_flags(access))?;
                self.opened_host(Inner::device_of(Some(*mount)), file, access)?
            }
            Entry::Memory(node) => OpenFile::new(device, node.inode(), Backing::Memory(Arc::clone(node)), None),
            Entry::Device(_) | Entry::Folder(_) => return Err(Errno::NotSupported),
        })
    }

    /// Checks the file that was really opened: the name may mean another one than when it was looked up.
    fn opened_host(&self, device: u64, file: std::os::fd::OwnedFd, access: Access) -> Result<Arc<OpenFile>> {
        let stat = host::stat(file.as_fd())?;
        for (wanted, right) in [(access.read, Right::Read), (access.write, Right::Write)] {
            if wanted {
                host_owner(&stat, self.user).check(self.user, right)?;
            }
        }
        Ok(OpenFile::new(device, stat.inode, Backing::Host(file), None))
    }

    fn open_shared(
        &mut self,
        key: FileKey,
        inode: u64,
        backing: impl FnOnce() -> Result<Backing>,
    ) -> Result<Arc<OpenFile>> {
        if let Some(open) = self.state.files.get(key) {
            return Ok(open);
        }
        let shared = Arc::clone(&self.view.shared);
        let file = OpenFile::new(Inner::device_of(None), inode, backing()?, Some(shared));
        self.state.files.insert(key, &file);
        Ok(file)
    }

    /// Makes a file that was not there.
    fn create_file(&mut self, folder: &mut Spot, name: &str) -> Result<Arc<OpenFile>> {
        self.may_make(folder, name)?;
        let device = Inner::device_of(folder.mount);
        let owner = Owner::of(self.user, FILE_MODE);
        match &folder.form {
            Form::Union { .. } => {
                let upper = self.make_upper(folder)?;
                let file = self.add_entry(|_| host::create_file(upper.as_fd(), name, FILE_MODE))?;
                own_file(file.as_fd(), owner)?;
                if self.has_lower(folder, name)? {
                    unhide(upper.as_fd(), name)?;
                }
                let inode = host::stat(file.as_fd())?.inode;
                self.state.origins.remove(&inode);
                self.state.files.remove(FileKey::Upper(inode));
                self.open_shared(FileKey::Upper(inode), inode, || Ok(Backing::Upper(file)))
            }
            Form::Host(host) => {
                let file = host::create_file(host.as_fd(), name, FILE_MODE)?;
                self.give_to_user(host, name);
                let inode = host::stat(file.as_fd())?.inode;
                Ok(OpenFile::new(device, inode, Backing::Host(file), None))
            }
            Form::Memory(node) => {
                let file = self.memory(folder.mount)?.make_file(node, name, owner)?;
                Ok(OpenFile::new(device, file.inode(), Backing::Memory(file), None))
            }
            Form::Synthetic => Err(Errno::ReadOnly),
        }
    }

    /// Refuses to make a name: the folder can't be written by this user, or the name is one of ours.
    pub(super) fn may_make(&mut self, folder: &Spot, name: &str) -> Result<()> {
        path::check_name(name)?;
        self.writable(folder.mount)?;
        self.may(folder, Right::Change)?;
        if folder.mount.is_none() && name.starts_with(path::WHITEOUT_PREFIX) {
            return Err(Errno::Invalid);
        }
        Ok(())
    }
}

const fn host_flags(access: Access) -> OFlags {
    match (access.read, access.write) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        _ => OFlags::RDONLY,
    }
}
