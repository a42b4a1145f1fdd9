//! [`Context`]: the files that a client sent, in the form of an unpacked layer.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use sprat_context::{IGNORE_FILE, Ignore, MAX_IGNORE_BYTES, clean};
use tempfile::TempDir;

use super::error::{BuildError, chain};
use crate::dockerfile::{Dockerfile, MAX_DOCKERFILE_BYTES};
use crate::layer::{DATA_FILE, INDEX_FILE, Index, decompress, unpack};
use crate::{NodeId, NodeKind, Store, StoreError, Tree};

/// The name that a Dockerfile has if none is given.
const DEFAULT_DOCKERFILE: &str = "Dockerfile";

/// A context's files; they are gone from the disk when it is dropped.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) tree: Arc<Tree>,
    /// What no step may copy.
    pub(super) ignore: Arc<Ignore>,
    pub(super) dockerfile: Dockerfile,
    _folder: TempDir,
}

impl Context {
    /// Reads the tar at `path`. `dockerfile` is as in [`super::BuildOptions`].
    pub(super) fn open(store: &Store, path: &Path, dockerfile: &str) -> Result<Self, BuildError> {
        let folder = tempfile::tempdir_in(&store.paths.aside).map_err(|error| cannot("make room for it", error))?;
        read_tar(path, folder.path())?;
        let tree = Tree::open(&[folder.path().to_owned()]).map_err(|error| BuildError::Context(chain(&error)))?;
        let (name, node) = find_dockerfile(&tree, dockerfile)?;
        let text = text(&tree, node, MAX_DOCKERFILE_BYTES, &name)?;
        let dockerfile = Dockerfile::parse(&text)?;
        let ignore = read_ignore(&tree, &name)?;
        Ok(Self { tree: Arc::new(tree), ignore: Arc::new(ignore), dockerfile, _folder: folder })
    }
}

fn cannot(action: &str, source: std::io::Error) -> BuildError {
    BuildError::Store(StoreError::Io { action: format!("read the build context: cannot {action}"), source })
}

/// Nothing is written but `index` and `data` in `folder`, whatever names the tar has.
fn read_tar(path: &Path, folder: &Path) -> Result<(), BuildError> {
    let file = File::open(path).map_err(|error| cannot("open it", error))?;
    let mut tar = decompress(file).map_err(|error| BuildError::Context(error.to_string()))?;
    let mut data = File::create(folder.join(DATA_FILE)).map_err(|error| cannot("write it", error))?;
    let index = unpack(&mut tar, &mut data).map_err(|error| BuildError::Context(chain(&error)))?;
    let len = Index::decode(&index).map_err(BuildError::Context)?.data_len;
    data.set_len(len)
        .and_then(|()| std::fs::write(folder.join(INDEX_FILE), &index))
        .map_err(|error| cannot("write it", error))
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
        _ => cannot("read it back", error),
    })?;
    String::from_utf8(bytes).map_err(|_| BuildError::Context(format!("{name} is not UTF-8 text")))
}
