//! Removing from the cache: what nobody used for long, and what a killed process left unfinished.
//!
//! Code that a worker has mapped stays usable after its file is removed.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::ProgramError;
use crate::cache::{CODE_SUFFIX, Inner};
use crate::seal::seal_path;
use crate::store::TEMPORARY;

/// Unfinished files, and code without a seal, older than this belong to nobody.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

impl Inner {
    /// Removes entries that were not used since `before`; returns the bytes freed.
    pub(crate) fn remove_unused(&self, before: SystemTime) -> Result<u64, ProgramError> {
        self.remove_if(|path| {
            let seal = seal_path(path);
            let Ok(used) = modified(&seal) else { return Ok(0) };
            if !is_code(path) || used > before || !self.entries.forget(path, before) {
                return Ok(0);
            }
            // Without its seal code is nothing: the seal goes first.
            Ok(remove(&seal)? + remove(path)?)
        })
    }

    /// Removes what was never finished; returns the bytes freed.
    pub(crate) fn remove_abandoned(&self, now: SystemTime) -> Result<u64, ProgramError> {
        self.remove_if(|path| {
            let unfinished = file_name(path).starts_with(TEMPORARY) || (is_code(path) && !seal_path(path).exists());
            let old = modified(path).is_ok_and(|made| now.duration_since(made).is_ok_and(|age| age > ABANDONED));
            if unfinished && old { remove(path) } else { Ok(0) }
        })
    }

    fn remove_if(&self, decide: impl Fn(&Path) -> std::io::Result<u64>) -> Result<u64, ProgramError> {
        let failed = |source| ProgramError::io(format!("clear the cache {}", self.folder.display()), source);
        let mut freed = 0_u64;
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            freed = freed.saturating_add(decide(&entry.map_err(failed)?.path()).map_err(failed)?);
        }
        Ok(freed)
    }
}

fn is_code(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == CODE_SUFFIX)
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn modified(path: &Path) -> std::io::Result<SystemTime> {
    std::fs::symlink_metadata(path)?.modified()
}

/// Removes a file; one that is gone already freed nothing.
fn remove(path: &Path) -> std::io::Result<u64> {
    let gone = |error: std::io::Error| if error.kind() == std::io::ErrorKind::NotFound { Ok(0) } else { Err(error) };
    let bytes = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) => return gone(error),
    };
    std::fs::remove_file(path).map(|()| bytes).or_else(gone)
}
