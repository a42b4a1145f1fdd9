//! [`Visit`]: a look at a container's files, or a change of them, from the daemon.

use sprat_sandbox::files::{Access, Create, Descriptor, Errno, FileView, Follow, Kind, Stat};
use sprat_sandbox::{FilesSpec, Limits, MountSource};

use crate::EngineError;
use crate::core::Core;
use crate::locate::clean;
use crate::record::Record;

/// Open files of one visit: it opens one file or folder at a time.
const OPEN_FILES: u32 = 64;

/// A look at a container's files, or a change of them. Blocks on the file system.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) view: FileView,
    pub(super) root: Descriptor,
    /// The container's id, for messages.
    pub(super) container: String,
}

/// What a visit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To look at all that the container's guests see.
    Look,
    /// To look at what is its own: without mounts.
    LookAtOwn,
    /// To change something. The container's operation lock is held.
    Change,
}

impl Core {
    /// Visits a container's files.
    pub(super) fn visit(&self, record: &Record, purpose: Purpose) -> Result<Visit, EngineError> {
        let files = self.files(record, self.provided(record));
        let files = match purpose {
            Purpose::Change => files,
            Purpose::Look => FilesSpec { read_only: true, ..files },
            Purpose::LookAtOwn => FilesSpec { read_only: true, mounts: Vec::new(), provided: Vec::new(), ..files },
        };
        // Nothing of what lies in the guests' memory is here, and what would be written there would be lost.
        let mounts = files.mounts.into_iter().filter(|mount| !matches!(mount.source, MountSource::Memory(_)));
        let files = FilesSpec { mounts: mounts.collect(), ..files };
        let limits = Limits { open_files: OPEN_FILES, ..record.settled.limits.clone() };
        let view = FileView::visit(&files, record.facts.tree()?, &limits)
            .map_err(|error| EngineError::State { message: format!("its files can't be looked at: {error}") })?;
        let root = view.root();
        Ok(Visit { view, root, container: record.id.to_string() })
    }
}

impl Visit {
    /// Attributes of a path.
    pub(super) fn stat(&self, path: &str, follow: Follow) -> Result<Stat, EngineError> {
        self.view.stat_at(&self.root, relative(path), follow).map_err(|error| self.failed(path, error))
    }

    /// Attributes of a path, if anything is there; a link is not followed.
    pub(super) fn look(&self, path: &str) -> Result<Option<Stat>, EngineError> {
        match self.view.stat_at(&self.root, relative(path), Follow::No) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NoEntry | Errno::NotDirectory) => Ok(None),
            Err(error) => Err(self.failed(path, error)),
        }
    }

    /// Names and kinds of a folder's entries.
    pub(super) fn entries(&self, path: &str) -> Result<Vec<(String, Kind)>, EngineError> {
        let create = Create { directory: true, ..Create::default() };
        let folder = self.open(path, create, Access { read: true, write: false })?;
        let listing = self.view.entries(&folder).map_err(|error| self.failed(path, error))?;
        Ok(listing.map(|entry| (entry.name, entry.kind)).collect())
    }

    /// Opens what is at a path; a link is not followed.
    pub(super) fn open(&self, path: &str, create: Create, access: Access) -> Result<Descriptor, EngineError> {
        self.view.open(&self.root, relative(path), Follow::No, create, access).map_err(|error| self.failed(path, error))
    }

    /// Why something could not be done at a path.
    pub(super) fn failed(&self, path: &str, error: Errno) -> EngineError {
        match error {
            Errno::NoEntry | Errno::NotDirectory => {
                EngineError::NoSuchFile { path: path.to_owned(), container: self.container.clone() }
            }
            Errno::Quota => EngineError::Invalid(format!(
                "{path}: no space left on device: the container's disk limit is reached; remove files, or give a new \
                 container more with --storage-opt size="
            )),
            Errno::ReadOnly => {
                EngineError::Invalid(format!("{path}: the container rootfs or the volume is marked read-only"))
            }
            Errno::Io | Errno::NoSpace => {
                EngineError::Io { action: format!("copy {path}"), source: std::io::Error::other(error) }
            }
            _ => EngineError::Invalid(format!("{path}: {error}")),
        }
    }
}

/// A path as views take it: they count all from the root, and take no leading slash.
pub(super) fn relative(path: &str) -> &str {
    match path.trim_start_matches('/') {
        "" => ".",
        path => path,
    }
}

/// A path of a request as docker reads it: counted from the root, and whether it asks for a folder or for a folder's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// Absolute, without `.` and `..`.
    pub(super) path: String,
    /// What it ended with.
    pub(super) ending: Ending,
}

/// What a path ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// A name.
    Name,
    /// `/`: it is a folder.
    Slash,
    /// `/.`: the content of a folder.
    Dot,
}

impl Asked {
    pub(super) fn parse(path: &str) -> Self {
        let ending = match path {
            "." => Ending::Dot,
            path if path.ends_with("/.") => Ending::Dot,
            path if path.ends_with('/') => Ending::Slash,
            _ => Ending::Name,
        };
        Self { path: clean(path), ending }
    }

    /// The path for look-ups: one that asks for a folder follows a link at its end.
    pub(super) fn lookup(&self) -> String {
        match self.ending {
            Ending::Name => self.path.clone(),
            Ending::Slash | Ending::Dot => format!("{}/", self.path.trim_end_matches('/')),
        }
    }

    /// The name under which it goes out.
    pub(super) fn base(&self) -> &str {
        match self.ending {
            Ending::Dot => ".",
            _ if self.path == "/" => "/",
            _ => self.path.rsplit('/').next().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_docker_reads_them() {
        for (text, path, base, lookup) in [
            ("a/b", "/a/b", "b", "/a/b"),
            ("/a/../../b/", "/b", "b", "/b/"),
            ("/a/.", "/a", ".", "/a/"),
            (".", "/", ".", "/"),
            ("", "/", "/", "/"),
            ("/", "/", "/", "/"),
        ] {
            let asked = Asked::parse(text);
            assert_eq!((asked.path.as_str(), asked.base(), asked.lookup().as_str()), (path, base, lookup), "{text:?}");
        }
    }
}
