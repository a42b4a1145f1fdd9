//! [`Store`]: content by digest, names, and what may be collected.
//!
//! Below its root: `blobs/sha256/` (OCI content), `layers/` (unpacked, by diff id), `images/` and `names/` (one file
//! each), `partial/` (downloads that can be resumed), `tmp/` (what is being written) and `version`. Content comes to
//! its place by a rename after a sync, blobs first and names last, so that a kill at any moment leaves at most content
//! that nobody refers to; the next opening collects it.
//!
//! One process at a time writes; it keeps all images in memory, so looking one up costs no system call. Unpacked layers
//! are checked when an image comes in and by [`Store::tree`]; a damaged one is made again from its blob.
//!
//! It does not know containers: who removes an image says what uses it.

mod assemble;
mod blobs;
mod collect;
mod create;
mod durable;
mod error;
mod layers;
mod paths;
mod pins;
mod remove;
mod resolve;
mod state;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};

use crate::layer::{LayerWriter, Owner, from_upper};
use crate::{Digest, Image, Reference, Tree};
use layers::Keep;
use pins::Pins;
use state::{Name, State};

pub(crate) use blobs::{adopt, copy_in, hash, open_verified, put, read as read_blob};
pub use error::StoreError;
pub(crate) use paths::Paths;
pub use pins::Lease;
pub use remove::{ImageUse, PruneReport, RemoveReport};

/// The content store of one installation. All methods block on the file system; call them off the async threads when
/// they move much data. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) paths: Arc<Paths>,
    pub(crate) pins: Arc<Pins>,
    state: Arc<RwLock<State>>,
    /// Held while images and names change, on disk and in memory.
    changing: Arc<Mutex<()>>,
    /// Held while a layer comes to its place.
    placing: Arc<Mutex<()>>,
    /// Layers whose data was read and found as it was unpacked.
    verified: Arc<Mutex<HashSet<Digest>>>,
}

impl Store {
    /// Opens or makes the store below `root`. What an earlier process left half done is swept away.
    ///
    /// # Errors
    /// The folder can't be made or read, or its format is of a newer Sprat.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let paths = Paths::open(root)?;
        let state = State::read(&paths)?;
        let store = Self {
            paths: Arc::new(paths),
            pins: Arc::default(),
            state: Arc::new(RwLock::new(state)),
            changing: Arc::default(),
            placing: Arc::default(),
            verified: Arc::default(),
        };
        store.sweep()?;
        store.restore_layers();
        Ok(store)
    }

    /// All images, newest first.
    ///
    /// # Errors
    /// The host's file system fails.
    pub fn images(&self) -> Result<Vec<Arc<Image>>, StoreError> {
        let mut images: Vec<_> = self.state.read().images.values().map(|known| Arc::clone(&known.image)).collect();
        images.sort_by(|left, right| right.created.cmp(&left.created).then_with(|| left.id.cmp(&right.id)));
        Ok(images)
    }

    /// Gives an image another name.
    ///
    /// # Errors
    /// There is no such image.
    pub fn tag(&self, image: &str, name: &Reference) -> Result<(), StoreError> {
        if name.digest().is_some() {
            return Err(StoreError::invalid("tag", "refusing to create a tag with a digest reference"));
        }
        let _changing = self.changing.lock();
        let id = self.resolve(image)?.id.clone();
        self.put_name(name.clone().or_latest(), id)
    }

    /// Takes an uncompressed layer tar from a stranger, verifies its entries, unpacks and keeps it. Returns its diff id.
    ///
    /// Until an image uses it, it is kept for an hour, or as long as a [`Store::hold_new_layers`] lives.
    ///
    /// # Errors
    /// The tar is malformed or hostile, or a limit is passed.
    pub fn add_layer(&self, tar: &mut dyn std::io::Read) -> Result<Digest, StoreError> {
        // What the collector could take between unpacking and noting.
        let _hold = self.hold_new_layers();
        let origin = self.unpack(tar, None, Keep::Compressed)?;
        self.pins.fresh(&[&origin.diff_id, &origin.blob]);
        Ok(origin.diff_id)
    }

    /// Keeps a layer made of these entries, as [`Store::add_layer`] does.
    ///
    /// # Errors
    /// A source can't be read, or a limit is passed.
    pub fn write_layer(&self, layer: &LayerWriter) -> Result<Digest, StoreError> {
        self.add_layer(&mut self.spool(|to| layer.write(to))?)
    }

    /// Keeps a layer of what a sandbox wrote, as [`Store::add_layer`] does: for commit and RUN. See
    /// [`crate::layer::from_upper`].
    ///
    /// # Errors
    /// The folder can't be read, or a limit is passed.
    pub fn add_upper(&self, upper: &Path, lower: &Tree, owner: Owner) -> Result<Digest, StoreError> {
        self.add_layer(&mut self.spool(|to| from_upper(upper, lower, owner, to))?)
    }

    /// Keeps all new layers from the garbage collector while it lives: for builds.
    #[must_use]
    pub fn hold_new_layers(&self) -> Lease {
        self.pins.lease_fresh()
    }

    /// Folder of the unpacked layer with this diff id. A damaged one is made again.
    ///
    /// # Errors
    /// There is none.
    pub fn layer_path(&self, diff_id: &Digest) -> Result<std::path::PathBuf, StoreError> {
        if !self.layer_is_verified(diff_id) {
            self.rebuild_layer(diff_id)?;
        }
        Ok(self.paths.layer(diff_id))
    }

    /// The merged files of an image. Damaged layers are made again from their blobs.
    ///
    /// # Errors
    /// A layer is damaged and can't be made again.
    pub fn tree(&self, image: &Image) -> Result<Tree, StoreError> {
        let paths: Vec<_> = image.layers.iter().map(|layer| layer.path.clone()).collect();
        let verified = {
            let verified = self.verified.lock();
            image.layers.iter().all(|layer| verified.contains(&layer.diff_id))
        };
        if verified && let Ok(tree) = Tree::open(&paths) {
            return Ok(tree);
        }
        for layer in &image.layers {
            self.layer_path(&layer.diff_id)?;
        }
        Tree::open(&paths).map_err(|error| StoreError::invalid(format!("image {}", image.id.short()), error))
    }

    /// Gives an image a name of any kind, if it is still there.
    pub(crate) fn add_name(&self, name: Reference, image: &Digest) -> Result<(), StoreError> {
        let _changing = self.changing.lock();
        let known = self.state.read().images.contains_key(image);
        if known { self.put_name(name, image.clone()) } else { Ok(()) }
    }

    /// Takes back images that were added without a name and got none since.
    pub(crate) fn forget(&self, images: &[Digest]) -> Result<(), StoreError> {
        let _changing = self.changing.lock();
        for id in images {
            if self.state.read().names_of(id).is_empty() {
                self.delete(id)?;
            }
        }
        Ok(())
    }

    /// Writes a name, which must be tagged or have a digest. The caller holds `changing`.
    fn put_name(&self, name: Reference, image: Digest) -> Result<(), StoreError> {
        let name = Name { name, image, given: Some(Timestamp::now()) };
        state::write_json(&self.paths, &self.paths.name(&name.name), &name)?;
        self.state.write().set_name(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
