//! Copies out of a container: what a path is, a tar of it, and a tar of the whole container.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Read};
use std::sync::Arc;

use sprat_image::layer::{Attributes, LayerError, MAX_PATH_DEPTH, TarWriter};
use sprat_sandbox::files::{Access, Create, Descriptor, FileView, Follow, Kind, Stat};

use super::visit::{Asked, Ending, Purpose, Visit, relative};
use crate::EngineError;
use crate::core::{Core, blocking};
use crate::record::Record;

/// Bytes written at once.
const CHUNK: usize = 256 << 10;
/// Most files with several names whose names are brought together; further ones are written as files of their own.
const MAX_LINKED: usize = 1 << 20;

/// What a path of a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStat {
    /// Its last name, as asked for.
    pub name: String,
    /// What is there.
    pub kind: PathKind,
    /// Permission bits, 12 bits.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Last modification, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// Where a link leads in the end, in the container's names; empty for all else.
    pub link_target: String,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// A folder.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// A character device, or what else a mounted folder has.
    Special,
}

impl Core {
    /// What a path of a container is; a link is not followed.
    pub(crate) async fn stat_path(self: Arc<Self>, record: Arc<Record>, path: String) -> Result<PathStat, EngineError> {
        record.refuse_if_removed()?;
        blocking(move || {
            let asked = Asked::parse(&path);
            self.visit(&record, Purpose::Look)?.path_stat(&asked).map_err(|error| as_asked(error, &path))
        })
        .await
    }

    /// Writes a tar of a path, which is checked first: the error of a missing one comes before the first byte.
    pub(crate) async fn copy_out(
        self: Arc<Self>,
        record: Arc<Record>,
        path: String,
        to: File,
    ) -> Result<(), EngineError> {
        record.refuse_if_removed()?;
        self.tell(&record, "archive-path", &[("path", path.clone())]);
        blocking(move || {
            let asked = Asked::parse(&path);
            let visit = self.visit(&record, Purpose::Look)?;
            let mut to = BufWriter::with_capacity(CHUNK, to);
            let mut packing = Packing::new(&visit, &mut to);
            packing.pack(&asked).map_err(|error| as_asked(error, &path))?;
            packing.tar.finish().map_err(failed)
        })
        .await
    }

    /// Writes a tar of all that is the container's own: without mounts, and without what the engine gives it.
    pub(crate) async fn export(self: Arc<Self>, record: Arc<Record>, to: File) -> Result<(), EngineError> {
        record.refuse_if_removed()?;
        self.tell(&record, "export", &[]);
        blocking(move || {
            let visit = self.visit(&record, Purpose::LookAtOwn)?;
            let mut to = BufWriter::with_capacity(CHUNK, to);
            let mut packing = Packing::new(&visit, &mut to);
            packing.folder("", "", 0)?;
            packing.tar.finish().map_err(failed)
        })
        .await
    }
}

/// A missing path is named as it was asked for.
fn as_asked(error: EngineError, asked: &str) -> EngineError {
    match error {
        EngineError::NoSuchFile { container, .. } => EngineError::NoSuchFile { container, path: asked.to_owned() },
        other => other,
    }
}

fn failed(error: LayerError) -> EngineError {
    match error {
        LayerError::Read(source) => EngineError::Io { action: "read a file of the container".to_owned(), source },
        LayerError::Write(source) => EngineError::Io { action: "write the archive".to_owned(), source },
        other => EngineError::Invalid(other.to_string()),
    }
}

impl Visit {
    fn path_stat(&self, asked: &Asked) -> Result<PathStat, EngineError> {
        let lookup = asked.lookup();
        let stat = self.stat(&lookup, Follow::No)?;
        let ownership = self.view.ownership_at(&self.root, relative(&lookup), Follow::No);
        let mode = ownership.map_err(|error| self.failed(&lookup, error))?.mode;
        let link = stat.kind == Kind::Symlink;
        Ok(PathStat {
            name: asked.base().to_owned(),
            kind: match stat.kind {
                Kind::Directory => PathKind::Directory,
                Kind::File => PathKind::File,
                Kind::Symlink => PathKind::Symlink,
                Kind::CharacterDevice | Kind::Other => PathKind::Special,
            },
            mode,
            size: stat.size,
            modified_ns: stat.modified_ns,
            link_target: if link { self.evaluate(&lookup) } else { String::new() },
        })
    }
}

/// A tar that is being written.
struct Packing<'a> {
    visit: &'a Visit,
    tar: TarWriter<'a>,
    /// First name of each file with several, by device and number.
    linked: HashMap<(u64, u64), String>,
}

