//! [`Found`]: single files of a container, or of an image, as its guests see them.

use std::sync::Arc;

use sprat_image::{NodeId, Tree};
use sprat_program::ProgramError;
use sprat_sandbox::files::{Access, Create, Descriptor, Errno, FileView, Follow, Kind};
use sprat_sandbox::{FilesSpec, Limits, MountSource};

use super::visit::relative;
use crate::EngineError;
use crate::locate::PROGRAM_LIMIT;

/// Single files of a container, or of an image. Blocks on the file system.
#[derive(Debug)]
pub(crate) struct Found {
    view: FileView,
    root: Descriptor,
    tree: Arc<Tree>,
}

impl Found {
    /// Of a container. What lies in the memory of its guests is not there.
    pub(crate) fn of_files(files: &FilesSpec, tree: Arc<Tree>) -> Result<Self, EngineError> {
        let mounts = files.mounts.iter().filter(|mount| !matches!(mount.source, MountSource::Memory(_)));
        let files = FilesSpec { read_only: true, mounts: mounts.cloned().collect(), ..files.clone() };
        let view = FileView::visit(&files, Arc::clone(&tree), &Limits::default())
            .map_err(|error| EngineError::State { message: format!("its files can't be looked at: {error}") })?;
        let root = view.root();
        Ok(Self { view, root, tree })
    }

    /// Of an image alone.
    pub(crate) fn of_image(tree: Arc<Tree>) -> Result<Self, EngineError> {
        Self::of_files(&FilesSpec::default(), tree)
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The image's node that a path means, if it means one that the container did not change.
    pub(crate) fn image_node(&self, path: &str) -> Option<NodeId> {
        self.view.image_node(&self.root, relative(path))
    }

    /// The bytes of a program; `None` if nothing is there.
    pub(crate) fn program(&self, path: &str) -> Result<Option<Vec<u8>>, ProgramError> {
        let failed =
            |error: Errno| ProgramError::Io { action: format!("read {path}"), source: std::io::Error::other(error) };
        let stat = match self.view.stat_at(&self.root, relative(path), Follow::Yes) {
            Ok(stat) => stat,
            Err(Errno::NoEntry | Errno::NotDirectory) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match stat.kind {
            Kind::File if stat.size > PROGRAM_LIMIT => {
                Err(ProgramError::TooLarge { size: stat.size, limit: PROGRAM_LIMIT })
            }
            Kind::File => self.read(path, stat.size).map(Some).map_err(failed),
            Kind::Directory => Err(ProgramError::NotWasm { found: "a folder".to_owned() }),
            _ => Err(ProgramError::NotWasm { found: "a device".to_owned() }),
        }
    }

    /// A small text; a missing, overlong or unreadable one is empty.
    pub(crate) fn small(&self, path: &str, limit: u64) -> String {
        let stat = self.view.stat_at(&self.root, relative(path), Follow::Yes).ok();
        let bytes = stat.filter(|stat| stat.kind == Kind::File && stat.size <= limit);
        let bytes = bytes.and_then(|stat| self.read(path, stat.size).ok()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn read(&self, path: &str, size: u64) -> Result<Vec<u8>, Errno> {
        let access = Access { read: true, write: false };
        let file = self.view.open(&self.root, relative(path), Follow::Yes, Create::default(), access)?;
        let mut bytes = vec![0; usize::try_from(size).map_err(|_| Errno::FileTooLarge)?];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.view.read(&file, rest, filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}
