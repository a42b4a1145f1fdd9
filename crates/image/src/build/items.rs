//! [`Items`]: what a COPY or ADD will write, before it is written: the cache asks for its digest first.

use std::io::{self, Read as _};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::layer::{Attributes, LayerError, LayerWriter};
use crate::{Digest, NodeId, Tree};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// The entries of a layer to be.
#[derive(Debug, Default)]
pub(super) struct Items(Vec<Item>);

#[derive(Debug)]
struct Item {
    path: Vec<u8>,
    attributes: Attributes,
    content: Content,
}

/// What an item is.
#[derive(Debug)]
pub(super) enum Content {
    Folder,
    File(Arc<Tree>, NodeId),
    Bytes(Vec<u8>),
    Link(Vec<u8>),
}

impl Items {
    pub(super) fn push(&mut self, path: &[Vec<u8>], attributes: Attributes, content: Content) {
        self.0.push(Item { path: path.join(&b'/'), attributes, content });
    }

    /// A digest of everything but times.
    pub(super) fn digest(&self) -> io::Result<Digest> {
        let mut hash = Sha256::new();
        for item in &self.0 {
            let Attributes { mode, uid, gid, .. } = item.attributes;
            let (kind, content) = match &item.content {
                Content::Folder => (0_u8, Digest::of(b"")),
                Content::File(tree, node) => (1, file_digest(tree, *node)?),
                Content::Bytes(bytes) => (1, Digest::of(bytes)),
                Content::Link(target) => (2, Digest::of(target)),
            };
            hash.update((item.path.len() as u64).to_le_bytes());
            hash.update(&item.path);
            hash.update([kind]);
            for number in [mode, uid, gid] {
                hash.update(number.to_le_bytes());
            }
            hash.update(content.as_bytes());
        }
        Ok(Digest::from_bytes(hash.finalize().into()))
    }

    /// The layer of these items.
    pub(super) fn layer(self) -> Result<LayerWriter, LayerError> {
        let mut layer = LayerWriter::new();
        for Item { path, attributes, content } in self.0 {
            match content {
                Content::Folder => layer.folder(&path, attributes)?,
                Content::File(tree, node) => layer.node(&path, attributes, tree, node)?,
                Content::Bytes(bytes) => layer.bytes(&path, attributes, bytes)?,
                Content::Link(target) => layer.symlink(&path, attributes, &target)?,
            }
        }
        Ok(layer)
    }
}

fn file_digest(tree: &Tree, node: NodeId) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    let mut reader = tree.reader(node);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(Digest::from_bytes(hash.finalize().into()));
        }
        hash.update(buffer.get(..count).unwrap_or_default());
    }
}
