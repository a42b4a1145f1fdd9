//! [`Engine`]: every operation of the doors.

mod exec;
mod files;
mod images;
mod networks;
mod update;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::Stream;
use sprat_sandbox::Usage;
use sprat_worker::Attachment;

use crate::core::{Core, to_the_end};
use crate::{
    AttachOptions, Container, ContainerSpec, Created, EngineConfig, EngineError, Event, EventFilter, Info, ListFilter,
    LogEntry, LogQuery, RemoveOptions, StopOptions, Volume, VolumeSpec, WaitCondition,
};

/// The engine of one installation. Share it in an `Arc`. Containers are named by name, id or unique short id.
#[derive(Debug)]
pub struct Engine {
    core: Arc<Core>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.core.abandon();
    }
}

impl Engine {
    /// Opens the state below the configuration's root, finds running workers and carries on.
    ///
    /// # Errors
    /// The state can't be read, or another daemon holds it.
    pub async fn open(config: EngineConfig) -> Result<Arc<Self>, EngineError> {
        Ok(Self { core: Core::open(config).await? }.into())
    }

    /// Ends the engine. With `stop_containers` all are stopped and the workers end; without, they go on.
    pub async fn close(&self, stop_containers: bool) {
        self.core.close(stop_containers).await;
    }

    /// Makes a container: resolves the image, finds, checks and compiles the program.
    ///
    /// # Errors
    /// See [`EngineError`]; nothing is left then.
    pub async fn create(&self, spec: ContainerSpec) -> Result<Created, EngineError> {
        to_the_end(Arc::clone(&self.core).create(spec)).await
    }

    /// Starts a container.
    ///
    /// # Errors
    /// [`EngineError::NotModified`] if it runs.
    pub async fn start(&self, name: &str) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).start(record)).await
    }

    /// Stops a container.
    ///
    /// # Errors
    /// [`EngineError::NotModified`] if it doesn't run; the signal is unknown.
    pub async fn stop(&self, name: &str, options: StopOptions) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).stop(record, options)).await
    }

    /// Sends a signal by name or number (`KILL`, `SIGTERM`, `9`).
    ///
    /// # Errors
    /// It doesn't run, or the signal is unknown.
    pub async fn kill(&self, name: &str, signal: &str) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).kill(record, signal.to_owned())).await
    }

    /// Stops and starts a container.
    ///
    /// # Errors
    /// As for stop and start.
    pub async fn restart(&self, name: &str, options: StopOptions) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).restart(record, options)).await
    }

    /// Holds a container, or lets it go on.
    ///
    /// # Errors
    /// Its state doesn't allow it.
    pub async fn pause(&self, name: &str, paused: bool) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).pause(record, paused)).await
    }

    /// Removes a container.
    ///
    /// # Errors
    /// It runs and `force` isn't set.
    pub async fn remove(&self, name: &str, options: RemoveOptions) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).remove(record, options)).await
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// The name is taken or malformed.
    pub async fn rename(&self, name: &str, new: &str) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).rename(record, new.to_owned())).await
    }

    /// A snapshot, with `door_data`.
    ///
    /// # Errors
    /// No such container.
    pub fn inspect(&self, name: &str) -> Result<Container, EngineError> {
        self.core.inspect(name)
    }

    /// Snapshots, newest first.
    ///
    /// # Errors
    /// A filter is unknown or malformed.
    pub fn list(&self, filter: &ListFilter) -> Result<Vec<Container>, EngineError> {
        self.core.list(filter)
    }

    /// Begins to wait at once (no exit after this call is missed); the future gives the exit status and an error text.
    ///
    /// # Errors
    /// No such container.
    pub fn wait(
        &self,
        name: &str,
        condition: WaitCondition,
    ) -> Result<futures_util::future::BoxFuture<'static, (i64, Option<String>)>, EngineError> {
        Ok(Core::wait(&*self.core.containers.find(name)?, condition))
    }

    /// Attaches to a container that runs or will be started.
    ///
    /// # Errors
    /// No such container, or it ended.
    pub async fn attach(&self, name: &str, options: AttachOptions) -> Result<Attachment, EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).attach(record, options)).await
    }

    /// Sets the terminal's size.
    ///
    /// # Errors
    /// It doesn't run.
    pub async fn resize(&self, name: &str, columns: u16, rows: u16) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        self.core.resize(&record, columns, rows).await
    }

    /// Reads the log.
    ///
    /// # Errors
    /// No such container, or its log driver can't be read.
    pub fn logs(
        &self,
        name: &str,
        query: LogQuery,
    ) -> Result<futures_util::stream::BoxStream<'static, Result<LogEntry, EngineError>>, EngineError> {
        self.core.logs(name, query)
    }

    /// What a running container uses.
    ///
    /// # Errors
    /// No such container.
    pub async fn usage(&self, name: &str) -> Result<Usage, EngineError> {
        let record = self.core.containers.find(name)?;
        self.core.usage(&record).await
    }

    /// Removes containers that don't run; returns their ids and the bytes freed. Filters `until` and `label`.
    ///
    /// # Errors
    /// A filter is malformed.
    pub async fn prune_containers(
        &self,
        filters: &BTreeMap<String, Vec<String>>,
    ) -> Result<(Vec<crate::ContainerId>, u64), EngineError> {
        to_the_end(Arc::clone(&self.core).prune_containers(filters.clone())).await
    }

    /// Subscribes to events. A reader that falls 4,096 events or 16 MiB behind is cut off.
    ///
    /// # Errors
    /// A filter is unknown.
    pub fn events(
        &self,
        filter: EventFilter,
    ) -> Result<impl Stream<Item = Event> + Send + 'static + use<>, EngineError> {
        self.core.bus.subscribe(filter)
    }

    /// Facts for `info`.
    pub async fn info(&self) -> Info {
        self.core.info()
    }

    /// Makes a volume, or gives the one of that name.
    ///
    /// # Errors
    /// The name is malformed, or the driver is unknown.
    pub async fn create_volume(&self, spec: VolumeSpec) -> Result<Volume, EngineError> {
        self.core.create_volume(spec)
    }

    /// All volumes, by name, with the ids of the containers that use each.
    #[must_use]
    pub fn volumes(&self) -> Vec<(Volume, Vec<crate::ContainerId>)> {
        self.core.volumes.all()
    }

    /// Removes a volume; `force` makes a missing one no error.
    ///
    /// # Errors
    /// No such volume, or it is in use.
    pub async fn remove_volume(&self, name: &str, force: bool) -> Result<(), EngineError> {
        self.core.remove_volume(name, force)
    }

    /// Removes unused volumes (only anonymous ones unless `all`) that filters want; returns names and bytes freed.
    ///
    /// # Errors
    /// A filter is malformed, or the host fails.
    pub async fn prune_volumes(
        &self,
        all: bool,
        filters: BTreeMap<String, Vec<String>>,
    ) -> Result<(Vec<String>, u64), EngineError> {
        Arc::clone(&self.core).prune_volumes(all, filters).await
    }
}
