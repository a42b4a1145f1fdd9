//! Images: references, digests, the content store, registries, Dockerfile builds, and tar in and out.
//!
//! Bytes enter here from strangers and leave as verified [`Image`]s whose files are read through a [`Tree`].
//! This room knows nothing of wasm engines, HTTP serving or containers.

pub mod archive;
pub mod build;
mod config;
mod digest;
pub mod dockerfile;
mod image;
pub mod layer;
mod manifest;
mod progress;
mod reference;
pub mod registry;
mod store;
mod tree;

pub use config::{Healthcheck, ImageConfig};
pub use digest::{Digest, DigestError};
pub use image::{HistoryEntry, Image, Layer};
pub use manifest::{MAX_CONFIG_BYTES, MAX_INDEX_ENTRIES, MAX_LAYERS, MAX_MANIFEST_BYTES, check as check_manifest};
pub use progress::{Progress, ProgressSink};
pub use reference::{Reference, ReferenceError};
pub use store::{ImageUse, Lease, PruneReport, RemoveReport, Store, StoreError};
pub use tree::{MAX_LINKS_FOLLOWED, MAX_TREE_NAME_BYTES, MAX_TREE_NODES, Node, NodeId, NodeKind, Tree, TreeError};
