//! Tests of the file view.

mod hostile;
mod limits;
mod model;
mod mounts;
mod owners;
mod union;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sprat_image::Tree;
use sprat_image::layer::{Attributes, DATA_FILE, INDEX_FILE, LayerWriter, unpack};

use super::{Access, Create, Descriptor, Errno, FileView, Follow, Kind};
use crate::{FilesSpec, Limits, Mount, MountSource, User};

const READ: Access = Access { read: true, write: false };
const WRITE: Access = Access { read: true, write: true };
const MAKE: Create = Create { create: true, exclusive: false, truncate: false, directory: false };
const FRESH: Create = Create { create: true, exclusive: false, truncate: true, directory: false };
const OPEN: Create = Create { create: false, exclusive: false, truncate: false, directory: false };

/// What a view is made of; `view` can be called again, as after a restart.
struct World {
    dir: tempfile::TempDir,
    spec: FilesSpec,
    tree: Arc<Tree>,
    user: User,
    limits: Limits,
}

impl World {
    /// With an image layer.
    fn new(layer: impl FnOnce(&mut LayerWriter)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = LayerWriter::new();
        layer(&mut writer);
        let mut tar = Vec::new();
        writer.write(&mut tar).unwrap();
        let folder = dir.path().join("layer");
        fs_err::create_dir(&folder).unwrap();
        let mut data = fs_err::File::create(folder.join(DATA_FILE)).unwrap();
        let index = unpack(&mut tar.as_slice(), &mut data).unwrap();
        let length = sprat_image::layer::Index::decode(&index).unwrap().data_len;
        data.set_len(length).unwrap();
        fs_err::write(folder.join(INDEX_FILE), index).unwrap();
        let spec = FilesSpec { upper: dir.path().join("state/upper"), ..FilesSpec::default() };
        let tree = Arc::new(Tree::open(&[folder]).unwrap());
        Self { dir, spec, tree, user: User::default(), limits: Limits::default() }
    }

    /// With a small image: `/etc/passwd`, `/etc/motd`, `/lib/libc.so` behind a link, `/empty`.
    fn small() -> Self {
        Self::new(|layer| {
            layer.folder(b"empty", Attributes::FOLDER).unwrap();
            layer.folder(b"etc", Attributes::FOLDER).unwrap();
            layer.bytes(b"etc/passwd", Attributes::FILE, b"root:x:0".to_vec()).unwrap();
            layer.bytes(b"etc/motd", Attributes::FILE, b"hello".to_vec()).unwrap();
            layer.bytes(b"usr/lib/libc.so", Attributes::FILE, b"elf".to_vec()).unwrap();
            layer.symlink(b"lib", Attributes::FILE, b"usr/lib").unwrap();
        })
    }

    fn view(&self) -> FileView {
        FileView::new(&self.spec, Arc::clone(&self.tree), &self.user, &self.limits).unwrap()
    }

    fn upper(&self) -> &Path {
        &self.spec.upper
    }

    /// Mounts a new folder of the host and says where it is.
    fn mount(&mut self, target: &str, read_only: bool) -> PathBuf {
        let source = self.dir.path().join(format!("mount{}", self.spec.mounts.len()));
        fs_err::create_dir(&source).unwrap();
        self.mount_source(target, MountSource::Host(source.clone()), read_only);
        source
    }

    fn mount_source(&mut self, target: &str, source: MountSource, read_only: bool) {
        self.spec.mounts.push(Mount { target: target.to_owned(), source, read_only });
    }
}

fn open(view: &FileView, path: &str, create: Create, access: Access) -> Result<Descriptor, Errno> {
    view.open(&view.root(), path, Follow::Yes, create, access)
}

fn write(view: &FileView, path: &str, bytes: &[u8]) -> Result<usize, Errno> {
    view.write(&open(view, path, FRESH, WRITE)?, bytes, 0)
}

fn content(view: &FileView, file: &Descriptor) -> Result<Vec<u8>, Errno> {
    let mut all = Vec::new();
    let mut buffer = [0; 64];
    loop {
        let read = view.read(file, &mut buffer, all.len() as u64)?;
        if read == 0 {
            return Ok(all);
        }
        all.extend_from_slice(&buffer[..read]);
    }
}

fn read(view: &FileView, path: &str) -> Result<Vec<u8>, Errno> {
    content(view, &open(view, path, OPEN, READ)?)
}

fn names(view: &FileView, path: &str) -> Result<Vec<String>, Errno> {
    let folder = open(view, path, OPEN, READ)?;
    Ok(view.entries(&folder)?.map(|entry| entry.name).collect())
}

fn unlink(view: &FileView, path: &str) -> Result<(), Errno> {
    view.unlink(&view.root(), path)
}

fn rename(view: &FileView, from: &str, to: &str) -> Result<(), Errno> {
    view.rename(&view.root(), from, &view.root(), to)
}

fn mkdir(view: &FileView, path: &str) -> Result<(), Errno> {
    view.make_directory(&view.root(), path)
}

fn rmdir(view: &FileView, path: &str) -> Result<(), Errno> {
    view.remove_directory(&view.root(), path)
}

fn inode(view: &FileView, path: &str) -> u64 {
    view.stat_at(&view.root(), path, Follow::No).unwrap().inode
}

/// Descriptors of this process on files below a folder.
fn host_descriptors(below: &Path) -> usize {
    let below = below.canonicalize().unwrap();
    let open = fs_err::read_dir("/proc/self/fd").unwrap();
    open.filter_map(|entry| fs_err::read_link(entry.unwrap().path()).ok())
        .filter(|path| path.starts_with(&below))
        .count()
}
