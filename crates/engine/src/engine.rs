//! [`Engine`]: every operation of the doors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use sprat_image::registry::Credentials;
use sprat_image::{Digest, Image, ProgressSink, PruneReport, Reference, RemoveReport};
use sprat_sandbox::Usage;
use sprat_worker::Attachment;

use crate::{
    BuildRequest, CommitRequest, Container, ContainerSpec, EngineConfig, EngineError, Event, EventFilter, LogEntry,
    LogQuery, Volume, VolumeSpec,
};

/// The engine of one installation. Share it in an `Arc`. Containers are named by name, id or unique short id.
#[derive(Debug)]
pub struct Engine {
    // engine helper
}

/// A container was made.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its id.
    pub id: crate::ContainerId,
    /// What was accepted but has no effect.
    pub warnings: Vec<String>,
}

/// Which containers are listed. Docker's filters by key (`status`, `name`, `label`, `ancestor`, `exited`, `id`,
/// `volume`, `before`, `since`, `network`, `publish`, `expose`, `health`, `isolation` …).
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Those that don't run too.
    pub all: bool,
    /// Only the newest so many (implies all).
    pub limit: Option<usize>,
    /// Filters; values of one key are alternatives, except for `label`, where all must hold.
    pub filters: BTreeMap<String, Vec<String>>,
}

/// How a container is removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct RemoveOptions {
    /// Kill it first if it runs.
    pub force: bool,
    /// Its anonymous volumes too.
    pub volumes: bool,
}

/// What `wait` waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WaitCondition {
    /// It doesn't run.
    #[default]
    NotRunning,
    /// Its next exit, even if it doesn't run now.
    NextExit,
    /// Its removal.
    Removed,
}

/// What an attachment takes part in.
#[derive(Debug, Clone, Copy, Default)]
pub struct AttachOptions {
    /// Standard input.
    pub stdin: bool,
}

/// Facts about the installation, for `info`.
#[derive(Debug, Clone, Default)]
pub struct Info {
    /// Id of the installation.
    pub id: String,
    /// Containers in all.
    pub containers: usize,
    /// Running ones.
    pub running: usize,
    /// Held ones.
    pub paused: usize,
    /// The rest.
    pub stopped: usize,
    /// Images.
    pub images: usize,
    /// State folder.
    pub root: std::path::PathBuf,
    /// Workers: name, process id, guests.
    pub workers: Vec<(String, u32, usize)>,
    /// Missing kernel features and the like.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Opens the state below the configuration's root, finds running workers and carries on.
    ///
    /// # Errors
    /// The state can't be read, or another daemon holds it.
    pub async fn open(_config: EngineConfig) -> Result<Arc<Self>, EngineError> {
        todo!("engine helper")
    }

    /// Ends the engine. With `stop_containers` all are stopped and the workers end; without, they go on.
    pub async fn close(&self, _stop_containers: bool) {
        todo!("engine helper")
    }

    /// Makes a container: resolves the image, finds, checks and compiles the program.
    ///
    /// # Errors
    /// See [`EngineError`]; nothing is left then.
    pub async fn create(&self, _spec: ContainerSpec) -> Result<Created, EngineError> {
        todo!("engine helper")
    }

    /// Starts a container.
    ///
    /// # Errors
    /// [`EngineError::NotModified`] if it runs.
    pub async fn start(&self, _name: &str) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// Stops a container: its stop signal, then KILL after the timeout (`None`: its own).
    ///
    /// # Errors
    /// [`EngineError::NotModified`] if it doesn't run.
    pub async fn stop(&self, _name: &str, _timeout: Option<Duration>) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// Sends a signal by name or number (`KILL`, `SIGTERM`, `9`).
    ///
    /// # Errors
    /// It doesn't run, or the signal is unknown.
    pub async fn kill(&self, _name: &str, _signal: &str) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// Stops and starts a container.
    ///
    /// # Errors
    /// As for stop and start.
    pub async fn restart(&self, _name: &str, _timeout: Option<Duration>) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// Holds a container, or lets it go on.
    ///
    /// # Errors
    /// Its state doesn't allow it.
    pub async fn pause(&self, _name: &str, _paused: bool) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// Removes a container.
    ///
    /// # Errors
    /// It runs and `force` isn't set.
    pub async fn remove(&self, _name: &str, _options: RemoveOptions) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// The name is taken or malformed.
    pub async fn rename(&self, _name: &str, _new: &str) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// A snapshot, with `door_data`.
    ///
    /// # Errors
    /// No such container.
    pub fn inspect(&self, _name: &str) -> Result<Container, EngineError> {
        todo!("engine helper")
    }

