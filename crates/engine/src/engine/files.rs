//! Operations on containers' files, and looks at registries.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::Engine;
use crate::core::to_the_end;
use crate::{Change, CopyIn, Credentials, EngineError, PathStat, Reference, Remote};

impl Engine {
    /// What a path of a container is; a link at its end is not followed, unless the path ends with `/` or `/.`.
    ///
    /// # Errors
    /// No such container or path.
    pub async fn stat_path(&self, name: &str, path: &str) -> Result<PathStat, EngineError> {
        let record = self.core.containers.find(name)?;
        Arc::clone(&self.core).stat_path(record, path.to_owned()).await
    }

    /// Writes a tar of a path of a container, under its last name. It may run or not.
    ///
    /// # Errors
    /// No such container or path, or it can't be read or written to the end.
    pub async fn copy_out(&self, name: &str, path: &str, to: File) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        Arc::clone(&self.core).copy_out(record, path.to_owned(), to).await
    }

    /// Unpacks a tar (plain or compressed) into a folder of a container. It may run or not. What was unpacked before an
    /// error stays.
    ///
    /// # Errors
    /// No such container or folder, it can't be written, the disk limit is reached, or the tar is malformed or hostile.
    pub async fn copy_in(&self, name: &str, path: &str, archive: PathBuf, options: CopyIn) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).copy_in(record, path.to_owned(), archive, options)).await
    }

    /// What a container changed of its image's files, in the order of the paths.
    ///
    /// # Errors
    /// No such container, or what it wrote can't be read.
    pub async fn changes(&self, name: &str) -> Result<Vec<Change>, EngineError> {
        let record = self.core.containers.find(name)?;
        Arc::clone(&self.core).changes(record).await
    }

    /// What a registry has under a name. Nothing is pulled.
    ///
    /// # Errors
    /// The registry refuses or fails, or has nothing there.
    pub async fn remote_image(&self, name: &Reference, credentials: &Credentials) -> Result<Remote, EngineError> {
        Ok(self.core.registry.describe(name, credentials).await?)
    }

    /// Writes a tar of all files of a container, without its mounts.
    ///
    /// # Errors
    /// No such container, or it can't be read or written to the end.
    pub async fn export(&self, name: &str, to: File) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        Arc::clone(&self.core).export(record, to).await
    }
}
