//! Random operations on a view and on a folder of the host, which the kernel resolves with that folder as its root:
//! the results and the trees must be the same.
//!
//! In the view, `h` is a mounted folder of the host and `m` a mount in memory, the rest is image and upper folder. What
//! a view refuses because of that ([`Errno::CrossDevice`], [`Errno::Busy`]) is not tried on the model.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use proptest::prelude::*;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};

use super::*;

#[derive(Debug, Clone)]
enum Op {
    Write { path: String, offset: u16, create: Create },
    Append { path: String },
    Read { path: String },
    Resize { path: String, size: u16 },
    MakeDirectory { path: String },
    RemoveDirectory { path: String },
    Unlink { path: String },
    Rename { from: String, to: String },
    Symlink { target: String, path: String },
    Link { from: String, to: String },
    ReadLink { path: String },
    Stat { path: String, follow: bool },
    List { path: String },
    Hold { path: String },
    WriteHeld { which: usize },
    ReadHeld { which: usize },
    Restart,
}

fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        10 => prop::sample::select(vec!["a", "b", "c", "d"]),
        2 => prop::sample::select(vec!["h", "m", "l"]),
        1 => prop::sample::select(vec![".", ".."]),
    ];
    let end = prop_oneof![12 => Just(""), 1 => Just("/")];
    (prop::collection::vec(name, 1..4), end).prop_map(|(names, end)| names.join("/") + end)
}

fn target() -> impl Strategy<Value = String> {
    (prop_oneof![2 => Just(""), 1 => Just("/"), 1 => Just("../")], path())
        .prop_map(|(start, path)| start.to_owned() + &path)
}

fn create() -> impl Strategy<Value = Create> {
    (any::<bool>(), prop::bool::weighted(0.2), any::<bool>()).prop_map(|(create, exclusive, truncate)| Create {
        create,
        exclusive: create && exclusive,
        truncate,
        directory: false,
    })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (path(), 0..300_u16, create()).prop_map(|(path, offset, create)| Op::Write { path, offset, create }),
        1 => path().prop_map(|path| Op::Append { path }),
        2 => path().prop_map(|path| Op::Read { path }),
        1 => (path(), 0..300_u16).prop_map(|(path, size)| Op::Resize { path, size }),
        3 => path().prop_map(|path| Op::MakeDirectory { path }),
        2 => path().prop_map(|path| Op::RemoveDirectory { path }),
        3 => path().prop_map(|path| Op::Unlink { path }),
        4 => (path(), path()).prop_map(|(from, to)| Op::Rename { from, to }),
        2 => (target(), path()).prop_map(|(target, path)| Op::Symlink { target, path }),
        2 => (path(), path()).prop_map(|(from, to)| Op::Link { from, to }),
        1 => path().prop_map(|path| Op::ReadLink { path }),
        2 => (path(), any::<bool>()).prop_map(|(path, follow)| Op::Stat { path, follow }),
        1 => path().prop_map(|path| Op::List { path }),
        2 => path().prop_map(|path| Op::Hold { path }),
        2 => (0..4_usize).prop_map(|which| Op::WriteHeld { which }),
        1 => (0..4_usize).prop_map(|which| Op::ReadHeld { which }),
        1 => Just(Op::Restart),
    ]
}

/// What an operation gave, as both sides can say it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Got {
    Done,
    Bytes(Vec<u8>),
    Text(String),
    Stat(Kind, u64, u64),
    Names(Vec<(String, Kind)>),
}

type Outcome = Result<Got, Errno>;

/// A folder of the host as the root.
struct Model {
    root: OwnedFd,
    held: Vec<OwnedFd>,
}

fn host_kind(mode: u32) -> Kind {
    match FileType::from_raw_mode(mode) {
        FileType::Directory => Kind::Directory,
        FileType::RegularFile => Kind::File,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    }
}

fn host_stat(fd: &OwnedFd) -> Outcome {
    let stat = rustix::fs::fstat(fd)?;
    let kind = host_kind(stat.st_mode);
    Ok(match kind {
        Kind::Directory => Got::Stat(kind, 0, 0),
        _ => Got::Stat(kind, stat.st_size as u64, stat.st_nlink as u64),
    })
}

fn host_content(fd: &OwnedFd) -> Outcome {
    let mut bytes = vec![0; 4096];
    let read = rustix::io::pread(fd, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Got::Bytes(bytes))
}

