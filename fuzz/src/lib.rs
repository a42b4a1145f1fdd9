//! What the fuzz targets check, as plain functions.

pub mod api;
pub mod compose;
pub mod dockerfile;
pub mod dockerignore;
pub mod layer;
pub mod manifest;
pub mod reference;
pub mod seeds;
#[cfg(feature = "wasm")]
pub mod wasm;

#[cfg(fuzzing)]
pub use libfuzzer_sys;

/// The body of a fuzz target. Built by cargo-fuzz it is fuzzed; built otherwise it runs the files that it is given once.
#[macro_export]
macro_rules! target {
    ($check:path) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $check(bytes));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            std::env::args_os().skip(1).try_for_each(|path| Ok($check(&std::fs::read(path)?)))
        }
    };
}

/// The targets, by name.
pub const TARGETS: [&str; 8] =
    ["api", "compose", "dockerfile", "dockerignore", "layer", "manifest", "reference", "wasm"];
