//! [`MemoryNode`]: a folder, file or link in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::NODE_BYTES;
use super::content::Content;
use crate::files::budget::Budget;
use crate::files::clock::now_ns;
use crate::files::errno::{Errno, Result};
use crate::files::{Kind, Stat, Times};

/// Owner and mode of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Permission bits, 12 bits.
    pub(crate) mode: u32,
}

type Names = BTreeMap<Box<str>, Arc<MemoryNode>>;

#[derive(Debug)]
pub(super) enum Body {
    Folder(Mutex<Names>),
    File(RwLock<Content>),
    Link(Box<str>),
}

impl Body {
    pub(super) fn folder() -> Self {
        Self::Folder(Mutex::default())
    }

    pub(super) fn file() -> Self {
        Self::File(RwLock::default())
    }

    pub(super) fn link(target: &str) -> Self {
        Self::Link(target.into())
    }

    pub(super) fn target_bytes(&self) -> u64 {
        if let Self::Link(target) = self { target.len() as u64 } else { 0 }
    }
}

#[derive(Debug, Clone, Copy)]
struct Status {
    links: u64,
    accessed_ns: i64,
    modified_ns: i64,
    changed_ns: i64,
}

/// A folder, file or link in memory. Kept by its names and its open descriptors.
#[derive(Debug)]
pub(crate) struct MemoryNode {
    id: u64,
    owner: Owner,
    body: Body,
    status: Mutex<Status>,
    cost: u64,
    budget: Arc<Budget>,
}

impl MemoryNode {
    pub(super) fn new(id: u64, body: Body, owner: Owner, cost: u64, budget: Arc<Budget>) -> Self {
        let now = now_ns();
        let status = Status { links: 0, accessed_ns: now, modified_ns: now, changed_ns: now };
        Self { id, owner, body, status: Mutex::new(status), cost, budget }
    }

    pub(crate) const fn owner(&self) -> Owner {
        self.owner
    }

    pub(crate) const fn inode(&self) -> u64 {
        self.id
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self.body {
            Body::Folder(_) => Kind::Directory,
            Body::File(_) => Kind::File,
            Body::Link(_) => Kind::Symlink,
        }
    }

    pub(crate) fn stat(&self, device: u64) -> Stat {
        let status = *self.status.lock();
        let (links, size) = match &self.body {
            Body::Folder(names) => (1, names.lock().len() as u64),
            Body::File(content) => (status.links, content.read().size()),
            Body::Link(target) => (status.links, target.len() as u64),
        };
        Stat {
            kind: self.kind(),
            device,
            inode: self.id,
            links,
            size,
            accessed_ns: status.accessed_ns,
            modified_ns: status.modified_ns,
            changed_ns: status.changed_ns,
        }
    }

    pub(crate) fn set_times(&self, times: Times) {
        let mut status = self.status.lock();
        status.accessed_ns = times.accessed_ns.unwrap_or(status.accessed_ns);
        status.modified_ns = times.modified_ns.unwrap_or(status.modified_ns);
        status.changed_ns = now_ns();
    }

    fn modified(&self) {
        let now = now_ns();
        let mut status = self.status.lock();
        status.modified_ns = now;
        status.changed_ns = now;
    }

    /// The target of a link.
    pub(crate) fn target(&self) -> Result<&str> {
        if let Body::Link(target) = &self.body { Ok(target) } else { Err(Errno::Invalid) }
    }

    fn names(&self) -> Result<&Mutex<Names>> {
        if let Body::Folder(names) = &self.body { Ok(names) } else { Err(Errno::NotDirectory) }
    }

    fn content(&self) -> Result<&RwLock<Content>> {
        if let Body::File(content) = &self.body { Ok(content) } else { Err(Errno::IsDirectory) }
    }

    pub(crate) fn child(&self, name: &str) -> Result<Option<Arc<Self>>> {
        Ok(self.names()?.lock().get(name).cloned())
    }

