//! [`Limits`]: every limit is a number with a unit and a default.

use serde::{Deserialize, Serialize};

/// A container's limits: what all its processes may use together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Linear memory of all its instances, in bytes. Past it `memory.grow` returns −1. Default 256 MiB.
    pub memory_bytes: u64,
    /// Share of one CPU in thousandths; 0 is no limit. Default 0.
    pub cpu_millis: u32,
    /// Wall-clock time in milliseconds; 0 is no limit. Default 0. Past it the guest ends with [`crate::Exit::TimedOut`].
    pub wall_clock_ms: u64,
    /// Files and folders open at once. Default 1024.
    pub open_files: u32,
    /// Bytes the guest may add to its writable root; 0 is no limit. Default 10 GiB.
    pub disk_bytes: u64,
    /// Table elements of all its instances. Default 1 million.
    pub table_elements: u64,
    /// Processes at once, the first program and those that ended and were not waited for included. Default 256.
    pub processes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            cpu_millis: 0,
            wall_clock_ms: 0,
            open_files: 1024,
            disk_bytes: 10 << 30,
            table_elements: 1_000_000,
            processes: 256,
        }
    }
}