impl Model {
    fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o644) } else { Mode::empty() };
        Ok(rustix::fs::openat2(&self.root, path, flags | OFlags::CLOEXEC, mode, ResolveFlags::IN_ROOT)?)
    }

    /// The folder of the last name, and that name with its slash.
    fn parent<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str), Errno> {
        let trimmed = path.trim_end_matches('/');
        let start = trimmed.rfind('/').map_or(0, |slash| slash + 1);
        let folder = if start == 0 { "." } else { &path[..start] };
        Ok((self.open(folder, OFlags::PATH | OFlags::DIRECTORY)?, &path[start..]))
    }

    fn run(&mut self, op: &Op) -> Outcome {
        match op {
            Op::Write { path, offset, create } => {
                let mut flags = OFlags::RDWR;
                flags.set(OFlags::CREATE, create.create);
                flags.set(OFlags::EXCL, create.exclusive);
                flags.set(OFlags::TRUNC, create.truncate);
                rustix::io::pwrite(self.open(path, flags)?, b"data", u64::from(*offset))?;
            }
            Op::Append { path } => {
                rustix::io::write(self.open(path, OFlags::WRONLY | OFlags::APPEND)?, b"more")?;
            }
            Op::Read { path } => {
                let file = self.open(path, OFlags::RDONLY)?;
                return host_content(&file);
            }
            Op::Resize { path, size } => rustix::fs::ftruncate(self.open(path, OFlags::WRONLY)?, u64::from(*size))?,
            Op::MakeDirectory { path } => {
                let (folder, name) = self.parent(path)?;
                rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o755))?;
            }
            Op::RemoveDirectory { path } => {
                let (folder, name) = self.parent(path)?;
                rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)?;
            }
            Op::Unlink { path } => {
                let (folder, name) = self.parent(path)?;
                rustix::fs::unlinkat(folder, name, AtFlags::empty())?;
            }
            Op::Rename { from, to } => {
                let (from, old) = self.parent(from)?;
                let (to, new) = self.parent(to)?;
                rustix::fs::renameat(from, old, to, new)?;
            }
            Op::Symlink { target, path } => {
                let (folder, name) = self.parent(path)?;
                rustix::fs::symlinkat(target, folder, name)?;
            }
            Op::Link { from, to } => {
                let (from, old) = self.parent(from)?;
                let (to, new) = self.parent(to)?;
                rustix::fs::linkat(from, old, to, new, AtFlags::empty())?;
            }
            Op::ReadLink { path } => {
                let (folder, name) = self.parent(path)?;
                let target = rustix::fs::readlinkat(folder, name, Vec::new())?;
                return Ok(Got::Text(target.into_string().unwrap()));
            }
            Op::Stat { path, follow } => {
                let mut flags = OFlags::PATH;
                flags.set(OFlags::NOFOLLOW, !follow);
                return host_stat(&self.open(path, flags)?);
            }
            Op::List { path } => {
                return host_names(&self.open(path, OFlags::RDONLY | OFlags::DIRECTORY)?);
            }
            Op::Hold { path } => {
                let file = self.open(path, OFlags::RDWR)?;
                self.held.push(file);
            }
            Op::WriteHeld { which } => {
                let Some(file) = self.held.get(*which) else { return Ok(Got::Done) };
                rustix::io::pwrite(file, b"held", 2)?;
                return host_stat(file);
            }
            Op::ReadHeld { which } => {
                let Some(file) = self.held.get(*which) else { return Ok(Got::Done) };
                return host_content(file);
            }
            Op::Restart => self.held.clear(),
        }
        Ok(Got::Done)
    }
}

fn host_names(folder: &OwnedFd) -> Outcome {
    let entries = super::super::host::entries(folder.as_fd())?;
    let mut names: Vec<_> = entries.into_iter().map(|e| (String::from_utf8(e.name).unwrap(), e.kind)).collect();
    names.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Got::Names(names))
}

/// A view, and the descriptors it has open.
struct Subject {
    world: World,
    view: Option<FileView>,
    held: Vec<Descriptor>,
}

fn view_stat(stat: super::super::Stat) -> Outcome {
    Ok(match stat.kind {
        Kind::Directory => Got::Stat(stat.kind, 0, 0),
        kind => Got::Stat(kind, stat.size, stat.links),
    })
}

