//! [`Guest`]: a program being run.

use serde::{Deserialize, Serialize};

use crate::Exit;

/// Why a guest is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// End at once, status 137.
    Kill,
    /// End at once, status 143 (commands; WASI has no signals).
    Terminate,
    /// End at once, status 130.
    Interrupt,
}

/// What a guest uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Linear memory in bytes.
    pub memory_bytes: u64,
    /// Most linear memory it had, in bytes.
    pub peak_memory_bytes: u64,
    /// Time on a CPU in microseconds, to the epoch's precision.
    pub cpu_us: u64,
    /// Open files and folders.
    pub open_files: u32,
    /// Bytes it wrote to its upper folder.
    pub disk_bytes: u64,
}

/// A program being run. Dropping it does not end it.
#[derive(Debug, Clone)]
pub struct Guest {
    // sandbox helper
}

impl Guest {
    /// Asks it to end; the first request decides the status. Takes effect at the next epoch (1 ms) or await.
    pub fn stop(&self, _why: Stop) {
        todo!("sandbox helper")
    }

    /// Waits for its end.
    pub async fn wait(&self) -> Exit {
        todo!("sandbox helper")
    }

    /// What it uses now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        todo!("sandbox helper")
    }

    /// Holds it at the next epoch, or lets it go on.
    pub fn pause(&self, _paused: bool) {
        todo!("sandbox helper")
    }
}
