//! [`Descriptors`]: the guest's table of open descriptors.
//!
//! It is bounded twice: every file, folder and pipe holds a place among the container's open files, and the table has at
//! most as many numbers, whatever they stand for.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::errno::Errno;
use crate::files::{Descriptor, FileView};
use crate::handle::{Handle, Node, Streams};
use crate::working::Folder;

/// Numbers that a guest has beside its limit of open files: for streams and folders that are open from the beginning.
const SPARE: usize = 8;

/// The table, made when the guest first uses it: one that never does starts without its cost.
#[derive(Debug)]
pub(super) struct Descriptors {
    files: Arc<FileView>,
    /// Until the table is made.
    streams: Mutex<Streams>,
    /// The working folder and its absolute path, unless it is the root.
    working: Option<(Descriptor, String)>,
    /// A slot's index is the descriptor's number.
    table: OnceLock<Vec<Option<Handle>>>,
}

impl Descriptors {
    /// Standard streams, and from 3 on the folders that are open from the beginning.
    pub(super) fn new(files: Arc<FileView>, streams: Streams, working: Option<(Descriptor, String)>) -> Self {
        Self { files, streams: Mutex::new(streams), working, table: OnceLock::new() }
    }

    fn table(&self) -> &Vec<Option<Handle>> {
        self.table.get_or_init(|| {
            // The table alone has them from now on: what the guest closes must be closed.
            let streams = std::mem::take(&mut *self.streams.lock());
            let preopens = Folder::preopens(self.files.root(), self.working.as_ref());
            streams.into_iter().chain(preopens.map(Node::preopen).map(Some)).collect()
        })
    }

    fn table_mut(&mut self) -> Result<&mut Vec<Option<Handle>>, Errno> {
        self.table();
        // Made just now if it was not.
        self.table.get_mut().ok_or(Errno::BAD_DESCRIPTOR)
    }

    /// Numbers that the guest may use.
    fn numbers(&self) -> usize {
        (self.files.max_open_files() as usize).saturating_add(SPARE)
    }

    /// The absolute path of the working folder.
    pub(super) fn working_folder(&self) -> &str {
        self.working.as_ref().map_or("/", |(_, path)| path)
    }

    pub(super) fn get(&self, number: u32) -> Result<&Handle, Errno> {
        self.table().get(number as usize).and_then(Option::as_ref).ok_or(Errno::BAD_DESCRIPTOR)
    }

    /// A file or folder.
    pub(super) fn node(&self, number: u32) -> Result<&Arc<Node>, Errno> {
        match self.get(number)? {
            Handle::Node(node) => Ok(node),
            _ => Err(Errno::BAD_DESCRIPTOR),
        }
    }

    /// A folder.
    pub(super) fn folder(&self, number: u32) -> Result<&Arc<Node>, Errno> {
        match self.get(number)? {
            Handle::Node(node) if node.is_folder() => Ok(node),
            _ => Err(Errno::NOT_DIRECTORY),
        }
    }

    /// Gives the handle the lowest free number.
    pub(super) fn insert(&mut self, handle: Handle) -> Result<u32, Errno> {
        let numbers = self.numbers();
        let table = self.table_mut()?;
        let index = match table.iter().position(Option::is_none) {
            Some(index) => index,
            None if table.len() < numbers => {
                table.push(None);
                table.len() - 1
            }
            None => return Err(Errno::TOO_MANY_FILES),
        };
        if let Some(slot) = table.get_mut(index) {
            *slot = Some(handle);
        }
        u32::try_from(index).map_err(|_| Errno::TOO_MANY_FILES)
    }

    /// Gives the handle this number; what had it is closed.
    pub(super) fn put(&mut self, number: u32, handle: Handle) -> Result<(), Errno> {
        let (index, numbers) = (number as usize, self.numbers());
        if index >= numbers {
            return Err(Errno::BAD_DESCRIPTOR);
        }
        let table = self.table_mut()?;
        if index >= table.len() {
            table.resize_with(index + 1, || None);
        }
        if let Some(slot) = table.get_mut(index) {
            *slot = Some(handle);
        }
        Ok(())
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
        let handle = self.table_mut()?.get_mut(from as usize).and_then(Option::take);
        if let Some(slot) = self.table_mut()?.get_mut(to as usize) {
            *slot = handle;
        }
        Ok(())
    }
}
