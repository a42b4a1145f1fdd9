//! [`Descriptors`]: the guest's table of open descriptors.
//!
//! It is bounded by the view's limit of open files: every entry past the standard streams holds one of its
//! descriptors.

use super::errno::Errno;
use crate::Stream;
use crate::files::{Descriptor, DirEntry, FileView, Follow, Kind};

/// What a descriptor number stands for.
#[derive(Debug)]
pub(super) enum Entry {
    /// Standard input.
    Input,
    /// Standard output or error.
    Output(Stream),
    /// A file or folder.
    Node(Box<Node>),
}

/// An open file or folder.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) descriptor: Descriptor,
    /// Where the next read or write is, in bytes.
    pub(super) offset: u64,
    /// `fdflags`.
    pub(super) flags: u16,
    /// Its name, if it was open from the beginning.
    pub(super) preopen: Option<&'static str>,
    /// Set for the working folder: its absolute path and the root.
    working: Option<(String, Descriptor)>,
    /// The folder's entries when its listing began.
    pub(super) listing: Option<Vec<DirEntry>>,
}

impl Node {
    /// A node opened by the guest.
    pub(super) fn new(descriptor: Descriptor, flags: u16) -> Self {
        Self { descriptor, offset: 0, flags, preopen: None, working: None, listing: None }
    }

    /// The folder and path to use for `path`.
    ///
    /// wasi-libc strips the leading `/` and gives every path to the last folder opened from the beginning, so the
    /// working folder meets `x` and `/x` alike. What is there in the working folder counts, then what is there in the
    /// root, then where it could be made.
    pub(super) fn locate(&self, view: &FileView, path: &str) -> (&Descriptor, String) {
        let Some((folder, root)) = &self.working else { return (&self.descriptor, path.to_owned()) };
        if path.is_empty() {
            return (root, String::new());
        }
        let local = format!("{}/{path}", folder.trim_end_matches('/'));
        let exists = |path: &str| view.stat_at(root, path, Follow::No).is_ok();
        let parent = |path: &str| path.trim_end_matches('/').rsplit_once('/').is_none_or(|(folder, _)| exists(folder));
        let in_root = !exists(&local) && (exists(path) || (!parent(&local) && parent(path)));
        (root, if in_root { path.to_owned() } else { local })
    }
}

/// The table: a slot's index is the descriptor's number.
#[derive(Debug)]
pub(super) struct Descriptors(Vec<Option<Entry>>);

impl Descriptors {
    /// Standard streams, the root as 3, and the working folder as 4 unless it is the root.
    pub(super) fn new(root: Descriptor, working: Option<(String, Descriptor)>) -> Self {
        let preopen = |descriptor: Descriptor, name, working| {
            let node = Node { preopen: Some(name), working, ..Node::new(descriptor, 0) };
            Some(Entry::Node(Box::new(node)))
        };
        let mut table = vec![
            Some(Entry::Input),
            Some(Entry::Output(Stream::Stdout)),
            Some(Entry::Output(Stream::Stderr)),
            preopen(root.clone(), "/", None),
        ];
        if let Some((path, folder)) = working {
            table.push(preopen(folder, ".", Some((path, root))));
        }
        Self(table)
    }

    pub(super) fn get(&self, number: u32) -> Result<&Entry, Errno> {
        self.0.get(number as usize).and_then(Option::as_ref).ok_or(Errno::BAD_DESCRIPTOR)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Result<&mut Entry, Errno> {
        self.0.get_mut(number as usize).and_then(Option::as_mut).ok_or(Errno::BAD_DESCRIPTOR)
    }

    /// A file or folder.
    pub(super) fn node(&self, number: u32) -> Result<&Node, Errno> {
        match self.get(number)? {
            Entry::Node(node) => Ok(node),
            Entry::Input | Entry::Output(_) => Err(Errno::BAD_DESCRIPTOR),
        }
    }

    /// A file or folder, to be changed.
    pub(super) fn node_mut(&mut self, number: u32) -> Result<&mut Node, Errno> {
        match self.get_mut(number)? {
            Entry::Node(node) => Ok(node),
            Entry::Input | Entry::Output(_) => Err(Errno::BAD_DESCRIPTOR),
        }
    }

    /// A folder.
    pub(super) fn folder(&self, number: u32) -> Result<&Node, Errno> {
        let node = match self.get(number)? {
            Entry::Node(node) => node,
            Entry::Input | Entry::Output(_) => return Err(Errno::NOT_DIRECTORY),
        };
        if node.descriptor.kind() == Kind::Directory { Ok(node) } else { Err(Errno::NOT_DIRECTORY) }
    }

    /// Gives the entry the lowest free number.
    pub(super) fn insert(&mut self, entry: Entry) -> Result<u32, Errno> {
        let index = match self.0.iter().position(Option::is_none) {
            Some(index) => index,
            None => {
                self.0.push(None);
                self.0.len() - 1
            }
        };
        if let Some(slot) = self.0.get_mut(index) {
            *slot = Some(entry);
        }
        u32::try_from(index).map_err(|_| Errno::TOO_MANY_FILES)
    }

    /// Closes a descriptor.
    pub(super) fn close(&mut self, number: u32) -> Result<(), Errno> {
        self.0.get_mut(number as usize).and_then(Option::take).map(drop).ok_or(Errno::BAD_DESCRIPTOR)
    }

    /// Gives `from` the number `to`, which must be open and is closed.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(to)?;
        self.get(from)?;
        if from == to {
            return Ok(());
        }
        let entry = self.0.get_mut(from as usize).and_then(Option::take);
        if let Some(slot) = self.0.get_mut(to as usize) {
            *slot = entry;
        }
        Ok(())
    }
}
