//! [`Engine`]: every operation of the doors.

mod exec;
mod files;
mod update;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::Stream;
use sprat_image::registry::Credentials;
use sprat_image::{Digest, Image, ProgressSink, PruneReport, Reference, RemoveReport};
use sprat_sandbox::Usage;
use sprat_worker::Attachment;

use crate::core::{Core, to_the_end};
use crate::{
    AttachOptions, BuildRequest, CommitRequest, Container, ContainerSpec, Created, EndpointRequest, EngineConfig,
    EngineError, Event, EventFilter, Info, ListFilter, LogEntry, LogQuery, Network, NetworkMember, NetworkRequest,
    RemoveOptions, StopOptions, Volume, VolumeSpec, WaitCondition,
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

    /// All images, newest first, with the number of containers of each.
    ///
    /// # Errors
    /// The store fails.
    pub fn images(&self) -> Result<Vec<(Arc<Image>, usize)>, EngineError> {
        self.core.list_images()
    }

    /// One image.
    ///
    /// # Errors
    /// No such image.
    pub fn image(&self, name: &str) -> Result<Arc<Image>, EngineError> {
        Ok(self.core.images.resolve(name)?)
    }

    /// Whether an image is the built-in reaper of Testcontainers, which needs nothing that its clients ask for it.
    #[must_use]
    pub fn is_reaper(&self, name: &str) -> bool {
        self.core.is_reaper(name)
    }

    /// What the program of an image is (its entry point's, or `path`'s).
    ///
    /// # Errors
    /// No such image or program, or it can't be used.
    pub async fn describe(&self, image: &str, path: Option<&str>) -> Result<crate::Description, EngineError> {
        self.core.describe(image, path).await
    }

    /// Compilations under way.
    #[must_use]
    pub fn compilations(&self) -> Vec<crate::CompileProgress> {
        self.core.cache.compilations()
    }

    /// Pulls an image, and compiles its program.
    ///
    /// # Errors
    /// The registry refuses or fails.
    pub async fn pull(
        &self,
        name: &Reference,
        platform: Option<&str>,
        credentials: &Credentials,
        progress: &ProgressSink,
    ) -> Result<Digest, EngineError> {
        self.core.pull(name, platform, credentials, progress).await
    }

    /// Pulls all tags of a repository, one after the other; what came before a failure stays.
    ///
    /// # Errors
    /// The registry refuses or fails, or it has no tag there.
    pub async fn pull_all(
        &self,
        repository: &Reference,
        platform: Option<&str>,
        credentials: &Credentials,
        progress: &ProgressSink,
    ) -> Result<(), EngineError> {
        self.core.pull_all(repository, platform, credentials, progress).await
    }

    /// Pushes an image.
    ///
    /// # Errors
    /// The registry refuses or fails.
    pub async fn push(
        &self,
        name: &Reference,
        credentials: &Credentials,
        progress: &ProgressSink,
    ) -> Result<(Digest, u64), EngineError> {
        self.core.push(name, credentials, progress).await
    }

    /// Checks credentials against a registry.
    ///
    /// # Errors
    /// The registry refuses them or fails.
    pub async fn login(&self, registry: &str, credentials: &Credentials) -> Result<(), EngineError> {
        Ok(self.core.registry.login(registry, credentials).await?)
    }

    /// Builds an image, and compiles its program.
    ///
    /// # Errors
    /// See [`crate::BuildError`].
    pub async fn build(
        &self,
        request: BuildRequest,
        events: sprat_image::build::BuildSink,
        progress: ProgressSink,
    ) -> Result<Digest, EngineError> {
        self.core.build(request, events, progress).await
    }

    /// Gives an image another name.
    ///
    /// # Errors
    /// No such image.
    pub fn tag(&self, image: &str, name: &Reference) -> Result<(), EngineError> {
        self.core.tag(image, name)
    }

    /// Removes a name or an image.
    ///
    /// # Errors
    /// No such image, or it is in use.
    pub async fn remove_image(&self, name: &str, force: bool) -> Result<RemoveReport, EngineError> {
        to_the_end(Arc::clone(&self.core).remove_image(name.to_owned(), force)).await
    }

    /// Removes dangling images, or all unused ones. Filters `until` and `label`.
    ///
    /// # Errors
    /// A filter is malformed, or the store fails.
    pub async fn prune_images(
        &self,
        all: bool,
        filters: &BTreeMap<String, Vec<String>>,
    ) -> Result<PruneReport, EngineError> {
        to_the_end(Arc::clone(&self.core).prune_images(all, filters.clone())).await
    }

    /// Reads an archive of images from a file.
    ///
    /// # Errors
    /// It is malformed or hostile.
    pub async fn load(
        &self,
        archive: std::path::PathBuf,
        progress: ProgressSink,
    ) -> Result<Vec<sprat_image::archive::Loaded>, EngineError> {
        self.core.load(archive, progress).await
    }

    /// Writes images to a file.
    ///
    /// # Errors
    /// A name is unknown, or writing fails.
    pub async fn save(&self, names: Vec<String>, to: std::fs::File) -> Result<(), EngineError> {
        Arc::clone(&self.core).save(names, to).await
    }

    /// Makes an image from a tar of a root file system in a file.
    ///
    /// # Errors
    /// The tar is malformed or hostile.
    pub async fn import(
        &self,
        archive: std::path::PathBuf,
        tag: Option<Reference>,
        message: String,
        changes: Vec<String>,
    ) -> Result<Digest, EngineError> {
        self.core.import(archive, tag, message, changes).await
    }

    /// Makes an image of a container.
    ///
    /// # Errors
    /// No such container.
    pub async fn commit(&self, request: CommitRequest) -> Result<Digest, EngineError> {
        to_the_end(Arc::clone(&self.core).commit(request)).await
    }

    /// Makes a network.
    ///
    /// # Errors
    /// See [`crate::NetworkError`].
    pub async fn create_network(&self, request: NetworkRequest) -> Result<Arc<Network>, EngineError> {
        self.core.create_network(request)
    }

    /// All networks in the order of their making, each with the containers that run on it.
    #[must_use]
    pub fn networks(&self) -> Vec<(Arc<Network>, Vec<NetworkMember>)> {
        self.core.networks.all()
    }

    /// The network with this id, name or unique short id.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn network(&self, name: &str) -> Result<Arc<Network>, EngineError> {
        Ok(self.core.networks.find(name)?)
    }

    /// Removes a network.
    ///
    /// # Errors
    /// There is none of that name, it is predefined, or containers run on it.
    pub async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        self.core.remove_network(name)
    }

    /// Removes the networks of users' own that nobody runs on; gives their names. Filters `until` and `label`.
    ///
    /// # Errors
    /// A filter is malformed.
    pub async fn prune_networks(&self, filters: &BTreeMap<String, Vec<String>>) -> Result<Vec<String>, EngineError> {
        self.core.prune_networks(filters)
    }

    /// Puts a container on a network, in any state.
    ///
    /// # Errors
    /// No such network or container, or it can't be there.
    pub async fn connect(&self, network: &str, name: &str, request: EndpointRequest) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).connect(network.to_owned(), record, request)).await
    }

    /// Takes a container off a network, in any state.
    ///
    /// # Errors
    /// No such network or container, or it is not there.
    pub async fn disconnect(&self, network: &str, name: &str) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).disconnect(network.to_owned(), record)).await
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

    /// Removes unused volumes (only anonymous ones unless `all`); returns names and bytes freed.
    ///
    /// # Errors
    /// The host fails.
    pub async fn prune_volumes(&self, all: bool) -> Result<(Vec<String>, u64), EngineError> {
        Arc::clone(&self.core).prune_volumes(all).await
    }
}
