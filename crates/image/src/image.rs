//! [`Image`]: a verified image whose layers are unpacked.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Digest, ImageConfig, Reference};

/// An image of the store. Plain data: it stays valid as long as a [`crate::Lease`] holds it.
#[derive(Debug, Clone)]
pub struct Image {
    /// The digest of its configuration, docker's image id.
    pub id: Digest,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Names with tags that point to it, sorted.
    pub tags: Vec<Reference>,
    /// `repository@digest` names it was pulled or pushed under, sorted.
    pub repo_digests: Vec<Reference>,
    /// When it last got a name here.
    pub tagged: Option<Timestamp>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Who made it.
    pub author: String,
    /// The platform's architecture: `wasm` or `wasm32` for what Sprat runs.
    pub architecture: String,
    /// The platform's operating system: `wasi`, `wasip1`, `wasip2`, `linux` …
    pub os: String,
    /// How to run it. For artifacts without such a configuration the store makes one up whose entry point is the
    /// wasm file.
    pub config: ImageConfig,
    /// Its layers, lowest first.
    pub layers: Vec<Layer>,
    /// How it came to be, oldest first.
    pub history: Vec<HistoryEntry>,
    /// Bytes of all unpacked layers.
    pub size: u64,
}

/// One unpacked layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Digest of the uncompressed tar.
    pub diff_id: Digest,
    /// Digest of the blob as pulled or pushed.
    pub blob: Digest,
    /// Folder of the unpacked layer, to be given to [`crate::Tree::open`].
    pub path: PathBuf,
    /// Bytes of its files.
    pub size: u64,
}

/// One line of `docker history`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When the step ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// What the step was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Who ran it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// True when the step made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}
