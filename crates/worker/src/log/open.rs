//! The log files that are open: at most so many, the least recently used goes first.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Weak};

use fs_err::File;
use parking_lot::Mutex;

/// Log files a worker keeps open at once.
pub(crate) const OPEN_LOGS: usize = 256;

/// A log file that is open.
#[derive(Debug)]
pub(super) struct OpenLog {
    pub(super) file: File,
    /// Its size in bytes.
    pub(super) size: u64,
    /// Written to since eviction last looked at it.
    pub(super) used: bool,
}

/// Where a writer keeps its open file; eviction empties it.
pub(super) type Slot = Arc<Mutex<Option<OpenLog>>>;

/// The slots that hold an open file, in the order they were opened.
#[derive(Debug)]
pub(crate) struct OpenLogs {
    limit: usize,
    slots: Mutex<VecDeque<Weak<Mutex<Option<OpenLog>>>>>,
}

impl OpenLogs {
    /// Keeps at most `limit` files open.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, slots: Mutex::new(VecDeque::new()) }
    }

    /// Opens a log file for appending. Its slot must be given to [`Self::opened`] afterwards.
    pub(super) fn open(path: &Path) -> std::io::Result<OpenLog> {
        let file = fs_err::OpenOptions::new().append(true).create(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(OpenLog { file, size, used: true })
    }

    /// Notes that a slot holds an open file now, and closes another one if there are too many.
    ///
    /// The caller may hold that slot's lock: a slot in use is passed over.
    pub(super) fn opened(&self, slot: &Slot) {
        let mut slots = self.slots.lock();
        slots.push_back(Arc::downgrade(slot));
        for _ in 0..2 * slots.len() {
            if slots.len() <= self.limit {
                break;
            }
            let Some(oldest) = slots.pop_front() else { break };
            let Some(slot) = oldest.upgrade() else { continue };
            let Some(mut open) = slot.try_lock() else {
                slots.push_back(oldest);
                continue;
            };
            match open.as_mut() {
                Some(log) if log.used => {
                    log.used = false;
                    slots.push_back(oldest);
                }
                _ => *open = None,
            }
        }
    }
}
