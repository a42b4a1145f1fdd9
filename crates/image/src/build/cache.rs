//! [`Cache`]: what steps gave the last time.
//!
//! A record is found by the state before the step, the instruction, and the content it copies; times of files do not
//! count. It is used only while its layer is in the store, and the records used least recently go first. A record is a
//! file that appears by a rename; one that can't be read is a miss.

use std::fs::{File, FileTimes};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Digest, Store, StoreError};

/// Most steps that are remembered.
pub const MAX_CACHE_RECORDS: usize = 10_000;
/// How many are left when there were too many.
const KEPT_RECORDS: usize = MAX_CACHE_RECORDS / 4 * 3;
/// Below the store's root.
const FOLDER: &str = "build-cache";
/// Version of the keys: another one finds nothing of this one.
const KEY_VERSION: &str = "sprat build 1";

/// What a step gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its layer, if it made one.
    pub(super) layer: Option<Digest>,
    /// When it ran.
    pub(super) created: Timestamp,
}

/// The records of one store.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    folder: PathBuf,
    aside: PathBuf,
    /// False with `--no-cache`: steps are noted, not looked up.
    reads: bool,
}

/// Hashes texts so that their borders count.
pub(super) fn key(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in [KEY_VERSION.as_bytes()].iter().chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Digest::from_bytes(hash.finalize().into())
}

impl Cache {
    pub(super) fn open(store: &Store, reads: bool) -> Result<Self, StoreError> {
        let folder = store.paths.root.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|error| StoreError::io("make the folder", &folder, error))?;
        let cache = Self { folder, aside: store.paths.aside.clone(), reads };
        cache.trim(MAX_CACHE_RECORDS, KEPT_RECORDS);
        Ok(cache)
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.folder.join(key.hex())
    }

    /// What the step gave, if its layer is still there.
    pub(super) fn find(&self, store: &Store, key: &Digest) -> Option<Record> {
        if !self.reads {
            return None;
        }
        let path = self.path(key);
        let record: Record = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
        if record.layer.as_ref().is_some_and(|layer| store.layer_path(layer).is_err()) {
            return None;
        }
        let used = FileTimes::new().set_modified(SystemTime::now());
        // If the time can't be noted, the record goes earlier than it should: no harm.
        let _ = File::options().write(true).open(&path).and_then(|file| file.set_times(used));
        Some(record)
    }

    /// Notes what a step gave.
    pub(super) fn put(&self, key: &Digest, record: &Record) -> Result<(), StoreError> {
        let path = self.path(key);
        let failed = |error| StoreError::io("write", &path, error);
        let mut file = tempfile::NamedTempFile::new_in(&self.aside).map_err(failed)?;
        serde_json::to_writer(&mut file, record).map_err(|error| failed(error.into()))?;
        file.flush().map_err(failed)?;
        file.persist(&path).map(drop).map_err(|error| failed(error.error))
    }

    /// Removes the oldest records if there are more than `most`. Those that can't be removed stay.
    fn trim(&self, most: usize, keep: usize) {
        let Ok(listing) = std::fs::read_dir(&self.folder) else { return };
        let entry = |entry: std::fs::DirEntry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()));
        let mut records: Vec<_> = listing.flatten().filter_map(entry).collect();
        if records.len() <= most {
            return;
        }
        records.sort();
        let surplus = records.len().saturating_sub(keep);
        for (_, path) in records.iter().take(surplus) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Forgets all steps, as `docker builder prune` does. The layers stay until the store collects them. Returns how many
/// steps were known.
///
/// # Errors
/// The host's file system fails.
pub fn clear_cache(store: &Store) -> Result<usize, StoreError> {
    let folder = store.paths.root.join(FOLDER);
    let failed = |error| StoreError::io("clear", &folder, error);
    let listing = match std::fs::read_dir(&folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(failed(error)),
    };
    let mut count = 0;
    for entry in listing {
        std::fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(folder: &std::path::Path) -> Cache {
        Cache { folder: folder.to_owned(), aside: folder.to_owned(), reads: true }
    }

    #[test]
    fn borders_of_parts_count() {
        assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
        assert_ne!(key(&[b"a"]), key(&[b"a", b""]));
        assert_eq!(key(&[b"a"]), key(&[b"a"]));
    }

    #[test]
    fn the_oldest_records_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        for number in 0..6_u64 {
            let key = key(&[&number.to_le_bytes()]);
            cache.put(&key, &Record { layer: None, created: Timestamp::UNIX_EPOCH }).unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number);
            let file = File::options().write(true).open(cache.path(&key)).unwrap();
            file.set_times(FileTimes::new().set_modified(time)).unwrap();
        }
        cache.trim(6, 2);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 6);
        cache.trim(5, 2);
        let left = |number: u64| cache.path(&key(&[&number.to_le_bytes()])).exists();
        assert_eq!((0..6).map(left).collect::<Vec<_>>(), [false, false, false, false, true, true]);
    }
}
