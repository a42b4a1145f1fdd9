//! Reading docker-archives and OCI layouts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;

use super::{Loaded, MAX_ARCHIVE_IMAGES};
use crate::layer::{DATA_FILE, INDEX_FILE, Index, decompress, unpack};
use crate::manifest::{
    ConfigFile, Descriptor, Document, MAX_CONFIG_BYTES, MAX_LAYERS, MAX_MANIFEST_BYTES, Manifest, OCI_CONFIG,
    OCI_MANIFEST, choose,
};
use crate::store::{self, Lease};
use crate::{Digest, NodeId, Progress, ProgressSink, Reference, Store, StoreError, Tree};

/// Most indexes within indexes.
const MAX_INDEX_DEPTH: usize = 4;
/// Annotation with an image's full name, as containerd and docker write it.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// Annotation with an image's tag or name (OCI image specification).
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An entry of a docker-archive's `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

pub(super) fn load(store: &Store, from: impl Read, progress: &ProgressSink) -> Result<Vec<Loaded>, StoreError> {
    let archive = Archive::open(store, from)?;
    let images = match archive.small("index.json", MAX_MANIFEST_BYTES)? {
        Some(index) => archive.layout_images(&index)?,
        None => archive.docker_images()?,
    };
    let mut added = Vec::new();
    let assembled = images.iter().try_for_each(|image| assemble(store, image, progress, &mut added));
    if let Err(error) = assembled {
        // All or nothing: what the archive brought so far goes again.
        let new = added.into_iter().filter(|(_, is_new)| *is_new).map(|(id, _)| id).collect::<Vec<_>>();
        store.forget(&new)?;
        return Err(error);
    }
    let mut loaded: BTreeMap<Digest, Loaded> = BTreeMap::new();
    for (image, (id, _)) in images.into_iter().zip(added) {
        for name in &image.names {
            store.add_name(name.clone(), &id)?;
        }
        let entry = loaded.entry(id.clone()).or_insert_with(|| Loaded { id, tags: Vec::new() });
        entry.tags.extend(image.names);
    }
    Ok(loaded.into_values().collect())
}

/// Assembles one image; `added` gets its id, and whether the store did not have it before.
fn assemble(
    store: &Store,
    image: &Found,
    progress: &ProgressSink,
    added: &mut Vec<(Digest, bool)>,
) -> Result<(), StoreError> {
    let known: BTreeSet<Digest> = store.images()?.iter().map(|image| image.id.clone()).collect();
    let done = |layer: &Descriptor| {
        let (id, status) = (layer.digest.short(), "Loading layer".to_owned());
        progress(Progress { id, status, current: Some(layer.size), total: Some(layer.size) });
    };
    let id = store.assemble(&image.digest, &[], &done)?.id.clone();
    let is_new = !known.contains(&id);
    added.push((id, is_new));
    Ok(())
}

/// An image whose content was taken into the store, not assembled yet.
struct Found {
    digest: Digest,
    names: Vec<Reference>,
    _lease: Lease,
}

/// An archive, unpacked as a layer is, so that its names can't reach anything.
struct Archive<'a> {
    store: &'a Store,
    tree: Tree,
    _held: Lease,
}

impl<'a> Archive<'a> {
    fn open(store: &'a Store, from: impl Read) -> Result<Self, StoreError> {
        let place = &store.paths.aside;
        let failed = |error| StoreError::io("write an archive in", place, error);
        let folder = tempfile::tempdir_in(place).map_err(failed)?;
        let mut data = File::create(folder.path().join(DATA_FILE)).map_err(failed)?;
        let mut tar = decompress(from).map_err(|error| StoreError::invalid("archive", error))?;
        let index = unpack(&mut tar, &mut data).map_err(|error| StoreError::layer("archive", place, error))?;
        let len = Index::decode(&index).map_or(0, |index| index.data_len);
        data.set_len(len).map_err(failed)?;
        std::fs::write(folder.path().join(INDEX_FILE), index).map_err(failed)?;
        // The tree keeps the data file open; the folder goes now.
        let tree = Tree::open(&[folder.path().to_owned()]).map_err(|error| StoreError::invalid("archive", error))?;
        Ok(Self { store, tree, _held: store.hold_new_layers() })
    }

