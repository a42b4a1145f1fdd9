//! [`FileView`]: the operations that the WASI hosts call.

use std::sync::Arc;

use sprat_image::{NodeId, Tree};

use super::descriptor::{FolderPlace, OpenFolder, Place};
use super::errno::{Errno, Result};
use super::inner::Inner;
use super::namespace::Namespace;
use super::open_file::OpenFile;
use super::{Access, Create, Descriptor, Follow, Listing, Stat, Times};
use crate::{FilesSpec, Limits, SandboxError, User};

/// What a process sees as `/`. One per process; those of one container share all but the user. `Send + Sync`; all methods
/// take `&self`.
#[derive(Debug)]
pub struct FileView {
    pub(super) inner: Arc<Inner>,
    pub(super) user: User,
}

impl FileView {
    /// Sets up a view. Checks that the mounts' sources are there; makes no file and holds none open.
    ///
    /// Views of the same upper folder (a container's guest and one that is run in it later) share what was written and
    /// the mounts in memory, and must be in one process.
    ///
    /// # Errors
    /// A mount can't be used.
    pub fn new(files: &FilesSpec, tree: Arc<Tree>, user: &User, limits: &Limits) -> Result<Self, SandboxError> {
        Ok(Self { inner: Arc::new(Inner::new(files, tree, limits)?), user: user.clone() })
    }

    /// The same view for another user: descriptors, limits and all that is open are shared.
    #[must_use]
    pub fn for_user(&self, user: User) -> Self {
        Self { inner: Arc::clone(&self.inner), user }
    }

