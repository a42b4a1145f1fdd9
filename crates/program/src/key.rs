//! [`Key`]: the secret of this installation that seals compiled code.
//!
//! It is made once, at the first opening of the cache, and never changes. Removing it is safe: everything is compiled
//! again. It deliberately has no other use, and is never shown.

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::ProgramError;

/// Bytes of a key.
const LENGTH: usize = 32;
/// Permission bits that let others at the key.
const OTHERS: u32 = 0o077;

/// The key of an installation.
#[derive(Clone)]
pub struct Key([u8; LENGTH]);

impl Key {
    /// Reads a key file, and refuses one that others can read or that belongs to another user.
    ///
    /// # Errors
    /// The file is not there, or can't be trusted; the message says what to do.
    pub fn read(path: &Path) -> Result<Self, ProgramError> {
        let untrusted = |reason: String| ProgramError::Key { path: path.to_owned(), reason };
        let mut file = std::fs::OpenOptions::new()
            .read(true)
            .custom_flags(no_follow())
            .open(path)
            .map_err(|source| ProgramError::io(format!("read the key {}", path.display()), source))?;
        let metadata = file.metadata().map_err(|source| ProgramError::io("inspect the key", source))?;
        if !metadata.is_file() {
            return Err(untrusted("it is no regular file: remove it, and a new one is made".to_owned()));
        }
        let user = rustix::process::geteuid().as_raw();
        if metadata.uid() != user {
            let owner = metadata.uid();
            return Err(untrusted(format!(
                "it belongs to user {owner}, not to user {user} who runs Sprat: remove it, or run as its owner"
            )));
        }
        if metadata.mode() & OTHERS != 0 {
            let mode = metadata.mode() & 0o7777;
            return Err(untrusted(format!(
                "others may use it (mode {mode:04o}): remove it (everything is compiled again), or, when nobody read it, \
                 set mode 0600"
            )));
        }
        let mut bytes = Vec::with_capacity(LENGTH + 1);
        Read::by_ref(&mut file)
            .take(LENGTH as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| ProgramError::io("read the key", source))?;
        Self::from_bytes(&bytes)
            .ok_or_else(|| untrusted(format!("it does not have {LENGTH} bytes: remove it, and a new one is made")))
    }

    /// Reads the key file, made first when there is none.
    pub(crate) fn read_or_make(path: &Path) -> Result<Self, ProgramError> {
        if !path.try_exists().unwrap_or(true) {
            make(path).map_err(|source| ProgramError::io(format!("make the key {}", path.display()), source))?;
        }
        Self::read(path)
    }

    /// A key of these bytes, if they have the right number.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes of the file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// Makes the key whole or not at all; when another process made one meanwhile, that one stays.
fn make(path: &Path) -> std::io::Result<()> {
    let mut bytes = [0; LENGTH];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())?;
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(crate::store::TEMPORARY).tempfile_in(folder)?;
    file.write_all(&bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => crate::store::sync_folder(folder),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

/// A link in place of a file of ours is not followed.
pub(crate) fn no_follow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0)
}
