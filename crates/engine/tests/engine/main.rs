//! Containers in real, confined workers: this test program, started anew as worker and compiler.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "what goes wrong here fails a test")]

mod exec;
mod files;
mod images;
mod life;
mod mounted;
mod networks;
mod races;
mod recovery;
#[path = "../../../worker/tests/roles/mod.rs"]
mod roles;
mod silence;
mod world;
