//! Operations on further programs of containers.

use std::sync::Arc;

use super::Engine;
use crate::core::to_the_end;
use crate::{Attachment, EngineError, Exec, ExecSpec, Process};

impl Engine {
    /// Notes a further program of a running container, to be started later.
    ///
    /// # Errors
    /// No such container, it doesn't run, or a value is malformed.
    pub fn exec_create(&self, name: &str, spec: ExecSpec) -> Result<Exec, EngineError> {
        let record = self.core.containers.find(name)?;
        self.core.exec_create(&record, spec)
    }

    /// Starts a further program; with an attachment unless `detach`. `size` (columns, rows) is its terminal's.
    ///
    /// # Errors
    /// There is none with this id, it was started before, its container doesn't run, or its program is missing or can't be
    /// run.
    pub async fn exec_start(
        &self,
        id: &str,
        detach: bool,
        size: Option<(u16, u16)>,
    ) -> Result<Option<Attachment>, EngineError> {
        let (core, exec) = (Arc::clone(&self.core), self.core.execs.find(id)?);
        to_the_end(async move { core.exec_start(exec, detach, size).await }).await
    }

    /// A further program as it stands; for five minutes after its end.
    ///
    /// # Errors
    /// There is none with this id, or not any more.
    pub fn exec_inspect(&self, id: &str) -> Result<Exec, EngineError> {
        Ok(self.core.execs.find(id)?.snapshot())
    }

    /// Sets the size of its terminal.
    ///
    /// # Errors
    /// There is none with this id, or it ended.
    pub async fn exec_resize(&self, id: &str, columns: u16, rows: u16) -> Result<(), EngineError> {
        let exec = self.core.execs.find(id)?;
        self.core.exec_resize(&exec, columns, rows).await
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn exec_wait(&self, id: &str) -> Result<u8, EngineError> {
        let exec = self.core.execs.find(id)?;
        Ok(exec.wait().await)
    }

    /// Processes of a container; 0 when it doesn't run.
    ///
    /// # Errors
    /// No such container.
    pub async fn process_count(&self, name: &str) -> Result<u64, EngineError> {
        let record = self.core.containers.find(name)?;
        Ok(self.core.process_count(&record).await)
    }

    /// The processes of a running container, in the order of their numbers.
    ///
    /// # Errors
    /// No such container, or it doesn't run.
    pub async fn top(&self, name: &str) -> Result<Vec<Process>, EngineError> {
        let record = self.core.containers.find(name)?;
        self.core.top(&record).await
    }
}
