//! [`Descriptors`]: the guest's table of open descriptors.
//!
//! It is bounded by the view's limit of open files: every entry past the standard streams holds one of its
//! descriptors.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::errno::Errno;
use super::sockets::Socket;
use crate::Stream;
use crate::files::{Descriptor, FileView, Kind, Listing};
use crate::network::GuestNetwork;
use crate::working::Folder;

/// What a descriptor number stands for.
#[derive(Debug)]
pub(super) enum Entry {
    /// Standard input.
    Input,
    /// Standard output or error.
    Output(Stream),
    /// A file or folder.
    Node(Box<Node>),
    /// A socket.
    Socket(Arc<Socket>),
}

/// An open file or folder.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) folder: Folder,
    /// Where the next read or write is, in bytes.
    pub(super) offset: u64,
    /// `fdflags`.
    pub(super) flags: u16,
    /// Its name, if it was open from the beginning.
    pub(super) preopen: Option<Cow<'static, str>>,
    /// The folder's entries when its listing began.
    pub(super) listing: Option<Listing>,
}

impl Node {
    /// A node opened by the guest.
    pub(super) fn new(descriptor: Descriptor, flags: u16) -> Self {
        Self { folder: Folder::plain(descriptor), offset: 0, flags, preopen: None, listing: None }
    }

    fn preopen((folder, name): (Folder, Cow<'static, str>)) -> Option<Entry> {
        Some(Entry::Node(Box::new(Self { folder, offset: 0, flags: 0, preopen: Some(name), listing: None })))
    }

    pub(super) fn descriptor(&self) -> &Descriptor {
        &self.folder.descriptor
    }
}

/// The table, made when the guest first uses it: one that never does starts without its cost.
#[derive(Debug)]
pub(super) struct Descriptors {
    files: Arc<FileView>,
    network: Arc<GuestNetwork>,
    /// The working folder and its absolute path, unless it is the root.
    working: Option<(Descriptor, String)>,
    /// A slot's index is the descriptor's number.
    table: OnceLock<Vec<Option<Entry>>>,
}

impl Descriptors {
    /// Standard streams, from 3 on the folders that are open from the beginning, and then the sockets that listen on the
    /// ports which the program exposes.
    pub(super) fn new(files: Arc<FileView>, network: Arc<GuestNetwork>, working: Option<(Descriptor, String)>) -> Self {
        Self { files, network, working, table: OnceLock::new() }
    }

    fn table(&self) -> &Vec<Option<Entry>> {
        self.table.get_or_init(|| {
            let streams = [Entry::Input, Entry::Output(Stream::Stdout), Entry::Output(Stream::Stderr)];
            let preopens = Folder::preopens(self.files.root(), self.working.as_ref());
            let sockets = Socket::given(&self.network).map(|socket| socket.map(Entry::Socket));
            streams.into_iter().map(Some).chain(preopens.map(Node::preopen)).chain(sockets).collect()
        })
    }

    fn table_mut(&mut self) -> Result<&mut Vec<Option<Entry>>, Errno> {
        self.table();
        // Made just now if it was not.
        self.table.get_mut().ok_or(Errno::BAD_DESCRIPTOR)
    }

    pub(super) fn get(&self, number: u32) -> Result<&Entry, Errno> {
        self.table().get(number as usize).and_then(Option::as_ref).ok_or(Errno::BAD_DESCRIPTOR)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Result<&mut Entry, Errno> {
        self.table_mut()?.get_mut(number as usize).and_then(Option::as_mut).ok_or(Errno::BAD_DESCRIPTOR)
    }

    /// A file or folder.
    pub(super) fn node(&self, number: u32) -> Result<&Node, Errno> {
        match self.get(number)? {
            Entry::Node(node) => Ok(node),
            _ => Err(Errno::BAD_DESCRIPTOR),
        }
    }

    /// A file or folder, to be changed.
    pub(super) fn node_mut(&mut self, number: u32) -> Result<&mut Node, Errno> {
        match self.get_mut(number)? {
            Entry::Node(node) => Ok(node),
            _ => Err(Errno::BAD_DESCRIPTOR),
        }
    }

    /// A folder.
    pub(super) fn folder(&self, number: u32) -> Result<&Node, Errno> {
        let node = match self.get(number)? {
            Entry::Node(node) => node,
            _ => return Err(Errno::NOT_DIRECTORY),
        };
        if node.descriptor().kind() == Kind::Directory { Ok(node) } else { Err(Errno::NOT_DIRECTORY) }
    }

    /// Gives the entry the lowest free number.
    pub(super) fn insert(&mut self, entry: Entry) -> Result<u32, Errno> {
        let table = self.table_mut()?;
        let index = match table.iter().position(Option::is_none) {
            Some(index) => index,
            None => {
                table.push(None);
                table.len() - 1
            }
        };
        if let Some(slot) = table.get_mut(index) {
            *slot = Some(entry);
        }
        u32::try_from(index).map_err(|_| Errno::TOO_MANY_FILES)
    }

    /// Closes a descriptor.
    pub(super) fn close(&mut self, number: u32) -> Result<(), Errno> {
        self.table_mut()?.get_mut(number as usize).and_then(Option::take).map(drop).ok_or(Errno::BAD_DESCRIPTOR)
    }

    /// Gives `from` the number `to`, which must be open and is closed.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(to)?;
        self.get(from)?;
        if from == to {
            return Ok(());
        }
        let entry = self.table_mut()?.get_mut(from as usize).and_then(Option::take);
        if let Some(slot) = self.table_mut()?.get_mut(to as usize) {
            *slot = entry;
        }
        Ok(())
    }
}
