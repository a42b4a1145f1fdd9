//! Where the store keeps what.

use std::path::{Path, PathBuf};

use crate::{Digest, Reference, StoreError};

/// Version of the store's layout; a store of another one is refused.
const FORMAT_VERSION: &str = "1";

/// The folders below the store's root.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// The store's root.
    pub(crate) root: PathBuf,
    /// OCI content by digest.
    pub(crate) blobs: PathBuf,
    /// Unpacked layers by diff id.
    pub(crate) layers: PathBuf,
    /// One file an image.
    pub(crate) images: PathBuf,
    /// One file a name.
    pub(crate) names: PathBuf,
    /// Downloads that can be resumed.
    pub(crate) partial: PathBuf,
    /// What is being written; empty when the store opens.
    pub(crate) aside: PathBuf,
}

impl Paths {
    /// Makes the folders and checks the version.
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        let paths = Self {
            root: root.to_owned(),
            blobs: root.join("blobs/sha256"),
            layers: root.join("layers"),
            images: root.join("images"),
            names: root.join("names"),
            partial: root.join("partial"),
            aside: root.join("tmp"),
        };
        for folder in [&paths.blobs, &paths.layers, &paths.images, &paths.names, &paths.partial, &paths.aside] {
            std::fs::create_dir_all(folder).map_err(|error| StoreError::io("make the folder", folder, error))?;
        }
        paths.check_version()?;
        Ok(paths)
    }

    fn check_version(&self) -> Result<(), StoreError> {
        let file = self.root.join("version");
        match std::fs::read_to_string(&file) {
            Ok(version) if version.trim() == FORMAT_VERSION => Ok(()),
            Ok(version) => Err(StoreError::invalid(
                format!("image store {}", self.root.display()),
                format!("its format is version {:?}, this Sprat reads {FORMAT_VERSION}", version.trim()),
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                super::durable::write_file(&self.aside, &file, FORMAT_VERSION.as_bytes())
                    .map_err(|error| StoreError::io("write", &file, error))
            }
            Err(error) => Err(StoreError::io("read", &file, error)),
        }
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.hex())
    }

    pub(crate) fn layer(&self, diff_id: &Digest) -> PathBuf {
        self.layers.join(diff_id.hex())
    }

    pub(crate) fn image(&self, id: &Digest) -> PathBuf {
        self.images.join(format!("{}.json", id.hex()))
    }

    pub(crate) fn name(&self, name: &Reference) -> PathBuf {
        self.names.join(format!("{}.json", Digest::of(name.to_string().as_bytes()).hex()))
    }

    pub(crate) fn partial(&self, digest: &Digest) -> PathBuf {
        self.partial.join(format!("{}.partial", digest.hex()))
    }
}

/// Entries of a folder whose names are digests, with what follows the digits.
pub(crate) fn digests_in(folder: &Path) -> Result<Vec<(Digest, PathBuf)>, StoreError> {
    let failed = |error| StoreError::io("read the folder", folder, error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let stem = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next());
        if let Some(digest) = stem.and_then(|hex| format!("sha256:{hex}").parse().ok()) {
            found.push((digest, path));
        }
    }
    Ok(found)
}