impl<'a> Packing<'a> {
    fn new(visit: &'a Visit, to: &'a mut BufWriter<File>) -> Self {
        Self { visit, tar: TarWriter::new(to), linked: HashMap::new() }
    }

    /// A path, under its last name.
    fn pack(&mut self, asked: &Asked) -> Result<(), EngineError> {
        let lookup = asked.lookup();
        let stat = self.visit.stat(&lookup, Follow::No)?;
        if asked.ending != Ending::Name && stat.kind != Kind::Directory {
            return Err(EngineError::Invalid(format!("{}: not a directory", asked.path)));
        }
        let base = if asked.base() == "/" { "" } else { asked.base() };
        if stat.kind == Kind::Directory {
            // A link at the end was followed; what it means is not a link any more.
            let at = if asked.ending == Ending::Name { asked.path.clone() } else { self.visit.evaluate(&asked.path) };
            self.write_folder(at.trim_end_matches('/'), base, &stat)?;
            return self.folder(at.trim_end_matches('/'), base, 0);
        }
        self.entry(&asked.path, base, stat.kind)
    }

    /// The content of the folder at `path`, as `name/…`.
    fn folder(&mut self, path: &str, name: &str, depth: usize) -> Result<(), EngineError> {
        if depth > MAX_PATH_DEPTH {
            return Err(EngineError::Invalid(format!("{path} is more than {MAX_PATH_DEPTH} folders deep")));
        }
        for (child, kind) in self.visit.entries(if path.is_empty() { "/" } else { path })? {
            let at = format!("{path}/{child}");
            // A whole container's names are relative, the root's as asked for begin with a slash, as docker has both.
            let into = if name.is_empty() { child } else { format!("{name}/{child}") };
            if kind == Kind::Directory {
                let Some(stat) = self.visit.look(&at)? else { continue };
                self.write_folder(&at, &into, &stat)?;
                self.folder(&at, &into, depth + 1)?;
            } else {
                match self.entry(&at, &into, kind) {
                    // It was removed meanwhile.
                    Err(EngineError::NoSuchFile { .. }) => {}
                    done => done?,
                }
            }
        }
        Ok(())
    }

    fn write_folder(&mut self, path: &str, name: &str, stat: &Stat) -> Result<(), EngineError> {
        let attributes = self.attributes(if path.is_empty() { "/" } else { path }, stat)?;
        self.tar.folder(name.as_bytes(), attributes).map_err(failed)
    }

    /// What is no folder. Devices and the like are left out.
    fn entry(&mut self, path: &str, name: &str, kind: Kind) -> Result<(), EngineError> {
        if !matches!(kind, Kind::File | Kind::Symlink) {
            return Ok(());
        }
        let stat = self.visit.stat(path, Follow::No)?;
        let attributes = self.attributes(path, &stat)?;
        if kind == Kind::Symlink {
            let view = &self.visit.view;
            let target =
                view.read_link(&self.visit.root, relative(path)).map_err(|error| self.visit.failed(path, error))?;
            return self.tar.symlink(name.as_bytes(), attributes, target.as_bytes()).map_err(failed);
        }
        if stat.links > 1 {
            let node = (stat.device, stat.inode);
            if let Some(first) = self.linked.get(&node) {
                return self.tar.hard_link(name.as_bytes(), attributes, first.as_bytes()).map_err(failed);
            }
            if self.linked.len() < MAX_LINKED {
                self.linked.insert(node, name.to_owned());
            }
        }
        let file = self.visit.open(path, Create::default(), Access { read: true, write: false })?;
        // As it is now that it is open.
        let size = self.visit.view.stat(&file).map_err(|error| self.visit.failed(path, error))?.size;
        let mut data = Reader { view: &self.visit.view, file: &file, offset: 0 };
        self.tar.file(name.as_bytes(), attributes, size, &mut data).map_err(failed)
    }

    fn attributes(&self, path: &str, stat: &Stat) -> Result<Attributes, EngineError> {
        let ownership = self.visit.view.ownership_at(&self.visit.root, relative(path), Follow::No);
        let ownership = ownership.map_err(|error| self.visit.failed(path, error))?;
        Ok(Attributes { mode: ownership.mode, uid: ownership.uid, gid: ownership.gid, mtime_ns: stat.modified_ns })
    }
}

/// Reads an open file of a container from its beginning.
struct Reader<'a> {
    view: &'a FileView,
    file: &'a Descriptor,
    offset: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.view.read(self.file, buffer, self.offset).map_err(std::io::Error::other)?;
        self.offset += read as u64;
        Ok(read)
    }
}
