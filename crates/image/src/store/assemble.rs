//! From a manifest whose content is all in the store to an image: layers unpacked, configuration read or made up.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::layers::{LayerSource, Origin};
use super::state::Record;
use super::{Store, StoreError, blobs};
use crate::layer::WHITEOUT_PREFIX;
use crate::manifest::{
    ConfigFile, Descriptor, Document, LayerKind, MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES, Manifest, RootFs, TITLE,
};
use crate::{Digest, Image, ImageConfig, Reference};

/// Name of a wasm file that comes without one.
const DEFAULT_WASM_NAME: &str = "main.wasm";

/// What the configuration of an artifact can tell (`application/vnd.wasm.config.v0+json`).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ArtifactConfig {
    created: Option<String>,
    author: Option<String>,
    architecture: Option<String>,
    os: Option<String>,
}

impl Store {
    /// Unpacks the layers of `manifest` and adds its image under `names`. `done` hears of each layer's blob. The caller
    /// holds leases on the content.
    pub(crate) fn assemble(
        &self,
        manifest_digest: &Digest,
        names: &[Reference],
        done: &dyn Fn(&Descriptor),
    ) -> Result<Arc<Image>, StoreError> {
        let _held = self.hold_new_layers();
        let manifest = self.manifest(manifest_digest)?;
        let config = self.config_of(&manifest)?;
        let mut layers = Vec::with_capacity(manifest.layers.len());
        for (number, layer) in manifest.layers.iter().enumerate() {
            if let Some(source) = source_of(&manifest, config.as_ref(), number, layer)? {
                layers.push(self.ensure_layer(source)?);
            }
            done(layer);
        }
        let id = match config {
            Some(_) => manifest.config.digest.clone(),
            None => self.make_up_config(&manifest, &layers)?,
        };
        let blobs = manifest.content().map(|content| content.digest.clone()).collect();
        let record = Record { manifest: manifest_digest.clone(), layers, blobs, added: Some(Timestamp::now()) };
        self.add_image(&id, record, names)
    }

    /// A stored manifest of one image.
    pub(crate) fn manifest(&self, digest: &Digest) -> Result<Manifest, StoreError> {
        match Document::parse(&blobs::read(&self.paths, digest, MAX_MANIFEST_BYTES)?)? {
            Document::Image(manifest) => Ok(manifest),
            Document::Index(_) => Err(StoreError::invalid("manifest", "it is an index, not one image")),
        }
    }

    /// The configuration of a docker-style image; none for artifacts.
    fn config_of(&self, manifest: &Manifest) -> Result<Option<ConfigFile>, StoreError> {
        if !manifest.has_image_config() {
            return Ok(None);
        }
        let config = ConfigFile::parse(&blobs::read(&self.paths, &manifest.config.digest, MAX_CONFIG_BYTES)?)?;
        let (stated, there) = (config.rootfs.diff_ids.len(), manifest.layers.len());
        let all_wasm = manifest.layers.iter().all(|layer| layer.layer_kind() == LayerKind::Wasm);
        if stated != there && !all_wasm {
            let reason = format!("it lists {stated} layers, but the manifest has {there}");
            return Err(StoreError::invalid("image configuration", reason));
        }
        config.config.check()?;
        Ok(Some(config))
    }

    /// A configuration for an artifact, whose entry point is its first wasm file.
    fn make_up_config(&self, manifest: &Manifest, layers: &[Origin]) -> Result<Digest, StoreError> {
        let Some(entrypoint) = layers.iter().find_map(|layer| layer.wasm.as_ref()) else {
            let media_type = &manifest.config.media_type;
            let reason = format!("it is no image and holds no wasm (its configuration is {media_type:?})");
            return Err(StoreError::invalid("artifact", reason));
        };
        let bytes = blobs::read(&self.paths, &manifest.config.digest, MAX_CONFIG_BYTES)?;
        let told: ArtifactConfig = serde_json::from_slice(&bytes).unwrap_or_default();
        let file = ConfigFile {
            created: told.created.and_then(|time| time.parse().ok()),
            author: told.author.unwrap_or_default(),
            architecture: told.architecture.filter(|arch| !arch.is_empty()).unwrap_or_else(|| "wasm".to_owned()),
            os: told.os.filter(|os| !os.is_empty()).unwrap_or_else(|| "wasi".to_owned()),
            config: ImageConfig { entrypoint: Some(vec![format!("/{entrypoint}")]), ..ImageConfig::default() },
            rootfs: RootFs {
                diff_ids: layers.iter().map(|layer| layer.diff_id.clone()).collect(),
                ..RootFs::default()
            },
            history: Vec::new(),
        };
        blobs::put(&self.paths, &file.encode()?)
    }
}

/// What a layer of a manifest is unpacked from; nothing for what a container does not see.
fn source_of(
    manifest: &Manifest,
    config: Option<&ConfigFile>,
    number: usize,
    layer: &Descriptor,
) -> Result<Option<LayerSource>, StoreError> {
    let blob = layer.digest.clone();
    match layer.layer_kind() {
        LayerKind::Tar => {
            let diff_id = config.and_then(|config| config.rootfs.diff_ids.get(number)).cloned();
            Ok(Some(LayerSource::Tar { blob, diff_id }))
        }
        LayerKind::Wasm => {
            let entrypoint = config.and_then(|config| config.config.entrypoint.as_ref()?.first()).map(String::as_str);
            let name = wasm_name(layer.annotation(TITLE), entrypoint);
            Ok(Some(LayerSource::Wasm { blob, name }))
        }
        LayerKind::Foreign if manifest.has_image_config() => {
            let reason = format!("layers of type {:?} are not supported", layer.media_type);
            Err(StoreError::invalid("manifest", reason))
        }
        LayerKind::Foreign => Ok(None),
    }
}

/// The path, relative to the root, of a wasm file that came as a layer.
fn wasm_name(title: Option<&str>, entrypoint: Option<&str>) -> String {
    let title = title.and_then(|title| title.rsplit(['/', '\\']).find(|part| is_file_name(part)));
    if let Some(title) = title {
        return title.to_owned();
    }
    let entrypoint =
        entrypoint.map(|path| path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>());
    match entrypoint {
        Some(parts) if !parts.is_empty() && parts.len() < 16 && parts.iter().all(|part| is_file_name(part)) => {
            parts.join("/")
        }
        _ => DEFAULT_WASM_NAME.to_owned(),
    }
}

fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= crate::layer::MAX_NAME_LEN
        && !name.as_bytes().starts_with(WHITEOUT_PREFIX)
        && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wasm_layer_is_named_by_title_or_entry_point_and_never_climbs() {
        assert_eq!(wasm_name(Some("../../etc/app.wasm"), None), "app.wasm");
        assert_eq!(wasm_name(Some("C:\\x\\app.wasm"), None), "app.wasm");
        assert_eq!(wasm_name(Some(".."), Some("/bin/app.wasm")), "bin/app.wasm");
        assert_eq!(wasm_name(Some(".wh.app"), Some("../app.wasm")), "main.wasm");
        assert_eq!(wasm_name(None, None), "main.wasm");
        assert_eq!(wasm_name(None, Some("/")), "main.wasm");
    }
}
