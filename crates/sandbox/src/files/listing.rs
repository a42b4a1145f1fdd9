//! [`Listing`]: what a folder held when it was listed.

use std::sync::Arc;

use super::DirEntry;
use super::errno::{Errno, Result};
use super::inner::Inner;

/// Bytes that all listings of one guest may take at once. One handle costs a guest nothing, what it stands for costs the
/// worker, which other guests share.
pub(super) const MAX_LISTED_BYTES: u64 = 64 << 20;

/// What a folder held when it was listed, in the order of the names. Counts against the guest's limit while it lives.
#[derive(Debug)]
pub struct Listing {
    entries: std::vec::IntoIter<DirEntry>,
    cost: u64,
    view: Arc<Inner>,
}

impl Listing {
    pub(super) fn new(entries: Vec<DirEntry>, view: &Arc<Inner>) -> Result<Self> {
        let cost = entries.iter().map(|entry| (size_of::<DirEntry>() + entry.name.len()) as u64).sum();
        if !view.listed.take(cost) {
            return Err(Errno::TooManyFiles);
        }
        Ok(Self { entries: entries.into_iter(), cost, view: Arc::clone(view) })
    }

    /// The entries that were not taken yet.
    #[must_use]
    pub fn as_slice(&self) -> &[DirEntry] {
        self.entries.as_slice()
    }
}

impl Iterator for Listing {
    type Item = DirEntry;

    fn next(&mut self) -> Option<DirEntry> {
        self.entries.next()
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.view.listed.give(self.cost);
    }
}
