//! Operations on images.

use std::collections::BTreeMap;
use std::sync::Arc;

use sprat_image::registry::Credentials;
use sprat_image::{Digest, Image, ProgressSink, PruneReport, Reference, RemoveReport};

use super::Engine;
use crate::core::to_the_end;
use crate::{BuildRequest, CommitRequest, EngineError};

impl Engine {
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
}