impl Subject {
    fn run(&mut self, op: &Op) -> Outcome {
        let view = self.view.as_ref().unwrap();
        let root = view.root();
        match op {
            Op::Write { path, offset, create } => {
                let file = view.open(&root, path, Follow::Yes, *create, WRITE)?;
                view.write(&file, b"data", u64::from(*offset))?;
            }
            Op::Append { path } => {
                view.append(&open(view, path, OPEN, Access { read: false, write: true })?, b"more")?;
            }
            Op::Read { path } => {
                let file = open(view, path, OPEN, READ)?;
                return content(view, &file).map(Got::Bytes);
            }
            Op::Resize { path, size } => view.set_size(&open(view, path, OPEN, WRITE)?, u64::from(*size))?,
            Op::MakeDirectory { path } => view.make_directory(&root, path)?,
            Op::RemoveDirectory { path } => view.remove_directory(&root, path)?,
            Op::Unlink { path } => view.unlink(&root, path)?,
            Op::Rename { from, to } => view.rename(&root, from, &root, to)?,
            Op::Symlink { target, path } => view.symlink(target, &root, path)?,
            Op::Link { from, to } => view.link(&root, from, Follow::No, &root, to)?,
            Op::ReadLink { path } => return view.read_link(&root, path).map(Got::Text),
            Op::Stat { path, follow } => {
                let follow = if *follow { Follow::Yes } else { Follow::No };
                return view_stat(view.stat_at(&root, path, follow)?);
            }
            Op::List { path } => {
                let directory = Create { directory: true, ..OPEN };
                let folder = open(view, path, directory, READ)?;
                let entries = view.entries(&folder)?.map(|entry| (entry.name, entry.kind));
                return Ok(Got::Names(entries.filter(|(name, _)| name != "dev").collect()));
            }
            Op::Hold { path } => {
                let file = open(view, path, OPEN, WRITE)?;
                self.held.push(file);
            }
            Op::WriteHeld { which } => {
                let Some(file) = self.held.get(*which) else { return Ok(Got::Done) };
                view.write(file, b"held", 2)?;
                return view_stat(view.stat(file)?);
            }
            Op::ReadHeld { which } => {
                let Some(file) = self.held.get(*which) else { return Ok(Got::Done) };
                return content(view, file).map(Got::Bytes);
            }
            Op::Restart => {
                self.held.clear();
                // The mount in memory would be empty again, so another view keeps it.
                let next = self.world.view();
                self.view = Some(next);
            }
        }
        Ok(Got::Done)
    }
}

fn image(layer: &mut LayerWriter) {
    layer.bytes(b"a/b/c", Attributes::FILE, b"lower abc".to_vec()).unwrap();
    layer.bytes(b"a/d", Attributes::FILE, b"lower ad".to_vec()).unwrap();
    layer.bytes(b"b", Attributes::FILE, b"lower b".to_vec()).unwrap();
    layer.folder(b"c/a", Attributes::FOLDER).unwrap();
    layer.symlink(b"l", Attributes::FILE, b"a/b").unwrap();
    layer.symlink(b"c/l", Attributes::FILE, b"/a/../b").unwrap();
}

fn same_on_the_host(root: &Path) {
    fs_err::create_dir_all(root.join("a/b")).unwrap();
    fs_err::write(root.join("a/b/c"), "lower abc").unwrap();
    fs_err::write(root.join("a/d"), "lower ad").unwrap();
    fs_err::write(root.join("b"), "lower b").unwrap();
    fs_err::create_dir_all(root.join("c/a")).unwrap();
    std::os::unix::fs::symlink("a/b", root.join("l")).unwrap();
    std::os::unix::fs::symlink("/a/../b", root.join("c/l")).unwrap();
    fs_err::create_dir(root.join("h")).unwrap();
    fs_err::create_dir(root.join("m")).unwrap();
}

fn tree(list: &mut dyn FnMut(Op) -> Outcome, folder: &str, all: &mut Vec<(String, Outcome)>) {
    let Got::Names(names) = list(Op::List { path: folder.to_owned() }).unwrap() else { return };
    for (name, kind) in names {
        let path = format!("{folder}/{name}");
        let op = match kind {
            Kind::Directory => {
                tree(list, &path, all);
                continue;
            }
            Kind::Symlink => Op::ReadLink { path: path.clone() },
            _ => Op::Read { path: path.clone() },
        };
        let got = list(op);
        all.push((path, got));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_view_behaves_as_a_folder_of_the_host(ops in prop::collection::vec(op(), 1..40)) {
        let mut world = World::new(image);
        world.mount("/h", false);
        world.mount_source("/m", MountSource::Memory(8 << 20), false);
        let model = world.dir.path().join("model");
        same_on_the_host(&model);
        let root = rustix::fs::open(&model, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let mut model = Model { root, held: Vec::new() };
        let view = Some(world.view());
        let mut subject = Subject { world, view, held: Vec::new() };
        for op in &ops {
            let got = subject.run(op);
            if matches!(got, Err(Errno::CrossDevice | Errno::Busy)) {
                continue;
            }
            let expected = model.run(op);
            // With two paths, which of two errors comes first is nobody's promise.
            let two_paths = matches!(op, Op::Rename { .. } | Op::Link { .. });
            if !(two_paths && got.is_err() && expected.is_err()) {
                prop_assert_eq!(&got, &expected, "{:?}", op);
            }
        }
        let (mut got, mut expected) = (Vec::new(), Vec::new());
        tree(&mut |op| subject.run(&op), ".", &mut got);
        tree(&mut |op| model.run(&op), ".", &mut expected);
        prop_assert_eq!(got, expected);
    }
}
