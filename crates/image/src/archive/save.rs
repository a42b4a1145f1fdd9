//! Writing archives that docker, podman and skopeo read, as an OCI layout and as a docker-archive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use serde::Serialize;
use serde_json::json;

use crate::manifest::{Descriptor, OCI_INDEX, OCI_MANIFEST};
use crate::store;
use crate::{Digest, Image, Reference, Store, StoreError};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

pub(super) fn save(store: &Store, names: &[String], to: impl Write) -> Result<(), StoreError> {
    let _held = store.hold_new_layers();
    // All names are known before the first byte is written: an unknown one is an error and not a broken archive.
    let images = names.iter().map(|name| store.lease(name)).collect::<Result<Vec<_>, _>>()?;
    let mut writer = Writer {
        store,
        tar: tar::Builder::new(to),
        written: BTreeSet::new(),
        index: Vec::new(),
        docker: BTreeMap::new(),
    };
    for (name, (image, _lease)) in names.iter().zip(&images) {
        let chosen = chosen_names(image, name);
        writer.image(image, &chosen)?;
    }
    writer.finish()
}

/// The name that was asked for, or all tags if the image was named by its id.
fn chosen_names(image: &Image, asked: &str) -> Vec<Reference> {
    let asked = asked.parse::<Reference>().map(Reference::or_latest);
    match asked {
        Ok(name) if image.tags.contains(&name) => vec![name],
        Ok(name) if image.repo_digests.contains(&name) => Vec::new(),
        _ => image.tags.clone(),
    }
}

struct Writer<'a, W: Write> {
    store: &'a Store,
    tar: tar::Builder<W>,
    written: BTreeSet<Digest>,
    index: Vec<Descriptor>,
    docker: BTreeMap<Digest, DockerEntry>,
}

impl<W: Write> Writer<'_, W> {
    fn image(&mut self, image: &Image, names: &[Reference]) -> Result<(), StoreError> {
        let manifest = self.store.manifest(&image.manifest)?;
        for content in manifest.content() {
            self.blob(&content.digest)?;
        }
        // The configuration of an artifact is made up and not in its manifest.
        self.blob(&image.id)?;
        let size = self.blob(&image.manifest)?;
        let media_type = if manifest.media_type.is_empty() { OCI_MANIFEST } else { &manifest.media_type };
        let entry = Descriptor::new(media_type, image.manifest.clone(), size);
        if names.is_empty() {
            self.index.push(entry.clone());
        }
        for name in names {
            let annotations = BTreeMap::from([
                ("io.containerd.image.name".to_owned(), name.to_string()),
                ("org.opencontainers.image.ref.name".to_owned(), name.tag().unwrap_or_default().to_owned()),
            ]);
            self.index.push(Descriptor { annotations: Some(annotations), ..entry.clone() });
        }
        self.docker_entry(image, names)
    }

    fn docker_entry(&mut self, image: &Image, names: &[Reference]) -> Result<(), StoreError> {
        let mut layers = Vec::with_capacity(image.layers.len());
        for layer in &image.layers {
            // A layer that came as a wasm file is a tar here, as docker-archives know nothing else.
            let (blob, _) = self.store.packed(&layer.diff_id)?;
            self.blob(&blob)?;
            layers.push(path_of(&blob));
        }
        let config = path_of(&image.id);
        let tags = names.iter().map(Reference::familiar);
        let entry = self.docker.entry(image.id.clone());
        entry.or_insert(DockerEntry { config, repo_tags: Vec::new(), layers }).repo_tags.extend(tags);
        Ok(())
    }

    /// Writes a blob once, after a check of its digest. Returns its size.
    fn blob(&mut self, digest: &Digest) -> Result<u64, StoreError> {
        let path = self.store.paths.blob(digest);
        let failed = |error| StoreError::io("read", &path, error);
        let size = std::fs::metadata(&path).map_err(failed)?.len();
        if self.written.insert(digest.clone()) {
            // Checked, so that a damaged blob does not leave the store.
            let mut file = store::open_verified(&self.store.paths, digest)?;
            self.entry(&path_of(digest), size, &mut file)?;
        }
        Ok(size)
    }

    fn entry(&mut self, path: &str, size: u64, from: &mut dyn Read) -> Result<(), StoreError> {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(size);
        self.tar.append_data(&mut header, path, from).map_err(|error| write_failed(&error))
    }

    fn finish(mut self) -> Result<(), StoreError> {
        let encode =
            |value: &dyn Fn() -> serde_json::Result<Vec<u8>>| value().map_err(|e| StoreError::invalid("archive", e));
        let docker: Vec<&DockerEntry> = self.docker.values().collect();
        let manifest = encode(&|| serde_json::to_vec(&docker))?;
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": self.index});
        let index = encode(&|| serde_json::to_vec(&index))?;
        let layout = br#"{"imageLayoutVersion":"1.0.0"}"#;
        for (path, bytes) in
            [("index.json", index.as_slice()), ("manifest.json", manifest.as_slice()), ("oci-layout", layout)]
        {
            self.entry(path, bytes.len() as u64, &mut &*bytes)?;
        }
        self.tar.into_inner().and_then(|mut to| to.flush()).map_err(|error| write_failed(&error))
    }
}

fn write_failed(error: &io::Error) -> StoreError {
    StoreError::io(
        "write the archive to",
        std::path::Path::new("its receiver"),
        io::Error::new(error.kind(), error.to_string()),
    )
}

fn path_of(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