    fn small(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(node) = self.tree.lookup(path) else { return Ok(None) };
        match self.tree.read(node, limit) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Err(StoreError::TooLarge { what: format!("{path} of the archive"), limit })
            }
            Err(error) => Err(StoreError::io("read an archive in", Path::new(path), error)),
        }
    }

    fn needed(&self, path: &str, limit: u64) -> Result<Vec<u8>, StoreError> {
        self.small(path, limit)?.ok_or_else(|| StoreError::invalid("archive", format!("it has no {path:?}")))
    }

    /// Images of an OCI layout (OCI image specification, "Image Layout").
    fn layout_images(&self, index: &[u8]) -> Result<Vec<Found>, StoreError> {
        let Document::Index(entries) = Document::parse(index)? else {
            return Err(StoreError::invalid("archive", "its index.json is no index"));
        };
        let mut found = Vec::new();
        for entry in entries {
            let names = entry_names(&entry);
            let bytes = self.image_manifest(entry, 0)?;
            // Signatures and attestations lie beside the images they speak of.
            if matches!(Document::parse(&bytes)?, Document::Image(manifest) if manifest.is_runnable()) {
                found.push(self.take_in(bytes, names)?);
            }
        }
        match found.is_empty() {
            true => Err(StoreError::invalid("archive", "it holds no image and no wasm")),
            false => Ok(found),
        }
    }

    /// Follows indexes to one image's manifest.
    fn image_manifest(&self, entry: Descriptor, depth: usize) -> Result<Vec<u8>, StoreError> {
        let bytes = self.needed(&blob_path(&entry.digest), MAX_MANIFEST_BYTES)?;
        check(&bytes, &entry.digest, "manifest")?;
        match Document::parse(&bytes)? {
            Document::Image(_) => Ok(bytes),
            Document::Index(entries) if depth < MAX_INDEX_DEPTH => {
                let name = entry_names(&entry).first().map_or_else(|| entry.digest.short(), Reference::familiar);
                self.image_manifest(choose(&entries, &name, None)?.clone(), depth + 1)
            }
            Document::Index(_) => Err(StoreError::invalid("archive", "its indexes are nested too deep")),
        }
    }

    /// Takes a manifest of a layout with all it names into the store.
    fn take_in(&self, bytes: Vec<u8>, names: Vec<Reference>) -> Result<Found, StoreError> {
        let Document::Image(manifest) = Document::parse(&bytes)? else {
            return Err(StoreError::invalid("archive", "a manifest is an index"));
        };
        let digests = manifest.content().map(|content| content.digest.clone()).chain([Digest::of(&bytes)]);
        let lease = self.store.pins.lease(digests.collect());
        for content in manifest.content() {
            self.blob(&blob_path(&content.digest), &content.digest, content.size)?;
        }
        let digest = store::put(&self.store.paths, &bytes)?;
        Ok(Found { digest, names, _lease: lease })
    }

    fn blob(&self, path: &str, digest: &Digest, size: u64) -> Result<(), StoreError> {
        if self.store.paths.blob(digest).exists() {
            return Ok(());
        }
        let node = self.file(path)?;
        store::copy_in(&self.store.paths, &mut self.tree.reader(node), digest, size)
    }

    fn file(&self, path: &str) -> Result<NodeId, StoreError> {
        self.tree.lookup(path).ok_or_else(|| StoreError::invalid("archive", format!("it has no {path:?}")))
    }

    /// Images of a docker-archive.
    fn docker_images(&self) -> Result<Vec<Found>, StoreError> {
        let Some(bytes) = self.small("manifest.json", MAX_MANIFEST_BYTES)? else {
            return Err(StoreError::invalid("archive", "it has neither index.json nor manifest.json"));
        };
        let entries: Vec<DockerEntry> =
            serde_json::from_slice(&bytes).map_err(|error| StoreError::invalid("archive's manifest.json", error))?;
        if entries.len() > MAX_ARCHIVE_IMAGES {
            return Err(StoreError::invalid("archive", format!("it has more than {MAX_ARCHIVE_IMAGES} images")));
        }
        entries.into_iter().map(|entry| self.docker_image(entry)).collect()
    }

    fn docker_image(&self, entry: DockerEntry) -> Result<Found, StoreError> {
        let config = self.needed(&entry.config, MAX_CONFIG_BYTES)?;
        let stated = ConfigFile::parse(&config)?.rootfs.diff_ids.len();
        if entry.layers.len() > MAX_LAYERS {
            let reason = format!("an image has {} layers, and {MAX_LAYERS} is the limit", entry.layers.len());
            return Err(StoreError::invalid("archive", reason));
        }
        if entry.layers.len() != stated {
            let reason = format!("an image has {} layers, its configuration lists {stated}", entry.layers.len());
            return Err(StoreError::invalid("archive", reason));
        }
        let id = Digest::of(&config);
        let mut leases = vec![self.store.pins.lease(vec![id.clone()])];
        store::put(&self.store.paths, &config)?;
        let mut layers = Vec::with_capacity(entry.layers.len());
        for path in &entry.layers {
            let node = self.file(path)?;
            let size = self.tree.node(node).size;
            let reader = || self.tree.reader(node);
            let digest = store::hash(&mut reader()).map_err(|e| StoreError::io("read", Path::new(path), e))?;
            leases.push(self.store.pins.lease(vec![digest.clone()]));
            self.blob(path, &digest, size)?;
            // Whether it is compressed is told by its first bytes when it is unpacked.
            layers.push(Descriptor::new("application/vnd.oci.image.layer.v1.tar", digest, size));
        }
        let manifest = Manifest {
            schema_version: 2,
            media_type: OCI_MANIFEST.to_owned(),
            config: Descriptor::new(OCI_CONFIG, id, config.len() as u64),
            layers: self.media_types(layers)?,
        };
        let bytes = serde_json::to_vec(&manifest).map_err(|error| StoreError::invalid("manifest", error))?;
        let lease = self
            .store
            .pins
            .lease(manifest.content().map(|content| content.digest.clone()).chain([Digest::of(&bytes)]).collect());
        let digest = store::put(&self.store.paths, &bytes)?;
        let tags = entry.repo_tags.unwrap_or_default();
        let names = tags.iter().map(|tag| tag.parse().map(Reference::or_latest)).collect::<Result<_, _>>()?;
        Ok(Found { digest, names, _lease: lease })
    }

    fn media_types(&self, mut layers: Vec<Descriptor>) -> Result<Vec<Descriptor>, StoreError> {
        for layer in &mut layers {
            layer.media_type = self.store.layer_media_type(&layer.digest)?.to_owned();
        }
        Ok(layers)
    }
}

/// Names of a layout's entry. A bare tag names nothing.
fn entry_names(entry: &Descriptor) -> Vec<Reference> {
    let full = entry.annotation(CONTAINERD_NAME);
    let name = full.or_else(|| entry.annotation(REF_NAME).filter(|name| name.contains([':', '/'])));
    let parsed = name.and_then(|name| name.parse::<Reference>().ok());
    parsed.map(|name| name.without_digest().or_latest()).into_iter().collect()
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn check(bytes: &[u8], expected: &Digest, what: &str) -> Result<(), StoreError> {
    let actual = Digest::of(bytes);
    match actual == *expected {
        true => Ok(()),
        false => Err(StoreError::DigestMismatch { what: what.to_owned(), expected: expected.clone(), actual }),
    }
}
