//! Manifests and indexes from a registry.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = sprat_image::check_manifest(bytes);
});
