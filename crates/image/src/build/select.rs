//! Which files a source of COPY or ADD names.

use std::sync::Arc;

use sprat_context::{Ignore, Pattern, clean};

use super::error::StepError;
use super::target::{Place, follow};
use crate::{NodeId, NodeKind, Tree};

/// Files to copy from.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) tree: Arc<Tree>,
    /// What of them counts as missing; `None` for stages and images.
    pub(super) ignore: Option<Arc<Ignore>>,
    /// The working folder of the stage or image, where its programs may have made what they call by an absolute path.
    pub(super) working_dir: String,
}

/// One file or folder that a source names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) node: NodeId,
    /// Its real path.
    pub(super) path: Vec<Vec<u8>>,
    /// Its name as the source has it: that of a link, not of what it leads to.
    pub(super) name: Vec<u8>,
}

impl Files {
    /// Whether a step may see the node: what `.dockerignore` excludes is not there, but a folder is if an exception
    /// keeps something in it.
    pub(super) fn sees(&self, path: &[Vec<u8>], node: NodeId) -> bool {
        let Some(ignore) = self.ignore.as_ref().filter(|ignore| !ignore.is_empty() && !path.is_empty()) else {
            return true;
        };
        let text = String::from_utf8_lossy(&path.join(&b'/')).into_owned();
        if !ignore.excludes(&text) {
            return true;
        }
        let is_folder = self.tree.node(node).kind == NodeKind::Directory;
        is_folder && ignore.may_keep_below(&text) && self.children(path, node).next().is_some()
    }

    /// The visible entries of a folder.
    pub(super) fn children<'a>(
        &'a self,
        path: &'a [Vec<u8>],
        folder: NodeId,
    ) -> impl Iterator<Item = (&'a [u8], Vec<Vec<u8>>, NodeId)> + 'a {
        self.tree.children(folder).filter_map(move |(name, node)| {
            let mut path = path.to_vec();
            path.push(name.to_vec());
            self.sees(&path, node).then_some((name, path, node))
        })
    }

    /// Everything that `source` names, at least one.
    pub(super) fn select(&self, word: &'static str, source: &str) -> Result<Vec<Selected>, StepError> {
        let path = clean(source.trim_start_matches('/'));
        if self.ignore.is_some() && (path == ".." || path.starts_with("../")) {
            return Err(StepError::Outside { word, path: source.to_owned() });
        }
        if Pattern::is_pattern(&path) {
            return self.matching(word, &path);
        }
        let place = follow(&self.tree, path.as_bytes()).ok();
        place.and_then(|place| self.selected(place, base_name(&path))).map(|one| vec![one]).ok_or_else(|| {
            let place = match self.ignore {
                Some(_) => "file not found in build context or excluded by .dockerignore: ",
                None => "",
            };
            StepError::Missing { word, place, path: source.to_owned(), elsewhere: self.elsewhere(&path) }
        })
    }

    /// Tells where a path is that a program made by an absolute name: below its working folder.
    fn elsewhere(&self, path: &str) -> String {
        let folder = clean(self.working_dir.trim_start_matches('/'));
        if matches!(folder.as_str(), "" | ".") || path.is_empty() {
            return String::new();
        }
        let there = format!("{folder}/{path}");
        if follow(&self.tree, there.as_bytes()).ok().is_none_or(|place| place.node.is_none()) {
            return String::new();
        }
        format!(
            ", but /{there} does: programs with a WORKDIR make new absolute names there (see \"Working folder\" in \
             docs/operations.md); copy from /{there}"
        )
    }

    fn selected(&self, place: Place, name: &str) -> Option<Selected> {
        let node = place.node.filter(|node| self.sees(&place.path, *node))?;
        Some(Selected { node, path: place.path, name: name.as_bytes().to_vec() })
    }

    /// Matches part by part, as no part of a pattern crosses a `/`.
    fn matching(&self, word: &'static str, source: &str) -> Result<Vec<Selected>, StepError> {
        let no_match = || StepError::NoMatch { word, pattern: source.to_owned() };
        let parts: Vec<&str> = source.split('/').collect();
        let plain = parts.iter().take_while(|part| !Pattern::is_pattern(part)).count();
        let (start, patterns) = parts.split_at_checked(plain).unwrap_or((&parts, &[]));
        let start = follow(&self.tree, start.join("/").as_bytes()).map_err(|_| no_match())?;
        let mut found: Vec<(Vec<Vec<u8>>, NodeId)> = vec![(start.path, start.node.ok_or_else(no_match)?)];
        for part in patterns {
            let pattern = Pattern::new(part).map_err(|_| no_match())?;
            let below = |(path, node): &(Vec<Vec<u8>>, NodeId)| -> Vec<(Vec<Vec<u8>>, NodeId)> {
                let matches = |name: &[u8]| std::str::from_utf8(name).is_ok_and(|name| pattern.matches(name));
                let children = self.children(path, *node).filter(|(name, ..)| matches(name));
                children.map(|(_, path, node)| (path, node)).collect()
            };
            found = found.iter().flat_map(below).collect();
        }
        let selected: Vec<Selected> = found
            .into_iter()
            .filter_map(|(path, _)| {
                let name = String::from_utf8_lossy(path.last()?).into_owned();
                self.selected(follow(&self.tree, &path.join(&b'/')).ok()?, &name)
            })
            .collect();
        if selected.is_empty() { Err(no_match()) } else { Ok(selected) }
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
