//! A file system in memory (`--tmpfs`): [`MemoryMount`] and its [`MemoryNode`]s.
//!
//! Every node and every piece of a file is taken from the mount's budget and given back when the node is dropped, so
//! a file that was removed counts until its last descriptor is closed. It ends with the last guest that has it.
//! Owners and modes are kept here and checked by the caller, as for all mounts.

mod content;
mod node;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use node::Body;
pub(super) use node::{MemoryNode, Owner};

use super::budget::Budget;
use super::errno::{Errno, Result};

/// What a node costs beside its content, its name included.
const NODE_BYTES: u64 = 512;

/// A file system in memory.
#[derive(Debug)]
pub(super) struct MemoryMount {
    budget: Arc<Budget>,
    next: AtomicU64,
    top: Arc<MemoryNode>,
}

impl MemoryMount {
    /// Whose its top folder is when nobody says otherwise: as docker gives a tmpfs.
    pub(super) const EVERYBODY: Owner = Owner { uid: 0, gid: 0, mode: 0o1777 };

    /// An empty one that holds at most `limit` bytes.
    pub(super) fn new(limit: u64, owner: Owner) -> Self {
        let budget = Arc::new(Budget::new(Some(limit)));
        let top = MemoryNode::new(1, Body::folder(), owner, 0, Arc::clone(&budget));
        Self { budget, next: AtomicU64::new(2), top: Arc::new(top) }
    }

    /// Its top folder.
    pub(super) const fn top(&self) -> &Arc<MemoryNode> {
        &self.top
    }

    pub(super) fn make_file(&self, folder: &MemoryNode, name: &str, owner: Owner) -> Result<Arc<MemoryNode>> {
        self.make(folder, name, Body::file(), owner)
    }

    pub(super) fn make_folder(&self, folder: &MemoryNode, name: &str, owner: Owner) -> Result<Arc<MemoryNode>> {
        self.make(folder, name, Body::folder(), owner)
    }

    pub(super) fn make_link(&self, folder: &MemoryNode, name: &str, target: &str, owner: Owner) -> Result<()> {
        self.make(folder, name, Body::link(target), owner).map(drop)
    }

    fn make(&self, folder: &MemoryNode, name: &str, body: Body, owner: Owner) -> Result<Arc<MemoryNode>> {
        let cost = NODE_BYTES + body.target_bytes();
        if !self.budget.take(cost) {
            return Err(Errno::NoSpace);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let node = Arc::new(MemoryNode::new(id, body, owner, cost, Arc::clone(&self.budget)));
        folder.insert(name, &node)?;
        Ok(node)
    }
}
