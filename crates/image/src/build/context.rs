//! [`Context`]: the files that a client sent, in the form of an unpacked layer.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::error::{BuildError, chain};
use super::unpacked::Unpacked;
use crate::dockerfile::{Dockerfile, MAX_DOCKERFILE_BYTES};
use crate::layer::LayerError;
use crate::{NodeId, NodeKind, Store, StoreError, Tree};
use sprat_context::{IGNORE_FILE, Ignore, MAX_IGNORE_BYTES, clean};

/// The name that a Dockerfile has if none is given.
const DEFAULT_DOCKERFILE: &str = "Dockerfile";

/// A context's files, what may be copied of them, and its Dockerfile.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) files: Unpacked,
    /// What no step may copy.
    pub(super) ignore: Arc<Ignore>,
    pub(super) dockerfile: Dockerfile,
}

impl Context {
    /// Reads the tar at `path`. `dockerfile` is as in [`super::BuildOptions`].
    pub(super) fn open(store: &Store, path: &Path, dockerfile: &str) -> Result<Self, BuildError> {
        let aside = &store.paths.aside;
        let file = File::open(path).map_err(|error| StoreError::io("open the build context", path, error))?;
        let files = Unpacked::read(file, aside).map_err(|error| match error {
            failed @ LayerError::Write(_) => BuildError::Store(StoreError::layer("build context", aside, failed)),
            refused => BuildError::Context(chain(&refused)),
        })?;
        let tree = &files.tree;
        let (name, node) = find_dockerfile(tree, dockerfile)?;
        let text = text(tree, node, MAX_DOCKERFILE_BYTES, &name)?;
        let dockerfile = Dockerfile::parse(&text)?;
        let ignore = read_ignore(tree, &name)?;
        Ok(Self { files, ignore: Arc::new(ignore), dockerfile })
    }
}

/// As docker does, a lone `dockerfile` stands in for the default name.
fn find_dockerfile(tree: &Tree, wanted: &str) -> Result<(String, NodeId), BuildError> {
    let name = clean(if wanted.is_empty() { DEFAULT_DOCKERFILE } else { wanted.trim_start_matches('/') });
    if name == ".." || name.starts_with("../") {
        return Err(BuildError::Context(format!("the Dockerfile ({wanted}) must be within the build context")));
    }
    let lower = (name == DEFAULT_DOCKERFILE).then(|| name.to_lowercase());
    for name in [Some(name.clone()), lower].into_iter().flatten() {
        if let Some(node) = tree.lookup(&name).filter(|node| tree.node(*node).kind == NodeKind::File) {
            return Ok((name, node));
        }
    }
    Err(BuildError::Context(format!("Cannot locate specified Dockerfile: {name}")))
}

fn read_ignore(tree: &Tree, dockerfile: &str) -> Result<Ignore, BuildError> {
    for name in [format!("{dockerfile}{IGNORE_FILE}"), IGNORE_FILE.to_owned()] {
        if let Some(node) = tree.lookup(&name).filter(|node| tree.node(*node).kind == NodeKind::File) {
            let text = text(tree, node, MAX_IGNORE_BYTES, &name)?;
            return Ignore::parse(&text).map_err(|error| BuildError::Context(error.to_string()));
        }
    }
    Ok(Ignore::default())
}

fn text(tree: &Tree, node: NodeId, limit: usize, name: &str) -> Result<String, BuildError> {
    let bytes = tree.read(node, limit as u64).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => BuildError::Context(format!("{name} is larger than {limit} bytes")),
        _ => BuildError::Store(StoreError::Io { action: format!("read {name} of the build context"), source: error }),
    })?;
    String::from_utf8(bytes).map_err(|_| BuildError::Context(format!("{name} is not UTF-8 text")))
}
