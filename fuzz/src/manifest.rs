//! Manifests and indexes from a registry.

use sprat_image::{MAX_INDEX_ENTRIES, MAX_MANIFEST_BYTES, check_manifest};

/// What is accepted is within the limits.
///
/// # Panics
/// It is not.
pub fn check(bytes: &[u8]) {
    if let Ok(entries) = check_manifest(bytes) {
        assert!(entries <= MAX_INDEX_ENTRIES);
        assert!(bytes.len() as u64 <= MAX_MANIFEST_BYTES);
    }
}