    /// Whose rights count.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.user
    }

    /// Descriptors that may be open at once.
    #[must_use]
    pub fn max_open_files(&self) -> u32 {
        self.inner.max_open()
    }

    /// A place among the open files for what is no file.
    ///
    /// # Errors
    /// [`Errno::TooManyFiles`]
    pub(crate) fn place(&self) -> Result<Place> {
        self.inner.place()
    }

    /// The file that a program would be started from, if the user may read or execute it: its path, without links, and its
    /// node if it is the image's, which does not change.
    ///
    /// # Errors
    /// POSIX's of `execve`, as far as the file's content does not count.
    pub(crate) fn find_program(&self, path: &str) -> Result<(String, Option<NodeId>)> {
        let root = self.root();
        self.lock().find_program(&root, path.trim_start_matches('/'))
    }

    pub(super) fn lock(&self) -> Namespace<'_> {
        self.inner.lock(&self.user)
    }

    /// The guest's `/`, as it is pre-opened. Does not count as an open file.
    #[must_use]
    pub fn root(&self) -> Descriptor {
        let place = parking_lot::Mutex::new(FolderPlace::At(String::new()));
        let folder = OpenFolder { mount: None, place, host: None, _upper: None };
        let access = Access { read: true, write: true };
        Descriptor::of_folder(Arc::new(folder), &self.inner.stat_lower(Tree::ROOT), access, None)
    }

    /// Bytes of the files in the upper folder: their lengths, holes included, as the disk limit counts them. Looks
    /// through the folder the first time.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        if let Err(error) = self.lock().count_upper() {
            tracing::warn!(%error, "cannot count what the upper folder has");
        }
        self.inner.shared.budget.used()
    }

    /// Descriptors open.
    #[must_use]
    pub fn open_files(&self) -> u32 {
        self.inner.open.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Forgets what was known of the upper folder: whether it is there, and how many bytes it has. To be called when someone
    /// else may have changed it.
    pub fn refresh(&self) {
        let mut names = self.lock();
        names.state.presence = super::shared::Presence::Unknown;
        if std::mem::take(&mut names.state.counted) {
            let budget = &self.inner.shared.budget;
            budget.give(budget.used());
        }
    }

    /// Opens `path` relative to `folder`. `..` above the root stays at the root; above another descriptor it is
    /// [`Errno::NotPermitted`]. An absolute link counts from the guest's root.
    ///
    /// # Errors
    /// POSIX's of `openat`.
    pub fn open(
        &self,
        folder: &Descriptor,
        path: &str,
        follow: Follow,
        create: Create,
        access: Access,
    ) -> Result<Descriptor> {
        let place = self.inner.place()?;
        self.lock().open(folder, path, follow, create, access, place)
    }

    /// Reads from `offset`; 0 at the end.
    ///
    /// # Errors
    /// POSIX's of `pread`.
    pub fn read(&self, file: &Descriptor, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let open = file.file().ok_or(Errno::IsDirectory)?;
        if file.access().read { open.read(&self.inner, buffer, offset) } else { Err(Errno::BadDescriptor) }
    }

    /// Writes at `offset`.
    ///
    /// # Errors
    /// POSIX's of `pwrite`; [`Errno::Quota`] past the disk limit.
    pub fn write(&self, file: &Descriptor, bytes: &[u8], offset: u64) -> Result<usize> {
        writable(file)?.write(bytes, offset)
    }

    /// Writes at the end, atomically.
    ///
    /// # Errors
    /// As [`FileView::write`].
    pub fn append(&self, file: &Descriptor, bytes: &[u8]) -> Result<usize> {
        writable(file)?.append(bytes)
    }

    /// Says why not one byte can be written at `offset`, as far as that is known beforehand; `None` is the end. For
    /// interfaces that can give the reason only before a write.
    ///
    /// # Errors
    /// As [`FileView::write`].
    pub fn check_room(&self, file: &Descriptor, offset: Option<u64>) -> Result<()> {
        writable(file)?.check_room(offset)
    }

    /// Attributes of an open node.
    ///
    /// # Errors
    /// POSIX's of `fstat`.
    pub fn stat(&self, node: &Descriptor) -> Result<Stat> {
        match node.file() {
            Some(file) => file.stat(&self.inner),
            None => self.lock().stat_open_folder(node),
        }
    }

    /// Attributes of a path.
    ///
    /// # Errors
    /// POSIX's of `fstatat`.
    pub fn stat_at(&self, folder: &Descriptor, path: &str, follow: Follow) -> Result<Stat> {
        self.lock().stat_at(folder, path, follow)
    }

    /// Sets times of an open node.
    ///
    /// # Errors
    /// POSIX's of `futimens`.
    pub fn set_times(&self, node: &Descriptor, times: Times) -> Result<()> {
        match node.file() {
            Some(file) => self.lock().set_file_times(file, node, times),
            None => self.lock().set_folder_times(node, times),
        }
    }

    /// Sets times of a path.
    ///
    /// # Errors
    /// POSIX's of `utimensat`.
    pub fn set_times_at(&self, folder: &Descriptor, path: &str, follow: Follow, times: Times) -> Result<()> {
        self.lock().set_times_at(folder, path, follow, times)
    }

    /// Cuts or extends a file.
    ///
    /// # Errors
    /// POSIX's of `ftruncate`.
    pub fn set_size(&self, file: &Descriptor, size: u64) -> Result<()> {
        writable(file)?.set_size(size)
    }

    /// Brings a node to the disk (`data_only`: without its attributes).
    ///
    /// # Errors
    /// POSIX's of `fsync`.
    pub fn sync(&self, node: &Descriptor, data_only: bool) -> Result<()> {
        match node.file() {
            Some(file) => file.sync(data_only),
            None => self.lock().sync_folder(node),
        }
    }

    /// All entries of a folder in the order of their names, without `.` and `..`.
    ///
    /// # Errors
    /// POSIX's of `readdir`; [`Errno::TooManyFiles`] if the guest's listings take too much together.
    pub fn entries(&self, folder: &Descriptor) -> Result<Listing> {
        if !folder.access().read {
            return Err(Errno::BadDescriptor);
        }
        let mut names = self.lock();
        let spot = names.start(folder)?;
        let entries = names.entries(&spot)?;
        drop(names);
        Listing::new(entries, &self.inner)
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// POSIX's of `mkdirat`.
    pub fn make_directory(&self, folder: &Descriptor, path: &str) -> Result<()> {
        self.lock().make_directory(folder, path)
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// POSIX's of `unlinkat` with `AT_REMOVEDIR`; [`Errno::Busy`] for a mount point.
    pub fn remove_directory(&self, folder: &Descriptor, path: &str) -> Result<()> {
        self.lock().remove_directory(folder, path)
    }

    /// Removes a file or link. Open descriptors keep working.
    ///
    /// # Errors
    /// POSIX's of `unlinkat`.
    pub fn unlink(&self, folder: &Descriptor, path: &str) -> Result<()> {
        self.lock().unlink(folder, path)
    }

    /// Renames, replacing what was there as POSIX has it.
    ///
    /// # Errors
    /// POSIX's of `renameat`; [`Errno::CrossDevice`] between mounts and for a folder of the image.
    pub fn rename(&self, from: &Descriptor, path: &str, to: &Descriptor, new: &str) -> Result<()> {
        self.lock().rename(from, path, to, new)
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// POSIX's of `symlinkat`.
    pub fn symlink(&self, target: &str, folder: &Descriptor, path: &str) -> Result<()> {
        self.lock().symlink(target, folder, path)
    }

    /// Makes a hard link.
    ///
    /// # Errors
    /// POSIX's of `linkat`.
    pub fn link(&self, from: &Descriptor, path: &str, follow: Follow, to: &Descriptor, new: &str) -> Result<()> {
        self.lock().link(from, path, follow, to, new)
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// POSIX's of `readlinkat`.
    pub fn read_link(&self, folder: &Descriptor, path: &str) -> Result<String> {
        self.lock().read_link(folder, path)
    }
}

/// The file of a descriptor that may be written.
fn writable(file: &Descriptor) -> Result<&OpenFile> {
    let open = file.file().ok_or(Errno::IsDirectory)?;
    if file.access().write { Ok(open) } else { Err(Errno::BadDescriptor) }
}
