//! What the store knows in memory: images and names. The files say the same; only the store writes them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::layers::Origin;
use super::paths::{Paths, digests_in};
use super::{blobs, durable};
use crate::manifest::{ConfigFile, MAX_CONFIG_BYTES};
use crate::{Digest, Image, Layer, Reference, StoreError};

/// An image as its file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) manifest: Digest,
    pub(crate) layers: Vec<Origin>,
    /// Further blobs that the manifest names.
    #[serde(default)]
    pub(crate) blobs: Vec<Digest>,
    /// When the image came into the store.
    #[serde(default)]
    pub(crate) added: Option<Timestamp>,
}

/// A name as its file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name {
    pub(crate) name: Reference,
    pub(crate) image: Digest,
    /// When the image got it.
    #[serde(default)]
    pub(crate) given: Option<Timestamp>,
}

/// All images and names.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) images: HashMap<Digest, Known>,
    pub(crate) names: BTreeMap<Reference, Digest>,
    /// The images' ids in order, for short ids.
    pub(crate) ids: BTreeSet<Digest>,
    /// Something could not be read, so nothing may be collected that it might need.
    pub(crate) damaged: bool,
}

#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) record: Record,
    pub(crate) image: Arc<Image>,
}

impl Record {
    /// All blobs and layers that the image needs, itself included.
    pub(crate) fn needs(&self, id: &Digest) -> Vec<Digest> {
        let layers = self.layers.iter().flat_map(|layer| [layer.diff_id.clone(), layer.blob.clone()]);
        [id.clone(), self.manifest.clone()].into_iter().chain(self.blobs.iter().cloned()).chain(layers).collect()
    }
}

impl State {
    /// Reads all images and names. Those that are damaged are left alone and reported.
    pub(crate) fn read(paths: &Paths) -> Result<Self, StoreError> {
        let mut state = Self::default();
        for (id, path) in digests_in(&paths.images)? {
            match read_json::<Record>(&path).and_then(|record| Ok((load(paths, &id, &record)?, record))) {
                Ok((image, record)) => state.add(image, record),
                Err(error) => {
                    tracing::error!(image = %id, error = &error as &dyn std::error::Error, "an image can't be read");
                    state.damaged = true;
                }
            }
        }
        for (_, path) in digests_in(&paths.names)? {
            match read_json::<Name>(&path) {
                Ok(name) => state.set_name(name),
                Err(error) => {
                    tracing::error!(path = %path.display(), error = &error as &dyn std::error::Error, "a name can't be read");
                    state.damaged = true;
                }
            }
        }
        Ok(state)
    }

    pub(crate) fn add(&mut self, mut image: Image, record: Record) {
        let id = image.id.clone();
        image.tagged = self.images.get(&id).and_then(|known| known.image.tagged);
        for (name, _) in self.names.iter().filter(|(_, of)| **of == id) {
            place_name(&mut image, name);
        }
        self.ids.insert(id.clone());
        self.images.insert(id, Known { record, image: Arc::new(image) });
    }

    pub(crate) fn set_name(&mut self, name: Name) {
        if let Some(previous) = self.names.insert(name.name.clone(), name.image.clone())
            && previous != name.image
        {
            self.change(&previous, |image| drop_name(image, &name.name));
        }
        self.change(&name.image, |image| {
            place_name(image, &name.name);
            image.tagged = image.tagged.max(name.given);
        });
    }

    pub(crate) fn remove_name(&mut self, name: &Reference) {
        if let Some(id) = self.names.remove(name) {
            self.change(&id, |image| drop_name(image, name));
        }
    }

    pub(crate) fn remove_image(&mut self, id: &Digest) {
        self.ids.remove(id);
        self.images.remove(id);
    }

    fn change(&mut self, id: &Digest, change: impl FnOnce(&mut Image)) {
        if let Some(known) = self.images.get_mut(id) {
            change(Arc::make_mut(&mut known.image));
        }
    }

    /// Where the images' records say that a layer comes from.
    pub(crate) fn origin(&self, diff_id: &Digest) -> Option<Origin> {
        let layers = self.images.values().flat_map(|known| &known.record.layers);
        layers.into_iter().find(|origin| origin.diff_id == *diff_id).cloned()
    }

    /// All names of an image, tags first.
    pub(crate) fn names_of(&self, id: &Digest) -> Vec<Reference> {
        let image = self.images.get(id).map(|known| &known.image);
        image.map(|image| image.tags.iter().chain(&image.repo_digests).cloned().collect()).unwrap_or_default()
    }
}

fn place_name(image: &mut Image, name: &Reference) {
    let list = if name.digest().is_some() { &mut image.repo_digests } else { &mut image.tags };
    if let Err(position) = list.binary_search(name) {
        list.insert(position, name.clone());
    }
}

fn drop_name(image: &mut Image, name: &Reference) {
    image.tags.retain(|other| other != name);
    image.repo_digests.retain(|other| other != name);
}

/// The image of a record, without names.
pub(crate) fn load(paths: &Paths, id: &Digest, record: &Record) -> Result<Image, StoreError> {
    let config = ConfigFile::parse(&blobs::read(paths, id, MAX_CONFIG_BYTES)?)?;
    let layers: Vec<Layer> = record
        .layers
        .iter()
        .map(|origin| {
            let path = paths.layer(&origin.diff_id);
            let size = std::fs::metadata(path.join(crate::layer::DATA_FILE)).map_or(0, |metadata| metadata.len());
            Layer { diff_id: origin.diff_id.clone(), blob: origin.blob.clone(), path, size }
        })
        .collect();
    Ok(Image {
        id: id.clone(),
        manifest: record.manifest.clone(),
        tags: Vec::new(),
        repo_digests: Vec::new(),
        tagged: None,
        created: config.created,
        author: config.author,
        architecture: config.architecture,
        os: config.os,
        config: config.config,
        size: layers.iter().map(|layer| layer.size).sum(),
        layers,
        history: config.history,
    })
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &std::path::Path) -> Result<T, StoreError> {
    let bytes = std::fs::read(path).map_err(|error| StoreError::io("read", path, error))?;
    serde_json::from_slice(&bytes).map_err(|error| StoreError::invalid(path.display().to_string(), error))
}

/// Writes a record or a name.
pub(crate) fn write_json(paths: &Paths, target: &std::path::Path, value: &impl Serialize) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec(value).map_err(|error| StoreError::invalid(target.display().to_string(), error))?;
    durable::write_file(&paths.aside, target, &bytes).map_err(|error| StoreError::io("write", target, error))
}
