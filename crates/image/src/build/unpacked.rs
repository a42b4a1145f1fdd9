//! [`Unpacked`]: a tar that is looked into for a while, in the form of an unpacked layer.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::Tree;
use crate::layer::{DATA_FILE, INDEX_FILE, Index, LayerError, decompress, unpack};

/// The files of a tar; they are gone from the disk when it is dropped.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) tree: Arc<Tree>,
    _folder: TempDir,
}

impl Unpacked {
    /// Reads a tar, whatever its compression. Nothing is written but two files in a new folder below `aside`, whatever
    /// names the tar has. What fails there is [`LayerError::Write`].
    pub(super) fn read(from: impl Read, aside: &Path) -> Result<Self, LayerError> {
        let folder = tempfile::tempdir_in(aside).map_err(LayerError::Write)?;
        let mut tar = decompress(from).map_err(LayerError::Read)?;
        let mut data = File::create(folder.path().join(DATA_FILE)).map_err(LayerError::Write)?;
        let index = unpack(&mut tar, &mut data)?;
        let broken = |reason: String| LayerError::Write(io::Error::other(reason));
        let len = Index::decode(&index).map_err(broken)?.data_len;
        data.set_len(len)
            .and_then(|()| std::fs::write(folder.path().join(INDEX_FILE), &index))
            .map_err(LayerError::Write)?;
        let tree = Tree::open(&[folder.path().to_owned()]).map_err(|error| broken(error.to_string()))?;
        Ok(Self { tree: Arc::new(tree), _folder: folder })
    }
}
