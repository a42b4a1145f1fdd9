//! Images in answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lenient::null_default;

/// One image of the list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageSummary {
    /// Its id.
    pub id: String,
    /// Not used.
    pub parent_id: String,
    /// Its names with tags.
    #[serde(deserialize_with = "null_default")]
    pub repo_tags: Vec<String>,
    /// Its names with digests.
    #[serde(deserialize_with = "null_default")]
    pub repo_digests: Vec<String>,
    /// Seconds since 1970.
    pub created: i64,
    /// Bytes.
    pub size: u64,
    /// Bytes, again; only before version 1.44.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_size: Option<u64>,
    /// Not counted: -1.
    pub shared_size: i64,
    /// Labels.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
    /// Containers made of it; -1: not counted.
    pub containers: i64,
}

/// An image in full.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageInspect {
    /// Its id.
    pub id: String,
    /// Its names with tags.
    #[serde(deserialize_with = "null_default")]
    pub repo_tags: Vec<String>,
    /// Its names with digests.
    #[serde(deserialize_with = "null_default")]
    pub repo_digests: Vec<String>,
    /// Not used.
    pub parent: String,
    /// Comment of its newest step.
    pub comment: String,
    /// When it was made.
    pub created: String,
    /// Not used; only before version 1.45.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The configuration again. Docker dropped it with 1.45; Compose 1, which speaks whatever version the daemon has, reads
    /// its volumes and fails without it.
    pub container_config: Value,
    /// Not used.
    pub docker_version: String,
    /// Who made it.
    pub author: String,
    /// How to run it.
    pub config: Value,
    /// Its architecture.
    pub architecture: String,
    /// Its operating system.
    pub os: String,
    /// Bytes.
    pub size: u64,
    /// Bytes, again; only before version 1.44.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_size: Option<u64>,
    /// Storage.
    pub graph_driver: Value,
    /// Its layers.
    #[serde(rename = "RootFS")]
    pub root_fs: RootFs,
    /// Local facts.
    pub metadata: Value,
}

/// An image's layers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RootFs {
    /// `layers`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Digests of the uncompressed layers.
    pub layers: Vec<String>,
}

/// One step of an image's history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HistoryItem {
    /// The image's id for the newest step, `<missing>` for others.
    pub id: String,
    /// Seconds since 1970.
    pub created: i64,
    /// What the step was.
    pub created_by: String,
    /// Names of the image, for the newest step.
    pub tags: Option<Vec<String>>,
    /// Bytes of its layer.
    pub size: u64,
    /// Free text.
    pub comment: String,
}

/// One line of what a removal did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageDelete {
    /// A name is gone.
    Untagged(String),
    /// An image or layer is gone.
    Deleted(String),
}

/// What a prune did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImagePrune {
    /// What is gone.
    pub images_deleted: Option<Vec<ImageDelete>>,
    /// Bytes freed.
    pub space_reclaimed: u64,
}
