//! [`Entries`]: the entries of a cache that were found in this process, so that looking one up reads no file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::{Description, Variant};

/// A file's time of last use is renewed when it is older than this.
const RENEW_USE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Default)]
pub(crate) struct Entries {
    known: Mutex<HashMap<String, Known>>,
    /// SHA-256 of texts, with that of the binary each became.
    texts: Mutex<HashMap<String, String>>,
}

#[derive(Debug)]
struct Known {
    description: Arc<Description>,
    artifacts: Vec<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    variant: Variant,
    path: PathBuf,
    used: SystemTime,
    /// When the file's time was last renewed.
    renewed: SystemTime,
}

/// An entry that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// The file's time of last use should be renewed.
    pub(crate) renew: bool,
}

impl Entries {
    pub(crate) fn description(&self, sha256: &str) -> Option<Arc<Description>> {
        self.known.lock().get(sha256).map(|known| Arc::clone(&known.description))
    }

    /// Finds code and notes its use.
    pub(crate) fn find(&self, sha256: &str, variant: Variant, now: SystemTime) -> Option<Found> {
        let mut known = self.known.lock();
        let compiled = known.get_mut(sha256)?.artifacts.iter_mut().find(|it| it.variant == variant)?;
        compiled.used = now;
        let renew = now.duration_since(compiled.renewed).is_ok_and(|age| age > RENEW_USE);
        if renew {
            compiled.renewed = now;
        }
        Some(Found { path: compiled.path.clone(), renew })
    }

    pub(crate) fn insert(&self, description: &Arc<Description>, variant: Variant, path: PathBuf, renewed: SystemTime) {
        let mut known = self.known.lock();
        let entry = known
            .entry(description.sha256.clone())
            .or_insert_with(|| Known { description: Arc::clone(description), artifacts: Vec::new() });
        entry.artifacts.retain(|it| it.variant != variant);
        entry.artifacts.push(Compiled { variant, path, used: renewed, renewed });
    }

    /// Forgets the code in this file, unless it was used after `before`. Tells whether it may be removed.
    pub(crate) fn forget(&self, path: &std::path::Path, before: SystemTime) -> bool {
        let mut known = self.known.lock();
        let in_use = known.values().flat_map(|it| &it.artifacts).any(|it| it.path == path && it.used > before);
        if !in_use {
            for entry in known.values_mut() {
                entry.artifacts.retain(|it| it.path != path);
            }
            known.retain(|_, entry| !entry.artifacts.is_empty());
        }
        !in_use
    }

    pub(crate) fn note_text(&self, text: String, binary: String) {
        self.texts.lock().insert(text, binary);
    }

    /// The SHA-256 of the binary, where this is that of a text.
    pub(crate) fn binary_of(&self, sha256: &str) -> Option<String> {
        self.texts.lock().get(sha256).cloned()
    }
}
