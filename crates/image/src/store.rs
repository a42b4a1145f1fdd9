//! [`Store`]: content by digest, names, and what may be collected.

use std::path::Path;
use std::sync::Arc;

use crate::{Digest, Image, ImageConfig, Reference};

/// The content store of one installation. All methods block on the file system; call them off the async threads when
/// they move much data. Share it in an `Arc`.
#[derive(Debug)]
pub struct Store {
    // image helper
}

/// Keeps an image's content from the garbage collector while it lives.
#[derive(Debug, Clone)]
pub struct Lease {
    // image helper
}

/// What a removal did, in docker's words.
#[derive(Debug, Clone, Default)]
pub struct RemoveReport {
    /// Familiar names that are gone.
    pub untagged: Vec<String>,
    /// Images and layers that are gone.
    pub deleted: Vec<Digest>,
}

/// What a prune freed.
#[derive(Debug, Clone, Default)]
pub struct PruneReport {
    /// What was removed.
    pub removed: RemoveReport,
    /// Bytes freed.
    pub reclaimed: u64,
}

/// What can go wrong with images. Each variant says what the caller can do next; see [`StoreError::code`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No image has this name or id.
    #[error("No such image: {0}")]
    NotFound(String),
    /// More than one image has this short id.
    #[error("image id {0:?} is ambiguous: give more digits")]
    Ambiguous(String),
    /// A name is malformed.
    #[error(transparent)]
    Reference(#[from] crate::ReferenceError),
    /// Something uses the image.
    #[error("conflict: unable to delete {name} ({why})")]
    InUse {
        /// The image as the caller named it.
        name: String,
        /// What uses it, and whether force would help.
        why: String,
    },
    /// Content is not what its digest says.
    #[error("{what} does not match its digest {expected}: got {actual}")]
    DigestMismatch {
        /// What was read.
        what: String,
        /// The digest it was asked by.
        expected: Digest,
        /// The digest it has.
        actual: Digest,
    },
    /// Content is malformed or hostile.
    #[error("invalid {what}: {reason}")]
    Invalid {
        /// Manifest, layer, archive …
        what: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A limit is passed.
    #[error("{what} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The image has no wasm platform.
    #[error("{name} is built for {platforms}, not for wasm")]
    NoWasmPlatform {
        /// The image.
        name: String,
        /// The platforms it has.
        platforms: String,
    },
    /// The registry refused the credentials, or asks for some.
    #[error("{registry} refused access to {what}: {reason}")]
    Denied {
        /// The registry's host.
        registry: String,
        /// The repository.
        what: String,
        /// What the registry said.
        reason: String,
    },
    /// The registry has no such image.
    #[error("manifest for {0} not found")]
    NotInRegistry(String),
    /// The registry can't be reached or fails.
    #[error("{registry} cannot be reached or failed: {reason}")]
    Registry {
        /// The registry's host.
        registry: String,
        /// What happened.
        reason: String,
    },
    /// The disk is full.
    #[error("no space left on the device that holds {0}")]
    DiskFull(std::path::PathBuf),
    /// The host's file system fails.
    #[error("cannot {action}")]
    Io {
        /// What was being done.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl StoreError {
    /// A stable code, such as `image_not_found`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        todo!("image helper")
    }
}

impl Store {
    /// Opens or makes the store below `root`. What an earlier process left half done is swept away.
    ///
    /// # Errors
    /// The folder can't be made or read, or its format is of a newer Sprat.
    pub fn open(_root: &Path) -> Result<Self, StoreError> {
        todo!("image helper")
    }

    /// All images, newest first.
    ///
    /// # Errors
    /// The host's file system fails.
    pub fn images(&self) -> Result<Vec<Arc<Image>>, StoreError> {
        todo!("image helper")
    }

    /// The image with this name, id or unique short id (as docker resolves them).
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn resolve(&self, _name: &str) -> Result<Arc<Image>, StoreError> {
        todo!("image helper")
    }

    /// As [`Store::resolve`], with a lease that keeps the image's content.
    ///
    /// # Errors
    /// As [`Store::resolve`].
    pub fn lease(&self, _name: &str) -> Result<(Arc<Image>, Lease), StoreError> {
        todo!("image helper")
    }

    /// Gives an image another name.
    ///
    /// # Errors
    /// There is no such image.
    pub fn tag(&self, _image: &str, _name: &Reference) -> Result<(), StoreError> {
        todo!("image helper")
    }

    /// Removes a name, or the image with its last name. `used_by` tells which containers use an image id; `force` and
    /// `no_prune` are docker's.
    ///
    /// # Errors
    /// There is no such image, or it is in use.
    pub fn remove(
        &self,
        _name: &str,
        _force: bool,
        _used_by: &dyn Fn(&Digest) -> Vec<String>,
    ) -> Result<RemoveReport, StoreError> {
        todo!("image helper")
    }

    /// Removes dangling images (or all unused ones) and collects content nothing refers to.
    ///
    /// # Errors
    /// The host's file system fails.
    pub fn prune(&self, _all: bool, _used: &dyn Fn(&Digest) -> bool) -> Result<PruneReport, StoreError> {
        todo!("image helper")
    }

    /// Makes an image: `config` and `history` over existing layers, by their diff ids (lowest first). Used by build,
    /// commit and import.
    ///
    /// # Errors
    /// A layer is unknown, or the host's file system fails.
    pub fn create(
        &self,
        _config: &ImageConfig,
        _layers: &[Digest],
        _history: &[crate::HistoryEntry],
        _tags: &[Reference],
    ) -> Result<Arc<Image>, StoreError> {
        todo!("image helper")
    }

    /// Takes an uncompressed layer tar from a stranger, verifies its entries, unpacks and keeps it. Returns its diff id.
    ///
    /// # Errors
    /// The tar is malformed or hostile, or a limit is passed.
    pub fn add_layer(&self, _tar: &mut dyn std::io::Read) -> Result<Digest, StoreError> {
        todo!("image helper")
    }

    /// Folder of the unpacked layer with this diff id.
    ///
    /// # Errors
    /// There is none.
    pub fn layer_path(&self, _diff_id: &Digest) -> Result<std::path::PathBuf, StoreError> {
        todo!("image helper")
    }
}
