//! What a worker process may reach: seccomp, landlock, rlimits, set before the first guest.
//!
//! Applied by the only thread there is, so that every later one inherits it. What the kernel does not have is a warning:
//! a worker runs all the same. Guests can't reach any of this by themselves; it is for the day when a guest breaks out of
//! its sandbox.

mod landlock;
mod rlimits;
mod seccomp;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::WorkerOptions;

/// What a worker process may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Files and folders it may read. What does not exist when the worker starts stays out of reach.
    pub read: Vec<PathBuf>,
    /// Files and folders it may read and write: the folders of logs (they are rotated) and upper folders, volumes.
    pub write: Vec<PathBuf>,
    /// Memory of the whole process in bytes; 0 is no limit.
    pub memory_bytes: u64,
    /// It may make sockets of the internet protocols, for guests with egress or in the host's network. Without, it may
    /// make none; what it is handed for published ports it may use all the same.
    #[serde(default)]
    pub network: bool,
}

/// Confines the process of the compiler: it may write to one file that is there, and open no other; no sockets, no other
/// programs. Gives what could not be had. To be called before there is a second thread.
#[must_use]
pub fn confine_compiler(output: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    landlock::write_only(output, &mut warnings);
    seccomp::apply(false, &mut warnings);
    warnings
}

/// Confines this process; gives what could not be had. To be called before there is a second thread.
pub(crate) fn apply(options: &WorkerOptions) -> Vec<String> {
    let mut warnings = Vec::new();
    rlimits::apply(options.confinement.memory_bytes, &mut warnings);
    landlock::apply(&options.confinement, &options.key, &mut warnings);
    seccomp::apply(options.confinement.network, &mut warnings);
    warnings
}
