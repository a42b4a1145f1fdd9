//! Laying layers over each other (OCI image specification, "Applying Changesets").

use std::collections::BTreeMap;
use std::fs::File;

use super::{Content, Entry, MAX_TREE_NAME_BYTES, MAX_TREE_NODES, Node, NodeId, NodeKind, Slice, Stored, Tree};
use crate::layer::{Attributes, Body, Index, Record};

/// The tree while layers are laid over it.
pub(super) struct Merged {
    nodes: Vec<Growing>,
    /// Link targets.
    bytes: Vec<u8>,
    /// Bytes of all names so far.
    name_bytes: usize,
}

struct Growing {
    attributes: Attributes,
    content: GrowingContent,
}

enum GrowingContent {
    Folder(BTreeMap<Box<[u8]>, u32>),
    File { layer: u32, offset: u64, size: u64 },
    Link(Slice),
}

const ROOT: u32 = 0;

impl Merged {
    pub(super) fn new() -> Self {
        let root = Growing { attributes: Attributes::FOLDER, content: GrowingContent::Folder(BTreeMap::new()) };
        Self { nodes: vec![root], bytes: Vec::new(), name_bytes: 0 }
    }

    /// Lays one layer over what is there. Its records come folder first, whiteouts before other entries.
    ///
    /// # Errors
    /// The layers are too large together.
    pub(super) fn apply(&mut self, layer: u32, index: &Index<'_>) -> Result<(), String> {
        if self.nodes.len() + index.records.len() > MAX_TREE_NODES {
            return Err(format!("with the layers below it, it has more than {MAX_TREE_NODES} entries"));
        }
        self.name_bytes += index.records.iter().map(|record| record.name.len()).sum::<usize>();
        // Node of each record; whiteouts have none, and nothing refers to them.
        let mut placed: Vec<u32> = Vec::with_capacity(index.records.len());
        for (number, record) in index.records.iter().enumerate() {
            let parent = placed.get(record.parent as usize).copied().unwrap_or(ROOT);
            let node = if number == 0 { ROOT } else { self.place(layer, parent, record, &placed) };
            if let Body::Directory { opaque, implied } = record.body {
                self.settle_folder(node, record.attributes, opaque, implied);
            }
            placed.push(node);
        }
        match self.bytes.len().max(self.name_bytes) > MAX_TREE_NAME_BYTES {
            true => Err(format!("with the layers below it, its names have more than {MAX_TREE_NAME_BYTES} bytes")),
            false => Ok(()),
        }
    }

    fn place(&mut self, layer: u32, parent: u32, record: &Record<'_>, placed: &[u32]) -> u32 {
        let content = match record.body {
            Body::Whiteout => {
                if let Some(children) = self.children_mut(parent) {
                    children.remove(record.name);
                }
                return ROOT;
            }
            Body::HardLink { record: target } => {
                let target = placed.get(target as usize).copied().unwrap_or(ROOT);
                self.name(parent, record.name, target);
                return target;
            }
            Body::Directory { .. } => {
                if let Some(folder) = self.child_folder(parent, record.name) {
                    return folder;
                }
                GrowingContent::Folder(BTreeMap::new())
            }
            Body::File { offset, size } => GrowingContent::File { layer, offset, size },
            Body::Symlink { target } => GrowingContent::Link(push(&mut self.bytes, target)),
        };
        self.nodes.push(Growing { attributes: record.attributes, content });
        let node = (self.nodes.len() - 1) as u32;
        self.name(parent, record.name, node);
        node
    }

    fn settle_folder(&mut self, node: u32, attributes: Attributes, opaque: bool, implied: bool) {
        let Some(node) = self.nodes.get_mut(node as usize) else { return };
        if !implied {
            node.attributes = attributes;
        }
        if let (true, GrowingContent::Folder(children)) = (opaque, &mut node.content) {
            children.clear();
        }
    }

    fn name(&mut self, parent: u32, name: &[u8], node: u32) {
        if let Some(children) = self.children_mut(parent) {
            children.insert(name.into(), node);
        }
    }

    fn children_mut(&mut self, node: u32) -> Option<&mut BTreeMap<Box<[u8]>, u32>> {
        match &mut self.nodes.get_mut(node as usize)?.content {
            GrowingContent::Folder(children) => Some(children),
            _ => None,
        }
    }

    fn child_folder(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let GrowingContent::Folder(children) = &self.nodes.get(parent as usize)?.content else { return None };
        let child = *children.get(name)?;
        let is_folder = matches!(self.nodes.get(child as usize)?.content, GrowingContent::Folder(_));
        is_folder.then_some(child)
    }

    /// The finished tree: what is still reachable, numbered breadth first, so that a folder's entries lie together.
    pub(super) fn finish(self, data: Vec<File>) -> Tree {
        let mut tree = Tree { nodes: Vec::new(), entries: Vec::new(), bytes: Vec::new(), data };
        let mut numbers: Vec<Option<u32>> = vec![None; self.nodes.len()];
        let mut order: Vec<u32> = vec![ROOT];
        if let Some(root) = numbers.first_mut() {
            *root = Some(0);
        }
        let mut next = 0;
        while let Some(growing) = order.get(next).and_then(|node| self.nodes.get(*node as usize)) {
            next += 1;
            let (kind, size, content) = match &growing.content {
                GrowingContent::File { layer, offset, size } => {
                    (NodeKind::File, *size, Content::File { layer: *layer, offset: *offset })
                }
                GrowingContent::Link(target) => {
                    let start = target.start as usize;
                    let target = self.bytes.get(start..start + usize::from(target.len)).unwrap_or_default();
                    (NodeKind::Symlink, target.len() as u64, Content::Link(push(&mut tree.bytes, target)))
                }
                GrowingContent::Folder(children) => {
                    let first = tree.entries.len() as u32;
                    for (name, child) in children {
                        let node = number(&mut numbers, &mut order, *child);
                        tree.entries.push(Entry { name: push(&mut tree.bytes, name), node });
                    }
                    (NodeKind::Directory, 0, Content::Folder { first, count: children.len() as u32 })
                }
            };
            let Attributes { mode, uid, gid, mtime_ns } = growing.attributes;
            tree.nodes.push(Stored { node: Node { kind, mode, uid, gid, size, mtime_ns, nlink: 0 }, content });
        }
        count_names(&mut tree);
        tree.nodes.shrink_to_fit();
        tree.entries.shrink_to_fit();
        tree.bytes.shrink_to_fit();
        tree
    }
}

/// The final number of a node, given at its first name.
fn number(numbers: &mut [Option<u32>], order: &mut Vec<u32>, node: u32) -> NodeId {
    let Some(slot) = numbers.get_mut(node as usize) else { return Tree::ROOT };
    NodeId(*slot.get_or_insert_with(|| {
        order.push(node);
        (order.len() - 1) as u32
    }))
}

fn count_names(tree: &mut Tree) {
    if let Some(root) = tree.nodes.first_mut() {
        root.node.nlink = 1;
    }
    for entry in &tree.entries {
        if let Some(stored) = tree.nodes.get_mut(entry.node.0 as usize) {
            stored.node.nlink += 1;
        }
    }
}

fn push(bytes: &mut Vec<u8>, slice: &[u8]) -> Slice {
    let start = bytes.len() as u32;
    bytes.extend_from_slice(slice);
    Slice { start, len: slice.len() as u16 }
}
