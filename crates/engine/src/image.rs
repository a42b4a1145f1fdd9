//! Requests about images that need more than a name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sprat_image::build::BuildOptions;
use sprat_image::registry::Credentials;

/// Asks for a build.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The context: a tar (plain, gzip, zstd) in a file, which the engine removes at the end.
    pub context: PathBuf,
    /// What and how.
    pub options: BuildOptions,
    /// Credentials by registry host, for base images.
    pub credentials: BTreeMap<String, Credentials>,
}

/// Asks for an image of a container.
#[derive(Debug, Clone, Default)]
pub struct CommitRequest {
    /// The container.
    pub container: String,
    /// Name of the image, if any.
    pub tag: Option<sprat_image::Reference>,
    /// `--message`.
    pub message: String,
    /// `--author`.
    pub author: String,
    /// Over the container's configuration, field by field.
    pub config: Option<sprat_image::ImageConfig>,
    /// Dockerfile lines.
    pub changes: Vec<String>,
    /// The container is held meanwhile, if it runs.
    pub pause: bool,
}