    /// All entries in the order of their names.
    pub(crate) fn children(&self) -> Result<Vec<(String, Arc<Self>)>> {
        Ok(self.names()?.lock().iter().map(|(name, node)| (name.to_string(), Arc::clone(node))).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names().is_ok_and(|names| names.lock().is_empty())
    }

    /// Adds a name; what had it before is replaced.
    pub(crate) fn insert(&self, name: &str, node: &Arc<Self>) -> Result<()> {
        let before = self.names()?.lock().insert(name.into(), Arc::clone(node));
        node.count_links(1);
        if let Some(before) = before {
            before.count_links(-1);
        }
        self.modified();
        Ok(())
    }

    /// Adds a further name, which costs as much as a node.
    pub(crate) fn insert_further(&self, name: &str, node: &Arc<Self>) -> Result<()> {
        if !self.budget.take(NODE_BYTES) {
            return Err(Errno::NoSpace);
        }
        self.insert(name, node)
    }

    /// Takes a name away.
    pub(crate) fn remove(&self, name: &str) -> Result<Option<Arc<Self>>> {
        let node = self.names()?.lock().remove(name);
        if let Some(node) = &node {
            node.count_links(-1);
        }
        self.modified();
        Ok(node)
    }

    /// Moves a name to another folder or name; what had that name before is replaced.
    pub(crate) fn move_name(&self, name: &str, to: &Self, new: &str) -> Result<()> {
        to.names()?;
        let node = self.names()?.lock().remove(name).ok_or(Errno::NoEntry)?;
        let before = to.names()?.lock().insert(new.into(), node);
        if let Some(before) = before {
            before.count_links(-1);
        }
        self.modified();
        to.modified();
        Ok(())
    }

    fn count_links(&self, change: i64) {
        let mut status = self.status.lock();
        let before = status.links;
        status.links = before.saturating_add_signed(change);
        status.changed_ns = now_ns();
        drop(status);
        if change < 0 && before > 1 {
            self.budget.give(NODE_BYTES);
        }
    }

    pub(crate) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        Ok(self.content()?.read().read(buffer, offset))
    }

    /// Writes; `offset + bytes` must not overflow.
    pub(crate) fn write(&self, bytes: &[u8], offset: u64) -> Result<usize> {
        let written = self.content()?.write().write(bytes, offset, &self.budget)?;
        self.modified();
        Ok(written)
    }

    pub(crate) fn append(&self, bytes: &[u8]) -> Result<usize> {
        let mut content = self.content()?.write();
        let end = content.size();
        if end.checked_add(bytes.len() as u64).is_none_or(|end| end > i64::MAX as u64) {
            return Err(Errno::FileTooLarge);
        }
        let written = content.write(bytes, end, &self.budget)?;
        drop(content);
        self.modified();
        Ok(written)
    }

    /// [`Errno::NoSpace`] if not one byte can be written at `offset`; `None` is the end.
    pub(crate) fn check_room(&self, offset: Option<u64>) -> Result<()> {
        let content = self.content()?.read();
        let offset = offset.unwrap_or(content.size());
        if content.has_room(offset, &self.budget) { Ok(()) } else { Err(Errno::NoSpace) }
    }

    pub(crate) fn set_size(&self, size: u64) -> Result<()> {
        self.content()?.write().set_size(size, &self.budget);
        self.modified();
        Ok(())
    }
}

impl Drop for MemoryNode {
    fn drop(&mut self) {
        let content = if let Body::File(content) = &mut self.body { content.get_mut().cost() } else { 0 };
        self.budget.give(self.cost + content);
        // A guest can nest folders deeper than the stack is: folders are taken apart in a loop.
        let Body::Folder(names) = &mut self.body else { return };
        let mut left: Vec<Arc<Self>> = std::mem::take(names.get_mut()).into_values().collect();
        while let Some(node) = left.pop() {
            if let Some(mut node) = Arc::into_inner(node)
                && let Body::Folder(names) = &mut node.body
            {
                left.extend(std::mem::take(names.get_mut()).into_values());
            }
        }
    }
}
