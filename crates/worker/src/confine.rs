//! What a worker process may reach: seccomp, landlock, rlimits, set before the first guest.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a worker process may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Files and folders it may read.
    pub read: Vec<PathBuf>,
    /// Files and folders it may read and write.
    pub write: Vec<PathBuf>,
    /// Memory of the whole process in bytes; 0 is no limit.
    pub memory_bytes: u64,
}
