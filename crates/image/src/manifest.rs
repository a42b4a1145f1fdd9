//! Manifests and indexes (OCI image specification; docker's schema 2), read with limits.
//!
//! Parsing alone: which platform of an index is meant is [`platform`]'s part, what the layers become the store's.

mod config_file;
mod platform;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Digest, StoreError};

pub(crate) use config_file::{ConfigFile, RootFs};
pub(crate) use platform::choose;

/// Most bytes of a manifest or index.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// Most bytes of an image configuration.
pub const MAX_CONFIG_BYTES: u64 = 4 << 20;
/// Most layers of one image, as docker has it.
pub const MAX_LAYERS: usize = 127;
/// Most platforms of one index.
pub const MAX_INDEX_ENTRIES: usize = 1024;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// The annotation with a layer's file name.
pub(crate) const TITLE: &str = "org.opencontainers.image.title";

/// Content named by digest, type and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
}

/// What an entry of an index is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Platform {
    #[serde(default)]
    pub(crate) architecture: String,
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<String>,
}

/// One image's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u32,
    pub(crate) media_type: String,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// A manifest or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Document {
    Image(Manifest),
    Index(Vec<Descriptor>),
}

/// What a layer's blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LayerKind {
    /// A tar, maybe compressed.
    Tar,
    /// A wasm file as such.
    Wasm,
    /// Something an image can hold but a container does not see.
    Foreign,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: Option<u32>,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Bounded<MAX_LAYERS>>,
    manifests: Option<Bounded<MAX_INDEX_ENTRIES>>,
}

/// Checks that bytes are a manifest or an index: tells how many layers or platforms it has. For fuzzing.
///
/// # Errors
/// They are neither, or a limit is passed.
pub fn check(bytes: &[u8]) -> Result<usize, StoreError> {
    Ok(match Document::parse(bytes)? {
        Document::Image(manifest) => manifest.layers.len(),
        Document::Index(entries) => {
            let _ = choose(&entries, "fuzz", None);
            entries.len()
        }
    })
}

impl Document {
    /// Reads a manifest or an index.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, StoreError> {
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(StoreError::TooLarge { what: "manifest".into(), limit: MAX_MANIFEST_BYTES });
        }
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| StoreError::invalid("manifest", error))?;
        match (raw.manifests, raw.config, raw.layers) {
            _ if raw.schema_version == Some(1) => {
                Err(StoreError::invalid("manifest", "docker schema 1 is not supported: push the image again"))
            }
            // Both at once would be two images in one digest, and each tool could see another one.
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                Err(StoreError::invalid("manifest", "it is an image and an index at once"))
            }
            (Some(entries), None, None) => Ok(Self::Index(entries.0)),
            (None, Some(config), Some(layers)) => Ok(Self::Image(Manifest {
                schema_version: 2,
                media_type: raw.media_type.unwrap_or_else(|| OCI_MANIFEST.to_owned()),
                config,
                layers: layers.0,
            })),
            _ => Err(StoreError::invalid("manifest", "it has neither config and layers nor manifests")),
        }
    }
}

impl Manifest {
    /// True if the configuration is one of a docker-style image; another one is an artifact's.
    pub(crate) fn has_image_config(&self) -> bool {
        matches!(self.config.media_type.as_str(), OCI_CONFIG | DOCKER_CONFIG)
    }

    /// True if it could become a container: a docker-style image, or an artifact with wasm.
    pub(crate) fn is_runnable(&self) -> bool {
        self.has_image_config() || self.layers.iter().any(|layer| layer.layer_kind() == LayerKind::Wasm)
    }

    /// All that the manifest names, the configuration first.
    pub(crate) fn content(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

impl Descriptor {
    pub(crate) fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self { media_type: media_type.to_owned(), digest, size, annotations: None, platform: None }
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// What this layer is, by its media type.
    pub(crate) fn layer_kind(&self) -> LayerKind {
        let media_type = self.media_type.as_str();
        if media_type == "application/wasm" || media_type.ends_with("+wasm") {
            LayerKind::Wasm
        } else if media_type.starts_with("application/vnd.oci.image.layer.")
            || media_type.starts_with("application/vnd.docker.image.rootfs.")
        {
            LayerKind::Tar
        } else {
            LayerKind::Foreign
        }
    }
}

/// A list of descriptors that is refused as soon as it is too long.
struct Bounded<const LIMIT: usize>(Vec<Descriptor>);

impl<'de, const LIMIT: usize> Deserialize<'de> for Bounded<LIMIT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<const LIMIT: usize>(PhantomData<()>);
        impl<'de, const LIMIT: usize> Visitor<'de> for Elements<LIMIT> {
            type Value = Bounded<LIMIT>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {LIMIT} descriptors")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = elements.next_element()? {
                    if list.len() == LIMIT {
                        return Err(A::Error::custom(format_args!(
                            "it has more than {LIMIT} layers or platforms, which is the limit"
                        )));
                    }
                    list.push(element);
                }
                Ok(Bounded(list))
            }
        }
        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

#[cfg(test)]
mod tests;
