//! One pull.

use futures_util::TryStreamExt as _;

use super::client::Session;
use super::download::{Download, Flights, report};
use super::manifests::ManifestReader;
use crate::layer::MAX_TAR_BYTES;
use crate::manifest::{Descriptor, Document, MAX_CONFIG_BYTES, Manifest, choose};
use crate::{Digest, Lease, Progress, ProgressSink, Reference, Store, StoreError, store};

/// Blobs fetched at once, as docker does.
const CONCURRENT_DOWNLOADS: usize = 3;

/// One pull.
pub(super) struct Pull<'a> {
    pub(super) session: Session,
    pub(super) manifests: ManifestReader,
    pub(super) store: &'a Store,
    pub(super) name: Reference,
    pub(super) flights: &'a Flights,
    pub(super) progress: &'a ProgressSink,
}

impl Pull<'_> {
    pub(super) async fn run(&self, platform: Option<&str>) -> Result<Digest, StoreError> {
        let tag = self.name.tag().map(str::to_owned).or_else(|| self.name.digest().map(ToString::to_string));
        let (named, bytes, manifest) = self.manifest(platform).await?;
        // Said when there is something to pull: an error before the first line is an answer with a status of its own.
        self.say(tag.unwrap_or_default(), format!("Pulling from {}", self.name.repository()));
        check_sizes(&manifest)?;
        let before = self.store.resolve(&self.name.to_string()).ok().map(|image| image.id.clone());
        let contents = manifest.content().map(|content| content.digest.clone()).chain([Digest::of(&bytes)]);
        let lease = self.store.pins.lease(contents.collect());
        self.fetch(&manifest).await?;
        let id = self.assemble(bytes, &named, lease).await?;
        self.say(String::new(), format!("Digest: {named}"));
        let outcome = if before.as_ref() == Some(&id) { "Image is up to date" } else { "Downloaded newer image" };
        self.say(String::new(), format!("Status: {outcome} for {}", self.name.familiar()));
        Ok(id)
    }

    /// The digest that the name stands for, and the manifest of the platform with its bytes.
    async fn manifest(&self, platform: Option<&str>) -> Result<(Digest, Vec<u8>, Manifest), StoreError> {
        let bytes = self.manifests.read(&self.session, None).await?;
        let named = Digest::of(&bytes);
        let (bytes, document) = match Document::parse(&bytes)? {
            Document::Index(entries) => {
                let chosen = choose(&entries, &self.name.familiar(), platform)?;
                let bytes = self.manifests.read(&self.session, Some(&chosen.digest)).await?;
                let document = Document::parse(&bytes)?;
                (bytes, document)
            }
            image => (bytes, image),
        };
        match document {
            Document::Image(manifest) => Ok((named, bytes, manifest)),
            Document::Index(_) => Err(StoreError::invalid("manifest", "an index names another index")),
        }
    }

    /// Fetches all that the store does not have, some at once.
    async fn fetch(&self, manifest: &Manifest) -> Result<(), StoreError> {
        for layer in &manifest.layers {
            report(self.progress, &layer.digest, "Pulling fs layer", None);
        }
        futures_util::stream::iter(manifest.content().map(Ok))
            .try_for_each_concurrent(CONCURRENT_DOWNLOADS, |content| self.fetch_one(manifest, content))
            .await
    }

    async fn fetch_one(&self, manifest: &Manifest, content: &Descriptor) -> Result<(), StoreError> {
        if self.store.paths.blob(&content.digest).exists() {
            if content != &manifest.config {
                report(self.progress, &content.digest, "Already exists", None);
            }
            return Ok(());
        }
        // The configuration is no layer: docker does not show it.
        let silent: ProgressSink = std::sync::Arc::new(|_| {});
        let progress = if content == &manifest.config { &silent } else { self.progress };
        Download { session: &self.session, store: self.store, content, progress }.run(self.flights).await
    }

    async fn assemble(&self, manifest: Vec<u8>, named: &Digest, lease: Lease) -> Result<Digest, StoreError> {
        let store = self.store.clone();
        let mut names = vec![self.name.at_digest(named.clone())];
        if self.name.digest().is_none() {
            names.push(self.name.clone());
        }
        let progress = std::sync::Arc::clone(self.progress);
        blocking(move || {
            // Held until the image is in the store, even if the pull itself is given up.
            let _lease = lease;
            let digest = store::put(&store.paths, &manifest)?;
            let done = |layer: &Descriptor| report(&progress, &layer.digest, "Pull complete", None);
            Ok(store.assemble(&digest, &names, &done)?.id.clone())
        })
        .await
    }

    fn say(&self, id: String, status: String) {
        (self.progress)(Progress { id, status, current: None, total: None });
    }
}

/// Refuses a manifest that announces more than the limits, before anything is fetched.
fn check_sizes(manifest: &Manifest) -> Result<(), StoreError> {
    if manifest.config.size > MAX_CONFIG_BYTES {
        return Err(StoreError::TooLarge { what: "image configuration".into(), limit: MAX_CONFIG_BYTES });
    }
    match manifest.layers.iter().find(|layer| layer.size > MAX_TAR_BYTES) {
        Some(layer) => Err(StoreError::TooLarge { what: format!("layer {}", layer.digest), limit: MAX_TAR_BYTES }),
        None => Ok(()),
    }
}

/// Runs what blocks on the file system off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(StoreError::Io { action: "finish work on the image store".into(), source: std::io::Error::other(error) })
    })
}
