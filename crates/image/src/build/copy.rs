//! COPY and ADD: sources and target → the entries of a layer.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::error::{StepError, chain};
use super::items::{Content, Items};
use super::mode::Mode;
use super::select::{Files, Selected};
use super::target::{Place, follow, shown};
use super::unpacked::Unpacked;
use super::{cache, owner};
use crate::dockerfile::{Copy, Problem, Source, refuse_remote};
use crate::layer::{Attributes, LayerError, Owner, TarReader, WHITEOUT_PREFIX, decompress};
use crate::{Digest, NodeId, NodeKind, StoreError, Tree};

const NANOS: i64 = 1_000_000_000;

/// What a COPY or ADD will write.
#[derive(Debug)]
pub(super) struct Planned {
    items: Items,
    /// Unpacked archives that items refer to.
    archives: Vec<Unpacked>,
}

impl Planned {
    /// The items, and what must live while they are read.
    pub(super) fn into_parts(self) -> (Items, Vec<Unpacked>) {
        (self.items, self.archives)
    }

    /// What the cache compares.
    pub(super) fn digest(&self) -> Result<Digest, StepError> {
        let digest = self.items.digest().map_err(StepError::Files)?;
        Ok(cache::key(&[digest.as_bytes()]))
    }
}

/// Works out what `copy`, whose variables are replaced, writes into `stage`. Archives are unpacked below `aside`.
pub(super) fn plan(
    copy: &Copy,
    files: &Files,
    stage: &Tree,
    working_dir: &str,
    aside: &Path,
) -> Result<Planned, StepError> {
    let word = if copy.add { "ADD" } else { "COPY" };
    let owner = copy.chown.as_deref().map(|text| owner::resolve(stage, text)).transpose()?;
    let mode = copy.chmod.as_deref().map(Mode::parse).transpose()?;
    let mut copying =
        Copying { word, stage, owner, mode, aside, items: Items::default(), archives: Vec::new(), keep_owners: false };
    copying.all(copy, files, working_dir)?;
    Ok(Planned { items: copying.items, archives: copying.archives })
}

struct Copying<'a> {
    word: &'static str,
    stage: &'a Tree,
    owner: Option<Owner>,
    mode: Option<Mode>,
    aside: &'a Path,
    items: Items,
    archives: Vec<Unpacked>,
    /// Within an archive: its files keep their owners.
    keep_owners: bool,
}

