//! [`Places`]: how many guests a sandbox has room for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A number of places.
#[derive(Debug)]
pub(crate) struct Places {
    all: u32,
    taken: Arc<AtomicU32>,
}

/// One place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicU32>);

impl Places {
    pub(crate) fn new(all: u32) -> Self {
        Self { all, taken: Arc::default() }
    }

    /// How many there are, taken or not.
    pub(crate) const fn all(&self) -> u32 {
        self.all
    }

    /// Takes a place, if more than `reserved` are free.
    pub(crate) fn take(&self, reserved: u32) -> Option<Place> {
        let places = self.all.saturating_sub(reserved);
        let more = |taken| (taken < places).then(|| taken + 1);
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Place(Arc::clone(&self.taken)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
