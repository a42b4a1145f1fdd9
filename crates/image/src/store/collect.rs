//! Garbage collection, and tidying up when the store opens.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::paths::digests_in;
use super::{Store, StoreError};
use crate::Digest;

/// How long an interrupted download can be resumed.
const PARTIAL_KEPT: Duration = Duration::from_secs(24 * 3600);

/// What a collection took.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) layers: Vec<Digest>,
    pub(super) bytes: u64,
}

impl Store {
    /// Removes blobs and layers that no image and no lease needs.
    pub(super) fn collect(&self) -> Result<Collected, StoreError> {
        // Nothing can be pinned while this lock is held, and whoever adds an image holds its content until it is in
        // the state: so what neither has now, nobody can be about to use.
        let held = self.pins.lock();
        let needed = {
            let state = self.state.read();
            if state.damaged {
                return Ok(Collected::default());
            }
            self.needed(&state)
        };
        let mut collected = Collected::default();
        for (diff_id, path) in digests_in(&self.paths.layers)? {
            if !needed.contains(&diff_id) && !held.holds(&diff_id) && !held.makes() {
                collected.bytes += size_of(&path);
                std::fs::remove_dir_all(&path).map_err(|error| StoreError::io("remove", &path, error))?;
                collected.layers.push(diff_id);
            }
        }
        for (digest, path) in digests_in(&self.paths.blobs)? {
            if !needed.contains(&digest) && !held.holds(&digest) && !held.makes() {
                collected.bytes += size_of(&path);
                remove(&path)?;
            }
        }
        collected.layers.sort();
        Ok(collected)
    }

    fn needed(&self, state: &super::State) -> HashSet<Digest> {
        let mut needed: HashSet<Digest> = state.images.iter().flat_map(|(id, known)| known.record.needs(id)).collect();
        // A layer's own blob can differ from the one in the image's manifest.
        let layers: HashSet<&Digest> =
            state.images.values().flat_map(|known| &known.record.layers).map(|origin| &origin.diff_id).collect();
        let origins: Vec<Digest> =
            layers.into_iter().filter_map(|id| self.origin(id).ok()).map(|origin| origin.blob).collect();
        needed.extend(origins);
        needed
    }

    /// Removes what an earlier process left half done. Runs before anyone uses the store.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        let failed = |error| StoreError::io("clean", &self.paths.aside, error);
        for entry in std::fs::read_dir(&self.paths.aside).map_err(failed)? {
            remove(&entry.map_err(failed)?.path())?;
        }
        for (digest, path) in digests_in(&self.paths.partial)? {
            let age = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
            let old = age.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > PARTIAL_KEPT);
            if old || self.paths.blob(&digest).exists() {
                remove(&path)?;
            }
        }
        let collected = self.collect()?;
        if collected.bytes > 0 {
            tracing::info!(bytes = collected.bytes, "removed content that no image needs");
        }
        Ok(())
    }

    /// Makes missing layers again from their blobs. What can't be made again is reported, and refused when it is used.
    pub(super) fn restore_layers(&self) {
        let layers: HashSet<Digest> = {
            let state = self.state.read();
            let records = state.images.values().flat_map(|known| &known.record.layers);
            records.map(|origin| origin.diff_id.clone()).collect()
        };
        for diff_id in layers {
            if self.layer_is_sound(&diff_id) {
                continue;
            }
            match self.rebuild_layer(&diff_id) {
                Ok(()) => tracing::warn!(layer = %diff_id, "a damaged layer was unpacked again"),
                Err(error) => {
                    tracing::error!(layer = %diff_id, error = &error as &dyn std::error::Error, "a layer is damaged");
                }
            }
        }
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = match path.is_dir() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path, error)),
        _ => Ok(()),
    }
}

/// Bytes of a file, or of the files of a folder.
fn size_of(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.filter_map(Result::ok).filter_map(|entry| entry.metadata().ok()).map(|m| m.len()).sum(),
        Err(_) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
    }
}
