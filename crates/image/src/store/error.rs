//! [`StoreError`].

use std::io::ErrorKind;
use std::path::Path;

use crate::Digest;
use crate::layer::{LayerError, MAX_TAR_BYTES};

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
    #[error("conflict: unable to delete {name} {why}")]
    InUse {
        /// The image as the caller named it.
        name: String,
        /// Whether force would help, and what uses it: `(must be forced) - image is …`.
        why: String,
    },
    /// A container uses the image whose last name is to be removed.
    #[error(
        "conflict: unable to remove repository reference {name:?} (must force) - container {container} is using its \
         referenced image {image}"
    )]
    NameInUse {
        /// The name as the caller gave it.
        name: String,
        /// The container, short.
        container: String,
        /// The image's short id.
        image: String,
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
    /// The registry does not take the user and password of a login.
    #[error("login to {registry} failed: unauthorized: incorrect username or password{reason}")]
    LoginRefused {
        /// The registry's host.
        registry: String,
        /// A colon and what the registry said, or nothing.
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
        match self {
            Self::NotFound(_) => "image_not_found",
            Self::Ambiguous(_) => "image_ambiguous",
            Self::Reference(_) => "invalid_reference",
            Self::InUse { .. } | Self::NameInUse { .. } => "image_in_use",
            Self::DigestMismatch { .. } => "digest_mismatch",
            Self::Invalid { .. } => "invalid_content",
            Self::TooLarge { .. } => "too_large",
            Self::NoWasmPlatform { .. } => "no_wasm_platform",
            Self::Denied { .. } => "registry_denied",
            Self::LoginRefused { .. } => "login_refused",
            Self::NotInRegistry(_) => "not_in_registry",
            Self::Registry { .. } => "registry_failed",
            Self::DiskFull(_) => "disk_full",
            Self::Io { .. } => "io",
        }
    }

    pub(crate) fn invalid(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Invalid { what: what.into(), reason: reason.to_string() }
    }

    /// An error of the host's file system at `place`.
    pub(crate) fn io(action: impl Into<String>, place: &Path, source: std::io::Error) -> Self {
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull(place.to_owned()),
            _ => Self::Io { action: format!("{} {}", action.into(), place.display()), source },
        }
    }

    /// A layer that was refused; `place` is where it was being unpacked.
    pub(crate) fn layer(what: impl Into<String>, place: &Path, error: LayerError) -> Self {
        let what = what.into();
        match error {
            LayerError::Read(source) if source.kind() == ErrorKind::FileTooLarge => {
                Self::TooLarge { what, limit: MAX_TAR_BYTES }
            }
            LayerError::Read(source) if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                Self::DiskFull(place.to_owned())
            }
            LayerError::Write(source) => Self::io("write a layer in", place, source),
            LayerError::Read(source) => Self::Invalid { what, reason: source.to_string() },
            LayerError::Limit { what: unit, limit } if unit.starts_with("bytes in the files") => {
                Self::TooLarge { what, limit }
            }
            refused => Self::Invalid { what, reason: refused.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Seek, SeekFrom, Write};

    use super::*;

    struct FullDisk;

    impl Write for FullDisk {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for FullDisk {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }

    #[test]
    fn a_full_disk_is_told_apart_from_a_bad_layer() {
        let mut layer = crate::layer::LayerWriter::new();
        layer.bytes(b"f", crate::layer::Attributes::FILE, vec![1; 10]).expect("a name");
        let mut tar = Vec::new();
        layer.write(&mut tar).expect("memory");
        let error = crate::layer::unpack(&mut tar.as_slice(), &mut FullDisk).expect_err("full");
        let error = StoreError::layer("layer", Path::new("/store"), error);
        assert!(matches!(error, StoreError::DiskFull(_)), "{error}");
        assert_eq!(error.code(), "disk_full");
        let quota = StoreError::io("write", Path::new("/store"), ErrorKind::QuotaExceeded.into());
        assert_eq!(quota.code(), "disk_full");
    }
}