    /// Snapshots, newest first.
    ///
    /// # Errors
    /// A filter is unknown or malformed.
    pub fn list(&self, _filter: &ListFilter) -> Result<Vec<Container>, EngineError> {
        todo!("engine helper")
    }

    /// Begins to wait at once (no exit after this call is missed); the future gives the exit status and an error text.
    ///
    /// # Errors
    /// No such container.
    pub fn wait(
        &self,
        _name: &str,
        _condition: WaitCondition,
    ) -> Result<futures_util::future::BoxFuture<'static, (i64, Option<String>)>, EngineError> {
        todo!("engine helper")
    }

    /// Attaches to a container that runs or will be started.
    ///
    /// # Errors
    /// No such container, or it ended.
    pub async fn attach(&self, _name: &str, _options: AttachOptions) -> Result<Attachment, EngineError> {
        todo!("engine helper")
    }

    /// Sets the terminal's size.
    ///
    /// # Errors
    /// It doesn't run.
    pub async fn resize(&self, _name: &str, _columns: u16, _rows: u16) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// Reads the log.
    ///
    /// # Errors
    /// No such container, or its log driver can't be read.
    pub fn logs(
        &self,
        _name: &str,
        _query: LogQuery,
    ) -> Result<futures_util::stream::BoxStream<'static, Result<LogEntry, EngineError>>, EngineError> {
        todo!("engine helper")
    }

    /// What a running container uses.
    ///
    /// # Errors
    /// No such container.
    pub async fn usage(&self, _name: &str) -> Result<Usage, EngineError> {
        todo!("engine helper")
    }

    /// Removes containers that don't run; returns their ids and the bytes freed. Filters `until` and `label`.
    ///
    /// # Errors
    /// A filter is malformed.
    pub async fn prune_containers(
        &self,
        _filters: &BTreeMap<String, Vec<String>>,
    ) -> Result<(Vec<crate::ContainerId>, u64), EngineError> {
        todo!("engine helper")
    }

    /// Subscribes to events. A reader that falls 10,000 events behind is cut off.
    ///
    /// # Errors
    /// A filter is unknown.
    pub fn events(
        &self,
        _filter: EventFilter,
    ) -> Result<impl Stream<Item = Event> + Send + 'static + use<>, EngineError> {
        Ok(futures_util::stream::empty())
    }

    /// Facts for `info`.
    pub async fn info(&self) -> Info {
        todo!("engine helper")
    }

    /// All images, newest first, with the number of containers of each.
    ///
    /// # Errors
    /// The store fails.
    pub fn images(&self) -> Result<Vec<(Arc<Image>, usize)>, EngineError> {
        todo!("engine helper")
    }

    /// One image.
    ///
    /// # Errors
    /// No such image.
    pub fn image(&self, _name: &str) -> Result<Arc<Image>, EngineError> {
        todo!("engine helper")
    }

    /// What the program of an image is (its entry point's, or `path`'s).
    ///
    /// # Errors
    /// No such image or program, or it can't be used.
    pub async fn describe(&self, _image: &str, _path: Option<&str>) -> Result<crate::Description, EngineError> {
        todo!("engine helper")
    }

    /// Compilations under way.
    #[must_use]
    pub fn compilations(&self) -> Vec<crate::CompileProgress> {
        todo!("engine helper")
    }

    /// Pulls an image, and compiles its program.
    ///
    /// # Errors
    /// The registry refuses or fails.
    pub async fn pull(
        &self,
        _name: &Reference,
        _platform: Option<&str>,
        _credentials: &Credentials,
        _progress: &ProgressSink,
    ) -> Result<Digest, EngineError> {
        todo!("engine helper")
    }

    /// Pushes an image.
    ///
    /// # Errors
    /// The registry refuses or fails.
    pub async fn push(
        &self,
        _name: &Reference,
        _credentials: &Credentials,
        _progress: &ProgressSink,
    ) -> Result<(Digest, u64), EngineError> {
        todo!("engine helper")
    }

    /// Checks credentials against a registry.
    ///
    /// # Errors
    /// The registry refuses them or fails.
    pub async fn login(&self, _registry: &str, _credentials: &Credentials) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// Builds an image, and compiles its program.
    ///
    /// # Errors
    /// See [`crate::BuildError`].
    pub async fn build(
        &self,
        _request: BuildRequest,
        _events: sprat_image::build::BuildSink,
        _progress: ProgressSink,
    ) -> Result<Digest, EngineError> {
        todo!("engine helper")
    }

    /// Gives an image another name.
    ///
    /// # Errors
    /// No such image.
    pub fn tag(&self, _image: &str, _name: &Reference) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// Removes a name or an image.
    ///
    /// # Errors
    /// No such image, or it is in use.
    pub async fn remove_image(&self, _name: &str, _force: bool) -> Result<RemoveReport, EngineError> {
        todo!("engine helper")
    }

    /// Removes dangling images, or all unused ones.
    ///
    /// # Errors
    /// The store fails.
    pub async fn prune_images(&self, _all: bool) -> Result<PruneReport, EngineError> {
        todo!("engine helper")
    }

    /// Reads an archive of images from a file.
    ///
    /// # Errors
    /// It is malformed or hostile.
    pub async fn load(
        &self,
        _archive: std::path::PathBuf,
        _progress: ProgressSink,
    ) -> Result<Vec<sprat_image::archive::Loaded>, EngineError> {
        todo!("engine helper")
    }

    /// Writes images to a file.
    ///
    /// # Errors
    /// A name is unknown, or writing fails.
    pub async fn save(&self, _names: Vec<String>, _to: std::fs::File) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// Makes an image from a tar of a root file system in a file.
    ///
    /// # Errors
    /// The tar is malformed or hostile.
    pub async fn import(
        &self,
        _archive: std::path::PathBuf,
        _tag: Option<Reference>,
        _message: String,
        _changes: Vec<String>,
    ) -> Result<Digest, EngineError> {
        todo!("engine helper")
    }

    /// Makes an image of a container.
    ///
    /// # Errors
    /// No such container.
    pub async fn commit(&self, _request: CommitRequest) -> Result<Digest, EngineError> {
        todo!("engine helper")
    }

    /// Makes a volume, or gives the one of that name.
    ///
    /// # Errors
    /// The name is malformed, or the driver is unknown.
    pub async fn create_volume(&self, _spec: VolumeSpec) -> Result<Volume, EngineError> {
        todo!("engine helper")
    }

    /// All volumes, by name, with the ids of the containers that use each.
    #[must_use]
    pub fn volumes(&self) -> Vec<(Volume, Vec<crate::ContainerId>)> {
        todo!("engine helper")
    }

    /// Removes a volume; `force` makes a missing one no error.
    ///
    /// # Errors
    /// No such volume, or it is in use.
    pub async fn remove_volume(&self, _name: &str, _force: bool) -> Result<(), EngineError> {
        todo!("engine helper")
    }

    /// Removes unused volumes (only anonymous ones unless `all`); returns names and bytes freed.
    ///
    /// # Errors
    /// The host fails.
    pub async fn prune_volumes(&self, _all: bool) -> Result<(Vec<String>, u64), EngineError> {
        todo!("engine helper")
    }
}
