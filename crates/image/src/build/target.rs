//! Paths within a tree, with the real names that links lead to, whether they exist or not.

use crate::tree::MAX_LINKS_FOLLOWED;
use crate::{NodeId, NodeKind, Tree};

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its real path, without links.
    pub(super) path: Vec<Vec<u8>>,
    /// What is there.
    pub(super) node: Option<NodeId>,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nowhere {
    /// Something on the way is a file.
    NotAFolder,
    /// Links lead in a circle.
    TooManyLinks,
}

impl Nowhere {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::NotAFolder => "a file is in its way",
            Self::TooManyLinks => "too many levels of symbolic links",
        }
    }
}

/// Follows `path` from the root with its links, never out of the tree. Missing names are taken as they are.
pub(super) fn follow(tree: &Tree, path: &[u8]) -> Result<Place, Nowhere> {
    let mut place = Place { path: Vec::new(), node: Some(Tree::ROOT) };
    let mut nodes = vec![Some(Tree::ROOT)];
    let mut parts = reversed(path);
    let mut links = 0;
    while let Some(part) = parts.pop() {
        let at = nodes.last().copied().flatten();
        if at.is_some_and(|node| tree.node(node).kind != NodeKind::Directory) {
            return Err(Nowhere::NotAFolder);
        }
        if part == b".." {
            place.path.pop();
            nodes.truncate(nodes.len().saturating_sub(1).max(1));
            continue;
        }
        let child = at.and_then(|node| tree.child(node, &part));
        match child.filter(|node| tree.node(*node).kind == NodeKind::Symlink) {
            None => {
                place.path.push(part);
                nodes.push(child);
            }
            Some(link) => {
                links += 1;
                if links > MAX_LINKS_FOLLOWED {
                    return Err(Nowhere::TooManyLinks);
                }
                let target = tree.link_target(link);
                if target.starts_with(b"/") {
                    place.path.clear();
                    nodes.truncate(1);
                }
                parts.append(&mut reversed(target));
            }
        }
    }
    place.node = nodes.last().copied().flatten();
    Ok(place)
}

fn reversed(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    let mut parts: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
    parts.reverse();
    parts
}

/// A path's parts as text for people.
pub(super) fn shown(path: &[Vec<u8>]) -> String {
    format!("/{}", String::from_utf8_lossy(&path.join(&b'/')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::layer::{Attributes, DATA_FILE, INDEX_FILE, LayerWriter, unpack};

    /// A tree of these links, with a file `f` and a folder `a/b`.
    fn tree(links: &[(String, String)]) -> Tree {
        let mut layer = LayerWriter::new();
        layer.bytes(b"f", Attributes::FILE, b"x".to_vec()).unwrap();
        for (name, target) in links {
            layer.symlink(name.as_bytes(), Attributes::FILE, target.as_bytes()).unwrap();
        }
        layer.folder(b"a/b", Attributes::FOLDER).unwrap();
        let mut tar = Vec::new();
        layer.write(&mut tar).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut data = std::fs::File::create(folder.path().join(DATA_FILE)).unwrap();
        let index = unpack(&mut tar.as_slice(), &mut data).unwrap();
        std::fs::write(folder.path().join(INDEX_FILE), index).unwrap();
        Tree::open(&[folder.path().to_owned()]).unwrap()
    }

    fn path() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["..", ".", "", "a", "b", "f", "x", "y"]), 0..6)
            .prop_map(|parts| parts.join("/"))
    }

    proptest! {
        #[test]
        fn a_path_leads_to_real_names_within_the_tree(x in path(), y in path(), z in path(), asked in path()) {
            let tree = tree(&[("x".into(), format!("/{x}")), ("a/y".into(), format!("./{y}")), ("a/b/x".into(), format!("./{z}"))]);
            if let Ok(place) = follow(&tree, asked.as_bytes()) {
                prop_assert!(place.path.iter().all(|name| name != b".." && name != b"." && !name.is_empty()));
                let real = place.path.iter().try_fold(Tree::ROOT, |folder, name| tree.child(folder, name));
                prop_assert_eq!(real, place.node);
                prop_assert!(place.node.is_none_or(|node| tree.node(node).kind != NodeKind::Symlink));
            }
        }

        #[test]
        fn what_is_there_is_what_the_tree_itself_finds(x in path(), y in path(), asked in path()) {
            let tree = tree(&[("x".into(), format!("/{x}")), ("a/y".into(), format!("./{y}"))]);
            if let Some(node) = tree.lookup(&asked) {
                prop_assert_eq!(follow(&tree, asked.as_bytes()).map(|place| place.node), Ok(Some(node)));
            }
        }
    }
}
