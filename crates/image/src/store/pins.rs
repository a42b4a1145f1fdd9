//! [`Lease`]: content the garbage collector may not take.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::Digest;

/// How long a new layer that no image uses yet is kept.
const FRESH_FOR: Duration = Duration::from_secs(3600);

/// What is held, by digest: blobs, images and layers alike. Whoever collects holds its lock throughout, so nothing can
/// be pinned between the look and the removal.
#[derive(Debug, Default)]
pub(crate) struct Pins(Mutex<Held>);

#[derive(Debug, Default)]
pub(crate) struct Held {
    counts: HashMap<Digest, usize>,
    /// Leases on everything that is being made.
    makers: usize,
    fresh: HashMap<Digest, Fresh>,
}

#[derive(Debug)]
struct Fresh {
    since: Instant,
    used: bool,
}

/// Keeps an image's content from the garbage collector while it lives.
#[derive(Clone)]
pub struct Lease {
    _held: Arc<Hold>,
}

struct Hold {
    pins: Arc<Pins>,
    digests: Vec<Digest>,
    maker: bool,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.pins.0.lock();
        held.makers -= usize::from(self.maker);
        for digest in &self.digests {
            if let Some(count) = held.counts.get_mut(digest) {
                *count -= 1;
                if *count == 0 {
                    held.counts.remove(digest);
                }
            }
        }
    }
}

impl Pins {
    /// Holds these digests. A digest need not exist yet.
    pub(crate) fn lease(self: &Arc<Self>, digests: Vec<Digest>) -> Lease {
        let mut held = self.0.lock();
        for digest in &digests {
            *held.counts.entry(digest.clone()).or_default() += 1;
        }
        drop(held);
        Lease { _held: Arc::new(Hold { pins: Arc::clone(self), digests, maker: false }) }
    }

    /// Holds all new layers.
    pub(crate) fn lease_fresh(self: &Arc<Self>) -> Lease {
        self.0.lock().makers += 1;
        Lease { _held: Arc::new(Hold { pins: Arc::clone(self), digests: Vec::new(), maker: true }) }
    }

    /// Notes content that no image uses yet.
    pub(crate) fn fresh(&self, digests: &[&Digest]) {
        let mut held = self.0.lock();
        for digest in digests {
            held.fresh.insert((*digest).clone(), Fresh { since: Instant::now(), used: false });
        }
    }

    /// Notes that an image uses this content from now on.
    pub(crate) fn used<'a>(&self, digests: impl Iterator<Item = &'a Digest>) {
        let mut held = self.0.lock();
        for digest in digests {
            if let Some(fresh) = held.fresh.get_mut(digest) {
                fresh.used = true;
            }
        }
    }

    /// What is held, locked while the guard lives. New layers of long ago are let go first.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Held> {
        let mut held = self.0.lock();
        if held.makers == 0 {
            held.fresh.retain(|_, fresh| !fresh.used && fresh.since.elapsed() < FRESH_FOR);
        }
        held
    }
}

impl Held {
    pub(crate) fn holds(&self, digest: &Digest) -> bool {
        self.counts.contains_key(digest) || self.fresh.contains_key(digest)
    }

    /// True while something is made whose digest is not known yet; then nothing is collected.
    pub(crate) const fn makes(&self) -> bool {
        self.makers > 0
    }
}