impl Copying<'_> {
    fn all(&mut self, copy: &Copy, files: &Files, working_dir: &str) -> Result<(), StepError> {
        let mut selected = Vec::new();
        let mut count = 0;
        for source in &copy.sources {
            let found = match source {
                Source::Path(path) => {
                    refuse_remote(self.word, path)?;
                    files.select(self.word, path)?
                }
                Source::Inline(_) => Vec::new(),
            };
            count += found.len().max(1);
            selected.push((source, found));
        }
        let is_folder = copy.dest.ends_with('/') || copy.dest == "." || copy.dest.ends_with("/.");
        if count > 1 && !is_folder {
            return Err(Problem::ManySources(self.word.to_owned()).into());
        }
        let dest = if copy.dest.starts_with('/') { copy.dest.clone() } else { format!("{working_dir}/{}", copy.dest) };
        let place = follow(self.stage, dest.as_bytes()).map_err(|error| self.target(&dest, error.reason()))?;
        for (source, found) in selected {
            match source {
                Source::Inline(heredoc) => {
                    let path = self.file_target(&place, is_folder, heredoc.name.as_bytes())?;
                    let attributes = self.changed(Attributes::FILE, false);
                    self.push(&path, attributes, Content::Bytes(heredoc.content.clone().into_bytes()))?;
                }
                Source::Path(path) => {
                    for one in found {
                        self.one(files, &one, &place, is_folder, copy.add.then_some(path.as_str()))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// `add` is the source's text for ADD.
    fn one(
        &mut self,
        files: &Files,
        source: &Selected,
        place: &Place,
        is_folder: bool,
        add: Option<&str>,
    ) -> Result<(), StepError> {
        if files.tree.node(source.node).kind == NodeKind::Directory {
            self.make_folder(&place.path)?;
            return self.contents(files, &source.path, source.node, &place.path, place.node);
        }
        if let Some(name) = add
            && is_archive(&files.tree, source.node, name)?
        {
            return self.archive(files, source.node, name, place);
        }
        let path = self.file_target(place, is_folder, &source.name)?;
        self.file(files, source.node, &path)
    }

    /// The path that a single file gets; the folders above it are there afterwards.
    fn file_target(&mut self, place: &Place, is_folder: bool, name: &[u8]) -> Result<Vec<Vec<u8>>, StepError> {
        let into = is_folder || place.node.is_some_and(|node| self.stage.node(node).kind == NodeKind::Directory);
        let mut path = place.path.clone();
        if into {
            self.make_folder(&path)?;
            path.push(name.to_vec());
            // A link by that name is replaced by the file; what it leads to stays.
            let below = place.node.and_then(|folder| self.stage.child(folder, name));
            if below.is_some_and(|node| self.stage.node(node).kind == NodeKind::Directory) {
                return Err(self.target(&shown(&path), "a folder is in its way"));
            }
        } else if let Some((_, parent)) = path.split_last() {
            self.make_folder(parent)?;
        }
        Ok(path)
    }

    /// Makes what is missing of a real path.
    fn make_folder(&mut self, path: &[Vec<u8>]) -> Result<(), StepError> {
        let mut at = Some(Tree::ROOT);
        for (index, name) in path.iter().enumerate() {
            at = at.and_then(|folder| self.stage.child(folder, name));
            let so_far = path.get(..=index).unwrap_or_default();
            match at {
                Some(node) if self.stage.node(node).kind != NodeKind::Directory => {
                    return Err(self.target(&shown(so_far), "a file is in its way"));
                }
                Some(_) => {}
                None => {
                    let Owner { uid, gid } = self.owner.unwrap_or_default();
                    self.push(so_far, Attributes { uid, gid, ..Attributes::FOLDER }, Content::Folder)?;
                }
            }
        }
        Ok(())
    }

    /// Copies what is in a folder.
    fn contents(
        &mut self,
        files: &Files,
        path: &[Vec<u8>],
        folder: NodeId,
        to: &[Vec<u8>],
        to_node: Option<NodeId>,
    ) -> Result<(), StepError> {
        for (name, path, node) in files.children(path, folder) {
            let mut to = to.to_vec();
            to.push(name.to_vec());
            let there = to_node.and_then(|folder| self.stage.child(folder, name));
            let there_kind = there.map(|node| self.stage.node(node).kind);
            match (files.tree.node(node).kind, there_kind) {
                (NodeKind::Directory, None | Some(NodeKind::Directory)) => {
                    let attributes = self.changed(self.attributes(&files.tree, node), true);
                    self.push(&to, attributes, Content::Folder)?;
                    self.contents(files, &path, node, &to, there)?;
                }
                (NodeKind::Directory, _) => return Err(self.target(&shown(&to), "it is no folder")),
                (_, Some(NodeKind::Directory)) => return Err(self.target(&shown(&to), "a folder is in its way")),
                _ => self.file(files, node, &to)?,
            }
        }
        Ok(())
    }

    fn file(&mut self, files: &Files, node: NodeId, to: &[Vec<u8>]) -> Result<(), StepError> {
        let attributes = self.attributes(&files.tree, node);
        if files.tree.node(node).kind == NodeKind::Symlink {
            let Attributes { uid, gid, .. } = self.changed(attributes, false);
            let target = files.tree.link_target(node).to_vec();
            return self.push(to, Attributes { uid, gid, mode: 0o777, ..attributes }, Content::Link(target));
        }
        self.push(to, self.changed(attributes, false), Content::File(Arc::clone(&files.tree), node))
    }

    /// What a node has, in whole seconds as the layer will.
    fn attributes(&self, tree: &Tree, node: NodeId) -> Attributes {
        let node = tree.node(node);
        let (uid, gid) = if self.keep_owners { (node.uid, node.gid) } else { (0, 0) };
        Attributes { mode: node.mode, uid, gid, mtime_ns: node.mtime_ns / NANOS * NANOS }
    }

    /// With `--chown` and `--chmod`.
    fn changed(&self, attributes: Attributes, folder: bool) -> Attributes {
        let Owner { uid, gid } = self.owner.unwrap_or(Owner { uid: attributes.uid, gid: attributes.gid });
        let mode = self.mode.as_ref().map_or(attributes.mode, |mode| mode.of(attributes.mode, folder));
        Attributes { mode, uid, gid, ..attributes }
    }

    fn push(&mut self, path: &[Vec<u8>], attributes: Attributes, content: Content) -> Result<(), StepError> {
        if path.iter().any(|name| name.starts_with(WHITEOUT_PREFIX)) {
            return Err(self.target(&shown(path), "names that start with .wh. mark removed files in layers"));
        }
        self.items.push(path, attributes, content);
        Ok(())
    }

    fn target(&self, path: &str, reason: &'static str) -> StepError {
        StepError::Target { word: self.word, path: path.to_owned(), reason }
    }

    /// Unpacks an archive into the target, which is a folder. Owners stay as the archive has them.
    fn archive(&mut self, files: &Files, node: NodeId, name: &str, place: &Place) -> Result<(), StepError> {
        let unpacked = Unpacked::read(files.tree.reader(node), self.aside).map_err(|error| match error {
            failed @ LayerError::Write(_) => StepError::Store(StoreError::layer("archive", self.aside, failed)),
            refused => StepError::Archive { path: name.to_owned(), reason: chain(&refused) },
        })?;
        let inside = Files { tree: Arc::clone(&unpacked.tree), ignore: None, working_dir: String::new() };
        self.archives.push(unpacked);
        self.make_folder(&place.path)?;
        self.keep_owners = true;
        let result = self.contents(&inside, &[], Tree::ROOT, &place.path, place.node);
        self.keep_owners = false;
        result
    }
}

/// Whether ADD unpacks the file: by its content, not its name.
fn is_archive(tree: &Tree, node: NodeId, name: &str) -> Result<bool, StepError> {
    const XZ: &[u8] = b"\xfd7zXZ\0";
    const BZIP2: &[u8] = b"BZh";
    let mut head = Vec::new();
    tree.reader(node).take(XZ.len() as u64).read_to_end(&mut head).map_err(StepError::Files)?;
    if head.starts_with(XZ) || head.starts_with(BZIP2) {
        let reason = "only plain, gzip and zstd archives are supported: compress it otherwise, or use COPY".to_owned();
        return Err(StepError::Archive { path: name.to_owned(), reason });
    }
    let Ok(tar) = decompress(tree.reader(node)) else { return Ok(false) };
    Ok(matches!(TarReader::new(tar).next_entry(), Ok(Some(_))))
}
