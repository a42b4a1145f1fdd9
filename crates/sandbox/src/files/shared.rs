//! [`Shared`]: what all views of one upper folder share.
//!
//! Views of the same upper folder (a container and what is run in it later) lie in one process and share one lock for
//! names, one account of bytes, one table of open files and the file systems in memory. The registry that brings them
//! together keeps no view alive.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sprat_image::NodeId;

use super::budget::Budget;
use super::memory::{MemoryMount, Owner};
use super::open_file::OpenFile;
use crate::Limits;

/// Entries of the table of open files from which on dead ones are thrown out.
const FIRST_SWEEP: usize = 64;

static REGISTRY: Mutex<BTreeMap<PathBuf, Weak<Shared>>> = Mutex::new(BTreeMap::new());

/// What all views of one upper folder share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The upper folder.
    pub(super) path: PathBuf,
    /// Bytes of its files.
    pub(super) budget: Budget,
    /// Files, folders and links that are in it, whiteouts not counted: the image bounds those.
    pub(super) entries: Budget,
    /// Guards all names of the view.
    pub(super) state: Mutex<State>,
    memory: Mutex<BTreeMap<Box<str>, Arc<MemoryMount>>>,
    /// It is a visit's: the guests' views lie in another process.
    pub(super) visiting: bool,
}

/// What changes with the names.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) presence: Presence,
    /// The upper folder, open while a descriptor of the view is.
    pub(super) upper: Weak<OwnedFd>,
    /// The budget has what was in the folder before.
    pub(super) counted: bool,
    /// Node numbers of files that were copied up, by their number in the upper folder.
    pub(super) origins: HashMap<u64, u64>,
    /// Number for the next temporary name.
    pub(super) next_temporary: u64,
    pub(super) files: OpenFiles,
}

/// Whether the upper folder is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Presence {
    #[default]
    Unknown,
    Absent,
    Present,
}

/// What an open file is open on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum FileKey {
    Lower(NodeId),
    Provided(usize),
    Upper(u64),
}

/// The files of image and upper folder that are open, each once, however many descriptors it has.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    files: HashMap<FileKey, Weak<OpenFile>>,
    sweep_at: usize,
}

impl OpenFiles {
    pub(super) fn get(&self, key: FileKey) -> Option<Arc<OpenFile>> {
        self.files.get(&key)?.upgrade()
    }

    pub(super) fn insert(&mut self, key: FileKey, file: &Arc<OpenFile>) {
        if self.files.len() >= self.sweep_at.max(FIRST_SWEEP) {
            self.files.retain(|_, file| file.strong_count() > 0);
            self.sweep_at = self.files.len() * 2;
        }
        self.files.insert(key, Arc::downgrade(file));
    }

    pub(super) fn remove(&mut self, key: FileKey) -> Option<Arc<OpenFile>> {
        self.files.remove(&key)?.upgrade()
    }
}

impl Shared {
    fn new(path: &Path, limits: &Limits, visiting: bool) -> Self {
        let budget = |limit: u64| Budget::new((limit > 0).then_some(limit));
        Self {
            path: path.to_owned(),
            budget: budget(limits.disk_bytes),
            entries: budget(limits.disk_entries),
            state: Mutex::default(),
            memory: Mutex::default(),
            visiting,
        }
    }

    /// What a visit to the upper folder `path` has: it is shared with nobody.
    pub(super) fn visiting(path: &Path, limits: &Limits) -> Arc<Self> {
        Arc::new(Self::new(path, limits, true))
    }

    /// What belongs to the upper folder `path`; a view without one shares nothing. The first view's limits count.
    pub(super) fn of(path: &Path, limits: &Limits) -> Arc<Self> {
        if path.as_os_str().is_empty() {
            return Arc::new(Self::new(path, limits, false));
        }
        let mut registry = REGISTRY.lock();
        if let Some(shared) = registry.get(path).and_then(Weak::upgrade) {
            return shared;
        }
        let shared = Arc::new(Self::new(path, limits, false));
        registry.insert(path.to_owned(), Arc::downgrade(&shared));
        shared
    }

    /// The file system in memory at a target.
    pub(super) fn memory(&self, target: &str, limit: u64, owner: Owner) -> Arc<MemoryMount> {
        let mut memory = self.memory.lock();
        Arc::clone(memory.entry(target.into()).or_insert_with(|| Arc::new(MemoryMount::new(limit, owner))))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut registry = REGISTRY.lock();
        if registry.get(&self.path).is_some_and(|shared| shared.strong_count() == 0) {
            registry.remove(&self.path);
        }
    }
}
