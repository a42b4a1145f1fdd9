//! One push.

use futures_util::{StreamExt as _, TryStreamExt as _};
use oci_client::errors::OciDistributionError;
use tokio_util::io::ReaderStream;

use super::client::Session;
use super::download::report;
use super::pull::blocking;
use crate::manifest::{Descriptor, MAX_MANIFEST_BYTES, OCI_MANIFEST};
use crate::{Digest, Image, Progress, ProgressSink, Reference, Store, StoreError, store};

/// Blobs sent at once.
const CONCURRENT_UPLOADS: usize = 3;
/// Bytes sent at once.
const CHUNK_BYTES: usize = 256 << 10;

/// One push.
pub(super) struct Push<'a> {
    pub(super) session: Session,
    pub(super) store: &'a Store,
    pub(super) name: Reference,
    pub(super) progress: &'a ProgressSink,
}

impl Push<'_> {
    pub(super) async fn run(&self, image: &Image) -> Result<(Digest, u64), StoreError> {
        let repository = format!("{}/{}", self.name.registry(), self.name.repository());
        self.say(format!("The push refers to repository [{repository}]"));
        let manifest = self.store.manifest(&image.manifest)?;
        for layer in &manifest.layers {
            report(self.progress, &layer.digest, "Preparing", None);
        }
        futures_util::stream::iter(manifest.content().map(Ok))
            .try_for_each_concurrent(CONCURRENT_UPLOADS, |content| self.blob(content, content == &manifest.config))
            .await?;
        let bytes = store::read_blob(&self.store.paths, &image.manifest, MAX_MANIFEST_BYTES)?;
        let size = bytes.len() as u64;
        let media_type = if manifest.media_type.is_empty() { OCI_MANIFEST } else { &manifest.media_type };
        let media_type = media_type.parse().map_err(|error| StoreError::invalid("manifest's media type", error))?;
        let pushed = self.session.client.push_manifest_raw(&self.session.image, bytes, media_type).await;
        pushed.map_err(|error| self.session.failed(&error))?;
        self.remember(image).await?;
        let tag = self.name.tag().unwrap_or_default();
        self.say(format!("{tag}: digest: {} size: {size}", image.manifest));
        Ok((image.manifest.clone(), size))
    }

    async fn blob(&self, content: &Descriptor, quiet: bool) -> Result<(), StoreError> {
        let silent: ProgressSink = std::sync::Arc::new(|_| {});
        let progress = if quiet { &silent } else { self.progress };
        let Session { client, image, .. } = &self.session;
        let digest = content.digest.to_string();
        let exists = client.blob_exists(image, &digest).await.map_err(|error| self.session.failed(&error))?;
        if exists {
            report(progress, &content.digest, "Layer already exists", None);
            return Ok(());
        }
        let (store, wanted) = (self.store.clone(), content.digest.clone());
        // Checked, so that a damaged blob does not leave the store.
        let file = blocking(move || store::open_verified(&store.paths, &wanted)).await?;
        let (sink, blob, total) = (std::sync::Arc::clone(progress), content.digest.clone(), content.size);
        let mut sent = 0;
        let chunks = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK_BYTES).map(move |chunk| {
            let chunk = chunk.map_err(OciDistributionError::from)?;
            sent += chunk.len() as u64;
            report(&sink, &blob, "Pushing", Some((sent, total)));
            Ok(chunk)
        });
        let pushed = client.push_blob_stream(image, chunks, &digest, Some(content.size)).await;
        pushed.map_err(|error| self.session.failed(&error))?;
        report(progress, &content.digest, "Pushed", None);
        Ok(())
    }

    /// Notes the digest that the image has in the registry now.
    async fn remember(&self, image: &Image) -> Result<(), StoreError> {
        let (store, id, name) = (self.store.clone(), image.id.clone(), self.name.at_digest(image.manifest.clone()));
        blocking(move || store.add_name(name, &id)).await
    }

    fn say(&self, status: String) {
        (self.progress)(Progress { id: String::new(), status, current: None, total: None });
    }
}
