//! Making images of Sprat's own: OCI manifests over compressed layers.

use std::io::Read as _;
use std::sync::Arc;

use jiff::Timestamp;

use super::layers::Origin;
use super::state::Record;
use super::{Store, StoreError, blobs};
use crate::layer::Compression;
use crate::manifest::{ConfigFile, Descriptor, MAX_LAYERS, Manifest, OCI_CONFIG, OCI_MANIFEST, RootFs};
use crate::{Digest, HistoryEntry, Image, ImageConfig, Reference};

/// The platform of the images that Sprat makes.
const OS: &str = "wasi";
const ARCHITECTURE: &str = "wasm";

impl Store {
    /// Makes an image: `config` and `history` over existing layers, by their diff ids (lowest first). Used by build,
    /// commit and import. It was created when its last step of history was, or now: the same input with times is the
    /// same image.
    ///
    /// # Errors
    /// A layer is unknown, or the host's file system fails.
    pub fn create(
        &self,
        config: &ImageConfig,
        layers: &[Digest],
        history: &[HistoryEntry],
        tags: &[Reference],
    ) -> Result<Arc<Image>, StoreError> {
        if layers.len() > MAX_LAYERS {
            let reason = format!("it would have {} layers, and {MAX_LAYERS} is the limit", layers.len());
            return Err(StoreError::invalid("image", reason));
        }
        config.check()?;
        let _held = (self.pins.lease(layers.to_vec()), self.hold_new_layers());
        let file = ConfigFile {
            created: Some(history.last().and_then(|entry| entry.created).unwrap_or_else(Timestamp::now)),
            author: history
                .iter()
                .rev()
                .find(|entry| !entry.author.is_empty())
                .map(|e| e.author.clone())
                .unwrap_or_default(),
            architecture: ARCHITECTURE.to_owned(),
            os: OS.to_owned(),
            config: config.clone(),
            rootfs: RootFs { diff_ids: layers.to_vec(), ..RootFs::default() },
            history: history.to_vec(),
        };
        let mut origins = Vec::with_capacity(layers.len());
        let mut descriptors = Vec::with_capacity(layers.len());
        let mut blobs_held = Vec::with_capacity(layers.len());
        for diff_id in layers {
            self.layer_path(diff_id)?;
            let (blob, size) = self.packed(diff_id)?;
            self.pins.fresh(&[&blob]);
            blobs_held.push(self.pins.lease(vec![blob.clone()]));
            descriptors.push(Descriptor::new(self.layer_media_type(&blob)?, blob.clone(), size));
            origins.push(Origin { diff_id: diff_id.clone(), blob, wasm: None });
        }
        let config_bytes = file.encode()?;
        // Held before they are written, so that no collection can come between.
        let id = Digest::of(&config_bytes);
        let manifest = Manifest {
            schema_version: 2,
            media_type: OCI_MANIFEST.to_owned(),
            config: Descriptor::new(OCI_CONFIG, id.clone(), config_bytes.len() as u64),
            layers: descriptors,
        };
        let manifest_bytes = serde_json::to_vec(&manifest).map_err(|error| StoreError::invalid("manifest", error))?;
        let _content = self.pins.lease(vec![id.clone(), Digest::of(&manifest_bytes)]);
        blobs::put(&self.paths, &config_bytes)?;
        let manifest = blobs::put(&self.paths, &manifest_bytes)?;
        self.add_image(
            &id,
            Record { manifest, layers: origins, blobs: Vec::new(), added: Some(Timestamp::now()) },
            tags,
        )
    }

    pub(crate) fn layer_media_type(&self, blob: &Digest) -> Result<&'static str, StoreError> {
        let path = self.paths.blob(blob);
        let mut head = Vec::new();
        std::fs::File::open(&path)
            .and_then(|file| file.take(4).read_to_end(&mut head))
            .map_err(|error| StoreError::io("read", &path, error))?;
        Ok(match Compression::of(&head) {
            Compression::None => "application/vnd.oci.image.layer.v1.tar",
            Compression::Gzip => crate::manifest::OCI_LAYER_GZIP,
            Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        })
    }

    /// Writes an image whose content is all there, and its names.
    pub(super) fn add_image(&self, id: &Digest, record: Record, names: &[Reference]) -> Result<Arc<Image>, StoreError> {
        let _changing = self.changing.lock();
        let image = super::state::load(&self.paths, id, &record)?;
        super::state::write_json(&self.paths, &self.paths.image(id), &record)?;
        self.pins.used(record.needs(id).iter());
        self.state.write().add(image, record);
        for name in names {
            self.put_name(name.clone().or_latest(), id.clone())?;
        }
        let state = self.state.read();
        let known = state.images.get(id).ok_or_else(|| StoreError::NotFound(id.to_string()))?;
        Ok(Arc::clone(&known.image))
    }
}
